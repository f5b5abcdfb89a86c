//! The ship's hand: looks the evidence up in the ledger once more, and only then moves a branch.
//!
//! What a pipeline says does not matter here: without a signed intent, a complete passing proof of
//! exactly this tree, and a yes where the level asks for one, nothing ships.

use std::collections::BTreeMap;

use ::ship::ssh::{self, SshError};
use ::ship::{Commit, Evidence, Facts, Landed, ObjectId, tag_name};
use base::Digest;
use engine::{Outcome, Status};
use intent::SIGNATURE_NAMESPACE;
use ledger::Entry;
use proof::Proof;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::agent::{BUILD_MADE, BuildMade};
use super::prove::{PROOF_MADE, ProofMade};
use super::{HandError, Hands, Job, outcome};
use crate::answers::{self, ANSWER_SIGNED, AnswerSigned};
use crate::factory::ledger_key;
use runner::{Observation, now};

/// The entry that says which commit is about to land: written before any branch moves.
pub(crate) const SHIP_PREPARED: &str = "ship.prepared";
/// The entry that says that it did.
pub(crate) const SHIP_LANDED: &str = "ship.landed";

/// What is said of a branch that is no longer where the run began: by it a replay knows why the run was held.
pub(crate) const MOVED: &str =
    "while we built; nothing was shipped, and what was proven is not what would land";

/// A commit that is about to land.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ShipPrepared {
    pub commit: String,
    pub parent: Option<String>,
    pub tree: String,
    pub branch: String,
}

/// A commit that landed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ShipLanded {
    pub commit: String,
    pub branch: String,
    pub tag: String,
    /// The attestation bundle's body.
    pub evidence: Digest,
}

impl Hands {
    pub(super) fn ship(&self, job: &Job<'_>) -> Result<Outcome, HandError> {
        let entries = self.recorder.ledger.run(&self.recorder.run)?;
        let tree = job.tree()?;
        let (made, proof) = match self.admitted(job, &entries, &tree) {
            Ok(admitted) => admitted,
            Err(Refused::Policy(reason)) => return Ok(outcome(Status::Fail, reason)),
            Err(Refused::Hand(error)) => return Err(error),
        };
        let message = self.message();
        let since = opened_at(&entries);
        let key = self.layout.ship_key();
        let base = self.opening.base.as_ref();
        let (name, address) = &self.author;
        let commit = self.repository.commit(&Commit {
            parent: base,
            tree: &tree,
            message: &message,
            time: since,
            author: (name, address),
            key: &key,
        })?;
        self.prepared(&entries, &commit, &tree)?;
        let facts = self.facts(job, &entries, &made, &proof, &commit, &tree)?;
        let key = ledger_key(&self.layout)?;
        let evidence = Evidence::of(&facts, &key);
        let evidence = evidence?.to_text();
        let tag = tag_name(&self.recorder.run);
        let tag_id = self.repository.tag(&tag, &commit, &evidence, (name, address), since)?;
        self.say(job, &format!("landing {} on {}", commit.short(), self.repository.branch()));
        match self.repository.land(base, &commit, (&tag, &tag_id))? {
            Landed::Diverged { found } => {
                let show = |id: Option<&ObjectId>| id.map_or("nothing", ObjectId::short).to_owned();
                Ok(outcome(
                    Status::Fail,
                    format!(
                        "{} moved from {} to {} {MOVED}: run the intent again",
                        self.repository.branch(),
                        show(base),
                        show(found.as_ref()),
                    ),
                ))
            }
            Landed::Now | Landed::Already => self.landed(&entries, commit, tag, &evidence),
        }
    }

    /// The build and its proof, if together they may ship.
    fn admitted(
        &self,
        job: &Job<'_>,
        entries: &[Entry],
        tree: &ObjectId,
    ) -> Result<(BuildMade, Proof), Refused> {
        let refuse = |reason: &str| Err(Refused::Policy(format!("refused to ship: {reason}")));
        let made = last::<BuildMade>(entries, BUILD_MADE, |made| made.tree == tree.as_str());
        let Some(made) = made else { return refuse("no agent of this run made this tree") };
        let proven = last::<ProofMade>(entries, PROOF_MADE, |proven| proven.tree == tree.as_str());
        let Some(proven) = proven else { return refuse("there is no proof of this tree") };
        let bytes = self.recorder.ledger.body(&proven.proof).map_err(HandError::from)?;
        let Ok(proof) = serde_json::from_slice::<Proof>(&bytes) else {
            return refuse("the proof cannot be read");
        };
        if !proof.passed() {
            return refuse("the proof is not complete and passing");
        }
        if proven.intent != self.opening.intent || self.loaded.seal.digest() != self.opening.intent
        {
            return refuse("the proof is about another intent");
        }
        if let Err(error) = self.signed_by_owner() {
            return refuse(&format!(
                "the intent's signature does not hold: {}",
                base::chain(&error)
            ));
        }
        if proven.level < 5 {
            let Some(answer) = approval(entries, job) else {
                return refuse("a person must approve this ship, and nobody has");
            };
            let people = self.layout.people();
            if let Err(error) = answers::verify(&answer, &self.recorder.ledger, &people) {
                return refuse(&format!("the approval does not hold: {}", base::chain(&error)));
            }
        }
        Ok((made, proof))
    }

    /// Whether the owner's signature over the seal still holds, by the people of when it was opened.
    fn signed_by_owner(&self) -> Result<(), answers::AnswerError> {
        let ledger = &self.recorder.ledger;
        let people = tempfile::NamedTempFile::new().map_err(SshError::from)?;
        std::fs::write(people.path(), ledger.body(&self.opening.people)?)
            .map_err(SshError::from)?;
        let signature = ledger.body(&self.opening.signature)?;
        let signature = String::from_utf8_lossy(&signature);
        let (owner, seal) = (&self.loaded.intent.owner, self.loaded.seal.to_text());
        ssh::verify(people.path(), owner, SIGNATURE_NAMESPACE, seal.as_bytes(), &signature)?;
        Ok(())
    }

    fn message(&self) -> String {
        let intent = &self.loaded.intent;
        let mut message = format!("{}\n\n{}\n\n", intent.title, intent.goal.trim());
        message.push_str(&format!("Dark-Run: {}\n", self.recorder.run));
        message.push_str(&format!("Dark-Intent: {}@{}\n", intent.id, self.opening.intent));
        for requirement in &intent.requirements {
            message.push_str(&format!("Dark-Requirement: {}\n", requirement.id));
        }
        message
    }

    fn prepared(
        &self,
        entries: &[Entry],
        commit: &ObjectId,
        tree: &ObjectId,
    ) -> Result<(), HandError> {
        let prepared = ShipPrepared {
            commit: commit.to_string(),
            parent: self.opening.base.as_ref().map(ToString::to_string),
            tree: tree.to_string(),
            branch: self.repository.branch().to_owned(),
        };
        if last::<ShipPrepared>(entries, SHIP_PREPARED, |earlier| *earlier == prepared).is_some() {
            return Ok(());
        }
        Ok(self.recorder.observe(Observation {
            actor: "hand:ship".to_owned(),
            name: SHIP_PREPARED,
            body: json!(prepared),
            bodies: Vec::new(),
        })?)
    }

    fn facts(
        &self,
        job: &Job<'_>,
        entries: &[Entry],
        made: &BuildMade,
        proof: &Proof,
        commit: &ObjectId,
        tree: &ObjectId,
    ) -> Result<Facts, HandError> {
        let ledger = &self.recorder.ledger;
        let proven = last::<ProofMade>(entries, PROOF_MADE, |proven| proven.tree == tree.as_str())
            .expect("an admitted build was proven");
        let signature =
            String::from_utf8_lossy(&ledger.body(&self.opening.signature)?).into_owned();
        let intent = &self.loaded.intent;
        let scenarios = self.loaded.scenarios.iter().map(|scenario| scenario.id.to_string());
        Ok(Facts {
            run: self.recorder.run.clone(),
            factory: self.author.0.clone(),
            version: self.opening.version.clone(),
            line: self.opening.line.to_string(),
            intent_id: intent.id.to_string(),
            intent: self.opening.intent,
            owner: intent.owner.clone(),
            seal: self.loaded.seal.to_text(),
            signature,
            requirements: intent.requirements.iter().map(|one| one.id.clone()).collect(),
            pipeline: self.opening.pipeline,
            model: self.opening.model.clone(),
            remote: self.opening.remote.clone(),
            base: self.opening.base.clone(),
            commit: commit.clone(),
            tree: tree.clone(),
            files: made.files.clone(),
            level: proven.level,
            approved_by: approval(entries, job).map(|answer| answer.by),
            gates: proof.verdicts.iter().map(|verdict| verdict.gate.to_string()).collect(),
            scenarios: scenarios.collect(),
            proof: proven.proof,
            case: proven.case,
            checkpoint: ledger.checkpoint()?.to_string(),
            started: opened_at(entries),
            finished: now(),
        })
    }

    fn landed(
        &self,
        entries: &[Entry],
        commit: ObjectId,
        tag: String,
        evidence: &str,
    ) -> Result<Outcome, HandError> {
        let branch = self.repository.branch().to_owned();
        let note = format!("shipped {} to {branch}", commit.short());
        let same = |earlier: &ShipLanded| earlier.commit == commit.as_str();
        if last(entries, SHIP_LANDED, same).is_none() {
            let evidence = self.recorder.ledger.put_body(evidence.as_bytes())?;
            let landed = ShipLanded { commit: commit.to_string(), branch, tag, evidence };
            self.recorder.observe(Observation {
                actor: "hand:ship".to_owned(),
                name: SHIP_LANDED,
                body: json!(landed),
                bodies: vec![evidence],
            })?;
        }
        let mut done = outcome(Status::Success, note);
        done.context = BTreeMap::from([("factory.commit".to_owned(), commit.to_string())]);
        Ok(done)
    }
}

enum Refused {
    Policy(String),
    Hand(HandError),
}

impl From<HandError> for Refused {
    fn from(error: HandError) -> Self {
        Self::Hand(error)
    }
}

/// The newest observation of a name that fits.
pub(crate) fn last<T: for<'de> Deserialize<'de>>(
    entries: &[Entry],
    name: &str,
    fits: impl Fn(&T) -> bool,
) -> Option<T> {
    entries
        .iter()
        .rev()
        .filter(|entry| entry.record.event.name == name)
        .filter_map(|entry| serde_json::from_value(entry.record.event.body.clone()).ok())
        .find(fits)
}

/// The answer that approved this very visit of the ship stage.
fn approval(entries: &[Entry], job: &Job<'_>) -> Option<AnswerSigned> {
    // The question stands before the stage's first attempt.
    let asked = base::ActionId { attempt: 0, ..job.id.clone() };
    let fits = |answer: &AnswerSigned| answer.choice == "approve" && answer.action == asked;
    last(entries, ANSWER_SIGNED, fits)
}

/// When the run was opened: the time of its commit, so that a repeated ship makes the same one.
fn opened_at(entries: &[Entry]) -> base::Timestamp {
    entries.first().map_or_else(base::Timestamp::default, |entry| entry.record.time)
}
