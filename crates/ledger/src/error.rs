//! What can go wrong with a ledger, told so that a person knows what to do next.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::Digest;

use crate::{KeyError, NoteError};

/// A failure of the ledger. It can be cloned, because one failed commit fails every caller in its group.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Another process writes to this ledger.
    #[error(
        "the ledger in {} is in use by {}: wait until it ends, stop it, or open the ledger read-only",
        dir.display(),
        pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    Locked { dir: PathBuf, pid: Option<u32> },
    /// There is no ledger here to read.
    #[error("there is no ledger in {}: check the path, or open it for writing to create one", dir.display())]
    Absent { dir: PathBuf },
    /// Without write access a log that waits to be brought into the file cannot be read.
    #[error(
        "a log lies beside the ledger in {}, and reading it takes a directory that can be written to: \
         copy the directory and read the copy",
        dir.display()
    )]
    Unwritable { dir: PathBuf },
    /// A reader that cannot lock the file out of its way saw that somebody wrote to it.
    #[error("the ledger {} was written to while it was read: read it again", path.display())]
    Changed { path: PathBuf },
    /// The file was written by a later version of this program.
    #[error(
        "the ledger {} has format {found}, and this program knows formats up to {known}: use a newer \
         version of the program",
        path.display()
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// The file is damaged, truncated, or something else.
    #[error("the ledger {} cannot be read, {why}: restore the directory from a backup", path.display())]
    Corrupt { path: PathBuf, why: String },
    /// The ledger belongs to another origin than the key.
    #[error(
        "the ledger {} is that of `{found}`, and the key signs for `{wanted}`: use the key of that origin",
        path.display()
    )]
    Origin { path: PathBuf, found: String, wanted: String },
    /// Nothing of what was to be written is stored.
    #[error(
        "the disk is full, nothing of this was added to the ledger {}: free some space and try again",
        path.display()
    )]
    Full { path: PathBuf },
    /// Writing was asked of a ledger that was opened for reading.
    #[error("the ledger was opened read-only: open it with a key to write")]
    ReadOnly,
    /// An earlier failure left the state of the disk in doubt.
    #[error("the ledger stopped taking entries after a failed write ({why}): open it again")]
    Stopped { why: String },
    /// A record that would not read back as it was.
    #[error("a record of `{event}` cannot be stored: {why}")]
    Record { event: String, why: String },
    /// More records at once than one transaction should hold.
    #[error("{found} records at once, where {max} are allowed: append them in parts")]
    TooMany { found: usize, max: usize },
    /// A body beyond the bound.
    #[error("a body of {found} bytes, where {max} are allowed: store it in parts")]
    BodyTooLarge { found: usize, max: usize },
    /// An entry names a body that was never stored, or one was asked for.
    #[error("there is no body {digest} in the ledger: store it with `put_body` before it is named")]
    NoBody { digest: Digest },
    /// A stored body is not what its digest says.
    #[error("the stored body {digest} was altered: its bytes have the digest {found}")]
    BodyAltered { digest: Digest, found: Digest },
    /// A stored entry cannot be read.
    #[error("entry {sequence} cannot be read ({why}): run a verification for the whole damage")]
    BadEntry { sequence: u64, why: String },
    /// A proof was asked for about leaves that are not there.
    #[error("a proof about {asked} leaves, where the log has {len}")]
    OutOfRange { asked: u64, len: u64 },
    /// There is no checkpoint at that size to add a signature to.
    #[error("there is no checkpoint at size {size}: sign one first")]
    NoCheckpoint { size: u64 },
    /// A stored or given checkpoint does not read as one.
    #[error("the checkpoint at size {size} is not usable")]
    Checkpoint {
        size: u64,
        #[source]
        source: NoteError,
    },
    /// The key is not fit to sign.
    #[error(transparent)]
    Key(Arc<KeyError>),
    /// The operating system refused a file.
    #[error("failed to {what} {}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: Arc<std::io::Error>,
    },
    /// Any other failure of the database.
    #[error("the ledger's database failed while it was to {what}")]
    Database {
        what: &'static str,
        #[source]
        source: Arc<rusqlite::Error>,
    },
}

impl From<KeyError> for LedgerError {
    fn from(error: KeyError) -> Self {
        Self::Key(Arc::new(error))
    }
}

impl LedgerError {
    pub(crate) fn io(what: &'static str, path: &Path, source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::StorageFull {
            return Self::Full { path: path.to_owned() };
        }
        Self::Io { what, path: path.to_owned(), source: Arc::new(source) }
    }

    /// What a database error means for the ledger in `path`.
    pub(crate) fn database(what: &'static str, path: &Path, error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { path, why: error.to_string() }
            }
            _ => Self::Database { what, source: Arc::new(error) },
        }
    }

    /// Whether a later write could still be trusted. After a full disk, yes: the transaction was
    /// rolled back. After a failed write or sync nobody knows what the disk holds.
    pub(crate) fn leaves_doubt(&self) -> bool {
        match self {
            Self::Corrupt { .. } | Self::Io { .. } => true,
            Self::Database { source, .. } => {
                source.sqlite_error_code() != Some(rusqlite::ErrorCode::DatabaseBusy)
            }
            _ => false,
        }
    }
}
