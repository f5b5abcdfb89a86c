//! `reachability`: every stage can be reached from the start.

use base::Diagnostic;

use super::Inspection;
use super::topology::reached;
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

/// From the start, by edges or by the jumps of retry targets.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    let Some(start) = on.topology.of_handler(&Handler::Start).next() else { return };
    let reached = reached(&on.topology.forward, [start]);
    for (stage, _) in on.topology.stages.iter().zip(reached).filter(|(_, is_reached)| !is_reached) {
        let message = format!("stage `{}` cannot be reached from the start", stage.id);
        let error = Diagnostic::error("reachability", message);
        let error = error.help("add an edge to it, or remove it");
        report.push(on.at(Subject::Stage(&stage.id), error));
    }
}
