//! 11.3 and 11.4: the execution engine and its goal gates.

use engine::{Event, Outcome, Status, Why};
use pipeline::Handler;
use runner::AutoApprove;

use crate::play::{With, export, failure, graph, json, labelled, play, success};

const LINE: &str = "digraph { start [shape=Mdiamond] a [label=l] b [label=l] e [shape=Msquare]
    start -> a -> b -> e }";

/// Definition of Done 11.3: Engine resolves the start node and begins execution there.
#[test]
fn a_run_begins_at_the_start() {
    assert_eq!(play(graph(LINE), |_| success()).way(), "start a b");
    for id in ["start", "Start"] {
        let by_id = format!("digraph {{ a [label=l] end {id} {id} -> a -> end }}");
        assert_eq!(play(graph(&by_id), |_| success()).way(), format!("{id} a"));
    }
    let by_shape = "digraph { a [shape=Mdiamond] z [label=l] e [shape=Msquare] a -> z -> e }";
    assert_eq!(play(graph(by_shape), |_| success()).way(), "a z");
}

/// Definition of Done 11.3: Each node's handler is resolved via shape-to-handler-type mapping.
#[test]
fn shapes_name_handlers() {
    let of = |attributes: &str| {
        let source = format!("digraph {{ n [{attributes}] }}");
        let parsed = pipeline::parse("f", &source);
        let graph = parsed.graph.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics));
        graph.stages["n"].handler.clone()
    };
    for (shape, handler) in [
        ("Mdiamond", Handler::Start),
        ("Msquare", Handler::Exit),
        ("box", Handler::Agent),
        ("hexagon", Handler::Human),
        ("diamond", Handler::Conditional),
        ("component", Handler::Parallel),
        ("tripleoctagon", Handler::FanIn),
        ("parallelogram", Handler::Tool),
        ("house", Handler::ManagerLoop),
    ] {
        assert_eq!(of(&format!("shape={shape}")), handler);
    }
    assert_eq!(of("label=x"), Handler::Agent, "box is the default");
    assert_eq!(of("shape=box, type=\"wait.human\""), Handler::Human, "a type comes before a shape");
}

/// Definition of Done 11.3: Handler is called with (node, context, graph, logs_root) and returns an
/// Outcome.
#[test]
fn a_handler_is_given_the_node_the_context_and_the_graph() {
    let source = "digraph { goal=\"the goal\" start [shape=Mdiamond]
        n [type=mine, flavour=\"sweet\"] e [shape=Msquare] start -> n -> e }";
    let with = With::default().handler("mine", |_, node, context, graph| {
        let told = [
            node.id.to_string(),
            node.attributes["flavour"].to_string(),
            context.get("graph.goal").unwrap_or_default().to_owned(),
            graph.outgoing(&node.id).map(|(_, edge)| edge.to.to_string()).collect(),
        ];
        Outcome::new(Status::PartialSuccess, told.join("/"))
    });
    let solo = with.run(source, &AutoApprove);
    let outcome = solo.state.outcome(&"n".parse().unwrap()).unwrap();
    assert_eq!(outcome.status, Status::PartialSuccess);
    assert_eq!(outcome.note, "n/sweet/the goal/e");
}

/// Definition of Done 11.3: Outcome is written to `{logs_root}/{node_id}/status.json`.
#[test]
fn every_stage_has_a_status_file() {
    let source = LINE.replace("b [label=l]", "b [type=mine]");
    let with = With::default().handler("mine", |_, _, _, _| {
        let mut outcome = Outcome::new(Status::PartialSuccess, "nearly");
        outcome.preferred_label = Some("Fix".to_owned());
        outcome.suggested_next = vec!["e".parse().unwrap()];
        outcome.context.insert("tests".to_owned(), "3".to_owned());
        outcome
    });
    let solo = with.run(&source, &AutoApprove);
    let folder = crate::folder();
    export(&solo, folder.path());
    let status = json(&folder.path().join("b/status.json"));
    // The fields of appendix C.
    assert_eq!(status["outcome"], "partial_success");
    assert_eq!(status["preferred_label"], "Fix");
    assert_eq!(status["suggested_next_ids"][0], "e");
    assert_eq!(status["context_updates"]["tests"], "3");
    assert_eq!(status["notes"], "nearly");
    for stage in ["start", "a"] {
        let status = json(&folder.path().join(stage).join("status.json"));
        assert_eq!(status["outcome"], "success", "{stage}");
    }
}

/// Where `a` leads, of these edges, with this outcome.
fn chosen(edges: &str, outcome: &Outcome) -> String {
    let source = format!(
        "digraph {{ start [shape=Mdiamond] a [label=l] e [shape=Msquare] start -> a {edges}
            node [label=l] b c d b -> e c -> e d -> e }}"
    );
    let graph = pipeline::parse("f", &source).graph.expect("it parses");
    let played =
        play(graph, |id| if id.stage.as_str() == "a" { outcome.clone() } else { success() });
    played.way().split(' ').nth(2).unwrap_or_default().to_owned()
}

fn suggested(stage: &str) -> Outcome {
    Outcome { suggested_next: vec![stage.parse().unwrap()], ..success() }
}

/// Definition of Done 11.3: Edge selection follows the 5-step priority: condition match -> preferred label
/// -> suggested IDs -> weight -> lexical.
#[test]
fn edges_are_chosen_in_five_steps() {
    let edges = "a -> b [weight=1] a -> c [label=\"[F] Fix\"] a -> d [condition=\"context.x=1\"]";
    let all = |x: bool, label: &str, next: &str| {
        let mut outcome = suggested(next);
        outcome.preferred_label = Some(label.to_owned());
        outcome.context.extend(x.then(|| ("x".to_owned(), "1".to_owned())));
        chosen(edges, &outcome)
    };
    assert_eq!(all(true, "fix", "b"), "d", "a condition comes first");
    assert_eq!(all(false, " FIX ", "b"), "c", "then a label, normalised");
    assert_eq!(all(false, "other", "c"), "c", "then a suggestion");
    assert_eq!(all(false, "other", "d"), "b", "which no condition's edge can be; then the weight");
    assert_eq!(chosen("a -> c a -> b", &success()), "b", "and then the name");
}

/// Definition of Done 11.12: Edge selection: condition match wins over weight.
#[test]
fn a_condition_wins_over_weight() {
    let edges = "a -> b [weight=100] a -> c [condition=\"outcome=success\"]";
    assert_eq!(chosen(edges, &success()), "c");
    let among =
        "a -> b [condition=\"outcome=success\"] a -> c [condition=\"outcome!=fail\", weight=1]";
    assert_eq!(chosen(among, &success()), "c", "weight chooses among conditions that hold");
}

/// Definition of Done 11.12: Edge selection: weight breaks ties for unconditional edges.
#[test]
fn weight_breaks_ties() {
    assert_eq!(chosen("a -> b [weight=1] a -> c [weight=2] a -> d", &success()), "c");
    assert_eq!(chosen("a -> b [weight=-1] a -> c", &success()), "c");
}

/// Definition of Done 11.12: Edge selection: lexical tiebreak as final fallback.
#[test]
fn the_name_breaks_what_weight_does_not() {
    assert_eq!(chosen("a -> d [weight=2] a -> c [weight=2] a -> b", &success()), "c");
}

/// Definition of Done 11.3: Engine loops: execute node -> select edge -> advance to next node -> repeat.
#[test]
fn a_stage_is_executed_an_edge_selected_and_the_next_stage_entered() {
    let played = play(graph(LINE), |_| success());
    let told: Vec<String> = played
        .events
        .iter()
        .filter_map(|event| match event {
            Event::StageStarted { stage, .. } => Some(format!("{stage}?")),
            Event::StageFinished { stage, .. } => Some(format!("{stage}!")),
            Event::EdgeTaken { from, to, .. } => Some(format!("{from}>{to}")),
            _ => None,
        })
        .collect();
    assert_eq!(told.join(" "), "start? start! start>a a? a! a>b b? b! b>e");
}

/// Definition of Done 11.3: Terminal node (shape=Msquare) stops execution.
#[test]
fn the_exit_ends_the_run() {
    let played = play(graph(LINE), |_| success());
    assert_eq!(played.ending(), "success");
    assert_eq!(played.state.current().unwrap().stage.as_str(), "e");
    assert!(engine::pending(&played.state).is_empty());
}

const GATED: &str = "digraph { start [shape=Mdiamond] g [label=l, goal_gate=true ATTR] b [label=l]
    e [shape=Msquare] start -> g g -> b g -> b [condition=\"outcome=fail\"] b -> e }";

/// A run whose goal gate comes to these, one after another.
fn gated(attributes: &str, mut statuses: Vec<Status>) -> (String, String) {
    statuses.reverse();
    let played = play(graph(&GATED.replace("ATTR", attributes)), |id| match id.stage.as_str() {
        "g" => Outcome::new(statuses.pop().expect("the gate is asked so often"), "as told"),
        _ => success(),
    });
    (played.way(), played.ending())
}

/// Definition of Done 11.3: Pipeline outcome is "success" if all goal_gate nodes reached `SUCCESS` or
/// `PARTIAL_SUCCESS`, "fail" otherwise.
/// Definition of Done 11.12: Goal gate allows exit when all satisfied.
#[test]
fn a_run_succeeds_if_its_goal_gates_did() {
    assert_eq!(gated("", vec![Status::Success]).1, "success");
    assert_eq!(gated("", vec![Status::PartialSuccess]).1, "success");
    assert!(gated("", vec![Status::Fail]).1.starts_with("fail: "));
}

/// Definition of Done 11.4: Nodes with `goal_gate=true` are tracked throughout execution.
#[test]
fn the_last_outcome_of_a_gate_is_kept_to_the_end() {
    let back = GATED.replace("b -> e", "b -> g [condition=\"context.again=1\"] b -> e");
    let mut rounds = 0;
    let played = play(graph(&back.replace("ATTR", "")), |id| match id.stage.as_str() {
        "g" => {
            rounds += 1;
            if rounds == 1 { failure() } else { success() }
        }
        _ => {
            let again = if rounds == 1 { "1" } else { "0" };
            Outcome { context: [("again".to_owned(), again.to_owned())].into(), ..success() }
        }
    });
    assert_eq!(played.way(), "start g b g b");
    assert_eq!(played.ending(), "success", "the gate succeeded the second time");
    assert_eq!(played.state.outcome(&"g".parse().unwrap()).unwrap().status, Status::Success);
}

/// Definition of Done 11.4: Before allowing exit via a terminal node, the engine checks all goal gate
/// nodes have status `SUCCESS` or `PARTIAL_SUCCESS`.
#[test]
fn all_gates_are_checked_at_the_exit_also_those_that_were_avoided() {
    let two = "digraph { start [shape=Mdiamond] g [label=l, goal_gate=true, retry_target=h]
        h [label=l, goal_gate=true] e [shape=Msquare] start -> h
        h -> g [condition=\"context.all=1\"] h -> e g -> e }";
    let mut visits = 0;
    let played = play(graph(two), |id| {
        visits += usize::from(id.stage.as_str() == "h");
        let all = if visits > 1 { "1" } else { "0" };
        Outcome { context: [("all".to_owned(), all.to_owned())].into(), ..success() }
    });
    assert_eq!((played.way().as_str(), played.ending().as_str()), ("start h h g", "success"));
}

/// Definition of Done 11.4: If any goal gate node has not succeeded, the engine routes to `retry_target`
/// (if configured) instead of exiting.
/// Definition of Done 11.12: Goal gate blocks exit when unsatisfied.
#[test]
fn an_unsatisfied_gate_sends_the_run_to_its_retry_target() {
    let both = vec![Status::Fail, Status::Success];
    let (way, ending) = gated(", retry_target=g", both.clone());
    assert_eq!((way.as_str(), ending.as_str()), ("start g b g b", "success"));
    let (way, _) = gated(", fallback_retry_target=b, max_visits=2", vec![Status::Fail]);
    assert!(way.starts_with("start g b b"), "{way}");
    // The graph's own, where the stage has none (3.4).
    let source = GATED.replace("ATTR", "").replace("digraph {", "digraph { retry_target=g");
    let mut statuses = both.into_iter();
    let played = play(graph(&source), |id| match id.stage.as_str() {
        "g" => Outcome::new(statuses.next().unwrap(), "as told"),
        _ => success(),
    });
    assert_eq!(played.ending(), "success");
    let jumps = |event: &Event| matches!(event, Event::EdgeTaken { why: Why::GoalGate(_), .. });
    assert_eq!(played.events.iter().filter(|event| jumps(event)).count(), 1);
}

/// Definition of Done 11.4: If no retry_target and goal gates unsatisfied, pipeline outcome is "fail".
#[test]
fn without_a_retry_target_the_run_fails() {
    let (way, ending) = gated("", vec![Status::Fail]);
    assert_eq!(way, "start g b");
    assert_eq!(ending, "fail: goal gate `g` is not passed and has no retry target: as told");
}

/// What 3.2 leaves open, and 3.7 does not.
#[test]
fn a_failure_never_follows_an_ordinary_edge() {
    let played = play(graph(LINE), |_| failure());
    assert_eq!(played.way(), "start a");
    assert_eq!(played.ending(), "fail: stage `a` failed: broken");
    assert_eq!(chosen("a -> b a -> c [condition=\"outcome=fail\"]", &failure()), "c");
}

/// 3.2 would call this run completed.
#[test]
fn a_run_without_an_edge_that_fits_is_held() {
    let source = "digraph { start [shape=Mdiamond] a [label=l] e [shape=Msquare] start -> a
        a -> e [condition=\"preferred_label=Ship\"] }";
    let ending = play(graph(source), |_| labelled("Fix")).ending();
    assert_eq!(ending, "fail: no edge out of stage `a` fits its outcome success");
}
