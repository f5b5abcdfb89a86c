//! Blobs, trees, commits and tags.

use base::Timestamp;
use serde_json::{Value as Json, json};
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::none::NoneOr;

use super::{commit_json, id, maybe, person_json, show, with, wrong};
use crate::git::{Commit, Edit, GitError, Id, Kind, Object, Person, Tag};
use crate::script::blob::Blob;
use crate::script::doc::{to_fields, to_json};
use crate::script::error;
use crate::script::work::frame;

#[starlark_module]
pub(super) fn natives(builder: &mut GlobalsBuilder) {
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
