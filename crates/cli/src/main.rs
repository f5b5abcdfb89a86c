//! `dark`: software production with the lights off, from the command line. Thin: one command, one
//! file; everything that is decided or done is decided and done in the rooms below.

mod commands;
mod failure;
mod scratch;
mod stop;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::{Answer, Failure};

/// Twins answer by many small allocations, from which the system's allocator takes a tenth of the time and more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Turns a signed intent into shipped software, and proves it.
#[derive(Parser)]
#[command(name = "dark", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 shipped or fine, 1 held or found wanting, 2 usage, \
    3 the environment is not fit, 4 refused by policy, 130 interrupted.")]
struct Cli {
    /// The factory: the directory with factory.toml [default: this one or the nearest above]
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    factory: Option<PathBuf>,

    /// Print data as JSON, one object a line
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a factory directory with a working example
    Init(commands::init::Args),
    /// Is this intent strong enough to build with the lights off, and what is missing?
    Check(commands::check::Args),
    /// Seal an intent with its scenarios and sign it with your SSH key
    Sign(commands::sign::Args),
    /// Build an intent, prove it and ship it, here and now
    Run(commands::run::Args),
    /// Go on with a run that was interrupted
    Resume(commands::resume::Args),
    /// Answer a run that waits for a person; the answer is signed
    Answer(commands::answer::Args),
    /// End a run that has not ended; nothing of it ships
    Cancel(commands::cancel::Args),
    /// List the runs of this factory
    Runs(commands::runs::Args),
    /// Show a run: its stages, its case, its ledger entries
    Show(commands::show::Args),
    /// From a line, commit or run back to the requirement and the person
    Trace(commands::trace::Args),
    /// Verify shipped software or a ledger, offline
    Verify(commands::verify::Args),
    /// Do a run again from its ledger or from a recording, without a model
    Replay(commands::replay::Args),
    /// The level that the evidence supports, and what would raise it
    Lights(commands::lights::Args),
    /// Models: list, pull, try
    #[command(subcommand)]
    Model(commands::model::Sub),
    /// Pipelines: parse, lint, draw, run
    #[command(subcommand)]
    Pipeline(commands::pipeline::Sub),
    /// Scenarios: play them on a directory, list the steps they may use
    #[command(subcommand)]
    Scenario(commands::scenario::Sub),
    /// Twins of services: serve them, score them, compare them with recordings
    #[command(subcommand)]
    Twin(commands::twin::Sub),
    /// Is this machine fit? Tries to break out of its own sandbox
    Doctor(commands::doctor::Args),
    /// See the whole line work: from an intent to shipped, verified software
    Demo(commands::demo::Args),
}

/// What every command is told.
pub(crate) struct Globals {
    /// Where to look for the factory.
    pub(crate) start: PathBuf,
    pub(crate) json: bool,
}

fn main() -> ExitCode {
    end_quietly_where_nobody_reads_on();
    let cli = Cli::parse();
    use_every_core();
    if let Some(Err(failure)) = cli.factory.as_deref().map(|dir| commands::named("factory", dir)) {
        return report(Err(failure));
    }
    let start = cli.factory.unwrap_or_else(|| PathBuf::from("."));
    let start = std::fs::canonicalize(&start).unwrap_or(start);
    let globals = Globals { start, json: cli.json };
    let _scratch = scratch::Scratch::open();
    let done = match cli.command {
        Command::Init(args) => commands::init::run(&globals, args),
        Command::Check(args) => commands::check::run(&globals, args),
        Command::Sign(args) => commands::sign::run(&globals, args),
        Command::Run(args) => commands::run::run(&globals, args),
        Command::Resume(args) => commands::resume::run(&globals, args),
        Command::Answer(args) => commands::answer::run(&globals, args),
        Command::Cancel(args) => commands::cancel::run(&globals, args),
        Command::Runs(args) => commands::runs::run(&globals, args),
        Command::Show(args) => commands::show::run(&globals, args),
        Command::Trace(args) => commands::trace::run(&globals, args),
        Command::Verify(args) => commands::verify::run(&globals, args),
        Command::Replay(args) => commands::replay::run(&globals, args),
        Command::Lights(args) => commands::lights::run(&globals, args),
        Command::Model(sub) => commands::model::run(&globals, sub),
        Command::Pipeline(sub) => commands::pipeline::run(&globals, sub),
        Command::Scenario(sub) => commands::scenario::run(&globals, sub),
        Command::Twin(sub) => commands::twin::run(&globals, sub),
        Command::Doctor(args) => commands::doctor::run(&globals, args),
        Command::Demo(args) => commands::demo::run(&globals, args),
    };
    report(done)
}

/// The local model's tensors count physical cores and overlook the quota of a container; what the
/// system lets this process use is the better number.
fn use_every_core() {
    const THREADS: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(THREADS).is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // SAFETY: no other thread has been started yet.
        unsafe { std::env::set_var(THREADS, cores.to_string()) };
    }
}

/// `dark runs | head` ends as other programs do when their reader is content: by its exit code alone.
/// Everything that was acknowledged is durable, so that ending here loses nothing.
fn end_quietly_where_nobody_reads_on() {
    /// What a shell says of a program that SIGPIPE ended: 128 + 13.
    const CLOSED_PIPE: i32 = 141;
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to std") && said.contains("Broken pipe") {
            std::process::exit(CLOSED_PIPE);
        }
        usual(panic);
    }));
}

fn report(done: Result<Answer, Failure>) -> ExitCode {
    match done {
        Ok(answer) => ExitCode::from(answer.code()),
        Err(failure) => {
            eprintln!("dark: {}", base::printable(&failure.to_string()));
            ExitCode::from(failure.code())
        }
    }
}
