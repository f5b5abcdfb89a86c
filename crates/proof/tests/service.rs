//! Whole proofs of a small service: what it could do wrong unnoticed is in the evidence and the case, and
//! copies that do no harm are told from those that do.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use base::Digest;
use intent::{Intent, Scenario, parse_feature};
use proof::StrengthEvidence;
use proof::{CaseFacts, Fate, Gate, GateEvidence, Proof, ProveInput, ProveSettings, case, prove};
use sandbox::{Cancel, Choice, Sandbox};
use scenario::Packs;
use twin::Pack;

const INTENT: &str = "+++\nid = \"bot\"\ntitle = \"A bot\"\nline = \"t\"\nowner = \"a@example.com\"\nlevel = 0\n\
    budget = { usd = 1.0, tokens = 1, wall = \"1m\" }\nsatisfaction = 0.4\n+++\n\n## Goal\nG.\n\n\
    ## Requirements\n- R1: `POST /open` opens one ticket with its text.\n\n## Interface\n\
    - service: `bot` = `python3 $PRODUCT/bot.py`, on port `8080`, ready when `GET /up` answers\n\
    - twins: `desk` as `DESK_URL`, `DESK_TOKEN`\n- files: `bot.py`\n";

const BOT: &str = include_str!("double/bot.py");

const STEPS: &str = r#"
    Given the service is running
    When I POST "/open" with the JSON:
      """
      {"text": "the printer is on fire"}
      """
    Then the status is 200
"#;
const EFFECT: &str =
    "    And desk has 1 ticket\n    And desk has 1 ticket containing \"on fire\"\n";

fn packs(intent: &Intent) -> Packs {
    let files = [
        ("pack.toml", include_str!("../../scenario/tests/desk/pack.toml")),
        ("desk.star", include_str!("../../scenario/tests/desk/desk.star")),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let pack = Pack::read(&BTreeMap::from(files)).unwrap_or_else(|error| panic!("{error}"));
    let own = BTreeMap::from([("desk".to_owned(), Arc::new(pack))]);
    Packs::of(&intent.interface, &own).unwrap()
}

/// A proof of the bot by one scenario, with so many sabotaged copies, and its case.
fn proved(steps: &str, mutants: usize) -> (Proof, String) {
    let (intent, _) = Intent::parse("intent.md", INTENT).unwrap();
    let feature = format!("@R1\nFeature: f\n  Scenario: s\n{steps}");
    let scenarios: Vec<Scenario> = parse_feature("f.feature", &feature, &intent.interface)
        .unwrap_or_else(|found| panic!("{}", found[0]));
    let settings =
        ProveSettings { mutants, ..ProveSettings::for_intent(&intent, scenarios.len(), 0) };
    let product = tempfile::tempdir().unwrap();
    fs::write(product.path().join("bot.py"), BOT).unwrap();
    let input = ProveInput {
        intent: &intent,
        intent_digest: Digest::of(INTENT),
        scenarios: &scenarios,
        base: None,
        product: product.path(),
        subject: "0123456789abcdef0123456789abcdef01234567",
        checks: &[],
        packs: &packs(&intent),
        twins: &[],
        settings: &settings,
    };
    let sandbox = Sandbox::open(Choice::Auto).unwrap();
    let proof = prove(&input, &sandbox, &Cancel::default(), &mut |_| ()).unwrap();
    let (signer, run, decision) = ("a@example.com", "bot-1", None);
    let facts = CaseFacts { intent: &intent, signer, run, decision };
    let markdown = case(&proof, &facts).markdown;
    (proof, markdown)
}

fn strength(proof: &Proof) -> &StrengthEvidence {
    let verdict = proof.verdicts.iter().find(|verdict| verdict.gate == Gate::Strength).unwrap();
    let GateEvidence::Strength(evidence) = &verdict.evidence else { panic!() };
    evidence
}

#[test]
fn what_a_service_does_is_noticed_and_copies_that_do_no_harm_are_not_counted() {
    let (proof, case) = proved(&(STEPS.to_owned() + EFFECT), 22);
    let summaries: Vec<&str> = proof.verdicts.iter().map(|one| one.summary.as_str()).collect();
    assert!(proof.passed(), "{summaries:#?}");
    let found = strength(&proof);
    assert_eq!(found.service.caught(), (5, 5));
    assert!(
        case.contains("* 5 of 5 things that the service does or answers were noticed"),
        "{case}"
    );
    assert!(case.contains("* **Does not stand** a reset connection: `f:3` fails"), "{case}");

    let of = |before: &str| -> Vec<&Fate> {
        let same = found.mutants.iter().filter(|one| one.mutant.before.contains(before));
        same.map(|one| &one.fate).collect()
    };
    assert_eq!(of("PATIENCE = 5"), [&Fate::Equivalent]);
    assert!(!of("log.write").is_empty());
    for fate in of("log.write") {
        let Fate::Survived { call, .. } = fate else { panic!("{fate:?}") };
        assert_eq!(call.words, ["bot", "what it keeps"]);
    }
    // Only a fault that no scenario plays gets there.
    let refused = of("return self.answer(503)");
    assert!(!refused.is_empty(), "{:?}", found.mutants.len());
    assert!(refused.iter().all(|fate| matches!(fate, Fate::Survived { .. })), "{refused:?}");
    let stored = serde_json::to_string(&proof).unwrap();
    let read: Proof = serde_json::from_str(&stored).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), stored);
}

#[test]
fn scenarios_that_never_look_at_what_was_done_fail_at_the_strength() {
    let (proof, case) = proved(STEPS, 3);
    assert_eq!(proof.failed().map(|verdict| verdict.gate), Some(Gate::Strength));
    assert_eq!(strength(&proof).service.caught(), (1, 4));
    // Sabotaged copies were caught oftener: the weaker share counts.
    assert_eq!((proof.evidence.sabotaged_caught, proof.evidence.sabotaged_total), (1, 4));
    assert!(
        case.contains("* **Nobody noticed:** desk tickets.open: done twice, in `f:3` (R1)."),
        "{case}"
    );
    assert!(case.contains("* Against it: nobody would notice desk tickets.open: done twice"));
}
