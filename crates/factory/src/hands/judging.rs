//! Who answers the judged sentences of a proof: a model of another family than the run's builders, each
//! question and answer on the ledger, none paid twice.
//!
//! A question holds held-out text and what the build printed. It goes through a sink of its own, to a
//! model that a person named; one of two values comes back. It refuses to know how a sentence is put
//! and calibrated: that is the court's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::{ActionId, Digest, Spend};
use intent::{Budget, Judgement};
use model::{Message, Model, Reply, Request, Role};
use policy::{Compartment, Integrity, Label, Sink};
use runner::{Observation, Recorder};
use sandbox::Cancel;
use scenario::{Calibration, Court, Heard, Judge, Prompt, Purpose, Reader, opinion_of};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::calls::{Caller, within_budget};
use super::{HandError, Hands, Job, MODEL_CALLED, ModelCalled};

/// The entry of one question to a judge.
pub(crate) const JUDGE_ASKED: &str = "judge.asked";
/// The entry of how well a judge told the examples of a sentence.
pub(crate) const JUDGE_CALIBRATED: &str = "judge.calibrated";

/// Room for models that think before they answer by one word.
const ANSWER_TOKENS: u32 = 512;

/// A question to a judge on the ledger; request and reply are bodies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JudgeAsked {
    pub action: ActionId,
    pub model: String,
    pub family: String,
    /// What the person had answered, where the question calibrates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<bool>,
    /// What the answer was read as; none where it was neither of the two words.
    pub verdict: Option<bool>,
    pub request: Digest,
    pub reply: Digest,
    pub spend: Spend,
}

/// A judge for one proof, and what it has cost.
pub(super) struct Bench {
    pub(super) judge: Arc<dyn Judge>,
    bill: Arc<Mutex<Kept>>,
}

impl Bench {
    /// What this action is to be charged for.
    pub(super) fn spend(&self) -> Spend {
        lock(&self.bill).spend
    }
}

impl Hands {
    /// The judge of this proof; none where no sentence is judged or nobody was named.
    pub(super) fn bench(&self, job: &Job<'_>) -> Result<Option<Bench>, HandError> {
        let wanted = self.loaded.scenarios.iter().any(|one| one.judgements().next().is_some());
        let Some(model) = self.judge.as_ref().filter(|_| wanted) else { return Ok(None) };
        let bill = Arc::new(Mutex::new(self.kept(job, model.name())?));
        let families = self.builders()?;
        if families.contains(model.family()) {
            let reason = format!(
                "the judge {} is of the family `{}`, and so is who built this: set `judge` in \
                 [model] of factory.toml, or --judge, to a model of another family",
                model.name(),
                model.family()
            );
            return Ok(Some(Bench { judge: Arc::new(Refused(reason)), bill }));
        }
        let reader = LedgerReader {
            model: model.clone(),
            recorder: self.recorder.clone(),
            action: job.id.clone(),
            cancel: job.cancel.clone(),
            budget: self.loaded.intent.budget,
            spent_before: job.state.spend(),
            seed: self.opening.seed,
            kept: bill.clone(),
        };
        Ok(Some(Bench { judge: Arc::new(Court::new(reader, self.opening.seed)), bill }))
    }

    /// The families of all models that this run's builders called, or would call.
    fn builders(&self) -> Result<BTreeSet<String>, HandError> {
        let entries = self.recorder.ledger.run_named(&self.recorder.run, MODEL_CALLED)?;
        let called = entries.iter().filter_map(|entry| {
            serde_json::from_value::<ModelCalled>(entry.record.event.body.clone()).ok()
        });
        let mut families: BTreeSet<String> = called.map(|called| called.family).collect();
        families.insert(self.model.family().to_owned());
        Ok(families)
    }

    /// What the run's judge has answered already.
    fn kept(&self, job: &Job<'_>, model: &str) -> Result<Kept, HandError> {
        let entries = self.recorder.ledger.run_named(&self.recorder.run, JUDGE_ASKED)?;
        let asked = entries.iter().filter_map(|entry| {
            serde_json::from_value::<JudgeAsked>(entry.record.event.body.clone()).ok()
        });
        let mut kept = Kept { answered: BTreeMap::new(), spend: Spend::default() };
        for asked in asked {
            // Before a crash, this action had paid for it already, whether or not it is asked again.
            if asked.action == *job.id {
                kept.spend += asked.spend;
            }
            if asked.model == model {
                kept.answered.insert(asked.request, asked.reply);
            }
        }
        Ok(kept)
    }

    /// What judges have cost this action so far, by the ledger.
    pub(super) fn judged(&self, job: &Job<'_>) -> Result<Spend, HandError> {
        Ok(self.kept(job, "")?.spend)
    }
}

/// A judge that may not be asked.
#[derive(Debug)]
struct Refused(String);

impl Judge for Refused {
    fn agrees(&self, _: &Judgement, _: &str) -> Result<bool, String> {
        Err(self.0.clone())
    }

    fn heard(&self, _: &Judgement) -> Option<Heard> {
        None
    }
}

/// What was answered before, and what answers have cost this action.
struct Kept {
    /// Request -> its reply.
    answered: BTreeMap<Digest, Digest>,
    /// Of this action: what another asked is charged already.
    spend: Spend,
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

struct LedgerReader {
    model: Arc<dyn Model>,
    recorder: Recorder,
    action: ActionId,
    cancel: Cancel,
    budget: Budget,
    spent_before: Spend,
    seed: u64,
    kept: Arc<Mutex<Kept>>,
}

impl fmt::Debug for LedgerReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerReader").field("model", &self.model.name()).finish_non_exhaustive()
    }
}

impl LedgerReader {
    /// The reply to `request`: the one on the ledger, or the model's.
    fn reply(&self, request: &Request, purpose: Purpose) -> Result<Reply, String> {
        let told = |error: ledger::LedgerError| base::chain(&error);
        let asked = self.recorder.keep(request).map_err(told)?;
        let mut kept = lock(&self.kept);
        if let Some(reply) = kept.answered.get(&asked) {
            let bytes = self.recorder.ledger.body(reply).map_err(told)?;
            return serde_json::from_slice(&bytes).map_err(|error| base::chain(&error));
        }
        let mut spent = self.spent_before;
        spent += kept.spend;
        within_budget(&self.budget, &spent)?;
        let caller = Caller {
            model: self.model.as_ref(),
            recorder: &self.recorder,
            action: &self.action,
            cancel: &self.cancel,
        };
        let reply = caller.call(request)?;
        kept.spend += reply.spend;
        let answer = self.recorder.keep(&reply).map_err(told)?;
        let wanted = match purpose {
            Purpose::Calibration { agrees } => Some(agrees),
            Purpose::Judgement => None,
        };
        let body = JudgeAsked {
            action: self.action.clone(),
            model: self.model.name().to_owned(),
            family: self.model.family().to_owned(),
            wanted,
            verdict: opinion_of(said(&reply)),
            request: asked,
            reply: answer,
            spend: reply.spend,
        };
        self.observe(JUDGE_ASKED, json!(body), vec![asked, answer])?;
        kept.answered.insert(asked, answer);
        Ok(reply)
    }

    fn observe(
        &self,
        name: &'static str,
        body: serde_json::Value,
        bodies: Vec<Digest>,
    ) -> Result<(), String> {
        let actor = format!("judge:{}", self.model.name());
        let observation = Observation { actor, name, body, bodies };
        self.recorder.observe(observation).map_err(|error| base::chain(&error))
    }
}

impl Reader for LedgerReader {
    fn model(&self) -> &str {
        self.model.name()
    }

    fn family(&self) -> &str {
        self.model.family()
    }

    fn read(&self, prompt: &Prompt, purpose: Purpose) -> Result<String, String> {
        allowed()?;
        Ok(said(&self.reply(&request(prompt, self.seed), purpose)?).to_owned())
    }

    fn calibrated(&self, sentence: Digest, calibration: Calibration) -> Result<(), String> {
        let (model, family) = (self.model.name(), self.model.family());
        let body = json!({
            "action": self.action, "model": model, "family": family, "sentence": sentence,
            "right": calibration.right, "examples": calibration.examples,
        });
        self.observe(JUDGE_CALIBRATED, body, Vec::new())
    }
}

/// Whether a question may leave: the scenario's words and what the build printed.
fn allowed() -> Result<(), String> {
    let label = Label::new(Integrity::U, [Compartment::Project, Compartment::Holdout]);
    // factory.toml and the command line are a person's.
    let judge = Sink::AskJudge { named: Integrity::H };
    policy::open(judge, &label, &label, None).map_err(|denied| denied.to_string())
}

fn request(prompt: &Prompt, seed: u64) -> Request {
    let said = |role, text: &str| Message { role, text: text.to_owned() };
    Request {
        messages: vec![said(Role::System, &prompt.system), said(Role::User, &prompt.user)],
        candidates: 1,
        temperature: 0.0,
        top_p: 1.0,
        tokens_max: ANSWER_TOKENS,
        seed,
        stop: Vec::new(),
    }
}

fn said(reply: &Reply) -> &str {
    reply.completions.first().map_or("", |one| one.text.as_str())
}

/// A judge for a person who plays scenarios by hand: nothing is recorded, and no builder is known.
pub fn judge_by_hand(model: Arc<dyn Model>) -> Arc<dyn Judge> {
    let seed = crate::factory::draw_seed("by hand");
    Arc::new(Court::new(BareReader { model, seed }, seed))
}

struct BareReader {
    model: Arc<dyn Model>,
    seed: u64,
}

impl fmt::Debug for BareReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BareReader").field("model", &self.model.name()).finish_non_exhaustive()
    }
}

impl Reader for BareReader {
    fn model(&self) -> &str {
        self.model.name()
    }

    fn family(&self) -> &str {
        self.model.family()
    }

    fn read(&self, prompt: &Prompt, _: Purpose) -> Result<String, String> {
        allowed()?;
        let go_on = &mut |_| std::ops::ControlFlow::Continue(());
        let reply = self.model.complete(&request(prompt, self.seed), go_on);
        reply.map(|reply| said(&reply).to_owned()).map_err(|error| base::chain(&error))
    }

    fn calibrated(&self, _: Digest, _: Calibration) -> Result<(), String> {
        Ok(())
    }
}
