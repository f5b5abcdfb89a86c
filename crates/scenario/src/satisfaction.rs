//! Satisfaction: the share of trajectories that satisfy the user, never without its interval.

use std::collections::BTreeMap;

use base::RequirementId;
use serde::{Deserialize, Serialize};

use crate::{DECISION_ERROR, Sequential, Trajectory};

/// The confidence at which satisfaction is told everywhere.
pub const CONFIDENCE: f64 = 0.95;

/// A fraction with its Wilson score interval.
///
/// Wilson (1927) rather than the textbook interval, because the fractions here are near 1 and the
/// numbers small: there the textbook one claims certainty from ten plays.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Satisfaction {
    pub satisfied: u64,
    pub n: u64,
    /// `satisfied / n`; 0 when nothing was played.
    pub point: f64,
    pub lower: f64,
    pub upper: f64,
    /// Of the two-sided interval, in (0, 1).
    pub confidence: f64,
}

impl Satisfaction {
    /// The interval for `satisfied` out of `total`; nothing played gives [0, 1].
    ///
    /// # Panics
    /// When `satisfied > total` or `confidence` is not in (0, 1): mistakes of the caller.
    pub fn of(satisfied: u64, total: u64, confidence: f64) -> Self {
        assert!(satisfied <= total, "{satisfied} of {total} cannot be satisfied");
        assert!(confidence > 0.0 && confidence < 1.0, "confidence {confidence} is not in (0, 1)");
        if total == 0 {
            return Self { satisfied, n: 0, point: 0.0, lower: 0.0, upper: 1.0, confidence };
        }
        let n = total as f64;
        let point = satisfied as f64 / n;
        let z2 = quantile(confidence).powi(2);
        let centre = (point + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = (z2 * (point * (1.0 - point) / n + z2 / (4.0 * n * n))).sqrt() / (1.0 + z2 / n);
        // Rounding must not exclude the ends that the formula gives exactly.
        let lower = if satisfied == 0 { 0.0 } else { (centre - half).max(0.0) };
        let upper = if satisfied == total { 1.0 } else { (centre + half).min(1.0) };
        Self { satisfied, n: total, point, lower, upper, confidence }
    }

    /// How many plays, all satisfied, are needed for a lower bound of at least `bound` in (0, 1).
    pub fn plays_needed(bound: f64, confidence: f64) -> u64 {
        let z2 = quantile(confidence).powi(2);
        let estimate = (z2 * bound / (1.0 - bound)).floor() as u64;
        // The estimate is exact but for rounding: settle it by asking.
        (estimate.max(1)..)
            .take(3)
            .find(|n| Self::of(*n, *n, confidence).lower >= bound)
            .unwrap_or(estimate + 3)
    }
}

impl std::fmt::Display for Satisfaction {
    /// `57/60 = 0.950 [0.863, 0.983]`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { satisfied, n, point, lower, upper, .. } = self;
        write!(f, "{satisfied}/{n} = {point:.3} [{lower:.3}, {upper:.3}]")
    }
}

/// The most seeds that are played to narrow an interval: more plays of a deterministic program teach
/// nothing, and each costs a process.
const SEEDS_MAX: u64 = 64;

/// Seeds `first, first + 1, …`: at least `least`, and as many as `scenarios` need when all are satisfied,
/// for a lower bound of `bound` and for an error of [`DECISION_ERROR`]; at most 64.
pub fn seeds_for(scenarios: usize, bound: f64, first: u64, least: usize) -> Vec<u64> {
    let test = Sequential { wanted: bound, error: DECISION_ERROR };
    let plays = Satisfaction::plays_needed(bound, CONFIDENCE).max(test.flawless_needed());
    let needed = plays.div_ceil(scenarios.max(1) as u64);
    let count = needed.max(least as u64).clamp(1, SEEDS_MAX);
    (0..count).map(|n| first.wrapping_add(n)).collect()
}

/// Satisfaction of one build, overall and by requirement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SatisfactionReport {
    /// Over all trajectories.
    pub overall: Satisfaction,
    /// Over scenarios, each counted once and satisfied only if every one of its trajectories is:
    /// what remains of `overall` if a scenario's seeds tell nothing new.
    pub scenarios: Satisfaction,
    /// Over the trajectories of each requirement's scenarios.
    pub requirements: BTreeMap<RequirementId, Satisfaction>,
}

impl SatisfactionReport {
    /// The report on some trajectories; what could not be decided counts as not satisfied.
    pub fn of(trajectories: &[Trajectory], confidence: f64) -> Self {
        let mut scenarios: BTreeMap<_, bool> = BTreeMap::new();
        let mut requirements: BTreeMap<RequirementId, (u64, u64)> = BTreeMap::new();
        let mut satisfied = 0;
        for trajectory in trajectories {
            let good = trajectory.played.is_satisfied();
            satisfied += u64::from(good);
            *scenarios.entry(&trajectory.scenario).or_insert(true) &= good;
            for requirement in &trajectory.requirements {
                let count = requirements.entry(requirement.clone()).or_default();
                count.0 += u64::from(good);
                count.1 += 1;
            }
        }
        let steady = scenarios.values().filter(|good| **good).count();
        Self {
            overall: Satisfaction::of(satisfied, trajectories.len() as u64, confidence),
            scenarios: Satisfaction::of(steady as u64, scenarios.len() as u64, confidence),
            requirements: requirements
                .into_iter()
                .map(|(id, (good, all))| (id, Satisfaction::of(good, all, confidence)))
                .collect(),
        }
    }
}

/// The two-sided standard normal quantile of `confidence`: 1.96 for 0.95.
///
/// By bisection on the error function's complement, so that there is no table of coefficients to get
/// wrong; fifty halvings of [0, 40] leave an error under 1e-13.
fn quantile(confidence: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 40.0_f64);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if central(middle) < confidence { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// The standard normal probability of [-z, z]: erf(z/√2), by its Taylor series (Abramowitz and Stegun
/// 7.1.6, all terms positive, so that nothing cancels).
fn central(z: f64) -> f64 {
    if z > 8.0 {
        return 1.0; // Within 1e-15.
    }
    let x = z / std::f64::consts::SQRT_2;
    let (mut term, mut sum) = (x, x);
    // At x <= 5.7 the terms vanish before the 200th.
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 5e-5
    }

    #[test]
    fn the_quantile_is_the_one_in_every_table() {
        for (confidence, z) in [(0.90, 1.644_853_627), (0.95, 1.959_963_985), (0.99, 2.575_829_304)]
        {
            assert!((quantile(confidence) - z).abs() < 1e-8, "{confidence}");
        }
    }

    /// Known answers: `statsmodels.stats.proportion.proportion_confint(k, n, method="wilson")`.
    #[test]
    fn known_intervals() {
        for (k, n, lower, upper) in [
            (8, 10, 0.49016, 0.94331),
            (10, 10, 0.72247, 1.0),
            (0, 10, 0.0, 0.27753),
            (57, 60, 0.86297, 0.98288),
            (1, 1, 0.20655, 1.0),
        ] {
            let s = Satisfaction::of(k, n, CONFIDENCE);
            assert!(near(s.lower, lower) && near(s.upper, upper), "{k}/{n}: {s}");
        }
    }

    #[test]
    fn nothing_played_proves_nothing() {
        let nothing = Satisfaction::of(0, 0, CONFIDENCE);
        assert_eq!((nothing.point, nothing.lower, nothing.upper), (0.0, 0.0, 1.0));
    }

    #[test]
    fn the_plays_needed_are_enough_and_one_fewer_is_not() {
        for bound in [0.1, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99] {
            let n = Satisfaction::plays_needed(bound, CONFIDENCE);
            assert!(Satisfaction::of(n, n, CONFIDENCE).lower >= bound, "{bound}: {n}");
            assert!(Satisfaction::of(n - 1, n - 1, CONFIDENCE).lower < bound, "{bound}: {n}");
        }
        assert_eq!(Satisfaction::plays_needed(0.9, CONFIDENCE), 35);
    }

    #[test]
    fn seeds_are_as_many_as_the_bound_needs() {
        assert_eq!(seeds_for(20, 0.9, 7, 3), [7, 8, 9]);
        assert_eq!(seeds_for(5, 0.9, 0, 3).len(), 7);
        assert_eq!(seeds_for(1, 0.999, 0, 1).len(), 64);
        assert_eq!(seeds_for(0, 0.5, 0, 0).len(), 5);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_point_and_narrows_with_plays(k in 0_u64..500, more in 1_u64..500) {
            let n = k + more;
            let small = Satisfaction::of(k, n, CONFIDENCE);
            let large = Satisfaction::of(k * 10, n * 10, CONFIDENCE);
            prop_assert!(0.0 <= small.lower && small.lower <= small.point);
            prop_assert!(small.point <= small.upper && small.upper <= 1.0);
            prop_assert!(large.upper - large.lower < small.upper - small.lower);
        }
    }
}
