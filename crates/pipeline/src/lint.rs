//! What a whole graph must satisfy before it may run (section 7), and more that is nearly always a
//! mistake. Knows what the dialect says of stages, and nothing of how they are performed.

mod condition_key;
mod condition_outcome;
mod condition_syntax;
mod dialect_limit;
mod edge_target_exists;
mod ends;
mod exit_no_outgoing;
mod fan_in_alone;
mod fidelity_valid;
mod goal_gate_has_retry;
mod human_choices;
mod join_policy;
mod manager_child;
mod no_way_out;
mod parallel_join;
mod prompt_on_llm_nodes;
mod reachability;
mod restart_in_branch;
mod retry_target_exists;
mod shape_known;
mod ship_in_branch;
mod start_no_incoming;
mod start_node;
mod stylesheet_selector;
mod stylesheet_syntax;
mod terminal_node;
mod tool_command;
mod topology;
mod type_known;
mod unbounded_cycle;
mod unknown_attribute;
mod unproven_ship;
mod variable_given;
mod wait_duration;

use base::{Diagnostic, Place};

use crate::document::Subject;
use crate::report::Report;
use crate::vocabulary::handler_of_type;
use crate::{Clause, Condition, ConditionError, Dialect, Document, Graph, Handler, Stage};
use topology::{Area, Topology, areas};

/// A rule of one's own (7.4).
pub trait Rule {
    /// A stable kebab-case name, that of the rule's findings.
    fn name(&self) -> &str;

    /// Reports what the graph breaks.
    fn check(&self, on: &Inspection<'_>, report: &mut Report);
}

/// A graph under inspection, and where its parts stand.
pub struct Inspection<'a> {
    pub graph: &'a Graph,
    document: Option<&'a Document>,
    topology: Topology<'a>,
    /// Where branches are at work.
    areas: Vec<Area>,
    /// Those of the edges, by position.
    conditions: Vec<Result<Condition, ConditionError>>,
}

/// A rule that comes with the crate. Names are those of 7.2 with hyphens, and then ours.
struct BuiltIn {
    name: &'static str,
    check: fn(&Inspection<'_>, &mut Report),
}

const RULES: [BuiltIn; 32] = [
    BuiltIn { name: "start-node", check: start_node::check },
    BuiltIn { name: "terminal-node", check: terminal_node::check },
    BuiltIn { name: "start-no-incoming", check: start_no_incoming::check },
    BuiltIn { name: "exit-no-outgoing", check: exit_no_outgoing::check },
    BuiltIn { name: "reachability", check: reachability::check },
    BuiltIn { name: "edge-target-exists", check: edge_target_exists::check },
    BuiltIn { name: "condition-syntax", check: condition_syntax::check },
    BuiltIn { name: "stylesheet-syntax", check: stylesheet_syntax::check },
    BuiltIn { name: "type-known", check: type_known::check },
    BuiltIn { name: "fidelity-valid", check: fidelity_valid::check },
    BuiltIn { name: "retry-target-exists", check: retry_target_exists::check },
    BuiltIn { name: "goal-gate-has-retry", check: goal_gate_has_retry::check },
    BuiltIn { name: "prompt-on-llm-nodes", check: prompt_on_llm_nodes::check },
    BuiltIn { name: "condition-outcome", check: condition_outcome::check },
    BuiltIn { name: "condition-key", check: condition_key::check },
    BuiltIn { name: "dialect-limit", check: dialect_limit::check },
    BuiltIn { name: "fan-in-alone", check: fan_in_alone::check },
    BuiltIn { name: "human-choices", check: human_choices::check },
    BuiltIn { name: "join-policy", check: join_policy::check },
    BuiltIn { name: "manager-child", check: manager_child::check },
    BuiltIn { name: "no-way-out", check: no_way_out::check },
    BuiltIn { name: "parallel-join", check: parallel_join::check },
    BuiltIn { name: "restart-in-branch", check: restart_in_branch::check },
    BuiltIn { name: "shape-known", check: shape_known::check },
    BuiltIn { name: "ship-in-branch", check: ship_in_branch::check },
    BuiltIn { name: "stylesheet-selector", check: stylesheet_selector::check },
    BuiltIn { name: "tool-command", check: tool_command::check },
    BuiltIn { name: "unbounded-cycle", check: unbounded_cycle::check },
    BuiltIn { name: "unknown-attribute", check: unknown_attribute::check },
    BuiltIn { name: "unproven-ship", check: unproven_ship::check },
    BuiltIn { name: "variable-given", check: variable_given::check },
    BuiltIn { name: "wait-duration", check: wait_duration::check },
];

/// Checks a graph against every built-in rule. With the document that it was read from, findings
/// have places. A graph with an error among its findings must not run.
pub fn lint(graph: &Graph, document: Option<&Document>) -> Vec<Diagnostic> {
    lint_with(graph, document, &[])
}

/// [`lint`], and then rules of one's own (7.3).
pub fn lint_with(
    graph: &Graph,
    document: Option<&Document>,
    rules: &[&dyn Rule],
) -> Vec<Diagnostic> {
    let mut report = Report::default();
    inspect(graph, document, rules, &mut report);
    report.finish()
}

/// The names of the built-in rules.
pub fn rule_names() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.name)
}

pub(crate) fn inspect(
    graph: &Graph,
    document: Option<&Document>,
    rules: &[&dyn Rule],
    report: &mut Report,
) {
    let topology = Topology::new(graph);
    let on = Inspection {
        graph,
        document,
        areas: areas(&topology),
        topology,
        conditions: graph.edges().iter().map(|edge| Condition::parse(&edge.condition)).collect(),
    };
    for rule in &RULES {
        (rule.check)(&on, report);
    }
    for rule in rules {
        rule.check(&on, report);
    }
}

impl Inspection<'_> {
    /// The same finding, at a thing's declaration if there is a source.
    pub fn at(&self, subject: Subject<'_>, finding: Diagnostic) -> Diagnostic {
        self.about(subject, finding, self.document.and_then(|document| document.place(subject)))
    }

    /// The same finding, at a thing's attribute if there is a source.
    pub fn at_key(&self, subject: Subject<'_>, key: &str, finding: Diagnostic) -> Diagnostic {
        let place = self.document.and_then(|document| document.place_of_key(subject, key));
        self.about(subject, finding, place)
    }

    /// The same finding, at byte `index` of an attribute's text if there is a source.
    pub fn in_value(
        &self,
        subject: Subject<'_>,
        key: &str,
        index: usize,
        finding: Diagnostic,
    ) -> Diagnostic {
        let place = self.document.and_then(|d| d.place_in_value(subject, key, index));
        self.about(subject, finding, place)
    }

    /// The same finding, with what it is about (7.1).
    fn about(&self, subject: Subject<'_>, finding: Diagnostic, place: Option<Place>) -> Diagnostic {
        let finding = match subject {
            Subject::Graph => finding,
            Subject::Stage(id) => finding.of_stage(id.as_str()),
            Subject::Edge(position) => match self.graph.edges().get(position) {
                Some(edge) => finding.of_edge(edge.from.as_str(), edge.to.as_str()),
                None => finding,
            },
        };
        match place {
            Some(place) => finding.at(place),
            None => finding,
        }
    }

    /// Whose words the pipeline was written in; the specification's for a graph without a source.
    fn dialect(&self) -> Dialect {
        self.document.map_or(Dialect::Spec, Document::dialect)
    }

    /// Whether there is a source, in these words.
    fn is_document_in(&self, dialect: Dialect) -> bool {
        self.document.is_some_and(|document| document.dialect() == dialect)
    }

    /// Whether edges alone mention a stage.
    fn is_implicit(&self, stage: &base::StageId) -> bool {
        self.document.is_some_and(|document| document.is_implicit(stage))
    }
}

fn stylesheet(on: &Inspection<'_>) -> Option<String> {
    on.graph.attributes.get("model_stylesheet").map(ToString::to_string)
}

fn stages_of<'a>(on: &Inspection<'a>, handler: &Handler) -> impl Iterator<Item = &'a Stage> {
    on.graph.stages.values().filter(move |stage| stage.handler == *handler)
}

/// A stage's type, if neither we nor whoever runs the pipeline know it.
fn unknown_type(stage: &Stage) -> Option<String> {
    let name = stage.attributes.get("type")?.to_string();
    let is_registered = matches!(stage.handler, Handler::Custom(_));
    (!name.is_empty() && !is_registered && handler_of_type(&name).is_none()).then_some(name)
}

/// Reports what is found in clauses of conditions on edges.
fn each_clause(
    on: &Inspection<'_>,
    report: &mut Report,
    find: impl Fn(&Clause) -> Option<Diagnostic>,
) {
    for (position, condition) in on.conditions.iter().enumerate() {
        let Ok(condition) = condition else { continue };
        for finding in condition.clauses().iter().filter_map(&find) {
            report.push(on.at_key(Subject::Edge(position), "condition", finding));
        }
    }
}

/// `did you mean …`, or otherwise what else to do.
fn meant<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    otherwise: impl Into<String>,
) -> String {
    match base::nearest(word, candidates) {
        Some(near) => format!("did you mean `{near}`?"),
        None => otherwise.into(),
    }
}

/// Looking for the id that was meant costs time for every stage; in graphs larger than this, which
/// no person wrote, it is left out.
const NEAREST_STAGES_MAX: usize = 1000;

/// [`meant`], among the stages of a graph.
fn meant_stage(on: &Inspection<'_>, word: &str, otherwise: &str) -> String {
    if on.graph.stages.len() > NEAREST_STAGES_MAX {
        return otherwise.to_owned();
    }
    let declared = on.graph.stages.keys().filter(|id| !on.is_implicit(id));
    meant(word, declared.map(base::StageId::as_str).filter(|id| *id != word), otherwise)
}
