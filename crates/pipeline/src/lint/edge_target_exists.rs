//! `edge-target-exists`: edges connect stages that exist.

use base::Diagnostic;

use super::{Inspection, meant_stage};
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

/// Edges connect stages that exist. In DOT an edge makes the stages that it mentions, and public
/// pipelines use that; one that also leads nowhere is almost surely a slip of the pen.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    let rule = "edge-target-exists";
    for (position, id) in &on.topology.dangling {
        let help = meant_stage(on, id.as_str(), "declare it");
        let error = Diagnostic::error(rule, format!("there is no stage `{id}`"));
        report.push(on.at(Subject::Edge(*position), error.help(help)));
    }
    for (stage, ways) in on.topology.stages.iter().zip(&on.topology.forward) {
        let is_end = matches!(stage.handler, Handler::Start | Handler::Exit);
        if is_end || !on.is_implicit(&stage.id) {
            continue;
        }
        let help = meant_stage(on, stage.id.as_str(), "declare it with a statement of its own");
        let finding = if ways.is_empty() {
            let message = format!("stage `{}` is not declared, and leads nowhere", stage.id);
            Diagnostic::error(rule, message)
        } else {
            let message = format!("stage `{}` is not declared: edges alone mention it", stage.id);
            Diagnostic::warning(rule, message)
        };
        report.push(on.at(Subject::Stage(&stage.id), finding.help(help)));
    }
}
