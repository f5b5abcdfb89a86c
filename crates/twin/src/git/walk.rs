//! Histories: who descends from whom.

use std::collections::{BTreeSet, BinaryHeap, HashSet};

use super::{COMMITS_MAX, Commit, GitError, Id, Repo, Result};

/// Which commits are wanted, newest first.
#[derive(Debug, Default)]
pub(crate) struct History<'a> {
    /// Only those that changed something at this path.
    pub(crate) path: Option<&'a str>,
    /// At most so many.
    pub(crate) limit: Option<usize>,
    /// None of these, nor of what led to them.
    pub(crate) without: &'a [Id],
}

/// The commits that led to `tips`, themselves among them: by time, and none before its children.
pub(crate) fn history(
    repo: &Repo<'_>,
    tips: &[Id],
    wanted: &History<'_>,
) -> Result<Vec<(Id, Commit)>> {
    let without = reachable(repo, wanted.without)?;
    let mut waiting = BinaryHeap::new();
    let mut seen = without;
    let mut found = Vec::new();
    for tip in tips {
        if seen.insert(*tip) {
            waiting.push((repo.commit(*tip)?.committer.seconds, usize::MAX, *tip));
        }
    }
    let mut looked_at = 0;
    while let Some((_, _, id)) = waiting.pop() {
        looked_at += 1;
        if looked_at > COMMITS_MAX {
            return Err(too_many());
        }
        let commit = repo.commit(id)?;
        for parent in &commit.parents {
            // A parent that is not there is the end of a shallow history.
            if repo.has(*parent) && seen.insert(*parent) {
                let older = usize::MAX - looked_at;
                waiting.push((repo.commit(*parent)?.committer.seconds, older, *parent));
            }
        }
        if wanted.path.is_none_or(|path| changes(repo, &commit, path)) {
            found.push((id, commit));
        }
        if wanted.limit.is_some_and(|limit| found.len() >= limit) {
            break;
        }
    }
    Ok(found)
}

fn too_many() -> GitError {
    GitError::TooMuch { what: "commits", max: COMMITS_MAX }
}

/// Whether a commit differs at a path from each of its parents.
fn changes(repo: &Repo<'_>, commit: &Commit, path: &str) -> bool {
    let at = |tree: Id| repo.at(tree, path).ok().flatten().map(|entry| entry.id);
    let here = at(commit.tree);
    let parent = |id: &Id| repo.commit(*id).ok().and_then(|parent| at(parent.tree));
    match commit.parents.is_empty() {
        true => here.is_some(),
        false => commit.parents.iter().all(|id| parent(id) != here),
    }
}

/// Everything that led to these, themselves among them.
pub(super) fn reachable(repo: &Repo<'_>, tips: &[Id]) -> Result<HashSet<Id>> {
    let mut seen: HashSet<Id> = HashSet::new();
    let mut waiting: Vec<Id> = tips.to_vec();
    while let Some(id) = waiting.pop() {
        if !repo.has(id) || !seen.insert(id) {
            continue;
        }
        if seen.len() > COMMITS_MAX {
            return Err(too_many());
        }
        waiting.extend(repo.commit(id)?.parents);
    }
    Ok(seen)
}

pub(crate) fn is_ancestor(repo: &Repo<'_>, old: Id, new: Id) -> Result<bool> {
    Ok(old == new || reachable(repo, &[new])?.contains(&old))
}

/// The newest commit that both descend from, and that no other such commit descends from.
pub(crate) fn merge_base(repo: &Repo<'_>, a: Id, b: Id) -> Result<Option<Id>> {
    let (of_a, of_b) = (reachable(repo, &[a])?, reachable(repo, &[b])?);
    let common: BTreeSet<Id> = of_a.intersection(&of_b).copied().collect();
    let mut parents = Vec::new();
    for id in &common {
        parents.extend(repo.commit(*id)?.parents);
    }
    let led_to: HashSet<Id> = parents.into_iter().collect();
    let best = common.iter().filter(|id| !led_to.contains(id));
    let timed = best.map(|id| Ok((repo.commit(*id)?.committer.seconds, *id)));
    let timed: Vec<(i64, Id)> = timed.collect::<Result<_>>()?;
    Ok(timed.into_iter().max().map(|(_, id)| id))
}

/// The commits of `head` that `base` has not, oldest first.
pub(crate) fn ahead(repo: &Repo<'_>, base: Id, head: Id) -> Result<Vec<(Id, Commit)>> {
    let wanted = History { without: &[base], ..History::default() };
    let mut commits = history(repo, &[head], &wanted)?;
    commits.reverse();
    Ok(commits)
}
