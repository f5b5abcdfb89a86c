//! `exit-no-outgoing`: the exit leads nowhere.

use base::Diagnostic;

use super::Inspection;
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

/// The exit leads nowhere.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for exit in on.topology.of_handler(&Handler::Exit) {
        for edge in on.topology.forward[exit].iter().filter_map(|way| way.edge) {
            let message = format!("an edge leaves the exit `{}`", on.topology.stages[exit].id);
            let error = Diagnostic::error("exit-no-outgoing", message);
            let error = error.help("put what is to happen before the exit");
            report.push(on.at(Subject::Edge(edge), error));
        }
    }
}
