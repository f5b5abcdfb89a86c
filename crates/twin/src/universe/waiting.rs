//! What waits in a universe: timers, and webhooks from when they fall due until what became of them is told.
//!
//! Who carries webhooks is not known here.

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use serde_json::Value;

use super::Universe;
use super::faults::WebhookFaults;
use crate::delivery::{Attempted, Delivery, To};
use crate::journal::Exchange;
use crate::script::Work;

/// Timers that may fire in one advance: a script that sets a timer for now from a timer would never end.
const FIRED_MAX: usize = 100_000;

/// Timers and webhooks that may wait in one universe.
pub(super) const WAITING_MAX: usize = 100_000;

/// What waits for its time.
#[derive(Debug, Clone)]
pub(super) struct Timer {
    pub(super) twin: usize,
    pub(super) due: Due,
}

#[derive(Debug, Clone)]
pub(super) enum Due {
    /// A script function and what it is called with.
    Script {
        function: Arc<str>,
        data: Arc<Value>,
    },
    Delivery(Delivery),
}

impl Universe {
    /// Lets time pass until `then`: timers that fall due fire in order, each at its time. A time that
    /// has passed already changes nothing.
    pub fn advance_to(&mut self, then: Timestamp) {
        for _ in 0..FIRED_MAX {
            let Some(key) = self.timers.get_min().map(|(key, _)| *key) else { break };
            if key.0 > then {
                break;
            }
            let timer = self.timers.remove(&key).expect("it was just looked up");
            self.clock = self.clock.max(key.0);
            match timer.due {
                Due::Delivery(delivery) => self.outbox.push_back(delivery),
                Due::Script { function, data } => self.fire(timer.twin, &function, &data),
            }
        }
        self.clock = self.clock.max(then);
    }

    /// When the next timer falls due.
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.timers.get_min().map(|((at, _), _)| *at)
    }

    /// Whether webhooks are due that nobody has taken.
    pub fn has_due(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// The webhooks that are due, each to be tried once and reported on.
    pub fn take_due(&mut self) -> Vec<Delivery> {
        let due: Vec<Delivery> = std::mem::take(&mut self.outbox).into_iter().collect();
        let mut signed = Vec::with_capacity(due.len());
        for mut delivery in due {
            let twin = &self.twins[delivery.twin];
            let work = Work::new(twin, self.named);
            let signed_well = crate::script::sign(twin, work, self.clock, &mut delivery);
            if let Err(error) = signed_well {
                self.break_down(delivery.twin, "sign", &error);
            }
            self.under_way.insert(delivery.id, delivery.clone());
            signed.push(delivery);
        }
        signed
    }

    /// What became of a webhook's attempt. One that failed is tried again as its policy says, on the
    /// logical clock; a report on nothing that is under way changes nothing.
    pub fn report(&mut self, delivery: u64, attempted: &Attempted) {
        let Some(delivery) = self.under_way.remove(&delivery) else { return };
        let index = delivery.twin;
        self.record(Exchange::of_delivery(
            self.twins[index].pack.service(),
            self.clock,
            &delivery,
            attempted,
        ));
        self.follow(index, delivery, attempted);
        self.advance_to(self.clock);
    }

    /// Counts every webhook that is under way as failed: whoever carried them has stopped.
    pub fn lose_under_way(&mut self) {
        let under_way: Vec<u64> = self.under_way.keys().copied().collect();
        let failed = Attempted::Failed { reason: "connection_failed".to_owned() };
        for delivery in under_way {
            self.report(delivery, &failed);
        }
    }

    /// What a webhook's attempt leads to: the pack's function that is told of it, or another attempt.
    fn follow(&mut self, index: usize, mut delivery: Delivery, attempted: &Attempted) {
        if let (Some(then), true) = (&delivery.then, attempted.answered()) {
            let (then, data) = (then.clone(), delivery.reported(attempted));
            self.fire(index, &then, &data);
            return;
        }
        if attempted.is_ok() {
            return;
        }
        let retries =
            self.twins[index].pack.webhook(&delivery.policy).map(|policy| &policy.retries_ms);
        let wait = retries.and_then(|waits| waits.get(usize::try_from(delivery.attempt).ok()?));
        if let Some(wait) = wait.copied() {
            delivery.attempt += 1;
            delivery.last = Some(attempted.reason().to_owned());
            self.schedule(index, self.clock + Duration::from_millis(wait), Due::Delivery(delivery));
        } else if let Some(then) = delivery.then.clone() {
            let data = delivery.reported(attempted);
            self.fire(index, &then, &data);
        }
    }

    /// A timer's script: what it refuses or fails at is in the journal, and changes nothing.
    fn fire(&mut self, index: usize, function: &str, data: &Arc<Value>) {
        let twin = &self.twins[index];
        let mut work = Work::new(twin, self.named);
        match twin.pack.call(twin, index, &mut work, self.clock, function, Value::clone(data)) {
            Ok(_) => self.commit(index, work, &WebhookFaults::default()),
            Err(error) => self.break_down(index, function, &error),
        }
    }

    pub(super) fn schedule(&mut self, twin: usize, at: Timestamp, due: Due) {
        if self.timers.len() < WAITING_MAX {
            self.named += 1;
            self.timers.insert((at, self.named), Timer { twin, due });
        }
    }

    pub(super) fn jump(&mut self, ms: i64) {
        if let Ok(forward) = u64::try_from(ms) {
            self.advance_to(Timestamp(self.clock.0.saturating_add(forward)));
        } else {
            self.clock = Timestamp(self.clock.0.saturating_sub(ms.unsigned_abs()));
        }
    }
}

/// An address of a webhook that a pack wrote.
pub(crate) fn address(text: &str) -> To {
    match text.strip_prefix("socket:") {
        Some(name) => To::Socket(name.to_owned()),
        None => To::Url(text.to_owned()),
    }
}
