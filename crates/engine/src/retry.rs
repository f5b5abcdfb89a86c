//! How long to wait before the next attempt (3.6).

use std::time::Duration;

use base::{Branch, Digest, StageId};
use pipeline::Backoff;

/// Past this many factors a delay has met its maximum or vanished.
const STEPS_MAX: u32 = 1_000;

/// The delay after attempt `attempt` (from 1) of a stage's visit. The jitter is drawn from the run's
/// seed and the attempt's name, so that no generator's state has to be kept.
pub(crate) fn delay(
    backoff: &Backoff,
    seed: u64,
    branch: &Branch,
    stage: &StageId,
    visit: u32,
    attempt: u32,
) -> Duration {
    let max_ms = ms(backoff.max);
    let mut delay_ms = ms(backoff.initial);
    // Multiplied step by step rather than by `powi`, whose last digits differ between machines.
    for _ in 1..attempt.min(STEPS_MAX) {
        delay_ms *= backoff.factor;
    }
    delay_ms = delay_ms.min(max_ms);
    if backoff.jitter {
        delay_ms *= 0.5 + share(seed, branch, stage, visit, attempt);
    }
    // A factor that is negative or not a number waits no time at all: the cast saturates.
    Duration::from_millis(delay_ms as u64)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A number in [0, 1) that only its arguments determine.
fn share(seed: u64, branch: &Branch, stage: &StageId, visit: u32, attempt: u32) -> f64 {
    let between = if branch.is_main() { "" } else { "/" };
    let digest = Digest::of(format!("{seed}/{branch}{between}{stage}/{visit}/{attempt}"));
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    // The upper 53 bits: as many as a float carries exactly.
    (u64::from_be_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff(factor: f64, jitter: bool) -> Backoff {
        let ms = Duration::from_millis;
        Backoff { initial: ms(200), factor, max: ms(60_000), jitter }
    }

    fn delays(backoff: &Backoff, seed: u64) -> Vec<u64> {
        let stage = StageId::new("build").unwrap();
        (1..=12)
            .map(|n| delay(backoff, seed, &Branch::MAIN, &stage, 1, n).as_millis() as u64)
            .collect()
    }

    #[test]
    fn delays_grow_to_the_maximum() {
        let doubled = [200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000, 60000];
        assert_eq!(delays(&backoff(2.0, false), 1), doubled);
        assert_eq!(delays(&backoff(1.0, false), 1), [200; 12]);
    }

    #[test]
    fn a_shrinking_factor_shrinks() {
        assert_eq!(delays(&backoff(0.5, false), 1)[..4], [200, 100, 50, 25]);
    }

    #[test]
    fn nonsense_factors_never_wait_longer_than_the_maximum() {
        for factor in [-3.0, f64::NAN, f64::INFINITY, 1e300] {
            for delay_ms in delays(&backoff(factor, true), 7) {
                assert!(delay_ms <= 90_000, "{factor}: {delay_ms}");
            }
        }
    }

    #[test]
    fn jitter_spreads_between_half_and_one_and_a_half_and_repeats_for_a_seed() {
        let plain = delays(&backoff(2.0, false), 1);
        for seed in 0..200 {
            let spread = delays(&backoff(2.0, true), seed);
            assert_eq!(spread, delays(&backoff(2.0, true), seed));
            for (with, without) in spread.iter().zip(&plain) {
                assert!(with * 2 >= *without && *with < without * 3 / 2 + 1);
            }
        }
        assert_ne!(delays(&backoff(2.0, true), 1), delays(&backoff(2.0, true), 2));
    }
}
