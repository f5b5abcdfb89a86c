//! `git`: repositories, as scripts see them. An object's name is 40 hexadecimal digits; what is not there is
//! `None`. A repository is known by any text.

use std::sync::Arc;

use base::Timestamp;
use serde_json::{Value as Json, json};
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::none::{NoneOr, NoneType};
use starlark::values::{Heap, Value};

use super::blob::Blob;
use super::doc::{alloc_json, to_fields, to_json};
use super::error;
use super::work::frame;
use crate::git::{
    self, Command, Commit, Edit, FileDiff, GitError, History, Id, Kind, Object, Person, Push, Repo,
    Tag,
};

/// Commits that a script is given at once.
const COMMITS_MAX: i32 = 10_000;

fn wrong(cause: &GitError) -> starlark::Error {
    error(format!("git: {cause}"))
}

/// What is not there as `None`, and any other error as the script's.
fn maybe<T>(found: Result<T, GitError>) -> starlark::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(GitError::Missing(_) | GitError::Kind { .. }) => Ok(None),
        Err(cause) => Err(wrong(&cause)),
    }
}

fn id(text: &str) -> starlark::Result<Id> {
    Id::parse(text).ok_or_else(|| error(format!("`{text}` is no name of an object")))
}

fn show<'v>(json: Option<Json>, heap: Heap<'v>) -> Value<'v> {
    json.map_or_else(Value::new_none, |json| alloc_json(Arc::new(json), heap))
}

/// Runs `act` on a repository of the twin.
fn with<T>(
    eval: &Evaluator<'_, '_, '_>,
    repo: &str,
    act: impl FnOnce(&mut Repo<'_>) -> T,
) -> starlark::Result<T> {
    let mut work = frame(eval)?.work.borrow_mut();
    Ok(act(&mut Repo::new(&mut work.state, repo)))
}

fn person_json(person: &Person) -> Json {
    let millis = person.seconds.saturating_mul(1000);
    let date = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    json!({ "name": person.name, "email": person.email, "date": date.to_string() })
}

/// `{name, email, date}`, with `now` where there is no date.
fn person(value: &Json, now: Timestamp) -> starlark::Result<Person> {
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let (mut seconds, mut offset) = (i64::try_from(now.seconds()).unwrap_or(0), "+0000".to_owned());
    if let Some(date) = value["date"].as_str() {
        let parsed: jiff::Timestamp =
            date.parse().map_err(|_| error(format!("`{date}` is no time")))?;
        seconds = parsed.as_second();
        let zone = date.get(date.len().saturating_sub(6)..).unwrap_or_default();
        if zone.starts_with(['+', '-']) {
            offset = zone.replace(':', "");
        }
    }
    Ok(Person { name: text("name"), email: text("email"), seconds, offset })
}

fn commit_json(name: Id, commit: &Commit) -> Json {
    let parents: Vec<String> = commit.parents.iter().map(ToString::to_string).collect();
    json!({
        "sha": name.to_string(), "tree": commit.tree.to_string(), "parents": parents,
        "author": person_json(&commit.author), "committer": person_json(&commit.committer),
        "message": commit.message, "signature": commit.signature,
    })
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

#[starlark_module]
fn objects(builder: &mut GlobalsBuilder) {
    /// Keeps a file's content; its name.
    fn put_blob<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] content: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<String> {
        let object = Object::new(Kind::Blob, Blob::read(content)?);
        with(eval, repo, |repo| repo.put(&object).to_string())
    }

    /// What kind of object this is: `commit`, `tree`, `blob` or `tag`.
    fn kind(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] sha: &str,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<NoneOr<&'static str>> {
        let Some(id) = Id::parse(sha) else { return Ok(NoneOr::None) };
        let found = with(eval, repo, |repo| maybe(repo.get(id)))??;
        Ok(NoneOr::from_option(found.map(|object| object.kind.name())))
    }

    /// A file's content.
    fn blob<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] sha: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let Some(id) = Id::parse(sha) else { return Ok(Value::new_none()) };
        let found = with(eval, repo, |repo| maybe(repo.blob(id)))??;
        let heap = eval.heap();
        Ok(found.map_or_else(Value::new_none, |bytes| heap.alloc(Blob::new(bytes))))
    }

    /// What a tree holds, all the way down if `recursive`: a list of `path mode type sha size`.
    fn tree<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] sha: &str,
        #[starlark(require = named, default = false)] recursive: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let Some(id) = Id::parse(sha) else { return Ok(Value::new_none()) };
        let found = with(eval, repo, |repo| {
            let Some(found) = maybe(repo.listing(id, recursive))? else { return Ok(None) };
            let shown = found.iter().map(|one| {
                let size = match one.kind {
                    Kind::Blob => repo.blob(one.id).ok().map(|content| content.len()),
                    _ => None,
                };
                json!({
                    "path": one.path, "mode": format!("{:06o}", one.mode), "type": one.kind.name(),
                    "sha": one.id.to_string(), "size": size,
                })
            });
            Ok::<_, starlark::Error>(Some(Json::Array(shown.collect())))
        })??;
        Ok(show(found, eval.heap()))
    }

    /// What lies at a path below a commit or tree: `mode type sha`.
    fn at<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] sha: &str,
        #[starlark(require = pos)] path: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let id = id(sha)?;
        let found = with(eval, repo, |repo| {
            let tree = repo.commit(id).map_or(id, |commit| commit.tree);
            maybe(repo.at(tree, path))
        })??;
        let shown = found.flatten().map(|entry| {
            json!({
                "mode": format!("{:06o}", entry.mode), "type": entry.kind().name(),
                "sha": entry.id.to_string(),
            })
        });
        Ok(show(shown, eval.heap()))
    }

    /// A tree of `base` (a tree, or `None`) with each `{path, mode, sha}` put in; a `sha` of `None` takes
    /// the path out. `None` where a path is none.
    fn put_tree<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] base: NoneOr<&str>,
        #[starlark(require = pos)] edits: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneOr<String>> {
        let base = base.into_option().map(id).transpose()?;
        let Json::Array(edits) = to_json(edits)? else { return Err(error("a list is wanted")) };
        let mut read: Vec<(&str, Edit)> = Vec::with_capacity(edits.len());
        for edit in &edits {
            let path = edit["path"].as_str().unwrap_or_default();
            let mode = u32::from_str_radix(edit["mode"].as_str().unwrap_or("100644"), 8);
            let mode = mode.map_err(|_| error("a mode is an octal number"))?;
            let sha = edit["sha"].as_str().map(id).transpose()?;
            read.push((path, sha.map(|id| (mode, id))));
        }
        let made = with(eval, repo, |repo| match repo.edit(base, &read, 0) {
            Ok(Some(id)) => Ok(Some(id)),
            Ok(None) => Ok(Some(repo.put_tree(&Default::default()))),
            Err(GitError::Path(_) | GitError::Missing(_)) => Ok(None),
            Err(cause) => Err(wrong(&cause)),
        })??;
        Ok(NoneOr::from_option(made.map(|id| id.to_string())))
    }

    /// A commit: `sha tree parents author committer message signature`.
    fn commit<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] sha: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let Some(id) = Id::parse(sha) else { return Ok(Value::new_none()) };
        let found = with(eval, repo, |repo| maybe(repo.commit(id)))??;
        Ok(show(found.map(|commit| commit_json(id, &commit)), eval.heap()))
    }

    /// Makes a commit; its name. `author` and `committer` are `{name, email, date}`.
    fn put_commit<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = named)] tree: &str,
        #[starlark(require = named)] parents: Value<'v>,
        #[starlark(require = named)] message: &str,
        #[starlark(require = named)] author: Value<'v>,
        #[starlark(require = named)] committer: Option<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<String> {
        let now = frame(eval)?.now;
        let by = |value: Value<'v>| person(&Json::Object(to_fields(value)?), now);
        let committer = by(committer.unwrap_or(author))?;
        let Json::Array(parents) = to_json(parents)? else { return Err(error("a list is wanted")) };
        let parents = parents.iter().map(|parent| id(parent.as_str().unwrap_or_default()));
        let commit = Commit {
            tree: id(tree)?,
            parents: parents.collect::<Result<_, _>>()?,
            author: by(author)?,
            committer,
            message: message.to_owned(),
            signature: None,
        };
        with(eval, repo, |repo| repo.put(&commit.write()).to_string())
    }

    /// An annotated tag: `sha tag object type message tagger`.
    fn tag<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] sha: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let Some(id) = Id::parse(sha) else { return Ok(Value::new_none()) };
        let found = with(eval, repo, |repo| maybe(repo.tag(id)))??;
        let shown = found.map(|tag| {
            json!({
                "sha": sha, "tag": tag.name, "object": tag.object.to_string(),
                "type": tag.kind.name(), "message": tag.message,
                "tagger": tag.tagger.as_ref().map(person_json),
            })
        });
        Ok(show(shown, eval.heap()))
    }

    /// Makes an annotated tag; its name.
    fn put_tag<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = named)] object: &str,
        #[starlark(require = named)] kind: &str,
        #[starlark(require = named)] name: &str,
        #[starlark(require = named)] message: &str,
        #[starlark(require = named)] tagger: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<String> {
        let tagger = person(&Json::Object(to_fields(tagger)?), frame(eval)?.now)?;
        let kind = Kind::read(kind).ok_or_else(|| error(format!("`{kind}` is no kind")))?;
        let tag = Tag {
            object: id(object)?,
            kind,
            name: name.to_owned(),
            tagger: Some(tagger),
            message: message.to_owned(),
        };
        with(eval, repo, |repo| repo.put(&tag.write()).to_string())
    }
}

#[starlark_module]
fn histories(builder: &mut GlobalsBuilder) {
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

#[starlark_module]
fn wire(builder: &mut GlobalsBuilder) {
    /// The refs of a repository for `git-upload-pack` or `git-receive-pack`; `head` is its default branch.
    fn advertise<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] service: &str,
        #[starlark(require = named)] head: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let bytes = with(eval, repo, |repo| git::advertise(repo, service, head))?;
        Ok(eval.heap().alloc(Blob::new(bytes.map_err(|cause| wrong(&cause))?)))
    }

    /// The answer to a fetch; `None` where it cannot be read. `encoding` is that of the body.
    fn upload_pack<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] body: Value<'v>,
        #[starlark(require = named, default = "")] encoding: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let body = Blob::read(body)?;
        let answer = with(eval, repo, |repo| git::upload_pack(repo, &body, encoding))?;
        match answer {
            Ok(bytes) => Ok(eval.heap().alloc(Blob::new(bytes))),
            Err(GitError::Malformed(_)) => Ok(Value::new_none()),
            Err(cause) => Err(wrong(&cause)),
        }
    }

    /// Reads a push and takes its objects, but changes no ref: `commands` (a list of `ref old new`, with
    /// `None` for nothing) and `failed`, why its pack was not taken. `None` where it cannot be read.
    fn read_push<'v>(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = pos)] body: Value<'v>,
        #[starlark(require = named, default = "")] encoding: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let body = Blob::read(body)?;
        let Ok(push) = with(eval, repo, |repo| git::read_push(repo, &body, encoding))? else {
            return Ok(Value::new_none());
        };
        let name = |id: Id| (!id.is_zero()).then(|| id.to_string());
        let commands = push.commands.iter().map(|command| {
            json!({ "ref": command.name, "old": name(command.old), "new": name(command.new) })
        });
        let shown = json!({
            "commands": commands.collect::<Vec<_>>(), "failed": push.failed,
            "side_band": push.side_band, "report_status": push.report_status,
        });
        Ok(show(Some(shown), eval.heap()))
    }

    /// The answer to a push: `outcomes` has for each ref `None`, or why it was refused; `told` is for the
    /// person who pushes.
    fn report<'v>(
        #[starlark(require = pos)] push: Value<'v>,
        #[starlark(require = pos)] outcomes: Value<'v>,
        #[starlark(require = named, default = "")] told: &str,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let (push, outcomes) = (to_fields(push)?, to_fields(outcomes)?);
        let is = |name: &str| push.get(name).and_then(Json::as_bool).unwrap_or(false);
        let read = Push {
            commands: Vec::<Command>::new(),
            side_band: is("side_band"),
            report_status: is("report_status"),
            failed: push.get("failed").and_then(Json::as_str).map(str::to_owned),
        };
        let reason =
            |(name, why): (&String, &Json)| (name.clone(), why.as_str().map(str::to_owned));
        let outcomes: Vec<_> = outcomes.iter().map(reason).collect();
        Ok(heap.alloc(Blob::new(git::report(&read, &outcomes, told))))
    }

    /// Copies all objects of another repository.
    fn copy(
        #[starlark(require = pos)] repo: &str,
        #[starlark(require = named)] origin: &str,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<NoneType> {
        with(eval, repo, |repo| repo.take_all(origin))?;
        Ok(NoneType)
    }

    /// Forgets a repository.
    fn forget(
        #[starlark(require = pos)] repo: &str,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<NoneType> {
        with(eval, repo, |repo| repo.forget())?;
        Ok(NoneType)
    }
}

pub(super) fn natives(builder: &mut GlobalsBuilder) {
    builder.namespace("git", |builder: &mut GlobalsBuilder| {
        objects(builder);
        histories(builder);
        wire(builder);
    });
}
