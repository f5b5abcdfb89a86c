//! What the gate of strength makes of counts and fates.

use scenario::Judged;

use super::*;

fn degenerates(caught: bool) -> Strength {
    let by = || "f:1".parse().unwrap();
    let judged = Judged {
        name: "silent".to_owned(),
        description: "prints nothing".to_owned(),
        caught_by: caught.then(by),
        should_have_caught: if caught { Vec::new() } else { vec![by()] },
        advice: String::new(),
    };
    Strength { programs: vec![judged], weaknesses: Vec::new() }
}

/// As many tried copies of each fate: caught, survived, equivalent, not built.
fn tried(counts: [usize; 4]) -> Vec<TriedMutant> {
    let call = Call {
        scenario: None,
        requirements: Vec::new(),
        words: vec!["t".to_owned()],
        stdin: String::new(),
        files: Vec::new(),
        env: Vec::new(),
    };
    let fates = [
        Fate::CaughtByScenario { scenario: "f:1".parse().unwrap() },
        Fate::Survived { call, requirements: Vec::new() },
        Fate::Equivalent,
        Fate::NotBuilt,
    ];
    let mutant = Mutant {
        file: "a.py".to_owned(),
        line: 1,
        what: "deleted a line".to_owned(),
        before: "x".to_owned(),
        after: String::new(),
        content: String::new(),
    };
    let copies = |(fate, count): (&Fate, usize)| {
        vec![TriedMutant { mutant: mutant.clone(), fate: fate.clone() }; count]
    };
    fates.iter().zip(counts).flat_map(copies).collect()
}

#[test]
fn half_of_what_harms_must_be_caught_and_what_does_no_harm_is_not_counted() {
    let passes =
        |counts| judge(degenerates(true), tried(counts), ServiceStrength::default()).passed;
    assert!(passes([5, 5, 0, 0]));
    assert!(!passes([4, 5, 0, 0]));
    assert!(passes([4, 4, 90, 90]));
    assert!(passes([0, 0, 16, 0]), "nothing harmful was tried, and the level says so");
    assert!(passes([0, 2, 0, 0]), "two tell too little to hold a build");
    assert!(!passes([0, 3, 0, 0]));
}

#[test]
fn a_build_that_fails_when_it_is_played_again_is_held_and_told_as_coarsely_as_ever() {
    let text = || "HELD OUT".to_owned();
    let kind = policy::FailureKind::WrongEffect;
    let failed = Trajectory {
        scenario: "f:1".parse().unwrap(),
        requirements: vec!["R1".parse().unwrap()],
        seed: 0,
        played: Played::Failed(scenario::Failure {
            step: 1,
            kind,
            expected: text(),
            actual: text(),
        }),
        wall_ms: 1,
    };
    let found = unsteady(degenerates(true), &[failed]);
    assert!(!found.passed && !found.summary.contains("HELD OUT"), "{}", found.summary);
    assert_eq!(found.disclosures.len(), 1);
}

#[test]
fn a_degenerate_survivor_holds_the_build() {
    let found = judge(degenerates(false), tried([9, 0, 0, 0]), ServiceStrength::default());
    assert!(!found.passed);
    assert!(found.summary.contains("`silent` would pass"), "{}", found.summary);
}

#[test]
fn evidence_of_before_services_were_tried_is_still_read() {
    let stored = r#"{"degenerates":{"programs":[],"weaknesses":[]},"mutants":[],"caught":4,
        "survived":1,"equivalent":0,"not_built":0}"#;
    let read: StrengthEvidence = serde_json::from_str(stored).unwrap();
    assert!(read.service.is_empty());
    assert_eq!(read.weaker(), (4, 5));
    assert!(!serde_json::to_string(&read).unwrap().contains("service"));
}
