//! The one writer: takes what callers hand in, and commits whatever waits in one transaction.
//!
//! A sync of the disk costs the same for one entry as for a thousand. While one group is being
//! committed the next one gathers, so that nobody waits for a timer. A caller is answered only when
//! its part is durable.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use base::{Digest, RunId, Timestamp};
use rusqlite::{Connection, Params, TransactionBehavior, params};

use crate::record::leaf;
use crate::rows::{Rows, STORED_LEVELS};
use crate::schema::FORMAT;
use crate::tree::{Frontier, leaf_hash};
use crate::{Checkpoint, LedgerError, LedgerKey, NoteSignature, SignedCheckpoint};

/// Callers that wait to be taken into a group; the next one blocks. Each is a blocked thread, so
/// that a thousand is more than any factory has.
const QUEUE_MAX: usize = 1024;

/// A group beyond this many bytes is committed before more is taken in: it bounds how long the first
/// caller of a group waits for the last.
const GROUP_BYTES_MAX: usize = 32 << 20;

/// A record in canonical form, with what its row needs beside it.
pub(crate) struct Prepared {
    pub(crate) bytes: Vec<u8>,
    pub(crate) time: Timestamp,
    pub(crate) run: Option<RunId>,
    pub(crate) name: String,
    pub(crate) bodies: Vec<Digest>,
}

/// What a caller wants written. Each is written whole or not at all.
pub(crate) enum Job {
    /// Records, and bodies that they name; each body under its digest.
    Append {
        bodies: Vec<(Digest, Vec<u8>)>,
        records: Vec<Prepared>,
    },
    Body {
        digest: Digest,
        bytes: Vec<u8>,
    },
    Checkpoint,
    Cosign {
        size: u64,
        signature: NoteSignature,
    },
}

/// What became of a job, once it is durable.
pub(crate) enum Done {
    /// The first entry's sequence; the others follow it.
    Appended(u64),
    Stored,
    Signed(SignedCheckpoint),
}

struct Request {
    job: Job,
    reply: SyncSender<Result<Done, LedgerError>>,
}

/// The writer's thread, which ends with this handle.
pub(crate) struct Writer {
    requests: Option<SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the writer on the connection, at the end of the log that it finds.
    pub(crate) fn start(
        connection: Arc<Mutex<Connection>>,
        path: PathBuf,
        key: LedgerKey,
    ) -> Result<Self, LedgerError> {
        let frontier = {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            resume(&Rows { connection: &connection, path: &path, format: FORMAT })?
        };
        let (requests, queue) = sync_channel(QUEUE_MAX);
        let mut state = State { connection, path: path.clone(), key, frontier, stopped: None };
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || state.serve(&queue))
            .map_err(|e| LedgerError::io("start the writer's thread for", &path, e))?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Hands a job in and waits until it is durable.
    pub(crate) fn perform(&self, job: Job) -> Result<Done, LedgerError> {
        let ended = || LedgerError::Stopped { why: "its writer has ended".to_owned() };
        let (reply, answer) = sync_channel(1);
        let requests = self.requests.as_ref().expect("the sender lives as long as the handle");
        requests.send(Request { job, reply }).map_err(|_| ended())?;
        answer.recv().map_err(|_| ended())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported there; every caller has seen `Stopped`.
            let _ = thread.join();
        }
    }
}

/// The end of the log, when it is still the log that the last checkpoint was signed over: nothing
/// may be appended to a log that lost its tail.
fn resume(rows: &Rows<'_>) -> Result<Frontier, LedgerError> {
    let len = rows.len()?;
    let corrupt = |why| LedgerError::Corrupt { path: rows.path.to_owned(), why };
    if let Some(signed) = rows.last_checkpoint()? {
        let Checkpoint { size, root, .. } = signed.checkpoint();
        if *size > len {
            return Err(corrupt(format!(
                "its last checkpoint is over {size} entries and it has {len}"
            )));
        }
        if rows.frontier(*size)?.root() != *root {
            return Err(corrupt(format!(
                "its first {size} entries are not those of its checkpoint"
            )));
        }
    }
    rows.frontier(len)
}

struct State {
    connection: Arc<Mutex<Connection>>,
    path: PathBuf,
    key: LedgerKey,
    /// The edge of what is durable.
    frontier: Frontier,
    /// Why nothing more is written, once the disk's state is in doubt.
    stopped: Option<String>,
}

impl State {
    fn serve(&mut self, queue: &Receiver<Request>) {
        while let Ok(first) = queue.recv() {
            self.settle(gather(first, queue));
        }
    }

    /// Commits a group and answers its callers.
    fn settle(&mut self, group: Vec<Request>) {
        let (jobs, replies): (Vec<_>, Vec<_>) = group.into_iter().map(|r| (r.job, r.reply)).unzip();
        let outcome = match &self.stopped {
            Some(why) => Err(LedgerError::Stopped { why: why.clone() }),
            None => self.commit(&jobs),
        };
        if let Err(error) = &outcome
            && error.leaves_doubt()
        {
            self.stopped = Some(error.to_string());
        }
        // A caller that is gone has no use for its answer.
        match outcome {
            Ok(answers) => replies.iter().zip(answers).for_each(|(reply, answer)| {
                let _ = reply.send(answer);
            }),
            Err(error) => replies.iter().for_each(|reply| {
                let _ = reply.send(Err(error.clone()));
            }),
        }
    }

    /// One transaction for all jobs. The inner results are refusals, which concern one job; the
    /// outer error rolls everything back.
    fn commit(&mut self, jobs: &[Job]) -> Result<Vec<Answer>, LedgerError> {
        let failed = |what| {
            let path = &self.path;
            move |error| LedgerError::database(what, path, error)
        };
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed("begin a transaction"))?;
        let mut group = Group {
            rows: Rows { connection: &transaction, path: &self.path, format: FORMAT },
            key: &self.key,
            frontier: self.frontier.clone(),
        };
        let answers = jobs.iter().map(|job| group.perform(job)).collect::<Result<_, _>>()?;
        let frontier = group.frontier;
        transaction.commit().map_err(failed("commit"))?;
        self.frontier = frontier;
        Ok(answers)
    }
}

/// What one caller is told.
type Answer = Result<Done, LedgerError>;

/// One transaction under way, and the edge that the log will have after it.
struct Group<'a> {
    rows: Rows<'a>,
    key: &'a LedgerKey,
    frontier: Frontier,
}

impl Group<'_> {
    /// Does one job. A refusal comes before the job's first row, so that it leaves none behind.
    fn perform(&mut self, job: &Job) -> Result<Answer, LedgerError> {
        match job {
            Job::Append { bodies, records } => self.append(bodies, records),
            Job::Body { digest, bytes } => {
                self.store_body(digest, bytes)?;
                Ok(Ok(Done::Stored))
            }
            Job::Checkpoint => self.checkpoint(),
            Job::Cosign { size, signature } => self.cosign(*size, signature),
        }
    }

    fn store_body(&self, digest: &Digest, bytes: &[u8]) -> Result<(), LedgerError> {
        let sql = "INSERT OR IGNORE INTO bodies (digest, bytes) VALUES (?1, ?2)";
        self.write(sql, params![digest.as_bytes(), bytes])
    }

    fn append(
        &mut self,
        bodies: &[(Digest, Vec<u8>)],
        records: &[Prepared],
    ) -> Result<Answer, LedgerError> {
        let is_given = |digest| bodies.iter().any(|(given, _)| given == digest);
        for digest in records.iter().flat_map(|record| &record.bodies) {
            if !is_given(digest) && !self.rows.has_body(digest)? {
                return Ok(Err(LedgerError::NoBody { digest: *digest }));
            }
        }
        for (digest, bytes) in bodies {
            self.store_body(digest, bytes)?;
        }
        let first = self.frontier.size();
        for record in records {
            self.append_one(record)?;
        }
        Ok(Ok(Done::Appended(first)))
    }

    fn append_one(&mut self, record: &Prepared) -> Result<(), LedgerError> {
        let sequence = self.frontier.size();
        let leaf = leaf(&record.bytes, record.time, sequence);
        let text = std::str::from_utf8(&leaf).expect("JSON is UTF-8");
        let hash = leaf_hash(&leaf);
        let run = record.run.as_ref().map(RunId::as_str);
        let sql = "INSERT INTO entries (sequence, run, leaf_hash, leaf, name)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        self.write(sql, params![sequence, run, hash, text, record.name])?;
        let mut completed = Vec::new();
        self.frontier.push(hash, |position, hash| {
            if position.level % STORED_LEVELS == 0 {
                completed.push((position, hash));
            }
        });
        for (position, hash) in completed {
            let sql = "INSERT INTO nodes (level, place, hash) VALUES (?1, ?2, ?3)";
            self.write(sql, params![position.level, position.index, hash])?;
        }
        Ok(())
    }

    /// The signed head of the log as it stands. The same size is never signed twice by one key.
    fn checkpoint(&mut self) -> Result<Answer, LedgerError> {
        let size = self.frontier.size();
        let unusable = |source| LedgerError::Checkpoint { size, source };
        let signed = match self.rows.checkpoint(size)? {
            Some(signed) if signed.verify(&[self.key.verifier()]).is_ok() => {
                return Ok(Ok(Done::Signed(signed)));
            }
            // A checkpoint under an earlier key of this log gets a further signature.
            Some(mut signed) => match signed.countersign(self.key) {
                Ok(()) => signed,
                Err(error) => return Ok(Err(unusable(error))),
            },
            None => {
                let (origin, root) = (self.key.name().to_owned(), self.frontier.root());
                match SignedCheckpoint::sign(Checkpoint { origin, size, root }, self.key) {
                    Ok(signed) => signed,
                    Err(error) => return Ok(Err(unusable(error))),
                }
            }
        };
        self.store(&signed)?;
        Ok(Ok(Done::Signed(signed)))
    }

    fn cosign(&mut self, size: u64, signature: &NoteSignature) -> Result<Answer, LedgerError> {
        let Some(mut signed) = self.rows.checkpoint(size)? else {
            return Ok(Err(LedgerError::NoCheckpoint { size }));
        };
        if let Err(source) = signed.add(signature.clone()) {
            return Ok(Err(LedgerError::Checkpoint { size, source }));
        }
        self.store(&signed)?;
        Ok(Ok(Done::Signed(signed)))
    }

    fn store(&self, signed: &SignedCheckpoint) -> Result<(), LedgerError> {
        let sql = "INSERT INTO checkpoints (size, note) VALUES (?1, ?2)
                   ON CONFLICT (size) DO UPDATE SET note = excluded.note";
        self.write(sql, params![signed.checkpoint().size, signed.to_string()])
    }

    fn write(&self, sql: &str, params: impl Params) -> Result<(), LedgerError> {
        let write = || self.rows.connection.prepare_cached(sql)?.execute(params);
        write().map(drop).map_err(|e| LedgerError::database("write", self.rows.path, e))
    }
}

/// Takes in whatever waits, up to the bound on bytes.
fn gather(first: Request, queue: &Receiver<Request>) -> Vec<Request> {
    let mut bytes = first.job.bytes();
    let mut group = vec![first];
    while bytes < GROUP_BYTES_MAX && group.len() < QUEUE_MAX {
        let Ok(next) = queue.try_recv() else { break };
        bytes += next.job.bytes();
        group.push(next);
    }
    group
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Self::Append { bodies, records } => {
                let bodies = bodies.iter().map(|(_, bytes)| bytes.len());
                bodies.chain(records.iter().map(|record| record.bytes.len())).sum()
            }
            Self::Body { bytes, .. } => bytes.len(),
            Self::Checkpoint | Self::Cosign { .. } => 0,
        }
    }
}
