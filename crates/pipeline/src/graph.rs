//! The intermediate graph: stages, edges, routing, bounds. Serialised whole into the ledger when a
//! run starts, so that a later version replays the graph that ran and not its own reading of it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base::StageId;
use serde::{Deserialize, Serialize};

use crate::Value;

/// A pipeline, lowered: every default is applied, every name resolved.
///
/// Once built, its edges are fixed; a transform (9.1) builds another graph with [`Graph::new`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Fields")]
pub struct Graph {
    pub name: String,
    pub goal: String,
    /// Graph attributes as written (2.5).
    pub attributes: BTreeMap<String, Value>,
    /// By id.
    pub stages: BTreeMap<StageId, Stage>,
    edges: Vec<Edge>,
    #[serde(skip)]
    index: Index,
}

/// Which edges leave which stage.
#[derive(Debug, Clone, PartialEq, Default)]
struct Index {
    /// Stages that an edge leaves, numbered as they first appear.
    numbers: HashMap<StageId, usize>,
    /// Where the part of `positions` that belongs to a numbered stage begins; and the end of all.
    begins: Vec<usize>,
    /// Positions of edges, those of one stage together and in the order of the source.
    positions: Vec<usize>,
}

impl Index {
    /// Takes time in proportion to the number of edges.
    fn new(edges: &[Edge]) -> Self {
        let mut numbers: HashMap<StageId, usize> = HashMap::new();
        let mut counts = Vec::new();
        let mut sources = Vec::with_capacity(edges.len());
        for edge in edges {
            let number = match numbers.get(&edge.from) {
                Some(number) => *number,
                None => {
                    numbers.insert(edge.from.clone(), counts.len());
                    counts.push(0);
                    counts.len() - 1
                }
            };
            counts[number] += 1;
            sources.push(number);
        }
        let mut begins = vec![0];
        for count in &counts {
            begins.push(begins[begins.len() - 1] + count);
        }
        let mut next = begins.clone();
        let mut positions = vec![0; edges.len()];
        for (position, number) in sources.into_iter().enumerate() {
            positions[next[number]] = position;
            next[number] += 1;
        }
        Self { numbers, begins, positions }
    }

    fn of(&self, stage: &StageId) -> &[usize] {
        self.numbers
            .get(stage)
            .map_or(&[], |number| &self.positions[self.begins[*number]..self.begins[number + 1]])
    }
}

/// A graph as it is stored: without what can be computed.
#[derive(Deserialize)]
struct Fields {
    name: String,
    goal: String,
    attributes: BTreeMap<String, Value>,
    stages: BTreeMap<StageId, Stage>,
    edges: Vec<Edge>,
}

impl From<Fields> for Graph {
    fn from(fields: Fields) -> Self {
        Self::new(fields.name, fields.goal, fields.attributes, fields.stages, fields.edges)
    }
}

impl Graph {
    /// A graph of these parts; nothing is checked (see [`crate::lint`]).
    pub fn new(
        name: String,
        goal: String,
        attributes: BTreeMap<String, Value>,
        stages: BTreeMap<StageId, Stage>,
        edges: Vec<Edge>,
    ) -> Self {
        let index = Index::new(&edges);
        Self { name, goal, attributes, stages, edges, index }
    }

    /// All edges, in the order of the source.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The edges that leave a stage, in the order of the source, each with its position in
    /// [`Graph::edges`]. Finding them takes the same time in any graph.
    pub fn outgoing(&self, stage: &StageId) -> impl Iterator<Item = (usize, &Edge)> {
        self.index.of(stage).iter().map(|position| (*position, &self.edges[*position]))
    }

    /// Where a run begins: the stage that is the start, if there is one.
    pub fn start(&self) -> Option<&Stage> {
        self.stages.values().find(|stage| stage.handler == Handler::Start)
    }

    /// Where to go when the goal gate `stage` is unsatisfied at the exit, best first (3.4): its own
    /// targets, then the graph's; only those that exist.
    pub fn retry_targets<'a>(&'a self, stage: &'a Stage) -> impl Iterator<Item = &'a StageId> {
        let own = [&stage.retry_target, &stage.fallback_retry_target].into_iter().flatten();
        own.map(StageId::as_str)
            .chain(self.retry_defaults())
            .filter_map(|id| self.stages.get_key_value(id).map(|(id, _)| id))
    }

    /// The graph's own `retry_target` and `fallback_retry_target`, as written.
    pub(crate) fn retry_defaults(&self) -> impl Iterator<Item = &str> {
        ["retry_target", "fallback_retry_target"]
            .into_iter()
            .filter_map(|key| self.attributes.get(key)?.as_str())
            .filter(|id| !id.is_empty())
    }
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
    /// [`Stage::VISITS_UNLIMITED`] where the pipeline asks for no bound.
    pub visits_max: u32,
    pub goal_gate: bool,
    pub retry_target: Option<StageId>,
    pub fallback_retry_target: Option<StageId>,
    pub timeout: Option<Duration>,
    pub allow_partial: bool,
    pub auto_status: bool,
    /// Of a [`Handler::Parallel`]: how its branches run and meet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fan_out: Option<FanOut>,
    /// Of a [`Handler::ManagerLoop`]: the pipeline that it watches, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<Box<Manager>>,
    /// Of a [`Handler::Wait`]: how long it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Duration>,
    /// Of a [`Handler::Human`]: what kind of question is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// From `class` and from enclosing subgraphs (2.10).
    pub classes: Vec<String>,
    /// All attributes as written, after defaults and stylesheet; `class` holds all classes.
    pub attributes: BTreeMap<String, Value>,
}

impl Stage {
    /// What `max_visits=0` means. Lint refuses a cycle in which every stage is unlimited.
    pub const VISITS_UNLIMITED: u32 = u32::MAX;

    /// What a model is told: the prompt, or the label where there is none (2.6).
    pub fn instruction(&self) -> &str {
        if self.prompt.is_empty() { &self.label } else { &self.prompt }
    }
}

/// How a parallel stage runs its branches, one for each edge out of it (4.8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FanOut {
    pub join: Join,
    pub on_failure: OnFailure,
    /// Branches at work at once, at least 1; the others wait for a place.
    pub branches_max: u32,
    /// The stage at which the branches end and the run goes on: the fan-in that they lead to, else
    /// the nearest stage that all of them lead to. None where their ways never meet.
    pub meets: Option<StageId>,
}

/// When a parallel stage has what it wants of its branches (4.8). Those that are not needed any more
/// are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// All have ended. It succeeds if all did, and in part otherwise.
    WaitAll,
    /// One has succeeded, or none can any more.
    FirstSuccess,
    /// As many have succeeded, or cannot any more; from 1 to the number of branches.
    KOfN(u32),
    /// As many in a hundred have succeeded, rounded up, or cannot any more.
    Quorum(u32),
}

/// What the failure of one branch means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The others go on.
    Continue,
    /// The others are given up, and the parallel stage fails.
    FailFast,
    /// The others go on, and the failure does not count.
    Ignore,
}

/// How a stage watches a pipeline of its own (4.11).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manager {
    /// The child, lowered with this pipeline, so that a run never reads a file again.
    pub child: Graph,
    pub poll: Duration,
    /// How often the child is looked at before the manager gives up on it.
    pub cycles_max: u32,
    /// As written (section 10); when it holds, the manager is content. Empty is never.
    pub stop: String,
    /// Copies what the child does into the manager's context at every look.
    pub observe: bool,
    /// Gives the stage's prompt to the child's next stages as an instruction.
    pub steer: bool,
    /// At the least this long between two times of steering.
    pub steer_cooldown: Duration,
}

/// How a person is asked (6.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub kind: Ask,
    /// `human.default_choice`: a stage that an edge leads to, or an edge's label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_choice: Option<String>,
}

/// Kinds of questions (6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    YesNo,
    #[default]
    MultipleChoice,
    /// Any text. It takes the edge that is marked `freeform=true`, else the only edge.
    Freeform,
    /// Like yes or no, of something that is about to be done.
    Confirmation,
}

/// One edge (2.7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    pub from: StageId,
    pub to: StageId,
    pub label: String,
    /// As written (section 10); parsed by [`crate::Condition`] and checked by lint. Empty is true.
    pub condition: String,
    pub weight: i64,
    pub loop_restart: bool,
    /// Out of a human gate: what a person writes who takes none of the choices goes this way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub freeform: bool,
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
    /// `wait`: lets time pass.
    Wait,
    /// `factory.check`: the checks that a builder may see, in a clean export.
    Check,
    /// `factory.prove`: every gate.
    Prove,
    /// `factory.attack`.
    Attack,
    /// `factory.ship`.
    Ship,
    /// A `type` that whoever runs the pipeline has registered.
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
