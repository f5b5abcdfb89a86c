//! The status file (appendix C): how a program or an agent says what became of a stage.

use std::collections::BTreeMap;

use base::StageId;
use engine::{Outcome, Status};
use serde::Deserialize;
use serde_json::Value;

/// Bytes of a status file: it says what became of a stage and carries a few facts.
pub(crate) const STATUS_BYTES_MAX: usize = 256 * 1024;

/// A text is no status.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    #[error("status is no JSON object with an `outcome`: {0}")]
    Json(#[from] serde_json::Error),
    #[error("status has {0} bytes, and {STATUS_BYTES_MAX} are read")]
    TooLarge(usize),
    #[error("status says no `outcome`: write `success`, `fail` or a word of the pipeline's own")]
    Empty,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    outcome: String,
    /// What some programs write in place of `outcome`.
    #[serde(default)]
    status: String,
    #[serde(default, alias = "preferred_next_label")]
    preferred_label: Option<String>,
    #[serde(default)]
    suggested_next_ids: Vec<String>,
    #[serde(default)]
    context_updates: BTreeMap<String, Value>,
    #[serde(default)]
    notes: String,
    #[serde(default)]
    failure_reason: String,
}

/// The outcome that a status file tells. A word that names no status is a custom outcome of a stage
/// that succeeded; `succeeded`, `failed` and `failure` are taken for what they mean.
///
/// # Errors
/// When it is none; what it says then is unknown, and no success.
pub fn parse(text: &str) -> Result<Outcome, StatusError> {
    if text.len() > STATUS_BYTES_MAX {
        return Err(StatusError::TooLarge(text.len()));
    }
    let file: File = serde_json::from_str(text)?;
    let written = if file.outcome.trim().is_empty() { &file.status } else { &file.outcome };
    let word = written.trim();
    let status = match word.to_lowercase().as_str() {
        "" => return Err(StatusError::Empty),
        "success" | "succeeded" => Some(Status::Success),
        "partial_success" => Some(Status::PartialSuccess),
        "retry" => Some(Status::Retry),
        "fail" | "failed" | "failure" => Some(Status::Fail),
        "skipped" => Some(Status::Skipped),
        _ => None,
    };
    let failed = matches!(status, Some(Status::Fail | Status::Retry));
    let note =
        if failed && !file.failure_reason.is_empty() { file.failure_reason } else { file.notes };
    let mut outcome = Outcome::new(status.unwrap_or(Status::Success), note);
    outcome.custom = status.is_none().then(|| word.to_owned());
    outcome.preferred_label = file.preferred_label.filter(|label| !label.is_empty());
    let ids = file.suggested_next_ids.iter();
    outcome.suggested_next = ids.filter_map(|id| StageId::new(id).ok()).collect();
    let updates = file.context_updates.into_iter();
    outcome.context = updates.map(|(key, value)| (key, scalar(value))).collect();
    Ok(outcome)
}

/// What an outcome looks like in a status file.
pub(crate) fn of(outcome: &Outcome) -> Value {
    let ids: Vec<&str> = outcome.suggested_next.iter().map(StageId::as_str).collect();
    serde_json::json!({
        "outcome": outcome.word(),
        "status": outcome.status.as_str(),
        "preferred_label": outcome.preferred_label.as_deref().unwrap_or(""),
        "suggested_next_ids": ids,
        "context_updates": outcome.context,
        "notes": outcome.note,
    })
}

fn scalar(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_file_is_read_as_appendix_c_has_it() {
        let text = r#"{ "outcome": "partial_success", "preferred_label": "Fix",
            "suggested_next_ids": ["a", "not an id"],
            "context_updates": { "tests": 3, "nested.key": "value" }, "notes": "two are missing" }"#;
        let outcome = parse(text).unwrap();
        assert_eq!(outcome.status, Status::PartialSuccess);
        assert_eq!(outcome.preferred_label.as_deref(), Some("Fix"));
        assert_eq!(outcome.suggested_next, [StageId::new("a").unwrap()]);
        assert_eq!(outcome.context["tests"], "3");
        assert_eq!(outcome.note, "two are missing");
        assert_eq!(parse(&of(&outcome).to_string()).unwrap(), outcome);
    }

    #[test]
    fn a_word_of_the_pipelines_own_is_a_custom_outcome() {
        let outcome = parse(r#"{ "outcome": "needs_dod" }"#).unwrap();
        assert_eq!((outcome.status, outcome.word()), (Status::Success, "needs_dod"));
        assert_eq!(parse(r#"{ "status": "failed" }"#).unwrap().status, Status::Fail);
    }

    #[test]
    fn what_is_no_status_is_no_success() {
        for text in ["", "{}", "null", r#"{"outcome": 3}"#, r#"{"outcome": " "}"#, "[]"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
