//! Chance that can be repeated: every draw of a twin comes from its universe's seed, its service's name
//! and the number of draws before it, and from nothing else.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// Words of the generator that one draw may use, so that a draw never depends on how much the one
/// before it took: 64 bytes are one block.
const WORDS_PER_DRAW: u128 = 16;

/// The most bytes that one draw gives: one block of the generator.
pub(crate) const DRAW_BYTES_MAX: usize = 64;

/// The draws of one service in one universe.
#[derive(Debug, Clone)]
pub(crate) struct Draws {
    seed: [u8; 32],
    next: u64,
}

impl Draws {
    pub(crate) fn new(seed: u64, service: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(seed.to_be_bytes());
        digest.update(service);
        Self { seed: digest.finalize().into(), next: 0 }
    }

    /// The next block of chance.
    pub(crate) fn bytes(&mut self) -> [u8; DRAW_BYTES_MAX] {
        let mut generator = ChaCha8Rng::from_seed(self.seed);
        generator.set_word_pos(u128::from(self.next) * WORDS_PER_DRAW);
        self.next += 1;
        let mut bytes = [0; DRAW_BYTES_MAX];
        generator.fill_bytes(&mut bytes);
        bytes
    }

    /// A number below `bound`, or 0 when that is 0. Biased by less than 2^-32 for bounds below 2^32.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let bytes = self.bytes();
        let word = u64::from_le_bytes(bytes[..8].try_into().expect("eight of 64 bytes"));
        if bound == 0 { 0 } else { word % bound }
    }

    /// `length` characters of `alphabet` (ASCII); at most [`DRAW_BYTES_MAX`] a block, as many blocks as
    /// it takes.
    pub(crate) fn text(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet = alphabet.as_bytes();
        let mut text = String::with_capacity(length);
        while text.len() < length && !alphabet.is_empty() {
            let block = self.bytes();
            let left = length - text.len();
            let letters = block.iter().take(left);
            text.extend(
                letters.map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])),
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_seed_service_and_number_alone() {
        let draw = |seed, service, skip| {
            let mut draws = Draws::new(seed, service);
            for _ in 0..skip {
                draws.below(10);
            }
            draws.text("abc123", 100)
        };
        assert_eq!(draw(1, "slack", 0), draw(1, "slack", 0));
        assert_ne!(draw(1, "slack", 0), draw(2, "slack", 0));
        assert_ne!(draw(1, "slack", 0), draw(1, "okta", 0));
        assert_ne!(draw(1, "slack", 0), draw(1, "slack", 1));
        assert_eq!(draw(1, "slack", 3).len(), 100);
    }
}
