//! A pipeline that stands for itself: a folder with a ledger, and one run in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{Digest, RunId};
use engine::{Input, RunLimits, State};
use ledger::{Entry, KeyError, Ledger, LedgerError, LedgerKey};
use pipeline::Graph;
use sandbox::{Cancel, Sandbox};
use serde::{Deserialize, Serialize};

use crate::driver::{self, DriveError, Stand};
use crate::hands::{CustomHandler, Models, PipelineHands, STAGE_PERFORMED};
use crate::interview::Interviewer;
use crate::recorder::{Observation, Recorder, follow, now};
use crate::watch::Watcher;

/// The entry that opens the run of a pipeline on its own.
pub const PIPELINE_OPENED: &str = "pipeline.opened";

/// The folder's ledger.
const LEDGER: &str = "ledger";

/// The name under which the folder's key signs.
const KEY_NAME: &str = "dark-pipeline";

/// Attempts in one run: each stage's visits bound loops long before; this bounds a mistake in both.
const ATTEMPTS_MAX: u32 = 1_000_000;

/// What a run was opened with; digests name bodies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PipelineOpened {
    /// As it was named.
    pub file: String,
    pub source: Digest,
    pub graph: Digest,
    /// As it was named; none simulates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    pub workdir: PathBuf,
    pub seed: u64,
    pub version: String,
}

/// How to perform the run of a pipeline.
pub struct SoloOptions {
    pub models: Models,
    pub sandbox: Option<Sandbox>,
    pub handlers: BTreeMap<String, CustomHandler>,
    pub watcher: Arc<dyn Watcher>,
}

/// A run of a pipeline on its own.
pub struct Solo {
    pub state: State,
    pub recorder: Recorder,
    pub hands: PipelineHands,
    pub opened: PipelineOpened,
}

/// The run of a pipeline cannot be started or brought back.
#[derive(Debug, thiserror::Error)]
pub enum SoloError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Drive(#[from] DriveError),
    #[error("failed to use {path}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{0} has a run already: resume it with `--resume`, or name another folder")]
    Taken(PathBuf),
    #[error("{0} has no run: start one without `--resume`")]
    Empty(PathBuf),
    #[error(
        "{path} is gone, and {ledger} was signed with it: bring it back, or begin in a new folder"
    )]
    NoKey { path: PathBuf, ledger: PathBuf },
    #[error("the run in {dir} cannot be brought back: {reason}")]
    Unreplayable { dir: PathBuf, reason: String },
    #[error(
        "{file} was edited since its run in {dir} began, and a run goes on with what it began with: \
         resume it without naming a file, or start a new run"
    )]
    Edited { file: String, dir: PathBuf },
}

impl Solo {
    /// Begins a run in `dir`, which is made; without one, the run is kept in memory alone.
    ///
    /// # Errors
    /// When there is a run already, the pipeline cannot run, or the folder cannot be used.
    pub fn start(
        dir: Option<&Path>,
        opened: &NewRun<'_>,
        options: SoloOptions,
    ) -> Result<Self, SoloError> {
        let ledger = match dir {
            Some(dir) => open(dir)?,
            None => Ledger::in_memory(fresh_key()?)?,
        };
        if let (Some(dir), false) = (dir, ledger.is_empty()?) {
            return Err(SoloError::Taken(dir.to_owned()));
        }
        let run = run_id(&opened.graph.name);
        let graph = base::canonical(opened.graph).expect("a graph has a JSON form");
        let body = PipelineOpened {
            file: opened.file.to_owned(),
            source: ledger.put_body(opened.source.as_bytes())?,
            graph: ledger.put_body(&graph)?,
            model: options.models.default.as_ref().map(|model| model.name().to_owned()),
            workdir: opened.workdir.to_owned(),
            seed: opened.seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let watcher = options.watcher;
        let recorder = Recorder { ledger, run: run.clone(), requirements: Vec::new(), watcher };
        recorder.observe(Observation {
            actor: "runner".to_owned(),
            name: PIPELINE_OPENED,
            body: serde_json::to_value(&body).expect("an opening has a JSON form"),
            bodies: vec![body.source, body.graph],
        })?;
        let mut state = State::new(run, Arc::new(opened.graph.clone()));
        driver::step(&mut state, &recorder, &start_of(&body))?;
        let (models, sandbox, handlers) = (options.models, options.sandbox, options.handlers);
        let workdir = body.workdir.clone();
        let hands = PipelineHands::new(models, sandbox, handlers, workdir, recorder.clone(), &[]);
        Ok(Self { state, recorder, hands, opened: body })
    }

    /// The state and the entries of the run in `dir`, for looking only.
    ///
    /// # Errors
    /// When there is none, or it cannot be replayed.
    pub fn look(dir: &Path) -> Result<(State, Vec<Entry>), SoloError> {
        let ledger = Ledger::open_read_only(&dir.join(LEDGER))?;
        let (run, opened) = find(&ledger, dir)?;
        let mut state = fresh(&ledger, dir, &run, &opened)?;
        let entries = ledger.run(&run)?;
        for entry in &entries {
            follow(&mut state, entry).map_err(|why| unreplayable(dir, why))?;
        }
        Ok((state, entries))
    }

    /// Brings the run in `dir` back, exactly where it stood. With `source`, only if the pipeline is
    /// still the one that it began with.
    ///
    /// # Errors
    /// When there is none, it cannot be replayed, or the pipeline was edited.
    pub fn resume(
        dir: &Path,
        source: Option<(&str, &str)>,
        options: SoloOptions,
    ) -> Result<Self, SoloError> {
        // Asking for a run makes none.
        if !dir.join(LEDGER).exists() {
            return Err(SoloError::Empty(dir.to_owned()));
        }
        let ledger = open(dir)?;
        let (run, opened) = find(&ledger, dir)?;
        if let Some((file, source)) = source
            && Digest::of(source) != opened.source
        {
            return Err(SoloError::Edited { file: file.to_owned(), dir: dir.to_owned() });
        }
        let mut state = fresh(&ledger, dir, &run, &opened)?;
        // A long run is not held in memory: only what its hands must know of it.
        let (mut performed, mut away_since) = (Vec::new(), None);
        for entry in ledger.run_entries(&run) {
            let entry = entry?;
            follow(&mut state, &entry).map_err(|why| unreplayable(dir, why))?;
            away_since = Some(entry.record.time);
            if entry.record.event.name == STAGE_PERFORMED {
                performed.push(entry);
            }
        }
        let watcher = options.watcher;
        let recorder = Recorder { ledger, run, requirements: Vec::new(), watcher };
        if !state.is_started() {
            driver::step(&mut state, &recorder, &start_of(&opened))?;
        } else if state.ending().is_none() {
            // Nobody could act while nobody was there: that time is not charged to the run.
            let away_since = away_since.unwrap_or_else(now);
            driver::step(&mut state, &recorder, &Input::Resumed { away_since })?;
        }
        let (models, sandbox, handlers) = (options.models, options.sandbox, options.handlers);
        let workdir = opened.workdir.clone();
        let hands =
            PipelineHands::new(models, sandbox, handlers, workdir, recorder.clone(), &performed);
        Ok(Self { state, recorder, hands, opened })
    }

    /// Takes the run as far as it goes, and signs the ledger's head.
    ///
    /// # Errors
    /// When the ledger or the environment failed; the run can be resumed.
    pub fn drive(
        &mut self,
        interviewer: Option<&dyn Interviewer>,
        cancel: &Cancel,
    ) -> Result<Stand, DriveError> {
        let stand =
            driver::drive(&mut self.state, &self.recorder, &self.hands, interviewer, cancel)?;
        // Nobody can cut off what is under a signed head without its being seen.
        self.recorder.ledger.checkpoint()?;
        Ok(stand)
    }
}

/// A pipeline to run.
pub struct NewRun<'a> {
    pub file: &'a str,
    pub source: &'a str,
    pub graph: &'a Graph,
    /// Where tools work; it must be there.
    pub workdir: &'a Path,
    /// Below 2^53, so that every JSON reader gets it back.
    pub seed: u64,
}

fn start_of(opened: &PipelineOpened) -> Input {
    let max = u64::MAX;
    let limits = RunLimits {
        tokens_max: max,
        micro_usd_max: max,
        wall_ms_max: max,
        attempts_max: ATTEMPTS_MAX,
    };
    // Nobody wrote an intent: the pipeline is what was asked for.
    Input::Start { intent: opened.source, graph: opened.graph, seed: opened.seed, limits }
}

fn find(ledger: &Ledger, dir: &Path) -> Result<(RunId, PipelineOpened), SoloError> {
    let empty = || SoloError::Empty(dir.to_owned());
    let run = ledger.runs()?.into_iter().next().ok_or_else(empty)?;
    let first = ledger.run_entries(&run).named(PIPELINE_OPENED).next().ok_or_else(empty)??;
    let opened = serde_json::from_value(first.record.event.body)
        .map_err(|error| unreplayable(dir, format!("its opening: {error}")))?;
    Ok((run, opened))
}

/// The run before its first event.
fn fresh(
    ledger: &Ledger,
    dir: &Path,
    run: &RunId,
    opened: &PipelineOpened,
) -> Result<State, SoloError> {
    let graph: Graph = serde_json::from_slice(&ledger.body(&opened.graph)?)
        .map_err(|error| unreplayable(dir, format!("its graph: {error}")))?;
    Ok(State::new(run.clone(), Arc::new(graph)))
}

fn unreplayable(dir: &Path, reason: String) -> SoloError {
    SoloError::Unreplayable { dir: dir.to_owned(), reason }
}

fn open(dir: &Path) -> Result<Ledger, SoloError> {
    let io = |source| SoloError::Io { path: dir.to_owned(), source };
    std::fs::create_dir_all(dir.join(LEDGER)).map_err(io)?;
    let path = dir.join("ledger.key");
    if !path.exists() {
        let ledger = dir.join(LEDGER);
        if std::fs::read_dir(&ledger).map_err(io)?.next().is_some() {
            return Err(SoloError::NoKey { path, ledger });
        }
        // Whole or not at all, whatever is killed and whoever else is at it: under a name of this
        // process's own first.
        let new = dir.join(format!("ledger.key.{}", std::process::id()));
        fresh_key()?.save(&new)?;
        match std::fs::hard_link(&new, &path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(io(error));
            }
            _ => std::fs::remove_file(&new).map_err(io)?,
        }
    }
    Ok(Ledger::open(&dir.join(LEDGER), LedgerKey::load(&path, KEY_NAME)?)?)
}

fn fresh_key() -> Result<LedgerKey, SoloError> {
    let mut random = [0; 32];
    let path = Path::new("/dev/urandom");
    let io = |source| SoloError::Io { path: path.to_owned(), source };
    let mut source = std::fs::File::open(path).map_err(io)?;
    std::io::Read::read_exact(&mut source, &mut random).map_err(io)?;
    Ok(LedgerKey::generate(KEY_NAME, random)?)
}

/// The pipeline's name as a run's: lower case, and hyphens for what no run's name may have.
fn run_id(name: &str) -> RunId {
    let lower = name.to_lowercase();
    let slug: String =
        lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(80).collect();
    let slug = slug.trim_matches('-');
    let starts = slug.starts_with(|c: char| c.is_ascii_lowercase());
    let id =
        if starts { format!("{slug}-1") } else { format!("pipeline-{slug}-1").replace("--", "-") };
    RunId::new(&id).expect("it begins with a letter and has only letters, digits and hyphens")
}
