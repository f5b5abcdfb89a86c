//! One start that nothing leads to, one exit that leads nowhere (7.2).

use base::Diagnostic;

use super::Inspection;
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

/// Exactly one start.
pub(super) fn start_node(on: &Inspection<'_>, report: &mut Report) {
    let help = "add `start [shape=Mdiamond]`";
    exactly_one(on, report, &Handler::Start, ("start-node", "start"), help);
}

/// Exactly one exit.
pub(super) fn terminal_node(on: &Inspection<'_>, report: &mut Report) {
    let help = "add `exit [shape=Msquare]`";
    exactly_one(on, report, &Handler::Exit, ("terminal-node", "exit"), help);
}

/// Nothing leads to the start.
pub(super) fn start_no_incoming(on: &Inspection<'_>, report: &mut Report) {
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

/// The exit leads nowhere.
pub(super) fn exit_no_outgoing(on: &Inspection<'_>, report: &mut Report) {
    for exit in on.topology.of_handler(&Handler::Exit) {
        for edge in on.topology.forward[exit].iter().filter_map(|way| way.edge) {
            let message = format!("an edge leaves the exit `{}`", on.topology.stages[exit].id);
            let error = Diagnostic::error("exit-no-outgoing", message);
            let error = error.help("put what is to happen before the exit");
            report.push(on.at(Subject::Edge(edge), error));
        }
    }
}

fn exactly_one(
    on: &Inspection<'_>,
    report: &mut Report,
    handler: &Handler,
    (rule, what): (&str, &str),
    help: &str,
) {
    let mut found = on.topology.of_handler(handler).map(|at| on.topology.stages[at]);
    let Some(first) = found.next() else {
        let error = Diagnostic::error(rule, format!("the pipeline has no {what}")).help(help);
        return report.push(on.at(Subject::Graph, error));
    };
    for other in found {
        let message = format!("`{}` is a second {what} beside `{}`", other.id, first.id);
        let error = Diagnostic::error(rule, message).help(format!("keep one {what}"));
        report.push(on.at(Subject::Stage(&other.id), error));
    }
}
