//! Refs, histories, differences and merges.

use serde_json::{Value as Json, json};
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::none::{NoneOr, NoneType};

use super::{commit_json, id, maybe, show, with, wrong};
use crate::git::{self, FileDiff, GitError, History, Id, Kind, Repo};

/// Commits that a script is given at once.
const COMMITS_MAX: i32 = 10_000;

#[starlark_module]
pub(super) fn natives(builder: &mut GlobalsBuilder) {
    /// What a ref of this whole name (`refs/heads/main`) points at.
    fn read_ref(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] name: &str,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<NoneOr<String>> {
        let found = with(eval, repo, |repo| repo.read_ref(name))?;
        Ok(NoneOr::from_option(found.map(|id| id.to_string())))
    }

    /// Lets a ref point at an object, or takes it away (`None`).
    fn set_ref(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] name: &str,
        #[starlark(require = pos)] sha: NoneOr<&str>,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let to = sha.into_option().map(id).transpose()?;
        with(eval, repo, |repo| repo.set_ref(name, to))?;
        Ok(NoneType)
    }

    /// The refs whose names begin so: a list of `ref sha`.
    fn refs<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] prefix: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let found = with(eval, repo, |repo| repo.refs(prefix))?;
        let shown = found.iter().map(|(name, id)| json!({ "ref": name, "sha": id.to_string() }));
        Ok(show(Some(shown.collect()), eval.heap()))
    }

    /// The commit that a branch, tag, ref or (short) name means.
    fn resolve(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] revision: &str,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<NoneOr<String>> {
        let found = with(eval, repo, |repo| repo.resolve(revision))?;
        Ok(NoneOr::from_option(found.map(|id| id.to_string())))
    }

    /// A commit and those that led to it, newest first; only those that changed `path` where one is
    /// given, and none that led to `without`.
    fn history<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] sha: &str,
        #[starlark(require = named, default = NoneOr::None)] path: NoneOr<&str>,
        #[starlark(require = named, default = NoneOr::None)] without: NoneOr<&str>,
        #[starlark(require = named, default = COMMITS_MAX)] limit: i32,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let without: Vec<Id> = without.into_option().map(id).transpose()?.into_iter().collect();
        let limit = usize::try_from(limit.min(COMMITS_MAX)).ok();
        let (tip, wanted) =
            (id(sha)?, History { path: path.into_option(), limit, without: &without });
        let found = with(eval, repo, |repo| git::history(repo, &[tip], &wanted))?;
        let found = found.map_err(|cause| wrong(&cause))?;
        let shown = found.iter().map(|(id, commit)| commit_json(*id, commit)).collect();
        Ok(show(Some(shown), eval.heap()))
    }

    /// The commits of `head` that `base` has not, oldest first.
    fn ahead<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] base: &str,
        #[starlark(require = pos)] head: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let (base, head) = (id(base)?, id(head)?);
        let found = with(eval, repo, |repo| git::ahead(repo, base, head))?;
        let found = found.map_err(|cause| wrong(&cause))?;
        let shown = found.iter().map(|(id, commit)| commit_json(*id, commit)).collect();
        Ok(show(Some(shown), eval.heap()))
    }

    /// The newest commit that both descend from.
    fn merge_base(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] a: &str,
        #[starlark(require = pos)] b: &str,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<NoneOr<String>> {
        let (a, b) = (id(a)?, id(b)?);
        let found = with(eval, repo, |repo| git::merge_base(repo, a, b))?;
        let found = found.map_err(|cause| wrong(&cause))?;
        Ok(NoneOr::from_option(found.map(|id| id.to_string())))
    }

    /// Whether `new` descends from `old`, or is it.
    fn descends(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] new: &str,
        #[starlark(require = pos)] old: &str,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<bool> {
        let (new, old) = (id(new)?, id(old)?);
        let found = with(eval, repo, |repo| maybe(git::is_ancestor(repo, old, new)))??;
        Ok(found.unwrap_or(false))
    }

    /// The files that differ between two commits or trees (`None` is the empty one): a list of `filename
    /// status sha additions deletions changes`, with `patch` for texts and `previous_filename` for what
    /// was renamed.
    fn diff<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] old: NoneOr<&str>,
        #[starlark(require = pos)] new: NoneOr<&str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let (old, new) = (old.into_option(), new.into_option());
        let (old, new) = (old.map(id).transpose()?, new.map(id).transpose()?);
        let found = with(eval, repo, |repo| diffed(repo, old, new))?;
        let found = found.map_err(|cause| wrong(&cause))?;
        Ok(show(Some(found.iter().map(file_json).collect()), eval.heap()))
    }

    /// The same as `git diff` writes it.
    fn diff_text(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] old: NoneOr<&str>,
        #[starlark(require = pos)] new: NoneOr<&str>,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<String> {
        let (old, new) = (old.into_option(), new.into_option());
        let (old, new) = (old.map(id).transpose()?, new.map(id).transpose()?);
        let found = with(eval, repo, |repo| diffed(repo, old, new))?;
        Ok(git::unified(&found.map_err(|cause| wrong(&cause))?))
    }

    /// The tree of the commit `ours` with what `theirs` changed since `base` (where they parted, by
    /// default): `{"tree": …, "conflicts": […]}`, the tree `None` where there are conflicts.
    fn merge<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] ours: &str,
        #[starlark(require = pos)] theirs: &str,
        #[starlark(require = named, default = NoneOr::None)] base: NoneOr<&str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let (ours, theirs, base) =
            (id(ours)?, id(theirs)?, base.into_option().map(id).transpose()?);
        let merged = with(eval, repo, |repo| git::merge_commits(repo, base, ours, theirs))?;
        let shown = match merged.map_err(|cause| wrong(&cause))? {
            Ok(tree) => json!({ "tree": tree.to_string(), "conflicts": [] }),
            Err(conflicts) => json!({ "tree": null, "conflicts": conflicts }),
        };
        Ok(show(Some(shown), eval.heap()))
    }
}

fn file_json(file: &FileDiff) -> Json {
    let change = &file.change;
    let entry = change.after.as_ref().or(change.before.as_ref());
    let mut shown = json!({
        "filename": change.path, "status": file.status.name(),
        "sha": entry.map(|entry| entry.id.to_string()),
        "additions": file.additions, "deletions": file.deletions,
        "changes": file.additions + file.deletions,
    });
    if let Some(previous) = &file.previous {
        shown["previous_filename"] = previous.as_str().into();
    }
    if let Some(hunks) = file.hunks.as_ref().filter(|hunks| !hunks.is_empty()) {
        shown["patch"] = hunks.trim_end_matches('\n').into();
    }
    shown
}

/// Where two trees differ; each is the name of a tree or commit, or nothing.
fn diffed(repo: &Repo<'_>, old: Option<Id>, new: Option<Id>) -> Result<Vec<FileDiff>, GitError> {
    let tree = |id: Option<Id>| match id {
        Some(id) if repo.get(id)?.kind == Kind::Commit => Ok(Some(repo.commit(id)?.tree)),
        id => Ok::<Option<Id>, GitError>(id),
    };
    git::files(repo, tree(old)?, tree(new)?)
}
