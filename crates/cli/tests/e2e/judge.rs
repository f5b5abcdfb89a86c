//! Judged sentences through the whole line: the builder is one scripted model, the judge another.

use crate::common::{FEATURE, RIGHT, World};

const SENTENCE: &str = "it says what was wrong with the input";

/// Knows a good message when it reads one.
const JUDGE: &str = r#"family = "other"
[[answer]]
when = "whole number: "
texts = ["YES"]
repeat = true
[[answer]]
when = "seven is no number"
texts = ["yes."]
repeat = true
[[answer]]
texts = ["NO"]
repeat = true
"#;

/// The line, with a judged sentence about what is refused.
fn world(judge: &str) -> World {
    let world = World::new(RIGHT, 5);
    let sentence = format!(
        "    And stderr is not empty\n    And a judge agrees about stderr that \"{SENTENCE}\":\n      \
         | answer | verdict |\n      | seven is no number | yes |\n      | Error! | no |\n"
    );
    let feature = FEATURE.replacen("    And stderr is not empty\n", &sentence, 1);
    world.write("intents/double/scenarios/double.feature", &feature);
    world.write("judge.toml", judge);
    world.sign();
    world
}

const RUN: [&str; 6] = ["run", "intents/double", "--model", "scripted:script.toml", "--seed", "7"];

fn run_with(judge: &'static str) -> Vec<&'static str> {
    [&RUN[..], &["--judge", judge]].concat()
}

#[test]
fn what_a_judge_agrees_with_ships_and_is_asked_once() {
    let world = world(JUDGE);
    world.ok(&run_with("scripted:judge.toml"));
    assert_eq!(world.shipped(), 1);
    let story = world.ok(&["show", "double-1"]);
    let lines = |part: &str| story.lines().filter(|line| line.contains(part)).count();
    assert_eq!(lines("judge scripted:judge.toml said yes of an example"), 1, "{story}");
    assert_eq!(lines("judge scripted:judge.toml said no of an example"), 1, "{story}");
    assert_eq!(lines("judge scripted:judge.toml told 2 of 2 examples right"), 1, "{story}");
    let asked = story.lines().filter(|line| line.ends_with("judge.toml said yes")).count();
    assert_eq!(asked, 3, "one question for each text, whatever the seeds: {story}");

    let case = world.ok(&["show", "double-1", "--case"]);
    assert!(case.contains("(family `other`), which told 2 of 2"), "{case}");
    assert!(!case.contains(SENTENCE), "the case quotes a holdout: {case}");
    let trace = world.json(&["--json", "trace", "double-1"]);
    assert!(!trace.to_string().contains(SENTENCE), "a holdout reached the builder");
    world.ok(&["verify", "."]);

    std::fs::remove_file(world.path("judge.toml")).unwrap();
    assert_eq!(world.json(&["--json", "replay", "double-1"])["same"], true);
}

#[test]
fn what_a_judge_does_not_agree_with_is_held() {
    let strict = JUDGE.replace("whole number: ", "please");
    let world = world(&strict);
    let told = world.exits(&run_with("scripted:judge.toml"), 1);
    assert_eq!(world.shipped(), 0);
    assert!(!told.contains(SENTENCE), "the terminal quotes a holdout: {told}");
    let case = world.ok(&["show", "double-1", "--case"]);
    assert!(case.contains("**refuted**: judged wrong"), "{case}");
}

#[test]
fn a_judge_that_cannot_be_believed_decides_nothing_and_another_can() {
    let world = world(JUDGE);
    world.write("blind.toml", "family = \"blind\"\n[[answer]]\ntexts = [\"YES\"]\nrepeat = true\n");
    let told = world.exits(&run_with("scripted:blind.toml"), 3);
    assert!(told.contains("told 1 of its 2 examples"), "{told}");
    assert_eq!(world.shipped(), 0);
    let relative = JUDGE.replace("family = \"other\"\n", "");
    world.write("relative.toml", &relative);
    let told = world.exits(&["resume", "double-1", "--judge", "scripted:relative.toml"], 3);
    assert!(told.contains("of the family `scripted`, and so is who built this"), "{told}");
    assert!(told.contains("[model] of factory.toml"), "{told}");
    world.ok(&["resume", "double-1", "--judge", "scripted:judge.toml"]);
    assert_eq!(world.shipped(), 1);
}

#[test]
fn without_a_fit_judge_nothing_is_begun_and_factory_toml_can_name_one() {
    let world = world(JUDGE);
    assert!(world.ok(&["check", "intents/double"]).contains("warning[no-judge]"));
    let told = world.exits(&RUN, 2);
    assert!(told.contains("double.feature:22:5: no model is named to judge this"), "{told}");
    world.write("relative.toml", &JUDGE.replace("family = \"other\"\n", ""));
    let told = world.exits(&run_with("scripted:relative.toml"), 2);
    assert!(told.contains("of the family `scripted`, and so is the builder"), "{told}");
    assert_eq!(world.ok(&["--json", "runs"]).trim(), "");
    let config = std::fs::read_to_string(world.path("factory.toml")).unwrap();
    let named = config.replace("[model]\n", "[model]\njudge = \"scripted:judge.toml\"\n");
    assert_ne!(named, config);
    world.write("factory.toml", &named);
    assert!(!world.ok(&["check", "intents/double"]).contains("no-judge"));
    world.ok(&RUN);
    assert_eq!(world.shipped(), 1);
}

#[test]
fn scenarios_are_judged_by_hand_too() {
    let world = world(JUDGE);
    world.write("right/double.sh", RIGHT);
    let play = ["scenario", "run", "intents/double", "right", "--seeds", "1"];
    let told = world.exits(&play, 1);
    assert!(told.contains("undecided: there is no judge"), "{told}");
    world.ok(&[&play[..], &["--judge", "scripted:judge.toml"]].concat());
    world.write("right/double.sh", &RIGHT.replace("not a whole number", "Error"));
    let told = world.exits(&[&play[..], &["--judge", "scripted:judge.toml"]].concat(), 1);
    assert!(told.contains("judged wrong: expected that it says what was wrong"), "{told}");
}
