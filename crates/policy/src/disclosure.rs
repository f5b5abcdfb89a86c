//! Bits from what is held out to who builds (rules L6 and L7): what may be told of a failed
//! scenario, and how much of it a run may tell. Refuses to know scenarios.

use std::fmt;

use base::RequirementId;
use serde::{Deserialize, Serialize};

use crate::Denied;

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
    /// A service answered otherwise, or not at all.
    WrongResponse,
    /// What it did to the services that it uses is not what was wanted.
    WrongEffect,
    /// Ended by a signal or an uncaught exception's exit code where another was expected.
    Crashed,
    TimedOut,
    /// Broke a limit of the sandbox: flooded, forked, filled the disk.
    Runaway,
    /// Every rule was kept, and a judge did not agree with a sentence.
    JudgedWrong,
    /// It asked a service for what its twin does not know.
    Uncovered,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongStdout => "wrong standard output",
            Self::WrongStderr => "wrong standard error",
            Self::WrongExit => "wrong exit code",
            Self::WrongFile => "wrong or missing file",
            Self::WrongResponse => "wrong response",
            Self::WrongEffect => "wrong effect on another service",
            Self::Crashed => "crashed",
            Self::TimedOut => "took too long",
            Self::Runaway => "used more than it may",
            Self::JudgedWrong => "judged wrong",
            Self::Uncovered => "asked a service for what its twin does not know",
        })
    }
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::WrongStdout,
        Self::WrongStderr,
        Self::WrongExit,
        Self::WrongFile,
        Self::WrongResponse,
        Self::WrongEffect,
        Self::Crashed,
        Self::TimedOut,
        Self::Runaway,
        Self::JudgedWrong,
        Self::Uncovered,
    ];
}

/// The refusal of `what`, which holds text of a held-out scenario (L7): it is told to no builder, at
/// whatever price.
pub fn held_out(what: &str) -> Denied {
    Denied::new("L7", format!("{what} holds text of a held-out scenario"))
}

/// What one run may tell its builder of held-out scenarios: 100 bits are a dozen characters, less
/// than one expected output, and enough for four ways back with four failures each in an intent of
/// three requirements.
pub const DISCLOSED_MILLIBITS_MAX: u32 = 100_000;

/// Counts what a run's builder was told. Starts anew with each run, and is filled again on resume
/// from the disclosures on the ledger.
///
/// Thousandths of a bit, rounded up: sums are exact, and rounding never makes telling cheaper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisclosureMeter {
    requirements: u32,
    millibits_spent: u32,
    millibits_max: u32,
}

impl DisclosureMeter {
    /// A meter for an intent with this many requirements, with the usual budget.
    pub fn new(requirements: u32) -> Self {
        Self::with_budget(requirements, DISCLOSED_MILLIBITS_MAX)
    }

    /// A meter with a budget of its own.
    pub fn with_budget(requirements: u32, millibits_max: u32) -> Self {
        Self { requirements, millibits_spent: 0, millibits_max }
    }

    /// What one disclosure tells: which of all possible (requirement, kind) answers it is.
    pub fn millibits_each(&self) -> u32 {
        let answers = f64::from(self.requirements.max(1)) * FailureKind::ALL.len() as f64;
        // At most 35 bits, so that the cast is exact.
        (answers.log2() * 1000.0).ceil() as u32
    }

    /// What has been told so far, in thousandths of a bit.
    pub fn millibits_spent(&self) -> u32 {
        self.millibits_spent
    }

    /// Counts one disclosure before it is told, and says what it cost. The same answer told again
    /// counts again: that it came again is news.
    ///
    /// # Errors
    /// When the budget does not hold it; then it must not be told, and nothing is counted.
    pub fn charge(&mut self, disclosure: &Disclosure) -> Result<u32, Denied> {
        let cost = self.millibits_each();
        let sum = self.millibits_spent.saturating_add(cost);
        if sum > self.millibits_max {
            let why = format!(
                "telling the builder how {} failed would make {:.1} bits of {:.1} that a run may \
                 tell of its scenarios: have a person look at the failure",
                disclosure.requirement,
                f64::from(sum) / 1000.0,
                f64::from(self.millibits_max) / 1000.0,
            );
            return Err(Denied::new("L7", why));
        }
        self.millibits_spent = sum;
        Ok(cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disclosure() -> Disclosure {
        let requirement = RequirementId::new("R1").unwrap();
        Disclosure { requirement, kind: FailureKind::WrongExit }
    }

    #[test]
    fn a_disclosure_costs_the_choice_among_all_answers() {
        // log2(3 * 11) = 5.0443…
        assert_eq!(DisclosureMeter::new(3).millibits_each(), 5045);
        assert_eq!(DisclosureMeter::new(0).millibits_each(), 3460);
    }

    #[test]
    fn a_run_tells_no_more_than_its_budget() {
        let mut meter = DisclosureMeter::new(3);
        let told = std::iter::repeat_with(|| meter.charge(&disclosure())).take(100);
        assert_eq!(told.filter(Result::is_ok).count(), 19);
        assert_eq!(meter.millibits_spent(), 19 * 5045);
        let denied = meter.charge(&disclosure()).unwrap_err();
        assert_eq!(denied.rule, "L7");
        assert_eq!(meter.millibits_spent(), 19 * 5045, "a refusal costs nothing");
    }
}
