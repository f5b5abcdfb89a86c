//! Every stage can be reached, exists, and leads on to the exit.

use base::Diagnostic;

use super::topology::reached;
use super::{Inspection, meant_stage};
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

/// From the start, by edges or by the jumps of retry targets.
pub(super) fn reachability(on: &Inspection<'_>, report: &mut Report) {
    let Some(start) = on.topology.of_handler(&Handler::Start).next() else { return };
    let reached = reached(&on.topology.forward, [start]);
    for (stage, _) in on.topology.stages.iter().zip(reached).filter(|(_, is_reached)| !is_reached) {
        let message = format!("stage `{}` cannot be reached from the start", stage.id);
        let error = Diagnostic::error("reachability", message);
        let error = error.help("add an edge to it, or remove it");
        report.push(on.at(Subject::Stage(&stage.id), error));
    }
}

/// Edges connect stages that exist. In DOT an edge makes the stages that it mentions, and public
/// pipelines use that; one that also leads nowhere is almost surely a slip of the pen.
pub(super) fn edge_target_exists(on: &Inspection<'_>, report: &mut Report) {
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

/// Every stage leads on to an exit.
pub(super) fn no_way_out(on: &Inspection<'_>, report: &mut Report) {
    let mut exits = on.topology.of_handler(&Handler::Exit).peekable();
    if exits.peek().is_none() {
        return;
    }
    let reached = reached(&on.topology.backward, exits);
    for (at, stage) in on.topology.stages.iter().enumerate().filter(|(at, _)| !reached[*at]) {
        let is_told_already = on.is_implicit(&stage.id) && on.topology.forward[at].is_empty();
        if !is_told_already {
            let message = format!("no way leads from stage `{}` to the exit", stage.id);
            let warning = Diagnostic::warning("no-way-out", message);
            let warning = warning.help("a run that comes here is held; add an edge that leads on");
            report.push(on.at(Subject::Stage(&stage.id), warning));
        }
    }
}
