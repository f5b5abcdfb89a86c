//! `dark verify`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use factory::Layout;
use indicatif::ProgressBar;
use ledger::{Ledger, VerifyError};
use serde::Serialize;
use ship::{Beside, Shipped, Trust, beside, verify_shipped};

use super::{named, print_json, shown};
use crate::Globals;
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A clone of a product, a factory, or a ledger's directory
    what: PathBuf,
    /// The public keys to trust: a factory's trust/ directory [default: this factory's]
    #[arg(long, value_name = "DIR")]
    trust: Option<PathBuf>,
    /// The commit to verify in a clone
    #[arg(long, default_value = "HEAD")]
    commit: String,
}

impl Args {
    /// As a person would have given them.
    pub(crate) fn of(what: PathBuf, trust: PathBuf) -> Self {
        Self { what, trust: Some(trust), commit: "HEAD".to_owned() }
    }
}

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    named("clone, factory or ledger", &args.what)?;
    args.trust.as_deref().map(|dir| named("trust directory", dir)).transpose()?;
    let own = Layout::find(&args.what.canonicalize()?).or_else(|| Layout::find(&globals.start));
    let trust = args.trust.or_else(|| own.map(|layout| layout.trust())).ok_or_else(|| {
        Failure::usage("whom to trust is not known: name a factory's trust/ directory with --trust")
    })?;
    let trust = Trust::load(&trust).map_err(|error| Failure::of(&error))?;
    let as_factory = Layout::new(&args.what);
    if as_factory.config().is_file() {
        return log(globals, &as_factory.ledger(), &trust);
    }
    if args.what.join("ledger.db").is_file() || args.what.ends_with("ledger") {
        return log(globals, &args.what, &trust);
    }
    clone(globals, &args.what, &args.commit, &trust)
}

fn clone(globals: &Globals, dir: &Path, commit: &str, trust: &Trust) -> Result<Answer, Failure> {
    let shipped = verify_shipped(dir, commit, trust).map_err(|error| Failure::of(&error))?;
    let beside = beside(dir, &shipped.commit).map_err(|error| Failure::of(&error))?;
    if globals.json {
        print_json(&Verified { shipped: &shipped, files: &beside });
    } else {
        println!("commit {}", shipped.commit);
        for check in &shipped.checks {
            let mark = if check.holds { "holds" } else { "FAILS" };
            println!("    {mark}  {:<17} {}", check.name, check.detail);
        }
        let note = |files: &BTreeSet<String>, how: &str| {
            if !files.is_empty() {
                println!("    note   {} here, {how}, which alone was verified", few(files));
            }
        };
        note(&beside.differing, "not as in this commit");
        note(&beside.more, "not in this commit");
        println!("{}", if shipped.holds() { "verified" } else { "NOT verified" });
    }
    Ok(if shipped.holds() { Answer::Fine } else { Answer::Wanting })
}

/// What was verified, and in what the files around it differ.
#[derive(Serialize)]
struct Verified<'a> {
    #[serde(flatten)]
    shipped: &'a Shipped,
    files: &'a Beside,
}

/// How many files, and the first of them.
fn few(files: &BTreeSet<String>) -> String {
    const NAMED_MAX: usize = 3;
    let names: Vec<&str> = files.iter().take(NAMED_MAX).map(String::as_str).collect();
    let more = if files.len() > NAMED_MAX { ", …" } else { "" };
    let s = if files.len() == 1 { "" } else { "s" };
    format!("{} file{s} ({}{more})", files.len(), names.join(", "))
}

fn log(globals: &Globals, dir: &Path, trust: &Trust) -> Result<Answer, Failure> {
    let ledger = Ledger::open_read_only(dir)?;
    let bar = ProgressBar::new(ledger.len()?);
    let progress = |progress: ledger::Progress| bar.set_position(progress.entries_done);
    let verified = ledger.verify(std::slice::from_ref(&trust.evidence), &progress);
    bar.finish_and_clear();
    match verified {
        Ok(verified) if globals.json => print_json(&verified),
        Ok(verified) => println!(
            "verified {}: {} entries, {} bodies, {} signed heads; {} entries are under a signed head",
            shown(dir),
            verified.entries,
            verified.bodies,
            verified.checkpoints,
            verified.signed_entries
        ),
        Err(VerifyError::Tampered(findings)) => {
            for finding in &findings {
                if globals.json { print_json(finding) } else { println!("{finding}") }
            }
            if !globals.json {
                println!("NOT verified: {} findings in {}", findings.len(), shown(dir));
            }
            return Ok(Answer::Wanting);
        }
        Err(error) => return Err(Failure::of(&error)),
    }
    Ok(Answer::Fine)
}
