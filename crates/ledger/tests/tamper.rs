//! Whatever is altered behind the ledger's back, a verification finds and names.

mod common;

use std::path::Path;

use base::Digest;
use common::{key, record, records};
use ledger::{Ledger, LedgerError, LedgerKey, Record, Tampering, Verified, VerifyError};
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

/// Entries 0 to 599, the first checkpoint at 300, the second at 590; entry 7 names the body.
fn ledger_dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(dir.path(), key()).unwrap();
    let body = ledger.put_body(b"a prompt").unwrap();
    ledger.append(records("slug-1", 7)).unwrap();
    ledger.append(vec![Record { bodies: vec![body], ..record("slug-1", json!({})) }]).unwrap();
    ledger.append(records("slug-1", 292)).unwrap();
    ledger.checkpoint().unwrap();
    ledger.append(records("slug-2", 290)).unwrap();
    ledger.checkpoint().unwrap();
    ledger.append(records("slug-2", 10)).unwrap();
    dir
}

fn verify(dir: &Path) -> Result<Verified, VerifyError> {
    Ledger::open_read_only(dir)?.verify(&[key().verifier()], |_| {})
}

/// Alters the database with SQL, then expects exactly these findings, as text.
#[track_caller]
fn check(sql: &str, expected: &[&str]) {
    let dir = ledger_dir();
    let connection = Connection::open(dir.path().join("ledger.db")).unwrap();
    connection.execute_batch(sql).unwrap();
    connection.close().unwrap();
    let found: Vec<String> = match verify(dir.path()) {
        Ok(_) => Vec::new(),
        Err(VerifyError::Tampered(findings)) => findings.iter().map(Tampering::to_string).collect(),
        Err(VerifyError::Ledger(error)) => panic!("{error}"),
    };
    assert_eq!(found, expected, "after {sql}");
}

#[test]
fn an_honest_ledger_is_verified() {
    let dir = ledger_dir();
    let mut told = Vec::new();
    let ledger = Ledger::open_read_only(dir.path()).unwrap();
    let verified = ledger.verify(&[key().verifier()], |progress| told.push(progress)).unwrap();
    assert_eq!(
        verified,
        Verified {
            entries: 600,
            bodies: 1,
            checkpoints: 2,
            signed_entries: 590,
            witnessed_entries: 0
        }
    );
    let last = told.last().unwrap();
    assert_eq!((last.entries_done, last.entries, last.bodies_done, last.bodies), (600, 600, 1, 1));
    assert!(told.is_sorted_by_key(|progress| progress.entries_done));

    let empty = Ledger::in_memory(key()).unwrap();
    assert_eq!(empty.verify(&[], |_| {}).unwrap().entries, 0);
    empty.append(records("slug-1", 300)).unwrap();
    assert_eq!(empty.verify(&[], |_| {}).unwrap().signed_entries, 0);
}

#[test]
fn a_witness_counts_only_when_it_is_trusted() {
    let ledger = Ledger::in_memory(key()).unwrap();
    ledger.append(records("slug-1", 3)).unwrap();
    let witness = LedgerKey::generate("witness.example.com", [9; 32]).unwrap();
    let line = ledger.checkpoint().unwrap().note().cosignature(&witness, 1_700_000_000);
    ledger.add_cosignature(3, line).unwrap();
    let witnessed = |trust: &[_]| ledger.verify(trust, |_| {}).map(|v| v.witnessed_entries);
    assert_eq!(witnessed(&[key().verifier()]).unwrap(), 0);
    assert_eq!(witnessed(&[key().verifier(), witness.witness_verifier()]).unwrap(), 3);
    // A witness alone does not stand in for the log's own signature.
    assert!(matches!(witnessed(&[witness.witness_verifier()]), Err(VerifyError::Tampered(_))));
}

#[test]
fn altered_entries() {
    check(
        "UPDATE entries SET leaf = replace(leaf, 'engine', 'engima') WHERE sequence = 5",
        &[
            "entry 5 was altered: it does not have the hash that was stored with it",
            "the stored hash over entries 0 to 255 is missing or wrong",
            "the first 300 entries are not those that the checkpoint was signed over",
            "the first 590 entries are not those that the checkpoint was signed over",
        ],
    );
    // Behind the last checkpoint only the stored hash tells.
    check(
        "UPDATE entries SET leaf = replace(leaf, 'engine', 'engima') WHERE sequence = 595",
        &["entry 595 was altered: it does not have the hash that was stored with it"],
    );
    check(
        "UPDATE entries SET leaf_hash = zeroblob(32) WHERE sequence = 595",
        &["entry 595 was altered: it does not have the hash that was stored with it"],
    );
    check(
        "UPDATE entries SET leaf = '{' WHERE sequence = 595",
        &[
            "entry 595 is not an entry (EOF while parsing an object at line 1 column 1)",
            "entry 595 was altered: it does not have the hash that was stored with it",
        ],
    );
    check(
        "UPDATE entries SET leaf = replace(leaf, ':', ': ') WHERE sequence = 595",
        &[
            "entry 595 is not in canonical form",
            "entry 595 was altered: it does not have the hash that was stored with it",
        ],
    );
    check(
        "UPDATE entries SET run = 'slug-1' WHERE sequence = 595",
        &["entry 595 is filed under another run than its own"],
    );
    check(
        "UPDATE entries SET run = NULL WHERE sequence = 595",
        &["entry 595 is filed under another run than its own"],
    );
    check(
        "UPDATE entries SET name = 'run.ended' WHERE sequence = 595",
        &["entry 595 is filed under another event name than its own"],
    );
    check(
        "UPDATE entries SET name = NULL WHERE sequence = 595",
        &["entry 595 is filed under another event name than its own"],
    );
}

#[test]
fn missing_and_moved_entries() {
    check("DELETE FROM entries WHERE sequence IN (595, 596)", &["entries 595 to 596 are missing"]);
    check(
        "DELETE FROM entries WHERE sequence = 0",
        &[
            "entries 0 to 0 are missing",
            "a stored hash at level 8, place 0 belongs to no entries",
            "a stored hash at level 8, place 1 belongs to no entries",
            "the log was cut off: a checkpoint was signed over 300 entries, and 0 are left",
            "the log was cut off: a checkpoint was signed over 590 entries, and 0 are left",
        ],
    );
    check(
        "DELETE FROM entries WHERE sequence >= 580",
        &["the log was cut off: a checkpoint was signed over 590 entries, and 580 are left"],
    );
    check(
        "UPDATE entries SET sequence = 4611686018427387904 WHERE sequence = 599",
        &["entries 599 to 4611686018427387903 are missing"],
    );
    check(
        "UPDATE entries SET sequence = -1 WHERE sequence = 599",
        &["the database is damaged: an entry has the sequence -1"],
    );
    check(
        "UPDATE entries SET sequence = 1000 WHERE sequence = 595;
         UPDATE entries SET sequence = 595 WHERE sequence = 596;
         UPDATE entries SET sequence = 596 WHERE sequence = 1000",
        &["entry 595 says that it is entry 596", "entry 596 says that it is entry 595"],
    );
}

#[test]
fn altered_bodies() {
    let digest = Digest::of("a prompt");
    let altered = Digest::of("A prompt");
    check(
        "UPDATE bodies SET bytes = CAST('A prompt' AS BLOB)",
        &[&format!("the body {digest} was altered: its bytes have the digest {altered}")],
    );
    check("DELETE FROM bodies", &[&format!("entry 7 names the body {digest}, which is missing")]);
    check(
        "INSERT INTO bodies VALUES (x'00', x'00')",
        &["the database is damaged: 1 bodies are filed under what is no digest"],
    );
}

#[test]
fn altered_hashes() {
    check(
        "UPDATE nodes SET hash = zeroblob(32) WHERE place = 1",
        &["the stored hash over entries 256 to 511 is missing or wrong"],
    );
    check(
        "DELETE FROM nodes WHERE place = 0",
        &["the stored hash over entries 0 to 255 is missing or wrong"],
    );
    check(
        "INSERT INTO nodes VALUES (16, 0, zeroblob(32))",
        &["a stored hash at level 16, place 0 belongs to no entries"],
    );
}

#[test]
fn altered_checkpoints() {
    check(
        "UPDATE checkpoints SET note = replace(note, '300', '301') WHERE size = 300",
        &[
            "the checkpoint at size 300 is not usable: its text is no checkpoint: it is filed under \
           another size",
        ],
    );
    check(
        "UPDATE checkpoints SET size = 301, note = replace(note, '300', '301') WHERE size = 300",
        &[
            "the checkpoint at size 301 is not properly signed: the signature of \
             `example.com/factory` does not verify",
            "the first 301 entries are not those that the checkpoint was signed over",
        ],
    );
    check(
        "UPDATE checkpoints SET note = 'x' WHERE size = 300",
        &["the checkpoint at size 300 is not usable: it is no signed note: it has no empty line"],
    );
}

#[test]
fn a_log_signed_by_a_stranger_is_not_verified() {
    let dir = ledger_dir();
    let stranger = LedgerKey::generate("example.com/factory", [1; 32]).unwrap().verifier();
    let ledger = Ledger::open_read_only(dir.path()).unwrap();
    let Err(VerifyError::Tampered(found)) = ledger.verify(&[stranger], |_| {}) else {
        panic!("verified by a stranger's key");
    };
    assert_eq!(found.len(), 2);
    assert!(found[0].to_string().ends_with("no trusted key signed it"), "{}", found[0]);
}

#[test]
fn nothing_is_appended_to_a_log_that_lost_its_signed_tail() {
    let dir = ledger_dir();
    let connection = Connection::open(dir.path().join("ledger.db")).unwrap();
    connection.execute("DELETE FROM entries WHERE sequence >= 580", []).unwrap();
    connection.close().unwrap();
    let error = Ledger::open(dir.path(), key()).unwrap_err();
    assert!(matches!(error, LedgerError::Corrupt { .. }));
    assert!(error.to_string().contains("over 590 entries and it has 580"), "{error}");
}

/// Where a flip can strike: everything that is verified.
const COLUMNS: [(&str, &str, &str); 6] = [
    ("entries", "leaf", "TEXT"),
    ("entries", "leaf_hash", "BLOB"),
    ("entries", "run", "TEXT"),
    ("nodes", "hash", "BLOB"),
    ("checkpoints", "note", "TEXT"),
    ("bodies", "bytes", "BLOB"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_flipped_bit_is_found(column in 0..COLUMNS.len(), row: prop::sample::Index, at: prop::sample::Index, bit in 0..8u32) {
        thread_local! { static HONEST: TempDir = ledger_dir(); }
        let (table, column, kind) = COLUMNS[column];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        HONEST.with(|honest| std::fs::copy(honest.path().join("ledger.db"), &path)).unwrap();
        let connection = Connection::open(&path).unwrap();
        let count: usize =
            connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0)).unwrap();
        let row = row.index(count);
        let select = format!("SELECT CAST({column} AS BLOB) FROM {table} LIMIT 1 OFFSET {row}");
        let mut bytes: Vec<u8> = connection.query_row(&select, [], |r| r.get(0)).unwrap();
        let at = at.index(bytes.len());
        let honest = bytes.clone();
        bytes[at] ^= 1 << bit;
        let update = format!(
            "UPDATE {table} SET {column} = CAST(?1 AS {kind}) WHERE {column} = CAST(?2 AS {kind})"
        );
        prop_assert!(connection.execute(&update, [&bytes, &honest]).unwrap() > 0);
        connection.close().unwrap();
        let found = verify(dir.path());
        prop_assert!(found.is_err(), "{table}.{column} row {row} byte {at}: {found:?}");
    }
}
