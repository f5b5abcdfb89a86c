//! Gates, in order, on one build; and the case: the proof written up for the person who answers for it.
//!
//! Everything comes as a value or a directory. This crate refuses to know git, the ledger, who built
//! what it proves, and what is done with its verdict.

mod case;
mod checks;
mod export;
mod gate;
mod integrity;
mod prove;
mod scenarios;
mod service;
mod strength;
mod workshop;
mod write_set;

pub use case::{Case, CaseFacts, case};
pub use checks::{CheckEvidence, CheckResult};
pub use export::{Entry, EntryKind, Export, ExportError};
pub use gate::{Gate, GateEvidence, GateProgress, ProgressEvent, Proof, RequirementProof, Verdict};
pub use integrity::{IntegrityEvidence, Violation};
pub use prove::{ProofError, ProveInput, ProveSettings, prove};
pub use scenarios::{Because, ScenarioEvidence, Stopping};
pub use strength::{CAUGHT_SHARE_MIN, Fate, StrengthEvidence, TriedMutant};
pub use workshop::{CommandRun, Workshop};
pub use write_set::in_write_set;
