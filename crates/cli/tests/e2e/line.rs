//! The whole line as a person uses it, with a scripted model: everything else is real.

use std::process::Command;

use crate::common::{CHEAT, FEATURE, INTENT, RIGHT, World};

#[test]
fn an_intent_becomes_shipped_verified_traceable_software() {
    let world = World::new(RIGHT, 5);
    let built = world.build();
    let told = String::from_utf8_lossy(&built.stdout).into_owned();
    assert_eq!(built.status.code(), Some(0), "{told}{}", String::from_utf8_lossy(&built.stderr));
    assert_eq!(world.shipped(), 1);

    world.git(".", &["clone", "--quiet", "products/tools.git", "clone"]);
    let verified = world.ok(&["verify", "clone"]);
    assert!(
        !verified.contains("FAILS") && verified.contains("signed by ada@example.com"),
        "{verified}"
    );
    world.ok(&["verify", "clone", "--trust", "trust"]);
    world.ok(&["verify", "."]);

    assert!(world.ok(&["trace", "double.sh:5"]).contains("ada@example.com"), "by the mirror alone");
    let trace = world.json(&["--json", "trace", "double.sh:5", "--product", "clone"]);
    assert_eq!(trace["line"]["text"], "echo $(($1 * 2))");
    assert_eq!(trace["call"]["answer"], 1);
    assert_eq!(trace["requirements"][0]["id"], "R1");
    assert_eq!(trace["signer"], "ada@example.com");
    let prompt = trace["call"]["prompt"].as_str().unwrap();
    assert!(
        prompt.contains("double 4") && !prompt.contains("6283"),
        "a holdout reached the builder"
    );

    for (what, says) in [
        ("double.sh:6", "`double.sh` has no line 6: 5 are committed in the line tools"),
        (
            "double.hs:5",
            "no file `double.hs` is committed in the line tools: did you mean `double.sh:5`?",
        ),
        ("elsewhere/else.py:1", "name it as it stands in the product, or the clone by --product"),
        ("double-2", "no run of this factory: did you mean `double-1`?"),
        ("0123456789", "`dark runs` lists the runs"),
    ] {
        let told = world.exits(&["trace", what], 2);
        assert!(told.contains(says), "{told}");
    }

    let replayed = world.json(&["--json", "replay", "double-1"]);
    assert_eq!(replayed["same"], true, "{replayed}");
    world.ok(&["show", "double-1", "--recording", "recording.json"]);
    world.exits(&["show", "double-1", "--recording", "nope/recording.json"], 2);
    let none = format!("sha256:{}", "0".repeat(64));
    world.exits(&["show", "double-1", "--body", &none], 2);
    assert_eq!(world.json(&["--json", "replay", "recording.json"])["same"], true);

    let case = world.ok(&["show", "double-1", "--case"]);
    assert!(case.contains("R2") && !case.contains("6283"), "the case quotes a holdout:\n{case}");
    assert_eq!(world.json(&["--json", "lights"])["last"]["decision"]["level"], 5);
    assert_eq!(world.json(&["--json", "runs"])["stands"], "shipped");

    assert!(!world.ok(&["verify", "clone"]).contains("note"));
    world.write("clone/double.sh", "echo 8\n");
    world.write("clone/more.sh", "echo 9\n");
    let told = world.ok(&["verify", "clone"]);
    assert!(
        told.contains("1 file (double.sh) here, not as in this commit, which alone was verified"),
        "{told}"
    );
    assert!(told.contains("1 file (more.sh) here, not in this commit"), "{told}");
    let told = world.json(&["--json", "verify", "clone"]);
    assert_eq!(told["files"]["differing"][0], "double.sh");
    assert_eq!(told["files"]["more"][0], "more.sh");
}

#[test]
fn an_altered_clone_and_another_factorys_keys_are_not_verified() {
    let world = World::new(RIGHT, 5);
    assert!(world.build().status.success());
    world.git(".", &["clone", "--quiet", "products/tools.git", "clone"]);
    world.write("clone/double.sh", "echo 8\n");
    world.git(
        "clone",
        &[
            "-c",
            "user.name=e",
            "-c",
            "user.email=e@e",
            "commit",
            "--quiet",
            "--amend",
            "-a",
            "--no-edit",
        ],
    );
    let told = world.exits(&["verify", "clone"], 1);
    assert!(told.contains("FAILS") && told.contains("NOT verified"), "{told}");

    let other = World::new(RIGHT, 5);
    let trust = other.path("trust").display().to_string();
    world.git(".", &["clone", "--quiet", "products/tools.git", "clone2"]);
    let told = world.exits(&["verify", "clone2", "--trust", &trust], 1);
    assert!(told.contains("FAILS  commit signature"), "{told}");
}

#[test]
fn a_build_that_only_knows_the_examples_is_held() {
    let world = World::new(CHEAT, 5);
    let built = world.build();
    let told = String::from_utf8_lossy(&built.stdout).into_owned();
    assert_eq!(built.status.code(), Some(1), "{told}");
    assert_eq!(world.shipped(), 0);
    let run = world.json(&["--json", "runs"]);
    assert_eq!(run["stands"], "held");
    assert!(!told.contains("6283"), "the terminal quotes a holdout: {told}");
}

#[test]
fn below_level_five_a_person_answers_and_signs() {
    let world = World::new(RIGHT, 4);
    assert_eq!(world.build().status.code(), Some(1));
    assert_eq!(world.json(&["--json", "runs"])["stands"], "waiting");
    assert_eq!(world.shipped(), 0);

    world.exits(&["answer", "double-1", "perhaps", "--key", "ada"], 2);
    let done = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(world.path("eve"))
        .status()
        .unwrap();
    assert!(done.success());
    world.exits(&["answer", "double-1", "approve", "--key", "eve"], 4);
    assert_eq!(world.shipped(), 0);

    world.ok(&["answer", "double-1", "approve", "--key", "ada"]);
    assert_eq!(world.shipped(), 1);
    world.exits(&["answer", "double-1", "approve", "--key", "ada"], 4);
}

#[test]
fn a_refusal_ships_nothing() {
    let world = World::new(RIGHT, 3);
    assert_eq!(world.build().status.code(), Some(1));
    world.exits(&["answer", "double-1", "refuse", "--key", "ada"], 1);
    assert_eq!(
        (world.shipped(), world.json(&["--json", "runs"])["stands"].as_str()),
        (0, Some("held"))
    );
}

#[test]
fn an_unsigned_or_altered_intent_does_not_build() {
    let world = World::new(RIGHT, 5);
    world
        .write("intents/double/scenarios/double.feature", &FEATURE.replace("| 6283 | 12566 |", ""));
    let told = world.build();
    assert_eq!(told.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&told.stderr).contains("double.feature was altered"));
    std::fs::remove_file(world.path("intents/double/intent.seal")).unwrap();
    assert_eq!(world.build().status.code(), Some(4));
    assert_eq!(world.shipped(), 0);
}

#[test]
fn a_branch_that_moved_meanwhile_is_not_overwritten() {
    let world = World::new(RIGHT, 4);
    assert_eq!(world.build().status.code(), Some(1));
    world.git(".", &["clone", "--quiet", "products/tools.git", "other"]);
    world.write("other/NEWS", "somebody else was faster\n");
    world.git("other", &["add", "."]);
    world.git(
        "other",
        &["-c", "user.name=e", "-c", "user.email=e@e", "commit", "--quiet", "-m", "News"],
    );
    world.git("other", &["push", "--quiet"]);
    let told = world.exits(&["answer", "double-1", "approve", "--key", "ada"], 1);
    assert!(told.contains("moved from"), "{told}");
    assert_eq!(world.shipped(), 0);
    let replayed = world.json(&["--json", "replay", "double-1"]);
    assert_eq!(replayed["same"], true, "it is held for the same reason: {replayed}");
}

#[test]
fn a_cancelled_run_is_cancelled_again_when_it_is_replayed() {
    let world = World::new(RIGHT, 4);
    assert_eq!(world.build().status.code(), Some(1));
    world.ok(&["cancel", "double-1"]);
    let replayed = world.json(&["--json", "replay", "double-1"]);
    assert_eq!(replayed["same"], true, "{replayed}");
    assert!(replayed["replayed"].as_str().unwrap().starts_with("cancelled by "), "{replayed}");
    assert!(replayed["replayed"].as_str().unwrap().contains("tree "), "{replayed}");
}

#[test]
fn bad_input_is_named_with_its_place() {
    let world = World::new(RIGHT, 5);
    let wrong = |path: &str, content: &str, args: &[&str], code: i32, says: &str| {
        let before = std::fs::read_to_string(world.path(path)).unwrap();
        world.write(path, content);
        let told = world.exits(args, code);
        assert!(told.contains(says), "expected `{says}` in:\n{told}");
        world.write(path, &before);
    };
    let check = ["check", "intents/double"];
    wrong("intents/double/intent.md", "+++\nid = \n+++\n", &check, 1, "intent.md:2:");
    wrong(
        "intents/double/scenarios/double.feature",
        "Feature: x\n  Scenario: y\n    When I fly\n",
        &check,
        1,
        "double.feature:3:",
    );
    let unknown = INTENT.replace("LEVEL", "5").replace("line = \"tools\"", "line = \"tool\"");
    wrong("intents/double/intent.md", &unknown, &check, 1, "intent.md:4:1: error[unknown-line]");
    wrong("intents/double/intent.md", &unknown, &check, 1, "did you mean `tools`?");
    let weak =
        "Feature: x\n\n  @R1\n  Scenario: y\n    When I run \"double 4\"\n    Then it succeeds\n";
    let sign = ["sign", "intents/double", "--key", "ada"];
    let seal = std::fs::read(world.path("intents/double/intent.seal")).unwrap();
    let scenarios = "intents/double/scenarios/double.feature";
    wrong(scenarios, weak, &sign, 1, "error[uncovered-requirement]: no scenario proves R2");
    wrong(scenarios, weak, &sign, 1, "nothing was signed: dark check intents/double");
    assert_eq!(std::fs::read(world.path("intents/double/intent.seal")).unwrap(), seal);
    wrong(
        "factory.toml",
        "[factory]\nname = \"acme\"\n[lines.tools]\nrepo = \"x\"\nbrnch = \"y\"\n",
        &["runs"],
        1,
        "factory.toml:5:1",
    );
    world.exits(&["-C", "/", "runs"], 2);
    world.write("bad.dot", "digraph x { start [shape=Mdiamond] -> }\n");
    let told = world.exits(&["pipeline", "lint", "bad.dot"], 1);
    assert!(told.contains("bad.dot:1:"), "{told}");
    let unproven = "digraph x { a [shape=Mdiamond]; s [type=\"factory.ship\"]; z [shape=Msquare]; a -> s -> z }\n";
    world.write("unproven.dot", unproven);
    let run =
        ["run", "intents/double", "--model", "scripted:script.toml", "--pipeline", "unproven.dot"];
    assert!(
        world.exits(&run, 1).contains("unproven-ship"),
        "a pipeline must not ship what nothing proved"
    );
    std::fs::remove_dir_all(world.path("products/tools.git")).unwrap();
    let told = world.build();
    assert_eq!(told.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&told.stderr).contains("there is no git repository"));
}

/// Two builders side by side, of which the one with more visible checks passed is proven.
const TWO: &str = r#"digraph two {
    start [shape=Mdiamond]
    exit [shape=Msquare]
    both [shape=component]
    first [prompt="FIRST"]
    second [prompt="SECOND"]
    better [shape=tripleoctagon]
    look [shape=parallelogram, tool_command="sh double.sh 4 && test $DARK_STAGE = look"]
    prove [type="factory.prove", goal_gate=true]
    ship [type="factory.ship"]
    start -> both
    both -> first -> better
    both -> second -> better
    better -> look -> prove
    prove -> ship [condition="outcome=success"]
    ship -> exit
}
"#;

#[test]
fn of_two_builds_side_by_side_the_better_one_is_shipped_and_traced() {
    let world = World::new(RIGHT, 5);
    world.write("pipelines/two.dot", TWO);
    let answer = |when: &str, program: &str| {
        format!(
            "[[answer]]\nwhen = \"{when}\"\nrepeat = true\ntexts = ['''\n```sh\n{program}```\n''']\n"
        )
    };
    world.write("script.toml", &(answer("FIRST", "echo wrong\n") + &answer("SECOND", RIGHT)));
    let run = ["run", "intents/double", "--model", "scripted:script.toml", "--seed", "7"];
    let told = world.ok(&[&run[..], &["--pipeline", "pipelines/two.dot"]].concat());
    assert!(told.contains("selected `second`"), "{told}");
    assert_eq!(world.shipped(), 1);
    let trace = world.json(&["--json", "trace", "double-1"]);
    assert_eq!(trace["action"], "double-1/both.1.1.1/second/1/1");
    let story = world.ok(&["show", "double-1"]);
    assert!(story.contains("both runs side by side: first, second"), "{story}");
    assert!(story.contains("both[1]/second succeeded"), "{story}");
    assert_eq!(world.json(&["--json", "replay", "double-1"])["same"], true);
}
