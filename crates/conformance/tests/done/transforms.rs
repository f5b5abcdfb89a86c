//! 11.11: transforms and extensibility.

use pipeline::{Graph, Options, Transform};

use crate::play::graph;

const SOURCE: &str = "digraph g { goal=\"a script\" start [shape=Mdiamond]
    work [prompt=\"Plan $goal; all of $goal\"] e [shape=Msquare] start -> work -> e }";

/// Puts a word behind every prompt.
struct Append(&'static str);

impl Transform for Append {
    fn transform(&self, mut graph: Graph) -> Graph {
        for stage in graph.stages.values_mut().filter(|stage| !stage.prompt.is_empty()) {
            stage.prompt.push_str(self.0);
        }
        graph
    }
}

/// Loses every edge.
struct Sever;

impl Transform for Sever {
    fn transform(&self, graph: Graph) -> Graph {
        Graph::new(graph.name, graph.goal, graph.attributes, graph.stages, Vec::new())
    }
}

/// Definition of Done 11.11: AST transforms can modify the Graph between parsing and validation.
#[test]
fn what_a_transform_breaks_the_rules_find() {
    let transforms: [&dyn Transform; 1] = [&Sever];
    let options = Options { transforms: &transforms, ..Options::default() };
    let found = options.load("f", SOURCE).into_graph().unwrap_err();
    assert!(found.iter().any(|finding| finding.rule == "reachability"), "{found:#?}");
}

/// Definition of Done 11.11: Transform interface: `transform(graph) -> graph`.
#[test]
fn a_transform_makes_a_graph_of_a_graph() {
    let before = graph(SOURCE);
    let after = Append("!").transform(before.clone());
    assert_eq!(after.stages["work"].prompt, format!("{}!", before.stages["work"].prompt));
}

/// Definition of Done 11.11: Built-in variable expansion transform replaces `$goal` in prompts.
/// Definition of Done 11.12: Prompt variable expansion ($goal) works.
#[test]
fn the_goal_is_expanded_in_prompts() {
    assert_eq!(graph(SOURCE).stages["work"].prompt, "Plan a script; all of a script");
}

/// Definition of Done 11.11: Custom transforms can be registered and run in order.
#[test]
fn transforms_run_in_their_order_behind_the_built_in_ones() {
    let transforms: [&dyn Transform; 2] = [&Append(" 1"), &Append(" 2")];
    let options = Options { transforms: &transforms, ..Options::default() };
    let (graph, _) = options.load("f", SOURCE).into_graph().unwrap();
    assert_eq!(graph.stages["work"].prompt, "Plan a script; all of a script 1 2");
}
