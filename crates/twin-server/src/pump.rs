//! What makes time pass and webhooks leave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base::Timestamp;
use twin::Universe;
use twin::delivery::Delivery;

use crate::{Clock, Shared, deliver};

/// How the logical clock follows the real one, where it does.
pub(crate) struct Flow {
    clock: Clock,
    wall: Instant,
    logical: Timestamp,
}

impl Flow {
    pub(crate) fn new(clock: Clock, now: Timestamp) -> Self {
        Self { clock, wall: Instant::now(), logical: now }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// From here on, real time counts from `now`.
    pub(crate) fn set(&mut self, now: Timestamp) {
        (self.wall, self.logical) = (Instant::now(), now);
    }

    pub(crate) fn switch(&mut self, clock: Clock, now: Timestamp) {
        self.clock = clock;
        self.set(now);
    }

    /// Lets the universe catch up with real time.
    pub(crate) fn bring(&self, universe: &mut Universe) {
        if self.clock == Clock::Flowing {
            universe.advance_to(self.logical + self.wall.elapsed());
        }
    }

    /// How long, in real time, until the logical clock shows `then`.
    fn until(&self, then: Timestamp) -> Option<Duration> {
        match self.clock {
            Clock::Logical => None,
            Clock::Flowing => Some(then.since(self.logical).saturating_sub(self.wall.elapsed())),
        }
    }
}

/// The shortest sleep: a timer that is due now is due in the next round.
const NAP: Duration = Duration::from_millis(1);

/// Webhooks of one moment that are carried at once, where real time decides the order anyway.
const LANES_MAX: usize = 32;

/// What falls due together, each lane to be carried one after the other. Under a logical clock there is one
/// lane: the order of its reports is the same in every play.
fn lanes(due: Vec<Delivery>, clock: Clock) -> Vec<Vec<Delivery>> {
    let count = match clock {
        Clock::Logical => 1,
        Clock::Flowing => LANES_MAX,
    };
    let mut lanes: Vec<Vec<Delivery>> = Vec::new();
    for (index, delivery) in due.into_iter().enumerate() {
        match lanes.get_mut(index % count) {
            Some(lane) => lane.push(delivery),
            None => lanes.push(vec![delivery]),
        }
    }
    lanes
}

/// Sends what falls due, for as long as the server lives.
pub(crate) async fn pump(shared: Arc<Shared>) {
    loop {
        let ((due, wind), next) = {
            let mut universe = shared.universe();
            (shared.take_due(&mut universe), universe.next_timer())
        };
        let clock = shared.flow().clock();
        for lane in lanes(due, clock) {
            let shared = shared.clone();
            tokio::task::spawn_local(async move {
                for delivery in lane {
                    deliver::deliver(shared.clone(), delivery, wind).await;
                }
            });
        }
        let wait = next.and_then(|next| shared.flow().until(next));
        match wait {
            Some(wait) => {
                let _ = tokio::time::timeout(wait.max(NAP), shared.bell.notified()).await;
            }
            None => shared.bell.notified().await,
        }
    }
}
