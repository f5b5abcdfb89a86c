//! 11.9: condition expressions.

use pipeline::Condition;

use crate::play::{Played, graph, labelled, play, success};

fn holds(condition: &str, values: &[(&str, &'static str)]) -> bool {
    let condition = Condition::parse(condition).expect("it is a condition");
    condition.evaluate(|key| values.iter().find(|(name, _)| *name == key).map(|(_, value)| *value))
}

/// Definition of Done 11.9: `=` (equals) operator works for string comparison.
#[test]
fn equals_compares_texts() {
    assert!(holds("outcome=success", &[("outcome", "success")]));
    assert!(!holds("outcome=success", &[("outcome", "Success")]), "case counts");
    assert!(!holds("outcome=success", &[("outcome", "partial_success")]));
}

/// Definition of Done 11.9: `!=` (not equals) operator works.
#[test]
fn differs_is_the_opposite_of_equals() {
    assert!(holds("outcome!=success", &[("outcome", "fail")]));
    assert!(!holds("outcome!=success", &[("outcome", "success")]));
}

/// Definition of Done 11.9: `&&` (AND) conjunction works with multiple clauses.
#[test]
fn all_clauses_must_hold() {
    let all = "outcome=success && context.a=1 && context.b!=2";
    assert!(holds(all, &[("outcome", "success"), ("context.a", "1"), ("context.b", "3")]));
    assert!(!holds(all, &[("outcome", "success"), ("context.a", "1"), ("context.b", "2")]));
    assert!(!holds(all, &[("outcome", "fail"), ("context.a", "1"), ("context.b", "3")]));
}

/// Plays a stage `a` with two ways out, one behind a condition.
fn way(condition: &str, outcome: engine::Outcome) -> Played {
    let source = format!(
        "digraph {{ start [shape=Mdiamond] a [label=l] yes [label=l] no [label=l] e [shape=Msquare]
            start -> a a -> yes [condition=\"{condition}\"] a -> no yes -> e no -> e }}"
    );
    play(graph(&source), |id| match id.stage.as_str() {
        "a" => outcome.clone(),
        _ => success(),
    })
}

/// Definition of Done 11.9: `outcome` variable resolves to the current node's outcome status.
#[test]
fn outcome_is_that_of_the_stage() {
    assert_eq!(way("outcome=success", success()).way(), "start a yes");
    let partial = engine::Outcome::new(engine::Status::PartialSuccess, "nearly");
    assert_eq!(way("outcome=partial_success", partial.clone()).way(), "start a yes");
    assert_eq!(way("outcome=success", partial).way(), "start a no");
}

/// Definition of Done 11.9: `preferred_label` variable resolves to the outcome's preferred label.
#[test]
fn preferred_label_is_that_of_the_outcome() {
    assert_eq!(way("preferred_label=Fix", labelled("Fix")).way(), "start a yes");
    assert_eq!(way("preferred_label=Fix", labelled("Ship")).way(), "start a no");
    assert_eq!(way("preferred_label=Fix", success()).way(), "start a no");
}

/// Definition of Done 11.9: `context.*` variables resolve to context values (missing keys = empty
/// string).
#[test]
fn context_keys_are_looked_up_with_and_without_their_prefix() {
    assert!(holds("context.tests=green", &[("context.tests", "green")]));
    assert!(holds("context.tests=green", &[("tests", "green")]));
    assert!(!holds("context.tests=green", &[]));
    assert!(holds("context.tests!=green", &[]), "nothing is the empty text");
    assert!(holds("context.tests=\"\"", &[]));
    let mut outcome = success();
    outcome.context.insert("tests".to_owned(), "green".to_owned());
    assert_eq!(way("context.tests=green", outcome).way(), "start a yes");
}

/// Definition of Done 11.9: Empty condition always evaluates to true (unconditional edge).
#[test]
fn no_condition_always_holds() {
    assert!(holds("", &[]));
    assert!(holds("  ", &[("outcome", "fail")]));
    assert_eq!(way("", success()).way(), "start a no", "two equals: the name decides");
}
