//! `dark show`

use std::path::PathBuf;

use factory::Factory;
use ledger::LedgerError;

use super::{print_json, writable};
use crate::Globals;
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run
    run: String,
    /// Print the case: why what was built may be trusted (Markdown)
    #[arg(long)]
    case: bool,
    /// Print the ledger's entries of the run, one JSON object a line
    #[arg(long)]
    entries: bool,
    /// Print one body of the ledger, such as a prompt
    #[arg(long, value_name = "DIGEST")]
    body: Option<String>,
    /// Write the run's folder (manifest, checkpoint, a status for each stage) to a new folder
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
    /// Write the run as a recording that `dark replay` takes
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
}

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let factory = Factory::open_read_only(&globals.start)?;
    let id = factory::run_id(&args.run)?;
    let summary = factory::summary(&factory.ledger, &id)?;
    if let Some(digest) = args.body {
        let digest =
            digest.parse().map_err(|error: base::DigestError| Failure::usage(error.to_string()))?;
        let body = factory.ledger.body(&digest).map_err(|error| match error {
            LedgerError::NoBody { .. } => {
                Failure::usage(format!("there is no body {digest} in this factory's ledger"))
            }
            error => error.into(),
        })?;
        std::io::Write::write_all(&mut std::io::stdout(), &body)?;
    } else if let Some(dir) = args.export {
        let (_, state) = factory.state(&id)?;
        let entries = factory.ledger.run(&id)?;
        runner::export(&factory.ledger, &id, &entries, &state, &dir)
            .map_err(|error| Failure::usage(base::chain(&error)))?;
        println!("wrote {}", dir.display());
    } else if let Some(file) = args.recording {
        writable("recording", &file)?;
        let recording = factory::record_run(&factory.ledger, &id)?;
        std::fs::write(&file, recording.to_text())?;
        println!("wrote {} entries to {}", recording.entries.len(), file.display());
    } else if args.entries {
        for entry in factory.ledger.run(&id)? {
            print_json(&entry);
        }
    } else if args.case {
        match factory::case_of(&factory.ledger, &id)? {
            Some(case) => print!("{case}"),
            None => {
                return Err(Failure::usage(format!("run {id} has no case: it was never proven")));
            }
        }
    } else if globals.json {
        print_json(&summary);
    } else {
        println!("{}: {} {}", summary.run, summary.stands, summary.detail);
        for line in factory::story(&factory.ledger, &id)? {
            println!("    {line}");
        }
    }
    Ok(Answer::Fine)
}
