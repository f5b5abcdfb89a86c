//! A product as it lies in a directory: what is there, what changed, and one digest for all of it.
//!
//! Links are looked at and never followed. It refuses to know git.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base::Digest;
use serde::Serialize;

/// More files than this are no product that one intent builds, but something unpacked into it.
const ENTRIES_MAX: usize = 50_000;

/// Files up to this size are read as text; source files are far smaller.
pub(crate) const TEXT_BYTES_MAX: u64 = 1 << 20;

/// The entries of a directory tree by their paths in it, directories themselves left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Export {
    pub entries: BTreeMap<String, Entry>,
}

/// One file, link or something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub kind: EntryKind,
    /// The content of a small enough UTF-8 file; not part of the digest, which has its digest.
    #[serde(skip)]
    pub text: Option<String>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    File {
        bytes: u64,
        digest: Digest,
        executable: bool,
    },
    Link {
        target: String,
    },
    /// A pipe, socket or device.
    Special,
}

/// Why an export could not be read or copied.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("failed to {doing} {}", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} has more than {ENTRIES_MAX} files: export only the product", .0.display())]
    TooMany(PathBuf),
}

impl ExportError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

impl Export {
    /// Reads the tree below `root`.
    ///
    /// # Errors
    /// When a part of it cannot be read, or it is too large.
    pub fn read(root: &Path) -> Result<Self, ExportError> {
        let mut entries = BTreeMap::new();
        let mut waiting = vec![PathBuf::new()];
        while let Some(directory) = waiting.pop() {
            let host = root.join(&directory);
            for item in fs::read_dir(&host).map_err(ExportError::io("read", &host))? {
                let item = item.map_err(ExportError::io("read", &host))?;
                let path = directory.join(item.file_name());
                let kind = item.file_type().map_err(ExportError::io("read", &host))?;
                if kind.is_dir() {
                    waiting.push(path);
                    continue;
                }
                let entry = Entry::read(&item.path())?;
                entries.insert(path.to_string_lossy().into_owned(), entry);
                if entries.len() > ENTRIES_MAX {
                    return Err(ExportError::TooMany(root.to_owned()));
                }
            }
        }
        Ok(Self { entries })
    }

    /// The digest of every path, mode and content: what a proof speaks of.
    pub fn digest(&self) -> Digest {
        Digest::of_value(self).expect("entries are plain JSON")
    }

    /// The paths that differ from `before`, in order.
    pub fn changed_since(&self, before: &Self) -> Vec<String> {
        let paths: BTreeSet<&String> = before.entries.keys().chain(self.entries.keys()).collect();
        paths
            .into_iter()
            .filter(|path| {
                let kind =
                    |export: &Self| export.entries.get(*path).map(|entry| entry.kind.clone());
                kind(before) != kind(self)
            })
            .cloned()
            .collect()
    }

    /// The text of a file, if it is one.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.entries.get(path)?.text.as_deref()
    }
}

impl Entry {
    fn read(path: &Path) -> Result<Self, ExportError> {
        let metadata = fs::symlink_metadata(path).map_err(ExportError::io("look at", path))?;
        if metadata.is_symlink() {
            let target = fs::read_link(path).map_err(ExportError::io("read the link", path))?;
            let target = target.to_string_lossy().into_owned();
            return Ok(Self { kind: EntryKind::Link { target }, text: None });
        }
        if !metadata.is_file() {
            return Ok(Self { kind: EntryKind::Special, text: None });
        }
        let content = fs::read(path).map_err(ExportError::io("read", path))?;
        let kind = EntryKind::File {
            bytes: metadata.len(),
            digest: Digest::of(&content),
            executable: metadata.permissions().mode() & 0o111 != 0,
        };
        let small = metadata.len() <= TEXT_BYTES_MAX;
        let text = small.then(|| String::from_utf8(content).ok()).flatten();
        Ok(Self { kind, text: text.filter(|text| !text.contains('\0')) })
    }
}

/// Copies the tree below `from` into the directory `to`, with its links and modes.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), ExportError> {
    let mut waiting = vec![PathBuf::new()];
    let mut copied = 0;
    while let Some(directory) = waiting.pop() {
        let host = from.join(&directory);
        for item in fs::read_dir(&host).map_err(ExportError::io("read", &host))? {
            let item = item.map_err(ExportError::io("read", &host))?;
            let kind = item.file_type().map_err(ExportError::io("read", &host))?;
            let path = directory.join(item.file_name());
            let target = to.join(&path);
            if kind.is_dir() {
                fs::create_dir(&target).map_err(ExportError::io("make", &target))?;
                waiting.push(path);
            } else if kind.is_symlink() {
                let link = fs::read_link(item.path()).map_err(ExportError::io("read", &host))?;
                std::os::unix::fs::symlink(link, &target)
                    .map_err(ExportError::io("link", &target))?;
            } else if kind.is_file() {
                fs::copy(item.path(), &target).map_err(ExportError::io("copy", &target))?;
            }
            copied += 1;
            if copied > ENTRIES_MAX {
                return Err(ExportError::TooMany(from.to_owned()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_same_digest_and_each_change_another() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(a.path().join("d")).unwrap();
        fs::write(a.path().join("d/x"), "1").unwrap();
        std::os::unix::fs::symlink("d/x", a.path().join("l")).unwrap();
        copy(a.path(), b.path()).unwrap();
        let read = |dir: &tempfile::TempDir| Export::read(dir.path()).unwrap();
        let before = read(&a);
        assert_eq!(before.digest(), read(&b).digest());
        assert!(read(&b).changed_since(&before).is_empty());
        fs::write(b.path().join("d/x"), "2").unwrap();
        fs::write(b.path().join("new"), "").unwrap();
        fs::remove_file(b.path().join("l")).unwrap();
        assert_eq!(read(&b).changed_since(&before), ["d/x", "l", "new"]);
        assert_ne!(before.digest(), read(&b).digest());
        fs::set_permissions(a.path().join("d/x"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(read(&a).changed_since(&before), ["d/x"]);
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("l")).unwrap();
        let export = Export::read(dir.path()).unwrap();
        assert_eq!(export.entries["l"].text, None);
        assert_eq!(
            export.entries["l"].kind,
            EntryKind::Link { target: "/etc/hostname".to_owned() }
        );
    }
}
