//! `dark check`

use std::path::PathBuf;

use base::{Diagnostic, Severity};
use factory::{Examined, IntentError};

use super::print_json;
use crate::Globals;
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The intent: its directory or its intent.md
    pub(crate) intent: PathBuf,
}

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let examined = match factory::examine(&args.intent, &globals.start) {
        Err(IntentError::Malformed(found)) if globals.json => {
            print_json(&serde_json::json!({ "diagnostics": found }));
            return Ok(Answer::Wanting);
        }
        examined => examined?,
    };
    if globals.json {
        print_json(&examined);
    } else {
        show(&examined);
    }
    Ok(if examined.is_fit() { Answer::Fine } else { Answer::Wanting })
}

fn show(examined: &Examined) {
    for found in &examined.diagnostics {
        println!("{found}");
    }
    let count = |severity| {
        examined.diagnostics.iter().filter(|one: &&Diagnostic| one.severity == severity).count()
    };
    println!(
        "{}: {} requirements, {} scenarios; {} errors, {} warnings",
        examined.intent,
        examined.requirements,
        examined.scenarios,
        count(Severity::Error),
        count(Severity::Warning)
    );
    println!(
        "strength: {} of {} degenerate programs are caught",
        examined.caught, examined.degenerates
    );
    println!("signature: {}", examined.signature);
    println!(
        "level: asks for {}, {} before a build",
        examined.level_asked, examined.decision.level
    );
    for term in &examined.decision.terms {
        let binds = if examined.decision.binding.contains(&term.name) { " <- binds" } else { "" };
        println!("    {:<14} {} ({}){binds}", term.name, term.level, term.value);
        if let (Some(next), false) = (&term.next, binds.is_empty()) {
            println!("    {:<14} to raise it: {next}", "");
        }
    }
}
