//! The whole life of a run in three pure functions: [`decide`], [`apply`] and [`pending`].
//!
//! No clock, no randomness, no I/O, no async: time and chance arrive inside inputs and the run's
//! seed. Events are the only way to change a state, so that replaying them gives it back.

use std::collections::BTreeMap;

use base::{ActionId, Digest, Spend, StageId, Timestamp};
use pipeline::Handler;
use serde::{Deserialize, Serialize};

/// Something from outside that the run must answer to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// The run begins.
    Start { intent: Digest, graph: Digest, seed: u64, limits: RunLimits },
    /// A hand has performed an action. Told twice, it counts once.
    Finished { action: ActionId, outcome: Outcome },
    /// A person has answered a question; `by` is who signed the answer.
    Answered { action: ActionId, choice: String, by: String },
    /// The time that some pending [`Action::Wait`] waited for has come.
    TimePassed,
    /// A person ends the run.
    Cancelled { by: String },
}

/// Bounds of a whole run; reaching one holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLimits {
    pub tokens_max: u64,
    pub micro_usd_max: u64,
    pub wall_ms_max: u64,
    /// Stage attempts in all: the last bound on any loop.
    pub attempts_max: u32,
}

/// What became of one attempt at a stage (5.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_label: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggested_next: Vec<StageId>,
    /// Keys that start with `factory.` are kept only from the factory's own handlers: an agent
    /// cannot write its own evidence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
    /// One line for a person.
    pub note: String,
    #[serde(default)]
    pub spend: Spend,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Success,
    PartialSuccess,
    /// Try this stage again, if its retries allow it.
    Retry,
    Fail,
    Skipped,
}

/// Work that a state asks for. The same id always names the same work; performing it twice is safe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Perform one attempt at a stage and report [`Input::Finished`].
    Perform { id: ActionId, handler: Handler, since: Timestamp },
    /// Ask a person and report [`Input::Answered`]. Costs nothing while it waits.
    Ask { id: ActionId, question: Question, since: Timestamp },
    /// Report [`Input::TimePassed`] at this time.
    Wait { until: Timestamp },
}

/// What a person is asked; `choices` are the labels of the ways out, or approve and refuse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub text: String,
    pub choices: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The exit was reached with every goal gate satisfied.
    Completed,
    /// It stopped before the exit: nothing shipped, and this is why.
    Held {
        reason: String,
    },
    Cancelled {
        by: String,
    },
}
