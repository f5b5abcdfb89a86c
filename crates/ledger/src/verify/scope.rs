//! What there is to verify, read in one glance at the beginning: what is appended meanwhile is left
//! to the next verification.

use std::collections::BTreeMap;

use base::Digest;
use rusqlite::types::ValueRef;

use super::finding::{Findings, Tampering};
use crate::rows::Rows;
use crate::tree::Hash;
use crate::{Checkpoint, KeyRole, LedgerError, NoteError, SignedCheckpoint, VerifierKey, schema};

pub(super) struct Scope {
    /// Entries from 0 on without a gap.
    pub(super) len: u64,
    /// Sorted.
    pub(super) bodies: Vec<Digest>,
    /// The readable ones, by size.
    pub(super) checkpoints: Vec<Checkpoint>,
    /// The stored hashes by level and place.
    pub(super) nodes: BTreeMap<(u32, u64), Hash>,
    /// The largest size that the log signed.
    pub(super) signed: u64,
    /// The largest size that a witness cosigned.
    pub(super) witnessed: u64,
}

impl Scope {
    pub(super) fn read(
        rows: &Rows<'_>,
        trust: &[VerifierKey],
        findings: &mut Findings,
    ) -> Result<Self, LedgerError> {
        let failed = |e| LedgerError::database("read", rows.path, e);
        // One snapshot, whoever writes meanwhile; it ends with this function.
        let _snapshot = rows.connection.unchecked_transaction().map_err(failed)?;
        let origin = schema::origin(rows.connection).map_err(failed)?;
        let mut scope = Self {
            len: contiguous(rows, findings)?,
            bodies: bodies(rows, findings)?,
            checkpoints: Vec::new(),
            nodes: nodes(rows, findings)?,
            signed: 0,
            witnessed: 0,
        };
        let sql = "SELECT size, note FROM checkpoints ORDER BY size";
        let stored = rows.all(sql, [], |row| {
            let note = String::from_utf8_lossy(bytes_of(row.get_ref(1)?)).into_owned();
            Ok((row.get::<_, i64>(0)?, note))
        })?;
        for (size, note) in stored {
            match u64::try_from(size) {
                Ok(size) => scope.take_checkpoint(size, &note, &origin, trust, findings),
                Err(_) => findings.add(damaged(format!("a checkpoint has the size {size}"))),
            }
        }
        Ok(scope)
    }

    fn take_checkpoint(
        &mut self,
        size: u64,
        note: &str,
        origin: &str,
        trust: &[VerifierKey],
        findings: &mut Findings,
    ) {
        let signed: SignedCheckpoint = match note.parse() {
            Ok(signed) => signed,
            Err(why) => return findings.add(Tampering::CheckpointForm { size, why }),
        };
        let checkpoint = signed.checkpoint().clone();
        if checkpoint.size != size {
            let why = NoteError::NotACheckpoint("it is filed under another size");
            return findings.add(Tampering::CheckpointForm { size, why });
        }
        if checkpoint.origin != origin {
            findings.add(Tampering::CheckpointOrigin { size, found: checkpoint.origin.clone() });
        }
        match signed.verify(trust) {
            Ok(signers) if signers.iter().any(|key| key.role == KeyRole::Log) => {
                self.signed = size;
                if signers.iter().any(|key| key.role == KeyRole::Witness) {
                    self.witnessed = size;
                }
            }
            Ok(_) => {
                findings.add(Tampering::CheckpointSignature { size, why: NoteError::Untrusted })
            }
            Err(why) => findings.add(Tampering::CheckpointSignature { size, why }),
        }
        self.checkpoints.push(checkpoint);
    }
}

/// How many entries there are from 0 on before the first gap. A single far-off sequence must not
/// make us count to it.
fn contiguous(rows: &Rows<'_>, findings: &mut Findings) -> Result<u64, LedgerError> {
    let sql = "SELECT count(*), min(sequence), max(sequence) FROM entries";
    let (count, first, last): (i64, Option<i64>, Option<i64>) =
        rows.one(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(0) };
    if first < 0 {
        findings.add(damaged(format!("an entry has the sequence {first}")));
    }
    let unsigned = |n: i64| n.unsigned_abs();
    if first == 0 && last == count - 1 {
        return Ok(unsigned(count));
    }
    let sql = "SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM entries WHERE sequence = 0)
               UNION ALL
               SELECT sequence + 1 FROM entries AS entry
               WHERE sequence >= 0 AND sequence < ?1 AND NOT EXISTS
                   (SELECT 1 FROM entries WHERE sequence = entry.sequence + 1)
               LIMIT 1";
    let Some(gap) = rows.maybe(sql, [last], |row| row.get::<_, i64>(0))? else {
        return Ok(unsigned(last.max(-1) + 1));
    };
    let sql = "SELECT min(sequence) FROM entries WHERE sequence > ?1";
    let after: Option<i64> = rows.one(sql, [gap], |row| row.get(0))?;
    let last = after.map_or(gap, |after| after - 1);
    findings.add(Tampering::Missing { first: unsigned(gap), last: unsigned(last) });
    Ok(unsigned(gap))
}

fn bodies(rows: &Rows<'_>, findings: &mut Findings) -> Result<Vec<Digest>, LedgerError> {
    let sql = "SELECT digest FROM bodies ORDER BY digest";
    let keys = rows.all(sql, [], |row| Ok(<[u8; 32]>::try_from(bytes_of(row.get_ref(0)?)).ok()))?;
    let (good, bad): (Vec<_>, Vec<_>) = keys.into_iter().partition(Option::is_some);
    if !bad.is_empty() {
        findings.add(damaged(format!("{} bodies are filed under what is no digest", bad.len())));
    }
    Ok(good.into_iter().flatten().map(Digest::from_bytes).collect())
}

fn nodes(
    rows: &Rows<'_>,
    findings: &mut Findings,
) -> Result<BTreeMap<(u32, u64), Hash>, LedgerError> {
    let sql = "SELECT level, place, hash FROM nodes";
    let stored = rows.all(sql, [], |row| {
        let hash = Hash::try_from(bytes_of(row.get_ref(2)?)).ok();
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, hash))
    })?;
    let mut nodes = BTreeMap::new();
    for (level, place, hash) in stored {
        match (u32::try_from(level), u64::try_from(place), hash) {
            (Ok(level), Ok(place), Some(hash)) => drop(nodes.insert((level, place), hash)),
            _ => findings.add(damaged(format!("the hash at level {level}, place {place} is none"))),
        }
    }
    Ok(nodes)
}

fn damaged(why: String) -> Tampering {
    Tampering::Database { why }
}

/// The bytes of a text or blob, and none of anything else.
fn bytes_of(value: ValueRef<'_>) -> &[u8] {
    value.as_bytes().unwrap_or_default()
}
