//! Reading and linting pipelines of 1,000 and 100,000 stages: per stage it should cost the same.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// A chain of stages with prompts, each with a way back to the one before.
fn source(stages: usize) -> String {
    let mut dot = String::from(
        "digraph big {\n    graph [goal=\"measure\", default_max_visits=4]\n    start [shape=Mdiamond]\n",
    );
    for at in 0..stages {
        let _ = writeln!(
            dot,
            "    s{at} [label=\"Stage {at}\", prompt=\"Do part {at} of $goal\", timeout=900s]"
        );
    }
    dot.push_str("    exit [shape=Msquare]\n    start -> s0\n");
    for at in 1..stages {
        let _ = writeln!(dot, "    s{} -> s{at} [condition=\"outcome=success\"]", at - 1);
        let _ = writeln!(dot, "    s{at} -> s{} [condition=\"outcome=fail\"]", at - 1);
    }
    let _ = writeln!(dot, "    s{} -> exit\n}}", stages - 1);
    dot
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pipeline");
    group.sample_size(10);
    for stages in [1_000, 100_000] {
        let source = source(stages);
        group.throughput(Throughput::Elements(stages as u64));
        group.bench_with_input(BenchmarkId::new("parse", stages), &source, |b, source| {
            b.iter(|| black_box(pipeline::parse("big.dot", source).graph.is_some()));
        });
        group.bench_with_input(BenchmarkId::new("load", stages), &source, |b, source| {
            b.iter(|| assert!(pipeline::load("big.dot", source).graph.is_some()));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
