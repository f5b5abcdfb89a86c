//! The words of danshapiro/kilroy (its `internal/attractor/engine`).

use super::Words;

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
    // Its loops and its other way to write branches are told about by the rule `dialect-limit`.
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
