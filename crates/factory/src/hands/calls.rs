//! One model call for a hand: tried again where that helps, watched, broken off when the cord is pulled,
//! and refused once the run's budget is used up. It refuses to know what is asked, and what is recorded.

use std::ops::ControlFlow;
use std::time::Duration;

use base::{ActionId, MicroUsd, Spend};
use intent::Budget;
use model::{Model, ModelErrorKind, Reply, Request};
use runner::{Notice, Recorder};
use sandbox::Cancel;

/// A hosted model that is overloaded recovers in seconds or not soon: four tries over seven seconds.
const MODEL_TRIES_MAX: u32 = 4;
const MODEL_RETRY_FIRST: Duration = Duration::from_secs(1);

/// How often a wait looks whether the cord was pulled.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// What is said of a call that was broken off: a reply that was cut short is no fact about the model.
pub(super) const INTERRUPTED: &str = "interrupted";

/// Calls a model for one action.
pub(super) struct Caller<'a> {
    pub(super) model: &'a dyn Model,
    pub(super) recorder: &'a Recorder,
    pub(super) action: &'a ActionId,
    pub(super) cancel: &'a Cancel,
}

impl Caller<'_> {
    /// What the model answers.
    ///
    /// # Errors
    /// Why it does not, after all tries.
    pub(super) fn call(&self, request: &Request) -> Result<Reply, String> {
        let mut wait = MODEL_RETRY_FIRST;
        for tries in 1.. {
            let (watcher, action, cancel) = (&self.recorder.watcher, self.action, self.cancel);
            let mut progress = |progress| {
                watcher.notice(&Notice::Tokens { action, progress });
                if cancel.is_pulled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            match self.model.complete(request, &mut progress) {
                Ok(_) if cancel.is_pulled() => return Err(INTERRUPTED.to_owned()),
                Ok(reply) => return Ok(reply),
                Err(error)
                    if error.kind == ModelErrorKind::Transient && tries < MODEL_TRIES_MAX =>
                {
                    let text = format!("{error}; trying again in {} s", wait.as_secs());
                    watcher.notice(&Notice::Line { action, text: &text });
                    self.pause(wait)?;
                    wait *= 2;
                }
                Err(error) => return Err(base::chain(&error)),
            }
        }
        unreachable!("the last try returns")
    }

    /// Waits, unless the cord is pulled.
    fn pause(&self, wait: Duration) -> Result<(), String> {
        let until = std::time::Instant::now() + wait;
        while std::time::Instant::now() < until {
            if self.cancel.is_pulled() {
                return Err(INTERRUPTED.to_owned());
            }
            std::thread::sleep(CANCEL_POLL);
        }
        Ok(())
    }
}

/// Whether a run that has spent so much may make another call.
///
/// # Errors
/// Which budget is used up.
pub(super) fn within_budget(budget: &Budget, spent: &Spend) -> Result<(), String> {
    if spent.tokens() >= budget.tokens {
        return Err(format!("the intent's budget of {} tokens is used up", budget.tokens.0));
    }
    if budget.cost > MicroUsd(0) && spent.cost >= budget.cost {
        return Err(format!("the intent's budget of {} is used up", budget.cost));
    }
    Ok(())
}
