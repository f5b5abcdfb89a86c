//! 11.6: node handlers.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use engine::{BEST, Candidate, Event, Outcome, RESULTS, Status};
use model::Scripted;
use runner::AutoApprove;
use sandbox::{Choice, Sandbox};

use crate::play::{Asked, With, export, failure, graph, play, success};

/// Definition of Done 11.6: Start handler: Returns SUCCESS immediately (no-op).
#[test]
fn the_start_does_nothing() {
    let source = "digraph { start [shape=Mdiamond] e [shape=Msquare] start -> e }";
    let played = play(graph(source), |id| panic!("nobody performs {id}"));
    let outcome = played.state.outcome(&"start".parse().unwrap()).unwrap();
    assert_eq!((outcome.status, played.ending().as_str()), (Status::Success, "success"));
}

/// Definition of Done 11.6: Exit handler: Returns SUCCESS immediately (no-op, engine checks goal gates).
#[test]
fn the_exit_does_nothing_but_the_gates_are_checked() {
    let source = "digraph { start [shape=Mdiamond] g [label=l GATE] e [shape=Msquare] start -> g
        g -> e [condition=\"outcome=fail\"] g -> e }";
    let ending = |gate: &str| {
        let played = play(graph(&source.replace("GATE", gate)), |id| {
            assert_eq!(id.stage.as_str(), "g", "nobody performs the exit");
            failure()
        });
        played.ending()
    };
    assert_eq!(ending(""), "success");
    assert!(ending(", goal_gate=true").starts_with("fail: goal gate `g` is not passed"));
}

/// Definition of Done 11.6: Codergen handler: Expands `$goal` in prompt, calls `CodergenBackend.run()`,
/// writes prompt.md and response.md to stage dir.
#[test]
fn an_agent_asks_its_model_and_leaves_prompt_and_response() {
    let source = "digraph { goal=\"a hello script\" start [shape=Mdiamond]
        plan [prompt=\"Plan $goal\"] code [label=\"Write it\"] e [shape=Msquare]
        start -> plan -> code -> e }";
    let script = "[[answer]]\nwhen = 'Plan a hello script'\ntexts = ['the plan']\n\
                  [[answer]]\nwhen = 'Write it'\ntexts = ['the code']\n";
    let model: Arc<dyn model::Model> = Arc::new(Scripted::parse("scripted:test", script).unwrap());
    let solo = With { model: Some(model), ..With::default() }.run(source, &AutoApprove);
    let folder = crate::folder();
    export(&solo, folder.path());
    let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
    assert!(read("plan/prompt.md").ends_with("Plan a hello script"), "{}", read("plan/prompt.md"));
    assert_eq!(read("plan/response.md"), "the plan");
    assert!(read("code/prompt.md").ends_with("Write it"), "the label stands in for a prompt");
    assert_eq!(read("code/response.md"), "the code");
    assert_eq!(solo.state.context().get("last_response"), Some("the code"));
    assert_eq!(solo.state.context().get("last_stage"), Some("code"));
    let simulated = With::default().run(source, &AutoApprove);
    let told = simulated.state.context().get("last_response");
    assert_eq!(told, Some("[Simulated] Response for stage: code"));
}

/// Definition of Done 11.6: Wait.human handler: Presents outgoing edge labels as choices to the
/// interviewer, returns selected label as preferred_label.
/// Definition of Done 11.12: Wait.human presents choices and routes on selection.
#[test]
fn a_person_is_shown_the_labels_and_chooses_the_way() {
    let source = "digraph { start [shape=Mdiamond] gate [shape=hexagon, label=\"Review?\"]
        ship [label=l] fix [label=l] e [shape=Msquare] start -> gate
        gate -> ship [label=\"[A] Approve\"] gate -> fix [label=\"F) Fix\"] ship -> e fix -> e }";
    for (said, label, stage, key) in
        [("F", "F) Fix", "fix", "F"), ("approve", "[A] Approve", "ship", "A")]
    {
        let shown = Mutex::new(Vec::new());
        let people = Asked(|question: &engine::Question| {
            let text = std::slice::from_ref(&question.text);
            *shown.lock().unwrap() = [text, &question.choices].concat();
            said.to_owned()
        });
        let solo = With::default().run(source, &people);
        assert_eq!(*shown.lock().unwrap(), ["Review?", "[A] Approve", "F) Fix"]);
        let outcome = solo.state.outcome(&"gate".parse().unwrap()).unwrap();
        assert_eq!(outcome.preferred_label.as_deref(), Some(label));
        assert_eq!(outcome.suggested_next, [stage.parse().unwrap()]);
        assert_eq!(solo.state.visits(&stage.parse().unwrap()), 1);
        assert_eq!(solo.state.context().get("human.gate.selected"), Some(key));
        assert_eq!(solo.state.context().get("human.gate.label"), Some(label));
    }
}

/// Definition of Done 11.6: Conditional handler: Passes through; engine evaluates edge conditions against
/// outcome/context.
#[test]
fn a_conditional_passes_on_what_came_before_it() {
    let source =
        "digraph { start [shape=Mdiamond] test [label=l] gate [shape=diamond] yes [label=l]
        no [label=l] e [shape=Msquare] start -> test -> gate
        gate -> yes [condition=\"outcome=success\"] gate -> no [condition=\"outcome!=success\"]
        yes -> e no -> e }";
    let way = |outcome: Outcome| {
        let played = play(graph(source), |id| match id.stage.as_str() {
            "test" => outcome.clone(),
            "gate" => panic!("nobody performs it"),
            _ => success(),
        });
        played.way()
    };
    assert_eq!(way(success()), "start test gate yes");
    assert_eq!(way(failure()), "start test gate no");
}

const FORK: &str =
    "digraph { start [shape=Mdiamond] fan [shape=component] a [type=mine] b [type=mine]
    join [shape=tripleoctagon] after [label=l] e [shape=Msquare]
    start -> fan fan -> a fan -> b a -> join b -> join join -> after -> e }";

/// Definition of Done 11.6: Parallel handler: Fans out to multiple target nodes concurrently (or
/// sequentially as fallback).
#[test]
fn branches_are_at_work_at_once() {
    /// Long enough for any machine; passes at once where branches do run side by side.
    const PATIENCE: Duration = Duration::from_secs(20);
    let met = Arc::new((Mutex::new(0), Condvar::new()));
    let with = With::default().handler("mine", move |_, _, _, _| {
        let (count, bell) = &*met;
        let mut here = count.lock().unwrap();
        *here += 1;
        bell.notify_all();
        let (here, _) = bell.wait_timeout_while(here, PATIENCE, |here| *here < 2).unwrap();
        if *here == 2 { success() } else { failure() }
    });
    let solo = with.run(FORK, &AutoApprove);
    let results = Candidate::list(solo.state.context().get(RESULTS));
    let told: Vec<_> = results.iter().map(|one| (one.id.as_str(), one.outcome)).collect();
    assert_eq!(told, [("a", Status::Success), ("b", Status::Success)]);
}

/// Definition of Done 11.6: Fan-in handler: Waits for all parallel branches to complete before proceeding.
/// Definition of Done 11.12: Parallel fan-out and fan-in complete correctly.
#[test]
fn a_fan_in_begins_when_all_branches_have_ended() {
    let source = FORK.replace("type=mine", "label=l");
    let played = play(graph(&source), |id| match id.stage.as_str() {
        "a" => failure(),
        _ => success(),
    });
    let is_join = |event: &Event| matches!(event, Event::StageStarted { stage, .. } if stage.as_str() == "join");
    let ended = |event: &&Event| matches!(event, Event::BranchEnded { .. });
    let at = played.events.iter().position(is_join).expect("it begins");
    assert_eq!(played.events[..at].iter().filter(ended).count(), 2);
    assert_eq!(played.ending(), "success");
    assert!(played.way().ends_with("join after"), "{}", played.way());
    assert_eq!(played.state.context().get(BEST), Some("b"), "the one that did not fail");
}

/// Definition of Done 11.6: Tool handler: Executes configured tool/command and returns result.
#[test]
fn a_tool_runs_its_command() {
    let source = "digraph { start [shape=Mdiamond] t [shape=parallelogram,
        tool_command=\"echo made; exit CODE\"] e [shape=Msquare] start -> t -> e }";
    let run = |code: &str| {
        let sandbox = Sandbox::open(Choice::Auto).expect("the tests have a sandbox");
        let with = With { sandbox: Some(sandbox), ..With::default() };
        with.run(&source.replace("CODE", code), &AutoApprove)
    };
    let solo = run("0");
    assert_eq!(solo.state.ending(), Some(&engine::Ending::Completed));
    assert_eq!(solo.state.context().get("tool.output"), Some("made"));
    let failed = run("3");
    let outcome = failed.state.outcome(&"t".parse().unwrap()).unwrap();
    assert_eq!(outcome.status, Status::Fail);
    assert!(outcome.note.contains("exited with 3"), "{}", outcome.note);
}

/// Definition of Done 11.6: Custom handlers can be registered by type string.
/// Definition of Done 11.12: Custom handler registration and execution works.
#[test]
fn a_handler_of_ones_own_performs_its_type() {
    let source =
        "digraph { start [shape=Mdiamond] n [type=\"my_custom_type\", custom_attr=\"value\"]
        e [shape=Msquare] start -> n -> e }";
    let with = With::default().handler("my_custom_type", |_, node, _, _| {
        Outcome::new(Status::Success, node.attributes["custom_attr"].to_string())
    });
    let solo = with.run(source, &AutoApprove);
    assert_eq!(solo.state.outcome(&"n".parse().unwrap()).unwrap().note, "value");
    // 4.12: one that breaks has failed.
    let broken =
        With::default().handler("my_custom_type", |_, _, _, _| panic!("as it is meant to"));
    let solo = broken.run(source, &AutoApprove);
    assert_eq!(solo.state.outcome(&"n".parse().unwrap()).unwrap().status, Status::Fail);
}
