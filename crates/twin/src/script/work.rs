//! What a script works on: a private copy of its twin, made so or thrown away when it ends.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use serde_json::{Map, Value};
use starlark::any::ProvidesStaticType;
use starlark::eval::Evaluator;

use super::error;
use crate::State;
use crate::delivery::Delivery;
use crate::pack::Pack;
use crate::random::Draws;
use crate::rate::Buckets;
use crate::universe::Twin;

/// Timers and webhooks that one request may set off: a channel of so many listeners is a mistake.
const WISHES_MAX: usize = 10_000;

/// A copy of a twin, with what a script wishes for besides.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) state: State,
    pub(crate) draws: Draws,
    pub(crate) buckets: Buckets,
    /// The number of the last thing that was named in this universe.
    pub(crate) named: u64,
    pub(crate) wishes: Vec<Wish>,
}

/// What happens when the script has ended well.
#[derive(Debug, Clone)]
pub(crate) enum Wish {
    Timer { id: u64, at: Timestamp, function: Arc<str>, data: Arc<Value> },
    Cancel { id: u64 },
    Deliver { delivery: Delivery, delay: Duration },
}

impl Work {
    pub(crate) fn new(twin: &Twin, named: u64) -> Self {
        Self {
            state: twin.state.clone(),
            draws: twin.draws.clone(),
            buckets: twin.buckets.clone(),
            named,
            wishes: Vec::new(),
        }
    }

    /// A number that nothing else in this universe has.
    pub(crate) fn name(&mut self) -> u64 {
        self.named += 1;
        self.named
    }

    pub(crate) fn wish(&mut self, wish: Wish) -> starlark::Result<()> {
        if self.wishes.len() >= WISHES_MAX {
            return Err(error(format!("more than {WISHES_MAX} timers and webhooks at once")));
        }
        self.wishes.push(wish);
        Ok(())
    }
}

/// What native functions reach from a script.
#[derive(ProvidesStaticType)]
pub(crate) struct Frame<'a> {
    pub(crate) pack: &'a Pack,
    pub(crate) twin: usize,
    pub(crate) now: Timestamp,
    /// Where the service is reached.
    pub(crate) base: &'a str,
    pub(crate) work: RefCell<Work>,
}

/// The frame of the script that is running.
pub(crate) fn frame<'a, 'e>(eval: &Evaluator<'_, 'a, 'e>) -> starlark::Result<&'a Frame<'e>> {
    let extra =
        eval.extra.ok_or_else(|| error("this can only be used while a request is served"))?;
    extra.downcast_ref::<Frame<'e>>().ok_or_else(|| error("no frame"))
}

/// A script's refusal on its way out to the engine.
#[derive(Debug, Clone, thiserror::Error)]
#[error("refused: {code}")]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) detail: Map<String, Value>,
    /// Whether what the script did before stays done.
    pub(crate) keep: bool,
    /// Instead of the catalogue's.
    pub(crate) status: Option<u16>,
}

impl Refusal {
    pub(crate) fn of(code: &str) -> Self {
        Self { code: code.to_owned(), detail: Map::new(), keep: false, status: None }
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }
}
