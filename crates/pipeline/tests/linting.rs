//! The doors for rules and graphs of one's own.

use base::Diagnostic;
use pipeline::{
    Graph, Inspection, Report, Rule, Subject, lint, load, load_with, parse, rule_names,
};

/// No stage may be called `deploy`.
struct NoDeploy;

impl Rule for NoDeploy {
    fn name(&self) -> &str {
        "no-deploy"
    }

    fn check(&self, on: &Inspection<'_>, report: &mut Report) {
        for stage in on.graph.stages.values().filter(|stage| stage.id.as_str() == "deploy") {
            let error = Diagnostic::error(self.name(), "deploying is not for pipelines");
            report.push(on.at(Subject::Stage(&stage.id), error));
        }
    }
}

const SOURCE: &str = "digraph g {
    start -> deploy -> exit
    deploy [prompt=\"x\"]
}";

#[test]
fn rules_of_ones_own_run_after_the_built_in_ones() {
    assert!(load("f", SOURCE).into_graph().is_ok());
    let findings = load_with("f", SOURCE, &[&NoDeploy]).into_graph().unwrap_err();
    let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["f:3:5: error[no-deploy]: deploying is not for pipelines"]);
}

#[test]
fn a_graph_without_a_source_is_linted_without_places() {
    let graph = parse("f", SOURCE).graph.unwrap();
    assert_eq!(lint(&graph, None), []);
    // A transform that loses a stage.
    let mut stages = graph.stages.clone();
    stages.remove("deploy");
    let edges = graph.edges().to_vec();
    let broken = Graph::new(graph.name, graph.goal, graph.attributes, stages, edges);
    let findings = lint(&broken, None);
    let rules: Vec<&str> = findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["reachability", "edge-target-exists", "no-way-out"]);
    assert!(findings.iter().all(|finding| finding.place.is_none()));
}

#[test]
fn what_a_default_block_does_wrong_is_told_once() {
    let stages: String = (0..2000).map(|at| format!("start -> s{at} -> exit s{at} ")).collect();
    let source = format!("digraph g {{ node [promt=x, label=l] {stages} }}");
    let findings = load("f", &source).diagnostics;
    assert_eq!(findings.len(), 1, "{findings:?}");
}

#[test]
fn many_findings_are_counted_and_never_hide_an_error() {
    let stages: String = (0..2000).map(|at| format!("start -> s{at} -> exit s{at} ")).collect();
    let source = format!("digraph g {{ {stages} orphan [label=x] }}");
    let findings = load("f", &source).diagnostics;
    assert_eq!(findings.iter().filter(|finding| finding.is_error()).count(), 1);
    let last = findings.last().map(ToString::to_string);
    assert_eq!(last.as_deref(), Some("warning[more-findings]: 1001 more warnings are not shown"));
}

#[test]
fn every_rule_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<&str> = rule_names().collect();
    assert_eq!(names.len(), rule_names().count());
}
