//! The in-toto Statement, version 1: a predicate about subjects
//! (<https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>).

use std::collections::BTreeMap;

use base::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AttestError, Predicate};

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// A claim about subjects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    statement_type: String,
    /// What the claim is about; each has a digest.
    pub subject: Vec<ResourceDescriptor>,
    /// Which form `predicate` has.
    pub predicate_type: String,
    pub predicate: Value,
}

impl Statement {
    /// The claim `predicate` about `subject`.
    ///
    /// # Errors
    /// When the predicate cannot be expressed in JSON.
    pub fn new<P: Predicate>(
        subject: Vec<ResourceDescriptor>,
        predicate: &P,
    ) -> Result<Self, AttestError> {
        let wrong = |source| AttestError::Predicate { kind: P::TYPE, source };
        Ok(Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject,
            predicate_type: P::TYPE.to_owned(),
            predicate: serde_json::to_value(predicate).map_err(wrong)?,
        })
    }

    /// The statement that `bytes` spell.
    ///
    /// # Errors
    /// When they are no statement of version 1.
    pub fn parse(bytes: &[u8]) -> Result<Self, AttestError> {
        let statement: Self = serde_json::from_slice(bytes).map_err(AttestError::Statement)?;
        if statement.statement_type != STATEMENT_TYPE {
            return Err(AttestError::StatementType(statement.statement_type));
        }
        Ok(statement)
    }

    /// The predicate, when it is of the kind that is asked for.
    ///
    /// # Errors
    /// When it is of another kind or not of that kind's form.
    pub fn predicate<P: Predicate>(&self) -> Result<P, AttestError> {
        if self.predicate_type != P::TYPE {
            let found = self.predicate_type.clone();
            return Err(AttestError::PredicateType { found, wanted: P::TYPE });
        }
        P::deserialize(&self.predicate)
            .map_err(|source| AttestError::Predicate { kind: P::TYPE, source })
    }
}

/// A thing and how to recognise it: at least one of `uri`, `digest` and `content` is given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDescriptor {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Algorithm to value in lower-case hex: `sha256`, `gitCommit`, `gitTree`, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// The thing itself, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, Value>,
}

impl ResourceDescriptor {
    /// Bytes that are recognised by their SHA-256.
    pub fn sha256(name: &str, digest: &Digest) -> Self {
        Self::with_digest(name, "sha256", &digest.hex())
    }

    /// A git commit, by its object name in hex.
    pub fn git_commit(name: &str, object: &str) -> Self {
        Self::with_digest(name, "gitCommit", object)
    }

    /// Something recognised by another of the framework's digest algorithms.
    pub fn with_digest(name: &str, algorithm: &str, value: &str) -> Self {
        let digest = BTreeMap::from([(algorithm.to_owned(), value.to_owned())]);
        Self { name: Some(name.to_owned()), digest, ..Self::default() }
    }
}
