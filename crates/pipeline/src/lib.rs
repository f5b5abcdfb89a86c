//! Pipelines: the Attractor dialect of DOT, read into one graph that the engine runs.
//!
//! Front ends lower to [`Graph`]; the engine knows that and nothing of DOT. Section numbers in
//! comments are those of strongdm/attractor's `attractor-spec.md`. This crate refuses to know how a
//! stage is performed.

mod graph;

pub use graph::{Backoff, Edge, Graph, Handler, Retry, Stage, Value};
