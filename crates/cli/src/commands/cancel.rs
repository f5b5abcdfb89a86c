//! `dark cancel`

use std::sync::Arc;

use engine::Input;

use super::{print_json, resume};
use crate::Globals;
use crate::failure::{Answer, Failure};
use crate::terminal::Terminal;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run to end
    run: String,
}

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let terminal = Arc::new(Terminal::new(globals.json));
    // Ending a run asks nobody: it must not need a model that is not there any more.
    let mut run = resume::without_models(globals, &args.run, &terminal)?;
    resume::refuse_ended(&run, &terminal)?;
    let by = std::env::var("USER").unwrap_or_else(|_| "the operator".to_owned());
    run.tell(&Input::Cancelled { by })?;
    terminal.finish();
    let id = &run.recorder.run;
    if globals.json {
        print_json(&factory::summary(&run.recorder.ledger, id)?);
    } else {
        println!("cancelled {id}; nothing of it ships");
    }
    Ok(Answer::Fine)
}
