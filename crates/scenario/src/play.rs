//! The interpreter of steps: pure, the same for held-out scenarios and for an intent's examples.
//!
//! It refuses to know what a world is made of.

use std::collections::BTreeMap;

use intent::{FileExpect, Judgement, StepKind, Stream, Subject};
use policy::FailureKind;
use sandbox::{Exit, Finished};
use serde::{Deserialize, Serialize};

use crate::expect;
use crate::judge::{Open, settle};
use crate::services::{Memory, Services};

/// Where steps happen: a directory with files, in which declared commands can be run.
pub trait World {
    /// Puts a file into the working directory; `path` is relative and stays inside.
    ///
    /// # Errors
    /// When the world itself failed.
    fn write_file(&mut self, path: &str, content: &[u8]) -> Result<(), WorldError>;

    /// Runs a declared command: its name, then arguments.
    ///
    /// # Errors
    /// When the command is not declared or the world itself failed. A program that crashes, hangs
    /// or cannot be started is no error: that is how it finished.
    fn run(
        &mut self,
        words: &[String],
        stdin: &[u8],
        env: &BTreeMap<String, String>,
    ) -> Result<Finished, WorldError>;

    /// A file of the working directory; `None` when there is no regular file of that name.
    ///
    /// # Errors
    /// When the world itself failed.
    fn read_file(&mut self, path: &str) -> Result<Option<Vec<u8>>, WorldError>;

    /// The service and its twins.
    ///
    /// # Errors
    /// When there are none here, or they cannot be made.
    fn services(&mut self) -> Result<&mut dyn Services, WorldError> {
        Err(WorldError::NoService)
    }

    /// What a play comes to where nothing that happened here decides anything: [`Played::Uncovered`] or
    /// [`Played::Undecided`].
    fn doubt(&mut self) -> Option<Played> {
        None
    }
}

/// Why a world could not do its part: but for [`WorldError::InTheWay`], never the fault of the program
/// under test.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    #[error("no command `{name}` is declared in the intent's interface")]
    UnknownCommand { name: String },
    #[error("path `{path}` does not stay inside the working directory")]
    PathOutside { path: String },
    /// The program put something there that is no regular file: its doing, unlike the others.
    #[error("something is in the way of the file `{path}`")]
    InTheWay { path: String },
    #[error("failed to {doing} `{path}`")]
    Io {
        doing: &'static str,
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the sandbox failed")]
    Sandbox(#[source] sandbox::SandboxError),
    #[error("the interface declares neither a service nor twins")]
    NoService,
    #[error("the twin cannot do what the step says")]
    Twin(#[source] twin::UniverseError),
    #[error("the twins cannot be served")]
    Serve(#[source] twin_server::ServeError),
    #[error("`{variable}` is no credential of {service}'s twin, which has: {known}")]
    NoCredential { variable: String, service: String, known: String },
    #[error("the twin's {function} gave no list, but {got}")]
    NoList { function: String, got: String },
    #[error("the fault is none: {cause}")]
    Fault { cause: String },
    #[error("a value that was kept does not fit here: {cause}")]
    Value { cause: String },
    #[error("the service was connected to more often than one play can: split the scenario")]
    Exhausted,
    #[error("cancelled")]
    Cancelled,
}

/// How the playing of some steps came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Played {
    Satisfied,
    Failed(Failure),
    /// The program asked a service for what its twin does not know, so that nobody knows what would
    /// have come of it: undecided, for a reason that only another program takes away. Held out, since
    /// requests hold what the scenario gave.
    Uncovered {
        call: String,
    },
    /// The world gave way, so that nothing is known of the program.
    Undecided {
        reason: String,
    },
}

impl Played {
    /// Whether every expectation held.
    pub fn is_satisfied(&self) -> bool {
        matches!(self, Self::Satisfied)
    }

    /// What is said of a play that was broken off from outside.
    pub(crate) fn cancelled() -> Self {
        Self::Undecided { reason: base::chain(&WorldError::Cancelled) }
    }
}

/// The first step that did not hold. `expected` and `actual` quote the scenario: they are held out
/// wherever it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Index into the steps, from 0.
    pub step: usize,
    pub kind: FailureKind,
    /// Short: at most 200 characters.
    pub expected: String,
    /// Short, as `expected`.
    pub actual: String,
}

/// What is quoted of an output in a failure: a screen line or three, whatever the program printed.
pub(crate) const QUOTE_CHARS_MAX: usize = 200;

/// Plays `steps` in order until one does not hold.
pub fn play<'a>(steps: impl IntoIterator<Item = &'a StepKind>, world: &mut dyn World) -> Played {
    play_watched(steps, world, &mut |_, _| ())
}

/// The same; `watch` is called before each step, with its index, and once more at the end.
pub fn play_watched<'a>(
    steps: impl IntoIterator<Item = &'a StepKind>,
    world: &mut dyn World,
    watch: &mut dyn FnMut(usize, &mut dyn World),
) -> Played {
    let (played, open) = play_open(steps, world, watch);
    settle(played, &open, None)
}

/// The same, with the judged sentences that are left to be [settled](settle).
pub fn play_open<'a>(
    steps: impl IntoIterator<Item = &'a StepKind>,
    world: &mut dyn World,
    watch: &mut dyn FnMut(usize, &mut dyn World),
) -> (Played, Vec<Open>) {
    let mut open = Vec::new();
    let memory = Memory::default();
    let mut stage = Stage { world, stdin: Vec::new(), env: BTreeMap::new(), last: None, memory };
    let mut played = Played::Satisfied;
    let mut reached = 0;
    for (index, step) in steps.into_iter().enumerate() {
        reached = index + 1;
        watch(index, stage.world);
        let performed = match step {
            StepKind::Judged(judgement) => stage.leave_open(index, judgement, &mut open),
            step => stage.memory.fill(step).and_then(|step| stage.perform(&step)),
        };
        match performed {
            Ok(None) => continue,
            Ok(Some(miss)) => {
                played = Played::Failed(Failure {
                    step: index,
                    kind: miss.kind,
                    expected: quote(&miss.expected),
                    actual: quote(&miss.actual),
                });
            }
            Err(error) => played = Played::Undecided { reason: base::chain(&error) },
        }
        break;
    }
    watch(reached, stage.world);
    let played = stage.world.doubt().unwrap_or(played);
    (played, open)
}

/// An expectation that did not hold.
pub(crate) struct Miss {
    pub(crate) kind: FailureKind,
    pub(crate) expected: String,
    pub(crate) actual: String,
}

struct Stage<'w> {
    world: &'w mut dyn World,
    /// For the next run only.
    stdin: Vec<u8>,
    /// For all runs from here on.
    env: BTreeMap<String, String>,
    last: Option<Finished>,
    memory: Memory,
}

impl Stage<'_> {
    fn perform(&mut self, step: &StepKind) -> Result<Option<Miss>, WorldError> {
        match step {
            StepKind::GivenFile { path, content } => {
                match self.world.write_file(path, content.as_bytes()) {
                    Err(error @ WorldError::InTheWay { .. }) => Ok(Some(Miss {
                        kind: FailureKind::WrongFile,
                        expected: format!("room for the file `{path}`"),
                        actual: error.to_string(),
                    })),
                    written => written.map(|()| None),
                }
            }
            StepKind::GivenStdin { content } => {
                self.stdin = content.clone().into_bytes();
                Ok(None)
            }
            StepKind::GivenEnv { name, value } => {
                self.env.insert(name.clone(), value.clone());
                Ok(None)
            }
            StepKind::Run { words } => {
                let stdin = std::mem::take(&mut self.stdin);
                let finished = self.world.run(words, &stdin, &self.env)?;
                if finished.exit == Exit::Cancelled {
                    return Err(WorldError::Cancelled);
                }
                let miss = expect::unnatural_end(&finished);
                self.last = Some(finished);
                Ok(miss)
            }
            StepKind::File { path, expect } => {
                let content = self.world.read_file(path)?;
                let miss = expect::file(path, expect, content.as_deref());
                Ok(miss.map(|miss| self.as_crash(miss)))
            }
            StepKind::Service(step) => self.memory.perform(step, self.world, &self.env),
            // Left open where steps are gone through.
            StepKind::Judged(_) => Ok(None),
            StepKind::ExitIs { .. }
            | StepKind::ExitIsFailure
            | StepKind::Output { .. }
            | StepKind::Within { .. } => {
                let Some(finished) = &self.last else { return Ok(Some(nothing_ran())) };
                Ok(expect::run(step, finished).map(|miss| self.as_crash(miss)))
            }
        }
    }

    /// Takes down what a judge is to be asked about, if it is there.
    fn leave_open(
        &mut self,
        step: usize,
        judgement: &Judgement,
        open: &mut Vec<Open>,
    ) -> Result<Option<Miss>, WorldError> {
        let text = match self.memory.fill_subject(&judgement.subject)? {
            Subject::Output { stream } => match (&self.last, stream) {
                (Some(finished), Stream::Stdout) => finished.stdout.clone(),
                (Some(finished), Stream::Stderr) => finished.stderr.clone(),
                (None, _) => return Ok(Some(nothing_ran())),
            },
            Subject::File { path } => match self.world.read_file(&path)? {
                Some(content) => content,
                None => {
                    let miss = expect::file(&path, &FileExpect::Exists, None);
                    return Ok(miss.map(|miss| self.as_crash(miss)));
                }
            },
            subject => match self.memory.told(&subject, self.world)? {
                Ok(text) => text.into_bytes(),
                Err(miss) => return Ok(Some(miss)),
            },
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        open.push(Open { step, judgement: judgement.clone(), text });
        Ok(None)
    }

    /// What an uncaught exception left undone is told as a crash: that is the cause.
    fn as_crash(&self, miss: Miss) -> Miss {
        match &self.last {
            Some(finished) if expect::crashed(finished) => Miss {
                kind: FailureKind::Crashed,
                actual: last_line(&finished.stderr),
                expected: miss.expected,
            },
            _ => miss,
        }
    }
}

fn nothing_ran() -> Miss {
    Miss {
        kind: FailureKind::WrongExit,
        expected: "a run before what is expected of it".to_owned(),
        actual: "nothing was run".to_owned(),
    }
}

pub(crate) fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_end().lines().last().unwrap_or_default().to_owned()
}

/// `text` cut to what fits into a report.
pub(crate) fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use intent::Expect;

    use super::*;

    /// Answers each run with the next of some prepared ends.
    struct Scripted {
        ends: Vec<Finished>,
        files: BTreeMap<String, Vec<u8>>,
        /// Standard input and environment of each run.
        seen: Vec<(Vec<u8>, BTreeMap<String, String>)>,
    }

    impl World for Scripted {
        fn write_file(&mut self, path: &str, content: &[u8]) -> Result<(), WorldError> {
            self.files.insert(path.to_owned(), content.to_owned());
            Ok(())
        }

        fn run(
            &mut self,
            words: &[String],
            stdin: &[u8],
            env: &BTreeMap<String, String>,
        ) -> Result<Finished, WorldError> {
            if words[0] != "tool" {
                return Err(WorldError::UnknownCommand { name: words[0].clone() });
            }
            self.seen.push((stdin.to_owned(), env.clone()));
            Ok(self.ends.remove(0))
        }

        fn read_file(&mut self, path: &str) -> Result<Option<Vec<u8>>, WorldError> {
            Ok(self.files.get(path).cloned())
        }
    }

    fn end(exit: Exit, stdout: &str, stderr: &str) -> Finished {
        Finished {
            exit,
            stdout: stdout.as_bytes().to_owned(),
            stderr: stderr.as_bytes().to_owned(),
            wall: Duration::from_millis(20),
        }
    }

    fn run_step() -> StepKind {
        StepKind::Run { words: vec!["tool".to_owned()] }
    }

    fn stdout_is(text: &str) -> StepKind {
        StepKind::Output { stream: Stream::Stdout, expect: Expect::Is { text: text.to_owned() } }
    }

    fn outcome(finished: Finished, expectation: StepKind) -> Played {
        let mut world = Scripted { ends: vec![finished], files: BTreeMap::new(), seen: vec![] };
        play(&[run_step(), expectation], &mut world)
    }

    fn kind(played: Played) -> FailureKind {
        match played {
            Played::Failed(failure) => failure.kind,
            other => panic!("expected a failure, got {other:?}"),
        }
    }

    #[test]
    fn stdin_is_for_one_run_and_variables_stay() {
        let ends = vec![end(Exit::Code(0), "", ""), end(Exit::Code(0), "", "")];
        let mut world = Scripted { ends, files: BTreeMap::new(), seen: vec![] };
        let steps = [
            StepKind::GivenStdin { content: "once".to_owned() },
            StepKind::GivenEnv { name: "KEY".to_owned(), value: "v".to_owned() },
            run_step(),
            run_step(),
        ];
        assert_eq!(play(&steps, &mut world), Played::Satisfied);
        assert_eq!(
            (world.seen[0].0.as_slice(), world.seen[1].0.as_slice()),
            (&b"once"[..], &b""[..])
        );
        assert_eq!(world.seen[0].1, world.seen[1].1);
    }

    #[test]
    fn each_way_to_fail_has_its_kind() {
        let ok = || end(Exit::Code(0), "a\n", "warn\n");
        assert!(outcome(ok(), stdout_is("a")).is_satisfied());
        assert_eq!(kind(outcome(ok(), stdout_is("b"))), FailureKind::WrongStdout);
        assert_eq!(kind(outcome(ok(), StepKind::ExitIs { code: 2 })), FailureKind::WrongExit);
        assert_eq!(kind(outcome(ok(), StepKind::ExitIsFailure)), FailureKind::WrongExit);
        let quiet = StepKind::Output { stream: Stream::Stderr, expect: Expect::Empty };
        assert_eq!(kind(outcome(ok(), quiet)), FailureKind::WrongStderr);
        let file = StepKind::File { path: "out".to_owned(), expect: FileExpect::Exists };
        assert_eq!(kind(outcome(ok(), file)), FailureKind::WrongFile);
        let hasty = StepKind::Within { limit: Duration::from_millis(10) };
        assert_eq!(kind(outcome(ok(), hasty)), FailureKind::TimedOut);
    }

    #[test]
    fn an_end_from_outside_fails_even_when_nothing_more_is_expected() {
        for (exit, expected) in [
            (Exit::TimedOut, FailureKind::TimedOut),
            (Exit::OutputFlood, FailureKind::Runaway),
            (Exit::Signal(libc::SIGSEGV), FailureKind::Crashed),
            (Exit::Signal(libc::SIGXCPU), FailureKind::TimedOut),
            (Exit::Signal(libc::SIGXFSZ), FailureKind::Runaway),
        ] {
            assert_eq!(kind(outcome(end(exit, "a", ""), stdout_is("a"))), expected);
        }
    }

    #[test]
    fn an_uncaught_exception_is_a_crash_only_where_it_broke_an_expectation() {
        let trace = "Traceback (most recent call last):\n  …\nValueError: bad\n";
        let raised = || end(Exit::Code(1), "", trace);
        let played = outcome(raised(), StepKind::ExitIs { code: 2 });
        let Played::Failed(failure) = &played else { panic!("{played:?}") };
        assert_eq!(failure.actual, "ValueError: bad");
        assert_eq!(kind(played), FailureKind::Crashed);
        assert_eq!(kind(outcome(raised(), stdout_is("x"))), FailureKind::Crashed);
        assert!(outcome(raised(), StepKind::ExitIs { code: 1 }).is_satisfied());
        let told = end(Exit::Code(1), "", "error: bad\n");
        assert_eq!(kind(outcome(told, StepKind::ExitIs { code: 2 })), FailureKind::WrongExit);
    }

    #[test]
    fn a_world_that_gives_way_decides_nothing() {
        let mut world = Scripted { ends: vec![], files: BTreeMap::new(), seen: vec![] };
        let steps = [StepKind::Run { words: vec!["other".to_owned()] }];
        let played = play(&steps, &mut world);
        assert!(matches!(played, Played::Undecided { reason } if reason.contains("`other`")));
        let cancelled = outcome(end(Exit::Cancelled, "", ""), stdout_is(""));
        assert_eq!(cancelled, Played::Undecided { reason: "cancelled".to_owned() });
    }

    #[test]
    fn an_expectation_without_a_run_fails() {
        let mut world = Scripted { ends: vec![], files: BTreeMap::new(), seen: vec![] };
        assert!(!play(&[StepKind::ExitIs { code: 0 }], &mut world).is_satisfied());
    }

    #[test]
    fn quotes_are_cut_between_characters() {
        let long = "é".repeat(QUOTE_CHARS_MAX + 1);
        assert_eq!(quote(&long).chars().count(), QUOTE_CHARS_MAX + 1);
        assert!(quote(&long).ends_with('…'));
        assert_eq!(quote("short"), "short");
    }
}
