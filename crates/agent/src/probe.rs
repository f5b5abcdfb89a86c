//! Calls near the examples, on which candidates that pass every example may still differ.
//!
//! Made from what a builder may see and a seed, and from nothing else. This module refuses to know
//! what the right answer is.

use std::collections::BTreeMap;

use base::{Digest, RequirementId};
use intent::{Example, Intent, StepKind};
use serde::Serialize;

use crate::candidates::SEED_MAX;

/// One call of a declared command.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Probe {
    /// The requirement whose example it was made from.
    pub requirement: RequirementId,
    /// The command's name, then its arguments.
    pub words: Vec<String>,
    pub stdin: String,
}

/// The most probes that are worth a process each, for every candidate.
pub const PROBES_MAX: usize = 128;

/// At most `max` (and [`PROBES_MAX`]) calls near the intent's examples, no two alike and none an
/// example itself: each requirement in turn, within it chosen by `seed`.
pub fn probes(intent: &Intent, seed: u64, max: usize) -> Vec<Probe> {
    let examples = calls(intent, |_| true);
    let seed = seed & SEED_MAX;
    let mut seen: Vec<(&[String], &str)> =
        examples.iter().map(|call| (call.words.as_slice(), call.stdin.as_str())).collect();
    let mut near: Vec<Probe> = examples.iter().flat_map(|call| near(call, &examples)).collect();
    near.sort_by_cached_key(|probe| {
        Digest::of_value(&(seed, probe)).expect("texts have a canonical form")
    });
    let mut by_requirement: BTreeMap<&RequirementId, Vec<&Probe>> = BTreeMap::new();
    for probe in &near {
        let call = (probe.words.as_slice(), probe.stdin.as_str());
        if !seen.contains(&call) {
            seen.push(call);
            by_requirement.entry(&probe.requirement).or_default().push(probe);
        }
    }
    let longest = by_requirement.values().map(Vec::len).max().unwrap_or(0);
    (0..longest)
        .flat_map(|turn| by_requirement.values().filter_map(move |list| list.get(turn)))
        .take(max.min(PROBES_MAX))
        .map(|probe| (*probe).clone())
        .collect()
}

/// The calls that examples make, as they make them, of the examples that `wanted` says.
pub(crate) fn calls(intent: &Intent, wanted: impl Fn(&Example) -> bool) -> Vec<Probe> {
    let mut calls = Vec::new();
    for requirement in &intent.requirements {
        for example in requirement.examples.iter().filter(|example| wanted(example)) {
            let mut stdin = "";
            for step in &example.steps {
                match step {
                    StepKind::GivenStdin { content } => stdin = content,
                    StepKind::Run { words } => calls.push(Probe {
                        requirement: requirement.id.clone(),
                        words: words.clone(),
                        stdin: stdin.to_owned(),
                    }),
                    _ => {}
                }
            }
        }
    }
    calls
}

fn near(call: &Probe, examples: &[Probe]) -> Vec<Probe> {
    let mut found = Vec::new();
    for at in 1..call.words.len() {
        let elsewhere = examples.iter().filter_map(|other| other.words.get(at).cloned());
        let word = &call.words[at];
        for changed in words_near(word).into_iter().chain(elsewhere) {
            let mut words = call.words.clone();
            words[at] = changed;
            found.push(Probe { words, ..call.clone() });
        }
    }
    if call.words.len() > 1 {
        let fewer = call.words[..call.words.len() - 1].to_vec();
        found.push(Probe { words: fewer, ..call.clone() });
    }
    let mut more = call.words.clone();
    more.push(
        call.words.last().filter(|_| call.words.len() > 1).cloned().unwrap_or("1".to_owned()),
    );
    found.push(Probe { words: more, ..call.clone() });
    if examples.iter().any(|example| !example.stdin.is_empty()) {
        let changed = texts_near(&call.stdin).into_iter();
        let elsewhere = examples.iter().map(|other| other.stdin.clone());
        found.extend(changed.chain(elsewhere).map(|stdin| Probe { stdin, ..call.clone() }));
    }
    found
}

/// Slips at the edges of one argument.
fn words_near(word: &str) -> Vec<String> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    // A longer number is a text to every program that is likely here.
    if digits && let Ok(number) = word.parse::<u32>() {
        let number = u64::from(number);
        let near = [
            number + 1,
            number.saturating_sub(1),
            number * 2,
            number * 10,
            number * 7 + 13,
            number / 2,
            number / 10,
            0,
        ];
        let written =
            [format!("0{word}"), format!("-{word}"), format!("{word}.5"), format!("{word}x")];
        return near.iter().map(u64::to_string).chain(written).collect();
    }
    let mut found = vec![
        String::new(),
        " ".to_owned(),
        word.to_uppercase(),
        word.to_lowercase(),
        format!("{word} {word}"),
        format!("{word}-{word}"),
        format!(" {word} "),
        format!("{word}1"),
        format!("{word}!"),
        format!("{word}é"),
        word.chars().rev().collect(),
    ];
    found.extend(word.split_whitespace().next().map(str::to_owned));
    found
}

/// Slips at the edges of a text of several lines.
fn texts_near(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let reversed: Vec<&str> = lines.iter().rev().copied().collect();
    let fewer = &lines[..lines.len().saturating_sub(1)];
    vec![
        String::new(),
        "\n".to_owned(),
        text.trim_end().to_owned(),
        format!("{text}{text}"),
        format!("{text}\n\n{text}"),
        joined(&reversed),
        joined(fewer),
        text.to_uppercase(),
        lines.iter().map(|line| format!("  {line} \n")).collect(),
    ]
}
