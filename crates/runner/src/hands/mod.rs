//! Performs the stages of a pipeline that stands for itself (section 4): agents are single model
//! calls, tools run in the sandbox in the run's folder, and what is not known falls back to an agent.
//!
//! Without a model nothing is really done: every stage is simulated, so that a pipeline can be tried
//! for its ways alone.

mod codergen;
mod custom;
mod judge;
mod simulated;
mod tool;

pub use custom::{CustomHandler, HandlerFunction};
pub use judge::{nobody, question, verdict};
pub use tool::{ToolDone, Tools};

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::{ActionId, Digest, Spend};
use engine::{Outcome, State, Status};
use ledger::{Entry, LedgerError};
use model::Model;
use pipeline::{Handler, Stage};
use sandbox::{Cancel, Sandbox};
use serde::{Deserialize, Serialize};

use crate::driver::{HandError, Hands, outcome};
use crate::recorder::{Observation, Recorder, now};
use crate::watch::Notice;

/// The entry of what a stage was told and what came of it.
pub const STAGE_PERFORMED: &str = "stage.performed";

/// What a stage was told and what it said; the texts are bodies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StagePerformed {
    pub action: ActionId,
    /// The conversation that it belongs to, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    pub prompt: Digest,
    pub response: Digest,
    /// What hooks around it said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<String>,
    /// What it cost, for whoever finds it here after a crash.
    #[serde(default)]
    pub spend: Spend,
}

/// Opens the model that a stage names, as `provider/model`; or says why it cannot.
pub type StageModels = dyn Fn(&str) -> Result<Arc<dyn Model>, String> + Send + Sync;

/// Who answers agents and judges.
#[derive(Default)]
pub struct Models {
    /// Of stages that name none; none simulates them.
    pub default: Option<Arc<dyn Model>>,
    /// Where stages have the model that they name (`llm_provider`, `llm_model`; section 8).
    pub of_stage: Option<Box<StageModels>>,
}

/// One model for all stages, or none.
impl From<Option<Arc<dyn Model>>> for Models {
    fn from(default: Option<Arc<dyn Model>>) -> Self {
        Self { default, of_stage: None }
    }
}

impl Models {
    /// The model of one stage; none simulates it.
    fn of(&self, job: &Job<'_>) -> Result<Option<Arc<dyn Model>>, HandError> {
        let (Some(open), Some(model)) = (&self.of_stage, job.text("llm_model")) else {
            return Ok(self.default.clone());
        };
        let name = match job.text("llm_provider") {
            Some(provider) if !model.contains('/') => format!("{provider}/{model}"),
            _ => model,
        };
        open(&name).map(Some).map_err(HandError::Failed)
    }

    fn is_none(&self) -> bool {
        self.default.is_none() && self.of_stage.is_none()
    }
}

/// Performs stages of one run.
pub struct PipelineHands {
    pub models: Models,
    /// For tools; without one they are simulated too.
    pub sandbox: Option<Sandbox>,
    /// Where tools work.
    pub workdir: PathBuf,
    /// Handlers of one's own, by `type` (4.12).
    pub handlers: BTreeMap<String, CustomHandler>,
    pub recorder: Recorder,
    memory: Mutex<Memory>,
}

/// What the ledger has of this run's stages, so that no stage reads the run from its beginning.
#[derive(Default)]
struct Memory {
    /// What was performed before a crash and is still to be finished.
    before: BTreeMap<ActionId, (Digest, Spend)>,
    /// Prompts and responses of each thread, oldest first.
    threads: BTreeMap<String, VecDeque<(Digest, Digest)>>,
}

/// Turns of a conversation that go on in the next stage of its thread: more do not fit small models.
const TURNS_MAX: usize = 12;

impl Memory {
    fn note(&mut self, performed: StagePerformed) {
        if let Some(thread) = performed.thread {
            let turns = self.threads.entry(thread).or_default();
            turns.push_back((performed.prompt, performed.response));
            if turns.len() > TURNS_MAX {
                turns.pop_front();
            }
        }
    }
}

/// One action to perform, with what it may look at.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub id: &'a ActionId,
    pub stage: &'a Stage,
    pub state: &'a State,
    pub cancel: &'a Cancel,
}

impl Job<'_> {
    fn text(&self, key: &str) -> Option<String> {
        let graph = self.state.graph_of(&self.id.branch);
        let value = self.stage.attributes.get(key).or_else(|| graph.attributes.get(key));
        value.map(ToString::to_string).filter(|text| !text.is_empty())
    }

    /// A number that belongs to this attempt alone, the same one every time.
    fn seed(&self) -> u64 {
        let seed = self.state.seed().unwrap_or(0);
        let digest = Digest::of(format!("{seed}/{}", self.id));
        u64::from_le_bytes(digest.as_bytes()[..8].try_into().expect("a digest has 32 bytes"))
    }
}

impl Hands for PipelineHands {
    fn perform(&self, id: &ActionId, state: &State, cancel: &Cancel) -> Result<Outcome, HandError> {
        let graph = state.graph_of(&id.branch);
        let stage = graph.stages.get(&id.stage).expect("the engine names its own stages");
        let job = Job { id, stage, state, cancel };
        let began = now();
        let notice = Notice::Began { action: id, visits_max: stage.visits_max };
        self.recorder.watcher.notice(&notice);
        let mut outcome = match &stage.handler {
            Handler::Tool => self.tool(&job),
            Handler::FanIn => self.judge(&job),
            Handler::Custom(name) => match self.handlers.get(name) {
                Some(handler) => self.custom(&job, handler),
                None => self.codergen(&job),
            },
            Handler::Check | Handler::Prove | Handler::Attack | Handler::Ship => self.factory(&job),
            _ => self.codergen(&job),
        }?;
        if cancel.is_pulled() {
            return Err(HandError::Cancelled);
        }
        let wall = now().since(began).as_millis();
        outcome.spend.wall_ms = u64::try_from(wall).unwrap_or(u64::MAX);
        Ok(outcome)
    }
}

impl PipelineHands {
    /// A stage that only a factory can perform.
    fn factory(&self, job: &Job<'_>) -> Result<Outcome, HandError> {
        if self.models.is_none() {
            return Ok(self.simulated(job));
        }
        let mut refused = outcome(
            Status::Fail,
            format!(
                "`{}` proves or ships what an intent asked for, and this pipeline runs without one: \
                 use `dark run`",
                job.stage.id
            ),
        );
        refused.permanent = true;
        Ok(refused)
    }

    /// Hands of a run of which the ledger has these entries already. `folder` is where tools work.
    pub fn new(
        models: Models,
        sandbox: Option<Sandbox>,
        handlers: BTreeMap<String, CustomHandler>,
        workdir: PathBuf,
        recorder: Recorder,
        entries: &[Entry],
    ) -> Self {
        let mut memory = Memory::default();
        for entry in entries.iter().filter(|entry| entry.record.event.name == STAGE_PERFORMED) {
            let body = entry.record.event.body.clone();
            if let Ok(performed) = serde_json::from_value::<StagePerformed>(body) {
                let found = (performed.response, performed.spend);
                memory.before.insert(performed.action.clone(), found);
                memory.note(performed);
            }
        }
        Self { models, sandbox, workdir, handlers, recorder, memory: Mutex::new(memory) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A thread that broke while it held this has only not noted what it did.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(
        &self,
        job: &Job<'_>,
        thread: Option<String>,
        texts: (&str, &str),
        hooks: Vec<String>,
        spend: Spend,
    ) -> Result<(), HandError> {
        let performed = record(&self.recorder, job.id, thread, texts, hooks, spend)?;
        self.memory().note(performed);
        Ok(())
    }

    /// What this action already has on the ledger, from before a crash.
    fn performed_before(&self, job: &Job<'_>) -> Result<Option<(String, Spend)>, HandError> {
        let Some((digest, spend)) = self.memory().before.remove(job.id) else { return Ok(None) };
        let text = self.recorder.ledger.body(&digest)?;
        Ok(Some((String::from_utf8_lossy(&text).into_owned(), spend)))
    }
}

/// Records what a stage was told and what came of it.
///
/// # Errors
/// When it could not be made durable.
pub fn record(
    recorder: &Recorder,
    action: &ActionId,
    thread: Option<String>,
    (prompt, response): (&str, &str),
    hooks: Vec<String>,
    spend: Spend,
) -> Result<StagePerformed, LedgerError> {
    let texts = [prompt.as_bytes(), response.as_bytes()];
    let [prompt, response] = texts.map(Digest::of);
    let performed =
        StagePerformed { action: action.clone(), thread, prompt, response, hooks, spend };
    let observation = Observation {
        actor: format!("stage:{}", action.stage),
        name: STAGE_PERFORMED,
        body: serde_json::to_value(&performed).expect("what was performed has a JSON form"),
        bodies: vec![prompt, response],
    };
    recorder.observe_with(&texts, observation)?;
    Ok(performed)
}
