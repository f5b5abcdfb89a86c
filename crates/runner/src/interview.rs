//! Who answers when a person is asked (section 6): at the terminal, from a list, by a rule, through
//! somebody's callback, or as a recording has it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base::ActionId;
use engine::Question;
use pipeline::Ask;
use sandbox::Cancel;

/// How often a terminal looks whether its question is still open.
const CLOSED_POLL: Duration = Duration::from_millis(100);

/// What somebody who was asked says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// One of the choices, by name, label or key; or a text where the question takes one.
    Choice { choice: String, by: String },
    /// They will not answer: the gate fails.
    Skipped { by: String },
    /// Nobody is here to answer: the question stays open.
    NotNow,
}

/// Asks somebody. Called from a thread for each question, so that it may take its time; it must come
/// back soon after `closed` is pulled.
pub trait Interviewer: Sync {
    fn ask(&self, id: &ActionId, question: &Question, closed: &Cancel) -> Reply;
}

/// Says yes, or takes the first choice (6.4): for automation.
#[derive(Debug, Clone, Copy, Default)]
pub struct AutoApprove;

impl Interviewer for AutoApprove {
    fn ask(&self, _: &ActionId, question: &Question, _: &Cancel) -> Reply {
        let affirmative = |choice: &&String| {
            let words = choice.to_lowercase();
            ["yes", "[y]", "approve", "ok"].iter().any(|yes| words.starts_with(yes))
        };
        let is_binary = matches!(question.kind, Ask::YesNo | Ask::Confirmation);
        let yes = question.choices.iter().find(|choice| is_binary && affirmative(choice));
        let choice = yes.or(question.choices.first()).cloned();
        let choice = choice.unwrap_or_else(|| "auto-approved".to_owned());
        Reply::Choice { choice, by: "auto-approve".to_owned() }
    }
}

/// Answers from a list, in order; when it is empty, questions are skipped (6.4).
#[derive(Debug, Default)]
pub struct Queue(Mutex<VecDeque<String>>);

impl Queue {
    pub fn new(answers: impl IntoIterator<Item = String>) -> Self {
        Self(Mutex::new(answers.into_iter().collect()))
    }
}

impl Interviewer for Queue {
    fn ask(&self, _: &ActionId, _: &Question, _: &Cancel) -> Reply {
        let by = "queue".to_owned();
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
            Some(choice) => Reply::Choice { choice, by },
            None => Reply::Skipped { by },
        }
    }
}

/// Hands every question to a function: a chat, a page, a program.
pub struct Callback<F>(pub F);

impl<F: Fn(&ActionId, &Question) -> Reply + Sync> Interviewer for Callback<F> {
    fn ask(&self, id: &ActionId, question: &Question, _: &Cancel) -> Reply {
        (self.0)(id, question)
    }
}

/// Nobody is here: every question stays open until somebody answers it by name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Declined;

impl Interviewer for Declined {
    fn ask(&self, _: &ActionId, _: &Question, _: &Cancel) -> Reply {
        Reply::NotNow
    }
}

/// Answers as an earlier run was answered, by the action's id; others are left open.
#[derive(Debug, Default)]
pub struct RecordedAnswers(BTreeMap<ActionId, Reply>);

impl RecordedAnswers {
    pub fn new(answers: BTreeMap<ActionId, Reply>) -> Self {
        Self(answers)
    }
}

impl Interviewer for RecordedAnswers {
    fn ask(&self, id: &ActionId, _: &Question, _: &Cancel) -> Reply {
        self.0.get(id).cloned().unwrap_or(Reply::NotNow)
    }
}

/// Asks at a terminal: prints the question with its keys and reads a line.
pub struct Console {
    by: String,
    /// One question at a time, whatever branches there are.
    turn: Mutex<()>,
    lines: Mutex<std::sync::mpsc::Receiver<String>>,
    out: Mutex<Box<dyn Write + Send>>,
}

impl Console {
    /// Reads answers from `input`, which is read in a thread of its own until its end, and prints
    /// questions to `out`. `by` is who sits there.
    pub fn new(
        input: impl BufRead + Send + 'static,
        out: Box<dyn Write + Send>,
        by: String,
    ) -> Self {
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in input.lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { by, turn: Mutex::new(()), lines: Mutex::new(lines), out: Mutex::new(out) }
    }

    fn print(&self, text: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = out.write_all(base::printable(text).as_bytes());
        let _ = out.flush();
    }
}

impl Interviewer for Console {
    fn ask(&self, _: &ActionId, question: &Question, closed: &Cancel) -> Reply {
        use std::sync::mpsc::RecvTimeoutError;
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if closed.is_pulled() {
            return Reply::NotNow;
        }
        self.print(&shown(question));
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match lines.recv_timeout(CLOSED_POLL) {
                Ok(line) if line.trim().is_empty() => match &question.default {
                    Some(choice) => {
                        return Reply::Choice { choice: choice.clone(), by: self.by.clone() };
                    }
                    None => self.print("? "),
                },
                Ok(line) => {
                    return Reply::Choice { choice: line.trim().to_owned(), by: self.by.clone() };
                }
                Err(RecvTimeoutError::Timeout) if closed.is_pulled() => {
                    self.print("(closed)\n");
                    return Reply::NotNow;
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The end of the input: nobody is there.
                Err(RecvTimeoutError::Disconnected) => return Reply::NotNow,
            }
        }
    }
}

/// A question as a terminal shows it.
fn shown(question: &Question) -> String {
    let mut text = format!("[?] {}\n", question.text);
    for choice in &question.choices {
        let default = if question.default.as_ref() == Some(choice) { " (default)" } else { "" };
        text.push_str(&format!("  {}{default}\n", engine::with_key(choice)));
    }
    if question.freeform {
        text.push_str("  or write what you think\n");
    }
    text.push_str(match question.kind {
        Ask::YesNo | Ask::Confirmation => "[Y/N]: ",
        Ask::Freeform => "> ",
        Ask::MultipleChoice => "Select: ",
    });
    text
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use super::*;

    fn question(kind: Ask, choices: &[&str]) -> Question {
        Question {
            text: "Ship it?".to_owned(),
            kind,
            choices: choices.iter().map(|choice| (*choice).to_owned()).collect(),
            freeform: false,
            default: None,
        }
    }

    fn id() -> ActionId {
        "run-1/gate/1/1".parse().unwrap()
    }

    fn choice(reply: Reply) -> String {
        match reply {
            Reply::Choice { choice, .. } => choice,
            other => panic!("{other:?}"),
        }
    }

    fn ask(interviewer: &dyn Interviewer, question: &Question) -> Reply {
        interviewer.ask(&id(), question, &Cancel::default())
    }

    /// Definition of Done 11.8: AutoApproveInterviewer always selects the first option.
    #[test]
    fn auto_approval_takes_the_first_choice_and_yes() {
        let said = |kind, choices: &[&str]| choice(ask(&AutoApprove, &question(kind, choices)));
        assert_eq!(said(Ask::MultipleChoice, &["Fix", "Approve"]), "Fix");
        assert_eq!(said(Ask::YesNo, &["No", "Yes"]), "Yes");
        assert_eq!(said(Ask::Confirmation, &["Stop", "[Y] Go"]), "[Y] Go");
        assert_eq!(said(Ask::Freeform, &[]), "auto-approved");
    }

    /// Definition of Done 11.8: QueueInterviewer reads from a pre-filled answer queue.
    #[test]
    fn a_queue_answers_in_order_and_then_skips() {
        let queue = Queue::new(["a".to_owned(), "b".to_owned()]);
        let asked = question(Ask::MultipleChoice, &["a", "b"]);
        assert_eq!(choice(ask(&queue, &asked)), "a");
        assert_eq!(choice(ask(&queue, &asked)), "b");
        assert_eq!(ask(&queue, &asked), Reply::Skipped { by: "queue".to_owned() });
    }

    /// Definition of Done 11.8: CallbackInterviewer delegates to a provided function.
    #[test]
    fn a_callback_is_given_the_question() {
        let callback = Callback(|id: &ActionId, question: &Question| Reply::Choice {
            choice: format!("{} {}", id.stage, question.text),
            by: "page".to_owned(),
        });
        assert_eq!(choice(ask(&callback, &question(Ask::YesNo, &[]))), "gate Ship it?");
    }

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Definition of Done 11.8: ConsoleInterviewer prompts in terminal and reads user input.
    #[test]
    fn a_terminal_shows_keys_and_reads_a_line() {
        let out = Shared::default();
        let input = Cursor::new("\nf\n");
        let console = Console::new(input, Box::new(out.clone()), "ann".to_owned());
        let asked = question(Ask::MultipleChoice, &["[A] Approve", "Fix"]);
        assert_eq!(choice(ask(&console, &asked)), "f");
        let printed = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        assert_eq!(printed, "[?] Ship it?\n  [A] Approve\n  [F] Fix\nSelect: ? ");
        assert_eq!(ask(&console, &asked), Reply::NotNow, "its input is at its end");
    }

    #[test]
    fn a_recording_answers_what_it_has() {
        let reply = Reply::Choice { choice: "a".to_owned(), by: "ann".to_owned() };
        let recorded = RecordedAnswers::new([(id(), reply.clone())].into());
        assert_eq!(ask(&recorded, &question(Ask::YesNo, &[])), reply);
        let other = "run-1/gate/2/1".parse().unwrap();
        let open = recorded.ask(&other, &question(Ask::YesNo, &[]), &Cancel::default());
        assert_eq!(open, Reply::NotNow);
    }
}
