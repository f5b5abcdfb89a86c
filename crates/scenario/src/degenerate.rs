//! Programs that are wrong on purpose: whatever a set of scenarios lets pass here, it would let pass
//! in a build.
//!
//! They live in memory and cost microseconds. Some know what the scenarios expect; none of them does
//! what the intent wants.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use intent::{Example, Intent, Scenario, StepKind};
use sandbox::{Exit, Finished};

use crate::expected::{Expected, expected};
use crate::{Played, World, WorldError, play};

/// One degenerate program.
#[derive(Debug, Clone)]
pub struct Degenerate {
    /// Stable and short; quotes nothing of any scenario.
    pub name: String,
    /// What it does, as a clause: `prints nothing and exits 0`.
    pub description: String,
    /// The step that would catch it.
    pub advice: &'static str,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Silent,
    EchoArguments,
    EchoInput,
    ReverseInput,
    AlwaysFails,
    Crashes,
    /// Knows the intent's public examples by heart, and nothing else.
    Lookup(Lookup),
    /// Does the same whatever it is asked.
    Constant(Expected),
    /// Does what the scenario expects, but for one flaw.
    Right(Flaw),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// No degenerate: what the others are measured against.
    None,
    ExitZero,
    ExitOne,
    SwappedStreams,
    NoFiles,
    ExtraLine,
}

/// Each constant costs one more round over all scenarios: enough for any set that people write, and
/// still milliseconds.
const CONSTANTS_MAX: usize = 256;

impl Degenerate {
    /// Every degenerate program for these scenarios, the plainest first.
    pub fn all(intent: &Intent, scenarios: &[Scenario]) -> Vec<Self> {
        let mut all = plain();
        if let Some(lookup) = Lookup::of(intent) {
            all.push(Self::new(
                "examples-only",
                "answers the intent's public examples from a table, and all else with its most common answer",
                "use inputs that the intent's examples do not give away",
                Kind::Lookup(lookup),
            ));
        }
        let mut seen = BTreeSet::new();
        for scenario in scenarios {
            for outcome in expected(kinds(scenario)) {
                if seen.len() < CONSTANTS_MAX && seen.insert(outcome.clone()) {
                    all.push(Self::new(
                        &format!("constant-{}", seen.len()),
                        &format!("always does what {} expects, whatever it is asked", scenario.id),
                        "ask for a different answer with a different input",
                        Kind::Constant(outcome),
                    ));
                }
            }
        }
        all.extend(flawed());
        all
    }

    fn new(name: &str, description: &str, advice: &'static str, kind: Kind) -> Self {
        Self { name: name.to_owned(), description: description.to_owned(), advice, kind }
    }

    /// Whether it does what the scenario expects but for a flaw, so that it says something about the
    /// scenarios as a whole and nothing about a single requirement.
    pub(crate) fn knows_the_answer(&self) -> bool {
        matches!(self.kind, Kind::Right(_))
    }

    /// Whether it fails on every input with an error, as a program that only refuses would.
    pub(crate) fn always_fails(&self) -> bool {
        match &self.kind {
            Kind::AlwaysFails => true,
            Kind::Constant(outcome) => outcome.exit != 0,
            _ => false,
        }
    }
}

/// The steps of a scenario without their places.
pub(crate) fn kinds(scenario: &Scenario) -> impl Iterator<Item = &StepKind> {
    scenario.steps.iter().map(|step| &step.kind)
}

fn plain() -> Vec<Degenerate> {
    let new = Degenerate::new;
    vec![
        new("silent", "prints nothing and exits 0", "say what is printed", Kind::Silent),
        new("echo-arguments", "prints its arguments", "say what is printed", Kind::EchoArguments),
        new("echo-input", "prints its standard input", "say what is printed", Kind::EchoInput),
        new(
            "reverse-input",
            "prints its standard input, or its arguments, backwards",
            "say what is printed",
            Kind::ReverseInput,
        ),
        new(
            "always-fails",
            "refuses everything with a message and exit code 1",
            "ask for something that must succeed",
            Kind::AlwaysFails,
        ),
        new(
            "crashes",
            "dies of an uncaught exception: exit code 1 and a traceback",
            "expect an exit code other than 1, a message, or that stderr lacks `Traceback`",
            Kind::Crashes,
        ),
    ]
}

fn flawed() -> Vec<Degenerate> {
    let new = Degenerate::new;
    vec![
        new(
            "right-but-exit-0",
            "does everything right but always exits 0",
            "expect the failing exit code",
            Kind::Right(Flaw::ExitZero),
        ),
        new(
            "right-but-exit-1",
            "does everything right but always exits 1",
            "expect exit code 0",
            Kind::Right(Flaw::ExitOne),
        ),
        new(
            "right-on-wrong-stream",
            "prints to standard error what belongs on standard output, and the other way round",
            "say what is printed on standard output",
            Kind::Right(Flaw::SwappedStreams),
        ),
        new(
            "right-but-no-files",
            "does everything right but leaves every file as it was",
            "say what the file holds",
            Kind::Right(Flaw::NoFiles),
        ),
        new(
            "right-with-extra-line",
            "prints one more line than it should",
            "say what the whole output is, not only what it contains",
            Kind::Right(Flaw::ExtraLine),
        ),
    ]
}

/// The public examples by what they are asked.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    answers: BTreeMap<Asked, Expected>,
    otherwise: Expected,
}

/// All that a program can tell two calls apart by.
type Asked = (Vec<String>, Vec<u8>, BTreeMap<String, Vec<u8>>);

impl Lookup {
    fn of(intent: &Intent) -> Option<Self> {
        let mut answers = BTreeMap::new();
        let mut counts: BTreeMap<Expected, usize> = BTreeMap::new();
        let requirements = intent.requirements.iter().chain(&intent.constraints);
        for example in requirements.flat_map(|requirement| &requirement.examples) {
            for (asked, outcome) in asked(example).into_iter().zip(expected(&example.steps)) {
                *counts.entry(outcome.clone()).or_default() += 1;
                answers.insert(asked, outcome);
            }
        }
        let (otherwise, _) = counts.into_iter().rev().max_by_key(|(_, count)| *count)?;
        Some(Self { answers, otherwise })
    }
}

fn asked(example: &Example) -> Vec<Asked> {
    let (mut stdin, mut files, mut calls) = (Vec::new(), BTreeMap::new(), Vec::new());
    for step in &example.steps {
        match step {
            StepKind::GivenStdin { content } => stdin = content.clone().into_bytes(),
            StepKind::GivenFile { path, content } => {
                files.insert(path.clone(), content.clone().into_bytes());
            }
            StepKind::Run { words } => {
                calls.push((words.clone(), std::mem::take(&mut stdin), files.clone()));
            }
            _ => {}
        }
    }
    calls
}

/// A degenerate program in a directory of its own.
pub(crate) struct MemoryWorld<'a> {
    kind: &'a Kind,
    /// What the scenario being played expects of each run.
    expected: &'a [Expected],
    files: BTreeMap<String, Vec<u8>>,
    /// What was observable after each run: what a scenario had a chance to notice.
    pub(crate) trace: Vec<(Finished, BTreeMap<String, Vec<u8>>)>,
}

impl<'a> MemoryWorld<'a> {
    pub(crate) fn new(kind: &'a Kind, expected: &'a [Expected]) -> Self {
        Self { kind, expected, files: BTreeMap::new(), trace: Vec::new() }
    }

    /// Plays a scenario to its end or first failure.
    pub(crate) fn play(&mut self, scenario: &Scenario) -> Played {
        play(kinds(scenario), self)
    }

    fn outcome(&self, words: &[String], stdin: &[u8]) -> Expected {
        let prints = |stdout: String| Expected { stdout, ..Expected::default() };
        let fails =
            |stderr: &str| Expected { exit: 1, stderr: stderr.to_owned(), ..Expected::default() };
        let arguments = || words[1..].join(" ");
        let input = || String::from_utf8_lossy(stdin).into_owned();
        match self.kind {
            Kind::Silent => Expected::default(),
            Kind::EchoArguments => prints(arguments() + "\n"),
            Kind::EchoInput => prints(input()),
            Kind::ReverseInput => {
                let text = if stdin.is_empty() { arguments() } else { input() };
                prints(text.trim_end().chars().rev().collect())
            }
            Kind::AlwaysFails => fails("error: invalid input\n"),
            Kind::Crashes => fails(
                "Traceback (most recent call last):\n  File \"main.py\", line 1, in <module>\n\
                 ValueError: invalid input\n",
            ),
            Kind::Lookup(table) => {
                let asked = (words.to_vec(), stdin.to_vec(), self.files.clone());
                table.answers.get(&asked).unwrap_or(&table.otherwise).clone()
            }
            Kind::Constant(outcome) => outcome.clone(),
            Kind::Right(flaw) => {
                let right = self.expected.get(self.trace.len()).cloned().unwrap_or_default();
                flaw.spoil(right)
            }
        }
    }
}

impl Flaw {
    fn spoil(self, mut right: Expected) -> Expected {
        match self {
            Self::None => {}
            Self::ExitZero => right.exit = 0,
            Self::ExitOne => right.exit = 1,
            Self::SwappedStreams => std::mem::swap(&mut right.stdout, &mut right.stderr),
            Self::NoFiles => right.files.clear(),
            Self::ExtraLine => {
                if !right.stdout.is_empty() && !right.stdout.ends_with('\n') {
                    right.stdout.push('\n');
                }
                right.stdout.push_str("done\n");
            }
        }
        right
    }
}

impl World for MemoryWorld<'_> {
    fn write_file(&mut self, path: &str, content: &[u8]) -> Result<(), WorldError> {
        self.files.insert(path.to_owned(), content.to_owned());
        Ok(())
    }

    fn run(
        &mut self,
        words: &[String],
        stdin: &[u8],
        _env: &BTreeMap<String, String>,
    ) -> Result<Finished, WorldError> {
        let outcome = self.outcome(words, stdin);
        for (path, content) in outcome.files {
            match content {
                Some(content) => self.files.insert(path, content.into_bytes()),
                None => self.files.remove(&path),
            };
        }
        let finished = Finished {
            exit: Exit::Code(outcome.exit),
            stdout: outcome.stdout.into_bytes(),
            stderr: outcome.stderr.into_bytes(),
            wall: Duration::ZERO,
        };
        self.trace.push((finished.clone(), self.files.clone()));
        Ok(finished)
    }

    fn read_file(&mut self, path: &str) -> Result<Option<Vec<u8>>, WorldError> {
        Ok(self.files.get(path).cloned())
    }
}
