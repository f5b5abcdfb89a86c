//! The one append-only log of everything that happened, and the evidence made from it.
//!
//! Entries are canonical JSON (RFC 8785) and the leaves of a Merkle tree (RFC 6962) whose heads are
//! signed notes (C2SP). Large bodies lie beside the log under their digests. This crate refuses to
//! know what events mean: it stores, proves and signs.

use base::{Digest, RequirementId, RunId, Timestamp};
use serde::{Deserialize, Serialize};

/// Who did it: `person:ada@example.com`, `engine`, `hand`, `agent:<name>`, `model:<name>`, `gate:<name>`.
pub type Actor = String;

/// Something that happened, before the ledger has given it its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub time: Timestamp,
    /// The run that it belongs to, if it belongs to one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<RunId>,
    pub actor: Actor,
    /// What the work is charged to.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub requirements: Vec<RequirementId>,
    pub event: Event,
    /// Large bodies that the event speaks of, in the content-addressed store.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub bodies: Vec<Digest>,
}

/// An event's name and meaning are never reused; a changed shape gets a higher version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Dotted, past tense: `run.stage-finished`, `model.called`.
    pub name: String,
    pub version: u32,
    pub body: serde_json::Value,
}

/// A record at its place in the log. Its canonical JSON bytes are the leaf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 0 without gaps.
    pub sequence: u64,
    #[serde(flatten)]
    pub record: Record,
}
