//! What callers rely on when they write and read a ledger in a directory.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use base::{Digest, RunId};
use common::{ORIGIN, key, record, records};
use ledger::{Ledger, LedgerError, LedgerKey, leaf_hash, verify_consistency, verify_inclusion};
use proptest::prelude::*;
use serde_json::json;

fn open(dir: &Path) -> Ledger {
    Ledger::open(dir, key()).unwrap()
}

#[test]
fn entries_outlive_the_handle() {
    let dir = tempfile::tempdir().unwrap();
    let written = open(dir.path()).append(records("slug-1", 300)).unwrap();
    let ledger = open(dir.path());
    assert_eq!(ledger.len().unwrap(), 300);
    assert_eq!(ledger.entries(0, 1000).unwrap(), written);
    assert_eq!(ledger.entries(298, 1).unwrap(), written[298..299]);
    assert_eq!(ledger.entries(300, 9).unwrap(), []);
    assert_eq!(ledger.append(records("slug-1", 1)).unwrap()[0].sequence, 300);
    assert_eq!(ledger.append(Vec::new()).unwrap(), []);
}

#[test]
fn runs_are_told_apart_and_kept_in_order() {
    let ledger = Ledger::in_memory(key()).unwrap();
    for run in ["z-1", "a-1", "m-1", "a-1"] {
        ledger.append(records(run, 2)).unwrap();
    }
    ledger.append(vec![ledger::Record { run: None, ..record("x-1", json!(1)) }]).unwrap();
    let id = |text| RunId::new(text).unwrap();
    assert_eq!(ledger.runs().unwrap(), [id("z-1"), id("a-1"), id("m-1")]);
    let sequences = |run| -> Vec<u64> {
        ledger.run(&id(run)).unwrap().iter().map(|entry| entry.sequence).collect()
    };
    assert_eq!(sequences("a-1"), [2, 3, 6, 7]);
    assert!(sequences("b-1").is_empty());
}

#[test]
fn an_append_is_whole_or_nothing() {
    let ledger = Ledger::in_memory(key()).unwrap();
    let mut batch = records("slug-1", 3);
    batch[2].event.body = json!(u64::MAX);
    assert!(matches!(ledger.append(batch), Err(LedgerError::Record { .. })));
    let mut batch = records("slug-1", 3);
    batch[2].bodies = vec![Digest::of("never put")];
    assert!(matches!(ledger.append(batch), Err(LedgerError::NoBody { .. })));
    let many = records("slug-1", ledger::APPEND_RECORDS_MAX + 1);
    assert!(matches!(ledger.append(many), Err(LedgerError::TooMany { .. })));
    assert!(ledger.is_empty().unwrap());
}

#[test]
fn an_append_brings_its_bodies_or_leaves_none() {
    let ledger = Ledger::in_memory(key()).unwrap();
    let named = |body: &[u8]| ledger::Record {
        bodies: vec![Digest::of(body)],
        ..record("slug-1", json!(null))
    };
    let refused = ledger.append_with(&[b"given"], vec![named(b"given"), named(b"not given")]);
    assert!(matches!(refused, Err(LedgerError::NoBody { .. })));
    assert!(ledger.body(&Digest::of("given")).is_err(), "a refusal leaves a body behind");
    for _ in 0..2 {
        ledger.append_with(&[b"given"], vec![named(b"given")]).unwrap();
    }
    assert_eq!(ledger.body(&Digest::of("given")).unwrap(), b"given");
    assert_eq!(ledger.len().unwrap(), 2);
    let large = vec![0; ledger::BODY_BYTES_MAX + 1];
    let refused = ledger.append_with(&[&large], vec![named(&large)]);
    assert!(matches!(refused, Err(LedgerError::BodyTooLarge { .. })));
}

#[test]
fn bodies_are_kept_once_under_their_digest() {
    let dir = tempfile::tempdir().unwrap();
    let large = vec![0xa5; 3 << 20];
    let (digest, small) = {
        let ledger = open(dir.path());
        assert_eq!(ledger.put_body(&large).unwrap(), ledger.put_body(&large).unwrap());
        (ledger.put_body(&large).unwrap(), ledger.put_body(b"").unwrap())
    };
    let ledger = open(dir.path());
    assert_eq!(digest, Digest::of(&large));
    assert_eq!(ledger.body(&digest).unwrap(), large);
    assert_eq!(ledger.body(&small).unwrap(), b"");
    let absent = Digest::of("absent");
    assert!(
        matches!(ledger.body(&absent), Err(LedgerError::NoBody { digest }) if digest == absent)
    );
    let naming = ledger::Record { bodies: vec![digest], ..record("slug-1", json!(null)) };
    assert_eq!(ledger.append(vec![naming]).unwrap()[0].record.bodies, [digest]);
}

#[test]
fn threads_share_the_log_without_gaps_or_doubles() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let sequences: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let ledger = ledger.clone();
                scope.spawn(move || {
                    let append = |_| ledger.append(records(&format!("run-{n}"), 3)).unwrap();
                    let batches: Vec<_> = (0..20).map(append).collect();
                    for batch in &batches {
                        assert_eq!(
                            batch[2].sequence,
                            batch[0].sequence + 2,
                            "a batch lies together"
                        );
                    }
                    batches.concat().iter().map(|entry| entry.sequence).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let distinct: BTreeSet<u64> = sequences.iter().copied().collect();
    assert_eq!(distinct, (0..480).collect());
    assert_eq!(ledger.len().unwrap(), 480);
}

#[test]
fn one_writer_and_any_reader() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let refused = Ledger::open(dir.path(), key()).unwrap_err();
    let LedgerError::Locked { pid, .. } = &refused else { panic!("{refused}") };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(refused.to_string().contains("read-only"), "{refused}");

    let reader = Ledger::open_read_only(dir.path()).unwrap();
    let written = ledger.append(records("slug-1", 2)).unwrap();
    assert_eq!(reader.entries(0, 9).unwrap(), written);
    assert!(matches!(reader.append(records("slug-1", 1)), Err(LedgerError::ReadOnly)));
    assert!(matches!(reader.put_body(b"x"), Err(LedgerError::ReadOnly)));
    assert!(matches!(reader.checkpoint(), Err(LedgerError::ReadOnly)));
    let clone = ledger.clone();
    drop(ledger);
    assert!(matches!(Ledger::open(dir.path(), key()), Err(LedgerError::Locked { .. })));
    drop(clone);
    open(dir.path());
}

#[test]
fn a_checkpoint_is_signed_stored_and_the_same_until_something_is_added() {
    let dir = tempfile::tempdir().unwrap();
    let trusted = [key().verifier()];
    let first = {
        let ledger = open(dir.path());
        assert_eq!(ledger.last_checkpoint().unwrap(), None);
        ledger.append(records("slug-1", 5)).unwrap();
        ledger.checkpoint().unwrap()
    };
    let ledger = open(dir.path());
    assert_eq!(ledger.checkpoint().unwrap(), first);
    assert_eq!(first.checkpoint().size, 5);
    assert_eq!(first.checkpoint().origin, ORIGIN);
    assert_eq!(first.verify(&trusted).unwrap().len(), 1);
    ledger.append(records("slug-1", 1)).unwrap();
    let second = ledger.checkpoint().unwrap();
    assert_eq!(second.checkpoint().size, 6);
    assert_eq!(ledger.last_checkpoint().unwrap(), Some(second));
}

#[test]
fn a_witness_signature_is_kept_with_its_checkpoint() {
    let ledger = Ledger::in_memory(key()).unwrap();
    ledger.append(records("slug-1", 2)).unwrap();
    let signed = ledger.checkpoint().unwrap();
    let witness = LedgerKey::generate("witness.example.com", [9; 32]).unwrap();
    let line = signed.note().cosignature(&witness, 1_700_000_000);
    ledger.add_cosignature(2, line.to_string().parse().unwrap()).unwrap();
    let stored = ledger.last_checkpoint().unwrap().unwrap();
    let trusted = [key().verifier(), witness.witness_verifier()];
    assert_eq!(stored.verify(&trusted).unwrap().len(), 2);
    assert_eq!(ledger.checkpoint().unwrap(), stored);
    assert!(matches!(ledger.add_cosignature(1, line), Err(LedgerError::NoCheckpoint { size: 1 })));
}

#[test]
fn a_new_key_of_the_same_origin_signs_beside_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).checkpoint().unwrap();
    let new = LedgerKey::generate(ORIGIN, [8; 32]).unwrap();
    let ledger = Ledger::open(dir.path(), new.clone()).unwrap();
    let signed = ledger.checkpoint().unwrap();
    assert_eq!(signed.verify(&[key().verifier(), new.verifier()]).unwrap().len(), 2);
}

#[test]
fn what_was_asked_beyond_the_log_is_refused() {
    let ledger = Ledger::in_memory(key()).unwrap();
    ledger.append(records("slug-1", 3)).unwrap();
    for refused in [
        ledger.inclusion(3, 3),
        ledger.inclusion(0, 4),
        ledger.inclusion(u64::MAX, 3),
        ledger.consistency(3, 2),
        ledger.consistency(0, 4),
    ] {
        assert!(matches!(refused, Err(LedgerError::OutOfRange { .. })));
    }
}

proptest! {
    // Each case fills a ledger: few are enough for the seams between stored and computed levels.
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stored_proofs_hold(old in 0..700u64, more in 1..700u64, pick: u64) {
        let ledger = Ledger::in_memory(key()).unwrap();
        ledger.append(records("slug-1", old as usize)).unwrap();
        let before = ledger.checkpoint().unwrap();
        ledger.append(records("slug-1", more as usize)).unwrap();
        let after = ledger.checkpoint().unwrap();
        let (new, root) = (old + more, &after.checkpoint().root);

        let path = ledger.consistency(old, new).unwrap();
        prop_assert_eq!(verify_consistency(old, &before.checkpoint().root, new, root, &path), Ok(()));

        let sequence = pick % new;
        let entry = &ledger.entries(sequence, 1).unwrap()[0];
        let leaf = leaf_hash(&base::canonical(entry).unwrap());
        let path = ledger.inclusion(sequence, new).unwrap();
        prop_assert_eq!(verify_inclusion(&leaf, sequence, new, &path, root), Ok(()));
    }
}
