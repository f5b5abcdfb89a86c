//! Handlers of one's own (4.12): a function of whoever embeds this, or a command.

use std::collections::BTreeMap;

use base::ActionId;
use engine::{Context, Outcome, Status};
use pipeline::{Graph, Stage};
use serde_json::json;

use super::tool::came_to;
use super::{HandError, Job, PipelineHands};
use crate::driver::outcome;

/// A function that performs a stage: the node, the context and the graph of 4.1. What it leaves in
/// files is its own; the run's folder is written from the ledger.
pub type HandlerFunction = dyn Fn(&ActionId, &Stage, &Context, &Graph) -> Outcome + Send + Sync;

/// What performs the stages of a `type` that the dialect does not know.
pub enum CustomHandler {
    Function(Box<HandlerFunction>),
    /// A shell command in the sandbox. It is given `{"action", "stage", "attributes", "prompt",
    /// "context"}` as JSON on its standard input, and says what became of it by its exit code and
    /// its status file.
    Command(String),
}

impl PipelineHands {
    pub(super) fn custom(
        &self,
        job: &Job<'_>,
        handler: &CustomHandler,
    ) -> Result<Outcome, HandError> {
        let context = job.state.context_of(&job.id.branch);
        let command = match handler {
            CustomHandler::Function(function) => {
                let graph = job.state.graph_of(&job.id.branch);
                return Ok(function(job.id, job.stage, context, graph));
            }
            CustomHandler::Command(command) => command,
        };
        let Some(tools) = self.tools() else {
            let mut failed = outcome(Status::Fail, "a handler's command needs the sandbox");
            failed.permanent = true;
            return Ok(failed);
        };
        let attributes: BTreeMap<&String, String> =
            job.stage.attributes.iter().map(|(key, value)| (key, value.to_string())).collect();
        let told = json!({
            "action": job.id,
            "stage": job.stage.id,
            "attributes": attributes,
            "prompt": job.stage.instruction(),
            "context": context,
        });
        let ran = tools.run(job, command, told.to_string().into_bytes())?;
        let said = format!("{}{}", ran.stdout, ran.stderr);
        let spend = base::Spend::default();
        self.record(job, None, (&told.to_string(), &said), Vec::new(), spend)?;
        Ok(came_to(&ran, command))
    }
}
