//! `no-way-out`: every stage leads on to an exit.

use base::Diagnostic;

use super::Inspection;
use super::topology::reached;
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

/// Every stage leads on to an exit.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
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
