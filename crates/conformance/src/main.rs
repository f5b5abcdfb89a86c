//! `attractor-conformance`: this implementation behind the command line that strongdm/attractorbench
//! drives in its tier 3. README.md says what is known of that contract and what is assumed.
//!
//! It decides nothing and knows no rule of its own: it puts what other crates say into the words of
//! `attractor-spec.md`. One JSON text goes to standard output, whatever happens; what is for a person
//! goes to standard error.

mod backend;
mod findings;
mod graph;
mod run;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

const USAGE: &str = "usage: attractor-conformance parse FILE | validate FILE \
                     | run FILE [--logs-root DIR] [--workdir DIR] | list-handlers";

/// Why there is no answer, or not the one that was hoped for.
struct Failure {
    /// 1, or 2 where the command line is wrong.
    code: u8,
    told: Value,
}

impl Failure {
    fn new(reason: impl Into<String>) -> Self {
        Self { code: 1, told: json!({ "error": reason.into() }) }
    }

    fn usage(reason: impl std::fmt::Display) -> Self {
        Self { code: 2, ..Self::new(format!("{reason}; {USAGE}")) }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (told, code) = match dispatch(&arguments) {
        Ok(told) => (told, 0),
        Err(failure) => {
            if let Some(error) = failure.told["error"].as_str() {
                eprintln!("{error}");
            }
            (failure.told, failure.code)
        }
    };
    println!("{}", serde_json::to_string_pretty(&told).expect("a value has a JSON form"));
    ExitCode::from(code)
}

fn dispatch(arguments: &[&str]) -> Result<Value, Failure> {
    match arguments {
        ["parse", file] => parse(Path::new(file)),
        ["validate", file] => validate(Path::new(file)),
        ["run", file, options @ ..] => run::run(Path::new(file), &run_options(options)?),
        ["list-handlers"] => Ok(json!(graph::HANDLERS)),
        [command @ ("parse" | "validate"), ..] => {
            Err(Failure::usage(format!("`{command}` takes one file")))
        }
        [other, ..] => Err(Failure::usage(format!("`{other}` is not a command, or lacks a file"))),
        [] => Err(Failure::usage("no command")),
    }
}

/// The syntax alone, as the specification's graph model; what is wrong with the graph as a whole is
/// for `validate`.
fn parse(file: &Path) -> Result<Value, Failure> {
    let source = read(file)?;
    let files = runner::beside(file);
    let options = pipeline::Options { files: &files, ..Default::default() };
    match options.parse(&file.display().to_string(), &source).into_graph() {
        Ok((graph, _)) => Ok(graph::told(&graph)),
        Err(found) => Err(findings::refused(&found)),
    }
}

fn validate(file: &Path) -> Result<Value, Failure> {
    let parsed = load(file)?.1;
    let told = findings::told(&parsed.diagnostics);
    if parsed.graph.is_some() { Ok(told) } else { Err(Failure { code: 1, told }) }
}

/// A pipeline's source, and all that is to be said about it.
fn load(file: &Path) -> Result<(String, pipeline::Parsed), Failure> {
    let source = read(file)?;
    let files = runner::beside(file);
    let options = pipeline::Options { files: &files, ..Default::default() };
    let parsed = options.load(&file.display().to_string(), &source);
    Ok((source, parsed))
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::new(format!("failed to read {}: {error}", file.display())))
}

fn run_options(arguments: &[&str]) -> Result<run::Options, Failure> {
    let path = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty());
    let mut options = run::Options {
        logs_root: path("ATTRACTOR_LOGS_ROOT").map(PathBuf::from),
        workdir: PathBuf::from("."),
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || {
            let value = rest.next().ok_or_else(|| Failure::usage(format!("`{argument}` of what")));
            value.map(PathBuf::from)
        };
        match *argument {
            "--logs-root" => options.logs_root = Some(value()?),
            "--workdir" => options.workdir = value()?,
            other => return Err(Failure::usage(format!("`{other}` is not an option"))),
        }
    }
    Ok(options)
}
