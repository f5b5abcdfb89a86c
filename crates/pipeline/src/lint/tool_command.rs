//! `tool-command`: a tool has a command.

use base::Diagnostic;

use super::{Inspection, stages_of};
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

/// A tool has a command.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for stage in stages_of(on, &Handler::Tool) {
        if !stage.attributes.contains_key("tool_command") {
            let message = format!("tool stage `{}` has no command, and will fail", stage.id);
            let warning = Diagnostic::warning("tool-command", message);
            let warning = warning.help("add `tool_command=\"…\"`");
            report.push(on.at(Subject::Stage(&stage.id), warning));
        }
    }
}
