//! The example in `examples/access-bot`: its scenarios hold each wrong product, and let both right ones
//! pass.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base::ScenarioId;
use intent::{CheckMode, Intent, Scenario, parse_feature};
use sandbox::{Cancel, Choice, Sandbox};
use scenario::{Packs, PlaySettings, Played, Player, Spot, Trajectory, strength};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/access-bot")
}

fn read() -> (Intent, Vec<Scenario>, Packs) {
    let dir = example().join("intents/access-bot");
    let source = fs::read_to_string(dir.join("intent.md")).unwrap();
    let (intent, warnings) =
        Intent::parse("intent.md", &source).unwrap_or_else(|found| panic!("{}", found[0]));
    assert_eq!(warnings, []);
    let mut scenarios = Vec::new();
    for name in ["command", "faults", "telling"] {
        let file = format!("{name}.feature");
        let source = fs::read_to_string(dir.join("scenarios").join(&file)).unwrap();
        let found = parse_feature(&file, &source, &intent.interface);
        scenarios.extend(found.unwrap_or_else(|found| panic!("{}", found[0])));
    }
    let packs = Packs::of(&intent.interface, &BTreeMap::new()).unwrap();
    (intent, scenarios, packs)
}

/// Plays every scenario with seed 0; with `hasty`, until the first that fails.
fn play(product: &str, hasty: bool) -> Vec<Trajectory> {
    let (intent, scenarios, packs) = read();
    let (sandbox, cancel) = (Sandbox::open(Choice::Auto).unwrap(), Cancel::default());
    let settings = PlaySettings::default();
    let product = example().join("builds").join(product);
    let player = Player {
        sandbox: &sandbox,
        cancel: &cancel,
        product: &product,
        interface: &intent.interface,
        packs: &packs,
        settings: &settings,
    };
    if !hasty {
        return player.play_all(&scenarios, &[0], &mut |_| ());
    }
    let mut played = Vec::new();
    for scenario in &scenarios {
        played.push(player.trajectory(scenario, 0));
        if matches!(played.last(), Some(Trajectory { played: Played::Failed(_), .. })) {
            break;
        }
    }
    played
}

#[track_caller]
fn is_right(product: &str) {
    for one in play(product, false) {
        assert_eq!(one.played, Played::Satisfied, "{product}: {}", one.scenario);
    }
}

/// Held, by a scenario of this requirement, and with nothing left undecided before.
#[track_caller]
fn is_held(product: &str, requirement: &str) {
    let played = play(product, true);
    let undecided: Vec<&ScenarioId> = played
        .iter()
        .filter(|one| matches!(one.played, Played::Undecided { .. }))
        .map(|one| &one.scenario)
        .collect();
    assert!(undecided.is_empty(), "{product}: {undecided:?}");
    let last = played.last().unwrap();
    assert!(matches!(last.played, Played::Failed(_)), "{product} passes everything");
    assert!(last.requirements.iter().any(|id| id.as_str() == requirement), "{product}: {last:?}");
}

#[test]
fn the_intent_is_strong() {
    let (intent, scenarios, packs) = read();
    let errors: Vec<String> = intent::check(&intent, &scenarios, CheckMode::Build)
        .iter()
        .filter(|found| found.is_error())
        .map(ToString::to_string)
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let found = strength(&intent, &scenarios, &packs);
    let (caught, all) = found.caught();
    assert!(caught == all && all > 0, "{:?}", found.survivors().collect::<Vec<_>>());
}

#[test]
fn the_right_product_in_python_satisfies() {
    is_right("right-python");
}

#[test]
fn the_right_product_in_node_satisfies() {
    is_right("right-node");
}

#[test]
fn one_that_doubles_what_was_lost_is_held() {
    is_held("wrong-doubles", "R3");
}

#[test]
fn one_that_drops_what_was_refused_is_held() {
    is_held("wrong-drops", "R3");
}

#[test]
fn one_that_reads_the_first_page_alone_is_held() {
    is_held("wrong-first-page", "R1");
}

#[test]
fn one_that_forgets_what_it_told_is_held() {
    is_held("wrong-forgets", "R2");
}

#[test]
fn one_that_takes_unsigned_commands_is_held() {
    is_held("wrong-unsigned", "R6");
}

#[test]
fn one_that_takes_another_channel_is_held() {
    is_held("wrong-channel", "R1");
}

/// What nobody notices is what no requirement speaks of: how answers are worded beyond what they hold.
#[test]
fn whatever_the_right_product_could_do_wrong_to_its_twins_is_noticed() {
    let (intent, mut scenarios, packs) = read();
    // The one that waits for three seconds catches nothing that the others do not.
    scenarios.retain(|one| one.name != "It polls by itself");
    let (sandbox, cancel) = (Sandbox::open(Choice::Auto).unwrap(), Cancel::default());
    let player = Player {
        sandbox: &sandbox,
        cancel: &cancel,
        product: &example().join("builds/right-python"),
        interface: &intent.interface,
        packs: &packs,
        settings: &PlaySettings::default(),
    };
    let seen: Vec<_> = scenarios.iter().map(|one| player.observed(one, 0)).collect();
    let found = player.service_strength(&scenarios, 0, &seen, &mut |_, _| ());
    let survivors: Vec<String> = found.survivors().map(|one| one.sabotage.to_string()).collect();
    assert_eq!(
        survivors,
        [
            "the answer to POST /poll: its body emptied",
            "the answer to POST /slack/command: its field `/error` dropped",
            "the answer to POST /slack/command: its field `/response_type` dropped",
        ]
    );
    let calls = found.sabotages.iter().filter(|one| matches!(one.sabotage.spot, Spot::Call { .. }));
    let calls: Vec<String> = calls.map(|one| one.sabotage.change.to_string()).collect();
    assert_eq!(
        calls,
        [
            "not done, though answered as done",
            "only the first of several done",
            "done twice",
            "done with `text` emptied",
            "done with half of `text`",
            "done with the `channel` of something else",
        ]
    );
    let played = found.faults.len() - found.unplayed().count();
    assert_eq!((played, found.faults.len()), (7, 21));
}
