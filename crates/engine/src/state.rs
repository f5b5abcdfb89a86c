//! What a run is at one moment, and how events change it.
//!
//! A state holds counters, the last outcome of each stage and the context: it does not grow with
//! visits. History is the ledger's business.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base::{ActionId, Digest, RunId, Spend, StageId, Timestamp};
use pipeline::{Graph, Handler};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::guard::{EXACT_MAX, LEVEL, LEVEL_REASON};
use crate::plan::{Plan, Role};
use crate::{Ending, Event, Outcome, Question, RunLimits, Status};

/// A run: the fold of its events over its graph.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    run: RunId,
    graph: Arc<Graph>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) cursor: Cursor,
    pub(crate) records: Vec<Record>,
    pub(crate) context: BTreeMap<String, String>,
}

/// What stands now, for showing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Current {
    pub stage: StageId,
    /// From 1; 0 while the stage has not started.
    pub visit: u32,
    /// From 1; 0 while the stage has not started and while a person is asked whether it may.
    pub attempt: u32,
    pub since: Timestamp,
    pub phase: Phase,
}

/// How far the current stage is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The next input decides what follows; a [`crate::Action::Wait`] that is due asks for it.
    Deciding,
    /// A hand is at work.
    Performing,
    /// A person is asked.
    Asking {
        question: Arc<Question>,
    },
    /// The next attempt starts at this time.
    Retrying {
        until: Timestamp,
    },
    Ended,
}

/// What is counted of one stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Record {
    pub(crate) visits: u32,
    /// The latest attempt of the latest visit; 0 where only permission was asked.
    pub(crate) attempt: u32,
    pub(crate) outcome: Option<Arc<Outcome>>,
}

/// What the run started with.
#[derive(Debug, PartialEq)]
pub(crate) struct Terms {
    pub(crate) intent: Digest,
    pub(crate) graph: Digest,
    pub(crate) seed: u64,
    pub(crate) limits: RunLimits,
    pub(crate) at: Timestamp,
}

/// The part of a state that is small, and that deciding moves ahead before events are applied.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cursor {
    pub(crate) terms: Option<Arc<Terms>>,
    pub(crate) at: usize,
    pub(crate) visit: u32,
    pub(crate) attempt: u32,
    pub(crate) since: Timestamp,
    pub(crate) stand: Stand,
    /// Attempts started, at all stages.
    pub(crate) attempts: u32,
    pub(crate) spend: Spend,
    /// Stages entered since the run last had something to wait for.
    pub(crate) routed: u32,
    /// Time that does not count: a person was asked, or nobody was there to act.
    pub(crate) paused_ms: u64,
    pub(crate) resumed_at: Timestamp,
    pub(crate) latest: Timestamp,
    /// The outcome that a conditional stage passes on.
    pub(crate) last: Option<Arc<Outcome>>,
}

/// Where the current stage stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stand {
    New,
    Entering,
    Started { deadline: Option<Timestamp> },
    Asked { question: Arc<Question>, deadline: Option<Timestamp> },
    Answered { choice: String, by: String },
    Finished { outcome: Arc<Outcome> },
    Retrying { until: Timestamp },
    Ended(Ending),
}

impl State {
    /// A run that has not started. A graph that cannot run is refused when it starts.
    pub fn new(run: RunId, graph: Arc<Graph>) -> Self {
        let plan = Arc::new(Plan::new(&graph));
        let records = vec![Record::default(); plan.steps.len()];
        Self { run, graph, plan, cursor: Cursor::new(), records, context: BTreeMap::new() }
    }

    pub fn run(&self) -> &RunId {
        &self.run
    }

    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    pub fn is_started(&self) -> bool {
        self.cursor.terms.is_some()
    }

    /// How the run ended, once it has.
    pub fn ending(&self) -> Option<&Ending> {
        match &self.cursor.stand {
            Stand::Ended(ending) => Some(ending),
            _ => None,
        }
    }

    /// The run's context (5.1).
    pub fn context(&self) -> &BTreeMap<String, String> {
        &self.context
    }

    /// What all finished attempts cost together.
    pub fn spend(&self) -> Spend {
        self.cursor.spend
    }

    /// Attempts started so far, at all stages.
    pub fn attempts(&self) -> u32 {
        self.cursor.attempts
    }

    /// When the latest event happened.
    pub fn latest(&self) -> Timestamp {
        self.cursor.latest
    }

    /// Where the run stands; nothing before it has started.
    pub fn current(&self) -> Option<Current> {
        let cursor = &self.cursor;
        cursor.terms.as_ref()?;
        let phase = match &cursor.stand {
            Stand::Ended(_) => Phase::Ended,
            Stand::Asked { question, .. } => Phase::Asking { question: Arc::clone(question) },
            Stand::Retrying { until } => Phase::Retrying { until: *until },
            Stand::Started { .. } if self.role() == Role::Work => Phase::Performing,
            _ => Phase::Deciding,
        };
        Some(Current {
            stage: self.plan.steps[cursor.at].id.clone(),
            visit: cursor.visit,
            attempt: cursor.attempt,
            since: cursor.since,
            phase,
        })
    }

    /// How often the run has entered a stage; 0 for a stage that the graph does not have.
    pub fn visits(&self, stage: &StageId) -> u32 {
        self.record(stage).map_or(0, |record| record.visits)
    }

    /// The last outcome that a stage recorded; skipped and retried attempts record none.
    pub fn outcome(&self, stage: &StageId) -> Option<&Outcome> {
        self.record(stage)?.outcome.as_deref()
    }

    pub(crate) fn action(&self) -> ActionId {
        let Cursor { at, visit, attempt, .. } = self.cursor;
        ActionId {
            run: self.run.clone(),
            branch: base::Branch::MAIN,
            stage: self.plan.steps[at].id.clone(),
            visit,
            attempt,
        }
    }

    pub(crate) fn role(&self) -> Role {
        self.plan.steps[self.cursor.at].role
    }

    fn record(&self, stage: &StageId) -> Option<&Record> {
        self.plan.number(stage).map(|number| &self.records[number])
    }
}

/// Changes a state by an event that [`crate::decide`] gave for it or for the state from which the
/// same events led to it. Nothing that was decided is decided again.
///
/// # Panics
/// When the event cannot follow the state: such a ledger was not written by this engine.
pub fn apply(state: &mut State, event: &Event) {
    state.cursor.apply(&state.plan, event);
    let at = state.cursor.at;
    match event {
        Event::RunStarted { .. } => state.context.clone_from(&state.plan.initial),
        Event::EdgeTaken { restart: true, .. } => {
            state.context.clone_from(&state.plan.initial);
            state.records.iter_mut().for_each(|record| record.outcome = None);
        }
        Event::StageStarted { visit, attempt, .. }
        | Event::QuestionAsked { visit, attempt, .. } => {
            state.records[at].visits = *visit;
            state.records[at].attempt = *attempt;
        }
        Event::StageFinished { outcome, .. } if is_recorded(outcome.status) => {
            state.records[at].outcome = Some(Arc::clone(outcome));
        }
        _ => {}
    }
    let context = &mut state.context;
    context_changes(&state.plan, at, event, &mut |key, value| match value {
        None => drop(context.remove(&*key)),
        Some(value) => match context.get_mut(&*key) {
            // Most keys are written at every stage: their buffers are kept.
            Some(old) => {
                old.clear();
                old.push_str(value);
            }
            None => drop(context.insert(key.into_owned(), value.to_owned())),
        },
    });
    // No condition is read between this and the end of the next attempt, which takes it back, so
    // that deciding need not see it.
    if let Event::RetryScheduled { stage, attempt, .. } = event {
        context.insert(retry_count(stage).into_owned(), (attempt - 1).to_string());
    }
}

/// Whether an attempt with this status is its stage's outcome (5.2).
pub(crate) fn is_recorded(status: Status) -> bool {
    !matches!(status, Status::Retry | Status::Skipped)
}

/// What an event writes into the context, or removes from it, in order; later writes win. A restart
/// is not told here: it sets the whole context back. `near` is the stage that the event most likely
/// speaks of.
pub(crate) fn context_changes<'e>(
    plan: &Plan,
    near: usize,
    event: &'e Event,
    write: &mut dyn FnMut(Cow<'e, str>, Option<&'e str>),
) {
    let step_of = |stage| plan.number_near(near, stage).map(|number| &plan.steps[number]);
    match event {
        Event::StageStarted { stage, .. } => {
            write("current_node".into(), Some(stage.as_str()));
            // Whoever may change the build takes away what was proved of the build before.
            if step_of(stage).is_some_and(|s| matches!(s.handler, Handler::Agent | Handler::Tool)) {
                write(LEVEL.into(), None);
                write(LEVEL_REASON.into(), None);
            }
        }
        Event::StageFinished { stage, attempt, outcome, .. } if is_recorded(outcome.status) => {
            for (key, value) in &outcome.context {
                write(key.into(), Some(value));
            }
            write("outcome".into(), Some(outcome.status.as_str()));
            if let Some(label) = &outcome.preferred_label {
                write("preferred_label".into(), Some(label));
            }
            if step_of(stage).is_some_and(|s| matches!(s.role, Role::Work | Role::Human)) {
                write("last_stage".into(), Some(stage.as_str()));
            }
            if *attempt > 1 {
                write(retry_count(stage), None);
            }
        }
        _ => {}
    }
}

fn retry_count(stage: &StageId) -> Cow<'static, str> {
    format!("internal.retry_count.{stage}").into()
}

impl Cursor {
    fn new() -> Self {
        Self {
            terms: None,
            at: 0,
            visit: 0,
            attempt: 0,
            since: Timestamp::default(),
            stand: Stand::New,
            attempts: 0,
            routed: 0,
            spend: Spend::default(),
            paused_ms: 0,
            resumed_at: Timestamp::default(),
            latest: Timestamp::default(),
            last: None,
        }
    }

    /// When the run's wall clock runs out; never while a person is asked, while a ship is under way
    /// (its result must be known), or where the limit is beyond all time.
    pub(crate) fn wall_deadline(&self, plan: &Plan) -> Option<Timestamp> {
        let terms = self.terms.as_ref()?;
        let asked = matches!(self.stand, Stand::Asked { .. });
        let end =
            terms.at.0.saturating_add(terms.limits.wall_ms_max).saturating_add(self.paused_ms);
        (!asked && !self.is_shipping(plan) && end < EXACT_MAX).then_some(Timestamp(end))
    }

    /// Whether a ship is under way.
    pub(crate) fn is_shipping(&self, plan: &Plan) -> bool {
        matches!(self.stand, Stand::Started { .. }) && plan.steps[self.at].handler == Handler::Ship
    }

    pub(crate) fn apply(&mut self, plan: &Plan, event: &Event) {
        let at = event.at();
        assert!(at >= self.latest, "an event happened before the one that it follows");
        assert!(!matches!(self.stand, Stand::Ended(_)), "an event follows the end of its run");
        if let Event::RunStarted { intent, graph, seed, limits, .. } = event {
            assert!(self.terms.is_none(), "a run starts twice");
            let (intent, graph, seed, limits) = (*intent, *graph, *seed, *limits);
            self.terms = Some(Arc::new(Terms { intent, graph, seed, limits, at }));
            self.at = plan.start;
            self.stand = Stand::Entering;
        } else {
            assert!(self.terms.is_some(), "an event comes before the start of its run");
            self.apply_started(plan, event, at);
        }
        self.latest = at;
        if !matches!(event, Event::RunResumed { .. } | Event::RunEnded { .. }) {
            self.since = at;
        }
    }

    fn apply_started(&mut self, plan: &Plan, event: &Event, now: Timestamp) {
        match event {
            Event::RunStarted { .. } => unreachable!("the caller has taken it"),
            Event::RunResumed { away_ms, .. } => self.resume(*away_ms, now),
            Event::StageStarted { stage, visit, attempt, deadline, .. } => {
                self.expect(plan, stage, None);
                (self.visit, self.attempt) = (*visit, *attempt);
                self.attempts = self.attempts.saturating_add(1);
                if plan.steps[self.at].role == Role::Work {
                    self.routed = 0;
                }
                self.stand = Stand::Started { deadline: *deadline };
            }
            Event::StageFinished { stage, visit, attempt, outcome, .. } => {
                self.expect(plan, stage, Some((*visit, *attempt)));
                self.end_question(now);
                self.spend += outcome.spend;
                if outcome.status != Status::Retry {
                    self.last = Some(Arc::clone(outcome));
                }
                self.stand = Stand::Finished { outcome: Arc::clone(outcome) };
            }
            Event::RetryScheduled { stage, visit, attempt, until, .. } => {
                self.expect(plan, stage, Some((*visit, attempt - 1)));
                self.attempt = *attempt;
                self.stand = Stand::Retrying { until: *until };
            }
            Event::EdgeTaken { from, to, .. } => {
                self.expect(plan, from, None);
                self.at =
                    plan.number_after(self.at, to).expect("an edge leads to a stage of its graph");
                (self.visit, self.attempt) = (0, 0);
                self.routed += 1;
                self.stand = Stand::Entering;
            }
            Event::QuestionAsked { stage, visit, attempt, question, deadline, .. } => {
                self.expect(plan, stage, None);
                (self.visit, self.attempt) = (*visit, *attempt);
                let question = Arc::clone(question);
                self.routed = 0;
                self.stand = Stand::Asked { question, deadline: *deadline };
            }
            Event::QuestionAnswered { stage, visit, attempt, choice, by, .. } => {
                self.expect(plan, stage, Some((*visit, *attempt)));
                self.end_question(now);
                self.stand = Stand::Answered { choice: choice.clone(), by: by.clone() };
            }
            Event::RunEnded { ending, .. } => self.stand = Stand::Ended(ending.clone()),
        }
    }

    fn resume(&mut self, away_ms: u64, now: Timestamp) {
        self.resumed_at = now;
        match &mut self.stand {
            // The whole time of a question is left out when it ends.
            Stand::Asked { .. } => return,
            Stand::Started { deadline: Some(deadline) } => {
                deadline.0 = deadline.0.saturating_add(away_ms).min(EXACT_MAX);
            }
            _ => {}
        }
        self.paused_ms = self.paused_ms.saturating_add(away_ms);
    }

    fn end_question(&mut self, now: Timestamp) {
        if matches!(self.stand, Stand::Asked { .. }) {
            self.paused_ms = self.paused_ms.saturating_add(now.0.saturating_sub(self.since.0));
        }
    }

    fn expect(&self, plan: &Plan, stage: &StageId, attempt: Option<(u32, u32)>) {
        assert!(plan.steps[self.at].id == *stage, "an event speaks of a stage that is not current");
        let same = attempt.is_none_or(|attempt| attempt == (self.visit, self.attempt));
        assert!(same, "an event speaks of an attempt that is not current");
    }
}

/// For showing: what a person or a program wants to know of a run, without its graph.
impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ids = self.plan.steps.iter().map(|step| &step.id);
        let stages: BTreeMap<&StageId, &Record> = ids.zip(&self.records).collect();
        let mut fields = serializer.serialize_struct("State", 8)?;
        fields.serialize_field("run", &self.run)?;
        fields.serialize_field("current", &self.current())?;
        fields.serialize_field("ending", &self.ending())?;
        fields.serialize_field("spend", &self.spend())?;
        fields.serialize_field("attempts", &self.attempts())?;
        fields.serialize_field("latest", &self.latest())?;
        fields.serialize_field("stages", &stages)?;
        fields.serialize_field("context", &self.context)?;
        fields.end()
    }
}
