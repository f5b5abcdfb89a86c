//! The spec, as runs that can be read: a pipeline, what hands and people report, what happens.

use std::sync::Arc;
use std::time::Duration;

use base::{RunId, Timestamp};
use engine::{Action, Input, Outcome, State, Status, apply, decide, pending};
use insta::assert_snapshot;
use simulator::{LIMITS, start, story};

/// Plays `script` on a pipeline, one word for each thing that is pending: a status and perhaps
/// `>label`, `=level` or `+tokens` behind it; `!choice` answers a question; `later` lets time pass.
/// Gives the story, and what is pending at its end.
fn check(dot: &str, script: &str) -> String {
    let parsed = pipeline::parse("test.dot", dot);
    let graph = parsed.graph.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
    let mut state = State::new(RunId::new("run-1").unwrap(), Arc::new(graph));
    let mut now = Timestamp(0);
    let mut told = Vec::new();
    let first = start(1, LIMITS);
    for word in [""].into_iter().chain(script.split_whitespace()) {
        let input = if word.is_empty() { first.clone() } else { input(&state, word, &mut now) };
        let events = match decide(&state, &input, now) {
            Ok(events) => events,
            Err(refusal) => {
                told.push(format!("refused: {refusal}"));
                continue;
            }
        };
        for event in &events {
            apply(&mut state, event);
            told.extend(story(event));
        }
        now = now + Duration::from_secs(1);
    }
    told.extend(pending(&state).iter().map(|action| match action {
        Action::Perform { id, .. } => format!("pending: perform {id}"),
        Action::Ask { id, .. } => format!("pending: ask {id}"),
        Action::Wait { until } => format!("pending: wait until {} ms", until.0),
    }));
    told.join("\n")
}

fn input(state: &State, word: &str, now: &mut Timestamp) -> Input {
    let actions = pending(state);
    if word == "later" {
        let until = |action: &Action| match action {
            Action::Wait { until } => Some(*until),
            _ => None,
        };
        *now = actions.iter().find_map(until).expect("something is waited for");
        return Input::TimePassed;
    }
    match (&actions[0], word.strip_prefix('!')) {
        (Action::Ask { id, .. }, Some(choice)) => {
            Input::Answered { action: id.clone(), choice: choice.to_owned(), by: "ann".to_owned() }
        }
        (Action::Perform { id, .. } | Action::Ask { id, .. }, _) => {
            Input::Finished { action: id.clone(), outcome: outcome(word) }
        }
        (Action::Wait { .. }, _) => panic!("nothing but time is pending for `{word}`"),
    }
}

fn outcome(word: &str) -> Outcome {
    let end = word.find(['>', '=', '+']).unwrap_or(word.len());
    let status = serde_json::from_value(word[..end].into()).unwrap_or(Status::Fail);
    let mut outcome = Outcome::new(status, "done");
    match word[end..].split_at(usize::from(end < word.len())) {
        (">", label) => outcome.preferred_label = Some(label.replace('_', " ")),
        ("=", level) => {
            outcome.context.insert("factory.level".to_owned(), level.to_owned());
        }
        ("+", tokens) => outcome.spend.tokens_out.0 = tokens.parse().expect("a number"),
        _ => {}
    }
    outcome
}

/// The factory's own pipeline: proof before ship, and a bounded way back.
const DEFAULT: &str = r#"digraph factory {
    graph [goal="Convert numbers"]
    start [shape=Mdiamond]
    plan
    implement [max_visits=2]
    check [type="factory.check"]
    prove [type="factory.prove", goal_gate=true]
    ship [type="factory.ship"]
    done [shape=Msquare]
    start -> plan -> implement -> check
    check -> prove [condition="outcome=success"]
    check -> implement [condition="outcome=fail"]
    prove -> ship [condition="outcome=success"]
    prove -> implement [condition="outcome=fail"]
    ship -> done
}"#;

#[test]
fn the_default_pipeline_ships_with_the_lights_off() {
    assert_snapshot!(check(DEFAULT, "success success success success=5 success"));
}

#[test]
fn a_failed_proof_goes_back_and_its_bound_holds_the_run() {
    assert_snapshot!(check(DEFAULT, "success success success fail success fail"));
}

#[test]
fn below_level_5_a_person_is_asked_before_shipping() {
    assert_snapshot!("asked", check(DEFAULT, "success success success success=4"));
    assert_snapshot!(
        "approved",
        check(DEFAULT, "success success success success=4 !maybe !approve success")
    );
    assert_snapshot!("refused", check(DEFAULT, "success success success success=4 !refuse"));
    assert_snapshot!("not_proven", check(DEFAULT, "success success success success"));
}

#[test]
fn an_agent_cannot_claim_a_level() {
    let dot = r#"digraph { start [shape=Mdiamond] a s [type="factory.ship"] e [shape=Msquare]
        start -> a -> s -> e }"#;
    assert_snapshot!(check(dot, "success=5"));
}

#[test]
fn what_was_proved_of_one_build_says_nothing_of_the_next() {
    let dot = r#"digraph { start [shape=Mdiamond] p [type="factory.prove"] polish
        s [type="factory.ship"] e [shape=Msquare] start -> p -> polish -> s -> e }"#;
    assert_snapshot!(check(dot, "success=5 success"));
}

#[test]
fn what_was_proved_says_nothing_of_the_build_that_a_manager_takes_over() {
    let dot = r#"digraph { start [shape=Mdiamond] p [type="factory.prove"] s [type="factory.ship"]
        m [shape=house, stack.child_dot_source="digraph { b [shape=Mdiamond] work
            e [shape=Msquare] b -> work -> e }"] e [shape=Msquare] start -> p -> m -> s -> e }"#;
    let told = check(dot, "success=5 success");
    assert_snapshot!(
        told.lines().last().unwrap(),
        @r#"Held { reason: "stage `s` may not ship what is not proven: no stage before it has proved this build to be of level 1 or more" }"#
    );
}

/// Spec 2.13: the conditional stage asks for what came before it.
#[test]
fn a_conditional_routes_on_the_outcome_before_it() {
    let dot = r#"digraph Branch { start [shape=Mdiamond] exit [shape=Msquare]
        implement validate gate [shape=diamond]
        start -> implement -> validate -> gate
        gate -> exit [label="Yes", condition="outcome=success"]
        gate -> implement [label="No", condition="outcome!=success"] }"#;
    assert_snapshot!(check(dot, "success fail success success"));
}

/// Spec 3.3: condition, label, suggestion, weight, name.
#[test]
fn edges_are_chosen_in_five_steps() {
    let dot = r#"digraph { start [shape=Mdiamond] a b c d e [shape=Msquare]
        start -> a
        a -> b [condition="preferred_label=Special"]
        a -> c [label="[C] Go on"]
        a -> d [weight=5]
        a -> e [weight=5]
        b -> e c -> e d -> e }"#;
    let way = |word: &str| check(dot, word).lines().nth(6).unwrap_or_default().to_owned();
    assert_snapshot!(way("success>Special"), @r#"a -> b by Condition("preferred_label=Special")"#);
    assert_snapshot!(way("success>GO_ON"), @r#"a -> c by Label("GO ON")"#);
    assert_snapshot!(way("success"), @"a -> d by Weight");
}

/// Spec 3.4, and ours: a way around a goal gate is no way through it.
#[test]
fn the_exit_stays_closed_until_every_goal_gate_is_passed() {
    let dot = r#"digraph { start [shape=Mdiamond] a g [goal_gate=true, retry_target=a, max_visits=2]
        e [shape=Msquare] start -> a -> g a -> e [condition="outcome=partial_success"]
        g -> e g -> e [condition="outcome=fail"] }"#;
    assert_snapshot!("gate_failed", check(dot, "success fail success success"));
    assert_snapshot!("gate_avoided", check(dot, "partial_success success success"));
    let dot = dot.replace("retry_target=a, ", "");
    assert_snapshot!("gate_without_target", check(&dot, "partial_success"));
}

/// Spec 3.5 and 3.6.
#[test]
fn retries_wait_and_end() {
    let dot = r#"digraph { start [shape=Mdiamond] a [max_retries=1] e [shape=Msquare]
        start -> a -> e }"#;
    assert_snapshot!("retry_succeeds", check(dot, "retry later success"));
    assert_snapshot!("retries_exhausted", check(dot, "retry later retry"));
    let dot = dot.replace("max_retries=1", "max_retries=1, allow_partial=true");
    assert_snapshot!("partial_allowed", check(&dot, "retry later retry"));
}

/// Spec 3.7.
#[test]
fn a_failure_takes_its_edge_or_its_targets_and_never_an_ordinary_edge() {
    let dot = r#"digraph { start [shape=Mdiamond] a b [retry_target=a] e [shape=Msquare]
        start -> a -> b -> e }"#;
    assert_snapshot!("retry_target", check(dot, "success fail success success"));
    assert_snapshot!("no_way", check(dot, "fail"));
}

/// Spec 4.6 and 6.5.
#[test]
fn a_person_chooses_the_way() {
    let dot = r#"digraph { start [shape=Mdiamond] gate [shape=hexagon, label="Review", timeout="60s"
        ATTR] ship fix e [shape=Msquare] start -> gate gate -> ship [label="[A] Approve"]
        gate -> fix [label="[F] Fix"] ship -> e fix -> gate }"#;
    let plain = dot.replace("ATTR", "");
    assert_snapshot!("chosen", check(&plain, "success !no !f success !Approve success"));
    assert_snapshot!("nobody", check(&plain, "later"));
    let default = dot.replace("ATTR", r#", human.default_choice="fix""#);
    assert_snapshot!("default", check(&default, "later"));
}

#[test]
fn a_timeout_ends_an_attempt() {
    let dot = r#"digraph { start [shape=Mdiamond] a [timeout="5s"] e [shape=Msquare]
        start -> a -> e }"#;
    assert_snapshot!(check(dot, "later"));
}

#[test]
fn a_budget_holds_the_run_before_more_work() {
    let dot = r#"digraph { start [shape=Mdiamond] a b e [shape=Msquare] start -> a -> b -> e }"#;
    assert_snapshot!(check(dot, "success+20001"));
    assert_snapshot!("exactly", check(dot, "success+20000"));
}

/// Spec 2.7.
#[test]
fn a_restart_forgets_outcomes_and_context_but_counts_on() {
    let dot = r#"digraph { start [shape=Mdiamond] p [type="factory.prove", goal_gate=true]
        s [type="factory.ship"] e [shape=Msquare] start -> p p -> s
        p -> s [condition="outcome=partial_success", loop_restart=true] s -> e }"#;
    assert_snapshot!(check(dot, "partial_success=5"));
}
