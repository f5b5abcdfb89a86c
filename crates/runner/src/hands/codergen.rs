//! An agent stage (4.5) as one model call, or as one turn of its thread's conversation.

use std::ops::ControlFlow;

use engine::{Outcome, Status};
use model::{Message, ModelErrorKind, Request, Role, StopReason};
use pipeline::Fidelity;

use super::{HandError, Job, PipelineHands};
use crate::driver::outcome;
use crate::preamble::{preamble, session};
use crate::status;
use crate::watch::Notice;

/// Bytes of the last response that go into the context (5.1).
const LAST_RESPONSE_CHARS_MAX: usize = 200;

/// Tokens of an answer where the stage does not say in `max_tokens`.
const ANSWER_TOKENS: u32 = 2_048;

/// Slight variety: a stage that is tried again should not say the very same.
const TEMPERATURE: f64 = 0.2;

impl PipelineHands {
    pub(super) fn codergen(&self, job: &Job<'_>) -> Result<Outcome, HandError> {
        let (fidelity, thread) = session(job.state, &job.id.branch, job.stage);
        // The first stage of a conversation has nothing to go on with.
        let is_turn = fidelity == Fidelity::Full && self.has_turns(&thread);
        let told_at =
            if is_turn || fidelity != Fidelity::Full { fidelity } else { Fidelity::Compact };
        let before = preamble(job.state, &job.id.branch, told_at);
        let between = if before.is_empty() { "" } else { "\n" };
        let prompt = format!("{before}{between}{}", job.stage.instruction());
        let Some(model) = self.models.of(job)? else {
            let done = self.simulated(job);
            let response = done.context.get("last_response").map_or("", String::as_str);
            if self.performed_before(job)?.is_none() {
                self.record(
                    job,
                    Some(thread),
                    (&prompt, response),
                    Vec::new(),
                    base::Spend::default(),
                )?;
            }
            return Ok(done);
        };
        let (response, spend) = match self.performed_before(job)? {
            Some(before) => before,
            None => {
                let mut messages = if is_turn { self.turns(&thread)? } else { Vec::new() };
                messages.push(Message { role: Role::User, text: prompt.clone() });
                match self.call(job, model.as_ref(), messages)? {
                    Ok((text, spend)) => {
                        self.record(job, Some(thread), (&prompt, &text), Vec::new(), spend)?;
                        (text, spend)
                    }
                    Err(failed) => return Ok(failed),
                }
            }
        };
        let mut done = told(&response).unwrap_or_else(|| {
            outcome(Status::Success, format!("stage completed: {}", job.stage.id))
        });
        let last: String = response.chars().take(LAST_RESPONSE_CHARS_MAX).collect();
        done.context.insert("last_response".to_owned(), last);
        done.spend = spend;
        Ok(done)
    }

    /// The answer and its cost, or what the stage comes to without one.
    pub(super) fn call(
        &self,
        job: &Job<'_>,
        model: &dyn model::Model,
        messages: Vec<Message>,
    ) -> Result<Result<(String, base::Spend), Outcome>, HandError> {
        let tokens_max = job.text("max_tokens").and_then(|text| text.parse().ok());
        let request = Request {
            messages,
            candidates: 1,
            temperature: TEMPERATURE,
            top_p: 1.0,
            tokens_max: tokens_max.filter(|max| *max > 0).unwrap_or(ANSWER_TOKENS),
            seed: job.seed(),
            stop: Vec::new(),
        };
        let mut progress = |progress| {
            self.recorder.watcher.notice(&Notice::Tokens { action: job.id, progress });
            if job.cancel.is_pulled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match model.complete(&request, &mut progress) {
            Ok(_) if job.cancel.is_pulled() => Err(HandError::Cancelled),
            Ok(reply) => {
                let first = reply.completions.into_iter().next();
                let (text, stop) =
                    first.map_or((String::new(), StopReason::Ended), |one| (one.text, one.stop));
                if stop == StopReason::TokensMax {
                    let text = format!("the answer of `{}` was cut off", job.stage.id);
                    self.recorder.watcher.notice(&Notice::Line { action: job.id, text: &text });
                }
                Ok(Ok((text, reply.spend)))
            }
            // Appendix D: what may work the next time is tried again as the stage's retries allow.
            Err(error) if error.kind == ModelErrorKind::Transient => {
                Ok(Err(outcome(Status::Retry, error.to_string())))
            }
            Err(error) if error.kind == ModelErrorKind::Rejected => {
                let mut failed = outcome(Status::Fail, error.to_string());
                failed.permanent = true;
                Ok(Err(failed))
            }
            Err(error) => Err(HandError::Failed(error.to_string())),
        }
    }

    fn has_turns(&self, thread: &str) -> bool {
        self.memory().threads.get(thread).is_some_and(|turns| !turns.is_empty())
    }

    /// The conversation of a thread so far. It is on the ledger, so that a resumed run goes on with
    /// it and need not make do with a summary.
    fn turns(&self, thread: &str) -> Result<Vec<Message>, HandError> {
        let turns = self.memory().threads.get(thread).cloned().unwrap_or_default();
        let mut messages = Vec::new();
        for (prompt, response) in turns {
            for (role, digest) in [(Role::User, prompt), (Role::Assistant, response)] {
                let text = self.recorder.ledger.body(&digest)?;
                let text = String::from_utf8_lossy(&text).into_owned();
                messages.push(Message { role, text });
            }
        }
        Ok(messages)
    }
}

/// The status that a response tells at its end: a JSON object with an `outcome`, fenced or bare.
pub(super) fn told(response: &str) -> Option<Outcome> {
    // What stands behind it is no status at the end, but prose that quotes one.
    let text = response.trim_end_matches(|c: char| c.is_whitespace() || c == '`');
    let text = text.ends_with('}').then_some(text)?;
    // The object may have others inside: the first `{` from the back that makes a status.
    let starts = text.char_indices().rev().filter(|(_, c)| *c == '{').map(|(at, _)| at);
    starts.take(STARTS_MAX).find_map(|start| status::parse(&text[start..]).ok())
}

/// Opening braces that are tried from the end of a response: statuses are flat.
const STARTS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_at_the_end_of_a_response_is_the_outcome() {
        let text = "I did it.\n```json\n{\"outcome\": \"needs_dod\", \"context_updates\": {\"a\": 1}}\n```\n";
        let outcome = told(text).unwrap();
        assert_eq!((outcome.word(), outcome.context["a"].as_str()), ("needs_dod", "1"));
        assert_eq!(told("fn main() { }"), None);
        assert_eq!(told("Never write {\"outcome\": \"fail\"} there."), None);
        assert_eq!(told("no braces"), None);
    }
}
