//! What follows from an input.

use std::sync::Arc;

use base::{ActionId, Branch, Digest, Timestamp};

use crate::draft::Draft;
use crate::guard::{EXACT_MAX, admit};
use crate::lane::Stand;
use crate::plan::{Role, normal};
use crate::state::State;
use crate::{Ending, Event, Input, Outcome, Refusal, RunLimits, Status};

/// The events that `input` leads to, up to where the run waits for something again. An input that
/// was counted before leads to none.
///
/// # Errors
/// A [`Refusal`] when the input does not fit the run; nothing has happened then.
pub fn decide(state: &State, input: &Input, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let mut draft = Draft::new(state, now);
    if let Input::Start { intent, graph, seed, limits } = input {
        draft.start(*intent, *graph, *seed, *limits)?;
        draft.advance();
        return Ok(draft.events);
    }
    if !state.is_started() {
        return Err(Refusal::NotStarted { run: state.run().clone() });
    }
    // Where a batch was cut short, its rest comes first.
    draft.advance();
    match input {
        Input::Start { .. } => unreachable!("taken above"),
        Input::Finished { action, outcome } => draft.finished(action, outcome)?,
        Input::Answered { action, choice, by } => draft.answered(action, choice, by)?,
        Input::Skipped { action, by } => draft.skipped(action, by)?,
        Input::TimePassed => draft.time_passed(),
        Input::Resumed { away_since } => draft.resumed(*away_since),
        Input::Cancelled { by } => draft.cancelled(by)?,
    }
    draft.advance();
    Ok(draft.events)
}

impl Draft {
    fn start(
        &mut self,
        intent: Digest,
        graph: Digest,
        seed: u64,
        limits: RunLimits,
    ) -> Result<(), Refusal> {
        let limits = RunLimits {
            tokens_max: limits.tokens_max.min(EXACT_MAX),
            micro_usd_max: limits.micro_usd_max.min(EXACT_MAX),
            wall_ms_max: limits.wall_ms_max.min(EXACT_MAX),
            attempts_max: limits.attempts_max,
        };
        if let Some(terms) = &self.state.totals.terms {
            let same = (terms.intent, terms.graph, terms.seed, terms.limits)
                == (intent, graph, seed, limits);
            let run = self.state.run().clone();
            return if same { Ok(()) } else { Err(Refusal::StartedOtherwise { run }) };
        }
        if let Some(fault) = &self.state.plan.fault {
            return Err(fault.clone());
        }
        self.push(Event::RunStarted { intent, graph, seed, limits, at: self.now });
        Ok(())
    }

    fn finished(&mut self, action: &ActionId, outcome: &Outcome) -> Result<(), Refusal> {
        if !self.is_current(action)? {
            return Ok(());
        }
        let lane = self.lane(&action.branch);
        match lane.stand {
            Stand::Started { .. } if lane.role() == Role::Work => {
                let handler = &lane.step().handler;
                let (mut outcome, refused) = admit(outcome, handler, &lane.context);
                if *handler == pipeline::Handler::FanIn {
                    outcome = self.judged(&action.branch, &outcome);
                }
                self.finish(&action.branch, outcome, refused);
                Ok(())
            }
            Stand::Asked { .. } => Err(Refusal::IsQuestion { action: action.clone() }),
            _ => Ok(()),
        }
    }

    fn answered(&mut self, action: &ActionId, choice: &str, by: &str) -> Result<(), Refusal> {
        if by.trim().is_empty() {
            return Err(Refusal::Nobody { what: "answers" });
        }
        if !self.is_current(action)? {
            return self.refuse_other_answer(action, choice);
        }
        let lane = self.lane(&action.branch);
        let step = lane.step();
        let Stand::Asked { question, .. } = &lane.stand else {
            let work = step.role == Role::Work && action.attempt > 0;
            let action = action.clone();
            return if work { Err(Refusal::IsWork { action }) } else { Ok(()) };
        };
        let chosen = if action.attempt == 0 {
            question.choices.iter().find(|offered| **offered == normal(choice)).cloned()
        } else {
            step.chosen(choice).map(|way| way.name.clone())
        };
        let text = step.freeform_way.filter(|_| action.attempt > 0 && !choice.trim().is_empty());
        if let Some(chosen) = chosen {
            self.answer(&action.branch, chosen, None, by);
        } else if let Some(way) = text {
            let name = step.ways[way].name.clone();
            self.answer(&action.branch, name, Some(choice.to_owned()), by);
        } else {
            let (action, choices) = (action.clone(), question.choices.clone());
            return Err(Refusal::NoChoice { action, choice: choice.to_owned(), choices });
        }
        Ok(())
    }

    /// An answer that is given twice counts once; another answer to a question that is closed is
    /// told that it comes too late.
    fn refuse_other_answer(&self, action: &ActionId, choice: &str) -> Result<(), Refusal> {
        let Some(lane) = self.state.lanes.get(&action.branch) else { return Ok(()) };
        let Some(step) = lane.plan.number(&action.stage) else { return Ok(()) };
        let is_gate = lane.plan.steps[step].role == Role::Human;
        if !is_gate || lane.reached(step) != (action.visit, action.attempt) {
            return Ok(());
        }
        let label = lane.outcome(step).and_then(|outcome| outcome.preferred_label.as_deref());
        let given = lane.plan.steps[step].chosen(choice).map(|way| way.name.as_str());
        match (label, given) {
            (Some(label), Some(given)) if label != given => {
                Err(Refusal::Closed { action: action.clone(), answer: label.to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn skipped(&mut self, action: &ActionId, by: &str) -> Result<(), Refusal> {
        if by.trim().is_empty() {
            return Err(Refusal::Nobody { what: "skips" });
        }
        if !self.is_current(action)? {
            return Ok(());
        }
        let Stand::Asked { .. } = self.lane(&action.branch).stand else { return Ok(()) };
        let mut outcome = Outcome::new(Status::Fail, format!("{by} skipped the question"));
        outcome.permanent = true;
        self.finish(&action.branch, outcome, Vec::new());
        Ok(())
    }

    /// Whether the action is one that is under way; one that is over was counted before.
    fn is_current(&self, action: &ActionId) -> Result<bool, Refusal> {
        if action.run != *self.state.run() {
            let run = self.state.run().clone();
            return Err(Refusal::OtherRun { action: action.clone(), run });
        }
        let never = || Refusal::NeverAsked { action: action.clone() };
        let Some(lane) = self.state.lanes.get(&action.branch) else {
            return if self.was_open(&action.branch) { Ok(false) } else { Err(never()) };
        };
        let number = lane.plan.number_near(lane.at, &action.stage).ok_or_else(never)?;
        let told = (action.visit, action.attempt);
        if action.visit == 0 || told > lane.reached(number) {
            return Err(never());
        }
        let current = number == lane.at && told == (lane.visit, lane.attempt);
        Ok(current && !lane.is_over() && self.state.ending().is_none())
    }

    /// Whether a branch that is not open any more ever was.
    fn was_open(&self, branch: &Branch) -> bool {
        let mut parent = Branch::MAIN;
        for fork in branch.forks() {
            let Some(lane) = self.state.lanes.get(&parent) else { return true };
            let Some(child) = parent.fork(fork.clone()) else { return false };
            if !self.state.lanes.contains_key(&child) {
                let Some(step) = lane.plan.number(&fork.stage) else { return false };
                let ways = match lane.plan.steps[step].role {
                    Role::Parallel => lane.plan.steps[step].ways.len(),
                    Role::Manager => 1,
                    _ => 0,
                };
                let told = (fork.visit, fork.attempt);
                return fork.visit > 0
                    && told <= lane.reached(step)
                    && (fork.index as usize) < ways;
            }
            parent = child;
        }
        true
    }

    fn time_passed(&mut self) {
        let now = self.now;
        if self.state.ending().is_some() {
            return;
        }
        if self.state.wall_deadline().is_some_and(|deadline| now >= deadline) {
            return self.hold_for_wall();
        }
        let due =
            self.state.lanes.iter().filter(|(_, lane)| lane.until().is_some_and(|u| now >= u));
        let due: Vec<Branch> = due.map(|(branch, _)| branch.clone()).collect();
        for branch in due {
            // What one branch does at its time may end the run, or the branches around it.
            let open = self.state.ending().is_none() && self.state.lanes.contains_key(&branch);
            if open && self.lane(&branch).until().is_some_and(|until| now >= until) {
                self.due(&branch);
            }
        }
    }

    /// The time has come that a branch waited for.
    fn due(&mut self, branch: &Branch) {
        let now = self.now;
        let lane = self.lane(branch);
        let step = lane.step();
        let timed_out = |deadline: Option<Timestamp>| deadline.is_some_and(|at| now >= at);
        match &lane.stand {
            Stand::Started { .. } if step.role == Role::Wait => {
                let outcome = Outcome::new(Status::Success, "waited");
                self.finish(branch, outcome, Vec::new());
            }
            Stand::Started { deadline }
            | Stand::Forked { deadline }
            | Stand::Watching { deadline, .. }
                if timed_out(*deadline) =>
            {
                let timeout = step.timeout.unwrap_or_default();
                let mut outcome =
                    Outcome::new(Status::Retry, format!("timed out after {timeout:?}"));
                if step.role == Role::Parallel {
                    // Whoever takes the best must not find what other branches left before.
                    outcome.context = self.results(branch);
                }
                self.finish(branch, outcome, Vec::new());
            }
            Stand::Watching { .. } => self.look(branch),
            Stand::Asked { .. } => match step.default_way.map(|way| step.ways[way].name.clone()) {
                Some(choice) => self.answer(branch, choice, None, "human.default_choice"),
                None => {
                    let note = "nobody answered in time, and there is no default choice";
                    self.finish(branch, Outcome::new(Status::Retry, note), Vec::new());
                }
            },
            Stand::Retrying { .. } => {
                let (visit, attempt) = (lane.visit, lane.attempt);
                self.start_attempt(branch, visit, attempt);
            }
            _ => {}
        }
    }

    fn resumed(&mut self, away_since: Timestamp) {
        let known = away_since <= self.state.totals.resumed_at;
        let away = self.now.since(away_since.max(self.state.latest()));
        let away_ms = u64::try_from(away.as_millis()).unwrap_or(EXACT_MAX);
        if !known && away_ms > 0 && self.state.ending().is_none() {
            self.push(Event::RunResumed { away_ms, at: self.now });
        }
    }

    fn cancelled(&mut self, by: &str) -> Result<(), Refusal> {
        if by.trim().is_empty() {
            return Err(Refusal::Nobody { what: "cancels" });
        }
        if self.state.ending().is_some() {
            return Ok(());
        }
        if let Some(lane) = self.state.lanes.values().find(|lane| lane.is_shipping()) {
            return Err(Refusal::Shipping { stage: lane.step().id.clone() });
        }
        let ending = Ending::Cancelled { by: by.to_owned() };
        self.push(Event::RunEnded { ending, at: self.now });
        Ok(())
    }

    /// Ends the current attempt. A failure that another try may mend gets one as long as its retries
    /// allow it (11.5); what they no longer allow becomes a failure, or is taken as it is where the
    /// stage says so (3.5).
    pub(crate) fn finish(&mut self, branch: &Branch, mut outcome: Outcome, refused: Vec<String>) {
        let lane = self.lane(branch);
        let step = lane.step();
        let attempts_max = step.retry.attempts_max.max(1);
        if outcome.status == Status::Fail && !outcome.permanent && lane.attempt < attempts_max {
            outcome.status = Status::Retry;
        }
        if outcome.status == Status::Retry && lane.attempt >= attempts_max {
            let partial = step.allow_partial;
            outcome.status = if partial { Status::PartialSuccess } else { Status::Fail };
            outcome.note = format!("attempt {attempts_max} of {attempts_max}: {}", outcome.note);
        }
        let (stage, visit, attempt, at) = (step.id.clone(), lane.visit, lane.attempt, self.now);
        let (branch, outcome) = (branch.clone(), Arc::new(outcome));
        self.push(Event::StageFinished { branch, stage, visit, attempt, outcome, refused, at });
    }

    fn answer(&mut self, branch: &Branch, choice: String, text: Option<String>, by: &str) {
        let lane = self.lane(branch);
        let (stage, visit, attempt) = (lane.step().id.clone(), lane.visit, lane.attempt);
        let (branch, by, at) = (branch.clone(), by.to_owned(), self.now);
        self.push(Event::QuestionAnswered { branch, stage, visit, attempt, choice, text, by, at });
    }
}
