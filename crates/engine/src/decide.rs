//! What follows from an input: the run loop (3.2) and everything that ends or bounds it.

use std::sync::Arc;

use base::{ActionId, Digest, Timestamp};
use pipeline::Handler;

use crate::draft::Draft;
use crate::guard::{EXACT_MAX, LEVEL, LEVEL_REASON, admit};
use crate::plan::{Role, key, normal};
use crate::state::{Stand, State};
use crate::{
    APPROVE, Ending, Event, Input, Outcome, Question, REFUSE, ROUTING_STEPS_MAX, Refusal,
    RunLimits, Status,
};

/// The level at which a run ships without asking.
const LIGHTS_OFF: u8 = 5;

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
        Input::TimePassed => draft.time_passed(),
        Input::Resumed { away_since } => draft.resumed(*away_since),
        Input::Cancelled { by } => draft.cancelled(by)?,
    }
    draft.advance();
    Ok(draft.events)
}

impl Draft<'_> {
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
        if let Some(terms) = &self.cursor.terms {
            let same = (terms.intent, terms.graph, terms.seed, terms.limits)
                == (intent, graph, seed, limits);
            let run = self.state.run().clone();
            return if same { Ok(()) } else { Err(Refusal::StartedOtherwise { run }) };
        }
        if let Some(fault) = &self.plan.fault {
            return Err(fault.clone());
        }
        self.push(Event::RunStarted { intent, graph, seed, limits, at: self.now });
        Ok(())
    }

    fn finished(&mut self, action: &ActionId, outcome: &Outcome) -> Result<(), Refusal> {
        if !self.is_current(action)? {
            return Ok(());
        }
        match self.cursor.stand {
            Stand::Started { .. } => {
                let (outcome, refused) = admit(outcome, &self.step().handler, &self.state.context);
                self.finish(outcome, refused);
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
            return Ok(());
        }
        let Stand::Asked { question, .. } = &self.cursor.stand else {
            let work = self.step().role == Role::Work && action.attempt > 0;
            let action = action.clone();
            return if work { Err(Refusal::IsWork { action }) } else { Ok(()) };
        };
        let chosen = if action.attempt == 0 {
            question.choices.iter().find(|offered| **offered == normal(choice)).cloned()
        } else {
            self.step().chosen(choice).map(|way| way.name.clone())
        };
        let Some(chosen) = chosen else {
            let (action, choices) = (action.clone(), question.choices.clone());
            return Err(Refusal::NoChoice { action, choice: choice.to_owned(), choices });
        };
        self.answer(chosen, by);
        Ok(())
    }

    /// Whether the action is the one that is under way; one that is over was counted before.
    fn is_current(&self, action: &ActionId) -> Result<bool, Refusal> {
        if action.run != *self.state.run() {
            let run = self.state.run().clone();
            return Err(Refusal::OtherRun { action: action.clone(), run });
        }
        let never = || Refusal::NeverAsked { action: action.clone() };
        let number = self.plan.number_near(self.cursor.at, &action.stage).ok_or_else(never)?;
        let told = (action.visit, action.attempt);
        if action.visit == 0 || told > self.reached(number) {
            return Err(never());
        }
        Ok(number == self.cursor.at && told == (self.cursor.visit, self.cursor.attempt))
    }

    fn time_passed(&mut self) {
        let now = self.now;
        if matches!(self.cursor.stand, Stand::New | Stand::Ended(_)) {
            return;
        }
        if self.cursor.wall_deadline(self.plan).is_some_and(|deadline| now >= deadline) {
            return self.hold_for_wall();
        }
        match self.cursor.stand {
            Stand::Started { deadline: Some(deadline) } if now >= deadline => {
                let timeout = self.step().timeout.unwrap_or_default();
                let note = format!("timed out after {timeout:?}");
                self.finish(Outcome::new(Status::Retry, note), Vec::new());
            }
            Stand::Asked { deadline: Some(deadline), .. } if now >= deadline => {
                match self.step().default_way.map(|way| self.step().ways[way].name.clone()) {
                    Some(choice) => self.answer(choice, "human.default_choice"),
                    None => {
                        let note = "nobody answered in time, and there is no default choice";
                        self.finish(Outcome::new(Status::Retry, note), Vec::new());
                    }
                }
            }
            Stand::Retrying { until } if now >= until => {
                self.start_attempt(self.cursor.visit, self.cursor.attempt);
            }
            _ => {}
        }
    }

    fn resumed(&mut self, away_since: Timestamp) {
        let known = away_since <= self.cursor.resumed_at;
        let away = self.now.since(away_since.max(self.cursor.latest));
        let away_ms = u64::try_from(away.as_millis()).unwrap_or(EXACT_MAX);
        if !known && away_ms > 0 && !matches!(self.cursor.stand, Stand::Ended(_)) {
            self.push(Event::RunResumed { away_ms, at: self.now });
        }
    }

    fn cancelled(&mut self, by: &str) -> Result<(), Refusal> {
        if by.trim().is_empty() {
            return Err(Refusal::Nobody { what: "cancels" });
        }
        if matches!(self.cursor.stand, Stand::Ended(_)) {
            return Ok(());
        }
        if self.cursor.is_shipping(self.plan) {
            return Err(Refusal::Shipping { stage: self.stage() });
        }
        let ending = Ending::Cancelled { by: by.to_owned() };
        self.push(Event::RunEnded { ending, at: self.now });
        Ok(())
    }

    /// Goes on until something must be waited for.
    fn advance(&mut self) {
        loop {
            let role = self.step().role;
            match self.cursor.stand {
                Stand::Entering => self.enter(),
                Stand::Started { .. } => match role {
                    Role::Start | Role::Conditional => self.pass(),
                    Role::Human => self.ask_way(),
                    Role::Work | Role::Exit => return,
                },
                Stand::Answered { .. } => self.take_answer(),
                Stand::Finished { .. } => self.route(),
                Stand::New | Stand::Asked { .. } | Stand::Retrying { .. } | Stand::Ended(_) => {
                    return;
                }
            }
        }
    }

    fn enter(&mut self) {
        let (step, stage) = (self.step(), self.stage());
        if self.cursor.routed > ROUTING_STEPS_MAX {
            let reason = format!(
                "{ROUTING_STEPS_MAX} stages in a row did no work, `{stage}` among them: \
                 the pipeline goes round in a circle"
            );
            return self.hold(reason);
        }
        if step.role == Role::Exit {
            return self.exit();
        }
        let (visits, _) = self.reached(self.cursor.at);
        if visits >= step.visits_max {
            let times = step.visits_max;
            let last = self.cursor.last.as_ref().filter(|last| last.status == Status::Fail);
            let why =
                last.map_or_else(String::new, |last| format!("; last failure: {}", last.note));
            let reason = format!("stage `{stage}` may be entered {times} times (max_visits){why}");
            return self.hold(reason);
        }
        if step.handler != Handler::Ship {
            return self.start_attempt(visits + 1, 1);
        }
        match self.level() {
            LIGHTS_OFF => self.start_attempt(visits + 1, 1),
            0 => self.hold(format!(
                "stage `{stage}` may not ship what is not proven: \
                 no stage before it has proved this build to be of level 1 or more{}",
                self.level_reason()
            )),
            level => self.ask_level(level, visits + 1),
        }
    }

    /// Starts an attempt unless a bound of the run stands before it.
    fn start_attempt(&mut self, visit: u32, attempt: u32) {
        let (step, stage, at) = (self.step(), self.stage(), self.now);
        let limits = self.cursor.terms.as_ref().expect("only a started run has stages").limits;
        let (tokens, cost) = (self.cursor.spend.tokens().0, self.cursor.spend.cost.0);
        let work = step.role == Role::Work;
        if self.cursor.attempts >= limits.attempts_max {
            let max = limits.attempts_max;
            self.hold(format!("run may start {max} attempts, and `{stage}` needs one more"));
        } else if work && tokens > limits.tokens_max {
            let max = limits.tokens_max;
            self.hold(format!("run used {tokens} tokens of {max} before `{stage}`"));
        } else if work && cost > limits.micro_usd_max {
            let (cost, max) = (self.cursor.spend.cost, base::MicroUsd(limits.micro_usd_max));
            self.hold(format!("run used {cost} of {max} before `{stage}`"));
        } else if self.cursor.wall_deadline(self.plan).is_some_and(|deadline| at >= deadline) {
            self.hold_for_wall();
        } else {
            let deadline = step.timeout.filter(|_| work).map(|timeout| at + timeout).map(exact);
            self.push(Event::StageStarted { stage, visit, attempt, deadline, at });
        }
    }

    fn hold_for_wall(&mut self) {
        let limits = self.cursor.terms.as_ref().expect("only a started run has stages").limits;
        let wall = std::time::Duration::from_millis(limits.wall_ms_max);
        let stage = self.stage();
        self.hold(format!("run may take {wall:?}, and they passed at stage `{stage}`"));
    }

    /// Stages that only route: a start succeeds, and a conditional passes on what came before it,
    /// so that its edges can ask for it (2.13).
    fn pass(&mut self) {
        let last = self.cursor.last.as_ref().filter(|_| self.step().role == Role::Conditional);
        let mut outcome = Outcome::new(last.map_or(Status::Success, |last| last.status), "");
        if let Some(last) = last {
            outcome.preferred_label.clone_from(&last.preferred_label);
            outcome.suggested_next.clone_from(&last.suggested_next);
            outcome.note.clone_from(&last.note);
        }
        self.finish(outcome, Vec::new());
    }

    /// Ends the current attempt. What its retries no longer allow becomes a failure, or is taken as
    /// it is where the stage says so (3.5).
    fn finish(&mut self, mut outcome: Outcome, refused: Vec<String>) {
        let step = self.step();
        let attempts_max = step.retry.attempts_max.max(1);
        if outcome.status == Status::Retry && self.cursor.attempt >= attempts_max {
            let partial = step.allow_partial;
            outcome.status = if partial { Status::PartialSuccess } else { Status::Fail };
            outcome.note = format!("attempt {attempts_max} of {attempts_max}: {}", outcome.note);
        }
        let (stage, outcome) = (self.stage(), Arc::new(outcome));
        let (visit, attempt, at) = (self.cursor.visit, self.cursor.attempt, self.now);
        self.push(Event::StageFinished { stage, visit, attempt, outcome, refused, at });
    }

    fn answer(&mut self, choice: String, by: &str) {
        let (stage, by, at) = (self.stage(), by.to_owned(), self.now);
        let (visit, attempt) = (self.cursor.visit, self.cursor.attempt);
        self.push(Event::QuestionAnswered { stage, visit, attempt, choice, by, at });
    }

    fn take_answer(&mut self) {
        let Stand::Answered { choice, by } = &self.cursor.stand else {
            unreachable!("the caller looked")
        };
        if self.cursor.attempt == 0 {
            if choice == APPROVE {
                return self.start_attempt(self.cursor.visit, 1);
            }
            let reason = format!("shipping at level {} refused by {by}", self.level());
            return self.hold(reason);
        }
        let way = self.step().ways.iter().find(|way| way.name == *choice);
        let way = way.expect("an answer is one of the ways out");
        let mut outcome = Outcome::new(Status::Success, format!("{by} chose {choice}"));
        outcome.preferred_label = Some(way.name.clone());
        outcome.suggested_next = vec![self.plan.steps[way.to].id.clone()];
        outcome.context = [("selected", key(choice)), ("label", choice)]
            .map(|(name, value)| (format!("human.gate.{name}"), value.to_owned()))
            .into();
        self.finish(outcome, Vec::new());
    }

    /// Asks a person for the way on (4.6).
    fn ask_way(&mut self) {
        let step = self.step();
        if step.ways.is_empty() {
            let outcome = Outcome::new(Status::Fail, "no way out that a person could choose");
            return self.finish(outcome, Vec::new());
        }
        let choices = step.ways.iter().map(|way| way.name.clone()).collect();
        let text = match step.label.trim() {
            "" => "Select an option:".to_owned(),
            label => label.to_owned(),
        };
        let deadline = step.timeout.map(|timeout| exact(self.now + timeout));
        let (visit, attempt) = (self.cursor.visit, self.cursor.attempt);
        self.ask(Question { text, choices }, visit, attempt, deadline);
    }

    /// Below lights off a run waits before shipping for a person's answer.
    fn ask_level(&mut self, level: u8, visit: u32) {
        let text = format!("Ship at level {level}?{}", self.level_reason());
        let choices = vec![APPROVE.to_owned(), REFUSE.to_owned()];
        self.ask(Question { text, choices }, visit, 0, None);
    }

    fn ask(&mut self, question: Question, visit: u32, attempt: u32, deadline: Option<Timestamp>) {
        let (stage, question, at) = (self.stage(), Arc::new(question), self.now);
        self.push(Event::QuestionAsked { stage, visit, attempt, question, deadline, at });
    }

    /// What the factory's own stages have proved; anything but a number from 1 to 5 is nothing.
    fn level(&self) -> u8 {
        let proved = self.context(LEVEL).and_then(|level| level.parse().ok());
        proved.filter(|level| *level <= LIGHTS_OFF).unwrap_or(0)
    }

    fn level_reason(&self) -> String {
        self.context(LEVEL_REASON).map_or_else(String::new, |reason| format!(" ({reason})"))
    }
}

/// Times are numbers in canonical JSON too.
fn exact(time: Timestamp) -> Timestamp {
    Timestamp(time.0.min(EXACT_MAX))
}
