//! `parallel-join`: the branches of a parallel stage meet again, so that a run can go on after them.

use base::Diagnostic;

use super::{Inspection, stages_of};
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for stage in stages_of(on, &Handler::Parallel) {
        if stage.fan_out.as_ref().is_some_and(|fan_out| fan_out.meets.is_some()) {
            continue;
        }
        let message = match on.graph.outgoing(&stage.id).next() {
            Some(_) => format!("the branches of `{}` never meet", stage.id),
            None => format!("parallel stage `{}` has no branches", stage.id),
        };
        let error = Diagnostic::error("parallel-join", message);
        let help = "let an edge lead from each branch to one stage, best a fan-in \
                    (`shape=tripleoctagon`)";
        report.push(on.at(Subject::Stage(&stage.id), error.help(help)));
    }
}
