//! A writer that is killed loses nothing that it acknowledged, and nothing that it left is half done.
//!
//! The test runs itself as the child: it appends until it is killed, and prints each sequence after
//! `append` has returned.

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{key, record};
use ledger::{Ledger, Record};
use serde_json::json;

const DIR: &str = "LEDGER_CRASH_TEST_DIR";

/// How often the child is killed, each time after a few more acknowledged appends.
const KILLS: usize = 8;

/// More appends than any child gets to do: it ends also when nobody kills it.
const APPENDS_MAX: usize = 100_000;

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let Some(dir) = std::env::var_os(DIR) {
        return append_until_killed(&PathBuf::from(dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = None;
    for kill in 0..KILLS {
        acknowledged = kill_a_writer(dir.path(), 1 + kill * 5).max(acknowledged);
        let ledger = Ledger::open(dir.path(), key()).unwrap();
        let verified = ledger.verify(&[key().verifier()], |_| {}).unwrap();
        assert!(Some(verified.entries) > acknowledged, "{verified:?} after {acknowledged:?}");
        assert_eq!(verified.entries % 3, 0, "an append is whole or not there");
        for entry in ledger.entries(0, usize::MAX).unwrap() {
            let body = ledger.body(&entry.record.bodies[0]).unwrap();
            assert_eq!(body, entry.record.event.body.to_string().into_bytes());
        }
    }
}

/// Lets a child acknowledge so many appends, kills it with SIGKILL, and returns the last sequence
/// that it acknowledged, also of those that were still in the pipe.
fn kill_a_writer(dir: &Path, appends: usize) -> Option<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_was_acknowledged_survives_a_kill", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut seen = 0;
    let mut last = None;
    for line in output.lines() {
        // A line may be cut short by the kill, and the test harness has lines of its own.
        let Some(sequence) = line
            .unwrap()
            .strip_prefix("acknowledged ")
            .and_then(|rest| rest.strip_suffix('.').map(|number| number.parse::<u64>().unwrap()))
        else {
            continue;
        };
        last = Some(sequence);
        seen += 1;
        if seen == appends {
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(!status.success() && seen >= appends, "the child ended by itself: {status}");
    last
}

fn append_until_killed(dir: &Path) {
    let ledger = Ledger::open(dir, key()).unwrap();
    for n in 0..APPENDS_MAX {
        let three = |part| -> Record {
            let text = json!(format!("{n}.{part}"));
            let digest = ledger.put_body(text.to_string().as_bytes()).unwrap();
            Record { bodies: vec![digest], ..record("slug-1", text) }
        };
        let entries = ledger.append((0..3).map(three).collect()).unwrap();
        if n % 7 == 0 {
            ledger.checkpoint().unwrap();
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nacknowledged {}.", entries[2].sequence).unwrap();
        out.flush().unwrap();
    }
}
