//! Generated calls: near the examples, of every requirement, the same for the same seed.

use std::collections::BTreeSet;

use agent::{PROBES_MAX, Probe, probes};
use intent::Intent;

fn intent() -> Intent {
    let text = r#"+++
id = "pick"
title = "Pick lines"
line = "tools"
owner = "ada@example.com"
level = 5
budget = { usd = 1.0, tokens = 1000, wall = "1m" }
satisfaction = 0.9
+++

## Goal

`pick` picks.

## Requirements

- R1: `pick N` prints line N of standard input.
  - `pick 2` with stdin `a\nb\n` prints `b`
- R2: If N is no number, it exits 2.
  - `pick first` exits 2

## Interface

- command: `pick` = `python3 $PRODUCT/pick.py`
- files: `pick.py`
"#;
    Intent::parse("intent.md", text).expect("the intent is sound").0
}

fn calls(found: &[Probe]) -> BTreeSet<(Vec<&str>, &str)> {
    let words = |one: &'_ Probe| -> Vec<String> { one.words.clone() };
    assert!(found.iter().all(|one| words(one)[0] == "pick"));
    found
        .iter()
        .map(|one| (one.words.iter().map(String::as_str).collect(), one.stdin.as_str()))
        .collect()
}

#[test]
fn edges_of_arguments_and_of_standard_input_are_tried() {
    let found = probes(&intent(), 1, PROBES_MAX);
    let calls = calls(&found);
    for wanted in [
        (vec!["pick", "3"], "a\nb\n"),
        (vec!["pick", "0"], "a\nb\n"),
        (vec!["pick", "-2"], "a\nb\n"),
        (vec!["pick"], "a\nb\n"),
        (vec!["pick", "2", "2"], "a\nb\n"),
        (vec!["pick", "2"], ""),
        (vec!["pick", "2"], "b\na\n"),
        (vec!["pick", "FIRST"], ""),
        (vec!["pick", ""], ""),
    ] {
        assert!(calls.contains(&wanted), "{wanted:?}");
    }
}

#[test]
fn no_probe_is_an_example_and_no_two_are_alike() {
    let found = probes(&intent(), 1, PROBES_MAX);
    let calls = calls(&found);
    assert_eq!(calls.len(), found.len());
    assert!(!calls.contains(&(vec!["pick", "2"], "a\nb\n")));
    assert!(!calls.contains(&(vec!["pick", "first"], "")));
}

#[test]
fn a_few_are_shared_out_among_the_requirements_by_the_seed() {
    let few = |seed| probes(&intent(), seed, 6);
    let of_first = few(1).iter().filter(|one| one.requirement.as_str() == "R1").count();
    assert_eq!((few(1).len(), of_first), (6, 3));
    assert_eq!(few(1), few(1));
    assert_ne!(few(1), few(u64::MAX));
    assert_eq!(probes(&intent(), 1, 0), []);
}
