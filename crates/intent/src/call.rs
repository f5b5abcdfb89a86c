//! Calls: what a run is given, and what is expected of it; and expectations that exclude each other.
//!
//! Two runs are the same call when all that they could depend on is the same: files, environment,
//! standard input, words, and the runs before them. It refuses to know intents and tags.

use std::collections::BTreeMap;

use base::Place;

use crate::text::escape;
use crate::{Expect, FileExpect, StepKind, Stream};

/// All that one run could depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    files: BTreeMap<String, String>,
    /// The runs before it and, last, itself.
    runs: Vec<Run>,
    /// What was done to services and twins before it: not understood here, only told apart.
    services: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    env: BTreeMap<String, String>,
    /// Nothing given is the same as nothing to read.
    stdin: String,
    words: Vec<String>,
}

impl Call {
    /// The words of the run, as a person would type them.
    pub(crate) fn shown(&self) -> String {
        let words = self.runs.last().map(|run| run.words.as_slice()).unwrap_or_default();
        let quoted = words.iter().map(|word| {
            let plain = !word.is_empty() && !word.contains([' ', '\n', '\t', '"', '\'', '\\']);
            if plain { word.clone() } else { format!("\"{}\"", escape(word)) }
        });
        quoted.collect::<Vec<_>>().join(" ")
    }
}

/// One expectation and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand<'a> {
    pub(crate) place: &'a Place,
    pub(crate) kind: &'a StepKind,
}

/// The calls of some steps, each with what is expected of it.
pub(crate) fn calls<'a>(
    steps: impl IntoIterator<Item = (&'a Place, &'a StepKind)>,
) -> Vec<(Call, Vec<Demand<'a>>)> {
    let mut calls: Vec<(Call, Vec<Demand<'a>>)> = Vec::new();
    let mut state = Call::default();
    let mut next = Run::default();
    for (place, kind) in steps {
        match kind {
            StepKind::GivenFile { path, content } => {
                state.files.insert(path.clone(), content.clone());
            }
            StepKind::GivenStdin { content } => next.stdin.clone_from(content),
            StepKind::GivenEnv { name, value } => {
                next.env.insert(name.clone(), value.clone());
            }
            StepKind::Run { words } => {
                next.words.clone_from(words);
                state.runs.push(next.clone());
                next.stdin.clear();
                calls.push((state.clone(), Vec::new()));
            }
            StepKind::Service(step) if !step.expects() => state.services.push(format!("{step:?}")),
            StepKind::ExitIs { .. }
            | StepKind::ExitIsFailure
            | StepKind::Output { .. }
            | StepKind::File { .. }
            | StepKind::Service(_)
            | StepKind::Judged(_)
            | StepKind::Within { .. } => {
                if let Some((_, demands)) = calls.last_mut() {
                    demands.push(Demand { place, kind });
                }
            }
        }
    }
    calls
}

/// Whether no result of one call satisfies both.
pub(crate) fn contradict(a: &StepKind, b: &StepKind) -> bool {
    match (a, b) {
        (StepKind::ExitIs { code: a }, StepKind::ExitIs { code: b }) => a != b,
        (StepKind::ExitIs { code: 0 }, StepKind::ExitIsFailure)
        | (StepKind::ExitIsFailure, StepKind::ExitIs { code: 0 }) => true,
        (
            StepKind::Output { stream: a, expect: wanted },
            StepKind::Output { stream: b, expect: other },
        ) => a == b && wanted.contradicts(other),
        (StepKind::File { path: a, expect: wanted }, StepKind::File { path: b, expect: other }) => {
            a == b && files_contradict(wanted, other)
        }
        _ => false,
    }
}

fn files_contradict(a: &FileExpect, b: &FileExpect) -> bool {
    match (a, b) {
        (FileExpect::Content(a), FileExpect::Content(b)) => a.contradicts(b),
        _ => (*a == FileExpect::Missing) != (*b == FileExpect::Missing),
    }
}

/// An expectation in a few words.
pub(crate) fn describe(kind: &StepKind) -> String {
    match kind {
        StepKind::ExitIs { code } => format!("exit code {code}"),
        StepKind::ExitIsFailure => "an exit code other than 0".to_owned(),
        StepKind::Output { stream: Stream::Stdout, expect } => describe_text("stdout", expect),
        StepKind::Output { stream: Stream::Stderr, expect } => describe_text("stderr", expect),
        StepKind::File { path, expect } => match expect {
            FileExpect::Exists => format!("a file `{path}`"),
            FileExpect::Missing => format!("no file `{path}`"),
            FileExpect::Content(expect) => describe_text(&format!("the file `{path}`"), expect),
        },
        StepKind::Within { limit } => format!("an end within {limit:?}"),
        StepKind::Service(_) => "something of a service".to_owned(),
        StepKind::Judged(_) => "a judge that agrees".to_owned(),
        StepKind::GivenFile { .. }
        | StepKind::GivenStdin { .. }
        | StepKind::GivenEnv { .. }
        | StepKind::Run { .. } => "nothing".to_owned(),
    }
}

/// More than this of a text is not shown: it is to be recognised, not read.
const SHOWN_CHARS_MAX: usize = 40;

fn describe_text(what: &str, expect: &Expect) -> String {
    let shown = |text: &str| {
        let cut = text.chars().count() > SHOWN_CHARS_MAX;
        let start: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        format!("\"{}{}\"", escape(&start), if cut { "…" } else { "" })
    };
    match expect {
        Expect::Is { text } => format!("{what} {}", shown(text)),
        Expect::Contains { text } => format!("{what} with {}", shown(text)),
        Expect::Lacks { text } => format!("{what} without {}", shown(text)),
        Expect::Matches { pattern } => format!("{what} matching {}", shown(pattern)),
        Expect::Empty => format!("{what} empty"),
        Expect::NotEmpty => format!("{what} not empty"),
    }
}
