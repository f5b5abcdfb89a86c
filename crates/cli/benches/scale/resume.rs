//! How long it takes to bring a run with a hundred thousand events back.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use base::Timestamp;
use engine::{Action, Event, Input, Outcome, State, Status, apply, decide, pending};
use ledger::{Ledger, LedgerKey};
use runner::{Models, NewRun, Nobody, Solo, SoloOptions};

use crate::{median, memory_mb, ms};

const EVENTS: usize = 100_000;
const RUNS: usize = 5;

/// Events in one commit while the run is made.
const BATCH: usize = 10_000;

/// Two stages in a loop that is as long as it must be.
const LOOP: &str = r#"digraph looping {
    graph [default_max_visits=1000000]
    start [shape=Mdiamond]
    exit [shape=Msquare]
    build [shape=parallelogram, tool_command="true"]
    check [shape=parallelogram, tool_command="true"]
    start -> build -> check
    check -> build [condition="outcome=fail"]
    check -> exit [condition="outcome=success"]
}
"#;

pub(crate) fn measure() {
    let temporary = tempfile::tempdir().expect("a folder");
    let dir = temporary.path();
    make(dir);
    let whole = median(RUNS, || {
        let solo = Solo::resume(dir, None, options()).expect("it can be brought back");
        assert!(solo.state.attempts() as usize >= EVENTS / 4);
    });
    let (mut opening, mut reading, mut replaying) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let began = Instant::now();
        let key = LedgerKey::load(&dir.join("ledger.key"), "dark-pipeline").expect("its key");
        let ledger = Ledger::open(&dir.join("ledger"), key).expect("its ledger");
        let run = ledger.runs().expect("its runs").remove(0);
        opening.push(ms(began.elapsed()));
        let began = Instant::now();
        let entries = ledger.run(&run).expect("its entries");
        reading.push(ms(began.elapsed()));
        let began = Instant::now();
        let parsed = pipeline::load("loop.dot", LOOP).into_graph().expect("it is sound").0;
        let mut state = State::new(run, Arc::new(parsed));
        for entry in entries.iter().filter(|entry| entry.record.actor == "engine") {
            let stored = &entry.record.event;
            let event = Event::from_body(&stored.name, stored.version, &stored.body);
            apply(&mut state, &event.expect("this version wrote it"));
        }
        replaying.push(ms(began.elapsed()));
    }
    let middle = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[RUNS / 2]
    };
    println!(
        "resume: {EVENTS} events in {whole:.0} ms; of that opening the ledger {:.0} ms, reading it \
         whole {:.0} ms, replaying {:.0} ms; this process held at most {:.0} MB",
        middle(opening),
        middle(reading),
        middle(replaying),
        memory_mb(std::process::id(), "VmHWM").unwrap_or(0.0),
    );
}

fn options() -> SoloOptions {
    SoloOptions {
        models: Models::default(),
        sandbox: None,
        handlers: [].into(),
        watcher: Arc::new(Nobody),
    }
}

/// A run that has gone round so often that its ledger has [`EVENTS`] events.
fn make(dir: &Path) {
    let graph = pipeline::load("loop.dot", LOOP).into_graph().expect("it is sound").0;
    let new = NewRun { file: "loop.dot", source: LOOP, graph: &graph, workdir: dir, seed: 1 };
    let mut solo = Solo::start(Some(dir), &new, options()).expect("it starts");
    let time = solo.state.latest();
    let (mut batch, mut count) = (Vec::new(), 0);
    while count < EVENTS {
        let action = pending(&solo.state).into_iter().next();
        let Some(Action::Perform { id, .. }) = action else { panic!("it ended: {action:?}") };
        let failed = id.stage.as_str() == "check";
        let mut outcome = Outcome::new(
            if failed { Status::Fail } else { Status::Success },
            "`true` exited with 0: as a tool would tell it",
        );
        outcome.context.insert("tool.output".to_owned(), "one line of output".to_owned());
        outcome.context.insert("tool.exit_code".to_owned(), "0".to_owned());
        let input = Input::Finished { action: id, outcome };
        let events = decide(&solo.state, &input, Timestamp(time.0)).expect("it fits");
        for event in &events {
            apply(&mut solo.state, event);
        }
        count += events.len();
        batch.extend(events);
        if batch.len() >= BATCH || count >= EVENTS {
            solo.recorder.events(&batch, time).expect("they are kept");
            batch.clear();
        }
    }
}
