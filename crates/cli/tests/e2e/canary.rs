//! Canaries through the whole line: signing issues them, and a run that meets one is held.

use crate::common::{FEATURE, RIGHT, World};

/// The scenario file as it lies there, and the first canary in it.
fn issued(world: &World) -> (String, String) {
    let path = world.path("intents/double/scenarios/double.feature");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("# canary: ").expect("a canary");
    let canary = rest.lines().next().unwrap().to_owned();
    (text, canary)
}

#[test]
fn signing_issues_canaries_that_the_seal_covers() {
    let world = World::new(RIGHT, 5);
    let (text, canary) = issued(&world);
    assert_eq!(text.matches("# canary: dark-").count(), 4);
    let told = world.ok(&["sign", "intents/double", "--key", "ada"]);
    assert!(!told.contains("canar"), "they were there already: {told}");
    world.write("intents/double/scenarios/double.feature", &text.replace(&canary, ""));
    let told = world.build();
    assert!(String::from_utf8_lossy(&told.stderr).contains("double.feature was altered"));

    world.write("intents/double/scenarios/double.feature", FEATURE);
    world.ok(&["sign", "intents/double", "--key", "ada", "--no-canaries"]);
    let path = world.path("intents/double/scenarios/double.feature");
    assert_eq!(std::fs::read_to_string(path).unwrap(), FEATURE);
    let told = world.ok(&["sign", "intents/double", "--key", "ada"]);
    assert!(told.contains("wrote 4 canary comments"), "{told}");
}

#[test]
fn a_prompt_with_held_out_text_never_leaves() {
    let world = World::new(RIGHT, 5);
    let (_, canary) = issued(&world);
    let wording = "When I run \"double <word>\"\n    Then stdout is empty";
    let leaks = [(canary.as_str(), 1), (wording, 0)];
    for (leak, code) in leaks {
        let default = include_str!("../../../factory/templates/default.dot");
        let leak = leak.replace('\n', " ").replace('"', "'");
        let leaky = default.replace("Write the program", &format!("Write it so: {leak}"));
        assert_ne!(leaky, default);
        world.write("pipelines/leaky.dot", &leaky);
        let run = ["run", "intents/double", "--model", "scripted:script.toml", "--seed", "7"];
        let told = world.exits(&[&run[..], &["--pipeline", "pipelines/leaky.dot"]].concat(), code);
        assert!(!told.contains(&canary), "the terminal repeats it: {told}");
        assert_eq!(told.contains("denied by rule L7"), code == 1, "{told}");
    }
    let runs = world.ok(&["runs"]);
    assert!(runs.contains("held"), "{runs}");
    let story = world.ok(&["show", "double-1"]);
    assert!(story.contains("prompt gives scenario double:"), "{story}");
    let implement = story.lines().filter(|line| line.contains("made tree")).count();
    assert_eq!(implement, 0, "{story}");
}

#[test]
fn a_build_with_held_out_text_is_held() {
    let world = World::new(RIGHT, 5);
    let (_, canary) = issued(&world);
    world.script(&format!("# {canary}\n{RIGHT}"));
    let built = world.build();
    let told = String::from_utf8_lossy(&built.stdout).into_owned();
    assert_eq!(built.status.code(), Some(1), "{told}");
    assert_eq!(world.shipped(), 0);
    assert!(told.contains("denied by rule L7") && !told.contains(&canary), "{told}");
    let story = world.ok(&["show", "double-1"]);
    assert!(story.contains("double.sh gives scenario double:"), "{story}");
}
