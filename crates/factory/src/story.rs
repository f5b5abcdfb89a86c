//! What the ledger tells of a run, for people: where it stands, what happened, its case.

use base::{Branch, RunId, StageId};
use engine::{Ending, Event, Phase, State, Status};
use ledger::{Entry, Ledger};
use serde::Serialize;

use crate::canaries::{CANARY_FOUND, CanaryFound};
use crate::factory::{FactoryError, replay};
use crate::hands::{
    BUILD_MADE, BuildMade, JUDGE_ASKED, JUDGE_CALIBRATED, JudgeAsked, MODEL_CALLED, PROOF_MADE,
    ProofMade, SHIP_LANDED, ShipLanded, last,
};
use crate::opening::Opening;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub run: RunId,
    pub intent: String,
    pub line: String,
    /// `shipped`, `completed`, `held`, `cancelled`, `waiting` or `open`.
    pub stands: &'static str,
    /// The commit, the reason, the question or the stage.
    pub detail: String,
    pub level: Option<u8>,
    pub commit: Option<String>,
    pub spend: base::Spend,
    pub model_calls: usize,
}

/// Where `run` stands, from its ledger.
///
/// # Errors
/// When there is no such run or it cannot be replayed.
pub fn summary(ledger: &Ledger, run: &RunId) -> Result<Summary, FactoryError> {
    let entries = ledger.run(run)?;
    let opening =
        Opening::of_run(&entries).ok_or_else(|| FactoryError::NoRun { run: run.to_string() })?;
    let state = replay(ledger, run, &opening, &entries)?;
    let landed = last::<ShipLanded>(&entries, SHIP_LANDED, |_| true);
    let commit = landed.map(|landed| landed.commit);
    let (stands, detail) = match (state.ending(), state.current()) {
        (Some(Ending::Completed), _) => match &commit {
            Some(commit) => ("shipped", commit.clone()),
            None => ("completed", "its pipeline ships nothing".to_owned()),
        },
        (Some(ending @ Ending::Held { .. }), _) => ("held", ending_in_words(ending)),
        (Some(ending @ Ending::Cancelled { .. }), _) => ("cancelled", ending_in_words(ending)),
        (None, Some(current)) => match questions(&state) {
            asked if asked.is_empty() => {
                ("open", format!("at {}; go on with: dark resume {run}", current.stage))
            }
            asked => ("waiting", asked.join("; ")),
        },
        (None, None) => ("open", format!("not started; go on with: dark resume {run}")),
    };
    let proven = last::<ProofMade>(&entries, PROOF_MADE, |_| true);
    Ok(Summary {
        run: run.clone(),
        intent: format!("{}@{}", opening.intent_id, opening.intent),
        line: opening.line.to_string(),
        stands,
        detail,
        level: proven.map(|proven| proven.level),
        commit,
        spend: state.spend(),
        model_calls: named(&entries, MODEL_CALLED),
    })
}

/// What people are asked, in every branch.
fn questions(state: &State) -> Vec<String> {
    let asked = state.branches().filter_map(|current| match current.phase {
        Phase::Asking { question } => Some(question.text.clone()),
        _ => None,
    });
    asked.collect()
}

/// A branch in front of a stage's name, as `fan[1]/`; nothing for the main line.
fn in_branch(branch: &Branch) -> String {
    branch.forks().iter().map(|fork| format!("{}[{}]/", fork.stage, fork.index)).collect()
}

fn named(entries: &[Entry], name: &str) -> usize {
    entries.iter().filter(|entry| entry.record.event.name == name).count()
}

/// An ending as a person would say it.
pub fn ending_in_words(ending: &Ending) -> String {
    match ending {
        Ending::Completed => "completed".to_owned(),
        Ending::Held { reason } => reason.clone(),
        Ending::Cancelled { by } => format!("cancelled by {by}"),
    }
}

/// What happened, a line an entry that a person wants to know of.
///
/// # Errors
/// When the ledger cannot be read.
pub fn story(ledger: &Ledger, run: &RunId) -> Result<Vec<String>, FactoryError> {
    let entries = ledger.run(run)?;
    let begun = entries.first().map_or_else(Default::default, |entry| entry.record.time);
    let told = entries.iter().filter_map(|entry| {
        let after = entry.record.time.since(begun).as_secs_f64();
        told(entry).map(|line| format!("{after:>7.1}s  {line}"))
    });
    Ok(told.collect())
}

fn told(entry: &Entry) -> Option<String> {
    let stored = &entry.record.event;
    let text = |key: &str| stored.body[key].as_str().unwrap_or_default().to_owned();
    if let Ok(event) = Event::from_body(&stored.name, stored.version, &stored.body) {
        return match event {
            Event::StageFinished { branch, stage, visit, outcome, .. } => {
                let how = match outcome.status {
                    Status::Success => "succeeded",
                    Status::PartialSuccess => "succeeded in part",
                    Status::Retry => "wants another try",
                    Status::Fail => "failed",
                    Status::Skipped => "was skipped",
                };
                let visit = if visit > 1 { format!(" (visit {visit})") } else { String::new() };
                let note = outcome.note.lines().next().unwrap_or_default();
                let branch = in_branch(&branch);
                (!note.is_empty()).then(|| format!("{branch}{stage}{visit} {how}: {note}"))
            }
            Event::QuestionAsked { question, .. } => Some(format!("asked: {}", question.text)),
            Event::QuestionAnswered { choice, by, .. } => Some(format!("{by} answered {choice}")),
            Event::BranchesOpened { stage, to, .. } if to.len() > 1 => {
                let to: Vec<&str> = to.iter().map(StageId::as_str).collect();
                Some(format!("{stage} runs side by side: {}", to.join(", ")))
            }
            Event::RunEnded { ending, .. } => Some(ending_in_words(&ending)),
            _ => None,
        };
    }
    match stored.name.as_str() {
        MODEL_CALLED => Some(format!(
            "{} answered; prompt {}, answer {}",
            text("model"),
            text("request"),
            text("reply")
        )),
        CANARY_FOUND => {
            let found: CanaryFound = serde_json::from_value(stored.body.clone()).ok()?;
            let CanaryFound { place, scenario, rule, .. } = found;
            Some(format!("{place} gives scenario {scenario} away: refused by rule {rule}"))
        }
        JUDGE_ASKED => {
            let asked: JudgeAsked = serde_json::from_value(stored.body.clone()).ok()?;
            let verdict = match asked.verdict {
                Some(true) => "yes",
                Some(false) => "no",
                None => "neither yes nor no",
            };
            let example = if asked.wanted.is_some() { " of an example" } else { "" };
            Some(format!("judge {} said {verdict}{example}", asked.model))
        }
        JUDGE_CALIBRATED => {
            let count = |key: &str| stored.body[key].as_u64().unwrap_or_default();
            let (right, examples) = (count("right"), count("examples"));
            Some(format!("judge {} told {right} of {examples} examples right", text("model")))
        }
        BUILD_MADE => {
            let made: BuildMade = serde_json::from_value(stored.body.clone()).ok()?;
            Some(format!(
                "{} made tree {}: {} of {} visible checks",
                made.agent, made.tree, made.checks_passed, made.checks
            ))
        }
        _ => None,
    }
}

/// The newest case of a run, in Markdown.
///
/// # Errors
/// When the ledger cannot be read.
pub fn case_of(ledger: &Ledger, run: &RunId) -> Result<Option<String>, FactoryError> {
    let entries = ledger.run(run)?;
    let Some(proven) = last::<ProofMade>(&entries, PROOF_MADE, |_| true) else { return Ok(None) };
    Ok(Some(String::from_utf8_lossy(&ledger.body(&proven.case)?).into_owned()))
}
