//! Where a run goes when an attempt has ended: edges (3.3), goal gates (3.4), retries (3.5) and
//! failures (3.7).

use std::sync::Arc;

use base::{Branch, Timestamp};
use pipeline::Handler;

use crate::draft::Draft;
use crate::guard::EXACT_MAX;
use crate::lane::{Lane, Stand};
use crate::plan::{Role, Way, normal};
use crate::retry::delay;
use crate::{Ending, Event, Outcome, Status, Why};

/// The way that an outcome takes.
enum Next {
    To {
        step: usize,
        why: Why,
        restart: bool,
    },
    Retry,
    /// There is nothing behind this stage: the branch ends here as it would at an exit.
    End,
    Stuck(String),
}

impl Draft {
    /// Leaves the attempt that has just ended.
    pub(crate) fn route(&mut self, branch: &Branch) {
        match next(self.lane(branch)) {
            Next::To { step, why, restart } => self.go(branch, step, why, restart),
            Next::Retry => self.schedule_retry(branch),
            Next::End if self.is_in_parallel(branch) => self.end_branch(branch, None),
            Next::End => self.exit(branch),
            Next::Stuck(reason) => self.give_up(branch, reason),
        }
    }

    fn schedule_retry(&mut self, branch: &Branch) {
        let lane = self.lane(branch);
        let (step, at) = (lane.step(), self.now);
        let (stage, visit, attempt) = (step.id.clone(), lane.visit, lane.attempt);
        let seed = self.state.seed().expect("only a started run has stages");
        let until = at + delay(&step.retry.backoff, seed, branch, &stage, visit, attempt);
        let until = Timestamp(until.0.min(EXACT_MAX));
        let (branch, attempt) = (branch.clone(), attempt + 1);
        self.push(Event::RetryScheduled { branch, stage, visit, attempt, until, at });
    }

    /// Goes to a stage, unless that is where this branch meets the others.
    fn go(&mut self, branch: &Branch, to: usize, why: Why, restart: bool) {
        if self.is_meeting(branch, to, &why) {
            return self.end_branch(branch, Some(to));
        }
        if restart && !branch.is_main() {
            let reason = format!("`{}` restarts the run from inside a branch", self.stage(branch));
            return self.give_up(branch, reason);
        }
        let lane = self.lane(branch);
        let (from, to, at) = (lane.step().id.clone(), lane.plan.steps[to].id.clone(), self.now);
        let branch = branch.clone();
        self.push(Event::EdgeTaken { branch, from, to, why, restart, at });
    }

    /// Whether a branch of a parallel stage ends when it comes to `to`: where the others end, at any
    /// fan-in that its own branches have not just met at, and at the exit.
    pub(crate) fn is_meeting(&self, branch: &Branch, to: usize, why: &Why) -> bool {
        if !self.is_in_parallel(branch) {
            return false;
        }
        let parent = branch.parent().expect("a branch of a parallel stage has a parent");
        let fork = self.step(&parent).fork.as_ref();
        let step = &self.lane(branch).plan.steps[to];
        let is_fan_in = step.handler == Handler::FanIn && *why != Why::Joined;
        is_fan_in || step.role == Role::Exit || fork.is_some_and(|fork| fork.meets == Some(to))
    }

    /// Whether a branch is one of several, and not the main line or a manager's child.
    fn is_in_parallel(&self, branch: &Branch) -> bool {
        branch.parent().is_some_and(|parent| self.lane(&parent).role() == Role::Parallel)
    }

    /// The exit: the run has completed if every goal gate is passed, and so has a child. One that was
    /// never visited is not: a way around a gate is no way through it.
    pub(crate) fn exit(&mut self, branch: &Branch) {
        let lane = self.lane(branch);
        let plan = &lane.plan;
        let passed = |gate: &usize| lane.outcome(*gate).is_some_and(|o| o.status.passes());
        let Some(gate) = plan.gates.iter().copied().find(|gate| !passed(gate)) else {
            if branch.is_main() {
                return self.push(Event::RunEnded { ending: Ending::Completed, at: self.now });
            }
            let at = Some(lane.at).filter(|at| plan.steps[*at].role == Role::Exit);
            let arrived = at.map(|at| plan.steps[at].id.clone());
            let (branch, status, at) = (branch.clone(), Status::Success, self.now);
            let note = String::new();
            return self.push(Event::BranchEnded { branch, status, note, arrived, at });
        };
        let step = &plan.steps[gate];
        let mut targets = step.retry_targets.iter().chain(&plan.retry_targets);
        let elsewhere = |target: &&usize| plan.steps[**target].role != Role::Exit;
        let target = targets.find(elsewhere).copied();
        let id = step.id.clone();
        if let Some(target) = target {
            return self.go(branch, target, Why::GoalGate(id), false);
        }
        let how = lane.outcome(gate).map_or("never visited", |o| &o.note);
        let reason = format!("goal gate `{id}` is not passed and has no retry target: {how}");
        self.give_up(branch, reason);
    }
}

fn next(lane: &Lane) -> Next {
    let Stand::Finished { outcome } = &lane.stand else { unreachable!("the caller looked") };
    let step = lane.step();
    let way = match outcome.status {
        Status::Retry => return Next::Retry,
        _ if step.role == Role::Parallel => return next_of_parallel(lane, outcome),
        Status::Fail => way_of_failure(lane, outcome),
        Status::Success | Status::PartialSuccess | Status::Skipped => way_on(lane, outcome),
    };
    if let Some((way, why)) = way {
        return Next::To { step: way.to, why, restart: way.restart };
    }
    let stage = &step.id;
    if outcome.status == Status::Fail {
        return after_failure(lane, outcome);
    }
    if step.ways.is_empty() {
        return Next::End;
    }
    let word = outcome.word();
    Next::Stuck(format!("no edge out of stage `{stage}` fits its outcome {word}"))
}

/// Without an edge for it (3.7).
fn after_failure(lane: &Lane, outcome: &Arc<Outcome>) -> Next {
    let step = lane.step();
    match step.retry_targets.first() {
        Some(target) => Next::To { step: *target, why: Why::RetryTarget, restart: false },
        None => Next::Stuck(format!("stage `{}` failed: {}", step.id, outcome.note)),
    }
}

/// The edges out of a parallel stage are its branches: it goes on where they met. A failure is let
/// through only to a stage that asks for it.
fn next_of_parallel(lane: &Lane, outcome: &Arc<Outcome>) -> Next {
    let Some(met) = lane.met else {
        let failed = outcome.status == Status::Fail;
        return if failed { after_failure(lane, outcome) } else { Next::End };
    };
    let to = &lane.plan.steps[met];
    // A fan-in fails as its parallel stage did.
    let asks = to.role == Role::Conditional || to.handler == Handler::FanIn;
    if outcome.status == Status::Fail && (!lane.step().retry_targets.is_empty() || !asks) {
        return after_failure(lane, outcome);
    }
    Next::To { step: met, why: Why::Joined, restart: false }
}

/// The edge that an outcome other than failure takes, by the five steps of 3.3; out of a human gate,
/// the one that was chosen.
fn way_on<'l>(lane: &'l Lane, outcome: &Outcome) -> Option<(&'l Way, Why)> {
    let step = lane.step();
    let preferred = outcome.preferred_label.as_deref().unwrap_or("");
    if step.role == Role::Human {
        let way = step.ways.iter().find(|way| way.name == preferred)?;
        return Some((way, Why::Choice(preferred.to_owned())));
    }
    if let Some(found) = way_by_condition(lane, outcome) {
        return Some(found);
    }
    let free = step.ways.iter().filter(|way| way.condition.is_none());
    if !preferred.is_empty() {
        let wanted = normal(preferred);
        if let Some(way) = free.clone().find(|way| way.label == wanted) {
            return Some((way, Why::Label(preferred.to_owned())));
        }
    }
    for suggested in &outcome.suggested_next {
        let to = lane.plan.number(suggested);
        if let Some(way) = free.clone().find(|way| Some(way.to) == to) {
            return Some((way, Why::Suggested));
        }
    }
    let mut best = step.best.iter().map(|n| &step.ways[*n]);
    best.find(|way| way.condition.is_none()).map(|way| (way, Why::Weight))
}

/// The edge that a failure takes: one whose condition holds, or one into a conditional stage, whose
/// own edges ask for the failure. No other edge lets a failure through, or a failed proof would be
/// followed by a ship.
fn way_of_failure<'l>(lane: &'l Lane, outcome: &Outcome) -> Option<(&'l Way, Why)> {
    let step = lane.step();
    way_by_condition(lane, outcome).or_else(|| {
        let mut best = step.best.iter().map(|n| &step.ways[*n]);
        let conditional = |way: &&Way| {
            way.condition.is_none() && lane.plan.steps[way.to].role == Role::Conditional
        };
        best.find(conditional).map(|way| (way, Why::Weight))
    })
}

fn way_by_condition<'l>(lane: &'l Lane, outcome: &Outcome) -> Option<(&'l Way, Why)> {
    let step = lane.step();
    let lookup = |key: &str| match key {
        "outcome" => Some(outcome.word()),
        "preferred_label" => outcome.preferred_label.as_deref(),
        key => lane.context.get(key),
    };
    let holds = |way: &&Way| way.condition.as_ref().is_some_and(|c| c.evaluate(lookup));
    let way = step.best.iter().map(|n| &step.ways[*n]).find(holds)?;
    Some((way, Why::Condition(way.written.clone())))
}
