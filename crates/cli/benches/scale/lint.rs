//! `dark pipeline lint` as a whole process.

use std::fmt::Write as _;
use std::process::Stdio;

use crate::{dark, median};

pub(crate) fn measure() {
    let dir = tempfile::tempdir().expect("a folder");
    let bare = median(21, || assert!(run(&["--version"])));
    println!("lint: `dark --version` takes {bare:.2} ms");
    for (stages, runs) in [(1_000, 21), (100_000, 5)] {
        let sources =
            [("in a line", crate::stages::source(stages)), ("with ways back", source(stages))];
        for (shape, source) in sources {
            let file = dir.path().join(format!("{stages}.dot"));
            std::fs::write(&file, source).expect("it can be written");
            let file = file.to_str().expect("a temporary folder's name is text");
            let took = median(runs, || assert!(run(&["pipeline", "lint", file])));
            println!("lint: {stages} stages {shape}, the whole process: {took:.2} ms");
        }
    }
}

fn run(args: &[&str]) -> bool {
    dark(args).stdout(Stdio::null()).status().expect("it starts").success()
}

/// A chain of stages with prompts, each with a condition on the way to it and on a way back.
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
