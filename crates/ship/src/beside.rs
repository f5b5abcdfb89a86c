//! In what the files of a clone differ from a commit in it: what was verified is the commit, and what is run are files.
//!
//! The files are read and compared as they are. What git would say of them is not asked: its index may have been told
//! to look away, and filters and monitors of the clone's own configuration would be run.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::git::{Git, GitError, ObjectId};

/// Files of a clone that are looked at beside those of the commit: more is no clone but a whole disk.
const BESIDE_MAX: usize = 100_000;

/// What the files of a clone are besides what the commit holds. Paths are relative to the clone, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Beside {
    /// Those of the commit that are missing here, or another kind of file, or hold something else.
    pub differing: BTreeSet<String>,
    /// Those that the commit does not have.
    pub more: BTreeSet<String>,
}

impl Beside {
    /// Whether the files are those of the commit, and nothing else.
    pub fn is_nothing(&self) -> bool {
        self.differing.is_empty() && self.more.is_empty()
    }
}

/// Compares the files of the clone that `dir` is, or lies in, with a commit. A bare repository has none.
///
/// # Errors
/// When there is no such clone or commit.
pub fn beside(dir: &Path, commit: &ObjectId) -> Result<Beside, GitError> {
    let git = Git::new(dir);
    if git.line(&["rev-parse", "--is-inside-work-tree"])? != "true" {
        return Ok(Beside::default());
    }
    let top = git.run(&["rev-parse", "--show-toplevel"])?;
    let top = PathBuf::from(OsStr::from_bytes(top.strip_suffix(b"\n").unwrap_or(&top)));
    let git = Git::new(&top);
    let listed = git.run(&["ls-tree", "-r", "-z", "--full-tree", commit.as_str()])?;
    let files: Vec<Committed<'_>> = listed.split(|byte| *byte == 0).filter_map(read).collect();
    let mut found = Beside::default();
    // Those whose content git hashes, all in one go.
    let mut hashed: Vec<&Committed<'_>> = Vec::new();
    for file in &files {
        match is_of_its_kind(&git, &top, file)? {
            Some(true) => {}
            Some(false) => {
                found.differing.insert(shown(file.path));
            }
            None => hashed.push(file),
        }
    }
    let paths: Vec<u8> = hashed.iter().flat_map(|file| [file.path, b"\n"].concat()).collect();
    let hashes = git.feed(&["hash-object", "--no-filters", "--stdin-paths"], &paths)?;
    let hashes = String::from_utf8_lossy(&hashes).into_owned();
    for (file, hash) in hashed.into_iter().zip(hashes.lines()) {
        if file.id != hash.as_bytes() {
            found.differing.insert(shown(file.path));
        }
    }
    let committed: BTreeSet<&[u8]> = files.iter().map(|file| file.path).collect();
    found.more = more(&top, &committed);
    Ok(found)
}

/// One line of `git ls-tree`.
struct Committed<'a> {
    mode: &'a [u8],
    id: &'a [u8],
    path: &'a [u8],
}

/// `MODE TYPE ID<tab>PATH`; what is committed of another repository is no file.
fn read(line: &[u8]) -> Option<Committed<'_>> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let mut words = line[..tab].split(|byte| *byte == b' ');
    let (mode, kind, id) = (words.next()?, words.next()?, words.next()?);
    (kind == b"blob").then_some(Committed { mode, id, path: &line[tab + 1..] })
}

/// Whether a file is what the commit has there, as far as that can be told without its content: `None` where that
/// decides.
fn is_of_its_kind(git: &Git, top: &Path, file: &Committed<'_>) -> Result<Option<bool>, GitError> {
    let path = top.join(OsStr::from_bytes(file.path));
    let Ok(found) = fs::symlink_metadata(&path) else { return Ok(Some(false)) };
    if file.mode == b"120000" {
        let Ok(target) = fs::read_link(&path) else { return Ok(Some(false)) };
        let hash = git.feed(&["hash-object", "--stdin"], target.as_os_str().as_bytes())?;
        return Ok(Some(hash.trim_ascii_end() == file.id));
    }
    let executable = found.permissions().mode() & 0o100 != 0;
    if !found.is_file() || executable != (file.mode == b"100755") || file.path.contains(&b'\n') {
        return Ok(Some(false));
    }
    Ok(if fs::File::open(&path).is_ok() { None } else { Some(false) })
}

/// The files that are not committed, but for git's own.
fn more(top: &Path, committed: &BTreeSet<&[u8]>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![top.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(inside) = path.strip_prefix(top) else { continue };
            let inside = inside.as_os_str().as_bytes();
            if inside == b".git" || committed.contains(inside) {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                _ => {
                    found.insert(shown(inside));
                }
            }
            if found.len() + open.len() > BESIDE_MAX {
                return found;
            }
        }
    }
    found
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_compared_as_they_are_whatever_git_was_told_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        let git = Git::new(dir.path());
        git.run(&["init", "--quiet"]).unwrap();
        fs::create_dir(at("lib")).unwrap();
        for path in ["a.sh", "lib/b.py", "lib/gone", "run.sh"] {
            fs::write(at(path), path).unwrap();
        }
        std::os::unix::fs::symlink("a.sh", at("link")).unwrap();
        git.run(&["add", "."]).unwrap();
        let who = ["-c", "user.name=e", "-c", "user.email=e@e"];
        git.run(&[&who[..], &["commit", "--quiet", "-m", "x"]].concat()).unwrap();
        let commit: ObjectId = git.line(&["rev-parse", "HEAD"]).unwrap().parse().unwrap();
        let look = || beside(&at("lib"), &commit).unwrap();
        assert!(look().is_nothing(), "{:?}", look());

        // What git would not tell, and what would run if it were asked.
        git.run(&["update-index", "--assume-unchanged", "a.sh"]).unwrap();
        let touch = format!("touch {}", at("ran").display());
        git.run(&["config", "core.fsmonitor", &touch]).unwrap();
        git.run(&["config", "filter.f.clean", &touch]).unwrap();
        fs::write(at(".git/info/attributes"), "* filter=f\n").unwrap();
        fs::write(at(".git/info/exclude"), "*\n").unwrap();
        fs::write(at("a.sh"), "other").unwrap();
        fs::remove_file(at("lib/gone")).unwrap();
        fs::set_permissions(at("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::remove_file(at("link")).unwrap();
        std::os::unix::fs::symlink("/bin/sh", at("link")).unwrap();
        fs::create_dir(at("new")).unwrap();
        fs::write(at("new/sitecustomize.py"), "").unwrap();
        let found = look();
        assert_eq!(
            found.differing,
            ["a.sh", "lib/gone", "link", "run.sh"].map(str::to_owned).into()
        );
        assert_eq!(found.more, ["new/sitecustomize.py".to_owned()].into());
        assert!(!at("ran").exists());
    }
}
