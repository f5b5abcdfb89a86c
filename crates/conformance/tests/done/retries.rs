//! 11.5: retry logic.

use engine::{Outcome, Status};

use crate::play::{Played, failure, graph, play, play_seeded, success};

fn retry() -> Outcome {
    Outcome::new(Status::Retry, "not yet")
}

/// A run whose stage `a` has these attributes and comes to these, the last one again and again.
fn tried(attributes: &str, outcomes: &[Outcome]) -> Played {
    seeded(attributes, outcomes, 1, true)
}

fn seeded(attributes: &str, outcomes: &[Outcome], seed: u64, jitter: bool) -> Played {
    let source = format!(
        "digraph {{ start [shape=Mdiamond] a [label=l{attributes}] fixed [label=l] e [shape=Msquare]
            start -> a a -> e a -> fixed [condition=\"outcome=fail\"] fixed -> e }}"
    );
    let mut graph = graph(&source);
    graph.stages.get_mut("a").unwrap().retry.backoff.jitter = jitter;
    let mut outcomes = outcomes.iter().cloned();
    let mut last = success();
    play_seeded(graph, seed, |id| match id.stage.as_str() {
        "a" => {
            last = outcomes.next().unwrap_or_else(|| last.clone());
            last.clone()
        }
        _ => success(),
    })
}

/// Definition of Done 11.5: Nodes with `max_retries > 0` are retried on RETRY or FAIL outcomes.
/// Definition of Done 11.12: Execute with retry on failure (max_retries=2).
#[test]
fn a_stage_is_tried_again_on_retry_and_on_failure() {
    for bad in [retry(), failure()] {
        let played = tried(", max_retries=2", &[bad.clone(), bad, success()]);
        assert_eq!((played.way().as_str(), played.ending().as_str()), ("start a a a", "success"));
    }
    let permanent = Outcome { permanent: true, ..failure() };
    assert_eq!(tried(", max_retries=2", &[permanent]).way(), "start a fixed", "appendix D");
}

/// Definition of Done 11.5: Retry count is tracked per-node and respects the configured limit.
#[test]
fn retries_are_counted_for_each_stage() {
    assert_eq!(tried(", max_retries=3", &[retry()]).way(), "start a a a a fixed");
    assert_eq!(tried("", &[retry()]).way(), "start a fixed", "none by default");
    let two = "digraph { default_max_retries=1 start [shape=Mdiamond] a [label=l] b [label=l]
        e [shape=Msquare] start -> a -> b -> e }";
    let mut seen: Vec<String> = Vec::new();
    let played = play(graph(two), |id| {
        let is_new = !seen.contains(&id.stage.to_string());
        seen.push(id.stage.to_string());
        if is_new { retry() } else { success() }
    });
    assert_eq!((played.way().as_str(), played.ending().as_str()), ("start a a b b", "success"));
}

/// Definition of Done 11.5: Backoff between retries works (constant, linear, or exponential as
/// configured).
#[test]
fn delays_are_as_configured() {
    let delays = |policy: &str| seeded(policy, &[retry()], 1, false).delays();
    assert_eq!(delays(", retry_policy=linear"), [500, 500]);
    assert_eq!(delays(", retry_policy=standard"), [200, 400, 800, 1600]);
    assert_eq!(delays(", retry_policy=aggressive"), [500, 1000, 2000, 4000]);
    assert_eq!(delays(", retry_policy=patient"), [2000, 6000]);
    assert_eq!(delays(", max_retries=2"), [200, 400]);
    let many = delays(", max_retries=12");
    assert_eq!(many.last(), Some(&60_000), "at most a minute");
}

/// Definition of Done 11.5: Jitter is applied to backoff delays when configured.
#[test]
fn jitter_spreads_delays_and_repeats_for_a_seed() {
    let delays = |seed| seeded(", retry_policy=standard", &[retry()], seed, true).delays();
    let (one, two) = (delays(1), delays(2));
    assert_ne!(one, two);
    assert_eq!(one, delays(1));
    for (delay, plain) in one.into_iter().chain(two).zip([200, 400, 800, 1600].into_iter().cycle())
    {
        assert!((plain / 2..=plain * 3 / 2).contains(&delay), "{delay} of {plain}");
    }
}

/// Definition of Done 11.5: After retry exhaustion, the node's final outcome is used for edge selection.
#[test]
fn what_a_stage_comes_to_in_the_end_chooses_the_edge() {
    for bad in [retry(), failure()] {
        let played = tried(", max_retries=1", &[bad]);
        assert_eq!(played.way(), "start a a fixed");
        let outcome = played.state.outcome(&"a".parse().unwrap()).unwrap();
        assert_eq!(outcome.status, Status::Fail);
    }
    let partial = tried(", max_retries=1, allow_partial=true", &[retry()]);
    assert_eq!(partial.way(), "start a a", "the ordinary edge leads to the exit");
    let outcome = partial.state.outcome(&"a".parse().unwrap()).unwrap();
    assert_eq!(outcome.status, Status::PartialSuccess);
}
