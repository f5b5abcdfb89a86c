//! Hands perform actions and report what they saw. They never decide what happens next.

mod agent;
mod calls;
mod check;
mod judge;
mod judging;
mod overlay;
mod prove;
mod ship;
mod tool;

pub(crate) use runner::{HandError, outcome};

pub(crate) use agent::{AGENT, BUILD_MADE, BuildMade, GIVEN, MODEL_CALLED, ModelCalled};
pub use judging::judge_by_hand;
pub(crate) use judging::{JUDGE_ASKED, JUDGE_CALIBRATED, JudgeAsked};
pub(crate) use prove::{PROOF_MADE, ProofMade};
pub(crate) use ship::last;
pub(crate) use ship::{MOVED, SHIP_LANDED, SHIP_PREPARED, ShipLanded, ShipPrepared};

use std::path::PathBuf;
use std::sync::Arc;

use ::ship::{ObjectId, Repository};
use base::{ActionId, Timestamp};
use engine::{Outcome, State};
use model::Model;
use pipeline::{Handler, Stage};
use sandbox::{Cancel, Sandbox};
use scenario::Packs;

use crate::intents::Loaded;
use crate::layout::Layout;
use crate::opening::Opening;
use runner::Notice;
use runner::{Recorder, now};

/// The context key under which a build's tree stands: written by the agent's hand alone.
pub(crate) const TREE: &str = "tree";

/// Everything that the hands of one run hold.
pub struct Hands {
    pub layout: Layout,
    pub opening: Opening,
    pub loaded: Loaded,
    pub repository: Repository,
    pub sandbox: Sandbox,
    pub model: Arc<dyn Model>,
    /// Who judges what scenarios leave to a judge, if a person named somebody.
    pub judge: Option<Arc<dyn Model>>,
    pub recorder: Recorder,
    /// What the twins that the intent declares are made of.
    pub packs: Packs,
    /// Where commits are said to come from: `(name, address)`.
    pub author: (String, String),
    pub work: PathBuf,
}

/// One action to perform, with what it may look at.
pub(crate) struct Job<'a> {
    pub id: &'a ActionId,
    pub stage: &'a Stage,
    pub state: &'a State,
    pub cancel: &'a Cancel,
    pub started: Timestamp,
}

impl Job<'_> {
    /// What this stage's branch knows.
    pub(crate) fn context(&self) -> &engine::Context {
        self.state.context_of(&self.id.branch)
    }

    /// The build that this stage is about.
    ///
    /// # Errors
    /// When no stage before this one built anything.
    pub(crate) fn tree(&self) -> Result<ObjectId, HandError> {
        let id = self.context().get(TREE).and_then(|text| text.parse().ok());
        id.ok_or_else(|| {
            let stage = &self.stage.id;
            HandError::Failed(format!("there is no build yet: put an agent stage before `{stage}`"))
        })
    }
}

impl runner::Hands for Hands {
    fn perform(&self, id: &ActionId, state: &State, cancel: &Cancel) -> Result<Outcome, HandError> {
        let stage = state
            .graph_of(&id.branch)
            .stages
            .get(&id.stage)
            .expect("the engine names its own stages");
        let job = Job { id, stage, state, cancel, started: now() };
        let began = Notice::Began { action: id, visits_max: stage.visits_max };
        self.recorder.watcher.notice(&began);
        let mut outcome = match &stage.handler {
            Handler::Agent => self.agent(&job),
            Handler::Check => self.check(&job),
            Handler::Prove => self.prove(&job),
            Handler::Ship => self.ship(&job),
            Handler::Tool => self.tool(&job),
            Handler::FanIn => self.judge(&job),
            other => Err(HandError::Failed(format!(
                "this version cannot perform {other:?}: remove stage `{}` from the pipeline",
                stage.id
            ))),
        }?;
        if cancel.is_pulled() {
            return Err(HandError::Cancelled);
        }
        let wall = now().since(job.started).as_millis();
        outcome.spend.wall_ms = u64::try_from(wall).unwrap_or(u64::MAX);
        Ok(outcome)
    }
}

impl Hands {
    /// Writes the builds of a run into the mirror again, should their objects have been lost.
    ///
    /// # Errors
    /// When a body is lost or git fails.
    pub fn restore_builds(&self, entries: &[ledger::Entry]) -> Result<(), crate::FactoryError> {
        for entry in entries.iter().filter(|entry| entry.record.event.name == BUILD_MADE) {
            let Ok(made) = serde_json::from_value::<BuildMade>(entry.record.event.body.clone())
            else {
                continue;
            };
            if self.repository.has(&made.tree)? {
                continue;
            }
            let mut files = std::collections::BTreeMap::new();
            for (path, digest) in made.files {
                let content = self.recorder.ledger.body(&digest)?;
                files.insert(path, String::from_utf8_lossy(&content).into_owned());
            }
            self.repository.write_tree(self.opening.base.as_ref(), &files)?;
        }
        Ok(())
    }

    fn say(&self, job: &Job<'_>, text: &str) {
        self.recorder.watcher.notice(&Notice::Line { action: job.id, text });
    }
}
