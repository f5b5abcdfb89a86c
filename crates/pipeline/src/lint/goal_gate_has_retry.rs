//! `goal-gate-has-retry`: a goal gate has somewhere to go back to.

use base::Diagnostic;

use super::Inspection;
use crate::document::Subject;
use crate::report::Report;

/// A goal gate has somewhere to go back to.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for stage in on.graph.stages.values().filter(|stage| stage.goal_gate) {
        let has_target = stage.retry_target.is_some()
            || stage.fallback_retry_target.is_some()
            || on.graph.retry_defaults().next().is_some();
        if !has_target {
            let message = format!("goal gate `{}` has no retry target", stage.id);
            let warning = Diagnostic::warning("goal-gate-has-retry", message);
            let warning = warning.help("unsatisfied, it holds the run; add `retry_target=stage`");
            report.push(on.at_key(Subject::Stage(&stage.id), "goal_gate", warning));
        }
    }
}
