//! The statements that read the log's rows, on whatever connection they are given.
//!
//! This module refuses to know who asks, and trusts no row: what does not read is an error that
//! names its place.

use std::path::Path;

use base::{Digest, RunId};
use rusqlite::{Connection, OptionalExtension as _, Params, params};

use crate::schema::FORMAT_NAMED;
use crate::tree::{Frontier, Hash, Position, perfect_subtrees};
use crate::{Entry, LedgerError, SignedCheckpoint};

/// Perfect subtrees are stored at every eighth level (256 leaves, 65,536, …), the levels between are
/// computed: a proof then reads at most 255 hashes for each eight levels, an append writes one node
/// in 256, and no restart hashes more than the last 255 leaves' edge.
pub(crate) const STORED_LEVELS: u32 = 8;

/// A page of a run ends with the entry that fills this many bytes: entries may have a mebibyte each.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// A connection, the path that its errors name, and the format that its rows have at least.
pub(crate) struct Rows<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) path: &'a Path,
    pub(crate) format: i64,
}

/// Which entries of a run are asked for.
pub(crate) struct Page<'a> {
    pub(crate) run: &'a RunId,
    pub(crate) name: Option<&'a str>,
    /// Sequences between these two, neither of them included.
    pub(crate) above: Option<u64>,
    pub(crate) below: Option<u64>,
    pub(crate) newest_first: bool,
    pub(crate) limit: usize,
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
        self.decoded(sql, params![bound(from), bound(limit as u64)], usize::MAX)
    }

    pub(crate) fn run(&self, run: &RunId) -> Result<Vec<Entry>, LedgerError> {
        let sql = "SELECT sequence, leaf FROM entries WHERE run = ?1 ORDER BY sequence";
        self.decoded(sql, [run.as_str()], usize::MAX)
    }

    /// At most `limit` entries of a run, and fewer when they are large; none at its end only.
    pub(crate) fn page(&self, page: &Page<'_>) -> Result<Vec<Entry>, LedgerError> {
        let sql = self.page_sql(page);
        let run = page.run.as_str();
        let (above, below) = (page.above.map_or(-1, bound), page.below.map_or(i64::MAX, bound));
        let limit = bound(page.limit as u64);
        match page.name {
            Some(name) => {
                self.decoded(&sql, params![run, above, below, limit, name], PAGE_BYTES_MAX)
            }
            None => self.decoded(&sql, params![run, above, below, limit], PAGE_BYTES_MAX),
        }
    }

    /// The planner is told the index: it has no statistics, and would go through all of the run.
    fn page_sql(&self, page: &Page<'_>) -> String {
        let (index, named) = match page.name {
            None => ("", String::new()),
            Some(_) if self.format >= FORMAT_NAMED => {
                ("INDEXED BY entries_by_name", "AND name = ?5".to_owned())
            }
            Some(_) => ("", format!("AND {} = ?5", self.name_column())),
        };
        let order = if page.newest_first { "DESC" } else { "ASC" };
        format!(
            "SELECT sequence, leaf FROM entries {index} WHERE run = ?1 {named}
             AND sequence > ?2 AND sequence < ?3 ORDER BY sequence {order} LIMIT ?4"
        )
    }

    /// An entry's event name: its own column, or in a ledger of an earlier format, which only a
    /// writer brings up to date, a look into each leaf.
    fn name_column(&self) -> &'static str {
        if self.format >= FORMAT_NAMED {
            "name"
        } else {
            "CASE WHEN json_valid(leaf) THEN json_extract(leaf, '$.event.name') END"
        }
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
        let name = self.name_column();
        let sql = format!(
            "SELECT sequence, run, leaf_hash, leaf, {name} FROM entries
             WHERE sequence >= ?1 AND sequence < ?2 ORDER BY sequence"
        );
        let mut read = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query([first, end])?;
            while let Some(row) = rows.next()? {
                each(Leaf {
                    sequence: row.get(0)?,
                    run: row.get_ref(1)?.as_bytes_or_null()?,
                    hash: row.get_ref(2)?.as_bytes()?,
                    bytes: row.get_ref(3)?.as_bytes()?,
                    name: row.get_ref(4)?.as_bytes_or_null()?,
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

    /// The entries of these rows, up to the one that fills `bytes_max`.
    fn decoded(
        &self,
        sql: &str,
        params: impl Params,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, LedgerError> {
        let failed = |e| self.failed(e);
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query(params).map_err(failed)?;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next().map_err(failed)? {
            let sequence = row.get(0).map_err(failed)?;
            let leaf = row.get_ref(1).map_err(failed)?;
            let leaf = leaf.as_bytes().map_err(|e| failed(e.into()))?;
            entries.push(decode(sequence, leaf)?);
            bytes += leaf.len();
            if bytes >= bytes_max {
                break;
            }
        }
        Ok(entries)
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
    pub(crate) name: Option<&'a [u8]>,
}

fn bound(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    /// What is looked up per stage must not cost more as the run grows: it takes an index to each end.
    #[test]
    fn each_page_is_found_by_an_index() {
        let connection = schema::open_in_memory("example.com/factory").unwrap();
        let rows =
            Rows { connection: &connection, path: Path::new(":memory:"), format: schema::FORMAT };
        let run = RunId::new("slug-1").unwrap();
        for (name, index) in [
            (None, "entries_of_run (run=? AND sequence>? AND sequence<?)"),
            (Some("a"), "entries_by_name (run=? AND name=? AND rowid>? AND rowid<?)"),
        ] {
            for newest_first in [false, true] {
                let page =
                    Page { run: &run, name, above: None, below: None, newest_first, limit: 1 };
                let sql = format!("EXPLAIN QUERY PLAN {}", rows.page_sql(&page));
                let mut plan = connection.prepare(&sql).unwrap();
                let count = plan.parameter_count();
                let steps: Vec<String> = plan
                    .query_map(rusqlite::params_from_iter((0..count).map(|_| "1")), |row| {
                        row.get(3)
                    })
                    .unwrap()
                    .collect::<Result<_, _>>()
                    .unwrap();
                assert_eq!(steps, [format!("SEARCH entries USING INDEX {index}")]);
            }
        }
    }
}
