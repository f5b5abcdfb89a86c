//! What a scenario's own expectations say that a right program would do: run by run.
//!
//! It is a witness, not a specification: where a scenario leaves something open, the plainest answer
//! is taken.

use intent::{Expect, FileExpect, StepKind, Stream};
use regex_syntax::hir::{Class, Hir, HirKind};

/// The outcome of one run that satisfies what the scenario expects of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Expected {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Files that the run leaves behind, and files (`None`) that it must remove.
    pub(crate) files: Vec<(String, Option<String>)>,
    /// Whether the scenario demands a failing exit code.
    pub(crate) fails: bool,
}

/// The expected outcome of each run of `steps`, in order.
pub(crate) fn expected<'a>(steps: impl IntoIterator<Item = &'a StepKind>) -> Vec<Expected> {
    let mut runs: Vec<Vec<&StepKind>> = Vec::new();
    for step in steps {
        match (step, runs.last_mut()) {
            (StepKind::Run { .. }, _) => runs.push(Vec::new()),
            (_, Some(expectations)) => expectations.push(step),
            (_, None) => {}
        }
    }
    runs.iter().map(|expectations| outcome(expectations)).collect()
}

fn outcome(expectations: &[&StepKind]) -> Expected {
    let mut outcome = Expected::default();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    for step in expectations {
        match step {
            StepKind::ExitIs { code } => {
                outcome.exit = *code;
                outcome.fails = *code != 0;
            }
            StepKind::ExitIsFailure => {
                outcome.exit = 1;
                outcome.fails = true;
            }
            StepKind::Output { stream: Stream::Stdout, expect } => stdout.push(expect),
            StepKind::Output { stream: Stream::Stderr, expect } => stderr.push(expect),
            StepKind::File { path, expect } => {
                let content = match expect {
                    FileExpect::Missing => None,
                    FileExpect::Exists => Some(String::new()),
                    FileExpect::Content(expect) => Some(witness(&[expect])),
                };
                outcome.files.push((path.clone(), content));
            }
            _ => {}
        }
    }
    outcome.stdout = witness(&stdout);
    outcome.stderr = witness(&stderr);
    outcome
}

/// A text that satisfies all of `expects`, if plain concatenation gives one.
fn witness(expects: &[&Expect]) -> String {
    let exact = expects.iter().find_map(|expect| match expect {
        Expect::Is { text } => Some(text.clone()),
        _ => None,
    });
    if let Some(text) = exact {
        return text;
    }
    let mut parts = Vec::new();
    for expect in expects {
        match expect {
            Expect::Contains { text } => parts.push(text.clone()),
            Expect::Matches { pattern } => parts.extend(matching(pattern)),
            Expect::NotEmpty if expects.len() == 1 => parts.push("x".to_owned()),
            _ => {}
        }
    }
    parts.join("\n")
}

/// A text that `pattern` matches: first alternatives, fewest repetitions. Assertions are taken to
/// hold; whoever uses the text plays it and sees.
fn matching(pattern: &str) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut text = String::new();
    append(&hir, &mut text);
    Some(text)
}

/// A pattern such as `.{100000}` needs no more than this to be recognised as demanding.
const MATCHING_BYTES_MAX: usize = 4096;

fn append(hir: &Hir, text: &mut String) {
    if text.len() > MATCHING_BYTES_MAX {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.extend(member(class)),
        HirKind::Repetition(repetition) => {
            for _ in 0..repetition.min.min(MATCHING_BYTES_MAX as u32) {
                append(&repetition.sub, text);
            }
        }
        HirKind::Capture(capture) => append(&capture.sub, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| append(part, text)),
        HirKind::Alternation(choices) => append(&choices[0], text),
    }
}

/// A printable member of a class, if it has one.
fn member(class: &Class) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.ranges().iter().map(|r| (r.start(), r.end())).collect(),
        Class::Bytes(class) => {
            class.ranges().iter().map(|r| (r.start().into(), r.end().into())).collect()
        }
    };
    let holds = |c: char| ranges.iter().any(|(start, end)| (*start..=*end).contains(&c));
    ('a'..='z').chain('0'..='9').chain('!'..='~').find(|c| holds(*c)).or(Some(ranges.first()?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_get_a_text_that_they_match() {
        for pattern in [
            "^error: .+$",
            "[0-9]{4}-[0-9]{2}",
            "(a|b)c*",
            "\\d+ items?",
            "(?i)usage",
            "[^a-z]x",
            "\\bword\\b",
            "^$",
        ] {
            let text = matching(pattern).unwrap();
            assert!(regex::Regex::new(pattern).unwrap().is_match(&text), "{pattern}: {text:?}");
        }
        assert_eq!(matching("("), None);
    }

    #[test]
    fn a_demanding_pattern_stays_bounded() {
        let text = matching("(((a{1000}){1000}){1000})").unwrap_or_default();
        assert!(text.len() <= MATCHING_BYTES_MAX + 1);
    }

    #[test]
    fn each_run_has_the_expectations_that_follow_it() {
        let run = || StepKind::Run { words: vec!["t".to_owned()] };
        let out = |expect| StepKind::Output { stream: Stream::Stdout, expect };
        let steps = [
            run(),
            out(Expect::Is { text: "one".to_owned() }),
            run(),
            StepKind::ExitIsFailure,
            out(Expect::NotEmpty),
            StepKind::File { path: "f".to_owned(), expect: FileExpect::Missing },
        ];
        let runs = expected(&steps);
        assert_eq!((runs[0].stdout.as_str(), runs[0].exit, runs[0].fails), ("one", 0, false));
        assert_eq!((runs[1].stdout.as_str(), runs[1].exit, runs[1].fails), ("x", 1, true));
        assert_eq!(runs[1].files, [("f".to_owned(), None)]);
    }
}
