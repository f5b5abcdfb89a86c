//! Choosing the next token from a row of logits: greedy, or from the likeliest few by chance.
//!
//! It knows numbers only. Chance comes from a seed, so that the same logits give the same choice.

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// Only so many of the likeliest tokens are ever chosen from: what Qwen recommends for this model. There is
/// no penalty on repetition, though Qwen has one: programs repeat names on purpose.
const CHOICES_MAX: usize = 20;

/// Chooses the tokens of one candidate.
pub(super) struct Sampler {
    temperature: f32,
    top_p: f32,
    chance: ChaCha8Rng,
    likeliest: Vec<(f32, u32)>,
}

impl Sampler {
    /// Candidates of one seed draw from different streams of the same generator.
    pub(super) fn new(temperature: f64, top_p: f64, seed: u64, candidate: u32) -> Self {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        chance.set_stream(u64::from(candidate));
        let likeliest = Vec::with_capacity(CHOICES_MAX + 1);
        Self { temperature: temperature as f32, top_p: top_p as f32, chance, likeliest }
    }

    /// The number of the chosen token.
    pub(super) fn choose(&mut self, logits: &[f32]) -> u32 {
        let choices = if self.temperature > 0.0 { CHOICES_MAX } else { 1 };
        self.rank(logits, choices);
        let (top, first) = self.likeliest[0];
        if self.temperature <= 0.0 {
            return first;
        }
        // Logits become weights relative to the likeliest token's.
        for (weight, _) in &mut self.likeliest {
            *weight = ((*weight - top) / self.temperature).exp();
        }
        let total: f32 = self.likeliest.iter().map(|(weight, _)| weight).sum();
        let mut mass = 0.0;
        let mut kept = 0;
        while kept < self.likeliest.len() && (kept == 0 || mass < self.top_p * total) {
            mass += self.likeliest[kept].0;
            kept += 1;
        }
        let mut point = self.chance.random::<f32>() * mass;
        for (weight, token) in &self.likeliest[..kept] {
            point -= weight;
            if point < 0.0 {
                return *token;
            }
        }
        // Rounding can leave a sliver past the last weight.
        self.likeliest[kept - 1].1
    }

    /// Fills `likeliest` with the `count` greatest logits, greatest first, earlier tokens first on a tie.
    fn rank(&mut self, logits: &[f32], count: usize) {
        self.likeliest.clear();
        let mut least = f32::NEG_INFINITY;
        for (token, logit) in (0u32..).zip(logits) {
            if self.likeliest.len() == count && *logit <= least {
                continue;
            }
            let at = self.likeliest.partition_point(|(other, _)| other >= logit);
            self.likeliest.insert(at, (*logit, token));
            self.likeliest.truncate(count);
            least = self.likeliest[self.likeliest.len() - 1].0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 6] = [0.0, 3.0, -1.0, 2.9, 3.0, -50.0];

    fn draws(temperature: f64, top_p: f64, seed: u64, candidate: u32) -> Vec<u32> {
        let mut sampler = Sampler::new(temperature, top_p, seed, candidate);
        (0..200).map(|_| sampler.choose(&LOGITS)).collect()
    }

    #[test]
    fn greedy_takes_the_first_of_the_greatest() {
        assert_eq!(draws(0.0, 1.0, 7, 0), [1; 200]);
    }

    #[test]
    fn the_nucleus_leaves_out_the_unlikely() {
        let mut seen = draws(1.0, 0.9, 7, 0);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [1, 3, 4]);
        assert_eq!(draws(1.0, 1e-9, 7, 0), [1; 200]);
    }

    #[test]
    fn a_seed_repeats_itself_and_candidates_differ() {
        assert_eq!(draws(1.0, 1.0, 7, 0), draws(1.0, 1.0, 7, 0));
        assert_ne!(draws(1.0, 1.0, 7, 0), draws(1.0, 1.0, 7, 1));
        assert_ne!(draws(1.0, 1.0, 7, 0), draws(1.0, 1.0, 8, 0));
    }

    #[test]
    fn shares_follow_the_weights() {
        let mut sampler = Sampler::new(1.0, 1.0, 3, 0);
        let logits = [0.0, 3f32.ln()];
        let second = (0..4000).filter(|_| sampler.choose(&logits) == 1).count();
        assert!((2900..3100).contains(&second), "{second} of 4000 instead of about 3000");
    }
}
