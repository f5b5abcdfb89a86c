//! How long a drawing takes, by the number of stages.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pipeline::Graph;

/// A chain of builds, each with a check that leads back to it, on to the next, or some stages ahead.
fn pipeline_of(stages: usize) -> Graph {
    let mut dot = String::from("digraph bench { start [shape=Mdiamond] exit [shape=Msquare]\n");
    for number in 0..stages.saturating_sub(2) {
        let (shape, ahead) = (["box", "diamond"][number % 2], number + 1 + number % 5);
        // Writing to a string never fails.
        let _ = writeln!(dot, "s{number} [shape={shape}, label=\"Stage {number}\"]");
        if number > 0 {
            let _ = writeln!(dot, "s{} -> s{number}", number - 1);
        }
        if number % 2 == 1 {
            let _ = writeln!(dot, "s{number} -> s{} [condition=\"outcome=fail\"]", number - 1);
            if ahead < stages - 2 {
                let _ = writeln!(dot, "s{number} -> s{ahead} [label=\"skip\"]");
            }
        }
    }
    let _ = writeln!(dot, "start -> s0 s{} -> exit }}", stages.saturating_sub(3));
    pipeline::parse("bench.dot", &dot).graph.expect("the text is made above")
}

fn svg(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("svg");
    for stages in [10, 100, 1_000] {
        let graph = pipeline_of(stages);
        group.bench_with_input(BenchmarkId::from_parameter(stages), &graph, |bench, graph| {
            bench.iter(|| draw::svg(black_box(graph), None));
        });
    }
    group.finish();
}

criterion_group!(benches, svg);
criterion_main!(benches);
