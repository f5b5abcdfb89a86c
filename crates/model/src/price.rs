//! What hosted models cost: a dated table, and the sum for a call.
//!
//! Providers publish no prices in a form that a program can ask for, so this table ages; its date is shown
//! with it. A model that is not in it has no known price, which is never taken for free.

use base::{MicroUsd, Tokens};
use serde::{Deserialize, Serialize};

/// When the table was last compared with the providers' price pages.
pub const PRICES_DATED: &str = "2025-11";

/// The price of a million tokens each way. Discounts for caching and batches are left out, so that a sum is
/// what a call costs at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Price {
    pub per_million_in: MicroUsd,
    pub per_million_out: MicroUsd,
}

/// One row of the table: provider, model, US cents for a million tokens in and out, context in tokens.
pub(crate) struct Listed {
    pub provider: &'static str,
    pub model: &'static str,
    cents: (u64, u64),
    pub context: u32,
}

const fn row(
    provider: &'static str,
    model: &'static str,
    cents_in: u64,
    cents_out: u64,
    context: u32,
) -> Listed {
    Listed { provider, model, cents: (cents_in, cents_out), context }
}

pub(crate) const LISTED: &[Listed] = &[
    row("anthropic", "claude-opus-4-5", 500, 2500, 200_000),
    row("anthropic", "claude-sonnet-4-5", 300, 1500, 200_000),
    row("anthropic", "claude-haiku-4-5", 100, 500, 200_000),
    row("anthropic", "claude-opus-4-1", 1500, 7500, 200_000),
    row("openai", "gpt-5.1", 125, 1000, 400_000),
    row("openai", "gpt-5", 125, 1000, 400_000),
    row("openai", "gpt-5-mini", 25, 200, 400_000),
    row("openai", "gpt-5-nano", 5, 40, 400_000),
    row("openai", "gpt-4.1", 200, 800, 1_047_576),
    row("openai", "gpt-4.1-mini", 40, 160, 1_047_576),
    row("openai", "gpt-4o", 250, 1000, 128_000),
    row("openai", "gpt-4o-mini", 15, 60, 128_000),
    row("gemini", "gemini-2.5-pro", 250, 1500, 1_048_576),
    row("gemini", "gemini-2.5-flash", 30, 250, 1_048_576),
    row("gemini", "gemini-2.5-flash-lite", 10, 40, 1_048_576),
];

impl Listed {
    pub(crate) fn price(&self) -> Price {
        /// Millionths of a dollar in a cent.
        const CENT: u64 = 10_000;
        let (per_in, per_out) = self.cents;
        Price { per_million_in: MicroUsd(per_in * CENT), per_million_out: MicroUsd(per_out * CENT) }
    }
}

impl Price {
    /// What so many tokens cost, rounded up.
    pub fn of(&self, tokens_in: Tokens, tokens_out: Tokens) -> MicroUsd {
        const MILLION: u128 = 1_000_000;
        let sum = u128::from(tokens_in.0) * u128::from(self.per_million_in.0)
            + u128::from(tokens_out.0) * u128::from(self.per_million_out.0);
        MicroUsd(u64::try_from(sum.div_ceil(MILLION)).unwrap_or(u64::MAX))
    }
}

/// The price of a provider's model, or of a dated version of it (`gpt-5-2025-08-07`).
pub(crate) fn find(provider: &str, model: &str) -> Option<Price> {
    LISTED
        .iter()
        .find(|listed| {
            listed.provider == provider
                && model
                    .strip_prefix(listed.model)
                    .is_some_and(|rest| rest.is_empty() || rest == "-latest" || dated(rest))
        })
        .map(Listed::price)
}

/// A dash, and then nothing but digits and dashes, eight digits in all.
fn dated(rest: &str) -> bool {
    rest.starts_with('-')
        && rest.chars().all(|c| c == '-' || c.is_ascii_digit())
        && rest.chars().filter(char::is_ascii_digit).count() == 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dated_version_has_its_models_price_and_a_sibling_has_not() {
        let of = |model| find("openai", model).map(|price| price.per_million_in.0);
        assert_eq!(of("gpt-5"), Some(1_250_000));
        assert_eq!(of("gpt-5-2025-08-07"), Some(1_250_000));
        assert_eq!(of("gpt-5-mini"), Some(250_000));
        assert_eq!(of("gpt-5-pro"), None);
        assert_eq!(of("claude-sonnet-4-5"), None);
        assert!(find("anthropic", "claude-sonnet-4-5-20250929").is_some());
    }

    #[test]
    fn a_sum_rounds_up_and_never_overflows_to_cheap() {
        let price = find("openai", "gpt-5").unwrap();
        assert_eq!(price.of(Tokens(1000), Tokens(500)), MicroUsd(1250 + 5000));
        assert_eq!(price.of(Tokens(1), Tokens(0)), MicroUsd(2));
        assert_eq!(price.of(Tokens(u64::MAX), Tokens(u64::MAX)), MicroUsd(u64::MAX));
    }
}
