//! `dark pipeline parse|lint`

use std::path::{Path, PathBuf};

use super::print_json;
use crate::Globals;
use crate::failure::{Answer, Failure};

#[derive(clap::Subcommand)]
pub(crate) enum Sub {
    /// Print the graph that a pipeline is lowered to, as JSON
    Parse {
        /// A DOT file
        file: PathBuf,
    },
    /// Report everything that is wrong with a pipeline
    Lint {
        /// A DOT file
        file: PathBuf,
    },
}

pub(crate) fn run(globals: &Globals, sub: Sub) -> Result<Answer, Failure> {
    match sub {
        Sub::Parse { file } => {
            let parsed = read(&file)?;
            for found in parsed.diagnostics.iter().filter(|found| found.is_error()) {
                eprintln!("{found}");
            }
            match parsed.graph {
                Some(graph) => {
                    print_json(&graph);
                    Ok(Answer::Fine)
                }
                None => Ok(Answer::Wanting),
            }
        }
        Sub::Lint { file } => {
            let parsed = read(&file)?;
            for found in &parsed.diagnostics {
                if globals.json { print_json(found) } else { println!("{found}") }
            }
            let errors = parsed.diagnostics.iter().filter(|found| found.is_error()).count();
            if !globals.json {
                println!(
                    "{}: {errors} errors, {} warnings",
                    file.display(),
                    parsed.diagnostics.len() - errors
                );
            }
            Ok(if errors == 0 { Answer::Fine } else { Answer::Wanting })
        }
    }
}

fn read(file: &Path) -> Result<::pipeline::Parsed, Failure> {
    let source = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("failed to read {}: {error}", file.display())))?;
    Ok(::pipeline::load(&file.display().to_string(), &source))
}
