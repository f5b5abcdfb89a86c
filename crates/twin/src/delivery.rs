//! Webhooks and other calls that a service makes: what to send where, how often to try, and what came of
//! it. It refuses to know how anything is sent.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

/// The most of an answer to a webhook that is looked at, in bytes.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    Url(String),
    /// Any open socket of this name.
    Socket(String),
}

/// One call that a service makes, possibly several times.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Of this universe; a retry keeps it.
    pub id: u64,
    pub(crate) twin: usize,
    /// A `webhooks` policy of the pack.
    pub policy: String,
    pub to: To,
    pub method: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// Attempts before this one.
    pub attempt: u32,
    /// Why the attempt before this one failed.
    pub last: Option<String>,
    /// What the pack's `sign` needs: which key, which app.
    pub about: Arc<Value>,
    /// The pack's function that is told of the outcome.
    pub then: Option<Arc<str>>,
    pub timeout_ms: u64,
}

impl Delivery {
    /// What `then` is called with.
    pub(crate) fn reported(&self, attempted: &Attempted) -> Arc<Value> {
        let (status, body) = match attempted {
            Attempted::Answered { status, body } => {
                (Some(*status), Some(String::from_utf8_lossy(body).into_owned()))
            }
            Attempted::Failed { .. } => (None, None),
        };
        Arc::new(json!({
            "about": *self.about, "attempts": self.attempt + 1, "status": status, "body": body,
            "reason": attempted.reason(),
        }))
    }
}

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted {
    /// Somebody answered; a text sent to a socket counts as 200.
    Answered { status: u16, body: Bytes },
    /// Nobody did: `reason` is one of `http_timeout`, `connection_failed`, `ssl_error`, `no_socket`.
    Failed { reason: String },
}

impl Attempted {
    pub(crate) fn answered(&self) -> bool {
        matches!(self, Self::Answered { .. })
    }

    /// Whether the receiver took it.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Answered { status: 200..=299, .. })
    }

    /// Why it is to be tried again.
    pub fn reason(&self) -> &str {
        match self {
            Self::Answered { .. } if self.is_ok() => "",
            Self::Answered { .. } => "http_error",
            Self::Failed { reason } => reason,
        }
    }
}
