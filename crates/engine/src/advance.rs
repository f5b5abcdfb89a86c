//! The run loop (3.2): what happens by itself until something must be waited for, and the bounds that
//! stand before every attempt.

use std::sync::Arc;

use base::{Branch, Timestamp};
use pipeline::Handler;

use crate::draft::Draft;
use crate::guard::{EXACT_MAX, LEVEL, LEVEL_REASON};
use crate::lane::{Lane, Stand};
use crate::plan::{Role, key};
use crate::state::State;
use crate::{APPROVE, Event, Outcome, Question, REFUSE, ROUTING_STEPS_MAX, Status, Why};

/// The level at which a run ships without asking.
const LIGHTS_OFF: u8 = 5;

impl State {
    /// Whether a branch goes on by itself.
    pub(crate) fn moves(&self, branch: &Branch, lane: &Lane) -> bool {
        match &lane.stand {
            Stand::Entering | Stand::Answered { .. } | Stand::Finished { .. } => true,
            Stand::Started { .. } => !matches!(lane.role(), Role::Work | Role::Wait | Role::Exit),
            Stand::Forked { .. } => self.joined(branch).is_some(),
            Stand::Watching { .. } => self.children(branch).any(|(_, child)| child.is_over()),
            Stand::New
            | Stand::Queued
            | Stand::Asked { .. }
            | Stand::Retrying { .. }
            | Stand::Over(_) => false,
        }
    }
}

impl Draft {
    /// Goes on until something must be waited for, in every branch.
    pub(crate) fn advance(&mut self) {
        while self.state.ending().is_none() && self.state.is_started() {
            let mut lanes = self.state.lanes.iter();
            let Some((branch, _)) = lanes.find(|(branch, lane)| self.state.moves(branch, lane))
            else {
                return;
            };
            let branch = branch.clone();
            self.advance_one(&branch);
        }
    }

    fn advance_one(&mut self, branch: &Branch) {
        let lane = self.lane(branch);
        match (&lane.stand, lane.role()) {
            (Stand::Entering, _) => self.enter(branch),
            (Stand::Answered { .. }, _) => self.take_answer(branch),
            (Stand::Finished { .. }, _) => self.route(branch),
            (Stand::Started { .. }, Role::Start | Role::Conditional) => self.pass(branch),
            (Stand::Started { .. }, Role::Human) => self.ask_way(branch),
            (Stand::Started { .. }, Role::Parallel | Role::Manager) => self.fork(branch),
            (Stand::Started { .. }, Role::FanIn) => self.choose(branch),
            (Stand::Forked { .. }, _) => {
                if let Some(joined) = self.state.joined(branch) {
                    self.join(branch, joined);
                }
            }
            (Stand::Watching { .. }, _) => self.child_over(branch),
            _ => unreachable!("only what moves is moved"),
        }
    }

    fn enter(&mut self, branch: &Branch) {
        let lane = self.lane(branch);
        let (step, stage) = (lane.step(), lane.step().id.clone());
        if lane.routed > ROUTING_STEPS_MAX {
            let reason = format!(
                "{ROUTING_STEPS_MAX} stages in a row did no work, `{stage}` among them: \
                 the pipeline goes round in a circle"
            );
            return self.give_up(branch, reason);
        }
        // A branch that begins where it meets the others has come already.
        if lane.records.is_empty() && self.is_meeting(branch, lane.at, &Why::Weight) {
            return self.end_branch(branch, Some(lane.at));
        }
        if step.role == Role::Exit {
            return self.exit(branch);
        }
        let (visits, _) = lane.reached(lane.at);
        if visits >= step.visits_max {
            let times = step.visits_max;
            let last = lane.last.as_ref().filter(|last| last.status == Status::Fail);
            let why =
                last.map_or_else(String::new, |last| format!("; last failure: {}", last.note));
            let reason = format!("stage `{stage}` may be entered {times} times (max_visits){why}");
            return self.give_up(branch, reason);
        }
        if step.handler != Handler::Ship {
            return self.start_attempt(branch, visits + 1, 1);
        }
        match level(lane) {
            LIGHTS_OFF => self.start_attempt(branch, visits + 1, 1),
            0 => {
                let reason = format!(
                    "stage `{stage}` may not ship what is not proven: \
                     no stage before it has proved this build to be of level 1 or more{}",
                    level_reason(lane)
                );
                self.give_up(branch, reason);
            }
            level => self.ask_level(branch, level, visits + 1),
        }
    }

    /// Starts an attempt unless a bound of the run stands before it.
    pub(crate) fn start_attempt(&mut self, branch: &Branch, visit: u32, attempt: u32) {
        let (step, at) = (self.step(branch), self.now);
        let stage = step.id.clone();
        let limits =
            self.state.totals.terms.as_ref().expect("only a started run has stages").limits;
        let spend = self.state.spend();
        let (tokens, cost) = (spend.tokens().0, spend.cost.0);
        let works = step.role == Role::Work;
        let timed = works || matches!(step.role, Role::Parallel | Role::Manager);
        if self.state.attempts() >= limits.attempts_max {
            let max = limits.attempts_max;
            self.hold(format!("run may start {max} attempts, and `{stage}` needs one more"));
        } else if works && tokens > limits.tokens_max {
            let max = limits.tokens_max;
            self.hold(format!("run used {tokens} tokens of {max} before `{stage}`"));
        } else if works && cost > limits.micro_usd_max {
            let max = base::MicroUsd(limits.micro_usd_max);
            self.hold(format!("run used {} of {max} before `{stage}`", spend.cost));
        } else if self.state.wall_deadline().is_some_and(|deadline| at >= deadline) {
            self.hold_for_wall();
        } else {
            let limit = if step.role == Role::Wait {
                Some(step.pause.unwrap_or_default())
            } else {
                step.timeout.filter(|_| timed)
            };
            let deadline = limit.map(|limit| exact(at + limit));
            let branch = branch.clone();
            self.push(Event::StageStarted { branch, stage, visit, attempt, deadline, at });
        }
    }

    pub(crate) fn hold_for_wall(&mut self) {
        let limits =
            self.state.totals.terms.as_ref().expect("only a started run has stages").limits;
        let wall = std::time::Duration::from_millis(limits.wall_ms_max);
        let stage = self.stage(&Branch::MAIN);
        self.hold(format!("run may take {wall:?}, and they passed at stage `{stage}`"));
    }

    /// Stages that only route: a start succeeds, and a conditional passes on what came before it,
    /// so that its edges can ask for it (2.13).
    fn pass(&mut self, branch: &Branch) {
        let lane = self.lane(branch);
        let last = lane.last.as_ref().filter(|_| lane.role() == Role::Conditional);
        let mut outcome = Outcome::new(last.map_or(Status::Success, |last| last.status), "");
        if let Some(last) = last {
            outcome.custom.clone_from(&last.custom);
            outcome.preferred_label.clone_from(&last.preferred_label);
            outcome.suggested_next.clone_from(&last.suggested_next);
            outcome.note.clone_from(&last.note);
            // What came before was tried as often as it may be.
            outcome.permanent = last.status == Status::Fail;
        }
        self.finish(branch, outcome, Vec::new());
    }

    fn take_answer(&mut self, branch: &Branch) {
        let lane = self.lane(branch);
        let Stand::Answered { choice, text, by } = &lane.stand else {
            unreachable!("the caller looked")
        };
        if lane.attempt == 0 {
            if choice == APPROVE {
                let visit = lane.visit;
                return self.start_attempt(branch, visit, 1);
            }
            let reason = format!("shipping at level {} refused by {by}", level(lane));
            return self.give_up(branch, reason);
        }
        let way = lane.step().ways.iter().find(|way| way.name == *choice);
        let way = way.expect("an answer is one of the ways out");
        let mut outcome = Outcome::new(Status::Success, format!("{by} chose {choice}"));
        outcome.preferred_label = Some(way.name.clone());
        outcome.suggested_next = vec![lane.plan.steps[way.to].id.clone()];
        let mut told = vec![("selected", key(choice)), ("label", choice)];
        if let Some(text) = text {
            outcome.note = format!("{by} wrote {text:?}");
            told = vec![("selected", "freeform"), ("label", choice), ("text", text)];
        }
        let told = told.into_iter();
        outcome.context =
            told.map(|(name, value)| (format!("human.gate.{name}"), value.to_owned())).collect();
        self.finish(branch, outcome, Vec::new());
    }

    /// Asks a person for the way on (4.6).
    fn ask_way(&mut self, branch: &Branch) {
        let lane = self.lane(branch);
        let step = lane.step();
        if step.ways.is_empty() {
            let mut outcome = Outcome::new(Status::Fail, "no way out that a person could choose");
            outcome.permanent = true;
            return self.finish(branch, outcome, Vec::new());
        }
        let ways = step.ways.iter().enumerate();
        let offered = ways.filter(|(n, _)| step.freeform_way != Some(*n)).map(|(_, way)| way);
        let question = Question {
            text: match step.label.trim() {
                "" => "Select an option:".to_owned(),
                label => label.to_owned(),
            },
            kind: step.kind,
            choices: offered.map(|way| way.name.clone()).collect(),
            freeform: step.freeform_way.is_some(),
            default: step.default_way.map(|way| step.ways[way].name.clone()),
        };
        let deadline = step.timeout.map(|timeout| exact(self.now + timeout));
        let (visit, attempt) = (lane.visit, lane.attempt);
        self.ask(branch, question, (visit, attempt), deadline);
    }

    /// Below lights off a run waits before shipping for a person's answer.
    fn ask_level(&mut self, branch: &Branch, level: u8, visit: u32) {
        let question = Question {
            text: format!("Ship at level {level}?{}", level_reason(self.lane(branch))),
            kind: pipeline::Ask::MultipleChoice,
            choices: vec![APPROVE.to_owned(), REFUSE.to_owned()],
            freeform: false,
            default: None,
        };
        self.ask(branch, question, (visit, 0), None);
    }

    fn ask(
        &mut self,
        branch: &Branch,
        question: Question,
        (visit, attempt): (u32, u32),
        deadline: Option<Timestamp>,
    ) {
        let (branch, stage, at) = (branch.clone(), self.stage(branch), self.now);
        let question = Arc::new(question);
        self.push(Event::QuestionAsked { branch, stage, visit, attempt, question, deadline, at });
    }
}

/// What the factory's own stages have proved; anything but a number from 1 to 5 is nothing.
fn level(lane: &Lane) -> u8 {
    let proved = lane.context.get(LEVEL).and_then(|level| level.parse().ok());
    proved.filter(|level| *level <= LIGHTS_OFF).unwrap_or(0)
}

fn level_reason(lane: &Lane) -> String {
    lane.context.get(LEVEL_REASON).map_or_else(String::new, |reason| format!(" ({reason})"))
}

/// Times are numbers in canonical JSON too.
pub(crate) fn exact(time: Timestamp) -> Timestamp {
    Timestamp(time.0.min(EXACT_MAX))
}
