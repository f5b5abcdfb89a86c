//! Where choices come from: a generator's seed, or a list that a property test can shrink.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A source of choices.
pub trait Draw {
    /// A number below `n`, which is at least 1.
    fn below(&mut self, n: u32) -> u32;

    /// Whether something happens that happens `parts` times in a hundred.
    fn percent(&mut self, parts: u32) -> bool {
        // Zero, which shrinking tends to, is the case that most often does nothing.
        self.below(100) >= 100 - parts
    }

    /// One of `items`, which are not empty.
    fn one<'i, T>(&mut self, items: &'i [T]) -> &'i T
    where
        Self: Sized,
    {
        let count = u32::try_from(items.len()).expect("choices are few");
        &items[self.below(count) as usize]
    }
}

impl Draw for ChaCha8Rng {
    fn below(&mut self, n: u32) -> u32 {
        self.random_range(0..n)
    }
}

/// Choices from a list; once it is empty, every choice is the first.
#[derive(Debug, Clone)]
pub struct Listed(std::vec::IntoIter<u32>);

impl Listed {
    pub fn new(choices: Vec<u32>) -> Self {
        Self(choices.into_iter())
    }
}

impl Draw for Listed {
    fn below(&mut self, n: u32) -> u32 {
        self.0.next().unwrap_or(0) % n
    }
}
