//! A run's folder (5.6), written from its ledger: for the tools that read such folders. It is a view:
//! nothing is ever read back from it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base::{Branch, RunId, StageId, Timestamp};
use engine::{Ending, Event, State, Status};
use ledger::{Entry, Ledger, LedgerError};
use serde::Serialize;
use serde_json::{Value, json};

use crate::hands::{STAGE_PERFORMED, StagePerformed};
use crate::status;

/// A run's folder could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("failed to write {path}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{0} is there already, and not empty: name a new folder")]
    Exists(PathBuf),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Writes `manifest.json`, `checkpoint.json`, `events.jsonl`, and for each stage `status.json` with
/// `prompt.md` and `response.md` where there are such; what stages in branches left lies under
/// `branches/`. Bodies that entries name lie under `artifacts/`. `state` is the run's, from the same
/// entries. The folder must be new or empty.
///
/// # Errors
/// When it is not, when it cannot be written, or when the ledger lost a body.
pub fn export(
    ledger: &Ledger,
    run: &RunId,
    entries: &[Entry],
    state: &State,
    dir: &Path,
) -> Result<(), ExportError> {
    if dir.exists() && fs::read_dir(dir).map_or(true, |mut items| items.next().is_some()) {
        return Err(ExportError::Exists(dir.to_owned()));
    }
    let folder = Folder { ledger, dir };
    folder.make(dir)?;
    let mut told = Told::default();
    for entry in entries {
        told.entry(entry);
    }
    let first = entries.first().map_or_else(Timestamp::default, |entry| entry.record.time);
    let graph = state.graph();
    folder.json(
        "manifest.json",
        &json!({
            "name": graph.name,
            "goal": graph.goal,
            "run": run,
            "start_time": first,
            "stages": graph.stages.len(),
            "ended": state.ending(),
        }),
    )?;
    folder.json("checkpoint.json", &checkpoint(state, &told))?;
    folder.events(entries)?;
    for (at, outcome) in &told.outcomes {
        folder.json(&format!("{}/status.json", at.path()), outcome)?;
    }
    for (at, (prompt, response)) in &told.texts {
        folder.body(&format!("{}/prompt.md", at.path()), prompt)?;
        folder.body(&format!("{}/response.md", at.path()), response)?;
    }
    for digest in entries.iter().flat_map(|entry| &entry.record.bodies) {
        let name = digest.to_string().replace(':', "-");
        let path = format!("artifacts/{name}");
        if !dir.join(&path).exists() {
            folder.body(&path, digest)?;
        }
    }
    Ok(())
}

/// Where a stage's files lie.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    branch: Branch,
    stage: StageId,
}

impl Place {
    fn path(&self) -> String {
        if self.branch.is_main() {
            self.stage.to_string()
        } else {
            format!("branches/{}/{}", self.branch, self.stage)
        }
    }
}

/// What the entries tell, the latest of each.
#[derive(Default)]
struct Told {
    outcomes: BTreeMap<Place, Value>,
    texts: BTreeMap<Place, (base::Digest, base::Digest)>,
    completed: Vec<StageId>,
    retries: BTreeMap<String, u32>,
    logs: Vec<String>,
}

impl Told {
    fn entry(&mut self, entry: &Entry) {
        let stored = &entry.record.event;
        let body = || stored.body.clone();
        if stored.name == STAGE_PERFORMED
            && let Ok(performed) = serde_json::from_value::<StagePerformed>(body())
        {
            let place = Place { branch: performed.action.branch, stage: performed.action.stage };
            self.texts.insert(place, (performed.prompt, performed.response));
        }
        // What a factory's agent asked its model.
        if stored.name == "model.called"
            && let Ok(action) = serde_json::from_value::<base::ActionId>(body()["action"].take())
            && let [request, reply] = entry.record.bodies[..]
        {
            let place = Place { branch: action.branch, stage: action.stage };
            self.texts.insert(place, (request, reply));
        }
        if let Ok(event) = Event::from_body(&stored.name, stored.version, &stored.body) {
            self.event(event);
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::StageFinished { branch, stage, attempt, outcome, .. } => {
                self.logs.push(format!("{stage}: {} {}", outcome.word(), outcome.note));
                if outcome.status == Status::Retry {
                    self.retries.insert(stage.to_string(), attempt);
                }
                let place = Place { branch, stage: stage.clone() };
                self.outcomes.insert(place, status::of(&outcome));
                if !matches!(outcome.status, Status::Retry | Status::Skipped) {
                    self.completed.push(stage);
                }
            }
            Event::RunEnded { ending, .. } => self.logs.push(match ending {
                Ending::Completed => "completed".to_owned(),
                Ending::Held { reason } => format!("held: {reason}"),
                Ending::Cancelled { by } => format!("cancelled by {by}"),
            }),
            _ => {}
        }
    }
}

fn checkpoint(state: &State, told: &Told) -> Value {
    let current = state.current().map(|current| current.stage);
    let nodes: Vec<Value> = state.branches().map(|branch| json!(branch)).collect();
    json!({
        "timestamp": state.latest(),
        "current_node": current,
        "completed_nodes": told.completed,
        "node_retries": told.retries,
        "context": state.context(),
        "logs": told.logs,
        "branches": nodes,
    })
}

struct Folder<'a> {
    ledger: &'a Ledger,
    dir: &'a Path,
}

impl Folder<'_> {
    fn make(&self, dir: &Path) -> Result<(), ExportError> {
        fs::create_dir_all(dir).map_err(|source| ExportError::Io { path: dir.to_owned(), source })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let path = self.dir.join(name);
        self.make(path.parent().expect("a file has a folder"))?;
        fs::write(&path, bytes).map_err(|source| ExportError::Io { path, source })
    }

    fn json(&self, name: &str, value: &impl Serialize) -> Result<(), ExportError> {
        let mut text = serde_json::to_string_pretty(value).expect("it has a JSON form");
        text.push('\n');
        self.write(name, text.as_bytes())
    }

    fn body(&self, name: &str, digest: &base::Digest) -> Result<(), ExportError> {
        self.write(name, &self.ledger.body(digest)?)
    }

    fn events(&self, entries: &[Entry]) -> Result<(), ExportError> {
        let path = self.dir.join("events.jsonl");
        let io = |source| ExportError::Io { path: path.clone(), source };
        let mut file = std::io::BufWriter::new(fs::File::create(&path).map_err(io)?);
        for entry in entries {
            serde_json::to_writer(&mut file, entry).map_err(|error| io(error.into()))?;
            file.write_all(b"\n").map_err(io)?;
        }
        file.flush().map_err(io)
    }
}
