//! The shapes of a proof: gates, their verdicts, and what they add up to.
//!
//! A proof holds held-out text (what failed scenarios expected): it belongs to the compartment
//! `holdout`, and only its [`Case`](crate::Case) and disclosures leave it.

use std::fmt;

use base::{Digest, IntentId, RequirementId, ScenarioId};
use policy::Disclosure;
use scenario::Satisfaction;
use serde::{Deserialize, Serialize};

use crate::{CheckEvidence, IntegrityEvidence, ScenarioEvidence, StrengthEvidence};

/// One check that a build must pass, in the order in which they run: cheap first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Only what may be written was written, and nothing that judges was bent.
    Integrity,
    /// It builds, and passes what the builder could see, in a clean export.
    Checks,
    /// Held-out scenarios, with every seed.
    Scenarios,
    /// What else would have passed?
    Strength,
}

impl Gate {
    /// Every gate, in order.
    pub const ALL: [Self; 4] = [Self::Integrity, Self::Checks, Self::Scenarios, Self::Strength];
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Integrity => "integrity",
            Self::Checks => "checks",
            Self::Scenarios => "scenarios",
            Self::Strength => "strength",
        })
    }
}

/// What one gate found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub gate: Gate,
    pub passed: bool,
    /// One line for a person; quotes nothing that is held out.
    pub summary: String,
    pub evidence: GateEvidence,
    /// What a builder may learn of held-out scenarios that failed.
    pub disclosures: Vec<Disclosure>,
    /// What a builder may learn of what it could have seen itself.
    pub feedback: Vec<String>,
    pub wall_ms: u64,
}

/// What a gate's verdict rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateEvidence {
    Integrity(IntegrityEvidence),
    Checks(CheckEvidence),
    Scenarios(ScenarioEvidence),
    Strength(StrengthEvidence),
}

/// All verdicts on one build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    pub intent: IntentId,
    /// Of the signed intent and its scenarios.
    pub intent_digest: Digest,
    /// The product's commit or tree, as the caller named it.
    pub subject: String,
    /// Of the export that was proved.
    pub tree: Digest,
    /// In order; the first that failed is the last.
    pub verdicts: Vec<Verdict>,
    /// Every gate ran.
    pub complete: bool,
    /// What the level is decided by.
    pub evidence: policy::Evidence,
    /// Each requirement of the intent, in order.
    pub requirements: Vec<RequirementProof>,
}

/// What was shown of one requirement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequirementProof {
    pub id: RequirementId,
    pub scenarios: Vec<ScenarioId>,
    /// `None` where nothing was played.
    pub satisfaction: Option<Satisfaction>,
}

impl Proof {
    /// Whether every gate ran and passed.
    pub fn passed(&self) -> bool {
        self.complete && self.verdicts.iter().all(|verdict| verdict.passed)
    }

    /// The gate that stopped the proof.
    pub fn failed(&self) -> Option<&Verdict> {
        self.verdicts.iter().find(|verdict| !verdict.passed)
    }

    /// What a builder may learn of held-out scenarios, from all gates.
    pub fn disclosures(&self) -> Vec<Disclosure> {
        self.verdicts.iter().flat_map(|verdict| verdict.disclosures.clone()).collect()
    }

    /// What a builder may learn of what it could have seen itself, from all gates.
    pub fn feedback(&self) -> Vec<String> {
        self.verdicts.iter().flat_map(|verdict| verdict.feedback.clone()).collect()
    }

    pub(crate) fn scenarios(&self) -> Option<&ScenarioEvidence> {
        self.verdicts.iter().find_map(|verdict| match &verdict.evidence {
            GateEvidence::Scenarios(evidence) => Some(evidence),
            _ => None,
        })
    }

    pub(crate) fn strength(&self) -> Option<&StrengthEvidence> {
        self.verdicts.iter().find_map(|verdict| match &verdict.evidence {
            GateEvidence::Strength(evidence) => Some(evidence),
            _ => None,
        })
    }
}

/// News of a gate at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateProgress {
    pub gate: Gate,
    pub event: ProgressEvent,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgressEvent {
    Began,
    /// `done` of `total` parts of the work; the total may change as work is found.
    Advanced {
        done: usize,
        total: usize,
    },
    Ended {
        passed: bool,
        summary: String,
        wall_ms: u64,
    },
}
