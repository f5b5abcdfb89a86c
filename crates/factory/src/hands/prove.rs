//! The prove's hand: every gate on a clean export of the very tree that would ship, the level that
//! the evidence supports, and the little that a builder may learn when it was not enough.

use std::collections::BTreeSet;

use base::Digest;
use engine::{Outcome, Status};
use policy::{Disclosure, DisclosureMeter, LevelDecision, decide_level};
use proof::{
    CaseFacts, Gate, GateProgress, ProgressEvent, Proof, ProofError, ProveInput, ProveSettings,
    Verdict,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{HandError, Hands, Job, last, outcome};
use crate::examine::level;
use runner::Notice;
use runner::Observation;

/// The entry of a proof: what was proven, and where the proof and its case lie.
pub(crate) const PROOF_MADE: &str = "proof.made";
/// The entry of what a builder was told of held-out scenarios.
const HOLDOUT_DISCLOSED: &str = "holdout.disclosed";

/// A proof on the ledger; the proof itself and the case are bodies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProofMade {
    pub action: base::ActionId,
    pub tree: String,
    pub intent: Digest,
    pub passed: bool,
    pub proof: Digest,
    /// In Markdown.
    pub case: Digest,
    /// The same, structured.
    pub case_json: Digest,
    pub level: u8,
    pub decision: LevelDecision,
}

/// What one failed proof told the builder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Disclosed {
    action: base::ActionId,
    disclosures: Vec<Disclosure>,
    /// Thousandths of a bit that the run has disclosed in all.
    millibits: u32,
}

impl Hands {
    pub(super) fn prove(&self, job: &Job<'_>) -> Result<Outcome, HandError> {
        let tree = job.tree()?;
        if let Some(proof) = self.disproof(tree.as_str())? {
            self.say(job, "this very build was found wanting before");
            let mut done = self.found_wanting(job, &proof)?;
            // Killed after its proof was kept, this action has something to pay for.
            done.spend = self.judged(job)?;
            return Ok(done);
        }
        let before = self.fresh_dir()?;
        if let Some(base) = &self.opening.base {
            self.repository.export(base, before.path())?;
        }
        let product = self.fresh_dir()?;
        self.repository.export(&tree, product.path())?;
        let intent = &self.loaded.intent;
        let scenarios = &self.loaded.scenarios;
        let mut settings = ProveSettings::for_intent(intent, scenarios.len(), self.opening.seed);
        let bench = self.bench(job)?;
        settings.play.judge = bench.as_ref().map(|bench| bench.judge.clone());
        let input = ProveInput {
            intent,
            intent_digest: self.opening.intent,
            scenarios,
            base: self.opening.base.as_ref().map(|_| before.path()),
            product: product.path(),
            subject: tree.as_str(),
            checks: &self.opening.checks,
            packs: &self.packs,
            twins: &self.opening.fidelity,
            settings: &settings,
        };
        let mut progress = |news: GateProgress| self.tell(job, &news);
        let proof = match proof::prove(&input, &self.sandbox, job.cancel, &mut progress) {
            Ok(proof) => proof,
            Err(ProofError::Cancelled) => return Err(HandError::Cancelled),
            Err(error) => return Err(HandError::Failed(base::chain(&error))),
        };
        let spend = bench.map(|bench| bench.spend()).unwrap_or_default();
        let made = self.keep_proof(job, &proof, tree.as_str())?;
        if proof.passed() {
            let mut done =
                outcome(Status::Success, format!("every gate passed; level {}", made.level));
            done.spend = spend;
            done.context.insert("factory.level".to_owned(), made.level.to_string());
            done.context.insert("factory.level_reason".to_owned(), binding(&made.decision));
            return Ok(done);
        }
        let mut done = self.found_wanting(job, &proof)?;
        done.spend = spend;
        Ok(done)
    }

    /// The proof of this run that this tree did not pass: it would not pass another, and a builder that
    /// hands the same in again learns nothing new from it.
    fn disproof(&self, tree: &str) -> Result<Option<Proof>, HandError> {
        let entries = self.recorder.ledger.run_named(&self.recorder.run, PROOF_MADE)?;
        let failed = |made: &ProofMade| made.tree == tree && !made.passed;
        let Some(made) = last::<ProofMade>(&entries, PROOF_MADE, failed) else { return Ok(None) };
        let proof = self.recorder.ledger.body(&made.proof)?;
        Ok(serde_json::from_slice(&proof).ok())
    }

    fn tell(&self, job: &Job<'_>, news: &GateProgress) {
        let what = news.gate.to_string();
        match &news.event {
            ProgressEvent::Began => {}
            ProgressEvent::Advanced { done, total } => {
                let notice =
                    Notice::Step { action: job.id, what: &what, done: *done, total: *total };
                self.recorder.watcher.notice(&notice);
            }
            ProgressEvent::Ended { passed, summary, .. } => {
                let mark = if *passed { "passes" } else { "FAILS" };
                self.say(job, &format!("gate {what} {mark}: {summary}"));
            }
        }
    }

    /// Keeps the proof and its case, with the level that it supports.
    fn keep_proof(&self, job: &Job<'_>, proof: &Proof, tree: &str) -> Result<ProofMade, HandError> {
        let asked = level(self.loaded.intent.level);
        let decision = decide_level(asked, level(self.opening.level_max), &proof.evidence);
        let facts = CaseFacts {
            intent: &self.loaded.intent,
            signer: &self.loaded.intent.owner,
            run: self.recorder.run.as_str(),
            decision: Some(&decision),
        };
        let case = proof::case(proof, &facts);
        let made = ProofMade {
            action: job.id.clone(),
            tree: tree.to_owned(),
            intent: self.opening.intent,
            passed: proof.passed(),
            proof: self.recorder.keep(proof)?,
            case: self.recorder.ledger.put_body(case.markdown.as_bytes())?,
            case_json: self.recorder.keep(&case.json)?,
            level: decision.level.number(),
            decision,
        };
        self.recorder.observe(Observation {
            actor: "hand:prove".to_owned(),
            name: PROOF_MADE,
            body: json!(made),
            bodies: vec![made.proof, made.case, made.case_json],
        })?;
        Ok(made)
    }

    /// Tells the builder what it may know: of held-out scenarios, the requirement and the kind of
    /// failure, as long as the run's disclosure budget lasts.
    fn found_wanting(&self, job: &Job<'_>, proof: &Proof) -> Result<Outcome, HandError> {
        let failed = proof.failed();
        let note = failed.map_or_else(
            || "the proof is not complete".to_owned(),
            |verdict| format!("gate {}: {}", verdict.gate, told(verdict)),
        );
        let entries = self.recorder.ledger.run(&self.recorder.run)?;
        let before = |told: &Disclosed| told.action != *job.id;
        let requirements = self.loaded.intent.requirements.len();
        let mut meter = DisclosureMeter::new(u32::try_from(requirements).unwrap_or(u32::MAX));
        let earlier = last::<Disclosed>(&entries, HOLDOUT_DISCLOSED, before);
        let mut told: BTreeSet<Disclosure> = BTreeSet::new();
        if let Some(earlier) = earlier {
            told.extend(earlier.disclosures);
        }
        let earlier: Vec<Disclosure> = told.iter().cloned().collect();
        for disclosure in earlier.iter().chain(&proof.disclosures()) {
            if meter.charge(disclosure).is_ok() {
                told.insert(disclosure.clone());
            }
        }
        let disclosures: Vec<Disclosure> = told.into_iter().collect();
        let disclosed = Disclosed {
            action: job.id.clone(),
            disclosures: disclosures.clone(),
            millibits: meter.millibits_spent(),
        };
        self.recorder.observe(Observation {
            actor: "hand:prove".to_owned(),
            name: HOLDOUT_DISCLOSED,
            body: json!(disclosed),
            bodies: Vec::new(),
        })?;
        // No more than the builder was told: a note may reach a later stage's prompt.
        let kinds: Vec<String> =
            disclosures.iter().map(|one| format!("{}: {}", one.requirement, one.kind)).collect();
        let note = if kinds.is_empty() { note } else { format!("{note} ({})", kinds.join(", ")) };
        let mut done = outcome(Status::Fail, note);
        let as_json = |value: serde_json::Value| value.to_string();
        done.context.insert("factory.disclosures".to_owned(), as_json(json!(disclosures)));
        done.context.insert("factory.feedback".to_owned(), as_json(json!(proof.feedback())));
        Ok(done)
    }
}

/// What was wrong, as a later stage may read it: the summary of the first gate may name a scenario.
fn told(verdict: &Verdict) -> &str {
    let own = verdict.feedback.first().filter(|_| verdict.gate == Gate::Integrity);
    own.unwrap_or(&verdict.summary)
}

/// The terms that bind, in words.
fn binding(decision: &LevelDecision) -> String {
    let terms = decision.terms.iter().filter(|term| decision.binding.contains(&term.name));
    let said = terms.map(|term| format!("{}: {}", term.name, term.value));
    said.collect::<Vec<_>>().join("; ")
}
