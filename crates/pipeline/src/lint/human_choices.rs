//! `human-choices`: a person who is asked has a choice.

use base::Diagnostic;

use super::{Inspection, stages_of};
use crate::document::Subject;
use crate::report::Report;
use crate::{Ask, Handler};

/// A person who is asked has a choice.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for stage in stages_of(on, &Handler::Human) {
        let mut freeform = on.graph.outgoing(&stage.id).filter(|(_, edge)| edge.freeform);
        if let Some((position, _)) = freeform.nth(1) {
            let message = format!("what a person writes at `{}` can go several ways", stage.id);
            let warning = Diagnostic::warning("human-choices", message);
            let warning = warning.help("mark one edge with `freeform=true`: the first is taken");
            report.push(on.at_key(Subject::Edge(position), "freeform", warning));
        }
        let is_asked_for_text = stage.gate.as_ref().is_some_and(|gate| gate.kind == Ask::Freeform);
        if !is_asked_for_text && on.graph.outgoing(&stage.id).nth(1).is_none() {
            let message = format!("a person at `{}` has no choice", stage.id);
            let warning = Diagnostic::warning("human-choices", message);
            let warning = warning.help("add an edge with a label for each answer");
            report.push(on.at(Subject::Stage(&stage.id), warning));
        }
    }
}
