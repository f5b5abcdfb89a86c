//! `dark twin list|serve|score|bench|record|import`

mod bench;
mod import;
mod list;
mod record;
mod score;
mod serve;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use factory::Factory;
use twin::Pack;

use crate::Globals;
use crate::failure::{Answer, Failure};

#[derive(clap::Subcommand)]
pub(crate) enum Sub {
    /// List the services that there are twins of
    List(list::Args),
    /// Serve a universe of twins on loopback
    Serve(serve::Args),
    /// How like the real service is a twin? Runs the official SDKs' suites against it
    Score(score::Args),
    /// What do requests, starting and waiting cost? Beside vercel-labs/emulate, if asked
    Bench(bench::Args),
    /// Record what a program and a real service say to each other, as HAR
    Record(record::Args),
    /// Replay recordings of a real service (HAR, VCR) against its twin and compare
    Import(import::Args),
}

pub(crate) fn run(globals: &Globals, sub: Sub) -> Result<Answer, Failure> {
    match sub {
        Sub::List(args) => list::run(globals, &args),
        Sub::Serve(args) => serve::run(globals, args),
        Sub::Score(args) => score::run(globals, args),
        Sub::Bench(args) => bench::run(globals, args),
        Sub::Record(args) => record::run(args),
        Sub::Import(args) => import::run(globals, args),
    }
}

/// Where suites and the rival are installed.
fn cache_dir(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(std::path::absolute(named)?);
    }
    let set =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("dark-factory/suites"))
        .ok_or_else(|| Failure::environment("set HOME, or name a directory by --cache"))
}

/// The folders of this factory's own packs; none outside a factory.
fn own_packs(globals: &Globals) -> Vec<PathBuf> {
    let Ok(factory) = Factory::open_read_only(&globals.start) else { return Vec::new() };
    let Ok(entries) = fs::read_dir(factory.layout.root().join(factory::TWINS)) else {
        return Vec::new();
    };
    let folders = entries.flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> =
        folders.filter(|folder| folder.join("pack.toml").is_file()).collect();
    folders.sort();
    folders
}

/// The folder of the factory's own pack of a service, if it has one.
fn own_pack(globals: &Globals, service: &str) -> Option<PathBuf> {
    let mut own = own_packs(globals).into_iter();
    own.find(|folder| folder.file_name().is_some_and(|name| name == service))
}

/// The pack of a service: the factory's own, or the one that comes with the program.
fn pack(globals: &Globals, service: &str) -> Result<Arc<Pack>, Failure> {
    for folder in own_packs(globals) {
        factory::expect_named(&folder, |of| of == service)?;
    }
    match own_pack(globals, service) {
        Some(folder) => Ok(factory::read_pack(&folder)?),
        None => Pack::builtin(service).map_err(|error| Failure::usage(base::chain(&error))),
    }
}
