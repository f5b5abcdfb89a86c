//! A graph made ready to run: stages by number, edges by stage, conditions parsed once.
//!
//! Made from the graph alone, so that it is never stored. What makes a graph unfit to run is found
//! here and refused when the run starts.

use std::collections::BTreeMap;
use std::time::Duration;

use base::StageId;
use pipeline::{Condition, Edge, Graph, Handler, Retry, Stage, Value};

use crate::Refusal;

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
    pub(crate) initial: BTreeMap<String, String>,
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
        for edge in graph.edges() {
            let (Some(from), Some(to)) = (self.number(&edge.from), self.number(&edge.to)) else {
                return Err(Refusal::NoStage { from: edge.from.clone(), to: edge.to.clone() });
            };
            let way = Way::new(edge, to)?;
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
        Self {
            id: stage.id.clone(),
            label: stage.label.clone(),
            handler: stage.handler.clone(),
            role: match stage.handler {
                Handler::Start => Role::Start,
                Handler::Exit => Role::Exit,
                Handler::Conditional => Role::Conditional,
                Handler::Human => Role::Human,
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
        }
    }

    /// Checks what can be checked only once all edges are known, and puts them in order.
    fn finish(&mut self, stage: &Stage, ids: &[StageId]) -> Result<(), Refusal> {
        use Handler::{Custom, FanIn, ManagerLoop, Parallel, Wait};
        if matches!(self.handler, Parallel | FanIn | ManagerLoop | Wait | Custom(_)) {
            let (stage, handler) = (self.id.clone(), self.handler.clone());
            return Err(Refusal::NotYet { stage, handler });
        }
        let ways = &self.ways;
        self.best = (0..ways.len()).collect();
        self.best.sort_by_key(|n| (std::cmp::Reverse(ways[*n].weight), &ids[ways[*n].to]));
        if self.role != Role::Human {
            return Ok(());
        }
        for (n, way) in ways.iter().enumerate() {
            if ways[..n].iter().any(|other| other.name == way.name) {
                let (stage, choice) = (self.id.clone(), way.name.clone());
                return Err(Refusal::SameChoice { stage, choice });
            }
        }
        if let Some(choice) = stage.attributes.get("human.default_choice").map(Value::to_string) {
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
    }
}

impl Way {
    fn new(edge: &Edge, to: usize) -> Result<Self, Refusal> {
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
        })
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

fn initial(graph: &Graph) -> BTreeMap<String, String> {
    let attributes = graph.attributes.iter();
    let mut context: BTreeMap<String, String> =
        attributes.map(|(key, value)| (format!("graph.{key}"), value.to_string())).collect();
    context.insert("graph.goal".to_owned(), graph.goal.clone());
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
