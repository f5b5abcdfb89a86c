//! `dialect-limit`: what a dialect has and this factory does not carry out is told, and how to write it
//! instead.

use base::Diagnostic;

use super::Inspection;
use crate::document::Subject;
use crate::report::Report;

/// Attributes of stages, what they would do, and what to write instead.
const LIMITS: [(&str, &str, &str); 4] = [
    (
        "loop_id",
        "goes round until its own condition holds",
        "lead back by an edge with a condition, and bound it with `max_visits`",
    ),
    (
        "concurrent_id",
        "names its branches and their end by an id",
        "use `shape=component` and `shape=tripleoctagon`",
    ),
    ("import", "stands for the stages of another file", "write these stages out here"),
    ("selection", "draws lots among its edges", "give the edges a `condition` or a `weight`"),
];

pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for stage in on.graph.stages.values() {
        for (key, does, instead) in LIMITS {
            let Some(value) = stage.attributes.get(key) else { continue };
            if key == "selection" && value.as_str() == Some("deterministic") {
                continue;
            }
            let message = format!("a stage that {does} is not carried out here (`{key}`)");
            let finding = match key {
                // Without them the pipeline would do something else, or nothing.
                "import" | "concurrent_id" => Diagnostic::error("dialect-limit", message),
                _ => Diagnostic::warning("dialect-limit", message),
            };
            report.push(on.at_key(Subject::Stage(&stage.id), key, finding.help(instead)));
        }
    }
}

/// Whether an attribute is told about here.
pub(super) fn tells_of(key: &str) -> bool {
    LIMITS.iter().any(|(known, ..)| *known == key)
}
