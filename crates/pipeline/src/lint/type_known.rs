//! `type-known`: types are known, or registered by whoever runs the pipeline.

use base::Diagnostic;

use super::{Inspection, meant, unknown_type};
use crate::document::Subject;
use crate::report::Report;
use crate::vocabulary::types;

/// Types are known: one that nobody registered falls back to the shape (4.2).
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for stage in on.graph.stages.values() {
        let Some(name) = unknown_type(stage) else { continue };
        let otherwise = "register it, or leave it out: the shape says what performs the stage";
        let help = meant(&name, types(), otherwise);
        let warning = Diagnostic::warning("type-known", format!("`{name}` is no known type"));
        report.push(on.at_key(Subject::Stage(&stage.id), "type", warning.help(help)));
    }
}
