//! `git`: repositories, as scripts see them. An object's name is 40 hexadecimal digits; what is not there is
//! `None`. A repository is known by any text.

mod history;
mod objects;
mod wire;

use std::sync::Arc;

use serde_json::{Value as Json, json};
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::values::{Heap, Value};

use super::doc::alloc_json;
use super::error;
use super::work::frame;
use crate::git::{Commit, GitError, Id, Person, Repo};

pub(super) fn natives(builder: &mut GlobalsBuilder) {
    builder.namespace("git", |builder: &mut GlobalsBuilder| {
        objects::natives(builder);
        history::natives(builder);
        wire::natives(builder);
    });
}

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

fn commit_json(name: Id, commit: &Commit) -> Json {
    let parents: Vec<String> = commit.parents.iter().map(ToString::to_string).collect();
    json!({
        "sha": name.to_string(), "tree": commit.tree.to_string(), "parents": parents,
        "author": person_json(&commit.author), "committer": person_json(&commit.committer),
        "message": commit.message, "signature": commit.signature,
    })
}
