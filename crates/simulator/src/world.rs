//! What hands and people report: random, but the same for the same action, as it must be for work
//! that may be performed twice.

use base::{ActionId, Digest, MicroUsd, Tokens};
use engine::{Input, Outcome, Question, RunLimits, Status};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::draw::Draw;
use crate::pipelines::LABELS;

/// Limits that bind now and then, but not by the clock, which differs between schedules.
pub const LIMITS: RunLimits = RunLimits {
    tokens_max: 20_000,
    micro_usd_max: 20_000,
    wall_ms_max: u64::MAX,
    attempts_max: 60,
};

/// The start of a run.
pub fn start(seed: u64, limits: RunLimits) -> Input {
    let (intent, graph) = (Digest::of("intent"), Digest::of("graph"));
    Input::Start { intent, graph, seed, limits }
}

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct World {
    pub seed: u64,
}

impl World {
    /// What performing an action comes to; nothing when it never comes back.
    pub fn perform(self, action: &ActionId) -> Option<Outcome> {
        let draw = &mut self.draw(action);
        (!draw.percent(4)).then(|| outcome(draw))
    }

    /// What a person answers; nothing when they never do.
    pub fn answer(self, action: &ActionId, question: &Question) -> Option<String> {
        let draw = &mut self.draw(action);
        (!draw.percent(10)).then(|| draw.one(&question.choices).clone())
    }

    fn draw(self, action: &ActionId) -> ChaCha8Rng {
        let digest = Digest::of(format!("{}/{action}", self.seed));
        ChaCha8Rng::from_seed(*digest.as_bytes())
    }
}

/// Any outcome, forged evidence included.
pub(crate) fn outcome(draw: &mut impl Draw) -> Outcome {
    use Status::{Fail, PartialSuccess, Retry, Skipped, Success};
    let statuses = [
        Success,
        Success,
        Success,
        Success,
        Success,
        Success,
        Fail,
        Fail,
        Retry,
        Retry,
        PartialSuccess,
        Skipped,
    ];
    let mut outcome = Outcome::new(*draw.one(&statuses), "performed");
    if draw.percent(30) {
        outcome.preferred_label = Some((*draw.one(&LABELS)).to_owned());
    }
    if draw.percent(20) {
        let id = format!("s{}", draw.below(8));
        outcome.suggested_next = vec![id.parse().expect("the names here are stage ids")];
    }
    for (key, parts) in [
        ("flag", 40),
        ("factory.level", 60),
        ("context.factory.level", 10),
        ("human.gate.label", 10),
        ("factory.level_reason", 10),
    ] {
        if draw.percent(parts) {
            let value = *draw.one(&["5", "4", "true", "Go", "1"]);
            outcome.context.insert(key.to_owned(), value.to_owned());
        }
    }
    outcome.spend.tokens_in = Tokens(u64::from(draw.below(1_000)));
    outcome.spend.cost = MicroUsd(u64::from(draw.below(1_000)));
    outcome
}
