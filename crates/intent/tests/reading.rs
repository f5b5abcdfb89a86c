//! Golden texts: a document in, what is read or found out.

use std::fmt::Write as _;

use base::Diagnostic;
use intent::{Intent, Scenario, parse_feature};

const ROMAN: &str = include_str!("roman.md");
const FEATURE: &str = include_str!("roman.feature");

fn findings(found: &[Diagnostic]) -> String {
    found.iter().fold(String::new(), |text, finding| text + &finding.to_string() + "\n")
}

fn roman() -> Intent {
    Intent::parse("intent.md", ROMAN).expect("the example is an intent").0
}

/// The findings of an intent document.
fn check(source: &str) -> String {
    match Intent::parse("intent.md", source) {
        Ok((_, warnings)) => format!("read\n{}", findings(&warnings)),
        Err(errors) => findings(&errors),
    }
}

/// The findings of the example with some text replaced.
fn check_with(from: &str, to: &str) -> String {
    assert!(ROMAN.contains(from), "`{from}` is not in the example");
    check(&ROMAN.replacen(from, to, 1))
}

fn show(scenarios: &[Scenario]) -> String {
    let mut text = String::new();
    for scenario in scenarios {
        let _ = writeln!(text, "{} {:?} {:?}", scenario.id, scenario.requirements, scenario.name);
        for step in &scenario.steps {
            let _ = writeln!(text, "  {} {}: {:?}", step.place, step.text, step.kind);
        }
    }
    text
}

/// The scenarios of a feature, or its findings.
fn check_feature(source: &str) -> String {
    match parse_feature("scenarios/f.feature", source, &roman().interface) {
        Ok(scenarios) => show(&scenarios),
        Err(errors) => findings(&errors),
    }
}

/// The same for steps alone, from line 3 on.
fn check_steps(steps: &str) -> String {
    check_feature(&format!("Feature: f\n  Scenario: s\n{steps}"))
}

#[test]
fn the_example_is_read() {
    let (intent, warnings) = Intent::parse("intent.md", ROMAN).unwrap();
    insta::assert_debug_snapshot!(intent);
    insta::assert_snapshot!(findings(&warnings), @"");
}

#[test]
fn the_feature_is_read() {
    insta::assert_snapshot!(check_feature(FEATURE));
}
