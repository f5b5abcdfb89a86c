//! `dark runs`

use factory::Factory;

use super::print_json;
use crate::Globals;
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(globals: &Globals, _: Args) -> Result<Answer, Failure> {
    let factory = Factory::open_read_only(&globals.start)?;
    let runs = factory.ledger.runs()?;
    if runs.is_empty() && !globals.json {
        println!("no runs yet: dark run intents/…");
    }
    for run in runs {
        let summary = factory::summary(&factory.ledger, &run)?;
        if globals.json {
            print_json(&summary);
        } else {
            println!("{:<24} {:<10} {}", summary.run, summary.stands, summary.detail);
        }
    }
    Ok(Answer::Fine)
}
