//! Drives one run: inputs to the engine, its events to the ledger, its actions to the hands.
//!
//! The driver owns the run's state. It appends before it applies and applies before it performs, so
//! that whatever is killed and whenever, the ledger has everything that was acknowledged and nothing
//! is performed that the ledger does not know of. It decides nothing.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::Scope;
use std::time::Duration;

use base::ActionId;
use engine::{Action, Ending, Input, Question, Refusal, State, apply, decide, pending};
use ledger::LedgerError;
use sandbox::Cancel;

use crate::hands::{HandError, Hands};
use crate::recorder::{Recorder, now};

/// How often the driver looks whether a person pulled the cord: soon enough to feel immediate.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// Where a run stands when the driver lets go of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Stand {
    Ended(Ending),
    /// A person must answer; the run costs nothing meanwhile.
    Waiting {
        action: ActionId,
        question: Question,
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

/// Drives the run until it ends, waits for a person, or is interrupted.
///
/// # Errors
/// When the ledger cannot be written, or a hand found its environment unfit.
pub fn drive(
    state: &mut State,
    recorder: &Recorder,
    hands: &Hands,
    cancel: &Cancel,
) -> Result<Stand, DriveError> {
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let mut crew = Crew { scope, sender, hands, under_way: BTreeMap::new() };
        loop {
            if let Some(ending) = state.ending() {
                crew.recall();
                return Ok(Stand::Ended(ending.clone()));
            }
            if cancel.is_pulled() {
                crew.recall();
            }
            let mut until = None;
            let mut asked = None;
            for action in pending(state) {
                match action {
                    Action::Perform { id, .. } if !cancel.is_pulled() => crew.perform(id, state),
                    Action::Perform { .. } => {}
                    Action::Ask { id, question, .. } => asked = Some((id, question)),
                    Action::Wait { until: time } => {
                        until =
                            Some(until.map_or(time, |earlier: base::Timestamp| earlier.min(time)));
                    }
                }
            }
            if crew.under_way.is_empty() {
                if cancel.is_pulled() {
                    return Ok(Stand::Interrupted);
                }
                if let Some((action, question)) = asked {
                    return Ok(Stand::Waiting { action, question });
                }
            }
            let input = match receiver.recv_timeout(CANCEL_POLL) {
                Ok((id, done)) => {
                    crew.under_way.remove(&id);
                    match done {
                        Ok(outcome) => Input::Finished { action: id, outcome },
                        Err(HandError::Cancelled) => continue,
                        Err(HandError::Failed(reason)) => {
                            crew.recall();
                            let stage = id.stage.to_string();
                            return Err(DriveError::Hand { stage, reason });
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) if until.is_some_and(|until| now() >= until) => {
                    Input::TimePassed
                }
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => unreachable!("the crew holds a sender"),
            };
            step(state, recorder, &input)?;
        }
    })
}

/// Takes one input: decide, append, apply.
///
/// # Errors
/// When the engine refuses the input or the ledger cannot be written.
pub(crate) fn step(
    state: &mut State,
    recorder: &Recorder,
    input: &Input,
) -> Result<(), DriveError> {
    let time = now();
    let events = decide(state, input, time)?;
    recorder.events(&events, time)?;
    for event in &events {
        apply(state, event);
    }
    Ok(())
}

type Done = (ActionId, Result<engine::Outcome, HandError>);

/// The hands at work, one thread an action; the engine's graph bounds how many there are.
struct Crew<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    sender: mpsc::Sender<Done>,
    hands: &'env Hands,
    under_way: BTreeMap<ActionId, Cancel>,
}

impl Crew<'_, '_> {
    fn perform(&mut self, id: ActionId, state: &State) {
        if self.under_way.contains_key(&id) {
            return;
        }
        let cancel = Cancel::default();
        self.under_way.insert(id.clone(), cancel.clone());
        let (sender, hands, state) = (self.sender.clone(), self.hands, state.clone());
        self.scope.spawn(move || {
            let done = hands.perform(&id, &state, &cancel);
            // The driver may have let go already: then nobody needs to know.
            let _ = sender.send((id, done));
        });
    }

    fn recall(&self) {
        for cancel in self.under_way.values() {
            cancel.pull();
        }
    }
}
