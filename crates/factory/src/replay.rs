//! A run as a file, and the same run again from it, without a model.
//!
//! The model's answers come from the recording; everything else is done again, for real: the checks,
//! the proof, the ship, into a repository that is gone afterwards. What a replay shows is that the
//! recorded answers lead to the recorded software, and that it still passes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::{ActionId, Digest, RunId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::{Action, Ending, Input, RunLimits, State, pending};
use ledger::{Entry, Ledger};
use model::{Model, Recorded};
use sandbox::{Cancel, Choice, Sandbox};
use serde::{Deserialize, Serialize};
use ship::{Commit, Git, GitError, Repository};

use crate::answers::{ANSWER_SIGNED, AnswerSigned};
use crate::examples::EXAMPLES;
use crate::factory::{FactoryError, Run, ledger_key};
use crate::hands::{
    BUILD_MADE, BuildMade, Hands, JUDGE_ASKED, MODEL_CALLED, MOVED, SHIP_LANDED, SHIP_PREPARED,
    ShipPrepared, last,
};
use crate::init::{Init, InitError, init};
use crate::opening::{self, Opening};
use crate::story::ending_in_words;
use runner::{Notice, Observation, Recorder, Stand, Watcher};

/// The format's name; a changed format gets another number.
const FORMAT: &str = "dark-recording/1";

/// Answers that one run can have waited for: its stages bound them far below this.
const ANSWERS_MAX: usize = 64;

/// A run and all the bodies that it speaks of. It contains the held-out scenarios.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    format: String,
    pub run: RunId,
    pub entries: Vec<Entry>,
    /// In base64.
    bodies: BTreeMap<Digest, String>,
}

/// A text is no recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("is no recording")]
    Json(#[from] serde_json::Error),
    #[error("is a recording of format `{0}`, and this program reads {FORMAT}")]
    Format(String),
    #[error("body {0} was altered")]
    Altered(Digest),
}

/// A replay could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("failed to make a factory to replay in")]
    Init(#[from] InitError),
    #[error("failed to make a directory to replay in")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Factory(#[from] FactoryError),
}

macro_rules! through_factory {
    ($($error:ty),*) => {$(
        impl From<$error> for ReplayError {
            fn from(error: $error) -> Self {
                Self::Factory(error.into())
            }
        }
    )*};
}
through_factory!(
    ledger::LedgerError,
    ship::RepositoryError,
    crate::opening::OpeningError,
    runner::DriveError,
    sandbox::Unfit
);

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    pub recorded: String,
    pub replayed: String,
    /// Whether the same tree came out, with the same ending.
    pub same: bool,
}

/// Takes a run out of a ledger.
///
/// # Errors
/// When there is no such run or a body is lost.
pub fn record(ledger: &Ledger, run: &RunId) -> Result<Recording, FactoryError> {
    let entries = ledger.run(run)?;
    if entries.is_empty() {
        return Err(FactoryError::NoRun { run: run.to_string() });
    }
    let mut bodies = BTreeMap::new();
    for digest in entries.iter().flat_map(|entry| &entry.record.bodies) {
        if !bodies.contains_key(digest) {
            bodies.insert(*digest, STANDARD.encode(ledger.body(digest)?));
        }
    }
    Ok(Recording { format: FORMAT.to_owned(), run: run.clone(), entries, bodies })
}

impl Recording {
    /// The recording as a file's text.
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("a recording has a JSON form")
    }

    /// The recording that `text` spells; every body is what its digest says.
    ///
    /// # Errors
    /// When it is none, is of another format, or was altered.
    pub fn parse(text: &str) -> Result<Self, RecordingError> {
        let recording: Self = serde_json::from_str(text)?;
        if recording.format != FORMAT {
            return Err(RecordingError::Format(recording.format));
        }
        for (digest, body) in &recording.bodies {
            if STANDARD.decode(body).map(Digest::of) != Ok(*digest) {
                return Err(RecordingError::Altered(*digest));
            }
        }
        Ok(recording)
    }

    pub(crate) fn body(&self, digest: &Digest) -> Option<Vec<u8>> {
        STANDARD.decode(self.bodies.get(digest)?).ok()
    }

    /// The model that answered in the entries of one name, played back; none where none did.
    fn model(&self, name: &str) -> Option<Recorded> {
        let mut replies = BTreeMap::new();
        let mut known = None;
        for entry in self.entries.iter().filter(|entry| entry.record.event.name == name) {
            let body = entry.record.event.body.clone();
            let Ok(answered) = serde_json::from_value::<Answered>(body) else { continue };
            let reply = self.body(&answered.reply);
            let reply = reply.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            replies.extend(reply.map(|reply: model::Reply| (answered.request, reply)));
            known.get_or_insert((answered.model, answered.family));
        }
        let (model, family) = known?;
        Some(Recorded::new(replies).of(&model, &family))
    }
}

/// What the entries of all model calls have in common.
#[derive(Deserialize)]
struct Answered {
    model: String,
    family: String,
    request: Digest,
    reply: Digest,
}

/// Does the recorded run again.
///
/// # Errors
/// When the environment is not fit; a replay that comes out differently is no error.
pub fn replay(
    recording: &Recording,
    watcher: Arc<dyn Watcher>,
    cancel: &Cancel,
) -> Result<Replayed, ReplayError> {
    let dir = tempfile::tempdir()?;
    let options = Init {
        name: "replay".to_owned(),
        owner: "replay@localhost".to_owned(),
        owner_key: None,
        example: &EXAMPLES[0],
    };
    let layout = init(dir.path(), &options)?;
    let ledger = Ledger::in_memory(ledger_key(&layout)?)?;
    for digest in recording.bodies.keys() {
        ledger.put_body(&recording.body(digest).expect("checked when it was read"))?;
    }
    let no_run = || FactoryError::NoRun { run: recording.run.to_string() };
    let recorded_opening = Opening::of_run(&recording.entries).ok_or_else(no_run)?;
    fs::write(layout.people(), ledger.body(&recorded_opening.people)?)?;
    let loaded = recorded_opening.load(&ledger)?;
    let (repository, opening) = product(&layout, &ledger, recorded_opening, recording)?;
    let recorded_state = recorded_state(recording)?;
    let cancelled = match recorded_state.ending() {
        Some(Ending::Cancelled { by }) => Some(by.clone()),
        _ => None,
    };
    let until = if cancelled.is_some() { finished(recording) } else { usize::MAX };
    let (left, cord) = (AtomicUsize::new(until), cancel.clone());
    let halt = Arc::new(Halt { watcher, left, cord });
    let watcher = halt.clone();
    let requirements = loaded.intent.requirements.iter().map(|one| one.id.clone()).collect();
    let recorder = Recorder { ledger, run: recording.run.clone(), requirements, watcher };
    let graph: pipeline::Graph = serde_json::from_slice(&recorder.ledger.body(&opening.graph)?)
        .map_err(|error| unreplayable(recording, &format!("the graph: {error}")))?;
    let mut state = State::new(recording.run.clone(), Arc::new(graph));
    opening::record(&recorder, &opening)?;
    let start = Input::Start {
        intent: opening.intent,
        graph: opening.graph,
        seed: opening.seed,
        limits: limits(recording)?,
    };
    runner::step(&mut state, &recorder, &start)?;
    let nobody = || Recorded::new(BTreeMap::new());
    let model: Arc<dyn Model> = Arc::new(recording.model(MODEL_CALLED).unwrap_or_else(nobody));
    let judge = recording.model(JUDGE_ASKED).map(|judge| Arc::new(judge) as Arc<dyn Model>);
    let packs = opening.packs(&recorder.ledger, &loaded.intent.interface)?;
    let hands = Hands {
        packs,
        author: ("Dark Factory replay".to_owned(), "factory@replay.invalid".to_owned()),
        work: layout.work(),
        sandbox: Sandbox::open(Choice::Auto)?,
        recorder: recorder.clone(),
        layout,
        opening,
        loaded,
        repository,
        model,
        judge,
    };
    let mut run = Run { state, recorder, hands };
    if until == 0 {
        cancel.pull();
    }
    let mut stand = drive_with_answers(&mut run, recording, cancel)?;
    if let Some(by) = cancelled.filter(|_| halt.is_reached() && !matches!(stand, Stand::Ended(_))) {
        run.tell(&Input::Cancelled { by })?;
        stand = run.state.ending().map_or(stand, |ending| Stand::Ended(ending.clone()));
    }
    let recorded = came_to(&recording.entries, recorded_stand(&recorded_state));
    let replayed = came_to(&run.recorder.ledger.run(&recording.run)?, in_words(&stand));
    let same = recorded == replayed;
    Ok(Replayed { recorded, replayed, same })
}

/// A repository with the product that the run started from.
fn product(
    layout: &crate::layout::Layout,
    ledger: &Ledger,
    mut opening: Opening,
    recording: &Recording,
) -> Result<(Repository, Opening), ReplayError> {
    let remote = layout.root().join("products/replay.git");
    fs::create_dir_all(&remote)?;
    Git::new(&remote).run(&["init", "--quiet", "--bare"])?;
    let shown = remote.display().to_string();
    let repository = Repository::open(&layout.mirror(&opening.line), &shown, &opening.branch)?;
    if opening.base.is_some() {
        let tree = repository.write_product(&opening.product(ledger)?)?;
        let commit = repository.commit(&Commit {
            parent: None,
            tree: &tree,
            message: "What the recorded run started from\n",
            time: base::Timestamp(0),
            author: ("replay", "factory@replay.invalid"),
            key: &layout.ship_key(),
        })?;
        let refspec = format!("{commit}:refs/heads/{}", opening.branch);
        repository.mirror().run(&["push", "--quiet", &shown, &refspec])?;
        opening.base = repository.fetch()?;
    }
    if has_moved(recording) {
        move_branch(&repository, &opening, &shown, &layout.ship_key())?;
    }
    opening.remote = shown;
    Ok((repository, opening))
}

/// Whether the run ended because its branch was no longer where it had begun: what it came to is not to be had on a
/// branch that stands still.
fn has_moved(recording: &Recording) -> bool {
    let landed = recording.entries.iter().any(|entry| entry.record.event.name == SHIP_LANDED);
    let moved = |event: engine::Event| match event {
        engine::Event::StageFinished { outcome, .. } => outcome.note.contains(MOVED),
        _ => false,
    };
    !landed && events(&recording.entries).any(moved)
}

/// Moves the branch as somebody else did while the run was under way.
fn move_branch(
    repository: &Repository,
    opening: &Opening,
    remote: &str,
    key: &Path,
) -> Result<(), ReplayError> {
    let git = repository.mirror();
    let tree = match &opening.base {
        Some(base) => git.line(&["rev-parse", &format!("{base}^{{tree}}")])?,
        None => String::from_utf8_lossy(&git.feed(&["mktree"], b"")?).trim().to_owned(),
    };
    let commit = repository.commit(&Commit {
        parent: opening.base.as_ref(),
        tree: &tree.parse()?,
        message: "What moved the branch meanwhile\n",
        time: base::Timestamp(0),
        author: ("replay", "factory@replay.invalid"),
        key,
    })?;
    let refspec = format!("{commit}:refs/heads/{}", opening.branch);
    repository.mirror().run(&["push", "--quiet", remote, &refspec])?;
    Ok(())
}

/// The engine's own events, in order; of other versions, none.
fn events(entries: &[Entry]) -> impl Iterator<Item = engine::Event> {
    entries.iter().filter_map(|entry| {
        let stored = &entry.record.event;
        engine::Event::from_body(&stored.name, stored.version, &stored.body).ok()
    })
}

/// How many attempts the run had behind it when it ended.
fn finished(recording: &Recording) -> usize {
    events(&recording.entries)
        .filter(|event| matches!(event, engine::Event::StageFinished { .. }))
        .count()
}

/// Pulls the cord where a person ended the recorded run.
struct Halt {
    watcher: Arc<dyn Watcher>,
    /// Attempts to go until then.
    left: AtomicUsize,
    cord: Cancel,
}

impl Halt {
    fn is_reached(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

impl Watcher for Halt {
    fn entry(&self, entry: &Entry) {
        let stored = &entry.record.event;
        let event = engine::Event::from_body(&stored.name, stored.version, &stored.body);
        if matches!(event, Ok(engine::Event::StageFinished { .. })) {
            let less = |left: usize| left.checked_sub(1);
            if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) == Ok(1) {
                self.cord.pull();
            }
        }
        self.watcher.entry(entry);
    }

    fn notice(&self, notice: &Notice<'_>) {
        self.watcher.notice(notice);
    }
}

/// The limits that the run was started with.
fn limits(recording: &Recording) -> Result<RunLimits, FactoryError> {
    let started = events(&recording.entries).find_map(|event| match event {
        engine::Event::RunStarted { limits, .. } => Some(limits),
        _ => None,
    });
    started.ok_or_else(|| unreplayable(recording, "it was never started"))
}

/// People's answers are played back where the recording has them: their signatures still hold.
fn drive_with_answers(
    run: &mut Run,
    recording: &Recording,
    cancel: &Cancel,
) -> Result<Stand, ReplayError> {
    for _ in 0..ANSWERS_MAX {
        let stand = run.drive(cancel)?;
        let Stand::Waiting { questions } = &stand else { return Ok(stand) };
        let fits =
            |answer: &AnswerSigned| questions.iter().any(|(action, _)| answer.action == *action);
        let Some(answer) = last::<AnswerSigned>(&recording.entries, ANSWER_SIGNED, fits) else {
            return Ok(stand);
        };
        run.recorder.observe(Observation {
            actor: format!("person:{}", answer.by),
            name: ANSWER_SIGNED,
            body: serde_json::to_value(&answer).expect("an answer has a JSON form"),
            bodies: vec![answer.signature],
        })?;
        let input = Input::Answered { action: answer.action, choice: answer.choice, by: answer.by };
        run.tell(&input)?;
    }
    Err(unreplayable(recording, "it asks without end").into())
}

fn recorded_state(recording: &Recording) -> Result<State, FactoryError> {
    let opening = Opening::of_run(&recording.entries);
    let opening = opening.ok_or_else(|| unreplayable(recording, "it has no opening"))?;
    let bytes = recording.body(&opening.graph).unwrap_or_default();
    let graph = serde_json::from_slice(&bytes)
        .map_err(|error| unreplayable(recording, &format!("the graph: {error}")))?;
    let mut state = State::new(recording.run.clone(), Arc::new(graph));
    for entry in &recording.entries {
        runner::follow(&mut state, entry).map_err(|why| unreplayable(recording, &why))?;
    }
    Ok(state)
}

fn recorded_stand(state: &State) -> String {
    match state.ending() {
        Some(ending) => ended(ending),
        None if pending(state).iter().any(|action| matches!(action, Action::Ask { .. })) => {
            "waiting".to_owned()
        }
        None => "unfinished".to_owned(),
    }
}

fn in_words(stand: &Stand) -> String {
    match stand {
        Stand::Ended(ending) => ended(ending),
        Stand::Waiting { .. } => "waiting".to_owned(),
        Stand::Interrupted => "unfinished".to_owned(),
    }
}

fn ended(ending: &Ending) -> String {
    match ending {
        Ending::Held { .. } => "held".to_owned(),
        other => ending_in_words(other),
    }
}

/// The ending, and the tree that was shipped; without a ship the last tree of each branch, since it is
/// a matter of time which branch was the last.
fn came_to(entries: &[Entry], stand: String) -> String {
    if let Some(prepared) = last::<ShipPrepared>(entries, SHIP_PREPARED, |_| true) {
        let shipped = entries.iter().any(|entry| entry.record.event.name == SHIP_LANDED);
        return format!("{stand}, {}tree {}", if shipped { "shipped " } else { "" }, prepared.tree);
    }
    // A build whose attempt never ended, because the run was broken off and then cancelled, is not what it came to.
    let ended = |made: &BuildMade| {
        events(entries).any(|event| match event {
            engine::Event::StageFinished { branch, stage, visit, attempt, .. } => {
                let ActionId { branch: b, stage: s, visit: v, attempt: a, .. } = &made.action;
                (&branch, &stage, &visit, &attempt) == (b, s, v, a)
            }
            _ => false,
        })
    };
    let mut trees = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.record.event.name == BUILD_MADE) {
        let made = serde_json::from_value::<BuildMade>(entry.record.event.body.clone());
        if let Some(made) = made.ok().filter(ended) {
            trees.insert(made.action.branch, made.tree);
        }
    }
    let trees: Vec<String> = trees.into_values().map(|tree| format!("tree {tree}")).collect();
    format!("{stand}, {}", if trees.is_empty() { "no tree".to_owned() } else { trees.join(", ") })
}

fn unreplayable(recording: &Recording, reason: &str) -> FactoryError {
    FactoryError::Unreplayable { run: recording.run.clone(), reason: reason.to_owned() }
}
