//! What the model's answers came to so far: programs that pass the visible checks, and the near misses.
//!
//! Alike answers are one entry with several votes, so that nothing is tried twice. It refuses to know
//! how answers are asked for.

use intent::Intent;

use crate::frame::{Frame, Part, is_failing};
use crate::probe::calls;
use crate::{Files, Host, HostError, Tried};

/// A program that was tried.
pub(crate) struct Program {
    pub files: Files,
    pub tried: Vec<Tried>,
    pub made_of: Made,
}

/// Where a program came from; entries of the pool by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    Whole { entry: usize },
    Parts { valid: usize, answer: usize },
}

impl Made {
    /// Names of the two halves: equal exactly for equal origins. A whole program is both of its halves.
    pub(crate) fn halves(self) -> [Half; 2] {
        match self {
            Self::Whole { entry } => [Half::Whole(entry); 2],
            Self::Parts { valid, answer } => [Half::Part(valid), Half::Part(answer)],
        }
    }
}

/// One half of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Half {
    Whole(usize),
    Part(usize),
}

impl Program {
    pub(crate) fn passes(&self) -> bool {
        self.tried.iter().all(|check| check.passed)
    }

    pub(crate) fn failed(&self) -> usize {
        self.tried.iter().filter(|check| !check.passed).count()
    }
}

/// A text that the model gave so many times.
struct Entry<T> {
    value: T,
    votes: u32,
}

/// A function of the frame, tried beside a stub.
struct Piece {
    text: String,
    /// How many of the checks that are its own affair failed.
    failed: usize,
}

/// All that was gathered in one build.
pub(crate) struct Pool<'a> {
    intent: &'a Intent,
    /// Builds that were rejected before are no candidates.
    rejected: &'a Files,
    wholes: Vec<Entry<Files>>,
    valids: Vec<Entry<Piece>>,
    answers: Vec<Entry<Piece>>,
    pub programs: Vec<Program>,
    /// Answers that held nothing usable.
    pub unusable: u32,
    pub answered: u32,
}

/// The most pairs of parts that are tried together: each is a process per visible check, and eight
/// good parts of either kind agree or differ well within it.
const PAIRS_MAX: usize = 32;

impl<'a> Pool<'a> {
    pub(crate) fn new(intent: &'a Intent, rejected: &'a Files) -> Self {
        Self {
            intent,
            rejected,
            wholes: Vec::new(),
            valids: Vec::new(),
            answers: Vec::new(),
            programs: Vec::new(),
            unusable: 0,
            answered: 0,
        }
    }

    /// Counts one answer that held nothing usable.
    pub(crate) fn skip(&mut self) {
        self.answered += 1;
        self.unusable += 1;
    }

    /// Takes a whole program in, and tries it if it is new.
    pub(crate) fn add_whole(&mut self, files: Files, host: &mut dyn Host) -> Result<(), HostError> {
        if &files == self.rejected {
            self.skip();
            return Ok(());
        }
        self.answered += 1;
        if let Some(known) = self.wholes.iter_mut().find(|entry| entry.value == files) {
            known.votes += 1;
            return Ok(());
        }
        let tried = host.try_files(&files)?;
        let made_of = Made::Whole { entry: self.wholes.len() };
        self.wholes.push(Entry { value: files.clone(), votes: 1 });
        self.programs.push(Program { files, tried, made_of });
        Ok(())
    }

    /// Takes one function in; if it is new it is tried beside a stub, on the checks that are its own.
    pub(crate) fn add_part(
        &mut self,
        frame: &Frame,
        part: Part,
        text: String,
        host: &mut dyn Host,
    ) -> Result<(), HostError> {
        self.answered += 1;
        let known = match part {
            Part::Valid => &mut self.valids,
            Part::Answer => &mut self.answers,
        };
        if let Some(known) = known.iter_mut().find(|entry| entry.value.text == text) {
            known.votes += 1;
            return Ok(());
        }
        let files = match part {
            Part::Valid => frame.assemble(&text, &frame.stub(Part::Answer)),
            Part::Answer => frame.assemble(&frame.stub(Part::Valid), &text),
        };
        let tried = host.try_files(&files)?;
        let own = |check: &&Tried| fails_as_shown(self.intent, check) == Some(part == Part::Valid);
        let mut failed = tried.iter().filter(own).filter(|check| !check.passed).count();
        if part == Part::Valid {
            failed += refused(self.intent, &files, host)?;
        }
        let entry = Entry { value: Piece { text, failed }, votes: 1 };
        match part {
            Part::Valid => self.valids.push(entry),
            Part::Answer => self.answers.push(entry),
        }
        Ok(())
    }

    /// Whether `part` has so many answers that do what is theirs.
    pub(crate) fn has_enough(&self, part: Part, enough: u32) -> bool {
        let entries = match part {
            Part::Valid => &self.valids,
            Part::Answer => &self.answers,
        };
        let good = entries.iter().filter(|entry| entry.value.failed == 0);
        good.map(|entry| entry.votes).sum::<u32>() >= enough
    }

    /// Tries the best parts together, pairs that are new only. With no part that is right alone the
    /// nearest go together, so that there is something to repair.
    pub(crate) fn pair(&mut self, frame: &Frame, host: &mut dyn Host) -> Result<(), HostError> {
        let (valids, answers) = (best(&self.valids), best(&self.answers));
        let mut pairs: Vec<(usize, usize, usize)> = Vec::new();
        for (row, valid) in valids.iter().enumerate() {
            for (column, answer) in answers.iter().enumerate() {
                pairs.push((row.max(column), *valid, *answer));
            }
        }
        // Nearest to the best first, so that each part meets a good one early.
        pairs.sort_by_key(|(far, _, _)| *far);
        for (_, valid, answer) in pairs {
            let made_of = Made::Parts { valid, answer };
            let paired =
                self.programs.iter().filter(|one| matches!(one.made_of, Made::Parts { .. }));
            if paired.count() >= PAIRS_MAX {
                break;
            }
            if self.programs.iter().any(|program| program.made_of == made_of) {
                continue;
            }
            let (valid, answer) = (&self.valids[valid], &self.answers[answer]);
            let files = frame.assemble(&valid.value.text, &answer.value.text);
            if &files == self.rejected {
                continue;
            }
            let tried = host.try_files(&files)?;
            self.programs.push(Program { files, tried, made_of });
        }
        Ok(())
    }

    /// How many answers stand behind a program's two halves.
    pub(crate) fn votes(&self, made_of: Made) -> [u32; 2] {
        match made_of {
            Made::Whole { entry } => [self.wholes[entry].votes; 2],
            Made::Parts { valid, answer } => [self.valids[valid].votes, self.answers[answer].votes],
        }
    }

    pub(crate) fn passing(&self) -> Vec<&Program> {
        self.programs.iter().filter(|program| program.passes()).collect()
    }

    /// The programs that fail the fewest checks, at most `max`.
    pub(crate) fn nearest(&self, max: usize) -> Vec<&Program> {
        let mut programs: Vec<&Program> = self.programs.iter().collect();
        programs.sort_by_key(|program| program.failed());
        programs.truncate(max);
        programs
    }
}

/// The entries with the fewest failures of their own, those with most votes first.
fn best(entries: &[Entry<Piece>]) -> Vec<usize> {
    let least = entries.iter().map(|entry| entry.value.failed).min();
    let mut found: Vec<usize> =
        (0..entries.len()).filter(|at| Some(entries[*at].value.failed) == least).collect();
    found.sort_by_key(|at| std::cmp::Reverse(entries[*at].votes));
    found
}

/// How many calls that the examples show as sound a program refuses, whatever it prints otherwise.
fn refused(intent: &Intent, files: &Files, host: &mut dyn Host) -> Result<usize, HostError> {
    let mut count = 0;
    for call in calls(intent, |example| !is_failing(example)) {
        let seen = host.observe(files, &call.words, &call.stdin)?;
        count += usize::from(seen.exit != 0);
    }
    Ok(count)
}

/// Whether the example that `check` plays shows a failing call; `None` for a check that is no example.
fn fails_as_shown(intent: &Intent, check: &Tried) -> Option<bool> {
    let mut examples = intent.requirements.iter().flat_map(|requirement| &requirement.examples);
    examples.find(|example| example.text == check.check).map(is_failing)
}
