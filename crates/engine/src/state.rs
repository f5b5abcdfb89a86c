//! What a run is at one moment, and how events change it.
//!
//! A state holds counters, the last outcome of each stage and the contexts: it does not grow with
//! visits. History is the ledger's business. Whatever grows with the pipeline is held in persistent
//! maps, so that copying a state takes the same time whatever its size.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{ActionId, Branch, Digest, RunId, Spend, StageId, Timestamp};
use pipeline::Graph;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::guard::EXACT_MAX;
use crate::lane::{Ended, Lane, Record, Stand, is_recorded};
use crate::plan::{Plan, Role};
use crate::{Context, Ending, Event, Outcome, Question, RunLimits};

/// A run: the fold of its events over its graph.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    run: RunId,
    graph: Arc<Graph>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) totals: Totals,
    /// The main line and every branch that its parallel stage or manager still needs.
    pub(crate) lanes: BTreeMap<Branch, Lane>,
}

/// What stands in one branch, for showing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Current {
    #[serde(skip_serializing_if = "Branch::is_main")]
    pub branch: Branch,
    pub stage: StageId,
    /// From 1; 0 while the stage has not started.
    pub visit: u32,
    /// From 1; 0 while the stage has not started and while a person is asked whether it may.
    pub attempt: u32,
    pub since: Timestamp,
    pub phase: Phase,
}

/// How far a branch's current stage is.
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
    /// Time passes until then.
    Pausing {
        until: Timestamp,
    },
    /// Its branches or its child are at work.
    Joining,
    /// A branch for which there is no place yet, or that has come to its end.
    Resting,
    Ended,
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

/// What is counted and bounded for the run as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) terms: Option<Arc<Terms>>,
    pub(crate) ending: Option<Ending>,
    /// Attempts started, at all stages.
    pub(crate) attempts: u32,
    pub(crate) spend: Spend,
    /// Time that does not count: people were asked and nothing else could go on, or nobody was there
    /// to act.
    pub(crate) paused_ms: u64,
    /// Since when people are asked and nothing else can go on.
    pub(crate) paused_since: Option<Timestamp>,
    pub(crate) resumed_at: Timestamp,
    pub(crate) latest: Timestamp,
}

impl State {
    /// A run that has not started. A graph that cannot run is refused when it starts.
    pub fn new(run: RunId, graph: Arc<Graph>) -> Self {
        let plan = Arc::new(Plan::new(&graph));
        let mut lanes = BTreeMap::new();
        lanes.insert(Branch::MAIN, Lane::new(Arc::clone(&plan), Stand::New));
        Self { run, graph, plan, totals: Totals::default(), lanes }
    }

    pub fn run(&self) -> &RunId {
        &self.run
    }

    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The graph that a branch runs: the run's own, or that of the manager which opened it.
    pub fn graph_of(&self, branch: &Branch) -> &Graph {
        let mut graph: &Graph = &self.graph;
        for fork in branch.forks() {
            let manager = graph.stages.get(&fork.stage).and_then(|stage| stage.manager.as_ref());
            graph = manager.map_or(graph, |manager| &manager.child);
        }
        graph
    }

    pub fn is_started(&self) -> bool {
        self.totals.terms.is_some()
    }

    /// How the run ended, once it has.
    pub fn ending(&self) -> Option<&Ending> {
        self.totals.ending.as_ref()
    }

    /// The run's seed, once it has started.
    pub fn seed(&self) -> Option<u64> {
        self.totals.terms.as_ref().map(|terms| terms.seed)
    }

    /// The main line's context (5.1).
    pub fn context(&self) -> &Context {
        &self.main().context
    }

    /// A branch's context; the main line's where there is no such branch any more.
    pub fn context_of(&self, branch: &Branch) -> &Context {
        &self.lanes.get(branch).unwrap_or_else(|| self.main()).context
    }

    /// What all finished attempts cost together.
    pub fn spend(&self) -> Spend {
        self.totals.spend
    }

    /// Attempts started so far, at all stages.
    pub fn attempts(&self) -> u32 {
        self.totals.attempts
    }

    /// When the latest event happened.
    pub fn latest(&self) -> Timestamp {
        self.totals.latest
    }

    /// Where the main line stands; nothing before it has started.
    pub fn current(&self) -> Option<Current> {
        self.is_started().then(|| self.stands(&Branch::MAIN, self.main()))
    }

    /// Where every branch stands, the main line first; nothing before it has started.
    pub fn branches(&self) -> impl Iterator<Item = Current> {
        let lanes = self.lanes.iter().filter(|_| self.is_started());
        lanes.map(|(branch, lane)| self.stands(branch, lane))
    }

    fn stands(&self, branch: &Branch, lane: &Lane) -> Current {
        let phase = match &lane.stand {
            _ if self.totals.ending.is_some() => Phase::Ended,
            Stand::Asked { question, .. } => Phase::Asking { question: Arc::clone(question) },
            Stand::Retrying { until } => Phase::Retrying { until: *until },
            Stand::Started { deadline } => match lane.role() {
                Role::Work => Phase::Performing,
                Role::Wait => Phase::Pausing { until: deadline.unwrap_or(lane.since) },
                _ => Phase::Deciding,
            },
            Stand::Forked { .. } | Stand::Watching { .. } => Phase::Joining,
            Stand::Queued | Stand::Over(_) => Phase::Resting,
            _ => Phase::Deciding,
        };
        Current {
            branch: branch.clone(),
            stage: lane.step().id.clone(),
            visit: lane.visit,
            attempt: lane.attempt,
            since: lane.since,
            phase,
        }
    }

    /// How often the main line has entered a stage; 0 for a stage that the graph does not have.
    pub fn visits(&self, stage: &StageId) -> u32 {
        self.record(stage).map_or(0, |record| record.visits)
    }

    /// The last outcome that a stage of the main line recorded, and of a goal gate in branches that
    /// have met, the worst; skipped and retried attempts record none.
    pub fn outcome(&self, stage: &StageId) -> Option<&Outcome> {
        self.record(stage)?.outcome.as_deref()
    }

    /// The stages that a branch went through most recently, oldest first, with what became of them.
    pub fn recent(&self, branch: &Branch) -> impl Iterator<Item = (&StageId, &Outcome)> {
        let lane = self.lanes.get(branch);
        lane.into_iter().flat_map(|lane| {
            let recent = lane.recent.iter();
            recent.map(|(step, outcome)| (&lane.plan.steps[step].id, outcome.as_ref()))
        })
    }

    /// How a branch came to its current stage: the stage before it, and the position of the edge in
    /// [`Graph::edges`] of [`State::graph_of`] where it was an edge.
    pub fn came_by(&self, branch: &Branch) -> Option<(&StageId, Option<usize>)> {
        let lane = self.lanes.get(branch)?;
        let (from, way) = lane.came?;
        let step = &lane.plan.steps[from];
        Some((&step.id, way.map(|way| step.ways[way].edge)))
    }

    pub(crate) fn main(&self) -> &Lane {
        &self.lanes[&Branch::MAIN]
    }

    pub(crate) fn action(&self, branch: &Branch, lane: &Lane) -> ActionId {
        ActionId {
            run: self.run.clone(),
            branch: branch.clone(),
            stage: lane.step().id.clone(),
            visit: lane.visit,
            attempt: lane.attempt,
        }
    }

    /// The branches that one lane's current stage opened, in their order.
    pub(crate) fn children<'a>(
        &'a self,
        branch: &'a Branch,
    ) -> impl Iterator<Item = (&'a Branch, &'a Lane)> {
        let depth = branch.forks().len() + 1;
        let inside = self.lanes.range(branch.clone()..).skip(1);
        inside
            .take_while(|(other, _)| other.is_inside(branch))
            .filter(move |(other, _)| other.forks().len() == depth)
    }

    /// When the run's wall clock runs out; never while people are asked and nothing else can go on,
    /// while a ship is under way (its result must be known), or where the limit is beyond all time.
    pub(crate) fn wall_deadline(&self) -> Option<Timestamp> {
        let terms = self.totals.terms.as_ref()?;
        let limit = terms.limits.wall_ms_max;
        let end = terms.at.0.saturating_add(limit).saturating_add(self.totals.paused_ms);
        let counts = self.totals.paused_since.is_none() && !self.is_shipping();
        (counts && end < EXACT_MAX).then_some(Timestamp(end))
    }

    /// Whether a ship is under way.
    pub(crate) fn is_shipping(&self) -> bool {
        self.lanes.values().any(Lane::is_shipping)
    }

    pub(crate) fn lane_mut(&mut self, branch: &Branch) -> &mut Lane {
        self.lanes.get_mut(branch).expect("an event speaks of a branch that is open")
    }

    fn record(&self, stage: &StageId) -> Option<&Record> {
        self.main().record(self.plan.number(stage)?)
    }

    fn is_paused(&self) -> bool {
        let mut asked = false;
        for lane in self.lanes.values() {
            match lane.stand {
                Stand::Asked { .. } => asked = true,
                Stand::Forked { .. }
                | Stand::Watching { .. }
                | Stand::Queued
                | Stand::Over(_)
                | Stand::New => {}
                _ => return false,
            }
        }
        asked
    }
}

/// Changes a state by an event that [`crate::decide`] gave for it or for the state from which the
/// same events led to it. Nothing that was decided is decided again.
///
/// # Panics
/// When the event cannot follow the state: such a ledger was not written by this engine.
pub fn apply(state: &mut State, event: &Event) {
    let at = event.at();
    let totals = &mut state.totals;
    assert!(at >= totals.latest, "an event happened before the one that it follows");
    assert!(totals.ending.is_none(), "an event follows the end of its run");
    if let Event::RunStarted { intent, graph, seed, limits, .. } = event {
        assert!(totals.terms.is_none(), "a run starts twice");
        let (intent, graph, seed, limits) = (*intent, *graph, *seed, *limits);
        totals.terms = Some(Arc::new(Terms { intent, graph, seed, limits, at }));
        let main = state.lanes.get_mut(&Branch::MAIN).expect("there always is a main line");
        main.begin(at);
    } else {
        assert!(totals.terms.is_some(), "an event comes before the start of its run");
        state.apply_started(event);
    }
    let paused = state.is_paused();
    let totals = &mut state.totals;
    totals.latest = at;
    match (totals.paused_since, paused) {
        (None, true) => totals.paused_since = Some(at),
        (Some(since), false) => {
            totals.paused_ms = totals.paused_ms.saturating_add(at.0.saturating_sub(since.0));
            totals.paused_since = None;
        }
        _ => {}
    }
}

impl State {
    fn apply_started(&mut self, event: &Event) {
        let branch = event.branch();
        match event {
            Event::RunStarted { .. } => unreachable!("the caller has taken it"),
            Event::RunResumed { away_ms, at } => return self.resume(*away_ms, *at),
            Event::RunEnded { ending, .. } => {
                self.totals.ending = Some(ending.clone());
                return;
            }
            Event::StageStarted { .. } => {
                self.totals.attempts = self.totals.attempts.saturating_add(1);
            }
            Event::StageFinished { outcome, .. } => {
                self.totals.spend += outcome.spend;
                self.close(branch, is_recorded(outcome.status));
            }
            Event::BranchesOpened { visit, attempt, to, at, .. } => {
                self.open(branch, *visit, *attempt, to, *at);
            }
            Event::BranchEnded { status, note, arrived, .. } => {
                let lane = self.lane_mut(branch);
                let arrived = arrived.as_ref().and_then(|stage| lane.plan.number(stage));
                let (status, note) = (*status, note.clone());
                lane.stand = Stand::Over(Arc::new(Ended { status, note, arrived }));
                self.fill(&branch.parent().expect("the main line ends with its run"));
            }
            Event::ChildObserved { steer: Some(text), .. } => self.steer(branch, text),
            _ => {}
        }
        let lane = self.lane_mut(branch);
        lane.apply(event);
        lane.since = event.at();
    }

    fn resume(&mut self, away_ms: u64, now: Timestamp) {
        self.totals.resumed_at = now;
        // The whole time of a question is left out when it ends.
        if self.totals.paused_since.is_none() {
            self.totals.paused_ms = self.totals.paused_ms.saturating_add(away_ms);
        }
        for lane in self.lanes.values_mut() {
            let is_pause = lane.role() == Role::Wait;
            if let Stand::Started { deadline: Some(deadline) }
            | Stand::Forked { deadline: Some(deadline) }
            | Stand::Watching { deadline: Some(deadline), .. } = &mut lane.stand
                && !is_pause
            {
                deadline.0 = deadline.0.saturating_add(away_ms).min(EXACT_MAX);
            }
        }
    }
}

/// For showing: what a person or a program wants to know of a run, without its graph.
impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let main = self.main();
        let none = Record::default();
        let steps = self.plan.steps.iter().enumerate();
        let stages: BTreeMap<&StageId, &Record> =
            steps.map(|(n, step)| (&step.id, main.record(n).unwrap_or(&none))).collect();
        let branches: Vec<Current> =
            self.branches().filter(|current| !current.branch.is_main()).collect();
        let fields_count = if branches.is_empty() { 8 } else { 9 };
        let mut fields = serializer.serialize_struct("State", fields_count)?;
        fields.serialize_field("run", &self.run)?;
        fields.serialize_field("current", &self.current())?;
        if !branches.is_empty() {
            fields.serialize_field("branches", &branches)?;
        }
        fields.serialize_field("ending", &self.ending())?;
        fields.serialize_field("spend", &self.spend())?;
        fields.serialize_field("attempts", &self.attempts())?;
        fields.serialize_field("latest", &self.latest())?;
        fields.serialize_field("stages", &stages)?;
        fields.serialize_field("context", self.context())?;
        fields.end()
    }
}
