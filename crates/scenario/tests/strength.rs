//! Which degenerate programs a set of scenarios catches, from the documents that people write.

use intent::{Intent, Scenario, parse_feature};
use scenario::{Packs, Strength, strength};

const INTENT: &str = "+++\nid = \"up\"\ntitle = \"Up\"\nline = \"t\"\nowner = \"a@example.com\"\nlevel = 0\n\
    budget = { usd = 1.0, tokens = 1, wall = \"1m\" }\nsatisfaction = 0.5\n+++\n\n## Goal\nG.\n\n\
    ## Requirements\n- R1: `up TEXT` prints it in capitals.\n  - `up ab` prints `AB`\n\
    - R2: Without a text it exits 2 with a message.\n  - `up` exits 2\n\n\
    ## Interface\n- command: `up` = `sh $PRODUCT/up.sh`\n- files: `up.sh`\n";

fn read(feature: &str) -> (Intent, Vec<Scenario>) {
    let intent = Intent::parse("intent.md", INTENT).unwrap().0;
    let scenarios = parse_feature("f.feature", feature, &intent.interface).unwrap();
    (intent, scenarios)
}

fn of(feature: &str) -> Strength {
    let (intent, scenarios) = read(feature);
    strength(&intent, &scenarios, &Packs::default())
}

fn survivors(feature: &str) -> Vec<String> {
    of(feature).survivors().map(|program| program.name.clone()).collect()
}

/// Requirement and program of each weakness.
fn weak(feature: &str) -> Vec<String> {
    let weaknesses = of(feature).weaknesses;
    weaknesses.iter().map(|weak| format!("{} {}", weak.requirement, weak.program)).collect()
}

const GOOD: &str = r#"Feature: f
  @R1
  Scenario: one
    When I run "up xy"
    Then it succeeds
    And stdout is "XY"
  @R1
  Scenario: another
    When I run "up 'a b'"
    Then it succeeds
    And stdout is "A B"
  @R2
  Scenario: none
    When I run "up"
    Then the exit code is 2
    And stderr is not empty
"#;

#[test]
fn good_scenarios_catch_every_degenerate_program() {
    let found = of(GOOD);
    assert_eq!(found.survivors().count(), 0, "{:?}", found.programs);
    let (caught, all) = found.caught();
    assert_eq!(caught, all);
    assert!(all >= 10, "{all}");
    assert!(found.weaknesses.is_empty(), "{:?}", found.weaknesses);
    let silent = found.programs.iter().find(|program| program.name == "silent").unwrap();
    assert_eq!(silent.caught_by.as_ref().unwrap().as_str(), "f:3");
}

#[test]
fn a_scenario_that_only_wants_success_lets_nearly_everything_pass() {
    let lax = "Feature: f\n  @R1\n  Scenario: s\n    When I run \"up a\"\n    Then it succeeds\n";
    let alive = survivors(lax);
    for name in ["silent", "echo-arguments", "constant-1", "right-with-extra-line"] {
        assert!(alive.iter().any(|one| one == name), "{name} in {alive:?}");
    }
    assert!(!alive.iter().any(|one| one == "always-fails" || one == "right-but-exit-1"));
}

#[test]
fn exit_codes_that_nobody_looks_at_are_told_apart_from_those_that_do_not_differ() {
    let unchecked = GOOD.replace("    Then it succeeds\n    And stdout", "    Then stdout");
    assert_eq!(
        survivors(&unchecked.replace("the exit code is 2\n    And ", "")),
        ["right-but-exit-1"]
    );
    // R2 alone still demands a failure, and nothing demands a success.
    assert!(survivors(&unchecked).is_empty());
}

#[test]
fn substrings_let_stray_output_pass() {
    let loose = GOOD.replace("stdout is", "stdout contains");
    assert_eq!(survivors(&loose), ["right-with-extra-line"]);
}

#[test]
fn a_requirement_with_one_answer_is_met_by_a_constant_or_by_the_public_examples() {
    let one = GOOD.replace("  @R1\n  Scenario: another", "  @R2\n  Scenario: another");
    assert_eq!(weak(&one), ["R1 constant-1"]);
    let public = GOOD
        .replace("up xy", "up ab")
        .replace("\"XY\"", "\"AB\"")
        .replace("up 'a b'", "up ab")
        .replace("\"A B\"", "\"AB\"");
    assert_eq!(weak(&public), ["R1 examples-only"]);
}

#[test]
fn a_requirement_about_failing_may_be_met_by_failing_but_not_by_crashing() {
    assert!(weak(GOOD).is_empty());
    let vague = GOOD.replace("the exit code is 2", "it fails");
    assert_eq!(weak(&vague), ["R2 crashes"]);
}

#[test]
fn findings_name_the_place_and_the_remedy() {
    let loose =
        GOOD.replace("stdout is", "stdout contains").replace("the exit code is 2", "it fails");
    let (intent, scenarios) = read(&loose);
    let found = strength(&intent, &scenarios, &Packs::default()).diagnostics(&scenarios);
    let text: Vec<String> = found.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn patterns_do_not_hide_the_right_answer() {
    let pattern = GOOD.replace("stdout is \"XY\"", "stdout matches \"^[A-Z]{2}\\n?$\"");
    assert!(survivors(&pattern).is_empty(), "{:?}", survivors(&pattern));
}
