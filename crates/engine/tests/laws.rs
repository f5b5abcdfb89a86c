//! What holds of every pipeline and every course of events.

use std::sync::Arc;

use base::{ActionId, RunId, Timestamp};
use engine::{
    Action, CONTEXT_KEYS_MAX, Event, Input, Outcome, Phase, State, Status, apply, decide, pending,
};
use pipeline::Handler;
use proptest::prelude::*;
use simulator::{Draw, LIMITS, Listed, pipeline, start};

/// Inputs that one run may take; [`LIMITS`] bounds it far below.
const TURNS_MAX: usize = 1_000;

fn run() -> RunId {
    RunId::new("law-1").unwrap()
}

/// A run of a random pipeline, with each input that it took: the answer to something pending, made
/// of the choices that are left.
fn course(choices: Vec<u32>, mut check: impl FnMut(&State, &Input, &[Event])) -> State {
    let mut draw = Listed::new(choices);
    let mut state = State::new(run(), Arc::new(pipeline(&mut draw)));
    let mut now = Timestamp(1_000);
    let mut input = start(7, LIMITS);
    for _ in 0..TURNS_MAX {
        let events = decide(&state, &input, now).expect("the input fits");
        check(&state, &input, &events);
        for event in &events {
            apply(&mut state, event);
        }
        if state.ending().is_some() {
            return state;
        }
        let actions = pending(&state);
        let first = actions.first().expect("a run that has not ended asks for something");
        now.0 += u64::from(draw.below(1_000));
        input = match first {
            Action::Perform { id, .. } => {
                Input::Finished { action: id.clone(), outcome: outcome(&mut draw) }
            }
            Action::Ask { id, question, .. } => {
                let choice = draw.one(&question.choices).clone();
                Input::Answered { action: id.clone(), choice, by: "somebody".to_owned() }
            }
            Action::Wait { until } => {
                now = now.max(*until);
                Input::TimePassed
            }
        };
        let timer = actions.iter().find_map(|action| match action {
            Action::Wait { until } => Some(*until),
            _ => None,
        });
        if let Some(until) = timer.filter(|_| draw.percent(10)) {
            now = now.max(until);
            input = Input::TimePassed;
        }
    }
    panic!("the run did not end: {:?}", state.current());
}

fn outcome(draw: &mut Listed) -> Outcome {
    use Status::{Fail, PartialSuccess, Retry, Skipped, Success};
    let status = *draw.one(&[Success, Success, Fail, Retry, PartialSuccess, Skipped]);
    let mut outcome = Outcome::new(status, "");
    for key in ["factory.level", "context.factory.level", "flag", "graph.goal"] {
        if draw.percent(50) {
            outcome.context.insert(key.to_owned(), (*draw.one(&["5", "4", "0"])).to_owned());
        }
    }
    outcome.spend.tokens_out.0 = u64::from(draw.below(3_000));
    outcome
}

fn choices() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(any::<u32>(), 0..600)
}

proptest! {
    #[test]
    fn replay_gives_the_state_and_every_prefix_goes_on(choices in choices()) {
        let mut log = Vec::new();
        let state = course(choices, |_, _, events| log.extend_from_slice(events));
        let mut replayed = State::new(run(), Arc::clone(state.graph()));
        for event in &log {
            let read = Event::from_body(event.name(), event.version(), &event.to_body()).unwrap();
            prop_assert_eq!(&read, event);
            prop_assert!(replayed.ending().is_none(), "an event follows the end");
            apply(&mut replayed, &read);
            let ended = replayed.ending().is_some();
            prop_assert_eq!(pending(&replayed).is_empty(), ended, "{:?}", replayed.current());
        }
        prop_assert_eq!(replayed, state);
    }

    #[test]
    fn an_input_counts_once_and_nothing_but_its_arguments_decides(choices in choices()) {
        course(choices, |state, input, events| {
            let now = events.last().map_or(state.latest(), Event::at);
            assert_eq!(decide(state, input, now).unwrap(), decide(&state.clone(), input, now).unwrap());
            let mut after = state.clone();
            for event in events {
                apply(&mut after, event);
            }
            if !matches!(input, Input::TimePassed) {
                assert_eq!(decide(&after, input, now), Ok(Vec::new()), "{input:?} counted twice");
            }
        });
    }

    #[test]
    fn every_bound_holds_on_every_path(choices in choices()) {
        let state = course(choices, |state, _, events| {
            // What is spent before an attempt starts is within the limits; one attempt may pass them.
            for event in events {
                if let Event::StageStarted { attempt, stage, .. } = event {
                    let stage = &state.graph().stages[stage];
                    assert!(*attempt <= stage.retry.attempts_max);
                }
            }
            assert!(state.attempts() <= LIMITS.attempts_max);
            assert!(state.spend().tokens().0 <= LIMITS.tokens_max + 3_000);
            assert!(state.context().len() <= CONTEXT_KEYS_MAX);
        });
        for (id, stage) in &state.graph().stages {
            prop_assert!(state.visits(id) <= stage.visits_max);
        }
    }

    #[test]
    fn evidence_comes_only_from_the_factory(choices in choices()) {
        course(choices, |state, input, events| {
            let Input::Finished { action, .. } = input else { return };
            let handler = &state.graph().stages[&action.stage].handler;
            for event in events {
                let Event::StageFinished { stage, outcome, .. } = event else { continue };
                let own = matches!(
                    handler,
                    Handler::Check | Handler::Prove | Handler::Attack | Handler::Ship
                );
                let forged = outcome.context.keys().any(|key| key.contains("factory."));
                assert!(own || *stage != action.stage || !forged, "{outcome:?}");
                assert!(!outcome.context.contains_key("graph.goal"));
            }
            assert_eq!(state.context()["graph.goal"], "hold");
        });
    }

    #[test]
    fn foreign_and_unknown_actions_change_nothing(choices in choices(), visit in 0_u32..9, attempt in 0_u32..9) {
        course(choices, |state, _, _| {
            let Some(current) = state.current() else { return };
            let stage = current.stage.clone();
            let told = (visit, attempt);
            let action = ActionId { run: run(), branch: base::Branch::MAIN, stage, visit, attempt };
            let now = state.latest();
            let input = Input::Finished { action, outcome: Outcome::new(Status::Success, "") };
            let is_under_way = current.phase == Phase::Performing && told == (current.visit, current.attempt);
            let decided = decide(state, &input, now);
            assert!(is_under_way || decided.is_err() || decided == Ok(Vec::new()), "{decided:?}");
        });
    }
}
