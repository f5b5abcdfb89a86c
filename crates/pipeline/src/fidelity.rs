//! How much of what came before a stage is told, and which conversation it goes on with (5.4): what of
//! it can be known from the graph alone. Knows no conversation.

use std::fmt;

use base::StageId;
use serde::{Deserialize, Serialize};

use crate::{Edge, Graph, Stage, Value};

/// How much context a stage begins with (5.4).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub enum Fidelity {
    /// The same conversation goes on.
    #[serde(rename = "full")]
    Full,
    /// The goal and the run's id.
    #[serde(rename = "truncate")]
    Truncate,
    /// Bullet points: stages, outcomes, the context's main values.
    #[default]
    #[serde(rename = "compact")]
    Compact,
    /// About 600 tokens.
    #[serde(rename = "summary:low")]
    SummaryLow,
    /// About 1,500 tokens.
    #[serde(rename = "summary:medium")]
    SummaryMedium,
    /// About 3,000 tokens.
    #[serde(rename = "summary:high")]
    SummaryHigh,
}

impl Fidelity {
    /// All modes, in the order of 5.4.
    pub const ALL: [Self; 6] = [
        Self::Full,
        Self::Truncate,
        Self::Compact,
        Self::SummaryLow,
        Self::SummaryMedium,
        Self::SummaryHigh,
    ];

    /// As an attribute writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Truncate => "truncate",
            Self::Compact => "compact",
            Self::SummaryLow => "summary:low",
            Self::SummaryMedium => "summary:medium",
            Self::SummaryHigh => "summary:high",
        }
    }

    /// The mode that an attribute writes so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

impl fmt::Display for Fidelity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The mode in which a stage is entered: the edge's, the stage's, the graph's `default_fidelity`, or
/// `compact`. What is no mode counts as unset; lint tells of it (`fidelity-valid`).
pub fn fidelity(graph: &Graph, edge: Option<&Edge>, stage: &Stage) -> Fidelity {
    let said = [
        edge.and_then(|edge| edge.attributes.get("fidelity")),
        stage.attributes.get("fidelity"),
        graph.attributes.get("default_fidelity"),
    ];
    let modes = said.into_iter().flatten().filter_map(Value::as_str);
    modes.filter_map(Fidelity::from_name).next().unwrap_or_default()
}

/// The key of the conversation that a stage goes on with under [`Fidelity::Full`]: the stage's
/// `thread_id`, the edge's, the graph's `default_thread_id`, the class of the innermost subgraph around
/// the stage, or the id of the stage before it; its own id where none was before.
pub fn thread(
    graph: &Graph,
    edge: Option<&Edge>,
    stage: &Stage,
    previous: Option<&StageId>,
) -> String {
    let said = [
        stage.attributes.get("thread_id"),
        edge.and_then(|edge| edge.attributes.get("thread_id")),
        graph.attributes.get("default_thread_id"),
        stage.attributes.get(SUBGRAPH_CLASS),
    ];
    let keys = said.into_iter().flatten().map(ToString::to_string);
    keys.into_iter()
        .find(|key| !key.is_empty())
        .unwrap_or_else(|| previous.unwrap_or(&stage.id).to_string())
}

/// Where lowering leaves the class of the innermost subgraph: `class` does not tell it from others.
pub(crate) const SUBGRAPH_CLASS: &str = "subgraph.class";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn graph(statements: &str) -> Graph {
        parse("f", &format!("digraph g {{ {statements} }}")).graph.unwrap()
    }

    #[test]
    fn the_edge_says_first_then_the_stage_then_the_graph() {
        let mode = |statements: &str| {
            let graph = graph(statements);
            fidelity(&graph, graph.edges().first(), &graph.stages["b"]).name()
        };
        assert_eq!(mode("a -> b"), "compact");
        assert_eq!(mode("default_fidelity=truncate a -> b"), "truncate");
        assert_eq!(
            mode("default_fidelity=truncate b [fidelity=\"summary:low\"] a -> b"),
            "summary:low"
        );
        assert_eq!(mode("b [fidelity=\"summary:low\"] a -> b [fidelity=full]"), "full");
        assert_eq!(mode("b [fidelity=\"summary:high\"] a -> b [fidelity=ful]"), "summary:high");
    }

    #[test]
    fn threads_are_found_in_the_order_of_the_specification() {
        let key = |statements: &str| {
            let graph = graph(statements);
            let stage = &graph.stages["b"];
            thread(&graph, graph.edges().first(), stage, Some(&graph.stages["a"].id))
        };
        assert_eq!(key("a -> b"), "a");
        let inside = "subgraph { label=\"Loop A\" b [class=own] subgraph { label=Inner b } }";
        assert_eq!(key(&format!("{inside} a -> b")), "inner");
        assert_eq!(key(&format!("default_thread_id=g {inside} a -> b")), "g");
        assert_eq!(key("default_thread_id=g a -> b [thread_id=e]"), "e");
        assert_eq!(key("b [thread_id=own] a -> b [thread_id=e]"), "own");
        let alone = graph("b");
        assert_eq!(thread(&alone, None, &alone.stages["b"], None), "b");
    }
}
