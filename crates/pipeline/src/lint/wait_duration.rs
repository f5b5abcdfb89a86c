//! `wait-duration`: a stage that waits knows for how long.

use base::Diagnostic;

use super::Inspection;
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

/// A pause has a duration.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for stage in on.graph.stages.values() {
        let is_told = stage.attributes.contains_key("duration");
        if stage.handler == Handler::Wait && stage.pause.is_none() && !is_told {
            let message = format!("stage `{}` waits, but nothing says for how long", stage.id);
            let error = Diagnostic::error("wait-duration", message).help("add `duration=30s`");
            report.push(on.at(Subject::Stage(&stage.id), error));
        }
    }
}
