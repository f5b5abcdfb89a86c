//! The words of the dialect: shapes, types, attributes. Whoever adds one adds it here alone.

use crate::Handler;

/// Shapes that name a handler (2.8, and Fabro's for a pause).
const SHAPES: [(&str, Handler); 10] = [
    ("Mdiamond", Handler::Start),
    ("Msquare", Handler::Exit),
    ("box", Handler::Agent),
    ("hexagon", Handler::Human),
    ("diamond", Handler::Conditional),
    ("component", Handler::Parallel),
    ("tripleoctagon", Handler::FanIn),
    ("parallelogram", Handler::Tool),
    ("house", Handler::ManagerLoop),
    ("insulator", Handler::Wait),
];

/// Values of `type` (2.8, and ours).
const TYPES: [(&str, Handler); 14] = [
    ("start", Handler::Start),
    ("exit", Handler::Exit),
    ("codergen", Handler::Agent),
    ("wait.human", Handler::Human),
    ("conditional", Handler::Conditional),
    ("parallel", Handler::Parallel),
    ("parallel.fan_in", Handler::FanIn),
    ("tool", Handler::Tool),
    ("stack.manager_loop", Handler::ManagerLoop),
    ("wait", Handler::Wait),
    ("factory.check", Handler::Check),
    ("factory.prove", Handler::Prove),
    ("factory.attack", Handler::Attack),
    ("factory.ship", Handler::Ship),
];

/// Graph attributes (appendix A, and ours).
pub(crate) const GRAPH_ATTRIBUTES: &[&str] = &[
    "default_fidelity",
    "default_max_retries",
    "default_max_retry",
    "default_max_visits",
    "default_retry_policy",
    "default_thread_id",
    "dialect",
    "fallback_retry_target",
    "goal",
    "label",
    "llm_model",
    "llm_provider",
    "model_stylesheet",
    "reasoning_effort",
    "retry_target",
    "stack.child_dot_source",
    "stack.child_dotfile",
    "stack.child_workdir",
    "stack.child_workflow",
    "tool_hooks.post",
    "tool_hooks.pre",
];

/// Node attributes (appendix A, those of single handlers in section 4, and ours).
pub(crate) const NODE_ATTRIBUTES: &[&str] = &[
    "agent",
    "allow_partial",
    "auto_status",
    "class",
    "duration",
    "error_policy",
    "fallback_retry_target",
    "fidelity",
    "goal_gate",
    "human.default_choice",
    "human.type",
    "join_k",
    "join_policy",
    "k",
    "label",
    "llm_model",
    "llm_provider",
    "manager.actions",
    "manager.max_cycles",
    "manager.poll_interval",
    "manager.steer_cooldown",
    "manager.stop_condition",
    "max_agent_turns",
    "max_parallel",
    "max_retries",
    "max_visits",
    "prompt",
    "question_type",
    "quorum",
    "quorum_fraction",
    "reasoning_effort",
    "retry_policy",
    "retry_target",
    "shape",
    "stack.child_autostart",
    "stack.child_dot_source",
    "stack.child_dotfile",
    "stack.child_workflow",
    "subgraph.class",
    "thread_id",
    "timeout",
    "tool_command",
    "tool_hooks.post",
    "tool_hooks.pre",
    "type",
];

/// Edge attributes (2.7).
pub(crate) const EDGE_ATTRIBUTES: &[&str] =
    &["condition", "fidelity", "freeform", "label", "loop_restart", "thread_id", "weight"];

/// Graphviz attributes that only change how a pipeline is drawn.
pub(crate) const DRAWING_ATTRIBUTES: &[&str] = &[
    "URL",
    "arrowhead",
    "arrowsize",
    "arrowtail",
    "bgcolor",
    "center",
    "charset",
    "cluster",
    "clusterrank",
    "color",
    "colorscheme",
    "comment",
    "compound",
    "concentrate",
    "constraint",
    "decorate",
    "dir",
    "dpi",
    "edgetooltip",
    "fillcolor",
    "fixedsize",
    "fontcolor",
    "fontname",
    "fontsize",
    "forcelabels",
    "gradientangle",
    "group",
    "headlabel",
    "headport",
    "height",
    "href",
    "id",
    "image",
    "labelangle",
    "labeldistance",
    "labelfontcolor",
    "labelfontname",
    "labelfontsize",
    "labeljust",
    "labelloc",
    "layout",
    "len",
    "lhead",
    "ltail",
    "margin",
    "minlen",
    "newrank",
    "nodesep",
    "nojustify",
    "ordering",
    "orientation",
    "outputorder",
    "overlap",
    "pad",
    "page",
    "pagedir",
    "penwidth",
    "peripheries",
    "pos",
    "rank",
    "rankdir",
    "ranksep",
    "ratio",
    "rotate",
    "samehead",
    "sametail",
    "sep",
    "sides",
    "size",
    "skew",
    "splines",
    "style",
    "stylesheet",
    "taillabel",
    "tailport",
    "target",
    "tooltip",
    "truecolor",
    "viewport",
    "width",
    "xlabel",
    "xlp",
];

/// What `outcome` can be (5.2), as conditions write it.
pub(crate) const OUTCOMES: [&str; 5] = ["success", "partial_success", "retry", "fail", "skipped"];

/// The handler that a shape names.
pub(crate) fn handler_of_shape(shape: &str) -> Option<Handler> {
    SHAPES.iter().find(|(name, _)| *name == shape).map(|(_, handler)| handler.clone())
}

/// The handler that a `type` names.
pub(crate) fn handler_of_type(name: &str) -> Option<Handler> {
    TYPES.iter().find(|(known, _)| *known == name).map(|(_, handler)| handler.clone())
}

/// Every shape that names a handler.
pub(crate) fn shapes() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().map(|(name, _)| *name)
}

/// Every known `type`.
pub(crate) fn types() -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_so_that_duplicates_show() {
        for list in [GRAPH_ATTRIBUTES, NODE_ATTRIBUTES, EDGE_ATTRIBUTES, DRAWING_ATTRIBUTES] {
            assert!(list.is_sorted_by(|a, b| a < b));
        }
    }
}
