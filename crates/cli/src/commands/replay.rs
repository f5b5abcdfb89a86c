//! `dark replay`

use std::path::Path;
use std::sync::Arc;

use factory::{Factory, Recording};

use super::print_json;
use crate::Globals;
use crate::failure::{Answer, Failure};
use crate::stop;
use crate::terminal::Terminal;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A run of this factory, or a recording's file
    what: String,
}

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let file = Path::new(&args.what);
    let recording = if file.is_file() {
        let text = std::fs::read_to_string(file)?;
        Recording::parse(&text)
            .map_err(|error| Failure::usage(format!("{}: {error}", args.what)))?
    } else {
        let factory = Factory::open_read_only(&globals.start)?;
        factory::record_run(&factory.ledger, &factory::run_id(&args.what)?)?
    };
    replay(globals, &recording)
}

/// Replays a recording and says whether the same software came out.
pub(crate) fn replay(globals: &Globals, recording: &Recording) -> Result<Answer, Failure> {
    let cancel = stop::on_signal();
    let terminal = Arc::new(Terminal::new(globals.json));
    if !globals.json {
        println!(
            "this is a recording of {}: no model is called; checks and proof are done again",
            recording.run
        );
    }
    let replayed = factory::replay(recording, terminal.clone(), &cancel);
    terminal.finish();
    let replayed = replayed?;
    if globals.json {
        print_json(&replayed);
    } else {
        println!("recorded: {}", replayed.recorded);
        println!("replayed: {}", replayed.replayed);
        println!("{}", if replayed.same { "the same" } else { "NOT the same" });
    }
    Ok(if replayed.same { Answer::Fine } else { Answer::Wanting })
}
