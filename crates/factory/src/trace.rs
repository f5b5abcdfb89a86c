//! From what shipped back to who wanted it: line, commit, run, attempt, model call, requirement,
//! intent, signer.

use std::path::{Path, PathBuf};

use base::{ActionId, Digest, IntentId, RequirementId, RunId};
use ledger::Entry;
use model::{Reply, Request};
use serde::Serialize;
use ship::{Git, GitError};

use crate::factory::{Factory, FactoryError};
use crate::hands::{
    BUILD_MADE, BuildMade, MODEL_CALLED, ModelCalled, SHIP_LANDED, SHIP_PREPARED, ShipLanded,
    ShipPrepared, last,
};
use crate::opening::Opening;

/// The way from a line back to a person. What is absent was not asked about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    pub line: Option<Line>,
    pub commit: Option<String>,
    pub run: RunId,
    /// The attempt that handed the build in.
    pub action: Option<ActionId>,
    pub call: Option<Call>,
    pub requirements: Vec<Stated>,
    pub intent: IntentId,
    pub intent_digest: Digest,
    /// Whose signature the intent carries; it was verified before the run was opened.
    pub signer: String,
}

/// A line of the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    pub file: String,
    pub number: u32,
    pub text: String,
}

/// The model call that a line came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    pub model: String,
    pub family: String,
    pub request: Digest,
    pub reply: Digest,
    /// Which of the answers has the line, counted from 1; `None` if the harness wrote it.
    pub answer: Option<usize>,
    pub answers: usize,
    pub prompt: String,
    pub text: String,
}

/// A requirement and its sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stated {
    pub id: RequirementId,
    pub text: String,
}

/// Nothing can be traced.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error("`{what}` is no FILE:LINE, no commit in {looked}, and no run of this factory: {next}")]
    Unknown { what: String, looked: String, next: String },
    #[error("no file `{file}` is committed in {looked}: {next}")]
    NoFile { file: String, looked: String, next: String },
    #[error("`{file}` has no line {number}: {lines} are committed in {place}")]
    NoLine { file: String, number: u32, lines: usize, place: String },
    #[error("commit {0} was not made by this factory: it has no Dark-Run trailer")]
    NotOurs(String),
    #[error("the ledger has no run {0}: this commit was made by another factory")]
    OtherFactory(String),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Factory(#[from] FactoryError),
}

impl From<ledger::LedgerError> for TraceError {
    fn from(error: ledger::LedgerError) -> Self {
        Self::Factory(error.into())
    }
}

/// Traces FILE:LINE, a commit or a run. Files and commits are looked for in the clone at `product`,
/// else in the working directory, else in the factory's own mirrors.
///
/// # Errors
/// When it is none of these, or nothing that this factory made.
pub fn trace(factory: &Factory, what: &str, product: Option<&Path>) -> Result<Trace, TraceError> {
    if let Ok(run) = RunId::new(what)
        && factory.ledger.runs()?.contains(&run)
    {
        return trace_run(factory, run, None, None);
    }
    let places = clones(factory, product);
    for place in &places {
        if let Some((file, number)) = file_and_line(what)
            && let Some((commit, line)) = blame(place, file, number)?
        {
            return trace_commit(factory, place, commit, Some(line));
        }
        let commit = format!("{what}^{{commit}}");
        let found = place.git.try_run(&["rev-parse", "--quiet", "--verify", &commit])?;
        if found.ok {
            let commit = String::from_utf8_lossy(&found.stdout).trim().to_owned();
            return trace_commit(factory, place, commit, None);
        }
    }
    if let Some((file, number)) = file_and_line(what) {
        return Err(absent(&places, file, number)?);
    }
    let runs = factory.ledger.runs()?;
    let near = base::nearest(what, runs.iter().map(RunId::as_str));
    let looked: Vec<&str> = places.iter().map(|place| place.shown.as_str()).collect();
    let (looked, next) = (told(&looked), next(near, "`dark runs` lists the runs"));
    Err(TraceError::Unknown { what: what.to_owned(), looked, next })
}

/// What there is instead of a line that was not found.
fn absent(places: &[Place], file: &str, number: u32) -> Result<TraceError, GitError> {
    let (mut names, mut looked) = (Vec::new(), Vec::new());
    for Place { git, revision, shown } in places {
        let held = git.try_run(&["show", &format!("{revision}:{file}")])?;
        let held =
            if held.ok { held } else { git.try_run(&["show", &format!("{revision}:./{file}")])? };
        let listed = git.try_run(&["ls-tree", "-r", "--name-only", revision])?;
        let list = String::from_utf8_lossy(&listed.stdout).into_owned();
        if held.ok && list.lines().any(|name| name == file) {
            let lines = String::from_utf8_lossy(&held.stdout).lines().count();
            let (file, place) = (file.to_owned(), shown.clone());
            return Ok(TraceError::NoLine { file, number, lines, place });
        }
        if listed.ok {
            looked.push(shown.as_str());
            names.extend(list.lines().map(str::to_owned));
        }
    }
    let below = format!("/{file}");
    let near = names.iter().find(|name| name.ends_with(&below)).map(String::as_str);
    let near = near.or_else(|| base::nearest(file, names.iter().map(String::as_str)));
    let near = near.map(|near| format!("{near}:{number}"));
    let else_do = "name it as it stands in the product, or the clone by --product";
    let (looked, next) = (told(&looked), next(near.as_deref(), else_do));
    Ok(TraceError::NoFile { file: file.to_owned(), looked, next })
}

fn file_and_line(what: &str) -> Option<(&str, u32)> {
    let (file, line) = what.rsplit_once(':')?;
    Some((file, line.parse().ok()?))
}

/// A repository to look in, and the revision that counts as its newest.
struct Place {
    git: Git,
    revision: String,
    /// What a person calls it.
    shown: String,
}

fn clones(factory: &Factory, product: Option<&Path>) -> Vec<Place> {
    let head = |dir: PathBuf| {
        let shown = dir.display().to_string();
        Place { git: Git::new(dir), revision: "HEAD".to_owned(), shown }
    };
    if let Some(product) = product {
        return vec![head(product.to_path_buf())];
    }
    let here = std::env::current_dir().into_iter().map(head);
    let mirrors = factory.config.lines.iter().map(|(line, config)| Place {
        git: Git::new(factory.layout.mirror(line)),
        revision: format!("refs/dark/upstream/{}", config.branch),
        shown: format!("the line {line}"),
    });
    let is_clone = |place: &Place| {
        place.git.dir().is_dir()
            && place.git.try_run(&["rev-parse", "--git-dir"]).is_ok_and(|found| found.ok)
    };
    here.chain(mirrors).filter(is_clone).collect()
}

/// What to do next: what is near is what was meant, as likely as not.
fn next(near: Option<&str>, else_do: &str) -> String {
    near.map_or_else(|| else_do.to_owned(), |near| format!("did you mean `{near}`?"))
}

/// Where somebody looked, in words.
fn told(looked: &[&str]) -> String {
    if looked.is_empty() { "any clone".to_owned() } else { looked.join(", ") }
}

fn blame(place: &Place, file: &str, number: u32) -> Result<Option<(String, Line)>, GitError> {
    let range = format!("{number},{number}");
    let args = ["blame", "--porcelain", "-L", &range, &place.revision, "--", file];
    let ran = place.git.try_run(&args)?;
    if !ran.ok {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let commit = text.split(' ').next().unwrap_or_default().to_owned();
    let text = text.lines().find_map(|line| line.strip_prefix('\t')).unwrap_or_default();
    Ok(Some((commit, Line { file: file.to_owned(), number, text: text.to_owned() })))
}

fn trace_commit(
    factory: &Factory,
    place: &Place,
    commit: String,
    line: Option<Line>,
) -> Result<Trace, TraceError> {
    let message = place.git.line(&["log", "-1", "--format=%B", &commit])?;
    let run = message
        .lines()
        .find_map(|line| line.strip_prefix("Dark-Run: "))
        .and_then(|run| RunId::new(run).ok())
        .ok_or_else(|| TraceError::NotOurs(commit.clone()))?;
    if !factory.ledger.runs()?.contains(&run) {
        return Err(TraceError::OtherFactory(run.to_string()));
    }
    trace_run(factory, run, Some(commit), line)
}

fn trace_run(
    factory: &Factory,
    run: RunId,
    commit: Option<String>,
    line: Option<Line>,
) -> Result<Trace, TraceError> {
    let ledger = &factory.ledger;
    let entries = ledger.run(&run)?;
    let opening =
        Opening::of_run(&entries).ok_or_else(|| FactoryError::NoRun { run: run.to_string() })?;
    let loaded = opening.load(ledger).map_err(FactoryError::from)?;
    let landed = last::<ShipLanded>(&entries, SHIP_LANDED, |_| true);
    let commit = commit.or(landed.map(|landed| landed.commit));
    // Of several builds it is the one that was shipped.
    let prepared = last::<ShipPrepared>(&entries, SHIP_PREPARED, |_| true);
    let is_shipped =
        |made: &BuildMade| prepared.as_ref().is_none_or(|prepared| made.tree == prepared.tree);
    let made = last::<BuildMade>(&entries, BUILD_MADE, is_shipped);
    let action = made.map(|made| made.action);
    let call = match &action {
        Some(action) => find_call(factory, &entries, action, line.as_ref())?,
        None => None,
    };
    let stated = |one: &intent::Requirement| Stated { id: one.id.clone(), text: one.text.clone() };
    Ok(Trace {
        line,
        commit,
        action,
        call,
        requirements: loaded.intent.requirements.iter().map(stated).collect(),
        intent: opening.intent_id,
        intent_digest: opening.intent,
        signer: loaded.intent.owner,
        run,
    })
}

/// The newest call of the attempt whose answer has the line; without a line, its newest call.
fn find_call(
    factory: &Factory,
    entries: &[Entry],
    action: &ActionId,
    line: Option<&Line>,
) -> Result<Option<Call>, TraceError> {
    let calls = entries
        .iter()
        .rev()
        .filter(|entry| entry.record.event.name == MODEL_CALLED)
        .filter_map(|entry| {
            serde_json::from_value::<ModelCalled>(entry.record.event.body.clone()).ok()
        })
        .filter(|called| called.action == *action);
    let mut newest = None;
    for called in calls {
        let request = factory.ledger.body(&called.request)?;
        let reply = factory.ledger.body(&called.reply)?;
        let (Ok(request), Ok(reply)) =
            (serde_json::from_slice::<Request>(&request), serde_json::from_slice::<Reply>(&reply))
        else {
            continue;
        };
        let has = |text: &str| {
            line.is_some_and(|line| {
                text.lines().any(|found| found.trim_end() == line.text.trim_end())
            })
        };
        let answer = reply.completions.iter().position(|completion| has(&completion.text));
        let prompt =
            request.messages.last().map(|message| message.text.clone()).unwrap_or_default();
        let text =
            answer.and_then(|index| reply.completions.get(index)).map(|one| one.text.clone());
        let call = Call {
            model: called.model,
            family: called.family,
            request: called.request,
            reply: called.reply,
            answer: answer.map(|index| index + 1),
            answers: reply.completions.len(),
            prompt,
            text: text.unwrap_or_default(),
        };
        if answer.is_some() || line.is_none() {
            return Ok(Some(call));
        }
        newest.get_or_insert(call);
    }
    Ok(newest)
}
