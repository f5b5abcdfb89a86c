//! `dark answer`

use std::path::PathBuf;
use std::sync::Arc;

use base::ActionId;
use engine::{Action, Input, Question, State, pending};

use super::{person_key, resume, run};
use crate::Globals;
use crate::failure::{Answer, Failure};
use crate::stop;
use crate::terminal::Terminal;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run that waits
    run: String,
    /// One of its choices, such as approve or refuse; any text where the question takes one
    choice: String,
    /// Which question, by its action or its stage, where there are several
    #[arg(long, value_name = "ACTION")]
    question: Option<String>,
    /// Your SSH key [default: ~/.ssh/id_ed25519, …]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Who answers, as trust/people lists them [default: the intent's owner]
    #[arg(long, value_name = "EMAIL")]
    by: Option<String>,
}

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let cancel = stop::on_signal();
    let key = person_key(args.key)?;
    let terminal = Arc::new(Terminal::new(globals.json));
    let mut waiting = resume::bring_back(globals, &args.run, None, None, &terminal)?;
    let (action, question) = match asked(&waiting.state, args.question.as_deref()) {
        Ok(asked) => asked,
        Err(failure) => {
            terminal.finish();
            return Err(failure);
        }
    };
    let known = question.choices.contains(&args.choice);
    if !known && !question.freeform && action.attempt == 0 {
        terminal.finish();
        let choices = question.choices.join("`, `");
        return Err(Failure::usage(format!("`{}` is no answer: choose `{choices}`", args.choice)));
    }
    let by = args.by.unwrap_or_else(|| waiting.hands.loaded.intent.owner.clone());
    let people = waiting.hands.layout.people();
    factory::sign_answer(&waiting.recorder, &action, &args.choice, &by, &key, &people)
        .map_err(|error| Failure::policy(base::chain(&error)))?;
    waiting.tell(&Input::Answered { action, choice: args.choice, by })?;
    run::drive(&mut waiting, &terminal, &cancel, globals)
}

/// The question that is meant.
fn asked(state: &State, wanted: Option<&str>) -> Result<(ActionId, Question), Failure> {
    let run = state.run();
    let mut questions: Vec<(ActionId, Question)> = pending(state)
        .into_iter()
        .filter_map(|action| match action {
            Action::Ask { id, question, .. } => Some((id, question)),
            _ => None,
        })
        .collect();
    if questions.is_empty() {
        return Err(Failure::policy(format!(
            "run {run} asks nothing: `dark show {run}` tells how it stands"
        )));
    }
    let all: Vec<String> = questions.iter().map(|(id, _)| id.to_string()).collect();
    if let Some(wanted) = wanted {
        questions.retain(|(id, _)| id.to_string() == wanted || id.stage.as_str() == wanted);
    }
    if questions.len() == 1 {
        return Ok(questions.remove(0));
    }
    let which = wanted.map_or("several".to_owned(), |wanted| format!("not exactly one `{wanted}`"));
    let all = all.join("` or `");
    Err(Failure::usage(format!("run {run} asks {which}: say `--question` and `{all}`")))
}
