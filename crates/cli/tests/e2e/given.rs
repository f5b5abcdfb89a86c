//! Builds that were written elsewhere: proved and shipped like any other, with no model asked.

use crate::common::{CHEAT, RIGHT, World};

/// A factory whose model would cheat, if it were asked.
fn world(build: &[(&str, &str)]) -> World {
    let world = World::new(CHEAT, 5);
    for (path, content) in build {
        world.write(&format!("build/{path}"), content);
    }
    world
}

fn prove(world: &World, code: i32) -> String {
    world.exits(&["run", "intents/double", "--build", "build", "--seed", "7"], code)
}

#[test]
fn a_build_that_a_person_wrote_ships_when_it_is_proved() {
    let world = world(&[("double.sh", RIGHT), (".git/HEAD", "no part of it")]);
    prove(&world, 0);
    assert_eq!(world.shipped(), 1);
    let run = world.json(&["--json", "runs"]);
    assert_eq!((run["stands"].as_str(), run["model_calls"].as_u64()), (Some("shipped"), Some(0)));

    // The ledger alone has the build from here on.
    std::fs::remove_dir_all(world.path("build")).unwrap();
    assert_eq!(world.json(&["--json", "replay", "double-1"])["same"], true);
    let trace = world.json(&["--json", "trace", "double.sh:5"]);
    assert_eq!((&trace["line"]["text"], &trace["call"]), (&"echo $(($1 * 2))".into(), &().into()));
    assert_eq!(trace["signer"], "ada@example.com");

    world.write("build/double.sh", &format!("{RIGHT}# again\n"));
    world.write("build/README.md", &world.git("products/tools.git", &["show", "main:README.md"]));
    let refused = prove(&world, 2);
    assert!(refused.contains("`README.md` is outside"), "one that differs: {refused}");
}

#[test]
fn a_build_that_only_knows_the_examples_is_held() {
    let world = world(&[("double.sh", CHEAT)]);
    let told = prove(&world, 1);
    assert!(told.contains("held after") && !told.contains("6283"), "{told}");
    assert_eq!(world.shipped(), 0);
}

#[test]
fn a_folder_that_is_no_build_is_refused_before_anything_is_recorded() {
    for (build, complaint) in [
        (&[][..], "there is no build at build"),
        (&[("other.sh", RIGHT)], "`other.sh` is outside of the intent's write-set (double.sh)"),
        (&[(".git/HEAD", "")], "no file that the product does not have"),
    ] {
        let world = world(build);
        let told = prove(&world, 2);
        assert!(told.contains(complaint), "{told}");
        assert_eq!(world.ok(&["--json", "runs"]).trim(), "");
    }
    let world = world(&[("double.sh", RIGHT)]);
    world.write("own.dot", factory_pipeline());
    let told =
        world.exits(&["run", "intents/double", "--build", "build", "--pipeline", "own.dot"], 2);
    assert!(told.contains("no stage of the pipeline hands it in"), "{told}");
}

/// One whose only builder is a model.
fn factory_pipeline() -> &'static str {
    include_str!("../../../factory/templates/default.dot")
}

#[test]
fn the_access_bots_right_build_is_proved_and_ships_with_a_persons_yes() {
    let world = World::example("access-bot");
    let build = ["run", "intents/access-bot", "--build", "builds/right-python", "--seed", "1"];
    let told = world.exits(&build, 1);
    assert!(told.contains("gate strength passes") && told.contains("waits for a person"), "{told}");
    world.ok(&["answer", "access-bot-1", "approve", "--key", "ada"]);
    world.git(".", &["clone", "--quiet", "products/access.git", "clone"]);
    let verified = world.ok(&["verify", "clone"]);
    assert!(verified.contains("DARK_GATE_SCENARIOS") && !verified.contains("FAILS"), "{verified}");
}

/// The line whose product talks to other services: what its scenarios hold, its factory does not ship.
#[test]
fn the_access_bots_wrong_build_is_held_by_the_requirement_that_it_breaks() {
    let world = World::example("access-bot");
    let told = world
        .exits(&["run", "intents/access-bot", "--build", "builds/wrong-doubles", "--seed", "1"], 1);
    assert!(told.contains("gate scenarios FAILS") && told.contains("held after"), "{told}");
    assert!(told.contains("(R3: wrong effect on another service)"), "{told}");
}
