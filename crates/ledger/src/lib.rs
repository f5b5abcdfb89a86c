//! The one append-only log of everything that happened, and the evidence made from it.
//!
//! Entries are canonical JSON (RFC 8785) and the leaves of a Merkle tree (RFC 6962) whose heads are
//! signed notes (C2SP). Large bodies lie beside the log under their digests. This crate refuses to
//! know what events mean: it stores, proves and signs.

pub mod attest;
mod checkpoint;
mod error;
mod key;
mod ledger;
mod note;
mod plain;
mod proof;
mod readers;
mod record;
mod rows;
mod run_entries;
mod schema;
mod tree;
mod verify;
mod writer;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use error::LedgerError;
pub use key::{KeyError, KeyRole, LedgerKey, VerifierKey, public_pem};
pub use ledger::{APPEND_RECORDS_MAX, BODY_BYTES_MAX, Ledger};
pub use note::{Note, NoteError, NoteSignature};
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use record::{Actor, ENTRY_BYTES_MAX, EVENT_DEPTH_MAX, Entry, Event, Record};
pub use run_entries::RunEntries;
pub use tree::{Hash, empty_root, leaf_hash, node_hash};
pub use verify::{FINDINGS_MAX, Progress, Tampering, Verified, VerifyError};
