//! How many inputs a second the core takes, in memory: decide and apply, without a ledger.

use std::hint::black_box;
use std::sync::Arc;

use base::{RunId, Timestamp};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::{Action, Input, Outcome, RunLimits, State, Status, apply, decide, pending};
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

criterion_group!(benches, steps);
criterion_main!(benches);
