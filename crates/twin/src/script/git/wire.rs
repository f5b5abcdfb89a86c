//! Fetches and pushes, and repositories as a whole.

use serde_json::{Value as Json, json};
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::none::NoneType;
use starlark::values::{Heap, Value};

use super::{show, with, wrong};
use crate::git::{self, Command, GitError, Id, Push};
use crate::script::blob::Blob;
use crate::script::doc::to_fields;

#[starlark_module]
pub(super) fn natives(builder: &mut GlobalsBuilder) {
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
