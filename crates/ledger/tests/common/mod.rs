//! What the ledger's tests share.
#![allow(dead_code)] // each test file uses its own part

use base::{RequirementId, RunId, Timestamp};
use ledger::{Event, LedgerKey, Record};
use serde_json::{Value, json};

pub(crate) const ORIGIN: &str = "example.com/factory";

pub(crate) fn key() -> LedgerKey {
    LedgerKey::generate(ORIGIN, [7; 32]).unwrap()
}

pub(crate) fn record(run: &str, body: Value) -> Record {
    Record {
        time: Timestamp(1_700_000_000_250),
        run: Some(RunId::new(run).unwrap()),
        actor: "engine".to_owned(),
        requirements: vec![RequirementId::new("R1").unwrap()],
        event: Event { name: "run.stage-finished".to_owned(), version: 1, body },
        bodies: Vec::new(),
    }
}

/// `count` records of one run, each with its number.
pub(crate) fn records(run: &str, count: usize) -> Vec<Record> {
    (0..count).map(|n| record(run, json!({ "n": n }))).collect()
}
