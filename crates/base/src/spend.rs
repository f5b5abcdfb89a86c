//! What work cost: tokens, money, time. Sums saturate: an overflow must never look cheap.

use std::fmt;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// A number of model tokens.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Tokens(pub u64);

/// Millionths of a US dollar.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MicroUsd(pub u64);

impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}.{:04}", self.0 / 1_000_000, self.0 % 1_000_000 / 100)
    }
}

/// What some work cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spend {
    /// Tokens read by models.
    pub tokens_in: Tokens,
    /// Tokens written by models.
    pub tokens_out: Tokens,
    pub cost: MicroUsd,
    /// Wall-clock milliseconds.
    pub wall_ms: u64,
}

impl Spend {
    /// Tokens in both directions: what a token budget counts.
    pub fn tokens(&self) -> Tokens {
        Tokens(self.tokens_in.0.saturating_add(self.tokens_out.0))
    }
}

impl AddAssign for Spend {
    fn add_assign(&mut self, other: Self) {
        self.tokens_in.0 = self.tokens_in.0.saturating_add(other.tokens_in.0);
        self.tokens_out.0 = self.tokens_out.0.saturating_add(other.tokens_out.0);
        self.cost.0 = self.cost.0.saturating_add(other.cost.0);
        self.wall_ms = self.wall_ms.saturating_add(other.wall_ms);
    }
}
