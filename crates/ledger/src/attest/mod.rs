//! Attestations: what the factory claims about an artefact, in the forms that others already verify.
//!
//! in-toto statements (<https://in-toto.io/Statement/v1>) in DSSE envelopes
//! (<https://github.com/secure-systems-lab/dsse>), signed with the ledger's key. This module refuses
//! to know whether a claim is true.

mod envelope;
mod predicate;
mod statement;

pub use envelope::{Envelope, EnvelopeSignature, PAYLOAD_TYPE, key_id};
pub use predicate::{
    BuildDefinition, BuildMetadata, Builder, Predicate, Provenance, RunDetails, TestOutcome,
    TestResult, VerificationResult, Verifier,
};
pub use statement::{ResourceDescriptor, Statement};

/// Why an attestation cannot be made or relied on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttestError {
    #[error("the envelope is not readable JSON of the DSSE form")]
    Envelope(#[source] serde_json::Error),
    #[error("the envelope carries `{0}`, where an in-toto statement was expected")]
    PayloadType(String),
    #[error("the envelope's {0} is not base64")]
    Base64(&'static str),
    #[error("no trusted key signed this envelope: it was altered, or signed by somebody else")]
    Untrusted,
    #[error("the payload is not an in-toto statement")]
    Statement(#[source] serde_json::Error),
    #[error("the statement's type is `{0}`, which this program does not know")]
    StatementType(String),
    #[error("the statement says `{found}`, where `{wanted}` was expected")]
    PredicateType { found: String, wanted: &'static str },
    #[error("the statement's predicate does not have the form of `{kind}`")]
    Predicate {
        kind: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error(transparent)]
    Canonical(#[from] base::CanonicalError),
}
