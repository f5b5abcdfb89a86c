//! Where this process keeps what nobody needs after it: one directory below a parent that all processes of this user
//! share, so that what a killed one left behind is found and removed by the next.
//!
//! A directory belongs to whoever holds the lock on it, which the kernel lets go of when the last process that
//! inherited it is gone, however that ended. Nothing here knows what is kept there. What cannot be had is done without:
//! temporary files then lie where the system has them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Entries of the parent that one start looks at: a sweep must not keep anybody waiting.
const SWEPT_MAX: usize = 1_000;

/// How often a fresh directory may be taken for a leftover, in the moment before it is locked.
const TRIES_MAX: usize = 8;

/// How deep directories are made writable again before they are removed.
const DEPTH_MAX: usize = 256;

/// The directory of this process; removed, if it can be, when dropped.
pub(crate) struct Scratch {
    directory: Option<TempDir>,
    _lock: File,
}

impl Scratch {
    /// Sweeps, and puts this process's temporary files below a directory of its own. `None` where that cannot be had.
    pub(crate) fn open() -> Option<Self> {
        // SAFETY: it only reads the process's own identity.
        let user = unsafe { libc::geteuid() };
        let parent = std::env::temp_dir().join(format!("dark-factory-{user}"));
        owned(&parent, user).ok()?;
        sweep(&parent);
        let scratch = (0..TRIES_MAX).find_map(|_| taken(&parent).transpose())?.ok()?;
        tempfile::env::override_temp_dir(scratch.directory.as_ref()?.path()).ok()?;
        Some(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(directory) = self.directory.take() {
            remove(&directory.keep());
        }
    }
}

/// Makes the parent, or expects it to be this user's alone: where everybody writes, its name may have been taken.
fn owned(parent: &Path, user: u32) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(parent) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(parent)?;
    let own = found.is_dir() && found.uid() == user && found.permissions().mode() & 0o077 == 0;
    if own { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// A fresh, locked directory; `None` where somebody swept it before it was locked.
fn taken(parent: &Path) -> io::Result<Option<Scratch>> {
    let directory =
        tempfile::Builder::new().prefix(&format!("{}-", std::process::id())).tempdir_in(parent)?;
    let Ok(lock) = File::open(directory.path()) else { return Ok(None) };
    lock.lock_shared()?;
    let (held, there) = (lock.metadata()?, fs::symlink_metadata(directory.path()));
    if there.is_ok_and(|there| there.ino() == held.ino()) {
        return Ok(Some(Scratch { directory: Some(directory), _lock: lock }));
    }
    Ok(None)
}

/// Removes what nobody holds.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten().take(SWEPT_MAX) {
        let path = entry.path();
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let Some(lock) = is_directory.then(|| File::open(&path).ok()).flatten() else { continue };
        if lock.try_lock().is_ok() {
            remove(&path);
        }
    }
}

/// Removes a directory, and what programs made unreadable in it. Best effort: the next sweep tries again.
fn remove(path: &Path) {
    if fs::remove_dir_all(path).is_err() {
        open_up(path, DEPTH_MAX);
        let _ = fs::remove_dir_all(path);
    }
}

fn open_up(path: &Path, depth: usize) {
    let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
    let Some(depth) = depth.checked_sub(1) else { return };
    let directories: Vec<PathBuf> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    directories.iter().for_each(|path| open_up(path, depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_is_swept_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let held = taken(parent.path()).unwrap().unwrap();
        let kept = held.directory.as_ref().unwrap().path().to_owned();
        let left = parent.path().join("1-left");
        fs::create_dir_all(left.join("shut/in")).unwrap();
        fs::set_permissions(left.join("shut"), fs::Permissions::from_mode(0o000)).unwrap();
        fs::write(parent.path().join("note"), "no directory").unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), parent.path().join("link")).unwrap();
        sweep(parent.path());
        assert!(kept.is_dir() && !left.exists());
        assert!(parent.path().join("note").exists() && elsewhere.path().is_dir());
        drop(held);
        assert!(!kept.exists());
    }

    #[test]
    fn a_parent_that_is_not_this_users_alone_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        // SAFETY: as above.
        let user = unsafe { libc::geteuid() };
        let parent = dir.path().join("parent");
        owned(&parent, user).unwrap();
        owned(&parent, user).unwrap();
        assert!(owned(&parent, user + 1).is_err());
        fs::set_permissions(&parent, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(owned(&parent, user).is_err());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        assert!(owned(&link, user).is_err());
    }
}
