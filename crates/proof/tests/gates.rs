//! Whole proofs of small shell programs in the real sandbox: a right one passes every gate, and each
//! kind of wrong one fails at the gate that is there for it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base::Digest;
use intent::{Intent, Scenario, parse_feature};
use policy::{FailureKind, Level, decide_level};
use proof::{
    Case, CaseFacts, Fate, Gate, GateEvidence, Proof, ProofError, ProveInput, ProveSettings, case,
    prove,
};
use sandbox::{Cancel, Choice, Limits, Sandbox};
use tempfile::TempDir;

const INTENT: &str = include_str!("double/intent.md");
const FEATURE: &str = include_str!("double/double.feature");
const RIGHT: &str = include_str!("double/double.sh");
const TEST: &str =
    "#!/bin/sh\n[ \"$(sh double.sh 5)\" = 10 ] || exit 1\n[ \"$(sh double.sh 6)\" = 12 ]\n";

/// A product as files.
type Files<'a> = &'a [(&'a str, &'a str)];

fn write(files: Files<'_>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    dir
}

struct Bench {
    intent: Intent,
    scenarios: Vec<Scenario>,
    settings: ProveSettings,
    checks: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        let (intent, _) = Intent::parse("intent.md", INTENT).unwrap();
        let scenarios = parse_feature("double.feature", FEATURE, &intent.interface).unwrap();
        let mut settings = ProveSettings::for_intent(&intent, scenarios.len(), 0);
        settings.play.threads = 2;
        settings.play.limits = Limits { wall: Duration::from_secs(20), ..Limits::default() };
        settings.variants = 12;
        Self { intent, scenarios, settings, checks: vec!["sh tests/test_double.sh".to_owned()] }
    }

    fn prove_in(&self, base: &Path, product: &Path, cancel: &Cancel) -> Result<Proof, ProofError> {
        let sandbox = Sandbox::open(Choice::Auto).unwrap();
        let input = ProveInput {
            intent: &self.intent,
            intent_digest: Digest::of(INTENT),
            scenarios: &self.scenarios,
            base: Some(base),
            product,
            subject: "0123456789abcdef0123456789abcdef01234567",
            checks: &self.checks,
            packs: &scenario::Packs::default(),
            twins: &[],
            settings: &self.settings,
        };
        prove(&input, &sandbox, cancel, &mut |_| ())
    }

    /// The case of a proof, as if it had taken no time.
    fn case(&self, mut proof: Proof) -> Case {
        for verdict in &mut proof.verdicts {
            verdict.wall_ms = 0;
        }
        let decision = decide_level(Level::LIGHTS_OFF, Level::LIGHTS_OFF, &proof.evidence);
        let facts = CaseFacts {
            intent: &self.intent,
            signer: "ada@example.com",
            run: "double-1",
            decision: Some(&decision),
        };
        case(&proof, &facts)
    }

    /// Proves a product against a base that has a test of record and nothing else.
    fn prove(&self, files: Files<'_>) -> Proof {
        let (base, product) = (write(&[("tests/test_double.sh", TEST)]), write(files));
        self.prove_in(base.path(), product.path(), &Cancel::default()).unwrap()
    }

    /// Proves a `double.sh` beside the untouched test of record.
    fn prove_program(&self, program: &str) -> Proof {
        self.prove(&[("double.sh", program), ("tests/test_double.sh", TEST)])
    }
}

/// The gate that stopped the proof, having let nothing more run.
fn stopped_at(proof: &Proof) -> Option<Gate> {
    let failed = proof.failed()?;
    assert_eq!(failed, proof.verdicts.last().unwrap(), "the first failure stops the rest");
    assert!(!proof.passed());
    Some(failed.gate)
}

fn told(proof: &Proof) -> Vec<(String, FailureKind)> {
    proof.disclosures().iter().map(|one| (one.requirement.to_string(), one.kind)).collect()
}

#[test]
fn a_right_program_passes_every_gate_and_its_case_says_why() {
    let bench = Bench::new();
    let proof = bench.prove_program(RIGHT);
    let summaries: Vec<&str> = proof.verdicts.iter().map(|one| one.summary.as_str()).collect();
    assert!(proof.passed(), "{summaries:#?}");
    let stored = serde_json::to_vec(&proof).unwrap();
    let read: Proof = serde_json::from_slice(&stored).unwrap();
    assert_eq!(serde_json::to_vec(&read).unwrap(), stored);

    let case = bench.case(proof);
    insta::assert_snapshot!("case", case.markdown);
    insta::assert_snapshot!("case_json", sorted(&case.json));
    for held_out in ["double 21", "\"42\"", "1.5"] {
        assert!(!case.markdown.contains(held_out), "the case quotes {held_out}");
    }
}

#[test]
fn a_program_that_is_wrong_where_nobody_showed_it_fails_at_the_scenarios() {
    let bench = Bench::new();
    let proof = bench.prove_program(&RIGHT.replace("$1 * 2", "$1 / 4 * 8 + $1 % 4 * 2 + $1 / 99"));
    assert_eq!(stopped_at(&proof), Some(Gate::Scenarios));
    assert_eq!(told(&proof), [("R1".to_owned(), FailureKind::WrongStdout)]);
    assert!(proof.feedback().is_empty(), "nothing but the disclosure leaves");
    insta::assert_snapshot!("case_held", bench.case(proof).markdown);
}

#[test]
fn a_program_that_knows_the_examples_by_heart_fails_at_the_scenarios() {
    let bench = Bench::new();
    let cheat = "#!/bin/sh\ncase $1 in 4) echo 8 ;; 5) echo 10 ;; 6) echo 12 ;;\n\
                 *) echo 'bad input' >&2; exit 2 ;; esac\n";
    let proof = bench.prove_program(cheat);
    assert_eq!(stopped_at(&proof), Some(Gate::Scenarios));
    assert!(told(&proof).iter().all(|(requirement, _)| requirement == "R1"));
}

#[test]
fn a_program_that_fails_what_it_could_see_fails_at_the_checks() {
    let bench = Bench::new();
    let proof = bench.prove_program(&RIGHT.replace("$1 * 2", "$1 * 3"));
    assert_eq!(stopped_at(&proof), Some(Gate::Checks));
    let feedback = proof.feedback();
    assert!(feedback[0].contains("`double 4` prints `8`"), "{feedback:?}");
    assert!(feedback.iter().any(|line| line.starts_with("sh tests/test_double.sh: exit code 1")));
    assert!(proof.disclosures().is_empty());
}

#[test]
fn a_deleted_test_and_a_file_outside_fail_before_anything_runs() {
    let bench = Bench::new();
    for (files, rule) in [
        (&[("double.sh", RIGHT)][..], "test-deleted"),
        (
            &[("double.sh", RIGHT), ("tests/test_double.sh", TEST), ("evil.sh", "true")][..],
            "outside-write-set",
        ),
    ] {
        let proof = bench.prove(files);
        assert_eq!(stopped_at(&proof), Some(Gate::Integrity));
        let GateEvidence::Integrity(evidence) = &proof.verdicts[0].evidence else { panic!() };
        assert!(evidence.violations.iter().any(|violation| violation.rule == rule), "{evidence:?}");
    }
}

#[test]
fn a_program_that_depends_on_its_circumstances_is_flaky() {
    let mut bench = Bench::new();
    bench.settings.seeds = (0..6).collect();
    let flaky = RIGHT.replace("echo $((", "[ \"$TZ\" = UTC0 ] || set -- $(($1 + 1))\necho $((");
    let proof = bench.prove_program(&flaky);
    assert_eq!(stopped_at(&proof), Some(Gate::Scenarios));
    let GateEvidence::Scenarios(evidence) = &proof.verdicts[2].evidence else { panic!() };
    assert!(!evidence.flakes.is_empty());
    assert!(evidence.flakes.iter().all(|flake| flake.satisfied.contains(&0)));
}

#[test]
fn scenarios_that_anything_passes_fail_at_the_strength() {
    let mut bench = Bench::new();
    let lax = "@R1 @R2\nFeature: lax\n  Scenario: it runs\n    When I run \"double 3\"\n    \
               Then it succeeds\n";
    bench.scenarios = parse_feature("lax.feature", lax, &bench.intent.interface).unwrap();
    bench.settings = ProveSettings {
        seeds: scenario::seeds_for(1, bench.intent.satisfaction, 0, 3),
        ..bench.settings
    };
    let proof = bench.prove_program(RIGHT);
    assert_eq!(stopped_at(&proof), Some(Gate::Strength));
    let summary = &proof.failed().unwrap().summary;
    assert!(summary.contains("`silent`"), "{summary}");
}

#[test]
fn what_scenarios_leave_open_is_found_by_sabotage() {
    let mut bench = Bench::new();
    // Without a call that has too many arguments, nothing holds their number in place.
    let from = FEATURE.find("\n  @R2\n  Scenario: Too many").unwrap();
    let open = &FEATURE[..from];
    bench.scenarios = parse_feature("double.feature", open, &bench.intent.interface).unwrap();
    bench.settings.mutants = 64;
    bench.settings.variants = 48;
    let proof = bench.prove_program(&RIGHT.replace("-ne 1", "-lt 1 ] || [ $# -gt 1"));
    let GateEvidence::Strength(evidence) = &proof.verdicts[3].evidence else { panic!() };
    let survivors: Vec<&str> = evidence
        .mutants
        .iter()
        .filter(|tried| matches!(tried.fate, Fate::Survived { .. }))
        .map(|tried| tried.mutant.after.as_str())
        .collect();
    assert!(survivors.iter().any(|after| after.contains("-gt 2")), "{survivors:?}");
}

#[test]
fn a_pulled_cord_ends_the_proof_without_a_verdict() {
    let bench = Bench::new();
    let product = write(&[("double.sh", RIGHT)]);
    let cancel = Cancel::default();
    cancel.pull();
    let ended = bench.prove_in(product.path(), product.path(), &cancel);
    assert!(matches!(ended, Err(ProofError::Cancelled)));
}

#[test]
fn a_build_command_is_run_once_and_its_failure_is_told() {
    let mut bench = Bench::new();
    bench.checks.clear();
    bench.settings.mutants = 2;
    bench.intent.interface.build = Some("test -e double.sh && cp double.sh built.sh".to_owned());
    let started = vec!["sh".to_owned(), "$PRODUCT/built.sh".to_owned()];
    bench.intent.interface.commands.insert("double".to_owned(), started);
    assert!(bench.prove_program(RIGHT).passed());
    let proof = bench.prove(&[("tests/test_double.sh", TEST)]);
    assert_eq!(stopped_at(&proof), Some(Gate::Checks));
    assert!(proof.feedback()[0].contains("exit code 1"));
}

/// The value with its keys in canonical order, whichever map `serde_json` was built with.
fn sorted(value: &serde_json::Value) -> String {
    let canonical = base::canonical(value).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&canonical).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

#[test]
fn a_product_that_holds_text_of_a_scenario_fails_and_its_builder_is_not_told_which() {
    let mut bench = Bench::new();
    let canary = format!("dark-{}", "0f".repeat(12));
    bench.scenarios[0].canary = Some(canary.clone());
    let id = bench.scenarios[0].id.to_string();
    let proof = bench.prove_program(&format!("{RIGHT}\n# {canary}\n"));
    assert_eq!(stopped_at(&proof), Some(Gate::Integrity));
    let failed = proof.failed().unwrap();
    assert!(failed.summary.contains(&id) && failed.summary.contains("double.sh"));
    assert_eq!(failed.feedback, ["double.sh: it holds text that no builder is given"]);
    assert!(!serde_json::to_string(&proof).unwrap().contains(&canary));
    let clean = bench.prove_program(RIGHT);
    assert!(clean.verdicts[0].passed, "{}", clean.verdicts[0].summary);
}
