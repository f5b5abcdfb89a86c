//! What a sandbox costs a process that holds a model in its memory, beside a small process.
//!
//! Plain medians and no criterion: the two differ by their memory, which is theirs for good.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use sandbox::{Cancel, Choice, Command, Exit, Limits, Sandbox};

/// The weights of a small local model.
const BURDEN_BYTES: usize = 1536 << 20;

const RUNS: usize = 30;

fn main() {
    let measure = |label: &str| {
        for choice in [Choice::Namespaces, Choice::Bubblewrap] {
            match Sandbox::open(choice) {
                Ok(sandbox) => println!("{label:>8} {choice:?}: {:.1?}", median(&sandbox)),
                Err(unfit) => eprintln!("{choice:?} is left out: {unfit}"),
            }
        }
    };
    measure("small");
    // Written to, so that every page is there.
    let burden = black_box(vec![1u8; BURDEN_BYTES]);
    measure("burdened");
    drop(burden);
}

fn median(sandbox: &Sandbox) -> Duration {
    let command = Command {
        argv: vec!["true".to_owned()],
        cwd: "/tmp".into(),
        env: BTreeMap::new(),
        stdin: Vec::new(),
        mounts: Vec::new(),
        limits: Limits::default(),
    };
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            let finished = sandbox.run(&command, &Cancel::default()).expect("it runs");
            assert_eq!(finished.exit, Exit::Code(0));
            started.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2]
}
