//! The database file: how it is made, opened, recognised, locked, and brought to the present format.
//!
//! This module knows SQLite's files and settings, and refuses to know what the rows mean.
//!
//! Bodies are rows too, rather than files. They become durable in the same transaction as the entries
//! that name them, a crash leaves nothing to clean up, a full disk has one face, and a ledger is one
//! file to copy, lock and hand to somebody. The price is that a body of tens of megabytes is written
//! twice (log, then table) and holds up the writer for some tenths of a second.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::LedgerError;

const DATABASE: &str = "ledger.db";
/// Where a new database is made, so that a crash while it is made leaves no half of one.
const DATABASE_NEW: &str = "ledger.db.new";
const LOCK: &str = "ledger.lock";

/// "Dark" in ASCII, in the file's header: `file` and we can tell a ledger from other databases.
const APPLICATION_ID: i64 = 0x4461_726b;

/// The steps from each format to the next; a file's `user_version` says how many it has had. A step
/// is never changed once a ledger may have had it: `rusqlite_migration` would do the same by the
/// same number, but follows a later `rusqlite` than the workspace's.
const MIGRATIONS: [&str; 2] = ["
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE entries (
        sequence  INTEGER PRIMARY KEY,
        run       TEXT,           -- the leaf's own `run`, to find it by
        leaf_hash BLOB NOT NULL,  -- RFC 6962, to name the entry that was altered
        leaf      TEXT NOT NULL   -- the entry in canonical JSON
    ) STRICT;
    CREATE INDEX entries_of_run ON entries (run, sequence) WHERE run IS NOT NULL;
    CREATE TABLE nodes (          -- perfect subtrees of 256, 65536, … leaves
        level INTEGER NOT NULL,
        place INTEGER NOT NULL,
        hash  BLOB NOT NULL,
        PRIMARY KEY (level, place)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
    CREATE TABLE bodies (digest BLOB PRIMARY KEY NOT NULL, bytes BLOB NOT NULL) STRICT;
", "
    ALTER TABLE entries ADD COLUMN name TEXT;  -- the leaf's own `event.name`, to find it by
    UPDATE entries SET name = CASE WHEN json_valid(leaf) THEN json_extract(leaf, '$.event.name') END;
    CREATE INDEX entries_by_name ON entries (run, name) WHERE run IS NOT NULL;
"];

/// The format that this program writes.
pub(crate) const FORMAT: i64 = MIGRATIONS.len() as i64;

/// The first format in which entries can be found by name.
pub(crate) const FORMAT_NAMED: i64 = 2;

/// How long a statement waits for another connection: only SQLite's own housekeeping and a last
/// writer's exit ever hold one up.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// A log of SQLite's that a huge body has swollen is cut back to this many bytes.
const WAL_BYTES_KEPT: i64 = 64 << 20;

/// Takes the directory's writer lock, creating the directory. The lock goes with the file handle,
/// also when the process is killed.
pub(crate) fn lock(dir: &Path) -> Result<File, LedgerError> {
    std::fs::create_dir_all(dir).map_err(|e| LedgerError::io("create the directory", dir, e))?;
    let path = dir.join(LOCK);
    let failed = |e| LedgerError::io("lock", &path, e);
    let mut options = OpenOptions::new();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // Who holds it is a courtesy; ten digits are the longest process id.
            let _ = file.take(10).read_to_string(&mut text);
            return Err(LedgerError::Locked { dir: dir.to_owned(), pid: text.trim().parse().ok() });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0).map_err(failed)?;
    write!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

/// Opens the database in `dir` for its one writer, creating it for `origin` if there is none.
pub(crate) fn open_writer(dir: &Path, origin: &str) -> Result<(Connection, PathBuf), LedgerError> {
    let path = dir.join(DATABASE);
    if !exists(&path)? {
        create(dir, &path, origin)?;
    }
    refuse_empty(&path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags)
        .map_err(|e| LedgerError::database("open it", &path, e))?;
    recognise(&connection, &path)?;
    configure_writer(&connection).map_err(|e| LedgerError::database("set it up", &path, e))?;
    migrate(&mut connection).map_err(|e| LedgerError::database("migrate it", &path, e))?;
    check_origin(&connection, &path, origin)?;
    Ok((connection, path))
}

/// The database in `dir` that is to be read.
pub(crate) fn existing(dir: &Path) -> Result<PathBuf, LedgerError> {
    let path = dir.join(DATABASE);
    if !exists(&path)? {
        return Err(LedgerError::Absent { dir: dir.to_owned() });
    }
    refuse_empty(&path)?;
    Ok(path)
}

/// Where SQLite keeps what it has not yet brought into the file.
pub(crate) fn log(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// A database that lives as long as its connection.
pub(crate) fn open_in_memory(origin: &str) -> Result<Connection, LedgerError> {
    let make = || {
        let mut connection = Connection::open_in_memory()?;
        configure(&connection)?;
        migrate(&mut connection)?;
        set_origin(&connection, origin)?;
        Ok(connection)
    };
    make().map_err(|e| LedgerError::database("make it", Path::new(":memory:"), e))
}

pub(crate) fn exists(path: &Path) -> Result<bool, LedgerError> {
    path.try_exists().map_err(|e| LedgerError::io("look for", path, e))
}

fn create(dir: &Path, path: &Path, origin: &str) -> Result<(), LedgerError> {
    let log = log(path);
    if exists(&log)? {
        // SQLite would play the old log into the new file.
        let why = format!("it is missing, while its log {} is there", log.display());
        return Err(LedgerError::Corrupt { path: path.to_owned(), why });
    }
    let new = dir.join(DATABASE_NEW);
    for suffix in ["", "-wal", "-shm"] {
        let stale = dir.join(format!("{DATABASE_NEW}{suffix}"));
        if exists(&stale)? {
            std::fs::remove_file(&stale).map_err(|e| LedgerError::io("remove", &stale, e))?;
        }
    }
    let make = || {
        let mut connection = Connection::open(&new)?;
        configure_writer(&connection)?;
        migrate(&mut connection)?;
        set_origin(&connection, origin)?;
        // Brings everything from the log into the file, and removes the log.
        connection.close().map_err(|(_, error)| error)
    };
    make().map_err(|e| LedgerError::database("create it", path, e))?;
    let publish = || {
        std::fs::rename(&new, path)?;
        File::open(dir)?.sync_all()
    };
    publish().map_err(|e| LedgerError::io("create", path, e))
}

/// SQLite takes an empty file for a new database; here it is one that lost everything.
fn refuse_empty(path: &Path) -> Result<(), LedgerError> {
    let metadata = std::fs::metadata(path).map_err(|e| LedgerError::io("read", path, e))?;
    if metadata.len() == 0 {
        let why = "it is empty".to_owned();
        return Err(LedgerError::Corrupt { path: path.to_owned(), why });
    }
    Ok(())
}

/// The file's format, when it is a ledger that this program can read.
pub(crate) fn recognise(connection: &Connection, path: &Path) -> Result<i64, LedgerError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let read = || Ok((pragma("application_id")?, pragma("user_version")?));
    let (application, found) = read().map_err(|e| LedgerError::database("read it", path, e))?;
    if application != APPLICATION_ID {
        let why = "it is a database of something else".to_owned();
        return Err(LedgerError::Corrupt { path: path.to_owned(), why });
    }
    if found > FORMAT {
        return Err(LedgerError::Newer { path: path.to_owned(), found, known: FORMAT });
    }
    Ok(found)
}

pub(crate) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_WAIT)?;
    // A ledger may come from somebody else: its schema gets no say, its pages are checked.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

fn configure_writer(connection: &Connection) -> rusqlite::Result<()> {
    configure(connection)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // FULL: the log is synced at each commit, so that what was acknowledged survives a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(()))
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(found).unwrap_or(0);
    if done == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for step in &MIGRATIONS[done..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

fn set_origin(connection: &Connection, origin: &str) -> rusqlite::Result<()> {
    connection.execute("INSERT INTO meta VALUES ('origin', ?1)", [origin]).map(drop)
}

/// The name of the log, which every checkpoint carries.
pub(crate) fn origin(connection: &Connection) -> rusqlite::Result<String> {
    connection.query_row("SELECT value FROM meta WHERE name = 'origin'", [], |row| row.get(0))
}

fn check_origin(connection: &Connection, path: &Path, wanted: &str) -> Result<(), LedgerError> {
    let found =
        origin(connection).map_err(|e| LedgerError::database("read its origin", path, e))?;
    if found != wanted {
        let (path, wanted) = (path.to_owned(), wanted.to_owned());
        return Err(LedgerError::Origin { path, found, wanted });
    }
    Ok(())
}
