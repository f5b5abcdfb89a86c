//! `fan-in-alone`: a fan-in has branches to choose among.

use base::Diagnostic;

use super::Inspection;
use super::topology::reached;
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    let reached = reached(&on.topology.forward, on.topology.of_handler(&Handler::Parallel));
    for fan_in in on.topology.of_handler(&Handler::FanIn).filter(|at| !reached[*at]) {
        let id = &on.topology.stages[fan_in].id;
        let message = format!("no parallel stage leads to the fan-in `{id}`");
        let warning = Diagnostic::warning("fan-in-alone", message);
        let warning = warning.help("put a stage with `shape=component` before the branches");
        report.push(on.at(Subject::Stage(id), warning));
    }
}
