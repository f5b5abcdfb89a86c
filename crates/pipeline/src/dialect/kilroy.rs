//! The words of danshapiro/kilroy (its `internal/attractor/engine`).

use std::rc::Rc;

use super::Words;
use crate::Value;
use crate::syntax::{Attribute, Attributes};

/// The stage at which a loop begins, and the one at which it is decided whether it goes on.
pub(crate) const LOOP_SHAPES: [&str; 2] = ["trapezium", "invtrapezium"];

pub(super) const WORDS: Words = Words {
    name: "kilroy",
    graph: &[
        ("context_fidelity_default", "default_fidelity"),
        ("context_thread_default", "default_thread_id"),
        ("max_node_visits", "default_max_visits"),
    ],
    stage: &[("llm_prompt", "prompt"), ("model", "llm_model"), ("command", "tool_command")],
    idle: &[
        "agent_mode",
        "agent_tool",
        "collect_browser_artifacts",
        "default_command_timeout_ms",
        "escalation_models",
        "inputs",
        "loop_count",
        "loop_id",
        "loop_max",
        "loop_restart_persist_keys",
        "loop_restart_signature_limit",
        "loop_until_file",
        "loop_until_file_contains",
        "loop_while_outcome",
        "max_command_timeout_ms",
        "max_restarts",
        "max_tokens",
        "outputs",
        "provenance_version",
        "retries_before_escalation",
    ],
    shapes: &[
        ("trapezium", "conditional"),
        ("invtrapezium", "conditional"),
        ("pentagon", "parallel"),
        ("cylinder", "parallel.fan_in"),
    ],
    types: &[
        ("agent", "codergen"),
        ("loop.begin", "conditional"),
        ("loop.end", "conditional"),
        ("concurrent.split", "parallel"),
        ("concurrent.join", "parallel.fan_in"),
    ],
    outcomes: &[
        ("ok", "success"),
        ("error", "fail"),
        ("failure", "fail"),
        ("skip", "skipped"),
        ("degraded_success", "partial_success"),
    ],
    clues: &[
        "agent_mode",
        "agent_tool",
        "collect_browser_artifacts",
        "concurrent_id",
        "escalation_models",
        "loop_id",
        "loop_restart_persist_keys",
        "max_restarts",
        "provenance_version",
    ],
    fans_out: true,
    has_exits: true,
};

/// Writes a loop's ends in the specification's words: its beginning may be visited `loop_max` times,
/// and its end is a tool that succeeds when the loop is over. [`crate::lower`] adds the way back.
pub(super) fn write_loop(written: &mut Attributes<'_>) {
    let text = |key: &str| {
        let attribute = written.iter().find(|attribute| attribute.key == key)?;
        Some((attribute.value.to_string(), Rc::clone(attribute)))
    };
    let Some((shape, _)) = text("shape").filter(|_| text("loop_id").is_some()) else { return };
    let mut more = Vec::new();
    if shape == LOOP_SHAPES[0] {
        more.extend(text("loop_max").map(|(_, max)| ("max_visits", max.value.clone(), max)));
    } else if shape == LOOP_SHAPES[1] {
        let exists =
            text("loop_until_file").map(|(path, a)| (format!("test -e {}", quoted(&path)), a));
        let contains = text("loop_until_file_contains").and_then(|(file, attribute)| {
            let (path, wanted) = file.split_once(':')?;
            let (path, wanted) = (quoted(path.trim()), quoted(wanted.trim()));
            Some((format!("grep -qF -e {wanted} -- {path}"), attribute))
        });
        if let Some((command, attribute)) = exists.or(contains) {
            more.push(("tool_command", Value::String(command), Rc::clone(&attribute)));
            more.push(("type", Value::String("tool".to_owned()), Rc::clone(&attribute)));
            // That the loop is not over yet is no failure to be tried again.
            more.push(("max_retries", Value::Integer(0), attribute));
        }
    }
    for (key, value, at) in more {
        if !written.iter().any(|attribute| attribute.key == key) {
            let Attribute { key_at, value_at, .. } = *at;
            written.push(Rc::new(Attribute { key, key_at, value, value_at }));
        }
    }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
