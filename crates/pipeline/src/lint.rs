//! What a whole graph must satisfy before it may run (section 7), and more that is nearly always a
//! mistake. Knows what the dialect says of stages, and nothing of how they are performed.

mod attributes;
mod conditions;
mod ends;
mod loops;
mod managers;
mod pauses;
mod reach;
mod ship;
mod topology;

use base::{Diagnostic, Place};

use crate::document::Subject;
use crate::report::Report;
use crate::{Condition, ConditionError, Document, Graph};
use topology::Topology;

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
    /// Those of the edges, by position.
    conditions: Vec<Result<Condition, ConditionError>>,
}

/// A rule that comes with the crate. Names are those of 7.2 with hyphens, and then ours.
struct BuiltIn {
    name: &'static str,
    check: fn(&Inspection<'_>, &mut Report),
}

const RULES: [BuiltIn; 25] = [
    BuiltIn { name: "start-node", check: ends::start_node },
    BuiltIn { name: "terminal-node", check: ends::terminal_node },
    BuiltIn { name: "start-no-incoming", check: ends::start_no_incoming },
    BuiltIn { name: "exit-no-outgoing", check: ends::exit_no_outgoing },
    BuiltIn { name: "reachability", check: reach::reachability },
    BuiltIn { name: "edge-target-exists", check: reach::edge_target_exists },
    BuiltIn { name: "condition-syntax", check: conditions::condition_syntax },
    BuiltIn { name: "stylesheet-syntax", check: attributes::stylesheet_syntax },
    BuiltIn { name: "type-known", check: attributes::type_known },
    BuiltIn { name: "fidelity-valid", check: attributes::fidelity_valid },
    BuiltIn { name: "retry-target-exists", check: attributes::retry_target_exists },
    BuiltIn { name: "goal-gate-has-retry", check: attributes::goal_gate_has_retry },
    BuiltIn { name: "prompt-on-llm-nodes", check: attributes::prompt_on_llm_nodes },
    BuiltIn { name: "condition-outcome", check: conditions::condition_outcome },
    BuiltIn { name: "condition-key", check: conditions::condition_key },
    BuiltIn { name: "human-choices", check: attributes::human_choices },
    BuiltIn { name: "manager-child", check: managers::manager_child },
    BuiltIn { name: "no-way-out", check: reach::no_way_out },
    BuiltIn { name: "shape-known", check: attributes::shape_known },
    BuiltIn { name: "stylesheet-selector", check: attributes::stylesheet_selector },
    BuiltIn { name: "tool-command", check: attributes::tool_command },
    BuiltIn { name: "unbounded-cycle", check: loops::unbounded_cycle },
    BuiltIn { name: "unknown-attribute", check: attributes::unknown_attribute },
    BuiltIn { name: "unproven-ship", check: ship::unproven_ship },
    BuiltIn { name: "wait-duration", check: pauses::wait_duration },
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
    let on = Inspection {
        graph,
        document,
        topology: Topology::new(graph),
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
        placed(finding, self.document.and_then(|document| document.place(subject)))
    }

    /// The same finding, at a thing's attribute if there is a source.
    pub fn at_key(&self, subject: Subject<'_>, key: &str, finding: Diagnostic) -> Diagnostic {
        placed(finding, self.document.and_then(|document| document.place_of_key(subject, key)))
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
        placed(finding, place)
    }

    /// Whether edges alone mention a stage.
    fn is_implicit(&self, stage: &base::StageId) -> bool {
        self.document.is_some_and(|document| document.is_implicit(stage))
    }
}

fn placed(finding: Diagnostic, place: Option<Place>) -> Diagnostic {
    match place {
        Some(place) => finding.at(place),
        None => finding,
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
