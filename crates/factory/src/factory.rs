//! A factory: its configuration, keys and ledger, and the runs in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{Diagnostic, Digest, LineId, RunId};
use engine::{Input, RunLimits, State};
use ledger::{Entry, KeyError, Ledger, LedgerError, LedgerKey, VerifierKey};
use model::Model;
use pipeline::Graph;
use sandbox::{Cancel, Choice, Sandbox, Unfit};
use ship::{Repository, RepositoryError};

use crate::config::{BackendChoice, Config, LineConfig};
use crate::given;
use crate::hands::Hands;
use crate::intents::{self, IntentError, Loaded};
use crate::layout::Layout;
use crate::opening::{self, Opening, OpeningError};
use crate::twins;
use runner::Watcher;
use runner::{DriveError, Stand};
use runner::{Recorder, now};

/// The pipeline of a line that names none.
pub const DEFAULT_PIPELINE: &str = include_str!("../templates/default.dot");

/// The pipeline of a run whose build was handed in.
const GIVEN_PIPELINE: &str = include_str!("../templates/given.dot");

/// Stage attempts in one run: the default pipeline needs at most 18, four times that is a loop.
const ATTEMPTS_MAX: u32 = 72;

/// Canonical JSON carries numbers exactly up to 2^53 (RFC 8785 section 3.2.2.3), so that seeds stay
/// below it.
const SEED_BITS: u32 = 53;

/// A factory cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum FactoryError {
    #[error("there is no factory here: no factory.toml in {0} or above it; `dark init` makes one")]
    NoFactory(PathBuf),
    #[error("failed to read {path}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Malformed(Vec<Diagnostic>),
    #[error("the build in {folder} cannot be taken: {reason}")]
    Given { folder: PathBuf, reason: String },
    #[error("line `{line}` is not in factory.toml{}", .near.as_ref().map(|near| format!(": did you mean `{near}`?")).unwrap_or_default())]
    NoLine { line: String, near: Option<String> },
    #[error("there is no run `{run}`: `dark runs` lists them")]
    NoRun { run: String },
    #[error("the ledger's entries of run {run} cannot be replayed: {reason}")]
    Unreplayable { run: RunId, reason: String },
    #[error(transparent)]
    Intent(#[from] IntentError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error(transparent)]
    Opening(#[from] OpeningError),
    #[error(transparent)]
    Sandbox(#[from] Unfit),
    #[error(transparent)]
    Drive(#[from] DriveError),
}

/// A factory, open.
pub struct Factory {
    pub layout: Layout,
    pub config: Config,
    pub ledger: Ledger,
}

/// How a run is to be started.
pub struct Start<'a> {
    /// The intent's directory or its `intent.md`.
    pub intent: &'a Path,
    pub models: Models,
    /// As the person named the builder's.
    pub model_name: String,
    /// Drawn from the clock and the process when absent.
    pub seed: Option<u64>,
    /// A pipeline other than the line's.
    pub pipeline: Option<PathBuf>,
    /// A folder with a build that is proved instead of one that agents write.
    pub build: Option<&'a Path>,
}

/// The models of one run.
pub struct Models {
    pub builder: Arc<dyn Model>,
    /// Of another family; none where nobody was named, or nothing is to be judged.
    pub judge: Option<Arc<dyn Model>>,
}

/// A run and everything that is needed to take it further.
pub struct Run {
    pub state: State,
    pub recorder: Recorder,
    pub hands: Hands,
}

impl Factory {
    /// Opens the factory that `start` lies in, for writing.
    ///
    /// # Errors
    /// When there is none, its configuration is malformed, or another process has its ledger.
    pub fn open(start: &Path) -> Result<Self, FactoryError> {
        let (layout, config) = Self::read(start)?;
        let ledger = Ledger::open(&layout.ledger(), ledger_key(&layout)?)?;
        // Whoever has the ledger is alone here: what lies there was left by a process that was killed.
        // Where it cannot be removed, it only takes room.
        let _ = fs::remove_dir_all(layout.work());
        Ok(Self { layout, config, ledger })
    }

    /// Opens it for looking only, also while another process writes.
    ///
    /// # Errors
    /// As [`Factory::open`], but for the lock.
    pub fn open_read_only(start: &Path) -> Result<Self, FactoryError> {
        let (layout, config) = Self::read(start)?;
        let ledger = Ledger::open_read_only(&layout.ledger())?;
        Ok(Self { layout, config, ledger })
    }

    fn read(start: &Path) -> Result<(Layout, Config), FactoryError> {
        let layout =
            Layout::find(start).ok_or_else(|| FactoryError::NoFactory(start.to_path_buf()))?;
        let path = layout.config();
        let text = read_text(&path)?;
        let config =
            Config::parse(&path.display().to_string(), &text).map_err(FactoryError::Malformed)?;
        Ok((layout, config))
    }

    /// A line's configuration.
    ///
    /// # Errors
    /// When factory.toml has no such line.
    pub fn line(&self, line: &LineId) -> Result<&LineConfig, FactoryError> {
        self.config.lines.get(line).ok_or_else(|| {
            let near = base::nearest(line.as_str(), self.config.lines.keys().map(LineId::as_str));
            FactoryError::NoLine { line: line.to_string(), near: near.map(str::to_owned) }
        })
    }

    /// Opens a run of an intent: checks its signature, reads the product, and records what the run
    /// starts from. Nothing is performed yet.
    ///
    /// # Errors
    /// When the intent is unsigned, altered or malformed, its line or pipeline is not there, or the
    /// product cannot be used. Nothing is recorded then.
    pub fn start(&self, start: Start<'_>, watcher: Arc<dyn Watcher>) -> Result<Run, FactoryError> {
        let dir = intents::directory(start.intent);
        let loaded = intents::load(&dir)?;
        let signature = intents::verify(&dir, &loaded, &self.layout.people())?;
        let line = self.line(&loaded.intent.line)?.clone();
        let (source, graph) = match (start.pipeline, &line.pipeline, start.build) {
            (Some(path), _, _) => load_pipeline(Some(&path))?,
            (None, _, Some(_)) => load_source("given.dot", GIVEN_PIPELINE, None)?,
            (None, Some(path), None) => load_pipeline(Some(&self.rooted(path)))?,
            (None, None, None) => load_pipeline(None)?,
        };
        if let Some(folder) = start.build {
            given::expect_stage(&graph, folder)?;
        }
        let sandbox = self.sandbox()?;
        let repository =
            self.repository(&loaded.intent.line, &self.remote(&line.repo), &line.branch)?;
        let base = repository.fetch()?;
        let product = match &base {
            Some(base) => repository.read(base)?,
            None => ship::Tree::new(),
        };
        let build = match start.build {
            Some(folder) => given::read(folder, &loaded.intent.interface.files, &product)?,
            None => agent::Files::new(),
        };
        let run = self.next_run(&loaded)?;
        let seed = start.seed.unwrap_or_else(|| draw_seed(run.as_str())) & ((1 << SEED_BITS) - 1);
        let ledger = &self.ledger;
        let mut files = std::collections::BTreeMap::new();
        for (path, bytes) in &loaded.files {
            files.insert(path.clone(), ledger.put_body(bytes)?);
        }
        let mut given = std::collections::BTreeMap::new();
        for (path, text) in build {
            given.insert(path, ledger.put_body(text.as_bytes())?);
        }
        let own = twins::own(&loaded.intent.interface, self.layout.root())?;
        let fidelity = twins::fidelity(&loaded.intent.interface, &own);
        let mut twins = std::collections::BTreeMap::new();
        for (service, files) in own {
            let kept = twins.entry(service).or_insert_with(std::collections::BTreeMap::new);
            for (path, text) in files {
                kept.insert(path, ledger.put_body(text.as_bytes())?);
            }
        }
        let graph_json = base::canonical(&graph).expect("a graph has a JSON form");
        let opening = Opening {
            intent_id: loaded.intent.id.clone(),
            intent: loaded.seal.digest(),
            files,
            signature: ledger.put_body(signature.as_bytes())?,
            people: ledger.put_body(read_text(&self.layout.people())?.as_bytes())?,
            line: loaded.intent.line.clone(),
            pipeline: ledger.put_body(source.as_bytes())?,
            graph: ledger.put_body(&graph_json)?,
            remote: line.repo.clone(),
            branch: line.branch.clone(),
            base,
            product: opening::keep_product(ledger, &product)?,
            twins,
            fidelity,
            build: given,
            checks: line.checks.clone(),
            level_max: line.level_max,
            model: start.model_name,
            judge: start.models.judge.as_ref().map(|judge| judge.name().to_owned()),
            seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let recorder = self.recorder(run, &loaded, watcher);
        let mut state = State::new(recorder.run.clone(), Arc::new(graph));
        let limits = limits(&loaded);
        opening::record(&recorder, &opening)?;
        let input = Input::Start { intent: opening.intent, graph: opening.graph, seed, limits };
        runner::step(&mut state, &recorder, &input)?;
        let hands = self.hands(opening, loaded, repository, sandbox, start.models, &recorder)?;
        Ok(Run { state, recorder, hands })
    }

    /// Brings a run back from the ledger, exactly where it stood.
    ///
    /// # Errors
    /// When there is no such run, or its product or sandbox cannot be used any more.
    pub fn resume(
        &self,
        run: &RunId,
        models: Models,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Run, FactoryError> {
        let entries = self.ledger.run(run)?;
        let opening = Opening::of_run(&entries)
            .ok_or_else(|| FactoryError::NoRun { run: run.to_string() })?;
        let loaded = opening.load(&self.ledger)?;
        let mut state = replay(&self.ledger, run, &opening, &entries)?;
        let repository =
            self.repository(&opening.line, &self.remote(&opening.remote), &opening.branch)?;
        // The objects of the build may have been lost with the machine; the ledger has their bytes.
        repository.fetch()?;
        let recorder = self.recorder(run.clone(), &loaded, watcher);
        if state.is_started() && state.ending().is_none() {
            // Nobody could act while nobody was there: that time is not charged to the run.
            let away_since = entries.last().map_or_else(now, |entry| entry.record.time);
            runner::step(&mut state, &recorder, &Input::Resumed { away_since })?;
        } else if !state.is_started() {
            let (graph, seed) = (opening.graph, opening.seed);
            let input =
                Input::Start { intent: opening.intent, graph, seed, limits: limits(&loaded) };
            runner::step(&mut state, &recorder, &input)?;
        }
        let sandbox = self.sandbox()?;
        let hands = self.hands(opening, loaded, repository, sandbox, models, &recorder)?;
        hands.restore_builds(&entries)?;
        Ok(Run { state, recorder, hands })
    }

    /// The state of a run, from the ledger alone.
    ///
    /// # Errors
    /// When there is no such run.
    pub fn state(&self, run: &RunId) -> Result<(Opening, State), FactoryError> {
        let entries = self.ledger.run(run)?;
        let opening = Opening::of_run(&entries)
            .ok_or_else(|| FactoryError::NoRun { run: run.to_string() })?;
        let state = replay(&self.ledger, run, &opening, &entries)?;
        Ok((opening, state))
    }

    /// Opens the sandbox that the configuration asks for.
    ///
    /// # Errors
    /// When this machine has none.
    pub fn sandbox(&self) -> Result<Sandbox, FactoryError> {
        Ok(Sandbox::open(choice(self.config.sandbox.backend))?)
    }

    fn recorder(&self, run: RunId, loaded: &Loaded, watcher: Arc<dyn Watcher>) -> Recorder {
        let requirements = loaded.intent.requirements.iter().map(|one| one.id.clone()).collect();
        Recorder { ledger: self.ledger.clone(), run, requirements, watcher }
    }

    fn hands(
        &self,
        opening: Opening,
        loaded: Loaded,
        repository: Repository,
        sandbox: Sandbox,
        models: Models,
        recorder: &Recorder,
    ) -> Result<Hands, FactoryError> {
        let name = &self.config.factory.name;
        let packs = opening.packs(&recorder.ledger, &loaded.intent.interface)?;
        Ok(Hands {
            layout: self.layout.clone(),
            author: (format!("Dark Factory {name}"), format!("factory@{name}.invalid")),
            work: self.layout.work(),
            opening,
            loaded,
            repository,
            sandbox,
            model: models.builder,
            judge: models.judge,
            recorder: recorder.clone(),
            packs,
        })
    }

    fn repository(
        &self,
        line: &LineId,
        remote: &str,
        branch: &str,
    ) -> Result<Repository, FactoryError> {
        Ok(Repository::open(&self.layout.mirror(line), remote, branch)?)
    }

    fn rooted(&self, path: &str) -> PathBuf {
        self.layout.root().join(path)
    }

    /// Where a product lives: a path is relative to the factory, everything else is git's business.
    fn remote(&self, repo: &str) -> String {
        let url = repo.contains("://") || (repo.contains('@') && repo.contains(':'));
        if url { repo.to_owned() } else { self.rooted(repo).display().to_string() }
    }

    fn next_run(&self, loaded: &Loaded) -> Result<RunId, FactoryError> {
        let prefix = format!("{}-", loaded.intent.id);
        let numbers = self.ledger.runs()?;
        let highest = numbers
            .iter()
            .filter_map(|run| run.as_str().strip_prefix(&prefix)?.parse::<u32>().ok())
            .max()
            .unwrap_or(0);
        Ok(RunId::new(&format!("{prefix}{}", highest + 1)).expect("an intent's id starts a run's"))
    }
}

impl Run {
    /// Takes the run as far as it goes without a person.
    ///
    /// # Errors
    /// When the ledger or the environment failed; the run can be resumed.
    pub fn drive(&mut self, cancel: &Cancel) -> Result<Stand, DriveError> {
        let stand = runner::drive(&mut self.state, &self.recorder, &self.hands, None, cancel)?;
        if matches!(stand, Stand::Ended(_)) {
            self.recorder.ledger.checkpoint()?;
        }
        Ok(stand)
    }

    /// Tells the run what a person said.
    ///
    /// # Errors
    /// When the engine refuses it, or the ledger failed.
    pub fn tell(&mut self, input: &Input) -> Result<(), DriveError> {
        runner::step(&mut self.state, &self.recorder, input)
    }
}

/// Replays a run's events.
///
/// # Errors
/// When an event is of a version that this one does not know.
pub fn replay(
    ledger: &Ledger,
    run: &RunId,
    opening: &Opening,
    entries: &[Entry],
) -> Result<State, FactoryError> {
    let wrong = |reason: String| FactoryError::Unreplayable { run: run.clone(), reason };
    let graph: Graph = serde_json::from_slice(&ledger.body(&opening.graph)?)
        .map_err(|error| wrong(format!("the graph: {error}")))?;
    let mut state = State::new(run.clone(), Arc::new(graph));
    for entry in entries {
        runner::follow(&mut state, entry).map_err(wrong)?;
    }
    Ok(state)
}

/// Reads and lints a pipeline, the built-in one where none is named.
///
/// # Errors
/// All that is wrong with it.
pub fn load_pipeline(path: Option<&Path>) -> Result<(String, Graph), FactoryError> {
    match path {
        Some(path) => load_source(&path.display().to_string(), &read_text(path)?, Some(path)),
        None => load_source("default.dot", DEFAULT_PIPELINE, None),
    }
}

/// Lints the pipeline in `source`; `shown` is what findings call it, `path` where it lies.
fn load_source(
    shown: &str,
    source: &str,
    path: Option<&Path>,
) -> Result<(String, Graph), FactoryError> {
    let beside = runner::beside(path.unwrap_or(Path::new("")));
    let files = |name: &str| {
        let (shown, text) = beside(name)?;
        // What a builder must never see must not come to it through a prompt either.
        let real = Path::new(&shown).canonicalize().map_err(|error| format!("{shown}: {error}"))?;
        let is_private = real.iter().any(|part| part == "intents" || part == ".dark");
        if is_private {
            Err(format!("{shown}: a pipeline reads no intents and no ledger"))
        } else {
            Ok((shown, text))
        }
    };
    let options = pipeline::Options { files: &files, ..Default::default() };
    let parsed = options.load(shown, source);
    let errors: Vec<_> =
        parsed.diagnostics.iter().filter(|found| found.is_error()).cloned().collect();
    match parsed.graph {
        Some(graph) if errors.is_empty() => Ok((source.to_owned(), graph)),
        _ => Err(FactoryError::Malformed(errors)),
    }
}

/// The key that signs the ledger, under the name that its public half was published with.
///
/// # Errors
/// When a key is missing or unfit.
pub(crate) fn ledger_key(layout: &Layout) -> Result<LedgerKey, FactoryError> {
    let public: VerifierKey = read_text(&layout.evidence_key())?.trim().parse()?;
    Ok(LedgerKey::load(&layout.ledger_key(), &public.name)?)
}

fn limits(loaded: &Loaded) -> RunLimits {
    let budget = &loaded.intent.budget;
    RunLimits {
        tokens_max: budget.tokens.0,
        micro_usd_max: budget.cost.0,
        wall_ms_max: u64::try_from(budget.wall.as_millis()).unwrap_or(u64::MAX),
        attempts_max: ATTEMPTS_MAX,
    }
}

fn choice(backend: BackendChoice) -> Choice {
    match backend {
        BackendChoice::Auto => Choice::Auto,
        BackendChoice::Bubblewrap => Choice::Bubblewrap,
        BackendChoice::Namespaces => Choice::Namespaces,
    }
}

/// A seed that nobody foresees, for what is called `what`.
pub(crate) fn draw_seed(what: &str) -> u64 {
    // Where the system draws nothing, time and process are what is left to tell two runs apart.
    let chance = crate::canaries::chance(32).unwrap_or_default();
    let drawn = Digest::of(format!("{what} {} {} {chance:?}", now().0, std::process::id()));
    let drawn = u64::from_le_bytes(drawn.as_bytes()[..8].try_into().expect("it has 32 bytes"));
    drawn & ((1 << SEED_BITS) - 1)
}

fn read_text(path: &Path) -> Result<String, FactoryError> {
    fs::read_to_string(path)
        .map_err(|source| FactoryError::Unreadable { path: path.to_path_buf(), source })
}
