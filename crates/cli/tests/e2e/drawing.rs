//! Pipelines as JSON, as pictures and as folders.

use crate::common::{RIGHT, World};
use crate::pipeline::{Desk, START, last_line};

/// A child that a manager watches, a failure that is tried again, and a judge's choice of two.
const STORY: &str = r#"digraph story {
    graph [goal="All of it"]
    start [shape=Mdiamond]
    exit [shape=Msquare]
    fan [shape=component, join_policy=first_success]
    quick [shape=parallelogram, tool_command="echo quick"]
    slow [shape=parallelogram, tool_command="sleep 60"]
    met [shape=tripleoctagon, prompt="Which?"]
    lead [shape=house, stack.child_dotfile="child.dot", manager.poll_interval="50ms"]
    word [type=deploy]
    start -> fan
    fan -> quick -> met
    fan -> slow -> met
    met -> lead -> word
    word -> exit [condition="outcome=deployed"]
}
"#;

const CHILD: &str = r#"digraph child {
    start [shape=Mdiamond]
    exit [shape=Msquare]
    flaky [shape=parallelogram, max_retries=1, tool_command="test -e tried || { touch tried; exit 3; }"]
    start -> flaky -> exit
}
"#;

const HANDLER: &str =
    "deploy=grep -q deploy && echo '{\"outcome\": \"deployed\"}' > $DARK_STATUS_FILE";

#[test]
fn a_run_is_drawn_and_written_down_as_it_went() {
    let desk = Desk::new(STORY);
    desk.write("child.dot", CHILD);
    let start = [START, &["--handler", HANDLER, "--logs", "logs"]].concat();
    let state = last_line(&desk.exits(&start, 0));
    assert_eq!(state["ending"], "completed");
    assert_eq!(state["context"]["parallel.fan_in.best_id"], "quick");

    let read = |name: &str| std::fs::read_to_string(desk.path(name)).unwrap();
    assert!(read("logs/word/status.json").contains("deployed"));
    let child = read("logs/branches/lead.1.1.0/flaky/status.json");
    assert!(child.contains("\"outcome\": \"success\""), "{child}");
    assert!(read("logs/manifest.json").contains("All of it"));

    let svg = desk.exits(&["pipeline", "graph", "--dir", "run"], 0);
    assert!(svg.starts_with("<svg") && svg.contains("not needed any more"), "{svg}");
    desk.exits(&["pipeline", "graph", "story.dot", "-o", "story.svg"], 0);
    assert!(read("story.svg").contains("data-stage=\"quick\""));
}

#[test]
fn what_is_read_is_printed_with_all_that_is_wrong() {
    let desk = Desk::new("digraph story { start -> a -> exit  a [lable=x, max_retries=many] }");
    let told = desk.exits(&["--json", "pipeline", "parse", "story.dot"], 1);
    let parsed: serde_json::Value =
        serde_json::from_str(told.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
    assert_eq!(parsed["is_valid"], false);
    let rules: Vec<&str> = parsed["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["rule"].as_str().unwrap())
        .collect();
    assert!(rules.contains(&"unknown-attribute") && rules.contains(&"attribute-type"), "{rules:?}");
    let drawn = desk.exits(&["pipeline", "graph", "story.dot"], 1);
    assert!(drawn.starts_with("<svg") && drawn.contains("attribute-type"), "{drawn}");
}

#[test]
fn a_factorys_run_is_drawn_and_written_down_too() {
    let world = World::new(RIGHT, 5);
    assert!(world.build().status.success());
    let svg = world.ok(&["pipeline", "graph", "--run", "double-1"]);
    assert!(svg.contains("data-stage=\"prove\"") && svg.contains("every gate passed"), "{svg}");
    world.ok(&["show", "double-1", "--export", "folder"]);
    let status = std::fs::read_to_string(world.path("folder/ship/status.json")).unwrap();
    assert!(status.contains("shipped"), "{status}");
    assert!(world.path("folder/implement/prompt.md").is_file());
    world.exits(&["show", "double-1", "--export", "folder"], 2);
}
