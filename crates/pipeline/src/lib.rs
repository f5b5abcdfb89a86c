//! Pipelines: the Attractor dialect of DOT, read into one graph that the engine runs.
//!
//! Front ends lower to [`Graph`]; the engine knows that and nothing of DOT. Section numbers in
//! comments are those of strongdm/attractor's `attractor-spec.md`. This crate refuses to know how a
//! stage is performed.

mod condition;
mod dialect;
mod document;
mod dot;
mod fidelity;
mod graph;
mod joins;
mod limits;
mod lint;
mod lower;
mod options;
mod parser;
mod read;
mod report;
mod resolve;
mod scanner;
mod stylesheet;
mod syntax;
mod text;
mod value;
mod vocabulary;

pub use condition::{Clause, Comparison, Condition, ConditionError, Key, Test};
pub use dialect::Dialect;
pub use document::{Document, Subject};
pub use dot::to_dot;
pub use fidelity::{Fidelity, fidelity, thread};
pub use graph::{
    Ask, Backoff, Edge, FanOut, Gate, Graph, Handler, Join, Manager, OnFailure, Retry, Stage,
};
pub use lint::{Inspection, Rule, lint, lint_with, rule_names};
pub use options::{Files, Options, Transform};
pub use read::{Parsed, load, load_with, parse};
pub use report::Report;
pub use value::Value;
