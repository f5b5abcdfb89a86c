//! The values of services: how one is started, which twins it uses, and the steps about both.
//!
//! Plain data. It refuses to know what a twin can do: kinds, operations and their arguments are the
//! twin's own words, and whoever plays a scenario finds out whether it has them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Expect, JsonPath};

/// Software that is started once and then spoken to by HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    pub name: String,
    /// The words that start it; `$PRODUCT` in a word is the product's directory.
    pub start: Vec<String>,
    /// Where it listens, on its own loopback; it is told as `PORT`.
    pub port: u16,
    /// It is ready when a GET of this answers with anything below 500.
    pub ready: String,
}

/// A row of a table: what stands below each header. Empty cells are left out.
pub type Row = BTreeMap<String, String>;

/// What a step about a service or its twins does or expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceStep {
    /// Starts the service, unless it runs, and waits until it is ready.
    Running,
    /// Starts it and waits until it is ready; what it wrote before is still there.
    Starts,
    /// SIGTERM, and SIGKILL a little later.
    Stops,
    /// [`Self::Stops`] and [`Self::Starts`].
    Restarts,
    /// SIGKILL, to it and all that it started.
    Killed,
    /// It has not come to an end.
    StillRunning,
    /// A header of the next request.
    GivenHeader {
        name: String,
        value: String,
    },
    Request {
        method: String,
        target: String,
        body: Body,
    },
    Status {
        code: u16,
    },
    Response {
        expect: Expect,
    },
    ResponseHeader {
        name: String,
        expect: Expect,
    },
    Json {
        path: JsonPath,
        expect: JsonExpect,
    },
    /// Names a value of the response; `{NAME}` stands for it in later steps.
    KeepJson {
        path: JsonPath,
        name: String,
    },
    KeepHeader {
        header: String,
        name: String,
    },
    /// Each row to the twin's `step_KIND`.
    Tell {
        service: String,
        kind: String,
        rows: Vec<Row>,
    },
    /// How many records the twin's `step_KIND` gives.
    Counts {
        of: Query,
        containing: Option<String>,
        count: u32,
    },
    /// Which they are, in order; only the columns of the table are looked at.
    Are {
        of: Query,
        rows: Vec<Row>,
    },
    /// How many calls of an operation the twin has had.
    Asked {
        service: String,
        operation: String,
        count: u32,
        or_more: bool,
    },
    /// Rules of what goes wrong, by the names of their fields.
    Fails {
        service: String,
        rules: Vec<Row>,
    },
    /// The twins' clock moves; webhooks that fall due arrive.
    Passes {
        time: Duration,
    },
    /// Real time passes.
    Waits {
        time: Duration,
    },
    /// The expectation is looked at again until it holds, for so much real time at the most.
    Within {
        limit: Duration,
        step: Box<ServiceStep>,
    },
}

/// What a twin is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    pub service: String,
    pub kind: String,
    /// `in` or `for`, and what stands behind it.
    pub place: Option<(String, String)>,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    None,
    Json(String),
    Text(String),
    Form(Vec<(String, String)>),
}

/// What is expected of one value of a JSON response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonExpect {
    /// A string, as this expects it.
    Text(Expect),
    /// This value, written as JSON.
    Is(String),
    /// A list of so many.
    Items(u32),
    Exists,
    Missing,
}

impl ServiceStep {
    /// Whether it expects something, so that it can fail a scenario.
    pub fn expects(&self) -> bool {
        match self {
            Self::StillRunning
            | Self::Status { .. }
            | Self::Response { .. }
            | Self::ResponseHeader { .. }
            | Self::Json { .. }
            | Self::Counts { .. }
            | Self::Are { .. }
            | Self::Asked { .. }
            | Self::Within { .. } => true,
            Self::Running
            | Self::Starts
            | Self::Stops
            | Self::Restarts
            | Self::Killed
            | Self::GivenHeader { .. }
            | Self::Request { .. }
            | Self::KeepJson { .. }
            | Self::KeepHeader { .. }
            | Self::Tell { .. }
            | Self::Fails { .. }
            | Self::Passes { .. }
            | Self::Waits { .. } => false,
        }
    }

    /// Whether it is about the response to the last request.
    pub fn is_about_response(&self) -> bool {
        matches!(
            self,
            Self::Status { .. }
                | Self::Response { .. }
                | Self::ResponseHeader { .. }
                | Self::Json { .. }
                | Self::KeepJson { .. }
                | Self::KeepHeader { .. }
        )
    }

    /// Whether it can be looked at again: what is told by a twin, and not by one response.
    pub fn can_wait(&self) -> bool {
        matches!(self, Self::Counts { .. } | Self::Are { .. } | Self::Asked { .. })
    }

    /// Whether the service runs from here on, as far as a scenario can know.
    pub fn starts(&self) -> bool {
        matches!(self, Self::Running | Self::Starts | Self::Restarts)
    }

    /// The twin that it is about.
    pub fn twin(&self) -> Option<&str> {
        match self {
            Self::Tell { service, .. }
            | Self::Asked { service, .. }
            | Self::Fails { service, .. } => Some(service),
            Self::Counts { of, .. } | Self::Are { of, .. } => Some(&of.service),
            Self::Within { step, .. } => step.twin(),
            _ => None,
        }
    }
}
