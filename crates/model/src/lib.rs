//! Models behind one door: the local model, any hosted endpoint, a scripted model for tests, and a
//! recording played back.
//!
//! A model turns messages into completions and says what that cost. This crate refuses to know what
//! the messages are for, who may see them (the caller checks labels first), and where calls are
//! recorded (the caller does that, in the ledger).

mod absent;
mod catalogue;
mod hosted;
mod local;
mod net;
mod price;
mod recorded;
mod scripted;
mod store;

pub use absent::Absent;
pub use catalogue::{Endpoint, Entry, Options, State, list, open};
pub use local::{CONTEXT_TOKENS_MAX, Local};
pub use price::{PRICES_DATED, Price};
pub use recorded::Recorded;
pub use scripted::Scripted;
pub use store::{PullCallback, PullError, PullProgress, SourceError, Status, pull, status};

use std::fmt;
use std::ops::ControlFlow;

use base::Spend;
use serde::{Deserialize, Serialize};

/// Who says something in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub role: Role,
    pub text: String,
}

/// What is asked of a model. Its canonical JSON form is what a recording is looked up by, so that
/// the same request always names the same answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub messages: Vec<Message>,
    /// How many independent answers are wanted, 1 to [`CANDIDATES_MAX`].
    pub candidates: u32,
    /// 0 is greedy.
    pub temperature: f64,
    /// Nucleus sampling's share of probability mass, in (0, 1].
    pub top_p: f64,
    /// The most tokens that one answer may have.
    pub tokens_max: u32,
    /// Answers of a local model are a function of the messages and this number.
    pub seed: u64,
    /// Texts that end an answer; they are not part of it.
    pub stop: Vec<String>,
}

/// Sixteen answers fill the memory bandwidth of any machine that this runs on; more only wait.
pub const CANDIDATES_MAX: u32 = 16;

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The model said that it was done, or a stop text came.
    Ended,
    /// `tokens_max` was reached: the text is cut off.
    TokensMax,
    /// The progress callback broke off.
    Cancelled,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    pub text: String,
    pub stop: StopReason,
}

/// All that came back for one request: `request.candidates` completions, and their cost together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    pub completions: Vec<Completion>,
    pub spend: Spend,
}

/// How far a call is; sums over all candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// Candidates that have ended.
    pub finished: u32,
}

/// A source of completions. Calls may come from several threads; a model that can do one thing at a
/// time queues them.
pub trait Model: Send + Sync {
    /// The name that `--model` takes: `local`, `anthropic/claude-…`, `scripted:FILE`.
    fn name(&self) -> &str;

    /// The lineage that shares blind spots, lower case: `qwen`, `claude`, `gpt`, `gemini`, `scripted`.
    fn family(&self) -> &str;

    /// What a million tokens cost; nothing, for a model that runs here. `None` when it is not known: a reply's
    /// cost is then 0 and means nothing, and a budget in money cannot bound it.
    fn price(&self) -> Option<Price> {
        Some(Price::default())
    }

    /// Answers `request`, telling `progress` about it at least once a second while tokens come;
    /// `Break` ends the call soon with what is there.
    ///
    /// # Errors
    /// When no answer can be had; see [`ModelError`] for what is worth trying again.
    fn complete(
        &self,
        request: &Request,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Reply, ModelError>;
}

/// Why a model gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("model {model}: {reason}")]
pub struct ModelError {
    pub model: String,
    pub kind: ModelErrorKind,
    /// What went wrong and what to do next.
    pub reason: String,
}

/// What a caller can do about a [`ModelError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelErrorKind {
    /// Worth trying again: network, rate limit, overload.
    Transient,
    /// A key is missing or refused.
    Unauthorised,
    /// The request can never work: too long, malformed, an unknown model.
    Rejected,
    /// The local model's file is missing, half there or not the one that is known.
    NotInstalled,
    /// A scripted or recorded model has no answer to this request.
    NotScripted,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "ended",
            Self::TokensMax => "cut off",
            Self::Cancelled => "cancelled",
        })
    }
}

/// What no model could answer, said before any is asked.
fn checked(request: &Request) -> Result<(), String> {
    if request.messages.is_empty() {
        return Err("the request has no message".to_owned());
    }
    if !(1..=CANDIDATES_MAX).contains(&request.candidates) {
        return Err(format!(
            "{} candidates; 1 to {CANDIDATES_MAX} are possible",
            request.candidates
        ));
    }
    if request.tokens_max == 0 {
        return Err("an answer of no tokens is wanted; set tokens_max".to_owned());
    }
    if !(request.temperature >= 0.0 && request.temperature.is_finite()) {
        return Err(format!("temperature {} is not a number from 0 up", request.temperature));
    }
    if !(request.top_p > 0.0 && request.top_p <= 1.0) {
        return Err(format!("top_p {} is not above 0 and up to 1", request.top_p));
    }
    Ok(())
}
