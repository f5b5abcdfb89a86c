//! `manager-child`: a manager has a child to watch.

use base::Diagnostic;

use super::Inspection;
use crate::document::Subject;
use crate::report::Report;
use crate::resolve::CHILD_KEYS;
use crate::{Handler, Value};

/// A stage without a child can only fail. A child that cannot be used has been told about where it
/// is named.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for stage in on.graph.stages.values() {
        if stage.handler != Handler::ManagerLoop {
            continue;
        }
        let starts = stage.attributes.get("stack.child_autostart").and_then(Value::boolean);
        if starts == Some(false) {
            let message = format!("manager `{}` starts its child all the same", stage.id);
            let warning = Diagnostic::warning("manager-child", message);
            let help = "nobody else can start it here: leave `stack.child_autostart` out";
            let subject = Subject::Stage(&stage.id);
            report.push(on.at_key(subject, "stack.child_autostart", warning.help(help)));
        }
        if stage.manager.is_some() {
            continue;
        }
        let names = [&stage.attributes, &on.graph.attributes];
        let is_named = names.iter().any(|a| CHILD_KEYS.iter().any(|key| a.contains_key(*key)));
        if is_named && report.has_error("manager-child") {
            continue;
        }
        let message = format!("manager `{}` has no child pipeline", stage.id);
        let error = Diagnostic::error("manager-child", message);
        let help = "name its file with `stack.child_dotfile=\"…\"`, here or on the graph, or write it \
                    here with `stack.child_dot_source=\"…\"`";
        report.push(on.at(Subject::Stage(&stage.id), error.help(help)));
    }
}
