//! What ten thousand runs cost that wait for people, in one process that holds them all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base::{Digest, RunId, Timestamp};
use engine::{Action, Event, Input, Outcome, RunLimits, State, Status, apply, decide, pending};
use ledger::{Ledger, LedgerKey, Record};

use crate::{cpu_of, memory_mb, ms};

const RUNS: usize = 10_000;

/// Runs whose beginnings share a commit while the ledger is made.
const BATCH: usize = 500;

/// How long the process is watched doing nothing.
const IDLE: Duration = Duration::from_secs(10);

/// As pipelines with a gate look.
const GATED: &str = r#"digraph gated {
    graph [goal="Build what the intent asks for", default_max_visits=4]
    start [shape=Mdiamond]
    exit [shape=Msquare]
    plan [label="Plan", prompt="Plan the work for: $goal"]
    build [label="Build", prompt="Write the program for: $goal, as planned", timeout=900s]
    check [shape=parallelogram, tool_command="make test"]
    review [label="Review", prompt="Read what was built and say what is wanting"]
    gate [shape=hexagon, label="Ship it?"]
    ship [shape=parallelogram, tool_command="make release"]
    tell [label="Tell", prompt="Write the note for: $goal"]
    start -> plan -> build -> check
    check -> review [condition="outcome=success"]
    check -> build [condition="outcome=fail"]
    review -> gate
    gate -> ship [label="Ship"]
    gate -> build [label="Again"]
    ship -> tell -> exit
}
"#;

pub(crate) fn measure() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ledger");
    make(&open(&path));
    let began = Instant::now();
    let ledger = open(&path);
    let ids = ledger.runs().expect("its runs");
    let states: Vec<State> = ids.iter().map(|id| back(&ledger, id)).collect();
    let took = ms(began.elapsed());
    assert_eq!(states.len(), RUNS);
    for state in &states {
        assert!(matches!(pending(state)[..], [Action::Ask { .. }]), "it waits for nobody else");
    }
    let pid = std::process::id();
    let held = memory_mb(pid, "VmRSS").unwrap_or(0.0);
    let spent = cpu_of(pid).expect("this process is there");
    std::thread::sleep(IDLE);
    let spent = cpu_of(pid).expect("this process is there") - spent;
    println!(
        "waiting: {RUNS} runs, brought back in {took:.0} ms; the process holds {held:.0} MB, and took \
         {:.0} ms of CPU in {IDLE:?}",
        ms(spent),
    );
    drop((ledger, states));
}

fn open(path: &std::path::Path) -> Ledger {
    let key = LedgerKey::generate("scale", [7; 32]).expect("32 bytes make a key");
    Ledger::open(path, key).expect("a ledger")
}

/// Each run has its own graph, as if each were another pipeline's.
fn fresh(id: &RunId) -> State {
    let graph = pipeline::load("gated.dot", GATED).into_graph().expect("it is sound").0;
    State::new(id.clone(), Arc::new(graph))
}

fn back(ledger: &Ledger, id: &RunId) -> State {
    let mut state = fresh(id);
    for entry in ledger.run(id).expect("its entries") {
        let stored = &entry.record.event;
        let event = Event::from_body(&stored.name, stored.version, &stored.body);
        apply(&mut state, &event.expect("this version wrote it"));
    }
    state
}

/// A ledger with runs that have come to their gates.
fn make(ledger: &Ledger) {
    let mut records = Vec::new();
    for number in 0..RUNS {
        let id = RunId::new(&format!("gated-{}", number + 1)).expect("it is a run's name");
        let mut state = fresh(&id);
        let mut input = Some(start());
        while let Some(given) = input {
            let events = decide(&state, &given, Timestamp(1_000)).expect("it fits");
            for event in &events {
                apply(&mut state, event);
            }
            records.extend(events.iter().map(|event| record(&id, event)));
            input = match pending(&state).into_iter().next() {
                Some(Action::Perform { id, .. }) => {
                    let mut outcome = Outcome::new(Status::Success, "as it should be");
                    let said = "What an agent says at its end, in a line or two. ".repeat(4);
                    outcome.context.insert("last_response".to_owned(), said);
                    Some(Input::Finished { action: id, outcome })
                }
                _ => None,
            };
        }
        if (number + 1) % BATCH == 0 {
            ledger.append(std::mem::take(&mut records)).expect("they are kept");
        }
    }
}

fn start() -> Input {
    let limits = RunLimits {
        tokens_max: u64::MAX,
        micro_usd_max: u64::MAX,
        wall_ms_max: u64::MAX,
        attempts_max: u32::MAX,
    };
    Input::Start { intent: Digest::of("intent"), graph: Digest::of("graph"), seed: 1, limits }
}

fn record(run: &RunId, event: &Event) -> Record {
    Record {
        time: event.at(),
        run: Some(run.clone()),
        actor: "engine".to_owned(),
        requirements: Vec::new(),
        event: ledger::Event {
            name: event.name().to_owned(),
            version: event.version(),
            body: event.to_body(),
        },
        bodies: Vec::new(),
    }
}
