//! Clocks, people who take their time, and people who end a run.

use std::sync::Arc;

use base::{RunId, Timestamp};
use engine::{
    Action, Ending, Input, Outcome, Refusal, RunLimits, State, Status, apply, decide, pending,
};
use simulator::{LIMITS, start};

const WALL: RunLimits = RunLimits { wall_ms_max: 10_000, ..LIMITS };

const WORK: &str = r#"digraph { start [shape=Mdiamond] a [timeout="6s"] b e [shape=Msquare]
    start -> a -> b -> e }"#;

const GATE: &str = r#"digraph { start [shape=Mdiamond] gate [shape=hexagon] b e [shape=Msquare]
    start -> gate -> b -> e }"#;

const SHIP: &str = r#"digraph { start [shape=Mdiamond] p [type="factory.prove"]
    s [type="factory.ship"] e [shape=Msquare] start -> p -> s -> e }"#;

fn started(dot: &str) -> State {
    let graph = pipeline::parse("test.dot", dot).graph.expect("the pipeline is sound");
    let mut state = State::new(RunId::new("run-1").unwrap(), Arc::new(graph));
    take(&mut state, &start(1, WALL), 0).unwrap();
    state
}

/// Takes an input at a time and says how many events it led to.
fn take(state: &mut State, input: &Input, ms: u64) -> Result<usize, Refusal> {
    let events = decide(state, input, Timestamp(ms))?;
    events.iter().for_each(|event| apply(state, event));
    Ok(events.len())
}

fn done(state: &State) -> Input {
    let Action::Perform { id, .. } = &pending(state)[0] else { panic!("no work is pending") };
    Input::Finished { action: id.clone(), outcome: Outcome::new(Status::Success, "done") }
}

fn wait(state: &State) -> Option<u64> {
    pending(state).iter().find_map(|action| match action {
        Action::Wait { until } => Some(until.0),
        _ => None,
    })
}

fn held(state: &State) -> &str {
    match state.ending() {
        Some(Ending::Held { reason }) => reason,
        other => panic!("not held: {other:?}"),
    }
}

#[test]
fn the_wall_clock_holds_a_run_at_its_limit_and_not_before() {
    let mut state = started(WORK);
    let input = done(&state);
    take(&mut state, &input, 5_000).unwrap();
    assert_eq!(wait(&state), Some(10_000));
    assert_eq!(take(&mut state, &Input::TimePassed, 9_999), Ok(0));
    assert_eq!(take(&mut state, &Input::TimePassed, 10_000), Ok(1));
    assert_eq!(held(&state), "run may take 10s, and they passed at stage `b`");
    assert!(pending(&state).is_empty());
}

#[test]
fn a_late_result_of_an_attempt_that_timed_out_changes_nothing() {
    let mut state = started(&WORK.replace("timeout", "max_retries=1, timeout"));
    let late = done(&state);
    assert_eq!(wait(&state), Some(6_000));
    take(&mut state, &Input::TimePassed, 6_000).unwrap();
    let retry = wait(&state).expect("a retry is scheduled");
    assert_eq!(take(&mut state, &late, 6_001), Ok(0));
    take(&mut state, &Input::TimePassed, retry).unwrap();
    assert_eq!(take(&mut state, &late, retry + 1), Ok(0));
    assert_ne!(done(&state), late);
}

#[test]
fn the_time_of_a_person_does_not_count() {
    let mut state = started(GATE);
    let Action::Ask { id, .. } = &pending(&state)[0] else { panic!("nobody is asked") };
    let answer = Input::Answered { action: id.clone(), choice: "b".into(), by: "ann".into() };
    assert_eq!(wait(&state), None, "waiting for a person costs nothing");
    take(&mut state, &answer, 86_400_000).unwrap();
    assert_eq!(wait(&state), Some(86_410_000));
    assert_eq!(take(&mut state, &answer, 86_400_001), Ok(0), "an answer counts once");
}

#[test]
fn the_time_in_which_nobody_was_there_does_not_count_and_is_told_once() {
    let mut state = started(WORK);
    let resumed = Input::Resumed { away_since: Timestamp(1_000) };
    assert_eq!(take(&mut state, &resumed, 101_000), Ok(1));
    assert_eq!(wait(&state), Some(106_000), "the attempt has its time again");
    assert_eq!(take(&mut state, &resumed, 102_000), Ok(0));
    let input = done(&state);
    take(&mut state, &input, 103_000).unwrap();
    assert_eq!(wait(&state), Some(110_000), "and so has the run");
}

#[test]
fn a_clock_that_was_set_back_puts_nothing_before_what_it_follows() {
    let mut state = started(WORK);
    let input = done(&state);
    take(&mut state, &input, 5_000).unwrap();
    let input = done(&state);
    take(&mut state, &input, 1).unwrap();
    assert_eq!(state.latest(), Timestamp(5_000));
    assert_eq!(state.ending(), Some(&Ending::Completed));
}

#[test]
fn a_ship_under_way_is_neither_cancelled_nor_stopped_by_the_clock() {
    let mut state = started(SHIP);
    let Input::Finished { action, mut outcome } = done(&state) else { unreachable!() };
    outcome.context.insert("factory.level".to_owned(), "5".to_owned());
    take(&mut state, &Input::Finished { action, outcome }, 1).unwrap();
    let cancel = Input::Cancelled { by: "ann".to_owned() };
    let refused = take(&mut state, &cancel, 2).unwrap_err();
    assert!(matches!(refused, Refusal::Shipping { .. }), "{refused}");
    assert_eq!((wait(&state), take(&mut state, &Input::TimePassed, 99_000)), (None, Ok(0)));
    let input = done(&state);
    take(&mut state, &input, 99_001).unwrap();
    assert_eq!(state.ending(), Some(&Ending::Completed));
    assert_eq!(take(&mut state, &cancel, 99_002), Ok(0), "the run is over");
}

#[test]
fn what_does_not_fit_a_run_is_refused() {
    let mut state = started(WORK);
    let other = start(2, WALL);
    assert!(matches!(take(&mut state, &other, 1), Err(Refusal::StartedOtherwise { .. })));
    assert_eq!(take(&mut state, &start(1, WALL), 1), Ok(0), "a start counts once");
    let nobody = Input::Cancelled { by: " ".to_owned() };
    assert!(matches!(take(&mut state, &nobody, 1), Err(Refusal::Nobody { .. })));
    let Input::Finished { action, outcome } = done(&state) else { unreachable!() };
    let mut foreign = action.clone();
    foreign.run = RunId::new("run-2").unwrap();
    let foreign = Input::Finished { action: foreign, outcome: outcome.clone() };
    assert!(matches!(take(&mut state, &foreign, 1), Err(Refusal::OtherRun { .. })));
    let mut future = action.clone();
    future.attempt = 2;
    let future = Input::Finished { action: future, outcome };
    assert!(matches!(take(&mut state, &future, 1), Err(Refusal::NeverAsked { .. })));
    let answer = Input::Answered { action, choice: "b".into(), by: "ann".into() };
    assert!(matches!(take(&mut state, &answer, 1), Err(Refusal::IsWork { .. })));
    let new = State::new(RunId::new("run-3").unwrap(), Arc::clone(state.graph()));
    let early = decide(&new, &Input::TimePassed, Timestamp(1));
    assert!(matches!(early, Err(Refusal::NotStarted { .. })));
}
