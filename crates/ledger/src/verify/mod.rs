//! Checks a whole ledger against its signatures, trusting nothing that the database says.
//!
//! Blocks of entries are decoded and hashed on all cores; one thread puts their hashes in order into
//! the tree and compares its root with every checkpoint. Each difference is reported with the entry
//! that it concerns.
//!
//! What it cannot see: entries after the last checkpoint that were cut off or replaced together with
//! their hashes, and a ledger replaced as a whole by somebody who has its key. Against the first,
//! sign checkpoints; against the second, have a witness cosign them.

mod block;
mod finding;
mod form;
mod scope;
mod tree;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde::Serialize;

use self::block::{Block, Checked};
use self::finding::Findings;
pub use self::finding::{FINDINGS_MAX, Tampering};
use self::scope::Scope;
use self::tree::Assembly;
use crate::{Ledger, LedgerError, VerifierKey};

/// More threads than this would wait for the disk.
const THREADS_MAX: usize = 8;

/// What a verified ledger holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    pub entries: u64,
    pub bodies: u64,
    pub checkpoints: u64,
    /// Entries under the largest checkpoint. Those after it are whole, but nobody has signed them yet.
    pub signed_entries: u64,
    /// Entries under the largest checkpoint that a trusted witness cosigned.
    pub witnessed_entries: u64,
}

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub entries_done: u64,
    pub entries: u64,
    pub bodies_done: u64,
    pub bodies: u64,
}

/// Why a ledger is not verified.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VerifyError {
    /// It is not what was signed: at most [`FINDINGS_MAX`] findings, and never none.
    #[error("the ledger was altered or is damaged: {}", summary(.0))]
    Tampered(Vec<Tampering>),
    /// It could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

fn summary(findings: &[Tampering]) -> String {
    let first = findings.first().map(Tampering::to_string).unwrap_or_default();
    match findings.len() {
        0 | 1 => first,
        more => format!("{first}, and {} more findings", more - 1),
    }
}

impl Ledger {
    /// Checks everything that was there when it began: each entry's form, place and hash, each
    /// stored hash of the tree, each checkpoint's signature and root, each body's digest, and the
    /// database file itself. Entries behind a gap have no place in the tree and are not looked at.
    ///
    /// `trust` has the log's keys and those of witnesses; each checkpoint must be signed by one of
    /// the log's. `progress` is told after each block of entries or bodies.
    ///
    /// # Errors
    /// Everything that was found wrong, or why the ledger cannot be read.
    pub fn verify(
        &self,
        trust: &[VerifierKey],
        mut progress: impl FnMut(Progress),
    ) -> Result<Verified, VerifyError> {
        let mut findings = Findings::default();
        let scope = self.read(|rows| Scope::read(rows, trust, &mut findings))?;
        self.check_blocks(&scope, &mut findings, &mut progress)?;
        let found = findings.into_vec();
        if !found.is_empty() {
            return Err(VerifyError::Tampered(found));
        }
        Ok(Verified {
            entries: scope.len,
            bodies: scope.bodies.len() as u64,
            checkpoints: scope.checkpoints.len() as u64,
            signed_entries: scope.signed,
            witnessed_entries: scope.witnessed,
        })
    }

    /// Shares the work out among threads and puts their results together on this one.
    fn check_blocks(
        &self,
        scope: &Scope,
        findings: &mut Findings,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), LedgerError> {
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(THREADS_MAX));
        let next = AtomicUsize::new(0);
        // Each thread may be one block ahead of the one that puts them together.
        let (results, checked) = sync_channel(threads);
        std::thread::scope(|threads_scope| {
            for _ in 0..threads {
                let (results, next) = (results.clone(), &next);
                threads_scope.spawn(move || self.check_until_done(scope, next, &results));
            }
            drop(results);
            // Takes the receiver with it, so that after a failure no thread waits to be heard.
            assemble(scope, checked, findings, progress)
        })
    }

    fn check_until_done(
        &self,
        scope: &Scope,
        next: &AtomicUsize,
        results: &SyncSender<(Block, Result<Checked, LedgerError>)>,
    ) {
        while let Some(block) = Block::of(scope, next.fetch_add(1, Ordering::Relaxed)) {
            let checked = self.read(|rows| block.check(rows, scope));
            let failed = checked.is_err();
            if results.send((block, checked)).is_err() || failed {
                return;
            }
        }
    }
}

fn assemble(
    scope: &Scope,
    checked: Receiver<(Block, Result<Checked, LedgerError>)>,
    findings: &mut Findings,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), LedgerError> {
    let mut assembly = Assembly::new(scope);
    let (entries, bodies) = (scope.len, scope.bodies.len() as u64);
    let mut told = Progress { entries_done: 0, entries, bodies_done: 0, bodies };
    for (block, checked) in checked {
        let checked = checked?;
        findings.extend(checked.findings);
        match block {
            Block::Database => continue,
            Block::Entries { first, .. } => {
                told.entries_done += checked.hashes.len() as u64;
                assembly.add(first, checked.hashes, findings);
            }
            Block::Bodies { first, end } => told.bodies_done += (end - first) as u64,
        }
        progress(told);
    }
    assembly.finish(findings);
    Ok(())
}
