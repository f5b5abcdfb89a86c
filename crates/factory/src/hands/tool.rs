//! The tool's hand: a pipeline's own shell command, in the sandbox, on a throw-away copy of the
//! build. It can look and judge; it cannot change what ships.

use engine::Outcome;
use runner::Tools;

use super::{HandError, Hands, Job};

impl Hands {
    pub(super) fn tool(&self, job: &Job<'_>) -> Result<Outcome, HandError> {
        let dir = self.fresh_dir()?;
        if let Ok(tree) = job.tree() {
            self.repository.export(&tree, dir.path())?;
        }
        let tools = Tools { sandbox: &self.sandbox, workdir: dir.path() };
        let Job { id, stage, state, cancel, .. } = *job;
        let done = tools.perform(&runner::Job { id, stage, state, cancel })?;
        if !done.said.is_empty() || !done.hooks.is_empty() {
            let texts = (done.command.as_str(), done.said.as_str());
            let spend = base::Spend::default();
            runner::record_stage(&self.recorder, id, None, texts, done.hooks, spend)?;
        }
        Ok(done.outcome)
    }
}
