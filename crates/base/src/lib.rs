//! The shared vocabulary: ids, digests, time, money, diagnostics.
//!
//! Everything here is a value. This crate refuses to know what time it is, where it runs, or how
//! anything is stored.

mod canonical;
mod chain;
mod diagnostic;
mod digest;
mod id;
mod printable;
mod spend;
mod time;

pub use canonical::{CanonicalError, canonical};
pub use chain::chain;
pub use diagnostic::{Diagnostic, Place, Severity, nearest};
pub use digest::{Digest, DigestError};
pub use id::{
    ActionId, Branch, Fork, IdError, IntentId, LineId, RequirementId, RunId, ScenarioId, StageId,
};
pub use printable::printable;
pub use spend::{MicroUsd, Spend, Tokens};
pub use time::{TimeError, Timestamp};
