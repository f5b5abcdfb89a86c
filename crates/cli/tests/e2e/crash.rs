//! kill -9 at every entry that a run writes, then `dark resume`: the run ends as it would have, no
//! stage that finished runs again, and nothing ships twice.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::common::{RIGHT, World};
use serde_json::Value;

/// More entries than an uninterrupted run of this intent writes.
const ENTRIES_MAX: usize = 200;

const RUN: &[&str] =
    &["--json", "run", "intents/double", "--model", "scripted:script.toml", "--seed", "7"];

#[test]
fn a_killed_run_resumes_at_every_entry() {
    let whole = World::new(RIGHT, 5);
    let undisturbed = entries(&whole, &whole.run(RUN).stdout);
    assert_eq!(whole.shipped(), 1);
    let tree = whole.git("products/tools.git", &["rev-parse", "main^{tree}"]);
    for at in 1..=ENTRIES_MAX {
        let world = World::new(RIGHT, 5);
        if !killed_at(&world, at) {
            assert!(at + 2 >= undisturbed, "only {at} entries came of {undisturbed}");
            return;
        }
        let summary = world.json(&["--json", "runs"]);
        if summary["stands"] != "shipped" {
            world.exits(&["resume", "double-1"], 0);
        }
        assert_eq!(world.shipped(), 1, "killed at entry {at}");
        assert_eq!(
            world.git("products/tools.git", &["rev-parse", "main^{tree}"]),
            tree,
            "entry {at}"
        );
        each_stage_finished_once(&world, at);
        world.ok(&["verify", "."]);
    }
    panic!("the run never ended by itself");
}

#[test]
fn a_run_that_was_killed_and_cancelled_is_replayed_as_far_as_it_came() {
    for at in [3, 9, 14, 20] {
        let world = World::new(RIGHT, 5);
        assert!(killed_at(&world, at));
        if world.run(&["cancel", "double-1"]).status.success() {
            let replayed = world.json(&["--json", "replay", "double-1"]);
            assert_eq!(replayed["same"], true, "killed at entry {at}: {replayed}");
        }
    }
}

/// Starts the run and kills it when it has printed this many entries; whether it came that far.
fn killed_at(world: &World, at: usize) -> bool {
    let mut child =
        world.command(RUN).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let entries = lines.map_while(Result::ok).filter(|line| line.contains("\"sequence\""));
    let reached = entries.take(at).count() == at;
    // By the handle that we hold: nothing else is touched.
    child.kill().unwrap();
    child.wait().unwrap();
    reached
}

fn entries(world: &World, stdout: &[u8]) -> usize {
    let text = String::from_utf8_lossy(stdout);
    let count = text.lines().filter(|line| line.contains("\"sequence\"")).count();
    assert!(count > 10, "{text} in {}", world.dir.path().display());
    count
}

fn each_stage_finished_once(world: &World, at: usize) {
    let output = world.run(&["show", "double-1", "--entries"]);
    let mut finished: BTreeMap<String, usize> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let name = entry["event"]["name"].as_str().unwrap();
        if name == "stage.finished" {
            let body = &entry["event"]["body"];
            let attempt = format!("{} {} {}", body["stage"], body["visit"], body["attempt"]);
            *finished.entry(attempt).or_default() += 1;
        }
        if name == "ship.landed" {
            *finished.entry("the ship".to_owned()).or_default() += 1;
        }
    }
    assert!(finished.values().all(|count| *count == 1), "killed at entry {at}: {finished:?}");
}
