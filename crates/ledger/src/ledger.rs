//! The handle on a ledger: what the rest of the factory holds.
//!
//! Writes go to the one writer (`writer`), reads to connections of their own (`rows`). This module
//! only joins them.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base::{Digest, RunId};

use crate::proof::{prove_consistency, prove_inclusion};
use crate::readers::Readers;
use crate::rows::Rows;
use crate::tree::Hash;
use crate::writer::{Done, Job, Prepared, Writer};
use crate::{
    Entry, LedgerError, LedgerKey, NoteSignature, Record, RunEntries, SignedCheckpoint, schema,
};

/// Records in one `append`: at a kilobyte each one transaction then stays under 64 MB.
pub const APPEND_RECORDS_MAX: usize = 1 << 16;

/// A body is read and written whole, in memory. SQLite would take four times as much.
pub const BODY_BYTES_MAX: usize = 256 << 20;

/// A handle on a ledger. Clones share it; the writer's lock goes with the last of them.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

/// Dropped in this order: the writer's connection closes after the readers', being the one that can
/// bring SQLite's log into the file, and before the lock is given up.
struct Inner {
    readers: Readers,
    writer: Option<Writer>,
    path: PathBuf,
    _lock: Option<File>,
}

impl Ledger {
    /// Opens the ledger in `dir` for writing, creating both if absent. No other process, and no other
    /// handle in this one, can write to it until the last clone is dropped.
    ///
    /// # Errors
    /// When another process has it open, when the file is damaged, truncated, of a newer format or of
    /// another origin than the key's, or cannot be created.
    pub fn open(dir: &Path, key: LedgerKey) -> Result<Self, LedgerError> {
        let lock = schema::lock(dir)?;
        let (connection, path) = schema::open_writer(dir, key.name())?;
        let connection = Arc::new(Mutex::new(connection));
        let writer = Writer::start(connection, path.clone(), key)?;
        let readers = Readers::beside_writer();
        Ok(Self::new(Inner { writer: Some(writer), readers, path, _lock: Some(lock) }))
    }

    /// Opens the ledger in `dir` for reading, also while another process writes to it.
    ///
    /// # Errors
    /// When there is none, or it is damaged, truncated or of a newer format; in a directory that
    /// cannot be written to, when a crash has left a log there.
    pub fn open_read_only(dir: &Path) -> Result<Self, LedgerError> {
        let path = schema::existing(dir)?;
        let readers = Readers::open(&path)?;
        Ok(Self::new(Inner { writer: None, readers, path, _lock: None }))
    }

    /// A ledger that is gone with its last handle, for tests and simulations.
    ///
    /// # Errors
    /// When memory or a thread is not to be had.
    pub fn in_memory(key: LedgerKey) -> Result<Self, LedgerError> {
        let connection = Arc::new(Mutex::new(schema::open_in_memory(key.name())?));
        let path = PathBuf::from(":memory:");
        let writer = Writer::start(Arc::clone(&connection), path.clone(), key)?;
        let readers = Readers::Shared(connection);
        Ok(Self::new(Inner { writer: Some(writer), readers, path, _lock: None }))
    }

    /// Adds records to the end of the log, in their order and without others between them: all or
    /// none. They are durable when this returns; callers on several threads share one sync.
    ///
    /// # Errors
    /// When a record cannot be stored as it is, names a body that was never put, or there are more
    /// than [`APPEND_RECORDS_MAX`]; when the disk is full or fails.
    pub fn append(&self, records: Vec<Record>) -> Result<Vec<Entry>, LedgerError> {
        self.append_with(&[], records)
    }

    /// [`Ledger::append`], and the bodies that the records name, in one: neither is there without the
    /// other, and both cost one sync. Bodies that are there already stay as they are.
    ///
    /// # Errors
    /// As [`Ledger::append`] and [`Ledger::put_body`].
    pub fn append_with(
        &self,
        bodies: &[&[u8]],
        records: Vec<Record>,
    ) -> Result<Vec<Entry>, LedgerError> {
        let found = records.len().max(bodies.len());
        if found > APPEND_RECORDS_MAX {
            return Err(LedgerError::TooMany { found, max: APPEND_RECORDS_MAX });
        }
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let bodies = bodies.iter().map(|bytes| {
            check_size(bytes)?;
            Ok((Digest::of(bytes), bytes.to_vec()))
        });
        let bodies = bodies.collect::<Result<_, LedgerError>>()?;
        let prepare = |record: &Record| {
            let (bytes, bodies) = (record.prepare()?, record.bodies.clone());
            let (run, name) = (record.run.clone(), record.event.name.clone());
            Ok(Prepared { bytes, time: record.time, run, name, bodies })
        };
        let prepared = records.iter().map(prepare).collect::<Result<_, LedgerError>>()?;
        let job = Job::Append { bodies, records: prepared };
        let Done::Appended(first) = self.writer()?.perform(job)? else {
            unreachable!("the writer answers an append with its place");
        };
        let entry = |(sequence, record)| Entry { sequence, record };
        Ok((first..).zip(records).map(entry).collect())
    }

    /// Stores a body under its digest, durably. Storing it again changes nothing.
    ///
    /// # Errors
    /// When it is larger than [`BODY_BYTES_MAX`]; when the disk is full or fails.
    pub fn put_body(&self, bytes: &[u8]) -> Result<Digest, LedgerError> {
        check_size(bytes)?;
        let writer = self.writer()?;
        let digest = Digest::of(bytes);
        if !self.read(|rows| rows.has_body(&digest))? {
            writer.perform(Job::Body { digest, bytes: bytes.to_vec() })?;
        }
        Ok(digest)
    }

    /// The body with this digest, checked against it.
    ///
    /// # Errors
    /// When there is none, or it was altered.
    pub fn body(&self, digest: &Digest) -> Result<Vec<u8>, LedgerError> {
        self.read(|rows| rows.body(digest))?.ok_or(LedgerError::NoBody { digest: *digest })
    }

    /// How many entries the log has.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn len(&self) -> Result<u64, LedgerError> {
        self.read(|rows| rows.len())
    }

    /// Whether the log has no entry.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn is_empty(&self) -> Result<bool, LedgerError> {
        Ok(self.len()? == 0)
    }

    /// At most `limit` entries from sequence `from` on, in their order.
    ///
    /// # Errors
    /// When the database or an entry cannot be read.
    pub fn entries(&self, from: u64, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        self.read(|rows| rows.entries(from, limit))
    }

    /// All entries of a run, in their order and in memory at once: a long run is better gone through
    /// with [`Ledger::run_entries`].
    ///
    /// # Errors
    /// When the database or an entry cannot be read.
    pub fn run(&self, run: &RunId) -> Result<Vec<Entry>, LedgerError> {
        self.read(|rows| rows.run(run))
    }

    /// The entries of a run as they are asked for, each perhaps an error: all of them in their order,
    /// unless less is chosen.
    ///
    /// ```
    /// # use base::RunId;
    /// # use ledger::{Entry, Ledger, LedgerError};
    /// # fn newest_of_three(ledger: &Ledger, run: &RunId) -> Result<Vec<Entry>, LedgerError> {
    /// ledger.run_entries(run).named("model.called").newest_first().take(3).collect()
    /// # }
    /// ```
    pub fn run_entries(&self, run: &RunId) -> RunEntries {
        RunEntries::new(self, run)
    }

    /// The entries of a run after entry `sequence`, in their order.
    ///
    /// # Errors
    /// When the database or an entry cannot be read.
    pub fn run_since(&self, run: &RunId, sequence: u64) -> Result<Vec<Entry>, LedgerError> {
        self.run_entries(run).after(sequence).collect()
    }

    /// The entries of a run with one event name, in their order. It takes time by their number, not
    /// by the run's.
    ///
    /// # Errors
    /// When the database or an entry cannot be read.
    pub fn run_named(&self, run: &RunId, name: &str) -> Result<Vec<Entry>, LedgerError> {
        self.run_entries(run).named(name).collect()
    }

    /// The newest entry of a run with one event name, found without the others.
    ///
    /// # Errors
    /// When the database or the entry cannot be read.
    pub fn run_newest(&self, run: &RunId, name: &str) -> Result<Option<Entry>, LedgerError> {
        self.run_entries(run).named(name).newest_first().next().transpose()
    }

    /// All runs, in the order of their first entries.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn runs(&self) -> Result<Vec<RunId>, LedgerError> {
        self.read(|rows| rows.runs())
    }

    /// Signs the head of the log over all durable entries and stores it. Without new entries it is
    /// the stored one, with its cosignatures.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, LedgerError> {
        self.signed(Job::Checkpoint)
    }

    /// The last stored checkpoint, if there is one. Nothing about it is verified.
    ///
    /// # Errors
    /// When the database or the checkpoint cannot be read.
    pub fn last_checkpoint(&self) -> Result<Option<SignedCheckpoint>, LedgerError> {
        self.read(|rows| rows.last_checkpoint())
    }

    /// Adds a witness's signature line to the stored checkpoint at `size`. Whether it is right, only
    /// who knows the witness's key can tell: [`Ledger::verify`] does.
    ///
    /// # Errors
    /// When there is no checkpoint at that size, or it has too many signatures.
    pub fn add_cosignature(
        &self,
        size: u64,
        signature: NoteSignature,
    ) -> Result<SignedCheckpoint, LedgerError> {
        self.signed(Job::Cosign { size, signature })
    }

    /// The proof that entry `sequence` is in the tree of the first `size` entries (RFC 6962, 2.1.1).
    ///
    /// # Errors
    /// When there are not so many entries.
    pub fn inclusion(&self, sequence: u64, size: u64) -> Result<Vec<Hash>, LedgerError> {
        self.read(|rows| {
            in_range(sequence.saturating_add(1), size)?;
            in_range(size, rows.len()?)?;
            prove_inclusion(sequence, size, &mut |position| rows.node(position))
        })
    }

    /// The proof that the tree of `new` entries begins with that of `old` (RFC 6962, 2.1.2).
    ///
    /// # Errors
    /// When there are not so many entries.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, LedgerError> {
        self.read(|rows| {
            in_range(old, new)?;
            in_range(new, rows.len()?)?;
            prove_consistency(old, new, &mut |position| rows.node(position))
        })
    }

    fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    fn writer(&self) -> Result<&Writer, LedgerError> {
        self.inner.writer.as_ref().ok_or(LedgerError::ReadOnly)
    }

    fn signed(&self, job: Job) -> Result<SignedCheckpoint, LedgerError> {
        let Done::Signed(signed) = self.writer()?.perform(job)? else {
            unreachable!("the writer answers with the checkpoint that it signed");
        };
        Ok(signed)
    }

    /// Runs `read` on a connection that nobody else is using.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Rows<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.inner.readers.read(&self.inner.path, read)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({})", self.inner.path.display())
    }
}

fn in_range(asked: u64, len: u64) -> Result<(), LedgerError> {
    if asked > len { Err(LedgerError::OutOfRange { asked, len }) } else { Ok(()) }
}

fn check_size(bytes: &[u8]) -> Result<(), LedgerError> {
    if bytes.len() > BODY_BYTES_MAX {
        let (found, max) = (bytes.len(), BODY_BYTES_MAX);
        return Err(LedgerError::BodyTooLarge { found, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use serde_json::json;

    use super::*;
    use crate::record::tests::record;

    fn ledger(dir: &Path) -> (Ledger, Arc<Mutex<Connection>>) {
        let key = LedgerKey::generate("example.com/factory", [7; 32]).unwrap();
        let lock = schema::lock(dir).unwrap();
        let (connection, path) = schema::open_writer(dir, key.name()).unwrap();
        let connection = Arc::new(Mutex::new(connection));
        let writer = Some(Writer::start(Arc::clone(&connection), path.clone(), key).unwrap());
        let readers = Readers::beside_writer();
        (Ledger::new(Inner { readers, writer, path, _lock: Some(lock) }), connection)
    }

    fn large() -> Record {
        record("slug-1", json!("x".repeat(100_000)))
    }

    /// SQLite's bound on pages stands in for the disk: it gives the same error.
    #[test]
    fn a_full_disk_refuses_and_keeps_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, connection) = ledger(dir.path());
        let bound = |pages: i64| {
            let connection = connection.lock().unwrap();
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
        };
        ledger.append(vec![record("slug-1", json!(1))]).unwrap();
        bound(40);
        let error = ledger.append(vec![large(), large()]).unwrap_err();
        assert!(matches!(error, LedgerError::Full { .. }), "{error:?}");
        assert!(error.to_string().contains("free some space and try again"), "{error}");
        assert!(matches!(ledger.put_body(&[1; 300_000]), Err(LedgerError::Full { .. })));
        assert_eq!(ledger.len().unwrap(), 1);
        // With space again it goes on where it was, and the tree has no trace of the failure.
        bound(4000);
        assert_eq!(ledger.append(vec![large(), large()]).unwrap()[0].sequence, 1);
        let signed = ledger.checkpoint().unwrap();
        let verifier = LedgerKey::generate("example.com/factory", [7; 32]).unwrap().verifier();
        assert_eq!(signed.checkpoint().size, 3);
        assert_eq!(ledger.verify(&[verifier], |_| {}).unwrap().signed_entries, 3);
    }

    /// After a failure that says nothing about what the disk holds, nothing more is written.
    #[test]
    fn a_failed_write_stops_the_writer_until_the_ledger_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, connection) = ledger(dir.path());
        ledger.append(vec![record("slug-1", json!(1))]).unwrap();
        connection.lock().unwrap().execute_batch("ALTER TABLE entries RENAME TO gone").unwrap();
        let first = ledger.append(vec![record("slug-1", json!(2))]).unwrap_err();
        assert!(matches!(first, LedgerError::Database { .. }), "{first:?}");
        connection.lock().unwrap().execute_batch("ALTER TABLE gone RENAME TO entries").unwrap();
        let second = ledger.append(vec![record("slug-1", json!(2))]).unwrap_err();
        assert!(matches!(second, LedgerError::Stopped { .. }), "{second:?}");
        drop((ledger, connection));
        let (ledger, _) = self::ledger(dir.path());
        assert_eq!(ledger.append(vec![record("slug-1", json!(2))]).unwrap()[0].sequence, 1);
    }
}
