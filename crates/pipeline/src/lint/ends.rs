//! One start that nothing leads to, one exit that leads nowhere (7.2).

use base::Diagnostic;

use super::Inspection;
use crate::document::Subject;
use crate::report::Report;
use crate::{Edge, Handler};

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
    let help = "let the edge lead to the stage after the start";
    no_edge(on, report, "start-no-incoming", help, |edge| {
        let is_start = leads(on, &edge.to, &Handler::Start);
        is_start.then(|| format!("an edge leads back to the start `{}`", edge.to))
    });
}

/// The exit leads nowhere.
pub(super) fn exit_no_outgoing(on: &Inspection<'_>, report: &mut Report) {
    let help = "put what is to happen before the exit";
    no_edge(on, report, "exit-no-outgoing", help, |edge| {
        let is_exit = leads(on, &edge.from, &Handler::Exit);
        is_exit.then(|| format!("an edge leaves the exit `{}`", edge.from))
    });
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

fn no_edge(
    on: &Inspection<'_>,
    report: &mut Report,
    rule: &str,
    help: &str,
    wrong: impl Fn(&Edge) -> Option<String>,
) {
    for (position, edge) in on.graph.edges().iter().enumerate() {
        if let Some(message) = wrong(edge) {
            report
                .push(on.at(Subject::Edge(position), Diagnostic::error(rule, message).help(help)));
        }
    }
}

fn leads(on: &Inspection<'_>, id: &base::StageId, handler: &Handler) -> bool {
    on.graph.stages.get(id).is_some_and(|stage| stage.handler == *handler)
}
