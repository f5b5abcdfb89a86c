//! The strategy for a weak model, on scripted answers: what it picks, and when it stops.

mod host;

use std::collections::BTreeMap;

use agent::{AgentBackend, Batch, Candidates, Files, Planner, Report, Shape, Strategy, Task};
use base::{ActionId, RequirementId};
use intent::Intent;
use model::Request;
use policy::{Disclosure, FailureKind};

use host::Asked::{Answer, Repair, Valid, Whole};
use host::{Fake, PYTHON, twice};

fn strategy() -> Strategy {
    let batch = |shape| Batch { shape, candidates: 4, temperature: 0.8 };
    Strategy {
        batches: vec![batch(Shape::Parts), batch(Shape::Parts), batch(Shape::Worked)],
        ..Strategy::default()
    }
}

fn work(host: &mut Fake<'_>, files: &Files, disclosures: &[Disclosure]) -> Report {
    let action: ActionId = "twice-1/implement/1/1".parse().unwrap();
    let intent: &Intent = host.intent;
    let notes = BTreeMap::new();
    let task = Task {
        action: &action,
        intent,
        prompt: "",
        notes: &notes,
        files,
        disclosures,
        feedback: &[],
        seed: u64::MAX,
    };
    Candidates::new(strategy()).work(&task, host).expect("the host is well")
}

fn passes(report: &Report) -> bool {
    !report.tried.is_empty() && report.tried.iter().all(|check| check.passed)
}

fn does(report: &Report, what: &str) -> bool {
    report.files["twice.py"].contains(&format!("return {what}\n"))
}

#[test]
fn good_parts_of_different_answers_make_one_program() {
    let intent = twice(PYTHON);
    let valid: &[&str] = &["valid never", "valid digits", "valid digits", "valid digits"];
    let answer: &[&str] = &["answer echo", "answer doubled", "answer doubled", "answer doubled"];
    let mut host = Fake::new(&intent, &[(Valid, valid), (Answer, answer)]);
    let report = work(&mut host, &Files::new(), &[]);
    assert!(passes(&report) && does(&report, "digits") && does(&report, "doubled"));
    // Three of each agree, so that the second batch is not needed.
    assert_eq!(host.requests.len(), 2);
    assert_eq!(report.spend.tokens_out.0, 20);
}

#[test]
fn of_two_that_pass_the_one_that_most_agree_with_is_taken() {
    let intent = twice(PYTHON);
    let valid: &[&str] = &["valid digits", "valid digits", "valid digits"];
    // The first passes the example as well, and does otherwise past it.
    let answer: &[&str] =
        &["answer small", "answer doubled", "answer doubled # too", "answer doubled"];
    let mut host = Fake::new(&intent, &[(Valid, valid), (Answer, answer)]);
    let report = work(&mut host, &Files::new(), &[]);
    assert!(passes(&report) && does(&report, "doubled"), "{}", report.note);
}

#[test]
fn only_the_part_that_is_missing_is_asked_for_again() {
    let intent = twice(PYTHON);
    let valid: &[&str] = &["valid digits", "valid digits", "valid digits"];
    let script: &[(host::Asked, &[&str])] = &[
        (Valid, valid),
        (Answer, &["answer echo", "no block at all"]),
        (Valid, valid),
        (Answer, &["answer doubled", "answer doubled", "answer doubled"]),
    ];
    let mut host = Fake::new(&intent, script);
    let report = work(&mut host, &Files::new(), &[]);
    assert!(passes(&report));
    assert_eq!((host.asked(Valid), host.asked(Answer), host.asked(Whole)), (1, 2, 0));
}

#[test]
fn whole_files_are_not_asked_for_when_parts_pass() {
    let intent = twice(PYTHON);
    let script: &[(host::Asked, &[&str])] =
        &[(Valid, &["valid digits"]), (Answer, &["answer doubled"])];
    let mut host = Fake::new(&intent, script);
    let report = work(&mut host, &Files::new(), &[]);
    assert!(passes(&report));
    // One vote each is weak, so that both batches of parts are used up.
    assert_eq!((host.asked(Valid), host.asked(Answer), host.asked(Whole)), (2, 2, 0));
}

#[test]
fn what_fits_no_frame_is_asked_for_whole() {
    let intent = twice("- command: `twice` = `sh $PRODUCT/twice.sh`\n- files: `twice.sh`");
    let mut host = Fake::new(&intent, &[(Whole, &["whole echo", "whole right"])]);
    let report = work(&mut host, &Files::new(), &[]);
    assert!(passes(&report));
    assert_eq!((host.asked(Valid), host.asked(Whole)), (0, 1));
}

#[test]
fn a_near_miss_is_repaired_in_a_fresh_conversation() {
    let intent = twice(PYTHON);
    let script: &[(host::Asked, &[&str])] = &[(Whole, &["whole echo"]), (Repair, &["whole right"])];
    let mut host = Fake::new(&intent, script);
    let report = work(&mut host, &Files::new(), &[]);
    assert!(passes(&report) && does(&report, "right"));
    let (_, request) = host.requests.last().unwrap();
    let question = &request.messages.last().unwrap().text;
    assert!(question.contains("return echo") && question.contains("`twice 21` prints `42`; but"));
}

#[test]
fn a_model_that_is_no_use_is_given_up() {
    let intent = twice(PYTHON);
    let mut host = Fake::new(&intent, &[]);
    let report = work(&mut host, &Files::new(), &[]);
    assert!(report.files.is_empty() && report.tried.is_empty());
    // Two batches of two parts, one of whole files, and nothing that could be repaired.
    assert_eq!(host.requests.len(), 5);
}

#[test]
fn the_best_that_there_is_comes_back_with_what_failed() {
    let intent = twice(PYTHON);
    let mut host = Fake::new(&intent, &[(Whole, &["whole nothing", "whole True"])]);
    let report = work(&mut host, &Files::new(), &[]);
    assert!(!passes(&report) && !report.files.is_empty());
}

#[test]
fn what_was_rejected_is_not_handed_in_again() {
    let intent = twice(PYTHON);
    let valid: &[&str] = &["valid digits", "valid digits", "valid digits"];
    let answer: &[&str] =
        &["answer small", "answer small # again", "answer small", "answer doubled"];
    let wrong = Disclosure {
        requirement: RequirementId::new("R1").unwrap(),
        kind: FailureKind::WrongStdout,
    };

    let mut host = Fake::new(&intent, &[(Valid, valid), (Answer, answer)]);
    let first = work(&mut host, &Files::new(), &[]);
    assert!(passes(&first) && does(&first, "small"), "most answers agree on the wrong one");

    let mut host = Fake::new(&intent, &[(Valid, valid), (Answer, answer)]);
    let second = work(&mut host, &first.files, std::slice::from_ref(&wrong));
    assert!(passes(&second) && does(&second, "doubled"), "{}", second.note);
    let question = &host.requests[0].1.messages.last().unwrap().text;
    assert!(question.contains("- R1: wrong standard output"), "{question}");
}

#[test]
fn each_call_has_its_own_seed_that_canonical_json_can_carry() {
    let intent = twice(PYTHON);
    let mut host = Fake::new(&intent, &[]);
    work(&mut host, &Files::new(), &[]);
    let mut seeds: Vec<u64> = host.requests.iter().map(|(_, request)| request.seed).collect();
    assert!(seeds.iter().all(|seed| *seed < 1 << 53));
    seeds.dedup();
    assert_eq!(seeds.len(), host.requests.len());
}

#[test]
fn a_host_that_fails_ends_the_work() {
    let intent = twice(PYTHON);
    let mut host = Fake::new(&intent, &[]);
    host.broken = true;
    let action: ActionId = "twice-1/plan/1/1".parse().unwrap();
    let (notes, files) = (BTreeMap::new(), Files::new());
    let task = Task {
        action: &action,
        intent: &intent,
        prompt: "",
        notes: &notes,
        files: &files,
        disclosures: &[],
        feedback: &[],
        seed: 1,
    };
    assert!(Candidates::default().work(&task, &mut host).is_err());
    assert!(Planner.work(&task, &mut host).is_err());
}

#[test]
fn a_planner_leaves_a_note_and_no_files() {
    let intent = twice(PYTHON);
    let mut host = Fake::new(&intent, &[(Whole, &["Numbers past the largest are easily missed."])]);
    let action: ActionId = "twice-1/plan/1/1".parse().unwrap();
    let (notes, files) = (BTreeMap::new(), Files::new());
    let task = Task {
        action: &action,
        intent: &intent,
        prompt: "What is easily missed?",
        notes: &notes,
        files: &files,
        disclosures: &[],
        feedback: &[],
        seed: 1,
    };
    let report = Planner.work(&task, &mut host).unwrap();
    assert_eq!(report.note, "Numbers past the largest are easily missed.");
    assert!(report.files.is_empty());
    let (_, request) = &host.requests[0];
    assert_eq!((request.candidates, request.temperature), (1, 0.0));
    assert!(request.messages.last().unwrap().text.ends_with("\nWhat is easily missed?\n"));
}

fn conversation(request: &Request) -> String {
    let turns = request.messages.iter().map(|turn| format!("[{:?}]\n{}\n", turn.role, turn.text));
    turns.collect::<Vec<_>>().join("\n")
}

#[test]
fn prompts_read_so() {
    let intent = twice(PYTHON);
    let script: &[(host::Asked, &[&str])] = &[(Whole, &["whole echo"])];
    let mut host = Fake::new(&intent, script);
    work(&mut host, &Files::new(), &[]);
    for (asked, name) in
        [(Valid, "valid"), (Answer, "answer"), (Whole, "whole"), (Repair, "repair")]
    {
        let (_, request) = host.requests.iter().find(|(kind, _)| *kind == asked).unwrap();
        insta::assert_snapshot!(name, conversation(request));
    }
}

#[test]
fn a_program_reads_so() {
    for (name, interface) in [
        ("program_python", PYTHON),
        (
            "program_javascript",
            "- command: `twice` = `node $PRODUCT/twice.js`\n- files: `twice.js`",
        ),
    ] {
        let intent = twice(interface);
        let valid: &[&str] = &[
            "```\nimport re\n\ndef valid(args):\n    return digits\n\nprint(valid([]))\n```\n",
            "```\nfunction valid(args) {\n  return digits\n}\n\nconsole.log(valid([]));\n```\n",
        ];
        let answer: &[&str] = &[
            "```\ndef answer(args):\n    return doubled\n```\n",
            "```\nfunction answer(args) {\n  return doubled\n}\n```\n",
        ];
        let mut host = Fake::new(&intent, &[(Valid, valid), (Answer, answer)]);
        let report = work(&mut host, &Files::new(), &[]);
        assert!(passes(&report));
        insta::assert_snapshot!(name, report.files.values().next().unwrap());
    }
}
