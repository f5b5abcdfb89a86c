//! Agents: whatever turns a task into changes in a workspace, behind one door.
//!
//! An agent is given what a builder may know and a [`Host`] that does everything outward for it:
//! calls models, tries files in the sandbox, reports progress. This crate refuses to know scenarios,
//! the ledger and the file system.
//!
//! Three agents stand here. [`Candidates`] builds with a weak model: many whole answers, picked by the
//! visible checks and by how far they agree with each other. [`Planner`] writes the note of a stage
//! that changes nothing. [`Given`] hands in what was written before.

mod agreement;
mod answer;
mod candidates;
mod frame;
mod given;
mod language;
mod part_prompt;
mod paths;
mod planner;
mod pool;
mod probe;
mod prompt;
mod strategy;

pub use answer::{AnswerError, read_answer};
pub use candidates::Candidates;
pub use given::Given;
pub use planner::Planner;
pub use probe::{PROBES_MAX, Probe, probes};
pub use strategy::{Batch, Shape, Strategy};

use std::collections::BTreeMap;

use base::{ActionId, Spend};
use intent::Intent;
use model::{Reply, Request};
use policy::Disclosure;
use serde::{Deserialize, Serialize};

/// Files by path relative to the product: what an agent hands in.
pub type Files = BTreeMap<String, String>;

/// What an agent is asked to do, and all that it may know.
#[derive(Debug)]
pub struct Task<'a> {
    pub action: &'a ActionId,
    pub intent: &'a Intent,
    /// The stage's own instruction.
    pub prompt: &'a str,
    /// Notes of earlier stages of the run: stage -> text.
    pub notes: &'a BTreeMap<String, String>,
    /// The product as it stands, as far as it is text.
    pub files: &'a Files,
    /// What earlier builds failed on, as far as a builder may know it; the newest last.
    pub disclosures: &'a [Disclosure],
    /// What the visible checks said of the last build.
    pub feedback: &'a [String],
    pub seed: u64,
}

/// What one visible check said of some files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The example or check command, as the intent writes it.
    pub check: String,
    pub passed: bool,
    /// What happened instead, short; empty when it passed.
    pub detail: String,
}

/// The observable behaviour of one run: what candidates are compared by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Behaviour {
    pub exit: i32,
    pub stdout: String,
    /// Whether anything was written there; the wording of messages is the builder's own.
    pub stderr_empty: bool,
}

/// Everything outward that an agent may do. Each call is on the ledger.
pub trait Host {
    /// Calls the stage's model.
    ///
    /// # Errors
    /// When no answer can be had, the budget is used up, or the run is being cancelled.
    fn complete(&mut self, request: &Request) -> Result<Reply, HostError>;

    /// Plays every visible check on the product with `files` laid over it, in a fresh sandbox.
    ///
    /// # Errors
    /// When the sandbox itself failed; a failing check is no error.
    fn try_files(&mut self, files: &Files) -> Result<Vec<Tried>, HostError>;

    /// Runs one command line (a declared command and its arguments) on the product with `files`
    /// laid over it.
    ///
    /// # Errors
    /// When the sandbox itself failed.
    fn observe(
        &mut self,
        files: &Files,
        words: &[String],
        stdin: &str,
    ) -> Result<Behaviour, HostError>;

    /// Tells a person what is going on: one short line.
    fn say(&mut self, line: &str);
}

/// Why a host could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct HostError {
    pub reason: String,
    /// Whether the same attempt may work later.
    pub transient: bool,
}

/// What an agent hands in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Complete new contents; paths outside the intent's write-set are refused by the hand.
    pub files: Files,
    /// What the visible checks said of exactly these files.
    pub tried: Vec<Tried>,
    /// One line for a person.
    pub note: String,
    pub spend: Spend,
}

/// The door for every kind of agent.
pub trait AgentBackend: Send + Sync {
    /// `candidates`, later `codex`, `claude-code`, ….
    fn name(&self) -> &str;

    /// Whether it hands in files; one that does not leaves a note instead.
    fn builds(&self) -> bool {
        true
    }

    /// Works on the task until its visible checks pass or its bounds are reached.
    ///
    /// # Errors
    /// When the host failed. A build that is not good enough is a [`Report`] whose checks failed.
    fn work(&self, task: &Task<'_>, host: &mut dyn Host) -> Result<Report, HostError>;
}
