//! `dark pipeline parse|lint|graph|run`

mod answers;
mod graph;
mod run;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::print_json;
use crate::Globals;
use crate::failure::{Answer, Failure};

#[derive(clap::Subcommand)]
pub(crate) enum Sub {
    /// Print the graph that a pipeline is lowered to, and all findings, as JSON
    Parse {
        /// A DOT file
        file: PathBuf,
    },
    /// Report everything that is wrong with a pipeline
    Lint {
        /// A DOT file
        file: PathBuf,
    },
    /// Draw a pipeline as SVG, with the state of a run on it if one is named
    Graph(graph::Args),
    /// Run a pipeline on its own, without an intent: agents by a model or simulated, tools in the
    /// sandbox
    Run(run::Args),
}

pub(crate) fn run(globals: &Globals, sub: Sub) -> Result<Answer, Failure> {
    match sub {
        Sub::Parse { file } => {
            let parsed = read(&file, &[])?.1;
            for found in parsed.diagnostics.iter().filter(|found| found.is_error()) {
                eprintln!("{found}");
            }
            print_json(&parsed);
            Ok(if parsed.graph.is_some() { Answer::Fine } else { Answer::Wanting })
        }
        Sub::Lint { file } => {
            let parsed = read(&file, &[])?.1;
            for found in &parsed.diagnostics {
                if globals.json { print_json(found) } else { println!("{found}") }
            }
            let count = |severity| {
                parsed.diagnostics.iter().filter(|found| found.severity == severity).count()
            };
            let errors = count(base::Severity::Error);
            if !globals.json {
                let warnings = count(base::Severity::Warning);
                println!("{}: {errors} errors, {warnings} warnings", file.display());
            }
            // The process ends here: giving back a hundred thousand stages one by one is for nobody.
            std::mem::forget(parsed);
            Ok(if errors == 0 { Answer::Fine } else { Answer::Wanting })
        }
        Sub::Graph(args) => graph::run(globals, &args),
        Sub::Run(args) => run::run(globals, args),
    }
}

/// Bytes that are read of a file: one more than a pipeline may have, so that it is told to be too large.
const READ_BYTES_MAX: u64 = (32 << 20) + 1;

/// A file's text, as much of it as is looked at.
fn text(file: &Path) -> Result<String, Failure> {
    let read = || {
        let mut bytes = Vec::new();
        std::fs::File::open(file)?.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is no text in UTF-8"))
    };
    read().map_err(|error| Failure::usage(format!("failed to read {}: {error}", file.display())))
}

/// A pipeline's source, and all that is to be said about it.
fn read(file: &Path, handlers: &[&str]) -> Result<(String, ::pipeline::Parsed), Failure> {
    let source = text(file)?;
    let files = runner::beside(file);
    let options = ::pipeline::Options { handlers, files: &files, ..Default::default() };
    let parsed = options.load(&file.display().to_string(), &source);
    Ok((source, parsed))
}

/// A pipeline that may run; its warnings are told, its errors are the failure.
fn sound(
    file: &Path,
    handlers: &[&str],
    quiet: bool,
) -> Result<(String, ::pipeline::Graph), Failure> {
    let (source, parsed) = read(file, handlers)?;
    match parsed.into_graph() {
        Ok((graph, warnings)) => {
            for warning in warnings.iter().filter(|_| !quiet) {
                eprintln!("{warning}");
            }
            Ok((source, graph))
        }
        Err(found) => {
            let errors: Vec<_> = found.into_iter().filter(base::Diagnostic::is_error).collect();
            Err(Failure::wanting(&errors))
        }
    }
}
