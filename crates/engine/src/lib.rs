//! The whole life of a run in three pure functions: [`decide`], [`apply`] and [`pending`].
//!
//! No clock, no randomness, no I/O, no async: time and chance arrive inside inputs and the run's
//! seed. Events are the only way to change a state, so that replaying them gives it back. Section
//! numbers in comments are those of strongdm/attractor's `attractor-spec.md`.
//!
//! Any prefix of the events that `decide` gave leaves a state that goes on by itself: where the
//! rest of a batch was lost, [`pending`] asks to be told the time, and the next input picks up the
//! thread. This crate refuses to know how work is performed and where events are kept.

mod advance;
mod branches;
mod context;
mod decide;
mod draft;
mod event;
mod fit;
mod guard;
mod input;
mod lane;
mod manager;
mod plan;
mod refusal;
mod retry;
mod route;
mod state;
mod work;

pub use branches::{BEST, BRANCHES_MAX, Candidate, RESULTS};
pub use context::Context;
pub use decide::decide;
pub use event::{Event, UnknownEvent, Why};
pub use fit::Misfit;
pub use guard::{CONTEXT_KEYS_MAX, CONTEXT_VALUE_BYTES_MAX};
pub use input::{Action, Ending, Input, Outcome, Question, RunLimits, Status};
pub use lane::STEER;
pub use plan::with_key;
pub use refusal::Refusal;
pub use state::{Current, Phase, State, apply};
pub use work::pending;

/// How many stages may follow one another without work, a question or a pause between them: ten
/// times the longest chain of decisions that a person would draw, and small enough that a loop of
/// them is found at once.
pub const ROUTING_STEPS_MAX: u32 = 256;

/// The choices of the question that stands before a ship below level 5.
pub const APPROVE: &str = "approve";
/// See [`APPROVE`].
pub const REFUSE: &str = "refuse";
