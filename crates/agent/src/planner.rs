//! The agent of stages that change nothing: one short note, at little cost.
//!
//! It refuses to write files.

use model::Request;

use crate::candidates::SEED_MAX;
use crate::prompt;
use crate::{AgentBackend, Files, Host, HostError, Report, Task};

/// Writes a note of a few lines: one greedy answer.
#[derive(Debug, Clone, Default)]
pub struct Planner;

/// A plan that is longer than the program is no help; at ten tokens a second this is a quarter of a
/// minute.
const PLAN_TOKENS_MAX: u32 = 150;

impl AgentBackend for Planner {
    fn name(&self) -> &str {
        "planner"
    }

    fn builds(&self) -> bool {
        false
    }

    fn work(&self, task: &Task<'_>, host: &mut dyn Host) -> Result<Report, HostError> {
        let messages = prompt::plan(task);
        let reply = host.complete(&Request {
            messages,
            candidates: 1,
            temperature: 0.0,
            top_p: 1.0,
            tokens_max: PLAN_TOKENS_MAX,
            seed: task.seed & SEED_MAX,
            stop: Vec::new(),
        })?;
        let text = reply.completions.first().map_or("", |completion| completion.text.trim());
        Ok(Report {
            files: Files::new(),
            tried: Vec::new(),
            note: text.to_owned(),
            spend: reply.spend,
        })
    }
}
