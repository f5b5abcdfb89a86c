//! A graph made ready to run: stages by number, edges by stage, conditions parsed once.
//!
//! Made from the graph alone, so that it is never stored. What makes a graph unfit to run is found
//! here and refused when the run starts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::StageId;
use pipeline::{
    Ask, Condition, Edge, FanOut, Graph, Handler, Join, Manager, OnFailure, Retry, Stage, Value,
};

use crate::{Context, Refusal, Why};

/// Branches at work at once where a graph does not say (4.8).
const BRANCHES_AT_ONCE: u32 = 4;

/// See the module.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    numbers: BTreeMap<StageId, usize>,
    pub(crate) start: usize,
    /// Goal gates, in the order of their ids.
    pub(crate) gates: Vec<usize>,
    /// The graph's own retry targets, for goal gates that have none.
    pub(crate) retry_targets: Vec<usize>,
    /// The context at the start: the graph's attributes (3.1, step 4).
    pub(crate) initial: Context,
    /// Why this graph cannot run, if it cannot.
    pub(crate) fault: Option<Refusal>,
}

/// Two plans of equal graphs are equal, and states compare their graphs.
impl PartialEq for Plan {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// One stage, ready to run.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) id: StageId,
    pub(crate) label: String,
    pub(crate) handler: Handler,
    pub(crate) role: Role,
    pub(crate) retry: Retry,
    pub(crate) visits_max: u32,
    /// Its retry target and its fallback, as far as they exist.
    pub(crate) retry_targets: Vec<usize>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) allow_partial: bool,
    /// In the order of the source.
    pub(crate) ways: Vec<Way>,
    /// Numbers of `ways`, highest weight first, then by the target's id (3.3, steps 4 and 5).
    pub(crate) best: Vec<usize>,
    /// The way that a question takes when nobody answers in time.
    pub(crate) default_way: Option<usize>,
    /// The way that a question takes for a text that is none of its choices.
    pub(crate) freeform_way: Option<usize>,
    pub(crate) kind: Ask,
    pub(crate) pause: Option<Duration>,
    pub(crate) fork: Option<Fork>,
    pub(crate) watch: Option<Watch>,
}

/// How the branches of a parallel stage run.
#[derive(Debug)]
pub(crate) struct Fork {
    pub(crate) join: Join,
    pub(crate) on_failure: OnFailure,
    pub(crate) branches_max: usize,
    pub(crate) meets: Option<usize>,
}

/// How a manager watches its child.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) child: Arc<Plan>,
    pub(crate) poll: Duration,
    pub(crate) cycles_max: u32,
    pub(crate) stop: Option<Condition>,
    pub(crate) observe: bool,
    /// What the child is told, if anything.
    pub(crate) steer: Option<String>,
    pub(crate) cooldown: Duration,
}

/// Who performs a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The engine, at once: it does nothing.
    Start,
    /// The engine, at once: it passes the last outcome on to its edges.
    Conditional,
    /// The engine, at once: it checks the goal gates and ends the run.
    Exit,
    /// A person.
    Human,
    /// Branches.
    Parallel,
    /// The engine, at once: it chooses among what the branches came to.
    FanIn,
    /// A child pipeline.
    Manager,
    /// The clock.
    Wait,
    /// A hand.
    Work,
}

/// One edge out of a stage.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) to: usize,
    /// The label, or the target's id where it has none.
    pub(crate) name: String,
    /// The label as [`normal`] gives it; empty where there is none.
    pub(crate) label: String,
    pub(crate) condition: Option<Condition>,
    pub(crate) written: String,
    pub(crate) weight: i64,
    pub(crate) restart: bool,
    pub(crate) freeform: bool,
    /// Its position among all edges of the graph.
    pub(crate) edge: usize,
}

impl Plan {
    pub(crate) fn new(graph: &Graph) -> Self {
        let ids: Vec<&StageId> = graph.stages.keys().collect();
        let numbers: BTreeMap<StageId, usize> =
            ids.iter().enumerate().map(|(number, id)| ((*id).clone(), number)).collect();
        let mut plan = Self {
            steps: graph.stages.values().map(|stage| Step::new(stage, &numbers)).collect(),
            start: 0,
            gates: graph.stages.values().filter(|s| s.goal_gate).map(|s| numbers[&s.id]).collect(),
            retry_targets: ["retry_target", "fallback_retry_target"]
                .iter()
                .filter_map(|key| numbers.get(graph.attributes.get(*key)?.as_str()?).copied())
                .collect(),
            initial: initial(graph),
            fault: None,
            numbers,
        };
        plan.fault = plan.connect(graph).err();
        plan
    }

    /// The number of a stage.
    pub(crate) fn number(&self, stage: &StageId) -> Option<usize> {
        self.numbers.get(stage).copied()
    }

    /// The same, fast where the stage is the one that `near` numbers, as it nearly always is.
    pub(crate) fn number_near(&self, near: usize, stage: &StageId) -> Option<usize> {
        if self.steps[near].id == *stage { Some(near) } else { self.number(stage) }
    }

    /// The number of the stage that follows `from`, fast where one of its first edges leads there.
    pub(crate) fn number_after(&self, from: usize, stage: &StageId) -> Option<usize> {
        /// Edges to look at before the map of all stages is quicker.
        const EDGES: usize = 4;
        let mut ways = self.steps[from].ways.iter().take(EDGES).map(|way| way.to);
        ways.find(|to| self.steps[*to].id == *stage).or_else(|| self.number(stage))
    }

    fn connect(&mut self, graph: &Graph) -> Result<(), Refusal> {
        for (position, edge) in graph.edges().iter().enumerate() {
            let (Some(from), Some(to)) = (self.number(&edge.from), self.number(&edge.to)) else {
                return Err(Refusal::NoStage { from: edge.from.clone(), to: edge.to.clone() });
            };
            let way = Way::new(edge, position, to)?;
            self.steps[from].ways.push(way);
        }
        let ids: Vec<StageId> = self.steps.iter().map(|step| step.id.clone()).collect();
        for (step, stage) in self.steps.iter_mut().zip(graph.stages.values()) {
            step.finish(stage, &ids)?;
        }
        let mut starts = (0..self.steps.len()).filter(|n| self.steps[*n].role == Role::Start);
        self.start = starts.next().ok_or(Refusal::NoStart)?;
        if let Some(second) = starts.next() {
            let id = |number: usize| self.steps[number].id.clone();
            return Err(Refusal::TwoStarts { first: id(self.start), second: id(second) });
        }
        if !self.steps.iter().any(|step| step.role == Role::Exit) {
            return Err(Refusal::NoExit);
        }
        Ok(())
    }
}

impl Step {
    fn new(stage: &Stage, numbers: &BTreeMap<StageId, usize>) -> Self {
        let targets = [&stage.retry_target, &stage.fallback_retry_target];
        let fan_out = stage.fan_out.as_ref();
        let is_fork = stage.handler == Handler::Parallel;
        let gate = stage.gate.as_ref();
        Self {
            id: stage.id.clone(),
            label: stage.label.clone(),
            handler: stage.handler.clone(),
            role: match stage.handler {
                Handler::Start => Role::Start,
                Handler::Exit => Role::Exit,
                Handler::Conditional => Role::Conditional,
                Handler::Human => Role::Human,
                Handler::Parallel => Role::Parallel,
                // With a prompt it is judged, which is a hand's work (4.9).
                Handler::FanIn if stage.prompt.is_empty() => Role::FanIn,
                Handler::ManagerLoop => Role::Manager,
                Handler::Wait => Role::Wait,
                _ => Role::Work,
            },
            retry: stage.retry.clone(),
            visits_max: stage.visits_max,
            retry_targets: targets
                .into_iter()
                .flatten()
                .filter_map(|target| numbers.get(target).copied())
                .collect(),
            timeout: stage.timeout,
            allow_partial: stage.allow_partial,
            ways: Vec::new(),
            best: Vec::new(),
            default_way: None,
            freeform_way: None,
            kind: gate.map_or_else(Ask::default, |gate| gate.kind),
            pause: stage.pause,
            fork: is_fork.then(|| Fork::new(fan_out, numbers)),
            watch: None,
        }
    }

    /// Checks what can be checked only once all edges are known, and puts them in order.
    fn finish(&mut self, stage: &Stage, ids: &[StageId]) -> Result<(), Refusal> {
        if self.role == Role::Manager {
            let manager = stage.manager.as_deref();
            let manager = manager.ok_or_else(|| Refusal::NoChild { stage: self.id.clone() })?;
            self.watch = Some(Watch::new(manager, stage)?);
        }
        let ways = &self.ways;
        self.best = (0..ways.len()).collect();
        self.best.sort_by_key(|n| (std::cmp::Reverse(ways[*n].weight), &ids[ways[*n].to]));
        if self.role != Role::Human {
            return Ok(());
        }
        // A question for a text alone needs no mark on the edge.
        let marked = ways.iter().position(|way| way.freeform);
        let only_text = || (self.kind == Ask::Freeform).then(|| self.best.first().copied());
        self.freeform_way = marked.or_else(|| only_text().flatten());
        for (n, way) in ways.iter().enumerate() {
            if ways[..n].iter().any(|other| other.name == way.name) {
                let (stage, choice) = (self.id.clone(), way.name.clone());
                return Err(Refusal::SameChoice { stage, choice });
            }
        }
        let default = stage.gate.as_ref().and_then(|gate| gate.default_choice.clone());
        let written = || stage.attributes.get("human.default_choice").map(Value::to_string);
        if let Some(choice) = default.or_else(written) {
            let named = |way: &Way| ids[way.to].as_str() == choice || way.name == choice;
            self.default_way = ways.iter().position(named);
            if self.default_way.is_none() {
                return Err(Refusal::DefaultChoice { stage: self.id.clone(), choice });
            }
        }
        Ok(())
    }

    /// The way out that a person calls `choice`: by its name, by its label without accelerator, or
    /// by an accelerator that only one has (4.6).
    pub(crate) fn chosen(&self, choice: &str) -> Option<&Way> {
        let wanted = normal(choice);
        let by = |same: &dyn Fn(&Way) -> bool| {
            let mut found = self.ways.iter().filter(|way| same(way));
            found.next().filter(|_| found.next().is_none())
        };
        by(&|way| way.name == choice)
            .or_else(|| by(&|way| normal(&way.name) == wanted))
            .or_else(|| by(&|way| key(&way.name).eq_ignore_ascii_case(choice.trim())))
            .or_else(|| self.chosen_by_yes_or_no(&wanted))
    }

    /// A plain yes or no where there are two ways: yes is the way that says so, else the first.
    fn chosen_by_yes_or_no(&self, wanted: &str) -> Option<&Way> {
        let [first, second] = &self.ways[..] else { return None };
        if !matches!(self.kind, Ask::YesNo | Ask::Confirmation) {
            return None;
        }
        let declines = |way: &Way| ["no", "cancel", "reject", "stop"].contains(&way.label.as_str());
        let (yes, no) = if declines(first) { (second, first) } else { (first, second) };
        match wanted {
            "y" | "yes" => Some(yes),
            "n" | "no" => Some(no),
            _ => None,
        }
    }
}

impl Fork {
    fn new(fan_out: Option<&FanOut>, numbers: &BTreeMap<StageId, usize>) -> Self {
        let Some(fan_out) = fan_out else {
            let (join, on_failure) = (Join::WaitAll, OnFailure::Continue);
            return Self { join, on_failure, branches_max: BRANCHES_AT_ONCE as usize, meets: None };
        };
        Self {
            join: fan_out.join,
            on_failure: fan_out.on_failure,
            branches_max: fan_out.branches_max.max(1) as usize,
            meets: fan_out.meets.as_ref().and_then(|stage| numbers.get(stage).copied()),
        }
    }
}

impl Watch {
    fn new(manager: &Manager, stage: &Stage) -> Result<Self, Refusal> {
        let child = Arc::new(Plan::new(&manager.child));
        if let Some(fault) = &child.fault {
            return Err(fault.clone());
        }
        let stop = match manager.stop.trim() {
            "" => None,
            written => Some(Condition::parse(written).map_err(|error| Refusal::StopCondition {
                stage: stage.id.clone(),
                condition: written.to_owned(),
                reason: error.to_string(),
            })?),
        };
        Ok(Self {
            child,
            poll: manager.poll,
            cycles_max: manager.cycles_max.max(1),
            stop,
            observe: manager.observe,
            steer: manager.steer.then(|| stage.instruction().to_owned()),
            cooldown: manager.steer_cooldown,
        })
    }
}

impl Way {
    fn new(edge: &Edge, position: usize, to: usize) -> Result<Self, Refusal> {
        let condition = match edge.condition.trim() {
            "" => None,
            written => Some(Condition::parse(written).map_err(|error| Refusal::Condition {
                from: edge.from.clone(),
                to: edge.to.clone(),
                condition: written.to_owned(),
                reason: error.to_string(),
            })?),
        };
        let unnamed = edge.label.trim().is_empty();
        Ok(Self {
            to,
            name: if unnamed { edge.to.to_string() } else { edge.label.clone() },
            label: normal(&edge.label),
            condition,
            written: edge.condition.trim().to_owned(),
            weight: edge.weight,
            restart: edge.loop_restart,
            freeform: edge.freeform,
            edge: position,
        })
    }

    /// Whether this is the way that was taken for this reason.
    pub(crate) fn was_taken(&self, why: &Why) -> bool {
        match why {
            Why::Condition(written) => self.written == *written,
            Why::Label(label) => self.condition.is_none() && self.label == normal(label),
            Why::Choice(name) => self.name == *name,
            Why::Suggested | Why::Weight => self.condition.is_none(),
            Why::Joined | Why::RetryTarget | Why::GoalGate(_) => false,
        }
    }
}

/// A label for comparing: lower case, without space around it and without its accelerator (3.3).
pub(crate) fn normal(label: &str) -> String {
    let label = label.trim();
    accelerator(label).map_or(label, |(_, rest)| rest).trim().to_lowercase()
}

/// The key that a person may press for a label (4.6).
pub(crate) fn key(label: &str) -> &str {
    let label = label.trim();
    accelerator(label).map_or_else(
        || label.char_indices().nth(1).map_or(label, |(second, _)| &label[..second]),
        |(key, _)| key,
    )
}

/// A choice with the key that a person may press for it in front, as `[K] Label`.
pub fn with_key(choice: &str) -> String {
    let choice = choice.trim();
    match accelerator(choice) {
        Some((key, rest)) => format!("[{key}] {}", rest.trim()),
        None => format!("[{}] {choice}", key(choice).to_uppercase()),
    }
}

/// `[K] Label`, `K) Label` and `K - Label`, split into key and label. Keys are letters and digits;
/// outside brackets they are one character, since `Retry - later` has no accelerator.
fn accelerator(label: &str) -> Option<(&str, &str)> {
    let is_key = |key: &str| !key.is_empty() && key.chars().all(char::is_alphanumeric);
    if let Some((key, rest)) = label.strip_prefix('[').and_then(|label| label.split_once(']')) {
        return is_key(key).then_some((key, rest));
    }
    let (second, _) = label.char_indices().nth(1)?;
    let (key, rest) = label.split_at(second);
    let rest = rest.strip_prefix(") ").or_else(|| rest.strip_prefix(" - "))?;
    is_key(key).then_some((key, rest))
}

fn initial(graph: &Graph) -> Context {
    let attributes = graph.attributes.iter();
    let mut context: Context =
        attributes.map(|(key, value)| (format!("graph.{key}"), value.to_string())).collect();
    context.set("graph.goal", graph.goal.as_str());
    context
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_compare_without_case_space_and_accelerator() {
        for label in ["[Y] Yes, deploy", "Y) Yes, deploy", "Y - Yes, deploy", " yes, Deploy "] {
            assert_eq!(normal(label), "yes, deploy", "{label}");
            assert_eq!(key(label).to_lowercase(), "y", "{label}");
        }
        assert_eq!(normal("[OK] Go on"), "go on");
        assert_eq!(key("[OK] Go on"), "OK");
    }

    #[test]
    fn what_only_looks_like_an_accelerator_is_kept() {
        for label in ["retry - later", "[a b] c", "[", "[]", ") x", "é", ""] {
            assert_eq!(normal(label), label, "{label}");
        }
        assert_eq!((key("élan"), key("")), ("é", ""));
    }
}
