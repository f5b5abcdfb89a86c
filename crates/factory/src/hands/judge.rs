//! The judge's hand: a fan-in with a prompt asks the run's model which branch did best. A judge
//! chooses among builds; whether one is good enough is for the proof alone.

use agent::Host as _;
use engine::{Candidate, Outcome, RESULTS};
use model::{Message, Request, Role};

use super::agent::{HandHost, held, seed_of};
use super::{HandError, Hands, Job};

/// Tokens of a judgement: a line, after some thought.
const VERDICT_TOKENS: u32 = 512;

impl Hands {
    pub(super) fn judge(&self, job: &Job<'_>) -> Result<Outcome, HandError> {
        let candidates = Candidate::list(job.context().get(RESULTS));
        let Some(text) = runner::judge::question(job.stage.instruction(), &candidates) else {
            return Ok(runner::judge::nobody());
        };
        let request = Request {
            messages: vec![Message { role: Role::User, text }],
            candidates: 1,
            temperature: 0.0,
            top_p: 1.0,
            tokens_max: VERDICT_TOKENS,
            seed: seed_of(self.opening.seed, job),
            stop: Vec::new(),
        };
        let mut host = HandHost::new(self, job)?;
        let completed = host.complete(&request);
        if let Some(denied) = host.watch.denied.take() {
            return Ok(held(&denied, host.spend));
        }
        let reply = match completed {
            Ok(reply) => reply,
            Err(_) if job.cancel.is_pulled() => return Err(HandError::Cancelled),
            Err(error) => return Err(HandError::Failed(error.to_string())),
        };
        let response = reply.completions.first().map_or("", |one| one.text.as_str());
        let mut judged = runner::judge::verdict(response, &candidates);
        judged.spend = host.spend;
        Ok(judged)
    }
}
