//! `condition-key`: keys of the context say so.

use base::Diagnostic;

use super::{Inspection, each_clause};
use crate::report::Report;
use crate::{Clause, Key};

/// Keys of the context say so.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    each_clause(on, report, |Clause { key, .. }| {
        let Key::Context(key) = key else { return None };
        if key.starts_with("context.") {
            return None;
        }
        let message = format!("`{key}` is looked up in the context without saying so");
        let help = format!("write `context.{key}`");
        Some(Diagnostic::warning("condition-key", message).help(help))
    });
}
