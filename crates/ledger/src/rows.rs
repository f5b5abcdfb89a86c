//! The statements that read the log's rows, on whatever connection they are given.
//!
//! This module refuses to know who asks, and trusts no row: what does not read is an error that
//! names its place.

use std::path::Path;

use base::{Digest, RunId};
use rusqlite::{Connection, OptionalExtension as _, Params, params};

use crate::tree::{Frontier, Hash, Position, perfect_subtrees};
use crate::{Entry, LedgerError, SignedCheckpoint};

/// Perfect subtrees are stored at every eighth level (256 leaves, 65,536, …), the levels between are
/// computed: a proof then reads at most 255 hashes for each eight levels, an append writes one node
/// in 256, and no restart hashes more than the last 255 leaves' edge.
pub(crate) const STORED_LEVELS: u32 = 8;

/// A connection and the path that its errors name.
pub(crate) struct Rows<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) path: &'a Path,
}

impl Rows<'_> {
    /// How many entries there are: one past the last sequence.
    pub(crate) fn len(&self) -> Result<u64, LedgerError> {
        let last: Option<u64> = self.one("SELECT max(sequence) FROM entries", [], |r| r.get(0))?;
        Ok(last.map_or(0, |last| last + 1))
    }

    pub(crate) fn entries(&self, from: u64, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        let sql =
            "SELECT sequence, leaf FROM entries WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2";
        let bound = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.decoded(sql, params![bound(from), bound(limit as u64)])
    }

    pub(crate) fn run(&self, run: &RunId) -> Result<Vec<Entry>, LedgerError> {
        let sql = "SELECT sequence, leaf FROM entries WHERE run = ?1 ORDER BY sequence";
        self.decoded(sql, [run.as_str()])
    }

    /// Steps from each run to the next in the index, so that it costs by runs, not by entries.
    pub(crate) fn runs(&self) -> Result<Vec<RunId>, LedgerError> {
        let sql = "
            WITH RECURSIVE known (run) AS (
                SELECT min(run) FROM entries WHERE run IS NOT NULL
                UNION ALL
                SELECT (SELECT min(run) FROM entries WHERE run > known.run)
                FROM known WHERE known.run IS NOT NULL
            )
            SELECT (SELECT min(sequence) FROM entries WHERE run = known.run) AS first, run
            FROM known WHERE run IS NOT NULL ORDER BY first";
        let rows = self.all(sql, [], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        let id = |(sequence, run): (u64, String)| {
            let bad = |e: base::IdError| LedgerError::BadEntry { sequence, why: e.to_string() };
            RunId::new(&run).map_err(bad)
        };
        rows.into_iter().map(id).collect()
    }

    pub(crate) fn body(&self, digest: &Digest) -> Result<Option<Vec<u8>>, LedgerError> {
        let sql = "SELECT bytes FROM bodies WHERE digest = ?1";
        let row = self.maybe(sql, [digest.as_bytes()], |row| row.get::<_, Vec<u8>>(0))?;
        if let Some(bytes) = &row {
            let found = Digest::of(bytes);
            if found != *digest {
                return Err(LedgerError::BodyAltered { digest: *digest, found });
            }
        }
        Ok(row)
    }

    pub(crate) fn has_body(&self, digest: &Digest) -> Result<bool, LedgerError> {
        let sql = "SELECT 1 FROM bodies WHERE digest = ?1";
        Ok(self.maybe(sql, [digest.as_bytes()], |_| Ok(()))?.is_some())
    }

    pub(crate) fn last_checkpoint(&self) -> Result<Option<SignedCheckpoint>, LedgerError> {
        let sql = "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1";
        self.parsed_checkpoint(sql, [])
    }

    pub(crate) fn checkpoint(&self, size: u64) -> Result<Option<SignedCheckpoint>, LedgerError> {
        let sql = "SELECT size, note FROM checkpoints WHERE size = ?1";
        self.parsed_checkpoint(sql, [size])
    }

    /// Tells `each` the rows of entries `first..end` as they are stored, one at a time.
    pub(crate) fn leaves(
        &self,
        first: u64,
        end: u64,
        mut each: impl FnMut(Leaf<'_>),
    ) -> Result<(), LedgerError> {
        let sql = "SELECT sequence, run, leaf_hash, leaf FROM entries
                   WHERE sequence >= ?1 AND sequence < ?2 ORDER BY sequence";
        let mut read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query([first, end])?;
            while let Some(row) = rows.next()? {
                each(Leaf {
                    sequence: row.get(0)?,
                    run: row.get_ref(1)?.as_bytes_or_null()?,
                    hash: row.get_ref(2)?.as_bytes()?,
                    bytes: row.get_ref(3)?.as_bytes()?,
                });
            }
            Ok(())
        };
        read().map_err(|e| self.failed(e))
    }

    /// What SQLite finds wrong with the file, its tables and its indices: at most `limit` lines.
    pub(crate) fn integrity(&self, limit: usize) -> Result<Vec<String>, LedgerError> {
        let sql = format!("PRAGMA integrity_check({limit})");
        let lines: Vec<String> = self.all(&sql, [], |row| row.get(0))?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// The stored hash of a perfect subtree, or what its nearest stored parts hash to.
    pub(crate) fn node(&self, position: Position) -> Result<Hash, LedgerError> {
        let above = position.level % STORED_LEVELS;
        let level = position.level - above;
        let count = 1u64 << above;
        let first = position.index << above;
        let sql = if level == 0 {
            "SELECT leaf_hash FROM entries
             WHERE ?1 = 0 AND sequence >= ?2 AND sequence < ?3 ORDER BY sequence"
        } else {
            "SELECT hash FROM nodes
             WHERE level = ?1 AND place >= ?2 AND place < ?3 ORDER BY place"
        };
        let hashes = self.all(sql, params![level, first, first + count], |row| row.get(0))?;
        if hashes.len() as u64 != count {
            let sequence = first << level;
            let why = "its part of the hash tree is incomplete".to_owned();
            return Err(LedgerError::BadEntry { sequence, why });
        }
        let mut subtree = Frontier::default();
        hashes.into_iter().for_each(|hash| subtree.push(hash, |_, _| {}));
        Ok(subtree.root())
    }

    /// The right edge of the tree of the first `size` entries.
    pub(crate) fn frontier(&self, size: u64) -> Result<Frontier, LedgerError> {
        let peaks = perfect_subtrees(0, size).into_iter().map(|position| self.node(position));
        Ok(Frontier::from_peaks(size, peaks.collect::<Result<_, _>>()?))
    }

    fn decoded(&self, sql: &str, params: impl Params) -> Result<Vec<Entry>, LedgerError> {
        let rows = self.all(sql, params, |row| {
            let sequence = row.get(0)?;
            Ok(decode(sequence, row.get_ref(1)?.as_bytes()?))
        })?;
        rows.into_iter().collect()
    }

    fn parsed_checkpoint(
        &self,
        sql: &str,
        params: impl Params,
    ) -> Result<Option<SignedCheckpoint>, LedgerError> {
        let row = self.maybe(sql, params, |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        let parse = |(size, note): (u64, String)| {
            note.parse().map_err(|source| LedgerError::Checkpoint { size, source })
        };
        row.map(parse).transpose()
    }

    pub(crate) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let read = || self.connection.prepare_cached(sql)?.query_row(params, map);
        read().map_err(|e| self.failed(e))
    }

    pub(crate) fn maybe<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, LedgerError> {
        let read = || self.connection.prepare_cached(sql)?.query_row(params, map).optional();
        read().map_err(|e| self.failed(e))
    }

    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let read = || {
            self.connection.prepare_cached(sql)?.query_map(params, map)?.collect::<Result<_, _>>()
        };
        read().map_err(|e| self.failed(e))
    }

    fn failed(&self, error: rusqlite::Error) -> LedgerError {
        LedgerError::database("read", self.path, error)
    }
}

/// An entry's row as it is stored.
pub(crate) struct Leaf<'a> {
    pub(crate) sequence: u64,
    pub(crate) run: Option<&'a [u8]>,
    pub(crate) hash: &'a [u8],
    pub(crate) bytes: &'a [u8],
}

/// The entry that `leaf` spells, when it is one and belongs at `sequence`.
fn decode(sequence: u64, leaf: &[u8]) -> Result<Entry, LedgerError> {
    let bad = |why| LedgerError::BadEntry { sequence, why };
    let entry: Entry = serde_json::from_slice(leaf).map_err(|e| bad(e.to_string()))?;
    if entry.sequence != sequence {
        return Err(bad(format!("it says that it is entry {}", entry.sequence)));
    }
    Ok(entry)
}
