//! How like the real service a twin is.
//!
//! Two measures, and neither is our own opinion: suites that drive a service with its official SDKs as a
//! user's program would ([`suite`]), and recordings of the real service that are replayed against the twin
//! and compared by structure ([`replay`]). This crate refuses to know how a twin works inside.

pub mod bench;
mod cassette;
mod compare;
pub mod measured;
pub mod replay;
mod report;
mod rival;
mod stub;
pub mod suite;

pub use cassette::{Cassette, CassetteError, Recorded};
pub use compare::{Difference, compare};
pub use report::{Score, Tally, table};
pub use rival::{EMULATE, Rival, RivalError};
pub use stub::Stub;
