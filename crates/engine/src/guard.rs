//! What an outcome may write into the context: bounded, and nothing that speaks for somebody else.

use base::{MicroUsd, Tokens};
use pipeline::Handler;

use crate::branches::BEST;
use crate::{Context, Outcome, Status};

const STATUSES: [Status; 5] =
    [Status::Success, Status::PartialSuccess, Status::Retry, Status::Fail, Status::Skipped];

/// Keys in a run's context: far more than people or handlers name, and a bound on what an agent
/// that invents them can make a state hold.
pub const CONTEXT_KEYS_MAX: usize = 1_000;

/// Bytes of one value, and a tenth of it for a key: the context carries facts; texts belong into
/// the content-addressed store.
pub const CONTEXT_VALUE_BYTES_MAX: usize = 64 * 1024;

/// Refused keys that an event names: enough to find the culprit.
const REFUSED_MAX: usize = 20;

/// Bytes of a note and of a preferred label: a few lines for a person. What is long lies in bodies.
const NOTE_BYTES_MAX: usize = 4 * 1024;

/// Stages that an outcome may suggest.
const SUGGESTED_MAX: usize = 100;

/// Bytes of a pipeline's own word for an outcome: what a person would write into a condition.
const CUSTOM_BYTES_MAX: usize = 100;

/// Bytes of a refused key that an event shows.
const REFUSED_BYTES_MAX: usize = 100;

/// The largest whole number that canonical JSON (RFC 8785) can carry: larger ones would come back
/// from the ledger changed.
pub(crate) const EXACT_MAX: u64 = (1 << 53) - 1;

/// Keys that the engine writes itself: what a person chose must not be claimed by an agent.
const ENGINE: [&str; 5] = ["graph.", "human.gate.", "internal.", "parallel.", "stack."];
const FACTORY: &str = "factory.";

/// Where the build of a run's branch stands: who makes builds writes it, and nobody else.
pub(crate) const BUILD: &str = "tree";

/// What a build has proved; it says nothing of a later build.
pub(crate) const LEVEL: &str = "factory.level";
pub(crate) const LEVEL_REASON: &str = "factory.level_reason";

/// The outcome as the run takes it, and the keys that were left out.
pub(crate) fn admit(
    outcome: &Outcome,
    handler: &Handler,
    context: &Context,
) -> (Outcome, Vec<String>) {
    let mut admitted = outcome.clone();
    cut(&mut admitted.note);
    if let Some(label) = &mut admitted.preferred_label {
        cut(label);
    }
    admitted.suggested_next.truncate(SUGGESTED_MAX);
    // A word that is none, or that speaks for a status, is not the pipeline's own.
    admitted.custom = admitted.custom.take().filter(|word| {
        let status = STATUSES.iter().any(|status| status.as_str() == word);
        !word.is_empty() && word.len() <= CUSTOM_BYTES_MAX && !status
    });
    let spend = &mut admitted.spend;
    spend.tokens_in = Tokens(spend.tokens_in.0.min(EXACT_MAX));
    spend.tokens_out = Tokens(spend.tokens_out.0.min(EXACT_MAX));
    spend.cost = MicroUsd(spend.cost.0.min(EXACT_MAX));
    spend.wall_ms = spend.wall_ms.min(EXACT_MAX);
    let mut refused = Vec::new();
    if !admitted.context.is_empty() {
        let mut room = CONTEXT_KEYS_MAX.saturating_sub(context.len());
        admitted.context.retain(|key, value| {
            let new = !context.contains_key(key);
            let keep = may_write(handler, key)
                && key.len() <= CONTEXT_VALUE_BYTES_MAX / 10
                && value.len() <= CONTEXT_VALUE_BYTES_MAX
                && !(new && room == 0);
            if keep {
                room -= usize::from(new);
            } else if refused.len() < REFUSED_MAX {
                refused.push(shorten(key, REFUSED_BYTES_MAX).to_owned());
            }
            keep
        });
    }
    (admitted, refused)
}

fn cut(text: &mut String) {
    let kept = shorten(text, NOTE_BYTES_MAX).len();
    text.truncate(kept);
}

/// Conditions find `x` under `context.x` too (10.4), so that the prefix must not hide a name.
fn may_write(handler: &Handler, key: &str) -> bool {
    let mut bare = key;
    while let Some(rest) = bare.strip_prefix("context.") {
        bare = rest;
    }
    if bare == BUILD && *handler != Handler::Agent {
        return false;
    }
    if *handler == Handler::FanIn {
        // A judge names a candidate and nothing else.
        return key == BEST;
    }
    let factory =
        matches!(handler, Handler::Check | Handler::Prove | Handler::Attack | Handler::Ship);
    !ENGINE.iter().any(|prefix| bare.starts_with(prefix)) && (factory || !bare.starts_with(FACTORY))
}

/// The beginning of a text, as much as fits into `bytes_max`.
pub(crate) fn shorten(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;

    fn refused(handler: Handler, keys: &[(&str, &str)], context: usize) -> Vec<String> {
        let mut outcome = Outcome::new(Status::Success, "");
        let pairs = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        outcome.context = pairs.collect();
        let context = (0..context).map(|n| (format!("k{n}"), "")).collect();
        let (admitted, refused) = admit(&outcome, &handler, &context);
        for key in &refused {
            assert!(!admitted.context.contains_key(key), "{key}");
        }
        assert_eq!(admitted.context.len() + refused.len(), keys.len());
        refused
    }

    #[test]
    fn an_agent_cannot_write_its_own_evidence_under_any_spelling() {
        let keys = [
            ("context.context.factory.level", "5"),
            ("context.factory.level", "5"),
            ("factory.level", "5"),
            ("human.gate.label", "approve"),
            ("internal.retry_count.a", "0"),
        ];
        let all: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
        assert_eq!(refused(Handler::Agent, &keys, 0), all);
        assert_eq!(refused(Handler::Tool, &keys, 0), all);
        assert_eq!(refused(Handler::Prove, &keys, 0), all[3..]);
    }

    #[test]
    fn what_an_outcome_says_is_bounded() {
        let mut outcome = Outcome::new(Status::Success, "é".repeat(NOTE_BYTES_MAX));
        outcome.preferred_label = Some("x".repeat(9_000_000));
        let (admitted, _) = admit(&outcome, &Handler::Tool, &Context::default());
        assert!(admitted.note.len() <= NOTE_BYTES_MAX && admitted.note.ends_with('é'));
        assert_eq!(admitted.preferred_label.unwrap().len(), NOTE_BYTES_MAX);
    }

    #[test]
    fn ordinary_keys_are_kept() {
        let keys =
            [("factory", "x"), ("last_response", "x"), ("context.flag", "true"), ("tree", "")];
        assert!(refused(Handler::Agent, &keys, 0).is_empty());
        assert_eq!(refused(Handler::Tool, &keys, 0), ["tree"]);
    }

    #[test]
    fn the_context_stays_bounded() {
        let large = "x".repeat(CONTEXT_VALUE_BYTES_MAX + 1);
        assert_eq!(refused(Handler::Agent, &[("a", &large), ("b", "")], 0), ["a"]);
        let keys = [("k0", "known"), ("x", "new"), ("y", "new")];
        assert_eq!(refused(Handler::Agent, &keys, CONTEXT_KEYS_MAX - 1), ["y"]);
    }
}
