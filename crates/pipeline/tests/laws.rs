//! What holds for every text: reading never panics, findings point into the text, and canonical DOT
//! and canonical JSON both give back the graph.

use base::Diagnostic;
use pipeline::{Dialect, Graph, Options, load, parse, to_dot};
use proptest::prelude::*;

/// Pipelines that run: the examples of the specification, our default, and one of every handler.
const PIPELINES: [(&str, &str); 7] = [
    ("factory", include_str!("pipelines/factory.dot")),
    ("every_handler", include_str!("pipelines/every_handler.dot")),
    ("simple", include_str!("pipelines/spec_simple.dot")),
    ("branch", include_str!("pipelines/spec_branch.dot")),
    ("review", include_str!("pipelines/spec_review.dot")),
    ("pipeline", include_str!("pipelines/spec_pipeline.dot")),
    ("test_pipeline", include_str!("pipelines/spec_test_pipeline.dot")),
];

/// Reads a text and checks that every finding points into it.
fn check_places(source: &str) {
    let parsed = load("f", source);
    let is_refused = parsed.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(parsed.graph.is_none(), is_refused);
    let lines: Vec<&str> = source.split('\n').collect();
    for finding in parsed.diagnostics {
        let Some(place) = &finding.place else { continue };
        let line = lines.get(place.line as usize - 1).unwrap_or_else(|| panic!("{finding}"));
        assert!(place.column as usize <= line.chars().count() + 1, "{finding} in {line:?}");
    }
}

/// Writes and reads a graph both ways.
fn check_round_trip(graph: &Graph) {
    let dot = to_dot(graph);
    // What was in another dialect is written in the specification's words.
    let spec = Options { dialect: Some(Dialect::Spec), ..Options::default() };
    let again = spec.parse("f", &dot);
    assert_eq!(again.graph.as_ref(), Some(graph), "{dot}\n{:?}", again.diagnostics);
    let stored = base::canonical(graph).unwrap();
    assert_eq!(&serde_json::from_slice::<Graph>(&stored).unwrap(), graph);
}

#[test]
fn pipelines_that_run_are_accepted_and_come_back() {
    for (name, source) in PIPELINES {
        let parsed = load(name, source);
        let shown: Vec<String> = parsed.diagnostics.iter().map(ToString::to_string).collect();
        // Two stages of the specification's human gate are left to the edges that mention them, and
        // the goal gate of its smoke test has no retry target.
        let allowed = match name {
            "review" => 2,
            "test_pipeline" => 1,
            _ => 0,
        };
        assert_eq!(shown.len(), allowed, "{name}: {shown:#?}");
        let graph = parsed.graph.unwrap_or_else(|| panic!("{name}: {shown:#?}"));
        check_round_trip(&graph);
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("digraph g {{ {} {} }}", "subgraph {".repeat(100_000), "}".repeat(100_000));
    let unclosed = format!("digraph g {{ {}", "subgraph {".repeat(100_000));
    let wide = format!("digraph g {{ a [{}] }}", "x=1,".repeat(10_000));
    let goal = "x".repeat(1 << 20);
    let expanding = format!(
        "digraph g {{ goal=\"{goal}\" node [prompt=\"$goal\"] {} }}",
        (0..1000).map(|at| format!("s{at};")).collect::<String>()
    );
    let many =
        format!("digraph g {{ {} }}", (0..200_001).map(|at| format!("s{at} ")).collect::<String>());
    for (source, wanted) in [
        (deep, "subgraphs are nested more than 32 deep"),
        (unclosed, "subgraphs are nested more than 32 deep"),
        (wide, "more than 128 attributes in one place"),
        (expanding, "defaults and `$goal` make this pipeline too large"),
        (many, "more than 200000 stages"),
        ("x".repeat((32 << 20) + 1), "more than 32 MiB of source"),
    ] {
        let parsed = parse("f", &source);
        assert!(parsed.graph.is_none());
        let messages: Vec<&str> = parsed.diagnostics.iter().map(|d| d.message.as_str()).collect();
        assert!(messages.contains(&wanted), "{wanted}: {messages:?}");
    }
}

#[test]
fn reading_stops_when_nothing_makes_sense() {
    for piece in ["a [=,=,", "-> ", "1 -> ", "a = ", "\"\" [x=<", "{ ] "] {
        let parsed = parse("f", &format!("digraph g {{ {}", piece.repeat(1000)));
        let errors = parsed.diagnostics.iter().filter(|finding| finding.is_error()).count();
        assert!((1..=100).contains(&errors), "{piece}: {errors}");
    }
}

/// Pieces that documents are made of, and pieces that break them.
const PIECES: &[&str] = &[
    "digraph",
    "graph",
    "node",
    "edge",
    "subgraph",
    "g",
    "a",
    "b ",
    "start",
    "{",
    "}",
    "[",
    "]",
    "=",
    ",",
    ";",
    "->",
    "--",
    "\"",
    "\\",
    "\n",
    "//",
    "/*",
    "*/",
    "#",
    "<",
    ">",
    " ",
    "1",
    "-5s",
    "2.5",
    ".",
    ":",
    "label",
    "goal",
    "$goal",
    "shape=Mdiamond",
    "condition=\"outcome=\"",
    "&&",
    "model_stylesheet=\"* { llm_model: a }\"",
    "\u{feff}",
    "é",
    "class=x",
    "max_visits=0",
    "shape=component",
    "shape=house",
    "shape=tripleoctagon",
    "join_policy=quorum",
    "stack.child_dot_source=\"digraph c { start -> exit }\"",
    "llm_prompt=x",
    "dialect=kilroy",
    "script=",
    "agent_tool=x",
    "outcome=succeeded",
];

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![8 => prop::sample::select(PIECES).prop_map(str::to_owned), 1 => any::<String>()]
}

/// Attributes of single handlers and of dialects.
const PARTICULARS: &[&str] = &[
    "join_policy=first_success",
    "join_policy=k_of_n, k=2",
    "join_policy=quorum, quorum_fraction=0.4",
    "error_policy=fail_fast, max_parallel=2",
    "type=wait, duration=30s",
    "shape=insulator, duration=\"2m\"",
    "human.type=yes_no, human.default_choice=s1",
    "freeform=true",
    "manager.poll_interval=2s, manager.actions=\"observe,steer\", manager.steer_cooldown=9s",
    "stack.child_dot_source=\"digraph c { start -> exit }\", manager.max_cycles=3",
    "llm_prompt=\"p $goal\", is_codergen=\"true\"",
    "script=\"make {{ goal }}\", model=m",
    "shape=tab, agent_tool=claude",
    "timeout=300, context_fidelity=full",
    "condition=\"outcome=succeeded && context.a!=\\\"b c\\\"\"",
];

/// An attribute that means something, with a value that it may have.
fn attribute() -> impl Strategy<Value = String> {
    let text = any::<String>().prop_map(|text| {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("\"{escaped}\"")
    });
    let texts = prop::sample::select(
        &["label", "prompt", "class", "llm_model", "thread_id", "team.note", "type", "condition"][..],
    );
    let numbers = prop::sample::select(&["max_retries", "max_visits", "weight", "x.n"][..]);
    let truths = prop::sample::select(&["goal_gate", "auto_status", "allow_partial", "x.b"][..]);
    let units = prop::sample::select(&["ms", "s", "m", "h", "d"][..]);
    prop_oneof![
        (texts, text).prop_map(|(key, value)| format!("{key}={value}")),
        (numbers, 0..2000_i64).prop_map(|(key, value)| format!("{key}={value}")),
        (truths, any::<bool>()).prop_map(|(key, value)| format!("{key}={value}")),
        (0..100_000_u64, units).prop_map(|(count, unit)| format!("timeout={count}{unit}")),
        (-1e6..1e6_f64).prop_map(|value| format!("x.f={value:.3}")),
        prop::sample::select(PARTICULARS).prop_map(str::to_owned),
        prop::sample::select(
            &["box", "diamond", "Msquare", "house", "component", "hexagon", "odd"][..]
        )
        .prop_map(|shape| format!("shape={shape}")),
        (0..9_u8).prop_map(|target| format!("retry_target=s{target}")),
    ]
}

fn attributes() -> impl Strategy<Value = String> {
    prop::collection::vec(attribute(), 0..5).prop_map(|list| format!("[{}]", list.join(", ")))
}

/// A statement of a document without mistakes.
fn statement() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => (0..9_u8, attributes()).prop_map(|(id, list)| format!("s{id} {list}")),
        3 => (prop::collection::vec(0..9_u8, 2..5), attributes()).prop_map(|(ids, list)| {
            let ids: Vec<String> = ids.iter().map(|id| format!("s{id}")).collect();
            format!("{} {list}", ids.join(" -> "))
        }),
        1 => attributes().prop_map(|list| format!("node {list}")),
        1 => attributes().prop_map(|list| format!("edge {list}")),
        1 => attributes().prop_map(|list| format!("graph {list}")),
        1 => "[A-Z a-z!é]{0,12}".prop_map(|label| format!("label = \"{label}\"")),
        1 => Just("goal=\"g $goal\" default_max_retries=2 default_max_visits=3".to_owned()),
        1 => Just("model_stylesheet=\"* { llm_model: a } .a { llm_provider: b }\"".to_owned()),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop::collection::vec(inner, 0..6)
            .prop_map(|statements| format!("subgraph {{ {} }}", statements.join("\n")))
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_places(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_pieces_are_read_without_panic(pieces in prop::collection::vec(piece(), 0..60)) {
        check_places(&pieces.concat());
        check_places(&format!("digraph g {{ {} }}", pieces.concat()));
    }

    #[test]
    fn damaged_pipelines_are_read_without_panic(
        which in 0..PIPELINES.len(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), 0..6_usize, piece()), 1..4),
    ) {
        let mut source: Vec<char> = PIPELINES[which].1.chars().collect();
        for (at, removed, piece) in damages {
            let at = at.index(source.len() + 1);
            let end = (at + removed).min(source.len());
            source.splice(at..end, piece.chars());
        }
        check_places(&source.into_iter().collect::<String>());
    }

    #[test]
    fn graphs_come_back_from_dot_and_from_json(
        statements in prop::collection::vec(statement(), 0..12),
        name in "[a-z]{1,6}|[A-Z a-z\"\\\\]{1,8}",
    ) {
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        let source = format!("digraph \"{name}\" {{\n{}\n}}", statements.join("\n"));
        let parsed = parse("f", &source);
        let errors: Vec<String> = parsed
            .diagnostics
            .iter()
            .filter(|finding| finding.is_error())
            .map(ToString::to_string)
            .collect();
        prop_assert_eq!(errors, Vec::<String>::new(), "{}", source);
        check_round_trip(&parsed.graph.unwrap());
    }
}
