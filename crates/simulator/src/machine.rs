//! One process after another on one log, each dying where the schedule says so.
//!
//! Durable is the log, the ship target and nothing else. Inputs under way when a process dies are
//! lost, or arrive late at the next one, or twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{ActionId, Branch, RunId, Timestamp};
use engine::{
    Action, Ending, Event, Input, Outcome, RunLimits, State, Status, apply, decide, pending,
};
use pipeline::{Graph, Handler};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::draw::Draw;
use crate::pipelines::{is_forked, is_ordered, pipeline};
use crate::story::story;
use crate::world::{LIMITS, World, start};

/// Inputs that one schedule may take: a run of [`LIMITS`] needs some hundreds, so that more means
/// that it does not end.
const TURNS_MAX: u32 = 5_000;

/// Deaths in one schedule: more only repeat what fewer show, and downtime stays far below timeouts.
const DEATHS_MAX: u32 = 12;

/// What a schedule may do to a run, in percent.
#[derive(Debug, Clone, Copy)]
pub struct Chaos {
    /// At each boundary: before append, amid it, after it, after actions were begun.
    pub die: u32,
    /// An input arrives twice.
    pub repeat: u32,
    /// An input that was under way when the process died arrives at the next one.
    pub linger: u32,
}

impl Chaos {
    /// Nothing goes wrong.
    pub const NONE: Self = Self { die: 0, repeat: 0, linger: 0 };
    /// Much goes wrong.
    pub const ROUGH: Self = Self { die: 12, repeat: 20, linger: 50 };
}

/// Mistakes that a driver of the engine could make; the simulator must find each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    None,
    /// Every fifth event reaches the state but not the log.
    DropEvent,
    /// Actions are begun before the events that they follow from are durable.
    PerformBeforeAppend,
    /// After a restart the last event is applied twice.
    ApplyTwice,
    /// A second ship of the same action lands too: no compare-and-swap.
    ShipWithoutSwap,
}

/// Something that must never happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

/// A run, as its log and its world were left.
#[derive(Debug)]
pub struct Run {
    pub log: Vec<Event>,
    pub state: State,
    pub deaths: u32,
}

/// Runs one random pipeline twice, quietly and roughly, and compares.
///
/// # Errors
/// What went wrong first; `seed` alone brings it back.
pub fn check_schedule(seed: u64, defect: Defect) -> Result<Run, Violation> {
    let mut draw = ChaCha8Rng::seed_from_u64(seed);
    let graph = Arc::new(pipeline(&mut draw));
    let quiet = simulate(&graph, seed, LIMITS, Chaos::NONE, Defect::None)?;
    let rough = simulate(&graph, seed, LIMITS, Chaos::ROUGH, defect)?;
    // Who of several branches comes first to a bound of the whole run is a matter of time, and so is
    // whose success is the first.
    let is_bounded = |run: &Run| match run.state.ending() {
        Some(Ending::Held { reason }) => reason.starts_with("run "),
        Some(Ending::Cancelled { .. }) => true,
        _ => false,
    };
    let bounded = is_bounded(&quiet) || is_bounded(&rough);
    if is_forked(&graph) && (bounded || !is_ordered(&graph)) {
        return Ok(rough);
    }
    let (wanted, found) = (tell(&quiet), tell(&rough));
    for (branch, wanted) in &wanted {
        let found = found.get(branch).map_or(&[][..], Vec::as_slice);
        if *wanted != found {
            let n = wanted.iter().zip(found).take_while(|(a, b)| a == b).count();
            let (wanted, found) = (wanted.get(n), found.get(n));
            return violation(format!("event {n} is {found:?}, and {wanted:?} without crashes"));
        }
    }
    if wanted.len() != found.len() {
        return violation("branches were opened that are not without crashes".to_owned());
    }
    if outline(&quiet.state) != outline(&rough.state) {
        return violation("the same events left another state".to_owned());
    }
    Ok(rough)
}

/// What happened in each branch: branches are not told apart by who was faster.
fn tell(run: &Run) -> BTreeMap<Branch, Vec<String>> {
    let mut told: BTreeMap<Branch, Vec<String>> = BTreeMap::new();
    for event in &run.log {
        told.entry(event.branch().clone()).or_default().extend(story(event));
    }
    told
}

/// Runs one pipeline to its end.
///
/// # Errors
/// What must never happen, and did.
pub fn simulate(
    graph: &Arc<Graph>,
    seed: u64,
    limits: RunLimits,
    chaos: Chaos,
    defect: Defect,
) -> Result<Run, Violation> {
    let mut machine = Machine::new(graph, seed, chaos, defect);
    machine.take(&start(seed, limits))?;
    for _ in 0..TURNS_MAX {
        if !machine.state.is_started() {
            machine.take(&start(seed, limits))?;
            continue;
        }
        machine.begin_pending()?;
        if machine.died {
            machine.restart()?;
            continue;
        }
        if machine.state.ending().is_some() {
            machine.check_end(limits)?;
            let Machine { log, state, deaths, .. } = machine;
            return Ok(Run { log, state, deaths });
        }
        let input = machine.next_input()?;
        machine.take(&input)?;
    }
    violation(format!("the run did not end within {TURNS_MAX} inputs"))
}

fn violation<T>(what: String) -> Result<T, Violation> {
    Err(Violation(what))
}

/// All of a state that does not speak of time.
fn outline(state: &State) -> impl PartialEq {
    let stages = state.graph().stages.keys();
    let outcomes: Vec<_> = stages.map(|s| (state.visits(s), state.outcome(s).cloned())).collect();
    let totals = (state.spend(), state.attempts(), state.ending().cloned());
    (outcomes, totals, state.context().clone())
}

struct Machine {
    graph: Arc<Graph>,
    run: RunId,
    world: World,
    draw: ChaCha8Rng,
    chaos: Chaos,
    defect: Defect,
    now: Timestamp,
    deaths: u32,
    died: bool,
    state: State,
    /// Durable.
    log: Vec<Event>,
    /// Durable, and outside: how often each ship landed.
    shipped: BTreeMap<ActionId, u32>,
    /// What this process has begun.
    begun: BTreeSet<ActionId>,
    /// Under way, by the time of arrival.
    inputs: BTreeMap<(Timestamp, u32), Input>,
    sent: u32,
    timer: Option<Timestamp>,
}

impl Machine {
    fn new(graph: &Arc<Graph>, seed: u64, chaos: Chaos, defect: Defect) -> Self {
        let run = RunId::new("simulated-1").expect("it is a run's id");
        Self {
            graph: Arc::clone(graph),
            state: State::new(run.clone(), Arc::clone(graph)),
            run,
            world: World { seed },
            draw: ChaCha8Rng::seed_from_u64(!seed),
            chaos,
            defect,
            now: Timestamp(1_000_000),
            deaths: 0,
            died: false,
            log: Vec::new(),
            shipped: BTreeMap::new(),
            begun: BTreeSet::new(),
            inputs: BTreeMap::new(),
            sent: 0,
            timer: None,
        }
    }

    /// Decide, append, apply: the loop of every driver, with a death at each boundary.
    fn take(&mut self, input: &Input) -> Result<(), Violation> {
        let events = match decide(&self.state, input, self.now) {
            Ok(events) => events,
            Err(refusal) => return violation(format!("{input:?} was refused: {refusal}")),
        };
        if self.defect == Defect::PerformBeforeAppend {
            events.iter().for_each(|event| apply(&mut self.state, event));
            self.begin_pending()?;
        }
        if self.dies() && !events.is_empty() {
            // A part of the batch may have reached the disk.
            let count = u32::try_from(events.len()).expect("batches are short");
            let durable = self.draw.below(count + 1) as usize;
            self.log.extend_from_slice(&events[..durable]);
            return self.restart();
        }
        for event in &events {
            let dropped = self.defect == Defect::DropEvent && self.draw.percent(20);
            if !dropped {
                self.log.push(event.clone());
            }
            if self.defect != Defect::PerformBeforeAppend {
                apply(&mut self.state, event);
            }
        }
        if self.dies() { self.restart() } else { Ok(()) }
    }

    fn dies(&mut self) -> bool {
        self.deaths < DEATHS_MAX && self.draw.percent(self.chaos.die)
    }

    /// A new process: nothing but the log is left of the old one.
    fn restart(&mut self) -> Result<(), Violation> {
        self.died = false;
        self.deaths += 1;
        self.begun.clear();
        self.timer = None;
        let (linger, draw) = (self.chaos.linger, &mut self.draw);
        self.inputs.retain(|_, _| draw.percent(linger));
        self.state = State::new(self.run.clone(), Arc::clone(&self.graph));
        for event in &self.log {
            // Once a schedule is enough to show that bodies are read as they were written.
            if self.deaths > 1 {
                apply(&mut self.state, event);
                continue;
            }
            let body = event.to_body();
            let read = Event::from_body(event.name(), event.version(), &body);
            apply(&mut self.state, &read.map_err(|error| Violation(format!("{body}: {error}")))?);
        }
        if let (Defect::ApplyTwice, Some(event)) = (self.defect, self.log.last()) {
            apply(&mut self.state, event);
        }
        let away_since = self.now;
        self.now.0 += u64::from(self.draw.below(50));
        if self.state.is_started() && self.draw.percent(50) {
            self.send(Input::Resumed { away_since }, 0);
        }
        Ok(())
    }

    fn begin_pending(&mut self) -> Result<(), Violation> {
        let actions = pending(&self.state);
        if actions.is_empty() && self.state.is_started() && self.state.ending().is_none() {
            return violation(format!("nothing is pending: {:?}", self.state.current()));
        }
        let waits = |action: &Action| match action {
            Action::Wait { until } => Some(*until),
            _ => None,
        };
        self.timer = actions.iter().find_map(waits);
        for action in actions {
            match action {
                Action::Ask { id, question, .. } if self.begun.insert(id.clone()) => {
                    let stage = &self.graph_of(&id.branch).stages[&id.stage];
                    let returns =
                        is_forked(&self.graph) && (stage.timeout.is_none() || id.attempt == 0);
                    let choice = self.world.answer(&id, &question);
                    let choice = choice.or_else(|| returns.then(|| question.choices[0].clone()));
                    let by = "somebody".to_owned();
                    let answer =
                        choice.map(|choice| Input::Answered { action: id.clone(), choice, by });
                    self.send_or_hang(answer);
                }
                Action::Perform { id, handler, .. } if self.begun.insert(id.clone()) => {
                    self.perform(id, &handler)?;
                }
                _ => {}
            }
        }
        // Work has begun and its result is nowhere yet.
        self.died = self.dies();
        Ok(())
    }

    fn perform(&mut self, action: ActionId, handler: &Handler) -> Result<(), Violation> {
        let mut same = self.log.iter().filter(|event| is_of(event, &action));
        if !same.any(|event| matches!(event, Event::StageStarted { .. })) {
            return violation(format!("{action} is performed before its start is durable"));
        }
        if same.any(|event| matches!(event, Event::StageFinished { .. })) {
            return violation(format!("{action} is performed again after its finish was durable"));
        }
        if *handler == Handler::Ship {
            self.check_ship(&action)?;
            let landed = self.shipped.entry(action.clone()).or_default();
            if *landed == 0 || self.defect == Defect::ShipWithoutSwap {
                *landed += 1;
            }
        }
        let mut outcome = self.world.perform(&action);
        let timeout = self.graph_of(&action.branch).stages[&action.stage].timeout;
        let returns = *handler == Handler::Ship || is_forked(&self.graph);
        if outcome.is_none() && returns && timeout.is_none() {
            // A ship cannot be cancelled, and beside branches nobody would see that one hangs.
            outcome = Some(Outcome::new(Status::Fail, "the target is away"));
        }
        self.send_or_hang(outcome.map(|outcome| Input::Finished { action, outcome }));
        Ok(())
    }

    /// What never comes is ended by its timeout, or else by a person once nothing else will come.
    fn send_or_hang(&mut self, input: Option<Input>) {
        if let Some(input) = input {
            self.send_once_or_twice(input);
        }
    }

    /// What ships was proved since the last change, and below level 5 a person said yes.
    fn check_ship(&self, action: &ActionId) -> Result<(), Violation> {
        let mut levels: BTreeMap<Branch, Option<String>> = BTreeMap::new();
        let mut approved = false;
        for event in &self.log {
            let branch = event.branch();
            match event {
                Event::BranchesOpened { stage, visit, attempt, to, .. } => {
                    let level = levels.get(branch).cloned().flatten();
                    for (index, _) in (0..).zip(to) {
                        let (stage, visit, attempt) = (stage.clone(), *visit, *attempt);
                        let fork = base::Fork { stage, visit, attempt, index };
                        let child = branch.fork(fork).expect("the engine has opened it");
                        levels.insert(child, level.clone());
                    }
                }
                Event::EdgeTaken { restart: true, .. } => {
                    levels.remove(branch);
                }
                Event::StageStarted { stage, .. }
                    if matches!(
                        self.handler(branch, stage),
                        Handler::Agent | Handler::Tool | Handler::FanIn
                    ) =>
                {
                    levels.remove(branch);
                }
                Event::StageFinished { stage, outcome, .. }
                    if matches!(
                        self.handler(branch, stage),
                        Handler::Prove | Handler::Check | Handler::Attack | Handler::Ship
                    ) && !matches!(outcome.status, Status::Retry | Status::Skipped) =>
                {
                    if let Some(level) = outcome.context.get("factory.level") {
                        levels.insert(branch.clone(), Some(level.clone()));
                    }
                }
                Event::QuestionAnswered { stage, visit, attempt: 0, choice, .. } => {
                    approved |= (branch, stage, *visit)
                        == (&action.branch, &action.stage, action.visit)
                        && choice == engine::APPROVE;
                }
                _ => {}
            }
        }
        match levels.get(&action.branch).and_then(Option::as_deref) {
            Some("5") => Ok(()),
            Some("1" | "4") if approved => Ok(()),
            level => violation(format!("{action} ships at level {level:?}, approved: {approved}")),
        }
    }

    fn graph_of(&self, branch: &Branch) -> &Graph {
        self.state.graph_of(branch)
    }

    fn handler(&self, branch: &Branch, stage: &base::StageId) -> &Handler {
        &self.graph_of(branch).stages[stage].handler
    }

    fn send_once_or_twice(&mut self, input: Input) {
        let takes_ms = 1 + self.draw.below(20);
        if self.draw.percent(self.chaos.repeat) {
            let later_ms = takes_ms + self.draw.below(2_000);
            self.send(input.clone(), later_ms);
        }
        self.send(input, takes_ms);
    }

    fn send(&mut self, input: Input, after_ms: u32) {
        self.sent += 1;
        let at = Timestamp(self.now.0 + u64::from(after_ms));
        self.inputs.insert((at, self.sent), input);
    }

    /// Time goes to whatever comes first.
    fn next_input(&mut self) -> Result<Input, Violation> {
        let first = self.inputs.keys().next().copied();
        let timer_first = self.timer.filter(|timer| first.is_none_or(|(at, _)| *timer <= at));
        if let Some(timer) = timer_first {
            self.now = self.now.max(timer);
            return Ok(Input::TimePassed);
        }
        let Some(key) = first else {
            return Ok(Input::Cancelled { by: "somebody".to_owned() });
        };
        self.now = self.now.max(key.0);
        let input = self.inputs.remove(&key).expect("its key was just seen");
        if self.draw.percent(self.chaos.repeat) { Ok(self.early(key.0, input)) } else { Ok(input) }
    }

    /// The clock strikes before its time, and the input comes after it.
    fn early(&mut self, at: Timestamp, input: Input) -> Input {
        self.sent += 1;
        self.inputs.insert((at, self.sent), input);
        Input::TimePassed
    }

    fn check_end(&self, limits: RunLimits) -> Result<(), Violation> {
        if let Some((action, times)) = self.shipped.iter().find(|(_, times)| **times > 1) {
            return violation(format!("{action} shipped {times} times"));
        }
        if self.state.attempts() > limits.attempts_max {
            return violation(format!("{} attempts were started", self.state.attempts()));
        }
        for (id, stage) in &self.graph.stages {
            if self.state.visits(id) > stage.visits_max {
                return violation(format!("{id} was visited {} times", self.state.visits(id)));
            }
        }
        let replayed = self.log.iter().fold(
            State::new(self.run.clone(), Arc::clone(&self.graph)),
            |mut state, event| {
                apply(&mut state, event);
                state
            },
        );
        if replayed != self.state {
            return violation("the log does not replay to the state".to_owned());
        }
        let gates = self.graph.stages.values().filter(|stage| stage.goal_gate);
        let mut outcomes = gates.map(|stage| self.state.outcome(&stage.id));
        let open = outcomes.any(|outcome| !outcome.is_some_and(|o| o.status.passes()));
        if open && self.state.ending() == Some(&Ending::Completed) {
            return violation("the run completed with a goal gate that is not passed".to_owned());
        }
        Ok(())
    }
}

fn is_of(event: &Event, action: &ActionId) -> bool {
    match event {
        Event::StageStarted { stage, visit, attempt, .. }
        | Event::StageFinished { stage, visit, attempt, .. } => {
            (event.branch(), stage, visit, attempt)
                == (&action.branch, &action.stage, &action.visit, &action.attempt)
        }
        _ => false,
    }
}
