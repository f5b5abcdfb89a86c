//! Drives one run: inputs to the engine, its events to the ledger, its actions to the hands.
//!
//! The driver owns the run's state. It appends before it applies and applies before it performs, so
//! that whatever is killed and whenever, the ledger has everything that was acknowledged and nothing
//! is performed that the ledger does not know of. It decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::Scope;
use std::time::Duration;

use base::{ActionId, Timestamp};
use engine::{
    Action, Ending, Input, Outcome, Phase, Question, Refusal, State, Status, apply, decide, pending,
};
use ledger::LedgerError;
use sandbox::Cancel;

use crate::interview::{Interviewer, Reply};
use crate::recorder::{Recorder, now};
use crate::watch::Notice;

/// How often somebody is asked who gives answers that are none of the choices: a person who has not
/// understood by then will not.
const ASKED_MAX: u32 = 5;

/// How often the driver looks whether a person pulled the cord: soon enough to feel immediate.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// Where a run stands when the driver lets go of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Stand {
    Ended(Ending),
    /// People must answer, and nothing else can go on; the run costs nothing meanwhile.
    Waiting {
        questions: Vec<(ActionId, Question)>,
    },
    /// The cord was pulled; `resume` goes on from here.
    Interrupted,
}

/// A run could not go on; nothing is lost, and `resume` goes on from where it stood.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    #[error("failed to write the ledger")]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("stage {stage}: {reason}")]
    Hand { stage: String, reason: String },
}

/// Whoever performs actions and reports facts; called from one thread for each action.
pub trait Hands: Sync {
    /// Performs one action. Performing it again after a crash gives the same outcome, or finds that
    /// it was done.
    ///
    /// # Errors
    /// When it was interrupted or the environment is unfit; the outcome is then still open.
    fn perform(&self, id: &ActionId, state: &State, cancel: &Cancel) -> Result<Outcome, HandError>;
}

/// Why an action has no outcome. The run stays where it was.
#[derive(Debug)]
pub enum HandError {
    Cancelled,
    /// The environment is unfit: the reason says what to do.
    Failed(String),
}

impl std::fmt::Display for HandError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cancelled => f.write_str("interrupted"),
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}

/// Whatever goes wrong around a hand's work, and not in it, means that the environment is unfit.
impl<E: std::error::Error> From<E> for HandError {
    fn from(error: E) -> Self {
        Self::Failed(base::chain(&error))
    }
}

/// An outcome with only a note.
pub fn outcome(status: Status, note: impl Into<String>) -> Outcome {
    Outcome::new(status, note)
}

/// Drives the run until it ends, waits for people, or is interrupted. With an interviewer, people are
/// asked at once; without, the driver lets go when only answers can bring the run on.
///
/// # Errors
/// When the ledger cannot be written, or a hand found its environment unfit.
pub fn drive(
    state: &mut State,
    recorder: &Recorder,
    hands: &dyn Hands,
    interviewer: Option<&dyn Interviewer>,
    cancel: &Cancel,
) -> Result<Stand, DriveError> {
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let mut crew = Crew {
            scope,
            sender,
            hands,
            interviewer,
            at_work: BTreeMap::new(),
            declined: BTreeMap::new(),
        };
        loop {
            if let Some(ending) = state.ending() {
                crew.recall();
                return Ok(Stand::Ended(ending.clone()));
            }
            if cancel.is_pulled() {
                crew.recall();
            }
            let actions = pending(state);
            // What is due comes before everything else, and before a question that has run out of time.
            if is_due(&actions) && !cancel.is_pulled() {
                let events =
                    take(state, recorder, &Input::TimePassed).inspect_err(|_| crew.recall())?;
                if events > 0 {
                    continue;
                }
            }
            crew.give_up_others(&actions);
            let mut until = None;
            let mut questions = Vec::new();
            for action in actions {
                match action {
                    Action::Wait { until: time } => until = Some(time),
                    _ if cancel.is_pulled() => {}
                    Action::Perform { id, .. } => crew.perform(id, state),
                    Action::Ask { id, question, .. } => {
                        if !crew.ask(&id, &question) {
                            questions.push((id, question));
                        }
                    }
                }
            }
            if crew.at_work.is_empty() {
                if cancel.is_pulled() {
                    return Ok(Stand::Interrupted);
                }
                if !questions.is_empty() && only_asks(state) {
                    return Ok(Stand::Waiting { questions });
                }
            }
            let input = match receiver.recv_timeout(patience(until)) {
                Ok(Done::Performed(id, done)) => {
                    let given_up = crew.at_work.remove(&id).is_some_and(|c| c.is_pulled());
                    match done {
                        Ok(outcome) => Input::Finished { action: id, outcome },
                        Err(HandError::Cancelled) => continue,
                        // What goes wrong around work that nobody wants any more harms no run.
                        Err(HandError::Failed(_)) if given_up => continue,
                        Err(HandError::Failed(reason)) => {
                            crew.recall();
                            let stage = id.stage.to_string();
                            return Err(DriveError::Hand { stage, reason });
                        }
                    }
                }
                Ok(Done::Answered(id, reply)) => {
                    crew.at_work.remove(&id);
                    match reply {
                        Reply::Choice { choice, by } => Input::Answered { action: id, choice, by },
                        Reply::Skipped { by } => Input::Skipped { action: id, by },
                        Reply::NotNow => {
                            crew.declined.insert(id, ASKED_MAX);
                            continue;
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) if until.is_some_and(|until| now() >= until) => {
                    Input::TimePassed
                }
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => unreachable!("the crew holds a sender"),
            };
            match step(state, recorder, &input) {
                // An answer that fits nothing is asked for again.
                Err(DriveError::Refused(Refusal::NoChoice { action, choice, choices })) => {
                    let text = format!("`{choice}` is no answer; it is {}", choices.join(" or "));
                    recorder.watcher.notice(&Notice::Line { action: &action, text: &text });
                    crew.ask_again(action);
                }
                // Somebody answered just after the question had closed.
                Err(DriveError::Refused(Refusal::Closed { .. })) => {}
                Err(error) => {
                    // Whoever is at work must not be waited for to the end of it.
                    crew.recall();
                    return Err(error);
                }
                Ok(()) => {}
            }
        }
    })
}

/// Whether the time has come that something waits for.
fn is_due(actions: &[Action]) -> bool {
    actions.iter().any(|action| matches!(action, Action::Wait { until } if *until <= now()))
}

/// How long to wait for news before looking around again.
fn patience(until: Option<Timestamp>) -> Duration {
    until.map_or(CANCEL_POLL, |until| until.since(now()).min(CANCEL_POLL))
}

/// Whether nothing but answers brings the run on: what else waits for time must not be left alone.
fn only_asks(state: &State) -> bool {
    state.branches().all(|current| {
        matches!(current.phase, Phase::Asking { .. } | Phase::Joining | Phase::Resting)
    })
}

/// Takes one input: decide, append, apply.
///
/// # Errors
/// When the engine refuses the input or the ledger cannot be written.
pub fn step(state: &mut State, recorder: &Recorder, input: &Input) -> Result<(), DriveError> {
    take(state, recorder, input).map(drop)
}

/// [`step`], and how many events it led to.
fn take(state: &mut State, recorder: &Recorder, input: &Input) -> Result<usize, DriveError> {
    let time = now();
    let events = decide(state, input, time)?;
    recorder.events(&events, time)?;
    for event in &events {
        apply(state, event);
    }
    Ok(events.len())
}

enum Done {
    Performed(ActionId, Result<Outcome, HandError>),
    Answered(ActionId, Reply),
}

/// The hands and people at work, one thread an action; the engine's bounds say how many there are.
struct Crew<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    sender: mpsc::Sender<Done>,
    hands: &'env dyn Hands,
    interviewer: Option<&'env dyn Interviewer>,
    at_work: BTreeMap<ActionId, Cancel>,
    /// How often questions were asked in vain; at [`ASKED_MAX`], nobody here answers them.
    declined: BTreeMap<ActionId, u32>,
}

impl Crew<'_, '_> {
    fn perform(&mut self, id: ActionId, state: &State) {
        let Some(cancel) = self.begin(&id) else { return };
        let (sender, hands, state) = (self.sender.clone(), self.hands, state.clone());
        self.scope.spawn(move || {
            let performed = catch_unwind(AssertUnwindSafe(|| hands.perform(&id, &state, &cancel)));
            // A hand that breaks has failed its stage (4.12), not the run.
            let done = performed.unwrap_or_else(|_| {
                Ok(outcome(Status::Fail, format!("whoever performs `{}` broke", id.stage)))
            });
            // The driver may have let go already: then nobody needs to know.
            let _ = sender.send(Done::Performed(id, done));
        });
    }

    /// Whether somebody here is asked.
    fn ask(&mut self, id: &ActionId, question: &Question) -> bool {
        let asked = self.declined.get(id).copied().unwrap_or(0);
        let Some(interviewer) = self.interviewer.filter(|_| asked < ASKED_MAX) else {
            return false;
        };
        let Some(cancel) = self.begin(id) else { return true };
        let (sender, id, question) = (self.sender.clone(), id.clone(), question.clone());
        self.scope.spawn(move || {
            let asked = catch_unwind(AssertUnwindSafe(|| interviewer.ask(&id, &question, &cancel)));
            // An interviewer that breaks has not answered; others may.
            let reply = asked.unwrap_or(Reply::NotNow);
            let _ = sender.send(Done::Answered(id, reply));
        });
        true
    }

    fn ask_again(&mut self, id: ActionId) {
        *self.declined.entry(id).or_default() += 1;
    }

    /// `None` for what is at work already.
    fn begin(&mut self, id: &ActionId) -> Option<Cancel> {
        if self.at_work.contains_key(id) {
            return None;
        }
        let cancel = Cancel::default();
        self.at_work.insert(id.clone(), cancel.clone());
        Some(cancel)
    }

    /// What is not asked for any more, because other branches were enough or time ran out, is given
    /// up; what it still reports counts for nothing.
    fn give_up_others(&mut self, actions: &[Action]) {
        let wanted: BTreeSet<&ActionId> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Perform { id, .. } | Action::Ask { id, .. } => Some(id),
                Action::Wait { .. } => None,
            })
            .collect();
        for (_, cancel) in self.at_work.iter().filter(|(id, _)| !wanted.contains(id)) {
            cancel.pull();
        }
    }

    fn recall(&self) {
        for cancel in self.at_work.values() {
            cancel.pull();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use base::{Digest, RunId};
    use engine::RunLimits;
    use ledger::{Ledger, LedgerKey};

    use super::*;
    use crate::watch::Nobody;

    /// Works until it is given up, at stages whose name begins so; `broken` then finds its
    /// environment unfit.
    struct Slow;

    impl Hands for Slow {
        fn perform(&self, id: &ActionId, _: &State, cancel: &Cancel) -> Result<Outcome, HandError> {
            let name = id.stage.as_str();
            if name != "slow" && name != "broken" {
                return Ok(outcome(Status::Success, "done"));
            }
            until_pulled(cancel);
            Err(match name {
                "broken" => HandError::Failed("the disk is gone".to_owned()),
                _ => HandError::Cancelled,
            })
        }
    }

    fn until_pulled(cancel: &Cancel) {
        let began = Instant::now();
        while !cancel.is_pulled() {
            assert!(began.elapsed() < Duration::from_secs(20), "nobody gave this up");
            std::thread::yield_now();
        }
    }

    struct Person<F>(F);

    impl<F: Fn(&str, &Cancel) -> Reply + Sync> Interviewer for Person<F> {
        fn ask(&self, _: &ActionId, question: &Question, closed: &Cancel) -> Reply {
            (self.0)(&question.text, closed)
        }
    }

    fn play(
        stages: &str,
        person: impl Fn(&str, &Cancel) -> Reply + Sync,
    ) -> Result<Stand, DriveError> {
        let dot = format!(
            "digraph {{ start [shape=Mdiamond] e [shape=Msquare] f [shape=component] {stages} }}"
        );
        let parsed = pipeline::parse("test.dot", &dot);
        let graph = parsed.graph.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
        let run = RunId::new("run-1").unwrap();
        let ledger = Ledger::in_memory(LedgerKey::generate("test", [7; 32]).unwrap()).unwrap();
        let watcher = Arc::new(Nobody);
        let recorder = Recorder { ledger, run: run.clone(), requirements: Vec::new(), watcher };
        let mut state = State::new(run, Arc::new(graph));
        let limits = RunLimits {
            tokens_max: u64::MAX,
            micro_usd_max: u64::MAX,
            wall_ms_max: u64::MAX,
            attempts_max: 100,
        };
        let (intent, graph) = (Digest::of("intent"), Digest::of("graph"));
        let start = Input::Start { intent, graph, seed: 1, limits };
        step(&mut state, &recorder, &start).unwrap();
        drive(&mut state, &recorder, &Slow, Some(&Person(person)), &Cancel::default())
    }

    fn says(choice: &str, by: &str) -> Reply {
        Reply::Choice { choice: choice.to_owned(), by: by.to_owned() }
    }

    const GATE: &str = r#"start -> f f -> g f -> slow g -> e slow -> e
        g [shape=hexagon]"#;

    #[test]
    fn an_answer_after_the_question_closed_changes_nothing() {
        let stages = r#"start -> g g -> a [label="A"] g -> b [label="B"] a -> h b -> h h -> e
            f -> e h [shape=hexagon]
            g [shape=hexagon, timeout="100ms", human.default_choice="a"]"#;
        let stand = play(stages, |question, closed| {
            if question == "g" {
                until_pulled(closed);
                return says("B", "ann");
            }
            says("e", "ann")
        });
        assert!(matches!(stand, Ok(Stand::Ended(Ending::Completed))), "{stand:?}");
    }

    #[test]
    fn who_is_at_work_is_called_back_when_a_run_cannot_go_on() {
        let began = Instant::now();
        let refused = play(GATE, |_, _| says("e", " "));
        assert!(began.elapsed() < Duration::from_secs(10), "the hand worked to its end");
        assert!(matches!(refused, Err(DriveError::Refused(Refusal::Nobody { .. }))), "{refused:?}");
    }

    #[test]
    fn a_person_who_breaks_has_not_answered() {
        let stages = "start -> g g -> e f -> e g [shape=hexagon]";
        let stand = play(stages, |_, _| panic!("not now"));
        assert!(matches!(stand, Ok(Stand::Waiting { .. })), "{stand:?}");
    }

    #[test]
    fn what_goes_wrong_around_work_that_was_given_up_harms_no_run() {
        let stages = r#"start -> f f -> broken f -> quick broken -> j quick -> j
            j [shape=tripleoctagon] f [join_policy=first_success] j -> g g -> e
            g [shape=hexagon]"#;
        // The question is answered only once the broken hand has come back.
        let stand = play(stages, |_, _| {
            std::thread::sleep(Duration::from_millis(50));
            says("e", "ann")
        });
        assert!(matches!(stand, Ok(Stand::Ended(Ending::Completed))), "{stand:?}");
    }
}
