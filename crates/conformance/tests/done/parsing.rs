//! 11.1: DOT parsing.

use pipeline::{Graph, Value, parse};

/// The graph of a text that nothing is to be said about.
fn graph(source: &str) -> Graph {
    let parsed = parse("test.dot", source);
    assert_eq!(parsed.diagnostics, [], "{source}");
    parsed.graph.unwrap()
}

fn ids(graph: &Graph) -> String {
    graph.stages.keys().map(base::StageId::as_str).collect::<Vec<_>>().join(" ")
}

fn edges(graph: &Graph) -> String {
    let edges = graph.edges().iter().map(|edge| format!("{}-{}", edge.from, edge.to));
    edges.collect::<Vec<_>>().join(" ")
}

/// Definition of Done 11.1: Parser accepts the supported DOT subset (digraph with graph/node/edge
/// attribute blocks).
#[test]
fn the_subset_is_accepted() {
    let graph = graph(
        "digraph g {
            graph [goal=\"g\"]
            node [shape=box, timeout=\"900s\"]
            edge [weight=0]
            rankdir=LR
            a; b [label=\"B\"]
            a -> b [label=\"next\"];
        }",
    );
    assert_eq!((ids(&graph).as_str(), edges(&graph).as_str()), ("a b", "a-b"));
    for refused in ["graph g { a -- b }", "strict digraph g { a }", "digraph a { } digraph b { }"] {
        assert!(parse("test.dot", refused).graph.is_none(), "{refused}");
    }
}

/// Definition of Done 11.1: Graph-level attributes (`goal`, `label`, `model_stylesheet`) are extracted
/// correctly.
/// Definition of Done 11.12: Parse a pipeline with graph-level attributes (goal, label).
#[test]
fn graph_attributes_are_extracted_from_blocks_and_declarations() {
    let graph = graph(
        "digraph g { graph [goal=\"Ship it\", model_stylesheet=\"* { llm_model: m }\"]
            label = \"A label\" a }",
    );
    assert_eq!(graph.goal, "Ship it");
    assert_eq!(graph.attributes["label"].as_str(), Some("A label"));
    assert_eq!(graph.attributes["model_stylesheet"].as_str(), Some("* { llm_model: m }"));
}

/// Definition of Done 11.1: Node attributes are parsed including multi-line attribute blocks.
/// Definition of Done 11.12: Parse multi-line node attributes.
#[test]
fn attributes_of_a_node_may_span_lines() {
    let graph = graph(
        "digraph g {
            review [
                shape=box,
                label=\"Review\",
                prompt=\"first\nsecond\\nthird\",
                max_retries=2
            ]
        }",
    );
    let review = &graph.stages["review"];
    assert_eq!((review.label.as_str(), review.retry.attempts_max), ("Review", 3));
    assert_eq!(review.prompt, "first\nsecond\nthird");
}

/// Definition of Done 11.1: Edge attributes (`label`, `condition`, `weight`) are parsed correctly.
#[test]
fn edges_have_label_condition_and_weight() {
    let graph =
        graph("digraph g { a b a -> b [label=\"Yes\", condition=\"outcome=success\", weight=7] }");
    let edge = &graph.edges()[0];
    assert_eq!(
        (edge.label.as_str(), edge.condition.as_str(), edge.weight),
        ("Yes", "outcome=success", 7)
    );
}

/// Definition of Done 11.1: Chained edges (`A -> B -> C`) produce individual edges for each pair.
/// Definition of Done 11.12: Parse a simple linear pipeline (start -> A -> B -> done).
#[test]
fn a_chain_is_an_edge_for_each_pair() {
    let source = "digraph g { start [shape=Mdiamond] A B done [shape=Msquare]
        start -> A -> B -> done [label=\"next\"] }";
    let graph = graph(source);
    assert_eq!(ids(&graph), "A B done start");
    assert_eq!(edges(&graph), "start-A A-B B-done");
    assert!(graph.edges().iter().all(|edge| edge.label == "next"));
}

/// Definition of Done 11.1: Node/edge default blocks (`node [...]`, `edge [...]`) apply to subsequent
/// declarations.
#[test]
fn defaults_apply_to_what_is_declared_after_them() {
    let graph = graph(
        "digraph g { before node [shape=hexagon] edge [weight=3] after own [shape=box]
            after -> own after -> before [weight=1] }",
    );
    let shape = |id: &str| graph.stages[id].attributes.get("shape").map(ToString::to_string);
    assert_eq!(shape("before"), None);
    assert_eq!(shape("after").as_deref(), Some("hexagon"));
    assert_eq!(shape("own").as_deref(), Some("box"));
    assert_eq!(graph.edges().iter().map(|edge| edge.weight).collect::<Vec<_>>(), [3, 1]);
}

/// Definition of Done 11.1: Subgraph blocks are flattened (contents kept, wrapper removed).
#[test]
fn subgraphs_are_flattened() {
    let graph = graph(
        "digraph g { a subgraph cluster_loop { label=\"Loop A\" node [thread_id=\"loop-a\"] b c b -> c }
            a -> b }",
    );
    assert_eq!((ids(&graph).as_str(), edges(&graph).as_str()), ("a b c", "b-c a-b"));
    assert_eq!(graph.stages["b"].classes, ["loop-a"]);
    assert!(!graph.stages["a"].attributes.contains_key("thread_id"));
    assert!(!graph.attributes.contains_key("label"), "the wrapper's label is not the graph's");
}

/// Definition of Done 11.1: `class` attribute on nodes merges in attributes from the stylesheet.
#[test]
fn a_class_brings_what_the_stylesheet_says() {
    let graph = graph(
        "digraph g { model_stylesheet=\".code { llm_model: big; reasoning_effort: low }\"
            a [class=\"code,critical\"] b }",
    );
    assert_eq!(graph.stages["a"].attributes["llm_model"].to_string(), "big");
    assert_eq!(graph.stages["a"].attributes["reasoning_effort"].to_string(), "low");
    assert!(!graph.stages["b"].attributes.contains_key("llm_model"));
}

/// Definition of Done 11.1: Quoted and unquoted attribute values both work.
#[test]
fn values_may_be_quoted_or_bare() {
    let graph = graph(
        "digraph g { a [shape=box, label=\"a b\", max_retries=\"2\", goal_gate=true, timeout=15m]
            b [shape=\"box\", max_retries=2, goal_gate=\"true\", timeout=\"15m\", fidelity=summary:low] }",
    );
    for stage in graph.stages.values() {
        assert_eq!(stage.retry.attempts_max, 3);
        assert!(stage.goal_gate);
        assert_eq!(stage.timeout, Some(std::time::Duration::from_secs(900)));
    }
    assert_eq!(graph.stages["b"].attributes["fidelity"], Value::String("summary:low".to_owned()));
}

/// Definition of Done 11.1: Comments (`//` and `/* */`) are stripped before parsing.
#[test]
fn comments_are_stripped() {
    let graph = graph(
        "// digraph x {\ndigraph g { a /* -> z\n [label=no] */ -> b // -> c\n
            a [prompt=\"keep // this /* text */\"] b }",
    );
    assert_eq!(edges(&graph), "a-b");
    assert_eq!(graph.stages["a"].prompt, "keep // this /* text */");
}
