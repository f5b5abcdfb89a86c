//! The connections that the log is read on: kept for the next reader, and given up when the file has
//! changed under one that could not lock it.
//!
//! This module knows who may read at the same time as whom, and refuses to know what is read.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::rows::Rows;
use crate::{LedgerError, schema};

/// Connections that are kept for the next reader; more readers at once open their own.
const IDLE_MAX: usize = 4;

pub(crate) enum Readers {
    /// A database in memory has only the connection that made it.
    Shared(Arc<Mutex<Connection>>),
    Own {
        idle: Mutex<Vec<Reader>>,
    },
}

impl Readers {
    /// Readers of the database at `path`, of which one has seen that it can be read.
    pub(crate) fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self::Own { idle: Mutex::new(vec![Reader::open(path)?]) })
    }

    /// Readers beside a writer that has seen to the file.
    pub(crate) fn beside_writer() -> Self {
        Self::Own { idle: Mutex::default() }
    }

    /// Runs `read` on a connection that nobody else is using.
    pub(crate) fn read<T>(
        &self,
        path: &Path,
        read: impl FnOnce(&Rows<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        match self {
            Self::Shared(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                read(&Rows { connection: &connection, path, format: schema::FORMAT })
            }
            Self::Own { idle } => {
                let waiting = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let reader = match waiting {
                    Some(reader) if reader.is_current(path)? => reader,
                    _ => Reader::open(path)?,
                };
                let rows = Rows { connection: &reader.connection, path, format: reader.format };
                let result = read(&rows);
                if !reader.is_current(path)? {
                    return Err(LedgerError::Changed { path: path.to_owned() });
                }
                let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
                if idle.len() < IDLE_MAX {
                    idle.push(reader);
                }
                result
            }
        }
    }
}

/// One connection for reading.
pub(crate) struct Reader {
    connection: Connection,
    /// What the file had when it was opened: a writer may since have brought it up to date, which
    /// takes nothing away.
    format: i64,
    /// The file as it was when it was opened, where no lock keeps it so.
    unlocked: Option<Stamp>,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, LedgerError> {
        let connection = connect(path, OpenFlags::empty())?;
        match schema::recognise(&connection, path) {
            Ok(format) => Ok(Self { connection, format, unlocked: None }),
            Err(LedgerError::Database { source, .. })
                if matches!(
                    source.sqlite_error_code(),
                    Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
                ) =>
            {
                Self::open_unlocked(path)
            }
            Err(error) => Err(error),
        }
    }

    /// Opens the database where SQLite cannot put its locks beside it: on a medium or in a directory
    /// that this user cannot write to.
    ///
    /// Without a log beside it the file is all there is, and it changes only if a writer comes. That
    /// is looked for after each read instead of being locked out.
    fn open_unlocked(path: &Path) -> Result<Self, LedgerError> {
        let Some(stamp) = Stamp::of(path)? else {
            let dir = path.parent().unwrap_or(path).to_owned();
            return Err(LedgerError::Unwritable { dir });
        };
        let connection = connect(&immutable_uri(path), OpenFlags::SQLITE_OPEN_URI)?;
        let format = schema::recognise(&connection, path)?;
        Ok(Self { connection, format, unlocked: Some(stamp) })
    }

    /// Whether what this connection reads, and has read, is the database as it is.
    fn is_current(&self, path: &Path) -> Result<bool, LedgerError> {
        match self.unlocked {
            None => Ok(true),
            Some(stamp) => Ok(Stamp::of(path)? == Some(stamp)),
        }
    }
}

fn connect(path: &Path, more: OpenFlags) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        schema::configure(&connection)?;
        Ok(connection)
    };
    open().map_err(|e| LedgerError::database("open it for reading", path, e))
}

/// <https://sqlite.org/uri.html>: what is no plain character of a path is written in hexadecimal.
fn immutable_uri(path: &Path) -> PathBuf {
    let mut uri = b"file:".to_vec();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(*byte),
            other => uri.extend_from_slice(format!("%{other:02x}").as_bytes()),
        }
    }
    uri.extend_from_slice(b"?immutable=1");
    OsString::from_vec(uri).into()
}

/// Tells whether a writer has been there: while one is, its log lies beside the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    len: u64,
}

impl Stamp {
    /// Nothing while there is a log.
    fn of(path: &Path) -> Result<Option<Self>, LedgerError> {
        if schema::exists(&schema::log(path))? {
            return Ok(None);
        }
        let read = || {
            let metadata = std::fs::metadata(path)?;
            Ok(Self { modified: metadata.modified()?, len: metadata.len() })
        };
        read().map(Some).map_err(|e| LedgerError::io("read", path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_in_a_uri() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a?b#c%20 é.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE here (x)").unwrap();
        let connection = connect(&immutable_uri(&path), OpenFlags::SQLITE_OPEN_URI).unwrap();
        connection.prepare("SELECT x FROM here").unwrap();
    }
}
