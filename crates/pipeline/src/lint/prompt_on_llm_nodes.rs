//! `prompt-on-llm-nodes`: an agent is told what to do.

use base::Diagnostic;

use super::{Inspection, stages_of};
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

/// An agent is told what to do.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for stage in stages_of(on, &Handler::Agent) {
        let says = |key: &str| stage.attributes.get(key).is_some_and(|v| v.as_str() != Some(""));
        if !says("prompt") && !says("label") && !on.is_implicit(&stage.id) {
            let message = format!("stage `{}` tells its agent nothing but its own id", stage.id);
            let warning = Diagnostic::warning("prompt-on-llm-nodes", message);
            report.push(on.at(Subject::Stage(&stage.id), warning.help("add `prompt=\"…\"`")));
        }
    }
}
