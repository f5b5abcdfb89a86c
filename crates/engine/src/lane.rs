//! One branch of a run at one moment, the main line among them, and how its own events change it.

use std::sync::Arc;

use base::{StageId, Timestamp};
use imbl::OrdMap;
use pipeline::Handler;
use serde::Serialize;

use crate::guard::{LEVEL, LEVEL_REASON};
use crate::plan::{Plan, Role, Step};
use crate::{Context, Event, Outcome, Question, Status};

/// Stages that a branch remembers by their outcomes, for whoever tells an agent what came before
/// (5.4): as many as anybody would read.
const RECENT_MAX: usize = 32;

/// The context key of what a manager tells the stages of its child.
pub const STEER: &str = "stack.steer";

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lane {
    /// Of the run's graph, or of a manager's child.
    pub(crate) plan: Arc<Plan>,
    pub(crate) at: usize,
    pub(crate) visit: u32,
    pub(crate) attempt: u32,
    pub(crate) since: Timestamp,
    pub(crate) stand: Stand,
    /// Stages entered since the branch last had something to wait for.
    pub(crate) routed: u32,
    /// The outcome that a conditional stage passes on.
    pub(crate) last: Option<Arc<Outcome>>,
    /// The stage before, and which of its ways led here; a jump is none of them.
    pub(crate) came: Option<(usize, Option<usize>)>,
    /// Where the branches of the current stage met, once they have.
    pub(crate) met: Option<usize>,
    /// Of the stages that it has entered.
    pub(crate) records: OrdMap<usize, Record>,
    pub(crate) context: Context,
    pub(crate) recent: Recent,
}

/// What is counted of one stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Record {
    pub(crate) visits: u32,
    /// The latest attempt of the latest visit; 0 where only permission was asked.
    pub(crate) attempt: u32,
    pub(crate) outcome: Option<Arc<Outcome>>,
}

/// Where a branch's current stage stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stand {
    New,
    /// There is no place for this branch yet.
    Queued,
    Entering,
    Started {
        deadline: Option<Timestamp>,
    },
    Asked {
        question: Arc<Question>,
        deadline: Option<Timestamp>,
    },
    Answered {
        choice: String,
        text: Option<String>,
        by: String,
    },
    Finished {
        outcome: Arc<Outcome>,
    },
    Retrying {
        until: Timestamp,
    },
    /// Its branches are at work.
    Forked {
        deadline: Option<Timestamp>,
    },
    /// Its child is at work, and is looked at next at `until`.
    Watching {
        cycle: u32,
        until: Timestamp,
        steered: Option<Timestamp>,
        deadline: Option<Timestamp>,
    },
    /// The branch has come to its end.
    Over(Arc<Ended>),
}

/// What a branch came to.
#[derive(Debug, PartialEq)]
pub(crate) struct Ended {
    pub(crate) status: Status,
    pub(crate) note: String,
    /// The stage where it meets the others.
    pub(crate) arrived: Option<usize>,
}

impl Lane {
    pub(crate) fn new(plan: Arc<Plan>, stand: Stand) -> Self {
        Self {
            at: plan.start,
            plan,
            visit: 0,
            attempt: 0,
            since: Timestamp::default(),
            stand,
            routed: 0,
            last: None,
            came: None,
            met: None,
            records: OrdMap::new(),
            context: Context::default(),
            recent: Recent::default(),
        }
    }

    pub(crate) fn step(&self) -> &Step {
        &self.plan.steps[self.at]
    }

    pub(crate) fn role(&self) -> Role {
        self.step().role
    }

    pub(crate) fn record(&self, step: usize) -> Option<&Record> {
        self.records.get(&step)
    }

    /// The latest visit and attempt of a stage.
    pub(crate) fn reached(&self, step: usize) -> (u32, u32) {
        self.record(step).map_or((0, 0), |record| (record.visits, record.attempt))
    }

    /// The last outcome that a stage recorded.
    pub(crate) fn outcome(&self, step: usize) -> Option<&Arc<Outcome>> {
        self.record(step)?.outcome.as_ref()
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.stand, Stand::Over(_))
    }

    pub(crate) fn is_shipping(&self) -> bool {
        matches!(self.stand, Stand::Started { .. }) && self.step().handler == Handler::Ship
    }

    /// The run begins: its main line does.
    pub(crate) fn begin(&mut self, at: Timestamp) {
        self.context = self.plan.initial.clone();
        self.stand = Stand::Entering;
        self.since = at;
    }

    /// # Panics
    /// When the event does not speak of where the branch stands.
    pub(crate) fn expect(&self, stage: &StageId, attempt: Option<(u32, u32)>) {
        assert!(self.step().id == *stage, "an event speaks of a stage that is not current");
        let same = attempt.is_none_or(|attempt| attempt == (self.visit, self.attempt));
        assert!(same, "an event speaks of an attempt that is not current");
    }

    /// What an event in this branch changes of it.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::StageStarted { stage, visit, attempt, deadline, .. } => {
                self.expect(stage, None);
                self.reach(*visit, *attempt);
                if !matches!(self.role(), Role::Start | Role::Conditional | Role::FanIn) {
                    self.routed = 0;
                }
                self.stand = Stand::Started { deadline: *deadline };
                self.context.set("current_node", stage.as_str());
                // Whoever may change the build takes away what was proved of the build before: agents
                // and tools make one, fan-ins and managers take one over.
                let (handler, role) = (&self.step().handler, self.role());
                if matches!(handler, Handler::Agent | Handler::Tool | Handler::FanIn)
                    || role == Role::Manager
                {
                    self.forget_level();
                }
            }
            Event::StageFinished { stage, visit, attempt, outcome, .. } => {
                self.expect(stage, Some((*visit, *attempt)));
                self.finish(outcome, *attempt);
            }
            Event::RetryScheduled { stage, visit, attempt, until, .. } => {
                self.expect(stage, Some((*visit, attempt - 1)));
                self.attempt = *attempt;
                self.stand = Stand::Retrying { until: *until };
                self.context.set(&retry_count(stage), (attempt - 1).to_string());
            }
            Event::EdgeTaken { from, to, why, restart, .. } => {
                self.expect(from, None);
                let target = self.plan.number_after(self.at, to);
                let target = target.expect("an edge leads to a stage of its graph");
                let mut ways = self.step().ways.iter();
                let way = ways.position(|way| way.to == target && way.was_taken(why));
                self.came = Some((self.at, way));
                self.at = target;
                (self.visit, self.attempt) = (0, 0);
                self.met = None;
                self.routed += 1;
                self.stand = Stand::Entering;
                if *restart {
                    self.restart();
                }
            }
            Event::QuestionAsked { stage, visit, attempt, question, deadline, .. } => {
                self.expect(stage, None);
                self.reach(*visit, *attempt);
                self.routed = 0;
                let question = Arc::clone(question);
                self.stand = Stand::Asked { question, deadline: *deadline };
            }
            Event::QuestionAnswered { stage, visit, attempt, choice, text, by, .. } => {
                self.expect(stage, Some((*visit, *attempt)));
                let (choice, text, by) = (choice.clone(), text.clone(), by.clone());
                self.stand = Stand::Answered { choice, text, by };
            }
            Event::BranchesOpened { stage, visit, attempt, at, .. } => {
                self.expect(stage, Some((*visit, *attempt)));
                let Stand::Started { deadline } = self.stand else {
                    panic!("branches are opened by a stage that has started")
                };
                let poll = self.step().watch.as_ref().map(|watch| watch.poll);
                self.stand = match poll {
                    None => Stand::Forked { deadline },
                    Some(poll) => {
                        Stand::Watching { cycle: 0, until: *at + poll, steered: None, deadline }
                    }
                };
            }
            Event::ChildObserved { cycle, context, steer, until, at, .. } => {
                let Stand::Watching { steered, deadline, .. } = self.stand else {
                    panic!("only a manager observes")
                };
                let steered = if steer.is_some() { Some(*at) } else { steered };
                self.stand = Stand::Watching { cycle: *cycle, until: *until, steered, deadline };
                for (key, value) in context {
                    self.context.set(key, value.as_str());
                }
            }
            Event::RunStarted { .. }
            | Event::RunResumed { .. }
            | Event::BranchEnded { .. }
            | Event::RunEnded { .. } => {}
        }
    }

    fn reach(&mut self, visit: u32, attempt: u32) {
        (self.visit, self.attempt) = (visit, attempt);
        let record = self.records.entry(self.at).or_default();
        (record.visits, record.attempt) = (visit, attempt);
    }

    fn finish(&mut self, outcome: &Arc<Outcome>, attempt: u32) {
        if outcome.status != Status::Retry {
            self.last = Some(Arc::clone(outcome));
        }
        self.stand = Stand::Finished { outcome: Arc::clone(outcome) };
        if !is_recorded(outcome.status) {
            return;
        }
        self.records.entry(self.at).or_default().outcome = Some(Arc::clone(outcome));
        for (key, value) in &outcome.context {
            self.context.set(key, value.as_str());
        }
        self.context.set("outcome", outcome.word());
        if let Some(label) = &outcome.preferred_label {
            self.context.set("preferred_label", label.as_str());
        }
        let id = self.step().id.clone();
        if !matches!(self.role(), Role::Start | Role::Conditional) {
            self.context.set("last_stage", id.as_str());
            self.recent.push(self.at, Arc::clone(outcome));
        }
        if attempt > 1 {
            self.context.remove(&retry_count(&id));
        }
    }

    fn forget_level(&mut self) {
        self.context.remove(LEVEL);
        self.context.remove(LEVEL_REASON);
    }

    /// `loop_restart` (2.7): context and outcomes are as at the start; visits count on.
    fn restart(&mut self) {
        self.context = self.plan.initial.clone();
        self.recent = Recent::default();
        let entered: Vec<usize> = self.records.keys().copied().collect();
        for step in entered {
            self.records.entry(step).or_default().outcome = None;
        }
    }
}

/// The stages that a branch went through most recently: a list that grows at its head, so that a
/// copy and its original share all but what they add.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Recent {
    head: Option<Arc<Gone>>,
    length: usize,
}

#[derive(Debug, PartialEq)]
struct Gone {
    step: usize,
    outcome: Arc<Outcome>,
    before: Option<Arc<Gone>>,
}

impl Recent {
    fn push(&mut self, step: usize, outcome: Arc<Outcome>) {
        // Twice as many are kept as are told, so that forgetting is seldom.
        if self.length == 2 * RECENT_MAX {
            let kept: Vec<_> = self.iter().map(|(step, outcome)| (step, outcome.clone())).collect();
            *self = Self::default();
            for (step, outcome) in kept {
                self.push(step, outcome);
            }
        }
        let before = self.head.take();
        self.head = Some(Arc::new(Gone { step, outcome, before }));
        self.length += 1;
    }

    /// Oldest first, at most [`RECENT_MAX`].
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Arc<Outcome>)> {
        let newest = std::iter::successors(self.head.as_deref(), |gone| gone.before.as_deref());
        let mut told: Vec<_> =
            newest.take(RECENT_MAX).map(|gone| (gone.step, &gone.outcome)).collect();
        told.reverse();
        told.into_iter()
    }
}

/// Whether an attempt with this status is its stage's outcome (5.2).
pub(crate) fn is_recorded(status: Status) -> bool {
    !matches!(status, Status::Retry | Status::Skipped)
}

fn retry_count(stage: &StageId) -> String {
    format!("internal.retry_count.{stage}")
}
