//! How many inputs a second the core takes, in memory: decide and apply, without a ledger.

use std::hint::black_box;
use std::sync::Arc;

use base::{RunId, Timestamp};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::{Action, Event, Input, Outcome, RunLimits, State, Status, apply, decide, pending};
use pipeline::Graph;
use simulator::{linear, looping, start};

const LIMITS: RunLimits = RunLimits {
    tokens_max: u64::MAX,
    micro_usd_max: u64::MAX,
    wall_ms_max: u64::MAX,
    attempts_max: u32::MAX,
};

/// Inputs in one measured pass.
const INPUTS: u32 = 1_000;

fn started(graph: Graph) -> State {
    let mut state = State::new(RunId::new("bench-1").expect("a run's id"), Arc::new(graph));
    take(&mut state, &start(1, LIMITS));
    state
}

fn take(state: &mut State, input: &Input) {
    let events = decide(state, input, Timestamp(1_000)).expect("the input fits");
    for event in &events {
        apply(state, event);
    }
}

/// The inputs of a whole pass, made beforehand: making them is not what is measured.
fn script(mut state: State, statuses: [Status; 2]) -> Vec<Input> {
    let mut inputs = Vec::new();
    for status in statuses.into_iter().cycle().take(INPUTS as usize) {
        let Some(Action::Perform { id, .. }) = pending(&state).into_iter().next() else { break };
        inputs.push(Input::Finished { action: id, outcome: Outcome::new(status, "done") });
        take(&mut state, &inputs[inputs.len() - 1]);
    }
    assert_eq!(inputs.len(), INPUTS as usize);
    inputs
}

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("steps");
    group.throughput(Throughput::Elements(u64::from(INPUTS)));
    let rows = [
        ("linear", started(linear(INPUTS)), [Status::Success, Status::Success]),
        ("loop", started(looping()), [Status::Success, Status::Fail]),
    ];
    for (name, state, statuses) in rows {
        let inputs = script(state.clone(), statuses);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || state.clone(),
                |mut state| {
                    for input in &inputs {
                        take(&mut state, black_box(input));
                    }
                    state
                },
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// Events of a looping run as a ledger has them, read and applied: what resuming costs besides
/// reading the ledger.
fn replay(criterion: &mut Criterion) {
    let mut state = started(looping());
    let mut stored = Vec::new();
    for status in [Status::Success, Status::Fail].into_iter().cycle().take(INPUTS as usize) {
        let Some(Action::Perform { id, .. }) = pending(&state).into_iter().next() else { break };
        let input = Input::Finished { action: id, outcome: Outcome::new(status, "done") };
        let events = decide(&state, &input, Timestamp(1_000)).expect("the input fits");
        for event in &events {
            apply(&mut state, event);
            stored.push((event.name(), event.version(), event.to_body()));
        }
    }
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(stored.len() as u64));
    group.bench_function("loop", |bencher| {
        bencher.iter_batched(
            || started(looping()),
            |mut state| {
                for (name, version, body) in &stored {
                    apply(
                        &mut state,
                        &Event::from_body(name, *version, body).expect("it was written"),
                    );
                }
                state
            },
            criterion::BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, steps, replay);
criterion_main!(benches);
