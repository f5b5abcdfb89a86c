//! What the rules about start and exit have in common.

use base::Diagnostic;

use super::Inspection;
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

/// Reports a missing start or exit, and every one beside the first.
pub(super) fn exactly_one(
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
        let finding = if *handler == Handler::Exit && on.dialect().has_exits() {
            Diagnostic::warning(rule, message)
        } else {
            Diagnostic::error(rule, message)
        };
        let finding = finding.help(format!("keep one {what}"));
        report.push(on.at(Subject::Stage(&other.id), finding));
    }
}
