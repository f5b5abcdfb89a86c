//! The pipeline of 11.13 and what must hold of its run, whoever performs it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engine::Status;
use model::Model;
use runner::{AutoApprove, NewRun, Nobody, Solo, SoloOptions, Stand};
use sandbox::Cancel;

const DOT: &str = r#"digraph test_pipeline {
    graph [goal="Create a hello world Python script"]

    start       [shape=Mdiamond]
    plan        [shape=box, prompt="Plan how to create a hello world script for: $goal"]
    implement   [shape=box, prompt="Write the code based on the plan", goal_gate=true]
    review      [shape=box, prompt="Review the code for correctness"]
    done        [shape=Msquare]

    start -> plan
    plan -> implement
    implement -> review [condition="outcome=success"]
    implement -> plan   [condition="outcome=fail", label="Retry"]
    review -> done      [condition="outcome=success"]
    review -> implement [condition="outcome=fail", label="Fix"]
}"#;

/// Runs it with a model, and checks all that 11.13 asserts.
pub(crate) fn check(model: Arc<dyn Model>) {
    // 1. Parse
    let parsed = pipeline::load("smoke.dot", DOT);
    // 2. Validate
    assert!(
        !parsed.diagnostics.iter().any(base::Diagnostic::is_error),
        "{:#?}",
        parsed.diagnostics
    );
    let (graph, _) = parsed.into_graph().expect("there are no errors");
    assert_eq!(graph.goal, "Create a hello world Python script");
    assert_eq!((graph.stages.len(), graph.edges().len()), (5, 6));
    // 3. Execute with LLM callback
    let folder = tempfile::Builder::new().prefix("smoke-").tempdir().expect("a folder can be made");
    let new =
        NewRun { file: "smoke.dot", source: DOT, graph: &graph, workdir: folder.path(), seed: 1 };
    let with = SoloOptions {
        models: Some(model).into(),
        sandbox: None,
        handlers: BTreeMap::new(),
        watcher: Arc::new(Nobody),
    };
    let mut solo = Solo::start(None, &new, with).expect("the run starts");
    let stand = solo.drive(Some(&AutoApprove), &Cancel::default()).expect("it can be driven");
    // 4. Verify
    assert_eq!(stand, Stand::Ended(engine::Ending::Completed));
    let logs_root = folder.path().join("logs");
    let (ledger, run) = (&solo.recorder.ledger, &solo.recorder.run);
    let entries = ledger.run(run).expect("the ledger can be read");
    runner::export(ledger, run, &entries, &solo.state, &logs_root).expect("it is written");
    for stage in ["plan", "implement", "review"] {
        for file in ["prompt.md", "response.md", "status.json"] {
            let path = logs_root.join(stage).join(file);
            let text = std::fs::read_to_string(&path).expect("the artifact is there");
            assert!(!text.trim().is_empty(), "{stage}/{file}");
        }
    }
    // 5. Verify goal gate
    let gate = solo.state.outcome(&"implement".parse().expect("an id")).expect("it was visited");
    assert!(matches!(gate.status, Status::Success | Status::PartialSuccess));
    // 6. Verify checkpoint
    check_checkpoint(&logs_root.join("checkpoint.json"));
}

fn check_checkpoint(path: &Path) {
    let text = std::fs::read_to_string(path).expect("the checkpoint is there");
    let checkpoint: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(checkpoint["current_node"], "done");
    let completed = checkpoint["completed_nodes"].as_array().expect("it is a list");
    for stage in ["plan", "implement", "review"] {
        assert!(completed.iter().any(|node| node == stage), "{stage}: {completed:?}");
    }
}
