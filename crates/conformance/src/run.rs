//! A pipeline run to its end: agents by the backend or simulated, tools in the sandbox, people as
//! [`AutoApprove`] answers for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{Ending, Event, Outcome, State, Status};
use pipeline::{Graph, Handler};
use runner::{AutoApprove, NewRun, Nobody, Solo, SoloOptions, Stand};
use sandbox::{Cancel, Choice, Sandbox};
use serde_json::{Value, json};

use crate::{Failure, backend, findings};

/// The same run gives the same result.
const SEED: u64 = 1;

pub(crate) struct Options {
    /// Where the run's folder (5.6) is written, which must be new or empty; none is a fresh one
    /// among the temporary files.
    pub(crate) logs_root: Option<PathBuf>,
    /// Where tools work.
    pub(crate) workdir: PathBuf,
}

/// `{"status", "outcome", "completed_nodes", "nodes", "context", "logs_root", "checkpoint"}`.
///
/// # Errors
/// The same, where the pipeline failed; otherwise why it could not run.
pub(crate) fn run(file: &Path, options: &Options) -> Result<Value, Failure> {
    let (source, parsed) = crate::load(file)?;
    let (graph, _) = parsed.into_graph().map_err(|found| findings::refused(&found))?;
    let workdir = options.workdir.canonicalize().map_err(|error| {
        Failure::new(format!("no folder for tools: {}: {error}", options.workdir.display()))
    })?;
    let sandbox = needs_sandbox(&graph).then(|| Sandbox::open(Choice::Auto)).transpose();
    let sandbox = sandbox.map_err(|error| Failure::new(base::chain(&error)))?;
    let model = backend::open(|name| std::env::var(name).ok())?;
    let shown = file.display().to_string();
    let new =
        NewRun { file: &shown, source: &source, graph: &graph, workdir: &workdir, seed: SEED };
    let handlers = BTreeMap::new();
    let with = SoloOptions { models: model.into(), sandbox, handlers, watcher: Arc::new(Nobody) };
    let failed = |error: &dyn std::error::Error| Failure::new(base::chain(error));
    let mut solo = Solo::start(None, &new, with).map_err(|error| failed(&error))?;
    let driven = solo.drive(Some(&AutoApprove), &Cancel::default());
    // What came of it is written whatever came of it.
    let (ledger, id) = (&solo.recorder.ledger, &solo.recorder.run);
    let entries = ledger.run(id).map_err(|error| failed(&error))?;
    let logs_root = match &options.logs_root {
        Some(logs_root) => logs_root.clone(),
        None => fresh().map_err(|error| failed(&error))?,
    };
    runner::export(ledger, id, &entries, &solo.state, &logs_root).map_err(|e| failed(&e))?;
    let stand = driven.map_err(|error| failed(&error))?;
    let events = entries.iter().filter_map(|entry| {
        let stored = &entry.record.event;
        Event::from_body(&stored.name, stored.version, &stored.body).ok()
    });
    let (status, reason) = came_to(&stand);
    let mut told = result(&solo.state, events, (status, reason));
    told["logs_root"] = logs_root.display().to_string().into();
    told["checkpoint"] = logs_root.join("checkpoint.json").display().to_string().into();
    if status == Status::Success { Ok(told) } else { Err(Failure { code: 1, told }) }
}

/// Whether anything in it runs a command: without a sandbox it would only be simulated.
fn needs_sandbox(graph: &Graph) -> bool {
    graph.stages.values().any(|stage| {
        let child = stage.manager.as_ref().map(|manager| &manager.child);
        stage.handler == Handler::Tool || child.is_some_and(needs_sandbox)
    })
}

/// A folder's name that nobody else has.
fn fresh() -> std::io::Result<PathBuf> {
    let dir = tempfile::Builder::new().prefix("attractor-run-").tempdir()?;
    Ok(dir.keep().join("logs"))
}

fn came_to(stand: &Stand) -> (Status, String) {
    match stand {
        Stand::Ended(Ending::Completed) => (Status::Success, "pipeline completed".to_owned()),
        Stand::Ended(Ending::Held { reason }) => (Status::Fail, reason.clone()),
        Stand::Ended(Ending::Cancelled { by }) => (Status::Fail, format!("cancelled by {by}")),
        Stand::Waiting { questions } => {
            let stage = questions.first().map_or("", |(action, _)| action.stage.as_str());
            (Status::Fail, format!("`{stage}` waits for a person, and nobody is here"))
        }
        Stand::Interrupted => (Status::Fail, "interrupted".to_owned()),
    }
}

/// What is told of one node: its last outcome, and how often it was tried again.
struct Node {
    id: String,
    outcome: Arc<Outcome>,
    retries: u32,
}

fn result(
    state: &State,
    events: impl Iterator<Item = Event>,
    (status, reason): (Status, String),
) -> Value {
    let mut completed = Vec::new();
    let mut nodes: Vec<Node> = Vec::new();
    for event in events {
        let Event::StageFinished { stage, attempt, outcome, .. } = event else { continue };
        if !matches!(outcome.status, Status::Retry | Status::Skipped) {
            completed.push(stage.to_string());
        }
        let retries = u32::from(attempt > 1);
        match nodes.iter_mut().find(|node| node.id == stage.as_str()) {
            Some(node) => {
                node.retries += retries;
                node.outcome = outcome;
            }
            None => nodes.push(Node { id: stage.to_string(), outcome, retries }),
        }
    }
    let why = if status == Status::Success { "notes" } else { "failure_reason" };
    json!({
        "status": status,
        "outcome": { "status": status, why: reason },
        "completed_nodes": completed,
        "nodes": nodes.iter().map(Node::told).collect::<Vec<_>>(),
        "context": state.context(),
    })
}

impl Node {
    fn told(&self) -> Value {
        json!({
            "id": self.id,
            "status": self.outcome.status,
            "outcome": self.outcome.word(),
            "notes": self.outcome.note,
            "retry_count": self.retries,
        })
    }
}
