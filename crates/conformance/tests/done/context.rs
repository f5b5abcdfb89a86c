//! 11.7: state and context.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use engine::{Ending, Outcome, Status};
use runner::{AutoApprove, Declined, Solo, Stand};

use crate::play::{With, drive, export, json, success};

const LINE: &str = "digraph { goal=\"the goal\" start [shape=Mdiamond] write [type=writes]
    read [type=reads] e [shape=Msquare] start -> write -> read -> e }";

fn with() -> With {
    let writes = |text: &str| [("tests".to_owned(), text.to_owned())].into();
    With::default()
        .handler("writes", move |_, _, _, _| Outcome { context: writes("green"), ..success() })
        .handler("reads", |_, _, context, _| {
            let told = ["graph.goal", "tests", "last_stage", "outcome"];
            let told = told.map(|key| context.get(key).unwrap_or("nothing"));
            Outcome::new(Status::Success, told.join("/"))
        })
}

/// Definition of Done 11.7: Context is a key-value store accessible to all handlers.
/// Definition of Done 11.7: Handlers can read context and return `context_updates` in the Outcome.
/// Definition of Done 11.12: Context updates from one node are visible to the next.
#[test]
fn what_one_stage_writes_the_next_one_reads() {
    let solo = with().run(LINE, &AutoApprove);
    let read = solo.state.outcome(&"read".parse().unwrap()).unwrap();
    assert_eq!(read.note, "the goal/green/write/success");
}

/// Definition of Done 11.7: Context updates are merged after each node execution.
#[test]
fn updates_are_merged_and_the_later_value_stands() {
    let source = "digraph { start [shape=Mdiamond] a [type=mine] b [type=mine] e [shape=Msquare]
        start -> a -> b -> e }";
    let with = With::default().handler("mine", |_, node, _, _| {
        let own = (format!("by.{}", node.id), "yes".to_owned());
        let shared = ("latest".to_owned(), node.id.to_string());
        Outcome { context: [own, shared].into(), ..success() }
    });
    let solo = with.run(source, &AutoApprove);
    let context = solo.state.context();
    let told = ["by.a", "by.b", "latest"].map(|key| context.get(key));
    assert_eq!(told, [Some("yes"), Some("yes"), Some("b")]);
}

/// Work that is tried twice, a person, and more work.
const GATED: &str = "digraph { start [shape=Mdiamond] work [type=mine, max_retries=1]
    gate [shape=hexagon] last [type=mine] e [shape=Msquare]
    start -> work -> gate gate -> last [label=\"[Y] Yes\"] last -> e }";

/// Counts how often it is at work, and wants `work` to be tried again once.
fn counting(count: &Arc<AtomicU32>) -> With {
    let count = Arc::clone(count);
    With::default().handler("mine", move |id, node, _, _| {
        count.fetch_add(1, Ordering::SeqCst);
        if node.id.as_str() == "work" && id.attempt == 1 {
            return Outcome::new(Status::Retry, "not yet");
        }
        let made = (format!("made.{}", node.id), "yes".to_owned());
        Outcome { context: [made].into(), ..success() }
    })
}

/// Definition of Done 11.7: Checkpoint is saved after each node completion (current_node,
/// completed_nodes, context, retry counts).
#[test]
fn what_stands_when_nobody_goes_on_is_all_there() {
    let (folder, count) = (crate::folder(), Arc::default());
    let mut solo = counting(&count).start(GATED, Some(&folder.path().join("run")));
    assert!(matches!(drive(&mut solo, &Declined), Stand::Waiting { .. }));
    let logs = folder.path().join("logs");
    export(&solo, &logs);
    let checkpoint = json(&logs.join("checkpoint.json"));
    assert_eq!(checkpoint["current_node"], "gate");
    assert_eq!(checkpoint["completed_nodes"], serde_json::json!(["start", "work"]));
    assert_eq!(checkpoint["node_retries"]["work"], 1);
    assert_eq!(checkpoint["context"]["made.work"], "yes");
    assert!(checkpoint["timestamp"].as_u64().is_some_and(|time| time > 0));
    assert_eq!(checkpoint["logs"].as_array().map(Vec::len), Some(3));
}

/// Definition of Done 11.7: Checkpoint is saved after each node completion (current_node,
/// completed_nodes, context, retry counts).
#[test]
fn what_a_stage_came_to_is_durable_before_the_next_one_begins() {
    let folder = crate::folder();
    let dir = folder.path().join("run");
    let seen = Arc::new(Mutex::new(String::new()));
    let (looked, there) = (Arc::clone(&seen), dir.clone());
    let with = with().handler("reads", move |_, _, _, _| {
        let (state, _) = Solo::look(&there).expect("the ledger can be read meanwhile");
        let current = state.current().expect("it has started").stage;
        let written = state.context().get("tests").unwrap_or("nothing");
        let before = state.outcome(&"write".parse().unwrap()).map(|outcome| outcome.status);
        *looked.lock().unwrap() = format!("{current} {written} {before:?}");
        success()
    });
    let mut solo = with.start(LINE, Some(&dir));
    assert_eq!(drive(&mut solo, &AutoApprove), Stand::Ended(Ending::Completed));
    assert_eq!(*seen.lock().unwrap(), "read green Some(Success)");
}

/// Definition of Done 11.7: Resume from checkpoint: load checkpoint -> restore state -> continue from
/// current_node.
/// Definition of Done 11.12: Checkpoint save and resume produces same result.
#[test]
fn a_run_that_was_left_goes_on_where_it_stood_and_ends_the_same() {
    let whole = Arc::default();
    let uninterrupted = counting(&whole).run(GATED, &AutoApprove);
    let (folder, count) = (crate::folder(), Arc::default());
    let dir = folder.path().join("run");
    let mut solo = counting(&count).start(GATED, Some(&dir));
    drive(&mut solo, &Declined);
    let left = solo.state.clone();
    drop(solo);
    let mut solo = counting(&count).resume(&dir);
    assert_eq!(
        solo.state.current().map(|c| (c.stage, c.visit)),
        left.current().map(|c| (c.stage, c.visit))
    );
    assert_eq!(solo.state.context(), left.context());
    assert_eq!(drive(&mut solo, &AutoApprove), Stand::Ended(Ending::Completed));
    assert_eq!(solo.state.context(), uninterrupted.state.context());
    assert_eq!(count.load(Ordering::SeqCst), whole.load(Ordering::SeqCst), "nothing is done twice");
}

/// Definition of Done 11.7: Artifacts are written to `{logs_root}/{node_id}/` (prompt.md, response.md,
/// status.json).
#[test]
fn each_stage_has_a_folder_of_its_own() {
    let source = "digraph { start [shape=Mdiamond] fan [shape=component] a [label=l] b [label=l]
        join [shape=tripleoctagon] c [label=l] e [shape=Msquare]
        start -> fan fan -> a fan -> b a -> join b -> join join -> c -> e }";
    let solo = With::default().run(source, &AutoApprove);
    let folder = crate::folder();
    export(&solo, folder.path());
    let files = ["prompt.md", "response.md", "status.json"];
    for stage in ["c", "branches/fan.1.1.0/a", "branches/fan.1.1.1/b"] {
        for file in files {
            assert!(folder.path().join(stage).join(file).is_file(), "{stage}/{file}");
        }
    }
    let manifest = json(&folder.path().join("manifest.json"));
    assert!(manifest["start_time"].as_u64().is_some());
}
