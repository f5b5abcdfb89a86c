//! The words of the pipelines that StrongDM published (semport, consensus_task), copies of which stand
//! in danshapiro/kilroy and fabro-sh/fabro.

use super::Words;
use super::fabro::OUTCOMES;

pub(super) const WORDS: Words = Words {
    name: "strongdm",
    graph: &[
        ("context_fidelity_default", "default_fidelity"),
        ("context_thread_default", "default_thread_id"),
        ("max_node_visits", "default_max_visits"),
    ],
    stage: &[
        ("llm_prompt", "prompt"),
        ("model", "llm_model"),
        ("provider", "llm_provider"),
        ("context_fidelity", "fidelity"),
        ("context_thread", "thread_id"),
    ],
    idle: &["is_codergen", "node_type"],
    shapes: &[("circle", "start"), ("doublecircle", "exit")],
    types: &[],
    outcomes: OUTCOMES,
    clues: &[
        "llm_prompt",
        "is_codergen",
        "node_type",
        "context_fidelity_default",
        "context_thread_default",
    ],
    fans_out: true,
    has_exits: false,
};
