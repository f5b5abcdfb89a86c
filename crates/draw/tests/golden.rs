//! Pictures as they are, in `tests/snapshots`, without the style that is the same in all.

use base::StageId;
use draw::{DrawError, EDGES_MAX, Mark, Paint, STAGES_MAX, StageMark, svg};
use pipeline::{Graph, parse};
use proptest::prelude::*;

fn graph(dot: &str) -> Graph {
    let parsed = parse("test.dot", dot);
    parsed.graph.unwrap_or_else(|| panic!("{dot}: {:?}", parsed.diagnostics))
}

/// Compares the picture of a pipeline with the snapshot of that name.
fn check(name: &str, dot: &str, paint: Option<&Paint>) {
    let graph = graph(dot);
    let picture = svg(&graph, paint).unwrap();
    assert_eq!(svg(&graph, paint).as_ref(), Ok(&picture), "{name}: it is always the same");
    let (before, rest) = picture.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, format!("{before}<style/>{after}"));
    });
}

fn id(id: &str) -> StageId {
    StageId::new(id).unwrap()
}

const REPAIR: &str = r#"digraph repair {
    graph [goal="Make it work"]
    start [shape=Mdiamond] exit [shape=Msquare]
    build [label="Build the program", prompt="Write what $goal asks for"]
    good  [shape=diamond, label="Good?"]
    ask   [shape=hexagon, label="May it ship?"]
    prove [type="factory.prove", goal_gate=true, retry_target=build]
    start -> build -> good
    good -> build [condition="outcome=fail && context.failures!=none", label="again"]
    good -> good  [condition="outcome=retry"]
    good -> prove [condition="outcome=success"]
    prove -> ask -> exit
}"#;

#[test]
fn a_pipeline_with_a_loop() {
    check("loop", REPAIR, None);
}

#[test]
fn a_run_is_painted() {
    let mark = |mark, visits, note: &str| StageMark { mark, visits, note: note.to_owned() };
    let mut paint = Paint::default();
    for (stage, mark) in [
        ("start", mark(Mark::Done, 1, "")),
        ("build", mark(Mark::Done, 3, "12 s")),
        ("good", mark(Mark::Failed, 120, "")),
        ("prove", mark(Mark::Active, 1, "gate <2> of 5")),
        ("ask", mark(Mark::Waiting, 0, "")),
        ("exit", mark(Mark::Skipped, 0, "")),
        ("unknown", mark(Mark::Done, 1, "")),
    ] {
        paint.stages.insert(id(stage), mark);
    }
    for (from, to, taken) in [("start", "build", 1), ("build", "good", 3), ("good", "build", 100)] {
        paint.edges_taken.insert((id(from), id(to)), taken);
    }
    check("painted", REPAIR, Some(&paint));
}

#[test]
fn every_shape_in_every_direction() {
    for rankdir in ["TB", "BT", "LR", "RL"] {
        let dot = format!(
            r#"digraph shapes {{
                rankdir={rankdir}
                start [shape=Mdiamond] exit [shape=Msquare]
                box agent_with_a_very_long_name_that_nobody_can_read_aloud [label="a"]
                fan [shape=component] join [shape=tripleoctagon] tool [shape=parallelogram, tool_command="true"]
                rest [type=wait, duration="1m"] check [type="factory.check"] attack [type="factory.attack"]
                prove [type="factory.prove"] ship [type="factory.ship"] own [type="my.own"]
                start -> box -> fan -> agent_with_a_very_long_name_that_nobody_can_read_aloud -> join
                fan -> tool -> join -> rest -> check -> attack -> prove -> ship -> own -> exit
            }}"#
        );
        check(&format!("shapes-{rankdir}"), &dot, None);
    }
}

#[test]
fn text_stays_text() {
    let dot = "digraph \"a<b\" { start [shape=Mdiamond] exit [shape=Msquare]
        x [label=\"<script>alert('1')</script> & \\\"q\\\" \u{202e}\u{0}\u{1b}[0m\", prompt=\"]]></svg><a href='x'>\"]
        start -> x -> exit [label=\"<b>&amp;\"] }";
    check("escaped", dot, None);
    let picture = svg(&graph(dot), None).unwrap();
    for forbidden in ["<script", "<a ", "<b>", "\u{202e}", "\u{0}", "\u{1b}"] {
        assert!(!picture.contains(forbidden), "{forbidden:?}");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let stages: String = (0..=STAGES_MAX).map(|n| format!("s{n};")).collect();
    let refused = svg(&graph(&format!("digraph g {{ {stages} }}")), None);
    let many = DrawError::TooManyStages { stages: STAGES_MAX + 1, max: STAGES_MAX };
    assert_eq!(refused, Err(many));
    let edges = "a -> b;".repeat(EDGES_MAX + 1);
    let refused = svg(&graph(&format!("digraph g {{ {edges} }}")), None);
    assert_eq!(refused, Err(DrawError::TooManyEdges { edges: EDGES_MAX + 1, max: EDGES_MAX }));
}

#[test]
fn nothing_is_a_picture_too() {
    assert!(svg(&graph("digraph g { }"), None).unwrap().ends_with("</svg>\n"));
}

/// The numbers of the attributes with this name.
fn numbers<'a>(picture: &'a str, name: &'a str) -> impl Iterator<Item = f64> + 'a {
    let parts = picture.split(name).skip(1);
    parts.map(|rest| rest.split('"').next().unwrap().parse().unwrap())
}

proptest! {
    #[test]
    fn all_text_stands_within_the_picture(
        labels in prop::collection::vec(".{0,80}", 1..12),
        ways in prop::collection::vec((0..12_usize, 0..12_usize, ".{0,60}"), 0..20),
        rankdir in prop::sample::select(vec!["TB", "BT", "LR", "RL"]),
    ) {
        let quote = |text: &str| format!("{text:?}").replace("\\u", "u").replace("\\'", "'");
        let mut dot = format!("digraph g {{ rankdir={rankdir}\n");
        for (number, label) in labels.iter().enumerate() {
            dot += &format!("s{number} [label={}]\n", quote(label));
        }
        for (from, to, label) in &ways {
            let (from, to) = (from % labels.len(), to % labels.len());
            dot += &format!("s{from} -> s{to} [label={}]\n", quote(label));
        }
        let picture = svg(&graph(&(dot + "}")), None).unwrap();
        let (width, height) = (numbers(&picture, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"dark-factory\" width=\"").next().unwrap(), numbers(&picture, " height=\"").next().unwrap());
        let body = picture.split("</style>").nth(1).unwrap();
        prop_assert!(numbers(body, " x=\"").all(|x| (0.0..=width).contains(&x)));
        prop_assert!(numbers(body, " y=\"").all(|y| (0.0..=height).contains(&y)));
        prop_assert!(!picture.chars().any(|c| c.is_control() && c != '\n'));
    }
}
