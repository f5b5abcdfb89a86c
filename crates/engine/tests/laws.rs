//! What holds of every pipeline and every course of events.

use std::sync::Arc;

use base::{ActionId, Branch, Fork, RunId, Timestamp};
use engine::{
    Action, BRANCHES_MAX, CONTEXT_KEYS_MAX, Event, Input, Outcome, Phase, RunLimits, State, Status,
    apply, decide, pending,
};
use pipeline::Handler;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use simulator::{Draw, LIMITS, Listed, World, is_forked, is_ordered, pipeline, start};

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
                if let Event::StageStarted { branch, attempt, stage, .. } = event {
                    let stage = &state.graph_of(branch).stages[stage];
                    assert!(*attempt <= stage.retry.attempts_max);
                }
            }
            assert!(state.attempts() <= LIMITS.attempts_max);
            let under_way = u64::try_from(state.branches().count()).unwrap();
            assert!(state.spend().tokens().0 <= LIMITS.tokens_max + 3_000 * under_way);
            assert!(state.branches().count() <= BRANCHES_MAX);
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
            let handler = &state.graph_of(&action.branch).stages[&action.stage].handler;
            for event in events {
                let Event::StageFinished { branch, stage, outcome, .. } = event else { continue };
                let own = matches!(
                    handler,
                    Handler::Check | Handler::Prove | Handler::Attack | Handler::Ship
                );
                let forged = outcome.context.keys().any(|key| key.contains("factory."));
                let other = (branch, stage) != (&action.branch, &action.stage);
                assert!(own || other || !forged, "{outcome:?}");
                assert!(!outcome.context.contains_key("graph.goal"));
            }
            assert_eq!(state.context().get("graph.goal"), Some("hold"));
        });
    }

    #[test]
    fn foreign_and_unknown_actions_change_nothing(choices in choices(), visit in 0_u32..9, attempt in 0_u32..9) {
        course(choices, |state, _, _| {
            let Some(current) = state.current() else { return };
            let stage = current.stage.clone();
            let told = (visit, attempt);
            let branch = Branch::MAIN;
            let action = ActionId { run: run(), branch, stage, visit, attempt };
            let now = state.latest();
            let input = Input::Finished { action, outcome: Outcome::new(Status::Success, "") };
            let is_under_way = current.phase == Phase::Performing && told == (current.visit, current.attempt);
            let decided = decide(state, &input, now);
            assert!(is_under_way || decided.is_err() || decided == Ok(Vec::new()), "{decided:?}");
        });
    }

    #[test]
    fn no_order_of_results_changes_what_a_run_comes_to(seed in any::<u64>(), orders in choices()) {
        let seeds = (0..1_000).map(|n| seed.wrapping_add(n));
        let mut graphs = seeds.map(|seed| pipeline(&mut ChaCha8Rng::seed_from_u64(seed)));
        // Whose success is the first is a matter of time.
        let graph = graphs.find(|graph| is_forked(graph) && is_ordered(graph));
        let graph = Arc::new(graph.expect("a tenth of all pipelines are of this kind"));
        let first = at_will(&graph, |_| 0);
        let mut orders = Listed::new(orders);
        let other = at_will(&graph, |count| orders.below(count));
        prop_assert_eq!(first.ending(), other.ending());
        prop_assert_eq!(first.context(), other.context());
        for stage in graph.stages.keys() {
            prop_assert_eq!(first.outcome(stage), other.outcome(stage));
        }
    }

    #[test]
    fn a_ledger_that_no_engine_wrote_is_refused_and_harms_nobody(
        choices in choices(), at in any::<usize>(), other in any::<usize>(), how in 0..4_u8,
    ) {
        let mut log = Vec::new();
        let state = course(choices, |_, _, events| log.extend_from_slice(events));
        let (at, other) = (at % log.len(), other % log.len());
        match how {
            0 => drop(log.remove(at)),
            1 => log.insert(at, log[other].clone()),
            2 => log.swap(at, other),
            _ => log[at] = log[other].clone(),
        }
        let mut replayed = State::new(run(), Arc::clone(state.graph()));
        for event in &log {
            let before = replayed.clone();
            if replayed.follow(event).is_err() {
                prop_assert_eq!(&replayed, &before);
                break;
            }
        }
    }

    #[test]
    fn a_foreign_branch_is_never_open(choices in choices(), fork in any::<[u8; 4]>()) {
        course(choices, |state, _, _| {
            let Some(current) = state.current() else { return };
            let [visit, attempt, index, up] = fork.map(|n| u32::from(n % 4));
            let fork = Fork { stage: current.stage.clone(), visit, attempt, index };
            let Some(branch) = Branch::MAIN.fork(fork) else { return };
            if state.branches().any(|open| open.branch == branch) {
                return;
            }
            let action = ActionId { run: run(), branch, stage: current.stage, visit: up, attempt: up };
            let input = Input::Finished { action, outcome: Outcome::new(Status::Success, "") };
            let decided = decide(state, &input, state.latest());
            assert!(decided.is_err() || decided == Ok(Vec::new()), "{decided:?}");
        });
    }
}

/// A run of which all that is asked for is done, each time in the order that `choose` says.
fn at_will(graph: &Arc<pipeline::Graph>, mut choose: impl FnMut(u32) -> u32) -> State {
    // No bound of the whole run may stand in the way: which branch meets it is a matter of time.
    let limits = RunLimits {
        tokens_max: u64::MAX,
        micro_usd_max: u64::MAX,
        wall_ms_max: u64::MAX,
        attempts_max: u32::MAX,
    };
    let world = World { seed: 5 };
    let mut state = State::new(run(), Arc::clone(graph));
    let mut input = start(7, limits);
    let mut now = Timestamp(1_000);
    for _ in 0..100 * TURNS_MAX {
        for event in decide(&state, &input, now).expect("the input fits") {
            apply(&mut state, &event);
        }
        if state.ending().is_some() {
            return state;
        }
        let actions = pending(&state);
        let done: Vec<Input> = actions.iter().filter_map(|action| done(world, action)).collect();
        let count = u32::try_from(done.len()).expect("branches are few");
        input = match (done.is_empty(), actions.last()) {
            (false, _) => done[choose(count) as usize].clone(),
            (true, Some(Action::Wait { until })) => {
                now = now.max(*until);
                Input::TimePassed
            }
            _ => panic!("nothing is pending: {:?}", state.current()),
        };
    }
    panic!("the run did not end: {:?}", state.current());
}

fn done(world: World, action: &Action) -> Option<Input> {
    match action {
        Action::Perform { id, .. } => {
            let outcome = world.perform(id);
            let outcome = outcome.unwrap_or_else(|| Outcome::new(Status::Fail, "went away"));
            Some(Input::Finished { action: id.clone(), outcome })
        }
        Action::Ask { id, question, .. } => {
            let choice = world.answer(id, question).unwrap_or_else(|| question.choices[0].clone());
            Some(Input::Answered { action: id.clone(), choice, by: "somebody".to_owned() })
        }
        Action::Wait { .. } => None,
    }
}
