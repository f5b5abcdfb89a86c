//! What a verification can find. Each finding names the entry, body or checkpoint that it concerns.

use base::Digest;
use serde::Serialize;

use crate::NoteError;

/// Findings that are reported; a ledger with more is damaged enough to know.
pub const FINDINGS_MAX: usize = 1000;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[serde(tag = "finding", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Tampering {
    #[error("entries {first} to {last} are missing")]
    Missing { first: u64, last: u64 },
    #[error("entry {sequence} is not an entry ({why})")]
    NotAnEntry { sequence: u64, why: String },
    #[error("entry {sequence} says that it is entry {says}")]
    WrongPlace { sequence: u64, says: u64 },
    #[error("entry {sequence} is not in canonical form")]
    NotCanonical { sequence: u64 },
    #[error("entry {sequence} was altered: it does not have the hash that was stored with it")]
    LeafHash { sequence: u64 },
    #[error("entry {sequence} is filed under another run than its own")]
    WrongRun { sequence: u64 },
    #[error("entry {sequence} is filed under another event name than its own")]
    WrongName { sequence: u64 },
    #[error("entry {sequence} names the body {digest}, which is missing")]
    BodyMissing { sequence: u64, digest: Digest },
    #[error("the body {digest} was altered: its bytes have the digest {found}")]
    BodyAltered { digest: Digest, found: Digest },
    #[error("the stored hash over entries {first} to {last} is missing or wrong")]
    Subtree { first: u64, last: u64 },
    #[error("a stored hash at level {level}, place {place} belongs to no entries")]
    StrayHash { level: u32, place: u64 },
    #[error("the checkpoint at size {size} is not usable: {why}")]
    CheckpointForm { size: u64, why: NoteError },
    #[error("the checkpoint at size {size} is that of `{found}`")]
    CheckpointOrigin { size: u64, found: String },
    #[error("the checkpoint at size {size} is not properly signed: {why}")]
    CheckpointSignature { size: u64, why: NoteError },
    #[error("the first {size} entries are not those that the checkpoint was signed over")]
    CheckpointRoot { size: u64 },
    #[error("the log was cut off: a checkpoint was signed over {size} entries, and {len} are left")]
    Truncated { size: u64, len: u64 },
    #[error("the database is damaged: {why}")]
    Database { why: String },
}

/// The findings so far, up to the bound, in the order of their kinds and places.
#[derive(Debug, Default)]
pub(super) struct Findings(std::collections::BTreeSet<Tampering>);

impl Findings {
    pub(super) fn add(&mut self, finding: Tampering) {
        if self.0.len() < FINDINGS_MAX {
            self.0.insert(finding);
        }
    }

    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Tampering>) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    pub(super) fn into_vec(self) -> Vec<Tampering> {
        self.0.into_iter().collect()
    }
}
