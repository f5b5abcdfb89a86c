//! What was asked and answered: the record that scenarios look at, and that two plays of a seed share to
//! the byte.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Timestamp;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::PackError;
use crate::delivery::{Attempted, Delivery, To};

/// Exchanges that are kept: a trajectory of more looks at the end of them.
pub const JOURNAL_MAX: usize = 10_000;

/// Bytes of bodies that are kept, in all: a few files of the largest size, or any number of messages.
pub(crate) const JOURNAL_BYTES_MAX: usize = 256 << 20;

/// How much of a body is shown, in bytes.
const SHOWN_MAX: usize = 64 << 10;

/// A request with its answer, or a webhook's attempt, or a timer that failed.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Counted from 1 in each universe.
    pub number: u64,
    pub at: Timestamp,
    pub service: String,
    /// The operation, `webhook`, or the function of a timer; empty where no operation was found.
    pub operation: String,
    pub actor: Option<String>,
    pub method: String,
    /// With its query, as it was sent.
    pub target: String,
    pub request: Bytes,
    /// What the request was understood to say: all arguments by name.
    pub args: Arc<Value>,
    pub status: Option<u16>,
    pub response: Bytes,
    /// The service's error code, where it refused.
    pub refused: Option<String>,
    /// The names of the faults that struck.
    pub faults: Vec<String>,
    /// Whether the pack knows the operation. What it does not know decides no trajectory.
    pub covered: bool,
    /// What went wrong in the pack itself: a script that failed.
    pub broken: Option<String>,
}

impl Exchange {
    pub(crate) fn new(service: &str, at: Timestamp, operation: &str) -> Self {
        Self {
            number: 0,
            at,
            service: service.to_owned(),
            operation: operation.to_owned(),
            actor: None,
            method: String::new(),
            target: String::new(),
            request: Bytes::new(),
            args: Arc::new(Value::Null),
            status: None,
            response: Bytes::new(),
            refused: None,
            faults: Vec::new(),
            covered: true,
            broken: None,
        }
    }

    pub(crate) fn of_delivery(
        service: &str,
        at: Timestamp,
        delivery: &Delivery,
        attempted: &Attempted,
    ) -> Self {
        let (status, response) = match attempted {
            Attempted::Answered { status, body } => (Some(*status), body.clone()),
            Attempted::Failed { .. } => (None, Bytes::new()),
        };
        let target = match &delivery.to {
            To::Url(url) => url.clone(),
            To::Socket(name) => format!("socket:{name}"),
        };
        Self {
            method: delivery.method.clone(),
            target,
            request: delivery.body.clone(),
            status,
            response,
            refused: Some(attempted.reason().to_owned()).filter(|reason| !reason.is_empty()),
            ..Self::new(service, at, "webhook")
        }
    }

    pub(crate) fn body_bytes(&self) -> usize {
        self.request.len() + self.response.len()
    }

    pub(crate) fn of_timer(
        service: &str,
        at: Timestamp,
        function: &str,
        broken: &PackError,
    ) -> Self {
        let exchange = Self::new(service, at, function);
        match broken {
            // As it would refuse the same in a request: what a program answered to a webhook was no good.
            PackError::Refused { code, .. } => Self { refused: Some(code.clone()), ..exchange },
            broken => Self { broken: Some(base::chain(broken)), ..exchange },
        }
    }

    /// For people, `--json` and comparison. Bodies that are no text are told by their length.
    pub fn to_json(&self) -> Value {
        let fields = BTreeMap::from([
            ("number", json!(self.number)),
            ("at", json!(self.at.to_string())),
            ("service", json!(self.service)),
            ("operation", json!(self.operation)),
            ("actor", json!(self.actor)),
            ("method", json!(self.method)),
            ("target", json!(self.target)),
            ("request", shown(&self.request)),
            ("status", json!(self.status)),
            ("response", shown(&self.response)),
            ("refused", json!(self.refused)),
            ("faults", json!(self.faults)),
            ("covered", json!(self.covered)),
            ("broken", json!(self.broken)),
        ]);
        json!(fields)
    }
}

/// A body: as JSON where it is that, as text, or as its length.
fn shown(body: &Bytes) -> Value {
    if body.len() > SHOWN_MAX {
        return json!({ "bytes": body.len() });
    }
    match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        Err(_) => json!({ "bytes": body.len() }),
    }
}
