//! `dark answer`

use std::path::PathBuf;
use std::sync::Arc;

use engine::{Action, Input, pending};

use super::{person_key, resume, run};
use crate::Globals;
use crate::failure::{Answer, Failure};
use crate::stop;
use crate::terminal::Terminal;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run that waits
    run: String,
    /// One of its choices, such as approve or refuse
    choice: String,
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
    let mut waiting = resume::bring_back(globals, &args.run, None, &terminal)?;
    let asked = pending(&waiting.state).into_iter().find_map(|action| match action {
        Action::Ask { id, question, .. } => Some((id, question)),
        _ => None,
    });
    let Some((action, question)) = asked else {
        terminal.finish();
        let run = &args.run;
        return Err(Failure::policy(format!(
            "run {run} asks nothing: `dark show {run}` tells how it stands"
        )));
    };
    if !question.choices.contains(&args.choice) {
        terminal.finish();
        let choices = question.choices.join("`, `");
        return Err(Failure::usage(format!("`{}` is no answer: choose `{choices}`", args.choice)));
    }
    let by = args.by.unwrap_or_else(|| waiting.hands.loaded.intent.owner.clone());
    let people = waiting.hands.layout.people();
    factory::sign_answer(&waiting.recorder, &action, &args.choice, &by, &key, &people)
        .map_err(|error| Failure::policy(crate::failure::chain(&error)))?;
    waiting.tell(&Input::Answered { action, choice: args.choice, by })?;
    run::drive(&mut waiting, &terminal, &cancel, globals)
}
