//! `start-no-incoming`: nothing leads to the start.

use base::Diagnostic;

use super::Inspection;
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

/// Nothing leads to the start.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for start in on.topology.of_handler(&Handler::Start) {
        for edge in on.topology.backward[start].iter().filter_map(|way| way.edge) {
            let id = &on.topology.stages[start].id;
            let message = format!("an edge leads back to the start `{id}`");
            let error = Diagnostic::error("start-no-incoming", message);
            let error = error.help("let the edge lead to the stage after the start");
            report.push(on.at(Subject::Edge(edge), error));
        }
    }
}
