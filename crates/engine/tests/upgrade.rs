//! Runs that earlier versions wrote: they replay to the state that those versions had.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::RunId;
use engine::{Event, State, apply, pending};
use pipeline::Graph;
use serde_json::Value;

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files = Vec::new();
    for version in fs::read_dir(root).unwrap() {
        let dir = fs::read_dir(version.unwrap().path()).unwrap();
        files.extend(dir.map(|file| file.unwrap().path()));
    }
    files.sort();
    files
}

/// A state as it was written then: what was added since is at its default.
fn without_additions(mut state: Value) -> Value {
    for stage in state["stages"].as_object_mut().unwrap().values_mut() {
        if let Some(outcome) = stage["outcome"].as_object_mut() {
            outcome.retain(|key, value| key != "permanent" || *value != false);
        }
    }
    state
}

#[test]
fn ledgers_of_earlier_versions_replay_to_the_state_that_they_had() {
    let files = fixtures();
    assert!(files.len() >= 12, "the fixtures are gone");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let fixture: Value = serde_json::from_str(&text).unwrap();
        let graph: Graph = serde_json::from_value(fixture["graph"].clone()).unwrap();
        let mut state = State::new(RunId::new("simulated-1").unwrap(), Arc::new(graph));
        for event in fixture["events"].as_array().unwrap() {
            let name = event[0].as_str().unwrap();
            let version = u32::try_from(event[1].as_u64().unwrap()).unwrap();
            apply(&mut state, &Event::from_body(name, version, &event[2]).unwrap());
        }
        assert!(pending(&state).is_empty(), "{}: these runs had ended", file.display());
        let replayed = without_additions(serde_json::to_value(&state).unwrap());
        assert_eq!(replayed, fixture["state"], "{}", file.display());
    }
}
