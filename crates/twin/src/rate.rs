//! Buckets: how many calls an actor has left, by the logical clock.

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use imbl::OrdMap;

use crate::pack::Rate;

/// Buckets that are kept; past this, the oldest window goes first. An API has fewer actors.
const BUCKETS_MAX: usize = 10_000;

/// All buckets of a service: fixed windows, as the services that tell of theirs have them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buckets {
    used: OrdMap<Arc<str>, Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    until: Timestamp,
    used: u64,
}

/// What a call left of its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// When the bucket is full again.
    pub(crate) reset: Timestamp,
    pub(crate) exceeded: bool,
}

impl Buckets {
    /// What is left in a bucket, with nothing taken out.
    pub(crate) fn look(&self, bucket: &str, rate: Rate, now: Timestamp) -> Left {
        let fresh = Window { until: now + Duration::from_secs(rate.seconds), used: 0 };
        let window = self.used.get(bucket).copied().filter(|window| window.until > now);
        let window = window.unwrap_or(fresh);
        let remaining = rate.limit.saturating_sub(window.used);
        Left { limit: rate.limit, remaining, reset: window.until, exceeded: remaining == 0 }
    }

    /// Takes one call out of a bucket.
    pub(crate) fn take(&mut self, bucket: &str, rate: Rate, now: Timestamp) -> Left {
        let fresh = Window { until: now + Duration::from_secs(rate.seconds), used: 0 };
        let taken = |window: &mut Window| {
            let exceeded = window.used >= rate.limit;
            window.used += u64::from(!exceeded);
            let remaining = rate.limit.saturating_sub(window.used);
            Left { limit: rate.limit, remaining, reset: window.until, exceeded }
        };
        if let Some(window) = self.used.get_mut(bucket) {
            if window.until <= now {
                *window = fresh;
            }
            return taken(window);
        }
        if self.used.len() >= BUCKETS_MAX {
            let open = self.used.iter().filter(|(_, window)| window.until > now);
            self.used = open.map(|(bucket, window)| (bucket.clone(), *window)).collect();
        }
        let mut window = fresh;
        let left = taken(&mut window);
        if self.used.len() < BUCKETS_MAX {
            self.used.insert(bucket.into(), window);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_is_full_again_when_its_window_is_over() {
        let rate = Rate { limit: 2, seconds: 10, shared: false };
        let mut buckets = Buckets::default();
        let mut take = |bucket: &str, ms| buckets.take(bucket, rate, Timestamp(ms));
        assert_eq!(take("a", 0).remaining, 1);
        assert_eq!(take("a", 1).remaining, 0);
        let left = take("a", 2);
        assert!(left.exceeded && left.reset == Timestamp(10_000));
        assert!(!take("b", 2).exceeded);
        assert!(!take("a", 10_000).exceeded);
    }
}
