//! One thread's share of a verification: a block of entries, some bodies, or the database file.

use base::Digest;

use super::finding::{FINDINGS_MAX, Tampering};
use super::form::{Outline, outline};
use super::scope::Scope;
use crate::LedgerError;
use crate::rows::{Leaf, Rows};
use crate::tree::{Hash, leaf_hash};

/// Entries that one thread takes at a time: enough that handing over costs nothing, few enough that
/// all cores have something to do until the end.
const ENTRIES: u64 = 2048;

/// Bodies that one thread takes at a time.
const BODIES: usize = 16;

/// A share of the work. The database file comes first, being the longest.
pub(super) enum Block {
    Database,
    Entries { first: u64, end: u64 },
    Bodies { first: usize, end: usize },
}

/// What a share came to.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) findings: Vec<Tampering>,
    /// Of a block of entries, the leaves' hashes in their order.
    pub(super) hashes: Vec<Hash>,
}

impl Block {
    /// The share with this number, or none when all are given out.
    pub(super) fn of(scope: &Scope, number: usize) -> Option<Self> {
        let Some(number) = number.checked_sub(1) else { return Some(Self::Database) };
        let entry_blocks = scope.len.div_ceil(ENTRIES) as usize;
        if number < entry_blocks {
            let first = number as u64 * ENTRIES;
            return Some(Self::Entries { first, end: scope.len.min(first + ENTRIES) });
        }
        let first = (number - entry_blocks) * BODIES;
        let end = scope.bodies.len().min(first + BODIES);
        (first < end).then_some(Self::Bodies { first, end })
    }

    pub(super) fn check(&self, rows: &Rows<'_>, scope: &Scope) -> Result<Checked, LedgerError> {
        let mut checked = Checked::default();
        match *self {
            Self::Database => {
                let lines = rows.integrity(FINDINGS_MAX)?;
                checked.findings =
                    lines.into_iter().map(|why| Tampering::Database { why }).collect();
            }
            Self::Entries { first, end } => {
                checked.hashes.reserve_exact((end - first) as usize);
                rows.leaves(first, end, |leaf| {
                    checked.hashes.push(check_leaf(&leaf, scope, &mut checked.findings));
                })?;
            }
            Self::Bodies { first, end } => {
                for digest in &scope.bodies[first..end] {
                    match rows.body(digest) {
                        Err(LedgerError::BodyAltered { digest, found }) => {
                            checked.findings.push(Tampering::BodyAltered { digest, found });
                        }
                        other => drop(other?),
                    }
                }
            }
        }
        Ok(checked)
    }
}

/// The hash of the leaf as it now is, whatever was stored with it.
fn check_leaf(leaf: &Leaf<'_>, scope: &Scope, findings: &mut Vec<Tampering>) -> Hash {
    let sequence = leaf.sequence;
    let hash = leaf_hash(leaf.bytes);
    if hash != leaf.hash {
        findings.push(Tampering::LeafHash { sequence });
    }
    match outline(sequence, leaf.bytes) {
        Ok(outline) => check_outline(&outline, leaf, scope, findings),
        Err(finding) => findings.push(finding),
    }
    hash
}

fn check_outline(
    outline: &Outline<'_>,
    leaf: &Leaf<'_>,
    scope: &Scope,
    findings: &mut Vec<Tampering>,
) {
    let sequence = leaf.sequence;
    if outline.sequence != sequence {
        findings.push(Tampering::WrongPlace { sequence, says: outline.sequence });
    }
    let run = outline.run.as_ref().map(|run| run.as_str().as_bytes());
    if leaf.run != run {
        findings.push(Tampering::WrongRun { sequence });
    }
    if leaf.name != Some(outline.event.name.as_bytes()) {
        findings.push(Tampering::WrongName { sequence });
    }
    let missing = |digest: &&Digest| scope.bodies.binary_search(digest).is_err();
    for digest in outline.bodies.iter().filter(missing) {
        findings.push(Tampering::BodyMissing { sequence, digest: *digest });
    }
}
