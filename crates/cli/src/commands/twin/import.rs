//! `dark twin import`

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fidelity::measured::{FIDELITY, Measure, Measured};
use fidelity::replay::{Compared, Verdict, replay, weigh};
use fidelity::{Cassette, Tally};
use indicatif::ProgressBar;

use super::{own_pack, pack};
use crate::Globals;
use crate::commands::{named, print_json};
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The service that was recorded
    #[arg(long, value_name = "NAME", required_unless_present = "pack")]
    service: Option<String>,
    /// A folder with its pack
    #[arg(long, value_name = "DIR", conflicts_with = "service")]
    pack: Option<PathBuf>,
    /// Cassettes (HAR, or VCR in YAML or JSON), or folders of them
    #[arg(required = true)]
    cassettes: Vec<PathBuf>,
    /// Show every difference, not only how many there are of each operation
    #[arg(long)]
    differences: bool,
    /// Keep what was found beside the pack, which must be one of your own: proofs tell how far its twin
    /// is to be trusted
    #[arg(long)]
    save: bool,
}

/// Folders within folders that are looked into.
const DEPTH_MAX: usize = 16;

pub(super) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let service = args.service.as_deref().unwrap_or_default();
    args.pack.as_deref().map(|folder| named("pack", folder)).transpose()?;
    let folder = args.pack.clone().or_else(|| own_pack(globals, service));
    let pack = match &folder {
        Some(folder) => factory::read_pack(folder)?,
        None => pack(globals, service)?,
    };
    if args.save && folder.is_none() {
        let known = "comes with the program, which has its fidelity";
        return Err(Failure::usage(format!("the twin of {service} {known}: take --save away")));
    }
    let mut files = Vec::new();
    for path in &args.cassettes {
        collect(path, 0, &mut files).map_err(|error| {
            Failure::usage(format!("failed to read {}: {error}", path.display()))
        })?;
    }
    // One that is named twice is one recording.
    files = files.iter().map(|file| file.canonicalize().unwrap_or_else(|_| file.clone())).collect();
    files.sort();
    files.dedup();
    if files.is_empty() {
        return Err(Failure::usage("no file ends in .har, .yaml, .yml or .json there"));
    }
    let bar = ProgressBar::new(files.len() as u64);
    let (mut all, mut unreadable): (Vec<Compared>, Vec<String>) = Default::default();
    for file in &files {
        bar.inc(1);
        let name = file.display().to_string();
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                unreadable.push(format!("{name}: {error}"));
                continue;
            }
        };
        match Cassette::read(&name, &text) {
            Ok(cassette) => {
                all.extend(replay(&pack, &cassette).map_err(|error| Failure::of(&error))?);
            }
            // One file that is none holds nobody up, unless it is all that there is.
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    bar.finish_and_clear();
    for found in &unreadable {
        eprintln!("{}", base::printable(found));
    }
    if all.is_empty() {
        return Err(Failure::usage("no recording could be read"));
    }
    weigh(&mut all);
    report(globals, &args, &all);
    if let Some(folder) = folder.filter(|_| args.save) {
        save(&folder, &all)?;
    }
    let differ = all.iter().any(|one| one.verdict == Verdict::Different);
    let compared = all.iter().any(|one| one.verdict == Verdict::Same);
    let fine = compared && !differ && unreadable.is_empty();
    Ok(if fine { Answer::Fine } else { Answer::Wanting })
}

/// Exchanges that say nothing about the twin, since the recording lacks what they need, do not count; those
/// that it does not cover do.
fn save(folder: &Path, all: &[Compared]) -> Result<(), Failure> {
    let mut held = Tally::default();
    for one in all.iter().filter(|one| one.verdict != Verdict::NeedsState) {
        held.add(one.verdict == Verdict::Same);
    }
    let pack = factory::pack_digest(folder)?;
    let measured = Measured { pack, by: Measure::Recordings, held, floor: None };
    let text = serde_json::to_string_pretty(&measured).expect("a tally has a JSON form");
    let file = folder.join(FIDELITY);
    let before = fs::read_to_string(&file).ok();
    let before = before.and_then(|text| serde_json::from_str::<Measured>(&text).ok());
    fs::write(&file, text + "\n")?;
    let before = before.map(|before| format!(" (before: {})", before.held)).unwrap_or_default();
    eprintln!("kept in {}: {held}{before}", file.display());
    Ok(())
}

fn report(globals: &Globals, args: &Args, all: &[Compared]) {
    if globals.json {
        all.iter().for_each(print_json);
        return;
    }
    let mut operations: BTreeMap<&str, (Tally, BTreeMap<String, usize>)> = BTreeMap::new();
    for one in all {
        if !matches!(one.verdict, Verdict::Same | Verdict::Different) {
            continue;
        }
        let entry = operations.entry(&one.operation).or_default();
        entry.0.add(one.verdict == Verdict::Same);
        for difference in one.differences.iter().filter(|difference| difference.counts()) {
            *entry.1.entry(difference.to_string()).or_default() += 1;
        }
    }
    for (operation, (tally, differences)) in &operations {
        println!("{operation:<40} {tally}");
        let shown = if args.differences { usize::MAX } else { 3 };
        let mut differences: Vec<_> = differences.iter().collect();
        differences.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (difference, count) in differences.iter().take(shown) {
            println!("    {count:>5} x {}", base::printable(difference));
        }
    }
    let count = |verdict| all.iter().filter(|one| one.verdict == verdict).count();
    let mut tally = Tally::default();
    operations.values().for_each(|(one, _)| {
        (tally.passed, tally.of) = (tally.passed + one.passed, tally.of + one.of);
    });
    println!(
        "{} exchanges: {tally} of those that compare are built alike; {} are not covered by the twin, {} need \
         something that the recording never shows coming into being",
        all.len(),
        count(Verdict::NotCovered),
        count(Verdict::NeedsState)
    );
}

fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    if depth > DEPTH_MAX {
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for entry in entries {
        let kind = entry.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if entry.is_dir() || matches!(kind, "har" | "yaml" | "yml" | "json") {
            collect(&entry, depth + 1, files)?;
        }
    }
    Ok(())
}
