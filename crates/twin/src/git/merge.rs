//! Three-way merges of trees and texts.

use std::collections::BTreeMap;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::object::Entry;
use super::{DEPTH_MAX, GitError, Id, Kind, Object, Repo, Result, merge_base};

/// The tree of `ours` with what `theirs` changed since they parted, or the paths in conflict.
pub(crate) fn merge_commits(
    repo: &mut Repo<'_>,
    base: Option<Id>,
    ours: Id,
    theirs: Id,
) -> Result<Result<Id, Vec<String>>> {
    let base = match base {
        Some(base) => Some(base),
        None => merge_base(repo, ours, theirs)?,
    };
    let base = base.map(|base| repo.commit(base)).transpose()?.map(|commit| commit.tree);
    let (ours, theirs) = (repo.commit(ours)?.tree, repo.commit(theirs)?.tree);
    let mut conflicts = Vec::new();
    let merged = trees(repo, [base, Some(ours), Some(theirs)], "", 0, &mut conflicts)?;
    if !conflicts.is_empty() {
        return Ok(Err(conflicts));
    }
    Ok(Ok(match merged {
        Some(tree) => tree,
        None => repo.put_tree(&BTreeMap::new()),
    }))
}

/// `[base, ours, theirs]` to one tree; `None` when nothing is left in it.
fn trees(
    repo: &mut Repo<'_>,
    sides: [Option<Id>; 3],
    under: &str,
    depth: usize,
    conflicts: &mut Vec<String>,
) -> Result<Option<Id>> {
    let [base, ours, theirs] = sides;
    if ours == theirs || theirs == base {
        return Ok(ours);
    }
    if ours == base {
        return Ok(theirs);
    }
    if depth > DEPTH_MAX {
        return Err(GitError::TooMuch { what: "nested directories", max: DEPTH_MAX });
    }
    let [base, ours, theirs] =
        [repo.tree_or_empty(base)?, repo.tree_or_empty(ours)?, repo.tree_or_empty(theirs)?];
    let mut names: Vec<&String> = base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
    names.sort();
    names.dedup();
    let mut merged = BTreeMap::new();
    for name in names {
        let sides = [base.get(name), ours.get(name), theirs.get(name)];
        let path = format!("{under}{name}");
        if let Some(entry) = entries(repo, sides, &path, depth, conflicts)? {
            merged.insert(name.clone(), entry);
        }
    }
    Ok((!merged.is_empty()).then(|| repo.put_tree(&merged)))
}

fn entries(
    repo: &mut Repo<'_>,
    [base, ours, theirs]: [Option<&Entry>; 3],
    path: &str,
    depth: usize,
    conflicts: &mut Vec<String>,
) -> Result<Option<Entry>> {
    if ours == theirs || theirs == base {
        return Ok(ours.cloned());
    }
    if ours == base {
        return Ok(theirs.cloned());
    }
    let tree = |entry: Option<&Entry>| entry.filter(|entry| entry.is_tree()).map(|entry| entry.id);
    let all_trees = [base, ours, theirs].into_iter().flatten().all(Entry::is_tree);
    if all_trees {
        let sides = [tree(base), tree(ours), tree(theirs)];
        let merged = trees(repo, sides, &format!("{path}/"), depth + 1, conflicts)?;
        return Ok(merged.map(|id| Entry { mode: Entry::TREE, id }));
    }
    if let (Some(base), Some(ours), Some(theirs)) = (base, ours, theirs)
        && [base, ours, theirs].iter().all(|entry| entry.kind() == Kind::Blob)
        && let Some(merged) = texts(repo, base, ours, theirs)?
    {
        let mode = if ours.mode == base.mode { theirs.mode } else { ours.mode };
        let id = repo.put(&Object::new(Kind::Blob, merged));
        return Ok(Some(Entry { mode, id }));
    }
    conflicts.push(path.to_owned());
    Ok(ours.cloned())
}

/// A text with the changes of both sides; `None` where they touch each other.
fn texts(repo: &Repo<'_>, base: &Entry, ours: &Entry, theirs: &Entry) -> Result<Option<Vec<u8>>> {
    let [base, ours, theirs] = [repo.blob(base.id)?, repo.blob(ours.id)?, repo.blob(theirs.id)?];
    if [&base, &ours, &theirs].iter().any(|content| content.contains(&0)) {
        return Ok(None);
    }
    let [base, ours, theirs] = [lines(&base), lines(&ours), lines(&theirs)];
    let mut edits = hunks(&base, &ours);
    edits.extend(hunks(&base, &theirs));
    edits.sort();
    edits.dedup();
    let mut merged: Vec<&[u8]> = Vec::new();
    let mut at = 0;
    for (index, (from, to, new)) in edits.iter().enumerate() {
        // Changes that touch conflict too, as git has it: nobody knows which comes first.
        if index > 0 && *from <= edits[index - 1].1 {
            return Ok(None);
        }
        merged.extend(&base[at..*from]);
        merged.extend(new);
        at = *to;
    }
    merged.extend(&base[at..]);
    Ok(Some(merged.concat()))
}

fn lines(content: &[u8]) -> Vec<&[u8]> {
    content.split_inclusive(|byte| *byte == b'\n').collect()
}

type Hunk<'a> = (usize, usize, Vec<&'a [u8]>);

/// What of `base` became what in `side`: from line, to line, the new lines.
fn hunks<'a>(base: &[&[u8]], side: &[&'a [u8]]) -> Vec<Hunk<'a>> {
    let mut hunks: Vec<Hunk<'a>> = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, base, side) {
        let (old, new) = (op.old_range(), op.new_range());
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        match hunks.last_mut() {
            Some((_, to, lines)) if *to == old.start => {
                *to = old.end;
                lines.extend(&side[new]);
            }
            _ => hunks.push((old.start, old.end, side[new].to_vec())),
        }
    }
    hunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;

    fn check(base: &str, ours: &str, theirs: &str, expected: Option<&str>) {
        let mut state = State::new(0);
        let mut repo = Repo::new(&mut state, "r");
        let [base, ours, theirs] = [base, ours, theirs].map(|text| {
            let text: String = text.chars().map(|c| format!("{c}\n")).collect();
            let id = repo.put(&Object::new(Kind::Blob, text));
            Entry { mode: 0o100_644, id }
        });
        let merged = texts(&repo, &base, &ours, &theirs).unwrap();
        let merged = merged.map(|text| String::from_utf8(text).unwrap().replace('\n', ""));
        assert_eq!(merged.as_deref(), expected);
    }

    #[test]
    fn changes_apart_merge_and_those_that_touch_conflict() {
        check("abcde", "Abcde", "abcdE", Some("AbcdE"));
        check("abcde", "abcde!", "?abcde", Some("?abcde!"));
        check("abcde", "acde", "abce", Some("ace"));
        check("abcde", "aXcde", "aXcde", Some("aXcde"));
        check("abcde", "aXcde", "aYcde", None);
        check("abcde", "aXcde", "abYde", None);
        check("abcde", "", "abcdE", None);
        check("", "a", "b", None);
    }
}
