//! The answers that a command line gives.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::ActionId;
use engine::Question;
use runner::{Interviewer, Reply};
use sandbox::Cancel;

/// Gives answers to questions in their order. Questions beyond the answers stay open, and so does one
/// whose answer was none of its choices: what was typed wrong must not fail the run.
pub(super) struct Answers(Mutex<Given>);

struct Given {
    left: VecDeque<String>,
    /// What each question was answered with: one that is asked again has refused it.
    by_question: BTreeMap<ActionId, String>,
    refused: Option<String>,
}

impl Answers {
    pub(super) fn new(answers: &[String]) -> Self {
        let left = answers.iter().cloned().collect();
        Self(Mutex::new(Given { left, by_question: BTreeMap::new(), refused: None }))
    }

    /// The first answer that was none of its question's choices, and what they are.
    pub(super) fn refused(&self) -> Option<String> {
        self.given().refused.clone()
    }

    /// Answers that no question was asked for.
    pub(super) fn left(&self) -> usize {
        self.given().left.len()
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interviewer for Answers {
    fn ask(&self, id: &ActionId, question: &Question, _: &Cancel) -> Reply {
        let mut given = self.given();
        if let Some(answer) = given.by_question.get(id) {
            let choices = question.choices.join(" | ");
            let text = &question.text;
            let refused = format!("`{answer}` is no answer to {id}: {text} ({choices})");
            given.refused.get_or_insert(refused);
            return Reply::NotNow;
        }
        let Some(choice) = given.left.pop_front() else { return Reply::NotNow };
        given.by_question.insert(id.clone(), choice.clone());
        Reply::Choice { choice, by: "command line".to_owned() }
    }
}
