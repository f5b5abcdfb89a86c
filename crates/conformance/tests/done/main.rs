//! The Definition of Done (section 11 of `attractor-spec.md`), box by box: each test names the boxes
//! that it ticks in its documentation, and `cargo xtask conformance` makes a table of them.
//!
//! Everything goes through public doors: `pipeline` reads, `engine` decides, `runner` performs.

mod conditions;
mod context;
mod contract;
mod handlers;
mod matrix;
mod parsing;
mod people;
mod play;
mod retries;
mod smoke;
mod smoke_run;
mod stylesheet;
mod transforms;
mod traversal;
mod validation;

/// Where a run has to leave no trace.
fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("conformance-").tempdir().expect("a folder can be made")
}
