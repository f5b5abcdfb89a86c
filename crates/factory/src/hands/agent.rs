//! The agent's hand: gives an agent its task, does everything outward for it, and turns what it
//! hands in into a tree, if it stayed inside its write-set.

use std::collections::BTreeMap;

use agent::{
    AgentBackend, Behaviour, Candidates, Files, Given, Host, HostError, Planner, Task, Tried,
};
use base::{Digest, Spend};
use engine::{Outcome, Status};
use ledger::Entry;
use model::{Reply, Request};
use policy::{Compartment, Denied, Disclosure, Integrity, Label, Sink};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::calls::{Caller, within_budget};
use super::overlay::Overlays;
use super::{HandError, Hands, Job, TREE, outcome};
use crate::canaries::Watch;
use runner::Observation;

/// The attribute of a stage that names its agent.
pub(crate) const AGENT: &str = "agent";
/// The agent that hands in what was given.
pub(crate) const GIVEN: &str = "given";

/// The entry of one model call.
pub(crate) const MODEL_CALLED: &str = "model.called";
/// The entry of what an agent handed in.
pub(crate) const BUILD_MADE: &str = "build.made";

/// A model call on the ledger; request and reply are bodies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelCalled {
    pub action: base::ActionId,
    pub model: String,
    pub family: String,
    pub request: Digest,
    pub reply: Digest,
    pub spend: Spend,
}

/// What an agent handed in, on the ledger; contents are bodies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BuildMade {
    pub action: base::ActionId,
    pub agent: String,
    pub tree: String,
    pub files: BTreeMap<String, Digest>,
    pub checks_passed: usize,
    pub checks: usize,
    pub note: String,
}

impl Hands {
    pub(super) fn agent(&self, job: &Job<'_>) -> Result<Outcome, HandError> {
        let backend = self.backend(job)?;
        let base = self.opening.base.as_ref();
        let before = match job.context().get(TREE) {
            Some(tree) => self.repository.read(&tree.parse()?)?,
            None => self.opening.product(&self.recorder.ledger)?,
        };
        let files: Files = before
            .into_iter()
            .filter_map(|(path, file)| Some((path, String::from_utf8(file.content).ok()?)))
            .collect();
        let context = job.context();
        let notes = context
            .iter()
            .filter_map(|(key, text)| {
                Some((key.strip_prefix("note.")?.to_owned(), text.to_owned()))
            })
            .collect();
        let feedback: Vec<String> = listed(context.get("factory.feedback"));
        let disclosures: Vec<Disclosure> = listed(context.get("factory.disclosures"));
        let task = Task {
            action: job.id,
            intent: &self.loaded.intent,
            prompt: &job.stage.prompt,
            notes: &notes,
            files: &files,
            disclosures: &disclosures,
            feedback: &feedback,
            seed: seed_of(self.opening.seed, job),
        };
        let mut host = HandHost::new(self, job)?;
        let worked = backend.work(&task, &mut host);
        if let Some(denied) = host.watch.denied.take() {
            return Ok(held(&denied, host.spend));
        }
        let report = match worked {
            Ok(report) => report,
            Err(_) if job.cancel.is_pulled() => return Err(HandError::Cancelled),
            Err(error) => return Err(HandError::Failed(error.to_string())),
        };
        let spend = host.spend;
        let mut done = outcome(Status::Success, report.note.clone());
        done.spend = spend;
        if backend.builds() && report.files.is_empty() {
            done.status = Status::Fail;
            return Ok(done);
        }
        if !backend.builds() {
            done.context.insert(format!("note.{}", job.stage.id), report.note);
            return Ok(done);
        }
        for (path, content) in &report.files {
            if let Err(denied) = host.watch.pass(path, [path.as_str(), content.as_str()]) {
                return Ok(held(&denied, spend));
            }
        }
        if let Some(path) = self.outside_write_set(&report.files) {
            done.status = Status::Fail;
            done.note =
                format!("the agent wrote `{path}`, which is outside the intent's write-set");
            return Ok(done);
        }
        let tree = self.repository.write_tree(base, &report.files)?;
        let passed = report.tried.iter().filter(|tried| tried.passed).count();
        let checks = report.tried.len();
        let mut kept = BTreeMap::new();
        for (path, content) in &report.files {
            kept.insert(path.clone(), self.recorder.ledger.put_body(content.as_bytes())?);
        }
        let made = BuildMade {
            action: job.id.clone(),
            agent: backend.name().to_owned(),
            tree: tree.to_string(),
            checks_passed: passed,
            checks,
            note: report.note,
            files: kept,
        };
        self.recorder.observe(Observation {
            actor: format!("agent:{}", backend.name()),
            name: BUILD_MADE,
            bodies: made.files.values().copied().collect(),
            body: json!(made),
        })?;
        done.context.insert(TREE.to_owned(), tree.to_string());
        // What a fan-in ranks builds of several branches by (4.9).
        let score = passed as f64 / checks.max(1) as f64;
        done.context.insert("score".to_owned(), format!("{score:.3}"));
        Ok(done)
    }

    fn outside_write_set<'f>(&self, files: &'f Files) -> Option<&'f String> {
        let allowed = &self.loaded.intent.interface.files;
        files.keys().find(|path| !allowed.iter().any(|pattern| proof::in_write_set(pattern, path)))
    }

    /// The agent that a stage names, `candidates` if it names none.
    fn backend(&self, job: &Job<'_>) -> Result<Box<dyn AgentBackend>, HandError> {
        let named = match job.stage.attributes.get(AGENT) {
            Some(pipeline::Value::String(name)) => name.as_str(),
            _ => "candidates",
        };
        match named {
            "candidates" => Ok(Box::new(Candidates::for_interface(&self.loaded.intent.interface))),
            "planner" => Ok(Box::new(Planner)),
            GIVEN if self.opening.build.is_empty() => Err(HandError::Failed(format!(
                "stage `{}` hands in a build that was given, and none was: dark run INTENT --build DIR",
                job.stage.id
            ))),
            GIVEN => {
                let mut files = Files::new();
                for (path, digest) in &self.opening.build {
                    let text = self.recorder.ledger.body(digest)?;
                    let text = String::from_utf8(text).expect("texts alone are taken as given");
                    files.insert(path.clone(), text);
                }
                Ok(Box::new(Given::new(files)))
            }
            other => Err(HandError::Failed(format!(
                "stage `{}` wants agent `{other}`: this version has `candidates`, `planner` and `{GIVEN}`",
                job.stage.id
            ))),
        }
    }
}

/// A list that a factory's stage left in the context as JSON.
fn listed<T: for<'de> Deserialize<'de>>(text: Option<&str>) -> Vec<T> {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Each attempt draws from its own place in the run's seed, the same one every time.
pub(super) fn seed_of(seed: u64, job: &Job<'_>) -> u64 {
    let digest = Digest::of(format!("{seed}/{}", job.id));
    u64::from_le_bytes(digest.as_bytes()[..8].try_into().expect("a digest has 32 bytes"))
}

pub(super) struct HandHost<'a> {
    hands: &'a Hands,
    job: &'a Job<'a>,
    overlays: Overlays<'a>,
    /// The replies that this action already has on the ledger: after a crash they are not paid twice.
    answered: BTreeMap<Digest, Digest>,
    pub(super) watch: Watch<'a>,
    /// The session's label: the join of all that it has read.
    label: Label,
    pub(super) spend: Spend,
}

impl<'a> HandHost<'a> {
    pub(super) fn new(hands: &'a Hands, job: &'a Job<'a>) -> Result<Self, HandError> {
        let answered =
            answered(&hands.recorder.ledger.run_named(&hands.recorder.run, MODEL_CALLED)?, job);
        let overlays = Overlays::new(hands, job);
        // A person's signed intent, and the repository's text, which came from outside.
        let label = Label::new(Integrity::U, [Compartment::Project]);
        let watch = Watch::new(&hands.recorder, job.id, &hands.loaded, &hands.opening)?;
        Ok(Self { hands, job, overlays, answered, watch, label, spend: Spend::default() })
    }

    fn call(&mut self, request: &Request) -> Result<Reply, HostError> {
        let mut spent = self.job.state.spend();
        spent += self.spend;
        within_budget(&self.hands.loaded.intent.budget, &spent).map_err(failed)?;
        let caller = Caller {
            model: self.hands.model.as_ref(),
            recorder: &self.hands.recorder,
            action: self.job.id,
            cancel: self.job.cancel,
        };
        caller.call(request).map_err(failed)
    }
}

impl Host for HandHost<'_> {
    fn complete(&mut self, request: &Request) -> Result<Reply, HostError> {
        policy::open(Sink::CallModel, &self.label, &self.label, None)
            .map_err(|denied| failed(denied.to_string()))?;
        let texts = request.messages.iter().map(|message| message.text.as_str());
        self.watch.pass("prompt", texts).map_err(|denied| failed(denied.to_string()))?;
        let recorder = &self.hands.recorder;
        let kept = recorder.keep(request).map_err(|error| failed(base::chain(&error)))?;
        if let Some(reply) = self.answered.get(&kept) {
            let bytes = recorder.ledger.body(reply).map_err(|error| failed(base::chain(&error)))?;
            let reply: Reply =
                serde_json::from_slice(&bytes).map_err(|error| failed(base::chain(&error)))?;
            self.spend += reply.spend;
            return Ok(reply);
        }
        let reply = self.call(request)?;
        self.spend += reply.spend;
        let answer = recorder.keep(&reply).map_err(|error| failed(base::chain(&error)))?;
        let called = ModelCalled {
            action: self.job.id.clone(),
            model: self.hands.model.name().to_owned(),
            family: self.hands.model.family().to_owned(),
            request: kept,
            reply: answer,
            spend: reply.spend,
        };
        let observation = Observation {
            actor: format!("model:{}", called.model),
            name: MODEL_CALLED,
            body: json!(called),
            bodies: vec![kept, answer],
        };
        recorder.observe(observation).map_err(|error| failed(base::chain(&error)))?;
        Ok(reply)
    }

    fn try_files(&mut self, files: &Files) -> Result<Vec<Tried>, HostError> {
        self.overlays.try_files(files)
    }

    fn observe(
        &mut self,
        files: &Files,
        words: &[String],
        stdin: &str,
    ) -> Result<Behaviour, HostError> {
        self.overlays.observe(files, words, stdin)
    }

    fn say(&mut self, line: &str) {
        self.hands.say(self.job, line);
    }
}

/// Request -> reply of the calls that an action has on the ledger.
fn answered(entries: &[Entry], job: &Job<'_>) -> BTreeMap<Digest, Digest> {
    entries
        .iter()
        .filter_map(|entry| {
            serde_json::from_value::<ModelCalled>(entry.record.event.body.clone()).ok()
        })
        .filter(|called| called.action == *job.id)
        .map(|called| (called.request, called.reply))
        .collect()
}

/// What a stage comes to that would have told, or was told, what is held out. Nothing mends that.
pub(super) fn held(denied: &Denied, spend: Spend) -> Outcome {
    let mut held = outcome(Status::Fail, denied.to_string());
    held.permanent = true;
    held.spend = spend;
    held
}

pub(super) fn failed(reason: String) -> HostError {
    HostError { reason, transient: false }
}
