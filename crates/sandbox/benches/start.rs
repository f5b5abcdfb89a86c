//! What a sandbox costs: `true`, all in, beside a plain fork and exec of it.

use std::collections::BTreeMap;
use std::process;

use criterion::{Criterion, criterion_group, criterion_main};
use sandbox::{Cancel, Choice, Command, Exit, Limits, Sandbox};

fn start(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("true");
    group.bench_function("plain", |bencher| {
        bencher.iter(|| process::Command::new("true").output().expect("`true` runs"));
    });
    let command = Command {
        argv: vec!["true".to_owned()],
        cwd: "/tmp".into(),
        env: BTreeMap::new(),
        stdin: Vec::new(),
        mounts: Vec::new(),
        limits: Limits::default(),
    };
    for choice in [Choice::Namespaces, Choice::Bubblewrap] {
        let sandbox = match Sandbox::open(choice) {
            Ok(sandbox) => sandbox,
            Err(unfit) => {
                eprintln!("{choice:?} is left out: {unfit}");
                continue;
            }
        };
        group.bench_function(sandbox.backend().name(), |bencher| {
            bencher.iter(|| {
                let finished = sandbox.run(&command, &Cancel::default()).expect("it runs");
                assert_eq!(finished.exit, Exit::Code(0));
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50);
    targets = start
}
criterion_main!(benches);
