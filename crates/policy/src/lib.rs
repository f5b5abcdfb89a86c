//! Who may do what after having seen what: labels, autonomy levels, disclosure.
//!
//! Pure rules over values; enforcement is where actions are performed, never in a model. This crate
//! refuses to know prompts, processes and files. Rules L1 to L10 are those of ARCHITECTURE.md.

mod disclosure;
mod label;
mod level;
mod sink;

pub use disclosure::{DISCLOSED_MILLIBITS_MAX, Disclosure, DisclosureMeter, FailureKind, held_out};
pub use label::{Compartment, Compartments, Integrity, Label};
pub use level::{
    Evidence, FIDELITY_LEVEL_4, FIDELITY_LEVEL_5, Level, LevelDecision, LevelError, SABOTAGED_MIN,
    SABOTAGED_SHARE_LEVEL_4, SABOTAGED_SHARE_LEVEL_5, Satisfaction, Term, TermName, TwinFidelity,
    decide_level,
};
pub use sink::{Denied, Holdings, Planned, Sink, keep_apart, open};
