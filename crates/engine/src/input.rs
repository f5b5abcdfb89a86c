//! What enters a run and what it asks for: the vocabulary between the engine and the hands.

use std::collections::BTreeMap;
use std::fmt;

use base::{ActionId, Digest, Spend, StageId, Timestamp};
use pipeline::{Ask, Handler};
use serde::{Deserialize, Serialize};

/// Something from outside that the run must answer to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// The run begins. The digests name the bodies of the intent and of the graph.
    Start { intent: Digest, graph: Digest, seed: u64, limits: RunLimits },
    /// A hand has performed an action. Told twice, it counts once.
    Finished { action: ActionId, outcome: Outcome },
    /// A person has answered a question with a choice, or with a text where the question takes one;
    /// `by` is who signed the answer.
    Answered { action: ActionId, choice: String, by: String },
    /// A person will not answer: the gate fails (4.6, step 4).
    Skipped { action: ActionId, by: String },
    /// The time that some pending [`Action::Wait`] waited for has come.
    TimePassed,
    /// Nobody was there to act from `away_since` until now: neither the run's wall clock nor the
    /// timeout of the attempt under way counts that time. Tell it after a restart, or leave it out
    /// and the time counts.
    Resumed { away_since: Timestamp },
    /// A person ends the run.
    Cancelled { by: String },
}

/// Bounds of a whole run; going past one holds it before the next attempt starts. Each counts up
/// to 2^53 - 1, the largest whole number that canonical JSON can carry; more means that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLimits {
    /// Tokens in both directions. A run may use exactly as many.
    pub tokens_max: u64,
    /// Millionths of a US dollar. A run may use exactly as many: 0 suits a model that costs nothing.
    pub micro_usd_max: u64,
    /// Wall-clock milliseconds from the start, without the time in which a person was asked.
    pub wall_ms_max: u64,
    /// Stage attempts in all, those that the engine performs itself included: the last bound on
    /// any loop.
    pub attempts_max: u32,
}

/// What became of one attempt at a stage (5.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub status: Status,
    /// A word of the pipeline's own, such as `needs_dod`: what conditions compare `outcome` with in
    /// place of the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<String>,
    /// A failure that another try cannot mend (appendix D): retries do not apply.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub permanent: bool,
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

impl Outcome {
    /// An outcome of which only the status is remarkable.
    pub fn new(status: Status, note: impl Into<String>) -> Self {
        Self {
            status,
            custom: None,
            permanent: false,
            preferred_label: None,
            suggested_next: Vec::new(),
            context: BTreeMap::new(),
            note: note.into(),
            spend: Spend::default(),
        }
    }

    /// What conditions compare `outcome` with (10.3).
    pub fn word(&self) -> &str {
        self.custom.as_deref().unwrap_or(self.status.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Success,
    /// Counts as success for goal gates; `note` says what is incomplete.
    PartialSuccess,
    /// Try this stage again, if its retries allow it.
    Retry,
    /// Failed. Tried again like [`Status::Retry`] where the stage's retries allow it (11.5), unless
    /// the failure is permanent.
    Fail,
    /// Nothing was done and no outcome is recorded.
    Skipped,
}

impl Status {
    /// The name that conditions compare with (10.3).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::PartialSuccess => "partial_success",
            Self::Retry => "retry",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }

    /// Whether a goal gate with this status lets the run exit (3.4).
    pub const fn passes(self) -> bool {
        matches!(self, Self::Success | Self::PartialSuccess)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Work that a state asks for. The same id always names the same work; performing it twice is safe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Perform one attempt at a stage and report [`Input::Finished`].
    Perform { id: ActionId, handler: Handler, since: Timestamp },
    /// Ask a person and report [`Input::Answered`]. Costs nothing while it waits. Attempt 0 is the
    /// question that stands before a stage's first attempt.
    Ask { id: ActionId, question: Question, since: Timestamp },
    /// Report [`Input::TimePassed`] at this time.
    Wait { until: Timestamp },
}

/// What a person is asked (6.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub text: String,
    #[serde(default, skip_serializing_if = "is_multiple_choice")]
    pub kind: Ask,
    /// The labels of the ways out, or approve and refuse.
    pub choices: Vec<String>,
    /// Whether any other text is an answer too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub freeform: bool,
    /// The choice that is taken when nobody answers in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

fn is_multiple_choice(kind: &Ask) -> bool {
    *kind == Ask::MultipleChoice
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The exit was reached with every goal gate satisfied.
    Completed,
    /// It stopped before the exit, and this is why. Nothing that it did not ship before will be
    /// shipped.
    Held {
        reason: String,
    },
    Cancelled {
        by: String,
    },
}
