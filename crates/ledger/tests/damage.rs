//! Files that are not what they should be are refused, and the refusal says why.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{key, records};
use ledger::{Ledger, LedgerError, LedgerKey};
use rusqlite::Connection;
use tempfile::TempDir;

fn ledger_dir() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    Ledger::open(dir.path(), key()).unwrap().append(records("slug-1", 500)).unwrap();
    let path = dir.path().join("ledger.db");
    (dir, path)
}

/// Both ways of opening refuse, or at least the first read does, and say so.
#[track_caller]
fn refused(dir: &Path, why: &str) {
    let write = Ledger::open(dir, key()).and_then(|ledger| ledger.entries(0, 1000));
    let read = Ledger::open_read_only(dir).and_then(|ledger| ledger.entries(0, 1000));
    for result in [write, read] {
        let error = result.expect_err(why).to_string();
        assert!(error.contains(why), "expected `{why}` in `{error}`");
    }
}

#[test]
fn a_ledger_from_a_newer_program() {
    let (dir, path) = ledger_dir();
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    refused(dir.path(), "has format 99, and this program knows formats up to 2");
    assert!(matches!(Ledger::open(dir.path(), key()), Err(LedgerError::Newer { found: 99, .. })));
}

#[test]
fn a_database_of_something_else() {
    let dir = tempfile::tempdir().unwrap();
    let other = Connection::open(dir.path().join("ledger.db")).unwrap();
    other.execute_batch("CREATE TABLE entries (sequence INTEGER PRIMARY KEY)").unwrap();
    refused(dir.path(), "it is a database of something else");
}

#[test]
fn a_file_that_is_no_database() {
    let (dir, path) = ledger_dir();
    fs::write(&path, "x".repeat(9000)).unwrap();
    refused(dir.path(), "file is not a database");
}

#[test]
fn an_empty_file() {
    let (dir, path) = ledger_dir();
    fs::write(&path, "").unwrap();
    refused(dir.path(), "it is empty");
}

#[test]
fn a_file_cut_short() {
    let (dir, path) = ledger_dir();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(fs::metadata(&path).unwrap().len() / 2).unwrap();
    refused(dir.path(), "malformed");
}

#[test]
fn a_damaged_page_is_reported_by_a_verification() {
    let (dir, path) = ledger_dir();
    let mut bytes = fs::read(&path).unwrap();
    let from = bytes.len() - 4096 * 3;
    bytes[from..from + 4096].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let result = Ledger::open_read_only(dir.path())
        .map_err(Into::into)
        .and_then(|ledger| ledger.verify(&[key().verifier()], |_| {}));
    assert!(result.is_err());
}

#[test]
fn a_log_without_its_database() {
    let (dir, path) = ledger_dir();
    fs::rename(&path, dir.path().join("ledger.db-wal")).unwrap();
    let error = Ledger::open(dir.path(), key()).unwrap_err().to_string();
    assert!(error.contains("it is missing, while its log"), "{error}");
}

#[test]
fn a_ledger_of_another_origin() {
    let (dir, _) = ledger_dir();
    let other = LedgerKey::generate("example.com/other", [7; 32]).unwrap();
    let error = Ledger::open(dir.path(), other).unwrap_err().to_string();
    assert!(
        error.contains("`example.com/factory`") && error.contains("`example.com/other`"),
        "{error}"
    );
}

#[test]
fn no_ledger_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let error = Ledger::open_read_only(&dir.path().join("nowhere")).unwrap_err();
    assert!(matches!(error, LedgerError::Absent { .. }), "{error}");
}

#[test]
fn what_a_crash_left_of_a_creation_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("ledger.db.new"), "half").unwrap();
    fs::write(dir.path().join("ledger.db.new-wal"), "half").unwrap();
    Ledger::open(dir.path(), key()).unwrap().append(records("slug-1", 1)).unwrap();
    assert!(!dir.path().join("ledger.db.new").exists());
}
