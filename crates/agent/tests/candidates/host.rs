//! A host whose model reads from a script and whose programs run in memory.

use std::collections::{BTreeMap, VecDeque};

use agent::{Behaviour, Files, Host, HostError, Tried};
use base::{Spend, Tokens};
use intent::{Expect, Intent, StepKind, Stream};
use model::{Completion, Reply, Request, StopReason};

/// The intent of all tests: `twice N` prints N doubled.
pub(crate) fn twice(interface: &str) -> Intent {
    let text = format!(
        r#"+++
id = "twice"
title = "Twice as much"
line = "tools"
owner = "ada@example.com"
level = 5
budget = {{ usd = 1.0, tokens = 1000, wall = "1m" }}
satisfaction = 0.9
+++

## Goal

`twice` doubles.

## Requirements

- R1: `twice N` prints N doubled.
  - `twice 21` prints `42`
- R2: If N is not a whole number, nothing is printed, and it exits 3.
  - `twice x` prints nothing, writes to stderr and exits 3

## Interface

{interface}
"#
    );
    Intent::parse("intent.md", &text).expect("the intent is sound").0
}

pub(crate) const PYTHON: &str =
    "- command: `twice` = `python3 $PRODUCT/twice.py`\n- files: `twice.py`";

/// What a request is for, by what its last message asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    Valid,
    Answer,
    Whole,
    Repair,
}

pub(crate) struct Fake<'a> {
    pub(crate) intent: &'a Intent,
    /// What is answered to each kind of request, call by call; then nothing usable.
    pub(crate) script: BTreeMap<Asked, VecDeque<Vec<&'static str>>>,
    pub(crate) requests: Vec<(Asked, Request)>,
    pub(crate) broken: bool,
}

impl<'a> Fake<'a> {
    pub(crate) fn new(intent: &'a Intent, script: &[(Asked, &[&'static str])]) -> Self {
        let mut calls: BTreeMap<Asked, VecDeque<Vec<&'static str>>> = BTreeMap::new();
        for (asked, answers) in script {
            calls.entry(*asked).or_default().push_back(answers.to_vec());
        }
        Self { intent, script: calls, requests: Vec::new(), broken: false }
    }

    pub(crate) fn asked(&self, kind: Asked) -> usize {
        self.requests.iter().filter(|(asked, _)| *asked == kind).count()
    }
}

/// `valid digits` or `answer doubled` in a script stands for a function that does so.
fn spelt(line: &str) -> String {
    match line.split_once(' ') {
        Some((name @ ("valid" | "answer"), does)) => {
            format!("```python\ndef {name}(args):\n    return {does}\n```")
        }
        Some(("whole", does)) => format!("```python\nreturn {does}\n```"),
        _ => line.to_owned(),
    }
}

/// Runs a program by the words of its functions.
fn run(files: &Files, words: &[String]) -> Behaviour {
    let text: String = files.values().cloned().collect();
    let does = |what: &str| text.contains(&format!("return {what}\n"));
    let number = match &words[1..] {
        [word] => word.parse::<u64>().ok(),
        _ => None,
    };
    let refused = Behaviour { exit: 3, stdout: String::new(), stderr_empty: false };
    let accepted = does("True") || does("right") || (does("digits") && number.is_some());
    if !accepted || (does("right") && number.is_none()) {
        return refused;
    }
    let number = number.unwrap_or(0);
    let said = if does("doubled") || does("right") {
        number.saturating_mul(2).to_string()
    } else if does("small") {
        // Right for the example, wrong past it.
        (if number > 21 { number } else { number * 2 }).to_string()
    } else {
        String::new()
    };
    Behaviour { exit: 0, stdout: said, stderr_empty: true }
}

impl Host for Fake<'_> {
    fn complete(&mut self, request: &Request) -> Result<Reply, HostError> {
        if self.broken {
            return Err(HostError { reason: "the budget is used up".to_owned(), transient: false });
        }
        let text = &request.messages.last().expect("a question").text;
        let asked = if text.contains("function `valid(") {
            Asked::Valid
        } else if text.contains("function `answer(") {
            Asked::Answer
        } else if text.contains("What is wrong with it") {
            Asked::Repair
        } else {
            Asked::Whole
        };
        self.requests.push((asked, request.clone()));
        let answers = self.script.get_mut(&asked).and_then(VecDeque::pop_front);
        let completions = answers
            .unwrap_or_default()
            .iter()
            .map(|line| Completion { text: spelt(line), stop: StopReason::Ended })
            .collect();
        let spend = Spend { tokens_out: Tokens(10), ..Spend::default() };
        Ok(Reply { completions, spend })
    }

    fn try_files(&mut self, files: &Files) -> Result<Vec<Tried>, HostError> {
        let examples = self.intent.requirements.iter().flat_map(|one| &one.examples);
        let played = examples.map(|example| {
            let words = example.steps.iter().find_map(|step| match step {
                StepKind::Run { words } => Some(words.clone()),
                _ => None,
            });
            let seen = run(files, &words.expect("an example has a call"));
            let passed = example.steps.iter().all(|step| match step {
                StepKind::ExitIs { code } => seen.exit == *code,
                StepKind::Output { stream: Stream::Stdout, expect: Expect::Is { text } } => {
                    seen.stdout == *text
                }
                StepKind::Output { stream: Stream::Stdout, expect: Expect::Empty } => {
                    seen.stdout.is_empty()
                }
                _ => true,
            });
            let detail = if passed { String::new() } else { format!("printed `{}`", seen.stdout) };
            Tried { check: example.text.clone(), passed, detail }
        });
        Ok(played.collect())
    }

    fn observe(
        &mut self,
        files: &Files,
        words: &[String],
        _stdin: &str,
    ) -> Result<Behaviour, HostError> {
        Ok(run(files, words))
    }

    fn say(&mut self, _line: &str) {}
}
