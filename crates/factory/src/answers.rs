//! A person's answer to a run that waits: signed by them, checked against the people whom the
//! factory trusts, and kept on the ledger beside the engine's own event.

use std::path::Path;

use base::{ActionId, Digest};
use ledger::{Ledger, LedgerError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use ship::ssh::{self, SshError};

use runner::{Observation, Recorder};

/// The entry of a signed answer.
pub(crate) const ANSWER_SIGNED: &str = "answer.signed";
/// What answers are signed under, so that no other signature can pass for one.
pub const ANSWER_NAMESPACE: &str = "dark-factory.answer";

/// An answer and who gave it; the signature is a body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerSigned {
    pub action: ActionId,
    pub choice: String,
    pub by: String,
    pub signature: Digest,
}

/// What exactly is signed: `<action> <choice>` and a newline.
pub(crate) fn message(action: &ActionId, choice: &str) -> String {
    format!("{action} {choice}\n")
}

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    #[error(transparent)]
    Ssh(#[from] SshError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Whether a recorded answer is signed by whom it says, as `people` lists them.
///
/// # Errors
/// When it is not, or its signature is lost.
pub(crate) fn verify(
    answer: &AnswerSigned,
    ledger: &Ledger,
    people: &Path,
) -> Result<(), AnswerError> {
    let text = message(&answer.action, &answer.choice);
    let signature = ledger.body(&answer.signature)?;
    let signature = String::from_utf8_lossy(&signature);
    ssh::verify(people, &answer.by, ANSWER_NAMESPACE, text.as_bytes(), &signature)?;
    Ok(())
}

/// Signs `choice` with `key`, checks that it is `by`'s, and records it.
///
/// # Errors
/// When the key cannot be used, or is not one that `people` lists for `by`.
pub fn sign(
    recorder: &Recorder,
    action: &ActionId,
    choice: &str,
    by: &str,
    key: &Path,
    people: &Path,
) -> Result<(), AnswerError> {
    let text = message(action, choice);
    let signature = ssh::sign(key, ANSWER_NAMESPACE, text.as_bytes())?;
    ssh::verify(people, by, ANSWER_NAMESPACE, text.as_bytes(), &signature)?;
    let body = recorder.ledger.put_body(signature.as_bytes())?;
    let signed = AnswerSigned {
        action: action.clone(),
        choice: choice.to_owned(),
        by: by.to_owned(),
        signature: body,
    };
    recorder.observe(Observation {
        actor: format!("person:{by}"),
        name: ANSWER_SIGNED,
        body: json!(signed),
        bodies: vec![body],
    })?;
    Ok(())
}
