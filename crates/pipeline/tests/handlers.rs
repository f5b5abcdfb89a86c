//! What single handlers are told: how branches join, which child a manager watches, how a person is
//! asked, how long a pause lasts.

use std::cell::RefCell;
use std::time::Duration;

use pipeline::{
    Ask, FanOut, Gate, Graph, Handler, Join, Manager, OnFailure, Options, Parsed, parse,
};

fn graph(statements: &str) -> Graph {
    let parsed = parse("test.dot", &format!("digraph g {{ {statements} }}"));
    assert_eq!(parsed.diagnostics, [], "{statements}");
    parsed.graph.unwrap()
}

fn shown(parsed: &Parsed) -> Vec<String> {
    parsed.diagnostics.iter().map(ToString::to_string).collect()
}

/// All that is said of a graph with these statements.
fn said(statements: &str) -> Vec<String> {
    shown(&parse("f", &format!("digraph g {{ {statements} }}")))
}

#[test]
fn branches_join_as_the_stage_says() {
    let fan_out = |attributes: &str| -> FanOut {
        graph(&format!("p [shape=component{attributes}]")).stages["p"].fan_out.clone().unwrap()
    };
    let plain = fan_out("");
    assert_eq!(
        (plain.join, plain.on_failure, plain.branches_max, plain.meets),
        (Join::WaitAll, OnFailure::Continue, 4, None)
    );
    let join = |attributes: &str| fan_out(attributes).join;
    assert_eq!(join(", join_policy=wait_all, k=3"), Join::WaitAll);
    assert_eq!(join(", join_policy=first_success"), Join::FirstSuccess);
    assert_eq!(join(", join_policy=k_of_n"), Join::KOfN(1));
    assert_eq!(join(", join_policy=k_of_n, k=\"3\""), Join::KOfN(3));
    assert_eq!(join(", join_policy=k_of_n, join_k=2"), Join::KOfN(2));
    assert_eq!(join(", join_policy=quorum"), Join::Quorum(50));
    assert_eq!(join(", join_policy=quorum, quorum=67"), Join::Quorum(67));
    assert_eq!(join(", join_policy=quorum, quorum_fraction=0.666"), Join::Quorum(67));
    assert_eq!(join(", join_policy=quorum, quorum_fraction=0.07"), Join::Quorum(7));
    assert_eq!(join(", join_policy=quorum, quorum_fraction=\"1\""), Join::Quorum(100));
    assert_eq!(fan_out(", error_policy=fail_fast").on_failure, OnFailure::FailFast);
    assert_eq!(fan_out(", error_policy=ignore, max_parallel=9").branches_max, 9);
    assert_eq!(graph("a [shape=box]").stages["a"].fan_out, None);
}

#[test]
fn a_join_that_cannot_be_is_an_error_where_it_stands() {
    let said = said(
        "p [shape=component, join_policy=wait_al, error_policy=explode, max_parallel=0]
         q [shape=component, join_policy=quorum, quorum_fraction=1.5, quorum=0, k=x]",
    );
    assert_eq!(
        said,
        [
            "f:1:45: error[attribute-type]: `join_policy` cannot be `wait_al`\n    help: did you mean `wait_all`?",
            "f:1:67: error[attribute-type]: `error_policy` cannot be `explode`\n    help: write one of continue, fail_fast, ignore",
            "f:1:89: error[attribute-type]: `max_parallel` is a whole number, found `0`\n    help: write a number from 1 to 1000",
            "f:2:66: error[attribute-type]: `quorum_fraction` is a part of all, found `1.5`\n    help: write a number above 0 and up to 1, such as `0.5`",
            "f:2:78: error[attribute-type]: `quorum` is a whole number, found `0`\n    help: write a number from 1 to 100",
            "f:2:83: error[attribute-type]: `k` is a whole number, found `x`\n    help: write a number from 1 to 1000",
        ]
    );
}

#[test]
fn people_are_asked_as_the_stage_says() {
    let gate = |statements: &str| -> Gate { graph(statements).stages["a"].gate.clone().unwrap() };
    assert_eq!(gate("a [shape=hexagon]"), Gate { kind: Ask::MultipleChoice, default_choice: None });
    assert_eq!(gate("a [type=\"wait.human\", human.type=yes_no]").kind, Ask::YesNo);
    assert_eq!(gate("a [shape=hexagon, question_type=CONFIRMATION]").kind, Ask::Confirmation);
    let default = gate("a [shape=hexagon, human.default_choice=\"[Y] Yes\"]").default_choice;
    assert_eq!(default.as_deref(), Some("[Y] Yes"));
    // Who can only write is asked for text.
    assert_eq!(gate("a [shape=hexagon] a -> b [freeform=true]").kind, Ask::Freeform);
    let both = graph("a [shape=hexagon] a -> b [freeform=true] a -> c");
    assert_eq!(both.stages["a"].gate.as_ref().unwrap().kind, Ask::MultipleChoice);
    assert_eq!(both.edges().iter().map(|e| e.freeform).collect::<Vec<_>>(), [true, false]);
    assert_eq!(
        said("a [shape=hexagon, human.type=yesno]"),
        [
            "f:1:42: error[attribute-type]: `human.type` cannot be `yesno`\n    help: did you mean `yes_no`?"
        ]
    );
}

#[test]
fn pauses_last_as_long_as_they_say() {
    let pause = |attributes: &str| graph(&format!("a [{attributes}]")).stages["a"].clone();
    let wait = pause("shape=insulator, duration=30s");
    assert_eq!((wait.handler, wait.pause), (Handler::Wait, Some(Duration::from_secs(30))));
    assert_eq!(pause("type=wait, duration=\"5m\"").pause, Some(Duration::from_secs(300)));
    let loaded = pipeline::load("f", "digraph g { start -> a -> exit a [type=wait] }");
    assert_eq!(
        shown(&loaded),
        [
            "f:1:32: error[wait-duration]: stage `a` waits, but nothing says for how long\n    help: add `duration=30s`"
        ]
    );
}

const CHILD: &str = "digraph child { goal=mend start -> work -> exit work [prompt=\"Do: $goal\"] }";

fn files(path: &str) -> Result<(String, String), String> {
    match path {
        "child.dot" => Ok(("lib/child.dot".to_owned(), CHILD.to_owned())),
        "broken.dot" => Ok(("lib/broken.dot".to_owned(), "digraph g {\n  a [=]\n}".to_owned())),
        "self.dot" => Ok((
            "self.dot".to_owned(),
            "digraph s { start -> m -> exit m [shape=house, stack.child_dotfile=\"self.dot\"] }"
                .to_owned(),
        )),
        _ => Err("no such file".to_owned()),
    }
}

fn options() -> Options<'static> {
    Options { files: &files, ..Options::default() }
}

fn manager(statements: &str) -> Manager {
    let parsed = options().parse("f", &format!("digraph g {{ goal=parent {statements} }}"));
    assert_eq!(parsed.diagnostics, [], "{statements}");
    *parsed.graph.unwrap().stages["m"].manager.clone().unwrap()
}

#[test]
fn a_manager_has_its_child_from_the_stage_or_the_graph_or_in_place() {
    let from_graph = manager("stack.child_dotfile=\"child.dot\" m [shape=house]");
    assert_eq!(from_graph.child.stages["work"].prompt, "Do: mend");
    assert_eq!(
        (from_graph.poll, from_graph.cycles_max, from_graph.stop.as_str()),
        (Duration::from_secs(45), 1000, "")
    );
    assert_eq!((from_graph.observe, from_graph.steer), (true, false));
    assert_eq!(from_graph.steer_cooldown, from_graph.poll);
    let own = manager(
        "stack.child_dotfile=\"absent.dot\" m [type=\"stack.manager_loop\", stack.child_workflow=\"child.dot\",
         manager.poll_interval=2s, manager.max_cycles=7, manager.actions=\"steer, wait\",
         manager.stop_condition=\"context.done=true\", manager.steer_cooldown=1m]",
    );
    assert_eq!((own.poll, own.cycles_max), (Duration::from_secs(2), 7));
    assert_eq!((own.observe, own.steer, own.stop.as_str()), (false, true, "context.done=true"));
    assert_eq!(own.steer_cooldown, Duration::from_secs(60));
    let quoted = CHILD.replace('"', "\\\"");
    let inline = manager(&format!("m [shape=house, stack.child_dot_source=\"{quoted}\"]"));
    assert_eq!(inline.child, own.child);
}

#[test]
fn a_child_that_cannot_be_used_is_told_about_where_it_is_named() {
    let load = |attribute: &str| {
        let source =
            format!("digraph g {{ start -> m -> exit\n m [shape=house, label=M, {attribute}] }}");
        shown(&options().load("f", &source))
    };
    let help = "\n    help: `dark pipeline lint` of the child tells all that is wrong with it";
    let unusable = "error[manager-child]: the child pipeline of `m` cannot be used";
    assert_eq!(
        load("stack.child_dotfile=\"absent.dot\""),
        [format!("f:2:47: {unusable}: cannot read `absent.dot`: no such file{help}")]
    );
    assert_eq!(
        load("stack.child_dotfile=\"broken.dot\""),
        [format!(
            "f:2:47: {unusable}: lib/broken.dot:2:6: [syntax] expected an attribute, found `=`{help}"
        )]
    );
    let started = load("stack.child_dotfile=\"child.dot\", stack.child_autostart=false");
    assert!(started[0].contains("manager `m` starts its child all the same"), "{started:?}");
    let endless = load("stack.child_dotfile=\"self.dot\"");
    assert!(endless[0].contains("children are more than 4 deep inside each other"), "{endless:?}");
    assert_eq!(
        load("manager.max_cycles=3"),
        [
            "f:2:2: error[manager-child]: manager `m` has no child pipeline\n    help: name its file with \
          `stack.child_dotfile=\"…\"`, here or on the graph, or write it here with \
          `stack.child_dot_source=\"…\"`"
        ]
    );
}

#[test]
fn children_are_counted_over_all_the_pipeline() {
    let asked = RefCell::new(0);
    let counting = |path: &str| {
        *asked.borrow_mut() += 1;
        files(path)
    };
    let options = Options { files: &counting, ..Options::default() };
    let managers: String = (0..100).map(|at| format!("m{at} [shape=house] ")).collect();
    let source = format!("digraph g {{ stack.child_dotfile=\"child.dot\" {managers} }}");
    let parsed = options.parse("f", &source);
    assert!(shown(&parsed)[0].contains("more than 64 children in one pipeline"));
}

#[test]
fn older_stored_graphs_still_read() {
    let graph = graph("p [shape=component] h [shape=hexagon] p -> h -> x");
    let mut stored = serde_json::to_value(&graph).unwrap();
    for stage in stored["stages"].as_object_mut().unwrap().values_mut() {
        let fields = stage.as_object_mut().unwrap();
        for field in ["fan_out", "manager", "pause", "gate"] {
            fields.remove(field);
        }
    }
    let back: Graph = serde_json::from_value(stored).unwrap();
    assert_eq!(back.stages["p"].fan_out, None);
    assert_eq!(back.edges(), graph.edges());
}
