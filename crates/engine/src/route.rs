//! Where a run goes when an attempt has ended: edges (3.3), goal gates (3.4), retries (3.5) and
//! failures (3.7).

use std::sync::Arc;

use base::Timestamp;

use crate::draft::Draft;
use crate::guard::EXACT_MAX;
use crate::plan::{Role, Way, normal};
use crate::retry::delay;
use crate::state::Stand;
use crate::{Ending, Event, Outcome, Status, Why};

impl Draft<'_> {
    /// Leaves the attempt that has just ended.
    pub(crate) fn route(&mut self) {
        let Stand::Finished { outcome } = &self.cursor.stand else {
            unreachable!("the caller looked")
        };
        let outcome = Arc::clone(outcome);
        let way = match outcome.status {
            Status::Retry => return self.schedule_retry(),
            Status::Fail => self.way_of_failure(&outcome),
            Status::Success | Status::PartialSuccess | Status::Skipped => self.way_on(&outcome),
        };
        if let Some((way, why)) = way {
            return self.go(way.to, why, way.restart);
        }
        let stage = self.stage();
        if outcome.status != Status::Fail {
            let status = outcome.status;
            return self.hold(format!("no edge out of stage `{stage}` fits its outcome {status}"));
        }
        match self.step().retry_targets.first() {
            Some(target) => self.go(*target, Why::RetryTarget, false),
            None => self.hold(format!("stage `{stage}` failed: {}", outcome.note)),
        }
    }

    /// The edge that an outcome other than failure takes, by the five steps of 3.3; out of a human
    /// gate, the one that was chosen.
    fn way_on(&self, outcome: &Outcome) -> Option<(&Way, Why)> {
        let step = self.step();
        let preferred = outcome.preferred_label.as_deref().unwrap_or("");
        if step.role == Role::Human {
            let way = step.ways.iter().find(|way| way.name == preferred)?;
            return Some((way, Why::Choice(preferred.to_owned())));
        }
        if let Some(found) = self.way_by_condition(outcome) {
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
            let to = self.plan.number(suggested);
            if let Some(way) = free.clone().find(|way| Some(way.to) == to) {
                return Some((way, Why::Suggested));
            }
        }
        let mut best = step.best.iter().map(|n| &step.ways[*n]);
        best.find(|way| way.condition.is_none()).map(|way| (way, Why::Weight))
    }

    /// The edge that a failure takes: one whose condition holds, or one into a conditional stage,
    /// whose own edges ask for the failure. No other edge lets a failure through, or a failed proof
    /// would be followed by a ship.
    fn way_of_failure(&self, outcome: &Outcome) -> Option<(&Way, Why)> {
        let step = self.step();
        self.way_by_condition(outcome).or_else(|| {
            let mut best = step.best.iter().map(|n| &step.ways[*n]);
            let conditional = |way: &&Way| {
                way.condition.is_none() && self.plan.steps[way.to].role == Role::Conditional
            };
            best.find(conditional).map(|way| (way, Why::Weight))
        })
    }

    fn way_by_condition(&self, outcome: &Outcome) -> Option<(&Way, Why)> {
        let step = self.step();
        let lookup = |key: &str| match key {
            "outcome" => Some(outcome.status.as_str()),
            "preferred_label" => outcome.preferred_label.as_deref(),
            key => self.context(key),
        };
        let holds = |way: &&Way| way.condition.as_ref().is_some_and(|c| c.evaluate(lookup));
        let way = step.best.iter().map(|n| &step.ways[*n]).find(holds)?;
        Some((way, Why::Condition(way.written.clone())))
    }

    fn schedule_retry(&mut self) {
        let (step, stage, at) = (self.step(), self.stage(), self.now);
        let (visit, attempt) = (self.cursor.visit, self.cursor.attempt);
        let seed = self.cursor.terms.as_ref().expect("only a started run has stages").seed;
        let until = at + delay(&step.retry.backoff, seed, &stage, visit, attempt);
        let until = Timestamp(until.0.min(EXACT_MAX));
        self.push(Event::RetryScheduled { stage, visit, attempt: attempt + 1, until, at });
    }

    fn go(&mut self, to: usize, why: Why, restart: bool) {
        let (from, to, at) = (self.stage(), self.plan.steps[to].id.clone(), self.now);
        self.push(Event::EdgeTaken { from, to, why, restart, at });
    }

    /// The exit: the run has completed if every goal gate is passed. One that was never visited is
    /// not: a way around a gate is no way through it.
    pub(crate) fn exit(&mut self) {
        let passed = |gate: &usize| self.outcome(*gate).is_some_and(|o| o.status.passes());
        let Some(gate) = self.plan.gates.iter().copied().find(|gate| !passed(gate)) else {
            return self.push(Event::RunEnded { ending: Ending::Completed, at: self.now });
        };
        let step = &self.plan.steps[gate];
        let mut targets = step.retry_targets.iter().chain(&self.plan.retry_targets);
        let elsewhere = |target: &&usize| self.plan.steps[**target].role != Role::Exit;
        if let Some(target) = targets.find(elsewhere) {
            return self.go(*target, Why::GoalGate(step.id.clone()), false);
        }
        let (id, how) = (&step.id, self.outcome(gate).map_or("never visited", |o| &o.note));
        let reason = format!("goal gate `{id}` is not passed and has no retry target: {how}");
        self.hold(reason);
    }
}
