//! `condition-syntax`: conditions parse (section 10), those on edges and those that stop a manager.

use base::Diagnostic;

use super::Inspection;
use crate::document::Subject;
use crate::report::Report;
use crate::{Condition, ConditionError, Dialect, Test};

pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for (position, condition) in on.conditions.iter().enumerate() {
        let subject = Subject::Edge(position);
        tell(on, report, subject, "condition", condition.as_ref());
    }
    for stage in on.graph.stages.values() {
        let Some(manager) = &stage.manager else { continue };
        let subject = Subject::Stage(&stage.id);
        let stop = Condition::parse(&manager.stop);
        tell(on, report, subject, "manager.stop_condition", stop.as_ref());
    }
}

fn tell(
    on: &Inspection<'_>,
    report: &mut Report,
    subject: Subject<'_>,
    key: &str,
    condition: Result<&Condition, &ConditionError>,
) {
    match condition {
        Err(error) => {
            let finding = Diagnostic::error("condition-syntax", error.message.as_str());
            let finding = finding.help(error.help.as_str());
            report.push(on.in_value(subject, key, error.offset, finding));
        }
        Ok(condition) if on.is_document_in(Dialect::Spec) => {
            let compared = condition.clauses().iter().find_map(|clause| match clause.test {
                Test::Compares(comparison, _) => Some(comparison),
                _ => None,
            });
            if let Some(comparison) = compared {
                let message = format!("`{comparison}` is no operator of the specification");
                let finding = Diagnostic::error("condition-syntax", message);
                let help = "only `=`, `!=` and `&&` exist; say the rest with more edges";
                report.push(on.at_key(subject, key, finding.help(help)));
            }
        }
        Ok(_) => {}
    }
}
