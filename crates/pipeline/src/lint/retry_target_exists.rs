//! `retry-target-exists`: retry targets exist.

use base::Diagnostic;

use super::{Inspection, meant_stage};
use crate::Value;
use crate::document::Subject;
use crate::report::Report;

/// Retry targets exist.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    let mut check = |subject: Subject<'_>, key: &str, target: &str| {
        if !on.graph.stages.contains_key(target) {
            let help = meant_stage(on, target, "name a stage of this pipeline");
            let message = format!("`{key}` names no stage: `{target}`");
            let warning = Diagnostic::warning("retry-target-exists", message).help(help);
            report.push(on.at_key(subject, key, warning));
        }
    };
    for key in ["retry_target", "fallback_retry_target"] {
        let target = on.graph.attributes.get(key).and_then(Value::as_str);
        if let Some(target) = target.filter(|target| !target.is_empty()) {
            check(Subject::Graph, key, target);
        }
    }
    for stage in on.graph.stages.values() {
        let targets = [
            ("retry_target", &stage.retry_target),
            ("fallback_retry_target", &stage.fallback_retry_target),
        ];
        for (key, target) in targets {
            if let Some(target) = target {
                check(Subject::Stage(&stage.id), key, target.as_str());
            }
        }
    }
}
