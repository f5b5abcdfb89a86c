//! What differs between two trees: paths, and texts line by line.

use bytes::Bytes;
use similar::{ChangeTag, TextDiff};

use super::object::Entry;
use super::{DEPTH_MAX, FILES_MAX, GitError, Id, Repo, Result};

/// Files that are compared with each other to find renamed ones: pairs grow with the square.
const RENAMES_MAX: usize = 50;

/// Larger texts are told as changed without saying where.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// How alike (0 to 1) two files must be for one to be the other renamed: git's own default.
const ALIKE_MIN: f32 = 0.5;

/// Bytes in which a zero byte makes a file a binary one: as git looks.
const SNIFFED: usize = 8000;

/// A path that is not the same in two trees.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) before: Option<Entry>,
    pub(crate) after: Option<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Added,
    Removed,
    Modified,
    Renamed,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Modified => "modified",
            Self::Renamed => "renamed",
        }
    }
}

/// A changed file, with what changed in it.
#[derive(Debug, Clone)]
pub(crate) struct FileDiff {
    pub(crate) change: Change,
    pub(crate) status: Status,
    /// Its path before, where that was another.
    pub(crate) previous: Option<String>,
    pub(crate) additions: usize,
    pub(crate) deletions: usize,
    /// The hunks of a unified diff; `None` for binary and huge files.
    pub(crate) hunks: Option<String>,
}

/// All changed files between two trees, by path.
pub(crate) fn files(repo: &Repo<'_>, old: Option<Id>, new: Option<Id>) -> Result<Vec<FileDiff>> {
    let mut changes = Vec::new();
    compare(repo, old, new, "", 0, &mut changes)?;
    let (renamed, plain) = renames(repo, changes)?;
    let mut all = Vec::new();
    for (change, previous) in renamed {
        all.push(file(repo, change, Some(previous))?);
    }
    for change in plain {
        all.push(file(repo, change, None)?);
    }
    all.sort_by(|a, b| a.change.path.cmp(&b.change.path));
    Ok(all)
}

fn compare(
    repo: &Repo<'_>,
    old: Option<Id>,
    new: Option<Id>,
    under: &str,
    depth: usize,
    changes: &mut Vec<Change>,
) -> Result<()> {
    if old == new {
        return Ok(());
    }
    if depth > DEPTH_MAX {
        return Err(GitError::TooMuch { what: "nested directories", max: DEPTH_MAX });
    }
    let (mut before, after) = (repo.tree_or_empty(old)?, repo.tree_or_empty(new)?);
    let mut names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    names.sort();
    names.dedup();
    for name in names {
        let (old, new) = (before.remove(&name), after.get(&name).cloned());
        if old == new {
            continue;
        }
        let path = format!("{under}{name}");
        let is_tree = |entry: &Option<Entry>| entry.as_ref().is_some_and(Entry::is_tree);
        let subtree = |entry: &Option<Entry>| entry.as_ref().filter(|e| e.is_tree()).map(|e| e.id);
        if is_tree(&old) || is_tree(&new) {
            compare(repo, subtree(&old), subtree(&new), &format!("{path}/"), depth + 1, changes)?;
        }
        let file = |entry: Option<Entry>| entry.filter(|entry| !entry.is_tree());
        let (before, after) = (file(old), file(new));
        if before.is_some() || after.is_some() {
            changes.push(Change { path, before, after });
        }
        if changes.len() > FILES_MAX {
            return Err(GitError::TooMuch { what: "changed files", max: FILES_MAX });
        }
    }
    Ok(())
}

type Renamed = Vec<(Change, String)>;

/// Pairs what is gone with what is new and alike; the same content first.
fn renames(repo: &Repo<'_>, changes: Vec<Change>) -> Result<(Renamed, Vec<Change>)> {
    let gone = |change: &Change| change.after.is_none();
    let come = |change: &Change| change.before.is_none();
    let (gones, rest): (Vec<_>, Vec<_>) = changes.into_iter().partition(gone);
    let (comes, mut plain): (Vec<_>, Vec<_>) = rest.into_iter().partition(come);
    let (mut gones, mut renamed) = (gones, Vec::new());
    for come in comes {
        let Some(new) = come.after.clone() else { continue };
        let mut best: Option<(f32, usize)> = None;
        for (at, gone) in gones.iter().enumerate().take(RENAMES_MAX) {
            let Some(old) = &gone.before else { continue };
            let alike = if old.id == new.id { 1.0 } else { alike(repo, old, &new)? };
            if alike >= ALIKE_MIN && best.is_none_or(|(most, _)| alike > most) {
                best = Some((alike, at));
            }
        }
        match best {
            Some((_, at)) => {
                let gone = gones.remove(at);
                let change = Change { path: come.path, before: gone.before, after: Some(new) };
                renamed.push((change, gone.path));
            }
            None => plain.push(come),
        }
    }
    plain.extend(gones);
    Ok((renamed, plain))
}

fn alike(repo: &Repo<'_>, old: &Entry, new: &Entry) -> Result<f32> {
    let (Some(old), Some(new)) = (text(repo, Some(old))?, text(repo, Some(new))?) else {
        return Ok(0.0);
    };
    if old.is_empty() || new.is_empty() {
        return Ok(0.0);
    }
    Ok(TextDiff::from_lines(old.as_str(), new.as_str()).ratio())
}

/// An entry's content, where it is a text of a reasonable size.
fn text(repo: &Repo<'_>, entry: Option<&Entry>) -> Result<Option<String>> {
    let Some(entry) = entry else { return Ok(Some(String::new())) };
    if entry.mode == Entry::SUBMODULE {
        return Ok(Some(format!("Subproject commit {}\n", entry.id)));
    }
    let content: Bytes = repo.blob(entry.id)?;
    let binary = content.iter().take(SNIFFED).any(|byte| *byte == 0);
    if binary || content.len() > TEXT_BYTES_MAX {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&content).into_owned()))
}

fn file(repo: &Repo<'_>, change: Change, previous: Option<String>) -> Result<FileDiff> {
    let status = match (&change.before, &change.after, &previous) {
        (_, _, Some(_)) => Status::Renamed,
        (None, _, _) => Status::Added,
        (_, None, _) => Status::Removed,
        _ => Status::Modified,
    };
    let old = text(repo, change.before.as_ref())?;
    let new = text(repo, change.after.as_ref())?;
    let (mut additions, mut deletions, mut hunks) = (0, 0, None);
    if let (Some(old), Some(new)) = (old, new) {
        let diff = TextDiff::from_lines(old.as_str(), new.as_str());
        for change in diff.iter_all_changes() {
            match change.tag() {
                ChangeTag::Insert => additions += 1,
                ChangeTag::Delete => deletions += 1,
                ChangeTag::Equal => {}
            }
        }
        let mut unified = diff.unified_diff();
        let texts: Vec<String> =
            unified.context_radius(3).iter_hunks().map(|hunk| hunk.to_string()).collect();
        hunks = Some(texts.concat());
    }
    Ok(FileDiff { change, status, previous, additions, deletions, hunks })
}

/// Changed files as `git diff` shows them.
pub(crate) fn unified(files: &[FileDiff]) -> String {
    let mut out = String::new();
    for file in files {
        let path = &file.change.path;
        let previous = file.previous.as_ref().unwrap_or(path);
        out.push_str(&format!("diff --git a/{previous} b/{path}\n"));
        let short = |entry: &Option<Entry>| {
            entry
                .as_ref()
                .map_or("0000000".to_owned(), |entry| entry.id.to_string()[..7].to_owned())
        };
        let index = format!("{}..{}", short(&file.change.before), short(&file.change.after));
        let mode = match (&file.change.before, &file.change.after) {
            (None, Some(new)) => {
                out.push_str(&format!("new file mode {:06o}\n", new.mode));
                String::new()
            }
            (Some(old), None) => {
                out.push_str(&format!("deleted file mode {:06o}\n", old.mode));
                String::new()
            }
            (Some(old), _) => format!(" {:06o}", old.mode),
            (None, None) => String::new(),
        };
        if let Some(previous) = &file.previous {
            out.push_str(&format!("rename from {previous}\nrename to {path}\n"));
        }
        let same =
            file.change.before.as_ref().map(|e| e.id) == file.change.after.as_ref().map(|e| e.id);
        if same {
            continue;
        }
        out.push_str(&format!("index {index}{mode}\n"));
        let name = |entry: &Option<Entry>, text: String| {
            if entry.is_some() { text } else { "/dev/null".to_owned() }
        };
        let old = name(&file.change.before, format!("a/{previous}"));
        let new = name(&file.change.after, format!("b/{path}"));
        match &file.hunks {
            Some(hunks) if hunks.is_empty() => {}
            Some(hunks) => out.push_str(&format!("--- {old}\n+++ {new}\n{hunks}")),
            None => out.push_str(&format!("Binary files {old} and {new} differ\n")),
        }
    }
    out
}
