//! The words of fabro-sh/fabro (its `docs/public/reference/dot-language.mdx`).

use super::Words;

/// How it calls what 5.2 calls otherwise.
pub(super) const OUTCOMES: &[(&str, &str)] =
    &[("succeeded", "success"), ("failed", "fail"), ("partially_succeeded", "partial_success")];

pub(super) const WORDS: Words = Words {
    name: "fabro",
    graph: &[
        ("default_thread", "default_thread_id"),
        ("max_node_visits", "default_max_visits"),
        ("model", "llm_model"),
        ("provider", "llm_provider"),
    ],
    stage: &[("script", "tool_command"), ("model", "llm_model"), ("provider", "llm_provider")],
    idle: &[
        "backend",
        "language",
        "loop_restart_signature_limit",
        "max_tokens",
        "project_memory",
        "speed",
        "stall_timeout",
    ],
    shapes: &[("tab", "codergen")],
    types: &[
        ("agent", "codergen"),
        ("command", "tool"),
        ("human", "wait.human"),
        ("prompt", "codergen"),
    ],
    outcomes: OUTCOMES,
    clues: &[
        "backend",
        "default_thread",
        "import",
        "max_node_visits",
        "model",
        "project_memory",
        "script",
        "selection",
        "stall_timeout",
    ],
    fans_out: false,
    has_exits: false,
};
