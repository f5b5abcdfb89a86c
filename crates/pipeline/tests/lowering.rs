//! What pipelines mean: defaults, scopes, chains, classes, models, bounds.

use std::time::Duration;

use pipeline::{Graph, Handler, Options, Stage, Value, parse};

/// The graph of a source without a finding.
fn graph(source: &str) -> Graph {
    let parsed = parse("test.dot", source);
    assert_eq!(parsed.diagnostics, [], "{source}");
    parsed.graph.unwrap()
}

/// A stage of a graph with these statements.
fn stage(id: &str, statements: &str) -> Stage {
    graph(&format!("digraph g {{ {statements} }}")).stages[id].clone()
}

#[test]
fn the_default_pipeline() {
    let graph = graph(include_str!("pipelines/factory.dot"));
    let ids: Vec<&str> = graph.stages.keys().map(base::StageId::as_str).collect();
    assert_eq!(ids, ["check", "exit", "implement", "plan", "prove", "ship", "start"]);
    let prove = &graph.stages["prove"];
    assert_eq!((&prove.handler, prove.goal_gate, prove.visits_max), (&Handler::Prove, true, 4));
    let targets: Vec<_> = graph.retry_targets(prove).map(base::StageId::as_str).collect();
    assert_eq!(targets, ["implement"]);
    assert_eq!(
        graph.stages["plan"].prompt,
        "List what a program must do for: Build what the intent asks for, prove it, ship it"
    );
    let ways: Vec<(usize, &str)> =
        graph.outgoing(&prove.id).map(|(at, edge)| (at, edge.to.as_str())).collect();
    assert_eq!(ways, [(5, "ship"), (6, "implement")]);
    assert_eq!(graph.start().unwrap().id.as_str(), "start");
}

#[test]
fn stored_graphs_come_back_with_their_ways_out() {
    let graph = graph(include_str!("pipelines/factory.dot"));
    let stored = serde_json::to_string(&graph).unwrap();
    let back: Graph = serde_json::from_str(&stored).unwrap();
    assert_eq!(back, graph);
    let check = &graph.stages["check"].id;
    assert_eq!(back.outgoing(check).count(), 2);
}

#[test]
fn types_come_before_shapes_and_ids_come_last() {
    let handler = |statements: &str| stage("a", statements).handler;
    assert_eq!(handler("a"), Handler::Agent);
    assert_eq!(handler("a [shape=hexagon]"), Handler::Human);
    assert_eq!(handler("a [shape=hexagon, type=tool]"), Handler::Tool);
    assert_eq!(handler("a [shape=hexagon, type=\"\"]"), Handler::Human);
    assert_eq!(handler("a [type=\"mine.own\"]"), Handler::Agent);
    assert_eq!(handler("a [type=\"mine.own\", shape=parallelogram]"), Handler::Tool);
    let options = Options { handlers: &["mine.own"], ..Options::default() };
    let registered = options.parse("f", "digraph g { a [type=\"mine.own\"] }").graph.unwrap();
    assert_eq!(registered.stages["a"].handler, Handler::Custom("mine.own".to_owned()));
    assert_eq!(handler("a [shape=ellipse]"), Handler::Agent);
    assert_eq!(stage("start", "node [shape=box] start").handler, Handler::Start);
    assert_eq!(stage("end", "end").handler, Handler::Exit);
    assert_eq!(stage("Exit", "Exit").handler, Handler::Exit);
    assert_eq!(stage("Exit", "Exit exit").handler, Handler::Agent);
    assert_eq!(stage("start", "start begin [shape=Mdiamond]").handler, Handler::Agent);
}

#[test]
fn defaults_hold_from_where_they_stand_and_within_their_subgraph() {
    let graph = graph(
        "digraph g {
            before
            node [timeout=\"900s\"]
            early -> late
            subgraph cluster_loop {
                label = \"Loop A!\"
                node [thread_id=\"loop-a\"]
                plan [class=\"code\"]
                implement [timeout=30m]
                subgraph { label=inner; deep }
            }
            late [label=x]
            edge [weight=2]
            plan -> late -> deep [label=next]
            after
        }",
    );
    let timeout = |id: &str| graph.stages[id].timeout.map(|timeout| timeout.as_secs());
    assert_eq!(timeout("before"), None);
    assert_eq!(timeout("early"), Some(900));
    assert_eq!(timeout("implement"), Some(1800));
    assert_eq!(timeout("after"), Some(900));
    assert!(graph.stages["implement"].attributes.contains_key("thread_id"));
    assert!(!graph.stages["after"].attributes.contains_key("thread_id"));
    assert_eq!(graph.stages["plan"].classes, ["code", "loop-a"]);
    assert_eq!(graph.stages["deep"].classes, ["loop-a", "inner"]);
    let edges: Vec<(&str, &str, &str, i64)> = graph
        .edges()
        .iter()
        .map(|e| (e.from.as_str(), e.to.as_str(), e.label.as_str(), e.weight))
        .collect();
    assert_eq!(
        edges,
        [("early", "late", "", 0), ("plan", "late", "next", 2), ("late", "deep", "next", 2)]
    );
}

#[test]
fn retries_are_the_stages_own_then_the_graphs() {
    let attempts = |statements: &str| stage("a", statements).retry.attempts_max;
    assert_eq!(attempts("a"), 1);
    assert_eq!(attempts("a [max_retries=3]"), 4);
    assert_eq!(attempts("graph [default_max_retries=2] a"), 3);
    assert_eq!(attempts("default_max_retry=2 a"), 3);
    assert_eq!(attempts("default_max_retries=2 a [max_retries=0]"), 1);
    assert_eq!(attempts("default_max_retries=2 a [retry_policy=standard]"), 5);
    assert_eq!(attempts("default_retry_policy=patient a"), 3);
    let patient = stage("a", "default_retry_policy=linear a [retry_policy=patient, max_retries=9]");
    assert_eq!(patient.retry.attempts_max, 10);
    assert_eq!(patient.retry.backoff.initial, Duration::from_secs(2));
    assert_eq!(patient.retry.backoff.factor, 3.0);
}

#[test]
fn visits_are_bounded_unless_the_pipeline_says_otherwise() {
    let visits = |statements: &str| stage("a", statements).visits_max;
    assert_eq!(visits("a"), 10);
    assert_eq!(visits("default_max_visits=4 a"), 4);
    assert_eq!(visits("default_max_visits=4 a [max_visits=7]"), 7);
    assert_eq!(visits("default_max_visits=4 a [max_visits=0]"), Stage::VISITS_UNLIMITED);
}

#[test]
fn models_come_from_the_stage_the_stylesheet_the_graph() {
    let graph = graph(
        "digraph Pipeline {
            graph [
                goal=\"Implement feature X\",
                reasoning_effort=medium,
                model_stylesheet=\"
                    * { llm_model: claude-sonnet-4-5; llm_provider: anthropic; }
                    .code { llm_model: claude-opus-4-6; llm_provider: anthropic; }
                    #critical { llm_model: gpt-5.2; llm_provider: openai; reasoning_effort: high; }
                \"
            ]
            plan      [class=\"planning\"]
            implement [class=\"code\"]
            critical  [class=\"code\"]
            own       [class=\"code\", llm_model=\"mine\"]
        }",
    );
    let model = |id: &str| {
        let attributes = &graph.stages[id].attributes;
        ["llm_model", "llm_provider", "reasoning_effort"].map(|key| attributes[key].to_string())
    };
    assert_eq!(model("plan"), ["claude-sonnet-4-5", "anthropic", "medium"]);
    assert_eq!(model("implement"), ["claude-opus-4-6", "anthropic", "medium"]);
    assert_eq!(model("critical"), ["gpt-5.2", "openai", "high"]);
    assert_eq!(model("own"), ["mine", "anthropic", "medium"]);
}

#[test]
fn what_public_pipelines_write_is_read() {
    let graph = graph(
        "// a comment
        # and Graphviz's own
        digraph \"My Pipeline\" {
            rankdir=LR; /* block */ compound = true
            \"quoted\" [\"node.key\"=\"a\\\"b\\n\\\\\", goal_gate=\"true\", max_retries=\"2\",];
            quoted -> next [label=\"x\"] [weight=\"3\"];
        }",
    );
    let quoted = &graph.stages["quoted"];
    assert_eq!(graph.name, "My Pipeline");
    assert_eq!(quoted.attributes["node.key"], Value::String("a\"b\n\\".to_owned()));
    assert!(quoted.goal_gate && quoted.retry.attempts_max == 3);
    assert_eq!((graph.edges()[0].label.as_str(), graph.edges()[0].weight), ("x", 3));
    assert_eq!(quoted.instruction(), "quoted");
}
