//! Who may do what after having seen what: labels, autonomy levels, disclosure.
//!
//! Pure rules over values; enforcement is where actions are performed, never in a model. This crate
//! refuses to know prompts, processes and files.

use std::fmt;

use base::RequirementId;
use serde::{Deserialize, Serialize};

/// What a builder learns of a failed scenario (DESIGN section 5, rule 2): which requirement, and how
/// it failed. Nothing in it was written by the scenario's author.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Disclosure {
    pub requirement: RequirementId,
    pub kind: FailureKind,
}

/// How a trajectory failed, coarsely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    WrongStdout,
    WrongStderr,
    WrongExit,
    WrongFile,
    /// Ended by a signal or an uncaught exception's exit code where another was expected.
    Crashed,
    TimedOut,
    /// Broke a limit of the sandbox: flooded, forked, filled the disk.
    Runaway,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongStdout => "wrong standard output",
            Self::WrongStderr => "wrong standard error",
            Self::WrongExit => "wrong exit code",
            Self::WrongFile => "wrong or missing file",
            Self::Crashed => "crashed",
            Self::TimedOut => "took too long",
            Self::Runaway => "used more than it may",
        })
    }
}
