//! The intermediate graph: stages, edges, routing, bounds. Serialised whole into the ledger when a
//! run starts, so that a later version replays the graph that ran and not its own reading of it.

use std::collections::BTreeMap;
use std::time::Duration;

use base::StageId;
use serde::{Deserialize, Serialize};

/// A pipeline, lowered: every default is applied, every name resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    pub name: String,
    pub goal: String,
    /// Graph attributes as written, after defaults (2.5).
    pub attributes: BTreeMap<String, Value>,
    /// In the order of the source.
    pub stages: BTreeMap<StageId, Stage>,
    /// In the order of the source.
    pub edges: Vec<Edge>,
}

/// One node (2.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    pub id: StageId,
    pub label: String,
    pub handler: Handler,
    /// With `$goal` expanded; empty where the stage has none.
    pub prompt: String,
    pub retry: Retry,
    /// How often a run may enter this stage (ours: `max_visits`); the bound on every loop.
    pub visits_max: u32,
    pub goal_gate: bool,
    pub retry_target: Option<StageId>,
    pub fallback_retry_target: Option<StageId>,
    pub timeout: Option<Duration>,
    pub allow_partial: bool,
    pub auto_status: bool,
    /// From `class` and from enclosing subgraphs (2.10).
    pub classes: Vec<String>,
    /// All attributes as written, after defaults and stylesheet.
    pub attributes: BTreeMap<String, Value>,
}

/// One edge (2.7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    pub from: StageId,
    pub to: StageId,
    pub label: String,
    /// As written (section 10); parsed by [`crate::Condition`] and checked by lint.
    pub condition: String,
    pub weight: i64,
    pub loop_restart: bool,
    pub attributes: BTreeMap<String, Value>,
}

/// What performs a stage (2.8): by `type`, else by shape.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handler {
    Start,
    Exit,
    /// `codergen`: an agent works in the run's workspace.
    Agent,
    /// `wait.human`.
    Human,
    Conditional,
    Parallel,
    FanIn,
    /// `tool`: a shell command in the sandbox.
    Tool,
    ManagerLoop,
    /// `factory.check`: the checks that a builder may see, in a clean export.
    Check,
    /// `factory.prove`: every gate.
    Prove,
    /// `factory.attack`.
    Attack,
    /// `factory.ship`.
    Ship,
    /// A `type` that this version does not know.
    Custom(String),
}

/// How often and how soon a stage is tried again (3.5, 3.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// 1 means no retry.
    pub attempts_max: u32,
    pub backoff: Backoff,
}

/// The delay before attempt n+1 is `initial * factor^(n-1)`, at most `max`, times a jitter in
/// [0.5, 1.5) drawn from the run's seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    pub initial: Duration,
    pub factor: f64,
    pub max: Duration,
    pub jitter: bool,
}

/// An attribute's value (2.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Duration { ms: u64 },
    String(String),
}
