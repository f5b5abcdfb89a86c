//! Ledgers as readers find them: long runs, formats of earlier programs, directories that cannot be
//! written to.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base::{Digest, RunId};
use common::{key, record, records};
use ledger::{Entry, Ledger, LedgerError, Record};
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

/// Written by the program whose format was 1: 40 entries of two runs and of none, three event names,
/// a checkpoint over 30, and a body that entry 3 names.
const FORMAT_1: &[u8] = include_bytes!("fixtures/format-1.db");

fn format_1() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("ledger.db"), FORMAT_1).unwrap();
    dir
}

fn run(text: &str) -> RunId {
    RunId::new(text).unwrap()
}

fn sequences(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.sequence).collect()
}

/// Every way of asking gives what filtering all entries gives.
fn check_selections(ledger: &Ledger) {
    let all = ledger.entries(0, usize::MAX).unwrap();
    let verified = ledger.verify(&[key().verifier()], |_| {}).unwrap();
    assert_eq!(verified.entries, all.len() as u64);
    for run in ledger.runs().unwrap() {
        let of_run = |entry: &&Entry| entry.record.run.as_ref() == Some(&run);
        let of_run: Vec<Entry> = all.iter().filter(of_run).cloned().collect();
        assert_eq!(ledger.run(&run).unwrap(), of_run);
        assert_eq!(ledger.run_entries(&run).collect::<Result<Vec<_>, _>>().unwrap(), of_run);
        let middle = of_run[of_run.len() / 2].sequence;
        let since: Vec<Entry> = of_run.iter().filter(|e| e.sequence > middle).cloned().collect();
        assert_eq!(ledger.run_since(&run, middle).unwrap(), since);
        let names = of_run.iter().map(|entry| entry.record.event.name.as_str());
        for name in names.chain(["absent"]) {
            let is_named = |entry: &&Entry| entry.record.event.name == name;
            let named: Vec<Entry> = of_run.iter().filter(is_named).cloned().collect();
            assert_eq!(ledger.run_named(&run, name).unwrap(), named);
            assert_eq!(ledger.run_newest(&run, name).unwrap(), named.last().cloned());
            let newest = ledger.run_entries(&run).named(name).after(middle).newest_first();
            let mut newest = newest.collect::<Result<Vec<_>, _>>().unwrap();
            newest.reverse();
            assert_eq!(newest, since.iter().filter(is_named).cloned().collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_ledger_of_the_first_format_is_read_as_it_is() {
    let dir = format_1();
    let ledger = Ledger::open_read_only(dir.path()).unwrap();
    check_selections(&ledger);
    assert_eq!(sequences(&ledger.run_named(&run("one-1"), "stage.started").unwrap()).len(), 6);
    assert_eq!(ledger.body(&Digest::of("a prompt")).unwrap(), b"a prompt");
    drop(ledger);
    assert_eq!(fs::read(dir.path().join("ledger.db")).unwrap(), FORMAT_1, "nothing was written");
}

#[test]
fn a_ledger_of_the_first_format_is_brought_up_to_date_by_its_writer() {
    let dir = format_1();
    let earlier = Ledger::open_read_only(dir.path()).unwrap();
    let before = earlier.entries(0, usize::MAX).unwrap();
    let ledger = Ledger::open(dir.path(), key()).unwrap();
    assert_eq!(ledger.entries(0, usize::MAX).unwrap(), before);
    let added = ledger.append(records("one-1", 3)).unwrap();
    assert_eq!(added[0].sequence, 40);
    ledger.checkpoint().unwrap();
    check_selections(&ledger);
    // Who was reading all along goes on.
    check_selections(&earlier);
    drop((ledger, earlier));
    check_selections(&Ledger::open_read_only(dir.path()).unwrap());
}

#[test]
fn a_run_is_read_a_page_at_a_time_also_while_it_grows() {
    let ledger = Ledger::in_memory(key()).unwrap();
    ledger.append(records("slug-1", 700)).unwrap();
    ledger.append(records("slug-2", 1)).unwrap();
    let mut entries = ledger.run_entries(&run("slug-1"));
    assert_eq!(entries.next().unwrap().unwrap().sequence, 0);
    // No lock is held between two entries, so that whoever reads may write.
    ledger.append(records("slug-1", 2)).unwrap();
    let rest: Vec<u64> = entries.by_ref().map(|entry| entry.unwrap().sequence).collect();
    assert_eq!(rest, (1..700).chain([701, 702]).collect::<Vec<_>>());
    assert!(entries.next().is_none());
    assert!(ledger.run_entries(&run("other-1")).next().is_none());
}

#[test]
fn large_entries_make_small_pages() {
    let ledger = Ledger::in_memory(key()).unwrap();
    let large = || record("slug-1", json!("x".repeat(900_000)));
    ledger.append((0..9).map(|_| large()).collect()).unwrap();
    let read: Vec<u64> = ledger
        .run_entries(&run("slug-1"))
        .newest_first()
        .map(|entry| entry.unwrap().sequence)
        .collect();
    assert_eq!(read, (0..9).rev().collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_selected_is_what_is_filtered(
        written in prop::collection::vec((0..3usize, 0..4usize), 1..60),
        times in 1..20usize,
    ) {
        let ledger = Ledger::in_memory(key()).unwrap();
        let made = |(run, name): &(usize, usize)| {
            let mut record = record(["a-1", "b-1", "c-1"][*run], json!({}));
            record.event.name = ["", "stage.started", "é \"\n", "stage.started "][*name].to_owned();
            record
        };
        for _ in 0..times {
            ledger.append(written.iter().map(made).collect::<Vec<Record>>()).unwrap();
        }
        check_selections(&ledger);
    }
}

/// Runs `work` as a user who can read the directory and not write to it. Only this thread becomes
/// that user, who for root is nobody in particular.
fn without_write_access<T: Send>(dir: &Path, work: impl FnOnce() -> T + Send) -> T {
    let set = |mode| fs::set_permissions(dir, fs::Permissions::from_mode(mode)).unwrap();
    set(0o555);
    let work = || {
        // SAFETY: it takes a number and changes nothing but this thread's identity at the file system.
        unsafe { libc::setfsuid(65_534) };
        assert!(fs::write(dir.join("x"), "x").is_err(), "this directory is not to be writable");
        work()
    };
    let result = std::thread::scope(|scope| scope.spawn(work).join());
    set(0o755);
    result.unwrap()
}

#[test]
fn a_directory_that_cannot_be_written_to_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let written = Ledger::open(dir.path(), key()).unwrap().append(records("slug-1", 500)).unwrap();
    let read = || {
        let ledger = Ledger::open_read_only(dir.path()).unwrap();
        check_selections(&ledger);
        ledger.run(&run("slug-1"))
    };
    assert_eq!(without_write_access(dir.path(), read).unwrap(), written);
    assert!(!dir.path().join("ledger.db-wal").exists());
}

#[test]
fn a_reader_without_write_access_follows_a_writer() {
    let dir = tempfile::tempdir().unwrap();
    Ledger::open(dir.path(), key()).unwrap().append(records("slug-1", 5)).unwrap();
    let reader = without_write_access(dir.path(), || {
        let reader = Ledger::open_read_only(dir.path()).unwrap();
        assert_eq!(reader.len().unwrap(), 5);
        reader
    });
    let writer = Ledger::open(dir.path(), key()).unwrap();
    writer.append(records("slug-1", 1)).unwrap();
    assert_eq!(without_write_access(dir.path(), || reader.len()).unwrap(), 6);
    writer.append(records("slug-1", 300)).unwrap();
    assert_eq!(without_write_access(dir.path(), || reader.len()).unwrap(), 306);
    drop((writer, reader));
    let again = || Ledger::open_read_only(dir.path()).and_then(|reader| reader.len());
    assert_eq!(without_write_access(dir.path(), again).unwrap(), 306);
}

#[test]
fn a_log_that_a_crash_left_is_not_passed_over_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(dir.path(), key()).unwrap();
    ledger.append(records("slug-1", 5)).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in ["ledger.db", "ledger.db-wal"] {
        fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let refused = without_write_access(copy.path(), || Ledger::open_read_only(copy.path()));
    assert!(matches!(&refused, Err(LedgerError::Unwritable { .. })), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains("copy the directory"));
    assert_eq!(Ledger::open_read_only(copy.path()).unwrap().len().unwrap(), 5);
}
