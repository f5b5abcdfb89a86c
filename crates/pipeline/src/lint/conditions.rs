//! Conditions on edges parse, and can come true (section 10).

use base::Diagnostic;

use super::{Inspection, meant};
use crate::document::Subject;
use crate::report::Report;
use crate::vocabulary::OUTCOMES;
use crate::{Key, Test};

/// Conditions parse.
pub(super) fn condition_syntax(on: &Inspection<'_>, report: &mut Report) {
    for (position, condition) in on.conditions.iter().enumerate() {
        if let Err(error) = condition {
            let finding = Diagnostic::error("condition-syntax", error.message.as_str());
            let finding = finding.help(error.help.as_str());
            let subject = Subject::Edge(position);
            report.push(on.in_value(subject, "condition", error.offset, finding));
        }
    }
}

/// A condition compares the outcome with something that an outcome can be.
pub(super) fn condition_outcome(on: &Inspection<'_>, report: &mut Report) {
    each_clause(on, report, |key, test| {
        let (Test::Equals(status) | Test::Differs(status)) = test else { return None };
        if *key != Key::Outcome || OUTCOMES.contains(&status.as_str()) {
            return None;
        }
        let otherwise = format!("an outcome is {}", OUTCOMES.join(", "));
        let help = meant(status, OUTCOMES, otherwise);
        let message = format!("no outcome is ever `{status}`");
        Some(Diagnostic::warning("condition-outcome", message).help(help))
    });
}

/// Keys of the context say so.
pub(super) fn condition_key(on: &Inspection<'_>, report: &mut Report) {
    each_clause(on, report, |key, _| {
        let Key::Context(key) = key else { return None };
        if key.starts_with("context.") {
            return None;
        }
        let message = format!("`{key}` is looked up in the context without saying so");
        let help = format!("write `context.{key}`");
        Some(Diagnostic::warning("condition-key", message).help(help))
    });
}

fn each_clause(
    on: &Inspection<'_>,
    report: &mut Report,
    find: impl Fn(&Key, &Test) -> Option<Diagnostic>,
) {
    for (position, condition) in on.conditions.iter().enumerate() {
        let Ok(condition) = condition else { continue };
        for finding in condition.clauses().iter().filter_map(|c| find(&c.key, &c.test)) {
            report.push(on.at_key(Subject::Edge(position), "condition", finding));
        }
    }
}
