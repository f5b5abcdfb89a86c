//! Judged sentences at play: they are left open until everything else held, and settled then.
//!
//! The interpreter stays pure: it hands out questions. This module refuses to know what a judge is
//! made of, and lets one do nothing but fail a play.

use std::fmt;

use intent::{Judgement, Scenario};
use policy::FailureKind;
use serde::{Deserialize, Serialize};

use crate::play::quote;
use crate::{Failure, Played};

/// What a play without a judge comes to.
const NO_JUDGE: &str = "there is no judge for its judged sentence: name a model of another family than \
                        the builder's, by `judge = \"…\"` in [model] of factory.toml or by --judge MODEL";

/// Whoever says whether a sentence is true of a text. Plays ask from several threads.
pub trait Judge: fmt::Debug + Send + Sync {
    /// Whether `judgement`'s sentence is true of `text`.
    ///
    /// # Errors
    /// Why nothing can be said: a person reads it, and the play is undecided.
    fn agrees(&self, judgement: &Judgement, text: &str) -> Result<bool, String>;

    /// What has been said of a sentence so far; `None` where it was never asked.
    fn heard(&self, judgement: &Judgement) -> Option<Heard>;
}

/// What a judge said of one sentence, and why it was believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub model: String,
    pub family: String,
    pub calibration: Calibration,
    /// Of how many different texts it found the sentence true.
    pub agreed: u32,
    pub disagreed: u32,
}

/// How many of a person's examples a judge told as the person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Calibration {
    pub right: u32,
    pub examples: u32,
}

impl Calibration {
    /// Whether the judge is believed: it told every example right. With so few of them, fewer would say
    /// little more than a coin does.
    pub fn holds(self) -> bool {
        self.examples > 0 && self.right == self.examples
    }
}

/// A judged sentence and what it is about, left open by a play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Index into the steps, from 0.
    pub step: usize,
    pub judgement: Judgement,
    pub text: String,
}

/// What a play comes to with the questions that it left open. A judge makes nothing better: what has
/// failed or is undecided stays so, and nobody is asked.
pub fn settle(played: Played, open: &[Open], judge: Option<&dyn Judge>) -> Played {
    if played != Played::Satisfied || open.is_empty() {
        return played;
    }
    let Some(judge) = judge else { return Played::Undecided { reason: NO_JUDGE.to_owned() } };
    for Open { step, judgement, text } in open {
        match judge.agrees(judgement, text) {
            Ok(true) => {}
            Ok(false) => {
                return Played::Failed(Failure {
                    step: *step,
                    kind: FailureKind::JudgedWrong,
                    expected: quote(&format!("that {}", judgement.sentence)),
                    actual: quote(&format!("{text:?}")),
                });
            }
            Err(reason) => return Played::Undecided { reason },
        }
    }
    Played::Satisfied
}

/// What was heard of every judged sentence, in the order in which they are written: scenario, line, and
/// what the judge said.
pub fn heard(scenarios: &[Scenario], judge: Option<&dyn Judge>) -> Vec<JudgedSentence> {
    let all = scenarios.iter().flat_map(|one| one.judgements().map(move |found| (one, found)));
    let known = all.filter_map(|(scenario, (place, judgement))| {
        let heard = judge?.heard(judgement)?;
        Some(JudgedSentence { scenario: scenario.id.clone(), line: place.line, heard })
    });
    known.collect()
}

/// A sentence that was judged, by the place where it stands: its wording is held out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedSentence {
    pub scenario: base::ScenarioId,
    /// In its file, from 1.
    pub line: u32,
    pub heard: Heard,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::time::Duration;

    use intent::{Calibrated, StepKind, Stream, Subject};
    use sandbox::{Exit, Finished};

    use super::*;
    use crate::{World, WorldError, play, play_open};

    /// A world in which every run prints one text.
    struct Prints(&'static str);

    impl World for Prints {
        fn write_file(&mut self, _: &str, _: &[u8]) -> Result<(), WorldError> {
            Ok(())
        }

        fn run(
            &mut self,
            _: &[String],
            _: &[u8],
            _: &BTreeMap<String, String>,
        ) -> Result<Finished, WorldError> {
            let stdout = self.0.as_bytes().to_vec();
            let wall = Duration::from_millis(1);
            Ok(Finished { exit: Exit::Code(0), stdout, stderr: Vec::new(), wall })
        }

        fn read_file(&mut self, path: &str) -> Result<Option<Vec<u8>>, WorldError> {
            Ok((path == "there").then(|| b"a file".to_vec()))
        }
    }

    /// Says one thing of everything, and remembers of what.
    #[derive(Debug)]
    struct Says(Result<bool, String>, Mutex<Vec<String>>);

    impl Judge for Says {
        fn agrees(&self, _: &Judgement, text: &str) -> Result<bool, String> {
            self.1.lock().unwrap().push(text.to_owned());
            self.0.clone()
        }

        fn heard(&self, _: &Judgement) -> Option<Heard> {
            None
        }
    }

    fn judged(subject: Subject) -> StepKind {
        let calibration = vec![Calibrated { answer: "a".to_owned(), agrees: true }];
        StepKind::Judged(Judgement { subject, sentence: "it is kind".to_owned(), calibration })
    }

    fn run() -> StepKind {
        StepKind::Run { words: vec!["tool".to_owned()] }
    }

    fn stdout() -> StepKind {
        judged(Subject::Output { stream: Stream::Stdout })
    }

    /// What the steps come to, and what the judge was asked about.
    fn come_to(steps: &[StepKind], says: Result<bool, String>) -> (Played, Vec<String>) {
        let judge = Says(says, Mutex::default());
        let (played, open) = play_open(steps, &mut Prints("hello\n"), &mut |_, _| ());
        let played = settle(played, &open, Some(&judge));
        (played, judge.1.into_inner().unwrap())
    }

    #[test]
    fn a_judge_is_asked_after_all_else_held_and_can_only_fail() {
        let steps = [run(), stdout(), StepKind::ExitIs { code: 0 }];
        let (played, asked) = come_to(&steps, Ok(true));
        assert_eq!((played, asked), (Played::Satisfied, vec!["hello\n".to_owned()]));
        let Played::Failed(failure) = come_to(&steps, Ok(false)).0 else { panic!("it passed") };
        assert_eq!((failure.step, failure.kind), (1, FailureKind::JudgedWrong));
        let (played, _) = come_to(&steps, Err("unsure".to_owned()));
        assert_eq!(played, Played::Undecided { reason: "unsure".to_owned() });

        let steps = [run(), stdout(), StepKind::ExitIs { code: 3 }];
        let (played, asked) = come_to(&steps, Ok(true));
        assert!(matches!(played, Played::Failed(ref one) if one.kind == FailureKind::WrongExit));
        assert_eq!(asked, [""; 0], "nobody is asked about what has failed");
    }

    #[test]
    fn without_a_judge_a_play_is_undecided_and_says_what_to_do() {
        let played = play(&[run(), stdout()], &mut Prints("hello"));
        assert!(matches!(played, Played::Undecided { ref reason } if reason.contains("--judge")));
        let failed = play(&[run(), stdout(), StepKind::ExitIs { code: 3 }], &mut Prints("hello"));
        assert!(matches!(failed, Played::Failed(_)), "a rule needs no judge");
    }

    #[test]
    fn what_is_not_there_fails_without_a_judge() {
        let file = |path: &str| judged(Subject::File { path: path.to_owned() });
        let (played, asked) = come_to(&[run(), file("there")], Ok(true));
        assert_eq!((played, asked), (Played::Satisfied, vec!["a file".to_owned()]));
        let (played, asked) = come_to(&[run(), file("gone")], Ok(true));
        assert!(matches!(played, Played::Failed(ref one) if one.kind == FailureKind::WrongFile));
        assert_eq!(asked, [""; 0]);
    }
}
