//! `dialect-limit`: what a dialect has and this factory does not carry out is told, and how to write it
//! instead.

use std::collections::BTreeSet;

use base::Diagnostic;

use super::Inspection;
use crate::dialect::LOOP_SHAPES;
use crate::document::Subject;
use crate::report::Report;
use crate::{Stage, Value};

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
    let closed = closed_loops(on);
    for stage in on.graph.stages.values() {
        for (key, does, instead) in LIMITS {
            let Some(value) = stage.attributes.get(key) else { continue };
            let is_carried_out = match key {
                "selection" => value.as_str() == Some("deterministic"),
                "loop_id" => closed.contains(&value.to_string()),
                _ => false,
            };
            if is_carried_out {
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

/// The ids of the loops that lowering gave the way back.
fn closed_loops(on: &Inspection<'_>) -> BTreeSet<String> {
    let [begin, end] = LOOP_SHAPES;
    let is_shaped = |stage: &Stage, shape: &str| {
        stage.attributes.get("shape").and_then(Value::as_str) == Some(shape)
    };
    let ends = on.graph.stages.values().filter(|stage| is_shaped(stage, end));
    ends.filter_map(|stage| {
        let id = stage.attributes.get("loop_id")?;
        let mut ways = on.graph.outgoing(&stage.id);
        let is_closed = ways.any(|(_, edge)| {
            let to = on.graph.stages.get(&edge.to);
            to.is_some_and(|to| is_shaped(to, begin) && to.attributes.get("loop_id") == Some(id))
        });
        is_closed.then(|| id.to_string())
    })
    .collect()
}

/// Whether an attribute is told about here.
pub(super) fn tells_of(key: &str) -> bool {
    LIMITS.iter().any(|(known, ..)| *known == key)
}
