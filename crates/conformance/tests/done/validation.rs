//! 11.2: validation and linting.

use base::{Diagnostic, Severity};
use pipeline::load;

fn findings(statements: &str) -> Vec<Diagnostic> {
    load("test.dot", &format!("digraph g {{ {statements} }}")).diagnostics
}

/// `rule severity subject` of everything that is found.
fn found(statements: &str) -> Vec<String> {
    let told = |finding: Diagnostic| {
        let severity = format!("{:?}", finding.severity).to_lowercase();
        let edge = finding.edge.map(|(from, to)| format!("{from}->{to}"));
        let subject = edge.or(finding.stage).unwrap_or_else(|| "graph".to_owned());
        format!("{} {severity} {subject}", finding.rule)
    };
    findings(statements).into_iter().map(told).collect()
}

const SOUND: &str = "start [shape=Mdiamond] a [prompt=p] done [shape=Msquare] start -> a -> done";

#[test]
fn a_sound_pipeline_has_no_findings() {
    assert_eq!(found(SOUND), [""; 0]);
}

/// Definition of Done 11.2: Exactly one start node (shape=Mdiamond or id matching `start`/`Start`) is
/// required.
/// Definition of Done 11.12: Validate: missing start node -> error.
#[test]
fn exactly_one_start() {
    let without = "a [prompt=p] done [shape=Msquare] a -> done";
    assert!(found(without).contains(&"start-node error graph".to_owned()));
    let two = format!("{SOUND} begin [shape=Mdiamond] begin -> a");
    assert!(found(&two).contains(&"start-node error start".to_owned()), "{:?}", found(&two));
    for id in ["start", "Start"] {
        assert_eq!(found(&format!("{id} a [prompt=p] exit {id} -> a -> exit")), [""; 0]);
    }
}

/// Definition of Done 11.2: Exactly one exit node (shape=Msquare or id matching `exit`/`end`) is required.
/// Definition of Done 11.12: Validate: missing exit node -> error.
#[test]
fn exactly_one_exit() {
    let without = found("start [shape=Mdiamond] a [prompt=p] start -> a");
    assert!(without.contains(&"terminal-node error graph".to_owned()), "{without:?}");
    let two = found(&format!("{SOUND} fin [shape=Msquare] a -> fin"));
    assert_eq!(two, ["terminal-node error fin"]);
    for id in ["exit", "end"] {
        assert_eq!(found(&format!("start a [prompt=p] {id} start -> a -> {id}")), [""; 0]);
    }
}

/// Definition of Done 11.2: Start node has no incoming edges.
#[test]
fn nothing_leads_to_the_start() {
    let found = found(&format!("{SOUND} a -> start [condition=\"outcome=fail\"]"));
    assert_eq!(found, ["start-no-incoming error a->start"]);
}

/// Definition of Done 11.2: Exit node has no outgoing edges.
#[test]
fn the_exit_leads_nowhere() {
    assert_eq!(found(&format!("{SOUND} done -> a")), ["exit-no-outgoing error done->a"]);
}

/// Definition of Done 11.2: All nodes are reachable from start (no orphans).
/// Definition of Done 11.12: Validate: orphan node -> warning.
#[test]
fn an_orphan_is_an_error_and_a_dead_end_a_warning() {
    let found = found(&format!("{SOUND} orphan [prompt=p]"));
    assert_eq!(found, ["reachability error orphan", "no-way-out warning orphan"]);
}

/// Definition of Done 11.2: All edges reference valid node IDs.
#[test]
fn edges_lead_to_stages_that_there_are() {
    let nowhere = found(&format!("{SOUND} a -> nonexistent_node"));
    assert!(
        nowhere.contains(&"edge-target-exists error nonexistent_node".to_owned()),
        "{nowhere:?}"
    );
    // As in the specification's own example of a human gate (2.13).
    let mentioned = found("start [shape=Mdiamond] done [shape=Msquare] start -> a -> done");
    assert_eq!(mentioned, ["edge-target-exists warning a"]);
}

/// Definition of Done 11.2: Codergen nodes (shape=box) have non-empty `prompt` attribute (warning if
/// missing).
#[test]
fn an_agent_without_instructions_is_a_warning() {
    let with = |attributes: &str| found(&SOUND.replace("[prompt=p]", attributes));
    assert_eq!(with("[shape=box]"), ["prompt-on-llm-nodes warning a"]);
    assert_eq!(with("[prompt=\"\"]"), ["prompt-on-llm-nodes warning a"]);
    assert_eq!(with("[label=\"Do it\"]"), [""; 0], "7.2 takes a label too");
    assert_eq!(with("[shape=diamond]"), [""; 0]);
}

/// Definition of Done 11.2: Condition expressions on edges parse without errors.
#[test]
fn conditions_are_parsed() {
    let with = |condition: &str| found(&format!("{SOUND} a -> done [condition=\"{condition}\"]"));
    assert_eq!(with("outcome=success && context.tests!=red"), [""; 0]);
    assert!(with("outcome == success").contains(&"condition-syntax error a->done".to_owned()));
    assert!(with("=success").contains(&"condition-syntax error a->done".to_owned()));
}

/// Definition of Done 11.2: `validate_or_raise()` throws on error-severity violations.
#[test]
fn a_pipeline_with_errors_gives_no_graph() {
    let warned = load("f", "digraph g { start -> a -> exit a }").into_graph();
    let (_, warnings) = warned.expect("warnings alone refuse nothing");
    assert_eq!(warnings[0].severity, Severity::Warning);
    let refused = load("f", "digraph g { a [prompt=p] }").into_graph().unwrap_err();
    assert!(refused.iter().any(Diagnostic::is_error));
}

/// Definition of Done 11.2: Lint results include rule name, severity (error/warning), node/edge ID, and
/// message.
#[test]
fn findings_say_what_where_and_how_bad() {
    let finding = &findings(&format!("{SOUND}\n done -> a"))[0];
    assert_eq!((finding.rule.as_str(), finding.severity), ("exit-no-outgoing", Severity::Error));
    assert_eq!(finding.edge, Some(("done".to_owned(), "a".to_owned())));
    assert!(finding.message.contains("done"), "{}", finding.message);
    assert_eq!(finding.place.as_ref().map(|place| place.line), Some(2));
    let finding = &findings(&format!("{SOUND} orphan [prompt=p]"))[0];
    assert_eq!(finding.stage.as_deref(), Some("orphan"));
}
