//! `dark twin list|serve|score|bench|record|import`

mod bench;
mod import;
mod list;
mod record;
mod score;
mod serve;

use std::collections::BTreeMap;
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
    List,
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
        Sub::List => list::run(globals),
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

/// Where a factory keeps twins of its own services.
const TWINS: &str = "twins";

/// Files of one pack's folder that are read.
const FILES_MAX: usize = 200;

/// The folders of this factory's own packs; none outside a factory.
fn own_packs(globals: &Globals) -> Vec<PathBuf> {
    let Ok(factory) = Factory::open_read_only(&globals.start) else { return Vec::new() };
    let Ok(entries) = fs::read_dir(factory.layout.root().join(TWINS)) else { return Vec::new() };
    let folders = entries.flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> =
        folders.filter(|folder| folder.join("pack.toml").is_file()).collect();
    folders.sort();
    folders
}

/// The pack of a service: the factory's own, or the one that comes with the program.
fn pack(globals: &Globals, service: &str) -> Result<Arc<Pack>, Failure> {
    let own = own_packs(globals);
    let found = own.iter().find(|folder| folder.file_name().is_some_and(|name| name == service));
    match found {
        Some(folder) => read_pack(folder),
        None => Pack::builtin(service).map_err(|error| Failure::usage(base::chain(&error))),
    }
}

/// Reads the pack in a folder.
fn read_pack(folder: &Path) -> Result<Arc<Pack>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::environment(format!("failed to read the pack {}: {error}", folder.display()))
    };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(failed)?.take(FILES_MAX) {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "pack.toml" || name.ends_with(".star") {
            files.insert(name, fs::read_to_string(&path).map_err(failed)?);
        }
    }
    Pack::read(&files).map(Arc::new).map_err(|error| match error {
        twin::PackError::Mistakes(mut found) => {
            // Where in the pack is known; where the pack is, the reader wants to know too.
            for one in &mut found {
                if let Some(place) = &mut one.place {
                    place.file = folder.join(&place.file).display().to_string();
                }
            }
            Failure::wanting(&found)
        }
        error => Failure::of(&error),
    })
}
