//! Digital twins: behavioural clones of services, as pure functions of a state, a request, a clock and a
//! seed.
//!
//! A [`Universe`] holds the twins of one trajectory with their clock, chance, timers and faults. It is a
//! value: cloning it is a snapshot, and costs the same whatever it holds. Everything particular to a
//! service is a [`Pack`]: data (`pack.toml`) and small scripts. This crate refuses to know sockets,
//! threads, files of the host and the time of day.

pub mod delivery;
pub mod fault;
mod filter;
mod git;
mod graphql;
mod journal;
mod jql;
mod jwt;
mod multipart;
mod pack;
mod random;
mod rate;
mod route;
mod script;
pub mod seed;
mod store;
mod universe;
mod yaml;

use bytes::Bytes;

pub use fault::{Fault, FaultError};
pub use journal::{Exchange, JOURNAL_MAX};
pub use pack::{Manifest, Pack, PackError};
pub use script::ScriptError;
pub use store::{Record, State, Table, TableShape};
pub use universe::{EPOCH, Opened, Reply, TICK, Universe, UniverseError};
pub use yaml::Yaml;

/// A request to a service, whole.
pub type Request = http::Request<Bytes>;
/// By which scheme a request came, among its extensions; `http` where it says none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheme(pub &'static str);

/// A service's answer, whole.
pub type Response = http::Response<Bytes>;
