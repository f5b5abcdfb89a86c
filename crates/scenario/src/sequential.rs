//! When enough has been played: a sequential test with an error rate that is exact, not approximate.
//!
//! Plays come in rounds, each of one seed over all scenarios, and are looked at after 1, 2, 4, … 64
//! rounds. A look decides when a result as far from what is wanted would be too unlikely (an exact
//! binomial tail, as Clopper and Pearson's interval) if satisfaction were just what is wanted; the
//! looks share the error evenly (Bonferroni), so that all of them together err no more often than
//! stated. It refuses to know what a play is; that plays are independent is the caller's claim.

/// Looks in all, and so rounds: 2⁶ = 64.
pub const LOOKS: u32 = 7;

/// How often a decision to stop playing may be wrong, wherever nothing else is asked for.
pub const DECISION_ERROR: f64 = 0.05;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sequential {
    /// What satisfaction must reach, in (0, 1).
    pub wanted: f64,
    /// The most that either wrong decision may be likely, in (0, 1).
    pub error: f64,
}

/// What a sequential test comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Satisfaction is what is wanted, or more.
    Reached,
    /// It is less.
    Missed,
}

impl Sequential {
    /// Whether the test looks after so many rounds.
    pub fn looks_after(round: u64) -> bool {
        round.is_power_of_two() && round <= 1 << (LOOKS - 1)
    }

    /// What one look at `satisfied` of `total` plays decides, if anything.
    pub fn decide(&self, satisfied: u64, total: u64) -> Option<Decision> {
        let share = self.error / f64::from(LOOKS);
        if at_least(satisfied, total, self.wanted) <= share {
            Some(Decision::Reached)
        } else if at_least(total - satisfied, total, 1.0 - self.wanted) <= share {
            Some(Decision::Missed)
        } else {
            None
        }
    }

    /// How many plays, all satisfied, are enough where one failure ends everything, as in a proof.
    ///
    /// There the looks need not share the error: whatever is looked at in between, only the look that
    /// comes after this many plays without a failure can accept, and a product that satisfies less
    /// than is wanted gets there with a chance of at most `wanted` to the power of the plays.
    pub fn flawless_needed(&self) -> u64 {
        let estimate = (self.error.ln() / self.wanted.ln()).floor() as u64;
        // The estimate is exact but for rounding: settle it by asking.
        let enough = |plays: &u64| self.flawless_chance(*plays) <= self.error;
        (estimate.max(1)..).take(3).find(enough).unwrap_or(estimate + 3)
    }

    /// How likely a product that satisfies just what is wanted gets through so many plays without a
    /// failure, if they are independent.
    pub fn flawless_chance(&self, plays: u64) -> f64 {
        // Factor by factor, so that every machine stores the same number.
        (0..plays).fold(1.0, |chance, _| chance * self.wanted)
    }
}

/// How likely `count` or more of `total` are, each with probability `p`.
fn at_least(count: u64, total: u64, p: f64) -> f64 {
    // By logarithms: the single factors leave the range of a double long before their product does.
    let (log_p, log_q) = (p.ln(), (1.0 - p).ln());
    let mut choose = 0.0_f64;
    let mut sum = 0.0;
    for n in 0..=total {
        if n > 0 {
            choose += ((total - n + 1) as f64).ln() - (n as f64).ln();
        }
        if n >= count {
            sum += (choose + n as f64 * log_p + (total - n) as f64 * log_q).exp();
        }
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers: `scipy.stats.binom.sf(count - 1, total, p)`.
    #[test]
    fn tails_are_the_binomial_ones() {
        for (count, total, p, tail) in
            [(8, 10, 0.5, 0.054_687_5), (10, 10, 0.9, 0.348_678_440), (0, 5, 0.3, 1.0)]
        {
            assert!((at_least(count, total, p) - tail).abs() < 1e-9, "{count} of {total}");
        }
    }

    #[test]
    fn clear_results_decide_early_and_close_ones_never() {
        let test = Sequential { wanted: 0.9, error: 0.05 };
        // 0.9⁴⁷ < 0.05 / 7 < 0.9⁴⁶.
        assert_eq!((test.decide(46, 46), test.decide(47, 47)), (None, Some(Decision::Reached)));
        assert_eq!(test.decide(0, 3), Some(Decision::Missed));
        assert_eq!(test.decide(900, 1000), None);
        assert_eq!(test.decide(0, 0), None);
    }

    #[test]
    fn flawless_plays_are_enough_and_one_fewer_is_not() {
        for (wanted, plays) in [(0.5, 5), (0.8, 14), (0.9, 29), (0.95, 59), (0.99, 299)] {
            let test = Sequential { wanted, error: 0.05 };
            assert_eq!(test.flawless_needed(), plays, "{wanted}");
            assert!(test.flawless_chance(plays) <= 0.05 && test.flawless_chance(plays - 1) > 0.05);
        }
    }

    #[test]
    fn a_product_that_just_misses_is_taken_for_good_no_more_often_than_stated() {
        let test = Sequential { wanted: 0.8, error: 0.05 };
        let mut state = 7_u64;
        let mut chance = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut wrong = 0;
        for _ in 0..2000 {
            let mut satisfied = 0;
            for round in 1..=64_u64 {
                satisfied += (0..10).filter(|_| chance() < 0.8).count() as u64;
                if Sequential::looks_after(round) && test.decide(satisfied, round * 10).is_some() {
                    // At exactly what is wanted, both decisions are wrong ones.
                    wrong += 1;
                    break;
                }
            }
        }
        assert!(wrong <= 2 * 100, "{wrong} of 2000");
    }
}
