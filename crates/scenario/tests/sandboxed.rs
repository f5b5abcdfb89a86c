//! Shell programs, honest and hostile, played in the real sandbox.

use std::fs;
use std::time::Duration;

use intent::{Intent, Interface, Scenario, StepKind, parse_feature};
use policy::FailureKind;
use sandbox::{Cancel, Choice, Limits, Sandbox};
use scenario::{
    Packs, PlaySettings, Played, Player, SandboxWorld, Sequential, Trajectory, flakes, play,
};

const INTENT: &str = "+++\nid = \"t\"\ntitle = \"T\"\nline = \"t\"\nowner = \"a@example.com\"\nlevel = 0\n\
    budget = { usd = 1.0, tokens = 1, wall = \"1m\" }\nsatisfaction = 0.5\n+++\n\n## Goal\nG.\n\n\
    ## Requirements\n- R1: It works.\n\n## Interface\n- command: `t` = `sh $PRODUCT/t.sh`\n- files: `t.sh`\n";

fn interface() -> Interface {
    Intent::parse("intent.md", INTENT).unwrap().0.interface
}

fn scenarios(steps: &[&str]) -> Vec<Scenario> {
    let mut feature = "@R1\nFeature: f\n".to_owned();
    for steps in steps {
        feature += &format!("  Scenario: s\n{steps}\n");
    }
    parse_feature("f.feature", &feature, &interface()).unwrap()
}

/// Plays scenarios, each given by its steps, on a shell program.
fn play_with(program: &str, steps: &[&str], seeds: &[u64], limits: Limits) -> Vec<Trajectory> {
    let product = tempfile::tempdir().unwrap();
    fs::write(product.path().join("t.sh"), program).unwrap();
    let (sandbox, cancel) = (Sandbox::open(Choice::Auto).unwrap(), Cancel::default());
    let settings = PlaySettings { threads: 2, limits, judge: None };
    let interface = interface();
    let player = Player {
        sandbox: &sandbox,
        cancel: &cancel,
        product: product.path(),
        interface: &interface,
        packs: &Packs::default(),
        settings: &settings,
    };
    player.play_all(&scenarios(steps), seeds, &mut |_| ())
}

#[test]
fn a_pulled_cord_decides_nothing_and_what_it_broke_off_is_not_counted() {
    let product = tempfile::tempdir().unwrap();
    fs::write(product.path().join("t.sh"), "true").unwrap();
    let (sandbox, cancel) = (Sandbox::open(Choice::Auto).unwrap(), Cancel::default());
    let settings = PlaySettings { threads: 1, limits: Limits::default(), judge: None };
    let interface = interface();
    let player = Player {
        sandbox: &sandbox,
        cancel: &cancel,
        product: product.path(),
        interface: &interface,
        packs: &Packs::default(),
        settings: &settings,
    };
    let steps = "    When I run \"t\"\n    Then it succeeds";
    let test = Sequential { wanted: 0.5, error: 0.05 };
    let scenarios = scenarios(&[steps; 20]);
    let (played, decision) = player.play_until(&scenarios, 0, &test, &mut |_| cancel.pull());
    assert_eq!(decision, None, "20 failures in 20 plays would have decided");
    assert!((1..=2).contains(&played.len()), "{played:?}");
    assert!(played.iter().all(|one| one.played.is_satisfied()));

    // A play that begins after that is told as cancelled, and as nothing else.
    let late = player.trajectory(&scenarios[0], 0);
    assert!(late.was_cancelled(), "{late:?}");
}

fn play_one(program: &str, steps: &str) -> Played {
    play_with(program, &[steps], &[0], Limits::default()).remove(0).played
}

/// Of a program that must be ended by a limit.
fn play_hostile(program: &str) -> Played {
    let steps = "    When I run \"t\"\n    Then it succeeds";
    play_with(program, &[steps], &[0], tight()).remove(0).played
}

fn tight() -> Limits {
    Limits {
        wall: Duration::from_secs(2),
        cpu: Duration::from_secs(2),
        output_bytes: 64 << 10,
        file_bytes: 1 << 20,
        processes: 32,
        ..Limits::default()
    }
}

fn kind(played: &Played) -> FailureKind {
    match played {
        Played::Failed(failure) => failure.kind,
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[test]
fn arguments_input_variables_files_and_exit_codes_arrive() {
    let program =
        "read line; echo \"$1 $line $NAME $(cat in/a)\" > out; echo done; echo warn >&2; exit 3";
    let steps = "    Given a file \"in/a\" containing \"A\"\n    \
        Given the environment variable \"NAME\" is \"n\"\n    \
        When I run \"t 'x y'\" with standard input \"line\"\n    \
        Then the exit code is 3\n    And stdout is \"done\"\n    And stderr contains \"warn\"\n    \
        And the file \"out\" is \"x y line n A\"\n    And the file \"none\" does not exist";
    assert_eq!(play_one(program, steps), Played::Satisfied);
}

#[test]
fn trajectories_come_in_order_and_worlds_are_fresh() {
    let program = "[ -e mark ] && exit 1; touch mark; echo ok > $PRODUCT/t.sh && exit 2; exit 0";
    let steps = "    When I run \"t\"\n    Then it succeeds";
    let played = play_with(program, &[steps, steps, steps], &[0, 1, 2], Limits::default());
    let order: Vec<(usize, u64)> =
        played.iter().enumerate().map(|(at, one)| (at / 3, one.seed)).collect();
    assert_eq!(order, (0..9).map(|n| (n / 3, n as u64 % 3)).collect::<Vec<_>>());
    assert!(played.iter().all(|one| one.played.is_satisfied()), "{played:?}");
    assert!(played.windows(2).all(|pair| pair[0].scenario <= pair[1].scenario));
}

#[test]
fn what_depends_on_circumstances_is_found_by_seeds() {
    let program = "[ \"$TZ\" = UTC0 ] || exit 1";
    let steps = "    When I run \"t\"\n    Then it succeeds";
    let played = play_with(program, &[steps], &[0, 1, 2, 3, 4, 5, 6, 7], Limits::default());
    let found = flakes(&played);
    assert_eq!(found.len(), 1);
    assert!(found[0].satisfied.contains(&0) && !found[0].failed.is_empty());
}

#[test]
fn hostile_programs_fail_in_their_own_way_and_harm_nobody() {
    let hang = play_hostile("while :; do :; done");
    assert_eq!(kind(&hang), FailureKind::TimedOut);
    let flood = play_hostile("while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done");
    assert_eq!(kind(&flood), FailureKind::Runaway);
    let steps = "    When I run \"t\"\n    Then it succeeds";
    let orphan = play_one("(while :; do :; done) & exit 0", steps);
    assert_eq!(orphan, Played::Satisfied, "what it left running was killed with it");
    let absent = play_one("exec /nowhere/at-all", steps);
    assert_eq!(kind(&absent), FailureKind::WrongExit);
}

#[test]
fn a_program_that_forks_without_end_is_ended() {
    let played = play_hostile("b() { b | b & }; b; wait; sleep 60");
    assert!(matches!(played, Played::Failed(_)), "{played:?}");
}

#[test]
fn links_and_pipes_left_behind_are_no_files() {
    let program =
        "ln -s /etc/passwd link; mkfifo pipe; ln -s / dir; mkdir -m 0 closed; echo x > file";
    for path in ["link", "pipe", "dir/etc/passwd", "closed"] {
        let steps = format!("    When I run \"t\"\n    Then the file \"{path}\" does not exist");
        assert_eq!(play_one(program, &steps), Played::Satisfied, "{path}");
    }
}

#[test]
fn a_program_that_bars_the_way_of_a_file_has_failed() {
    for program in ["ln -s /tmp in", "mkdir -p in/a", "echo > in"] {
        let product = tempfile::tempdir().unwrap();
        fs::write(product.path().join("t.sh"), program).unwrap();
        let (sandbox, cancel) = (Sandbox::open(Choice::Auto).unwrap(), Cancel::default());
        let interface = interface();
        let mut world =
            SandboxWorld::new(&sandbox, &cancel, product.path(), &interface, Limits::default(), 0)
                .unwrap();
        let steps = [
            StepKind::Run { words: vec!["t".to_owned()] },
            StepKind::GivenFile { path: "in/a".to_owned(), content: "A".to_owned() },
        ];
        assert_eq!(kind(&play(&steps, &mut world)), FailureKind::WrongFile, "{program}");
    }
    assert!(!std::path::Path::new("/tmp/a").exists(), "the link was not followed");
}
