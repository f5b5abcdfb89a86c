//! The tool's hand: a pipeline's own shell command, in the sandbox, on a throw-away copy of the
//! build. It can look and judge; it cannot change what ships.

use engine::{Outcome, Status};
use pipeline::Value;

use super::{HandError, Hands, Job, outcome};

impl Hands {
    pub(super) fn tool(&self, job: &Job<'_>) -> Result<Outcome, HandError> {
        let Some(Value::String(command)) = job.stage.attributes.get("tool_command") else {
            let stage = &job.stage.id;
            return Err(HandError::Failed(format!("stage `{stage}` has no `tool_command`")));
        };
        let dir = self.fresh_dir()?;
        if let Ok(tree) = job.tree() {
            self.repository.export(&tree, dir.path())?;
        }
        let ran = self.workshop(job).run(dir.path(), command)?;
        let status = if ran.passed { Status::Success } else { Status::Fail };
        let mut done = outcome(
            status,
            format!("`{command}` {}", if ran.passed { "passed" } else { "failed" }),
        );
        done.context.insert("tool.output".to_owned(), ran.tail);
        Ok(done)
    }
}
