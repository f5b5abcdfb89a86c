//! `dark pipeline run`

use std::collections::BTreeMap;
use std::io::{BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base::ActionId;
use engine::{Ending, Question, State};
use model::Model;
use runner::{
    AutoApprove, Console, CustomHandler, Interviewer, Models, NewRun, Reply, Solo, SoloError,
    SoloOptions, StageModels, Stand,
};
use sandbox::{Cancel, Choice, Sandbox};

use super::answers::Answers;
use crate::commands::{open_model, print_json};
use crate::failure::{Answer, Failure};
use crate::terminal::{self, Terminal};
use crate::{Globals, stop};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A DOT file; may be left out with --resume
    #[arg(required_unless_present = "resume")]
    file: Option<PathBuf>,
    /// Keep the run in this folder, so that it survives a crash and can wait for people
    /// [default: in memory alone]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Go on with the run in --dir
    #[arg(long, requires = "dir")]
    resume: bool,
    /// The model that performs agent stages [default: they are simulated]
    #[arg(long)]
    model: Option<String>,
    /// Let each stage have the model that it names (llm_provider and llm_model, or by the stylesheet)
    #[arg(long)]
    stage_models: bool,
    /// Simulate tools too: nothing is done at all
    #[arg(long)]
    simulate: bool,
    /// Where tools work [default: the current folder]
    #[arg(long, value_name = "DIR")]
    workdir: Option<PathBuf>,
    /// The run's seed: what is drawn at random comes from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take the first choice of every question
    #[arg(long, conflicts_with = "answer")]
    auto_approve: bool,
    /// Answer the next question with this; may be given several times
    #[arg(long, value_name = "CHOICE")]
    answer: Vec<String>,
    /// Perform stages of type NAME by a shell command in the sandbox; may be given several times
    #[arg(long, value_name = "NAME=COMMAND")]
    handler: Vec<String>,
    /// Write the run's folder (manifest, checkpoint, a status for each stage) here when it stops
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
}

/// Seeds are numbers in JSON too, exact below 2^53.
const SEED_MAX: u64 = (1 << 53) - 1;

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let cancel = stop::on_signal();
    if let Some(logs) = args.logs.as_ref().filter(|logs| logs.exists()) {
        let shown = logs.display();
        return Err(Failure::usage(format!("{shown} is there already: name a new folder")));
    }
    if let Some(logs) = &args.logs {
        // Found out before the work and not after it.
        std::fs::create_dir_all(logs).map_err(|error| {
            Failure::usage(format!("failed to make {}: {error}", logs.display()))
        })?;
    }
    let mut handlers = BTreeMap::new();
    for handler in &args.handler {
        let (name, command) = handler.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`--handler {handler}` has no `=`: write NAME=COMMAND"))
        })?;
        handlers.insert(name.to_owned(), CustomHandler::Command(command.to_owned()));
    }
    let models = Models {
        default: args.model.as_deref().map(|name| open_model(name, None)).transpose()?,
        of_stage: args.stage_models.then(stage_models),
    };
    let sandbox = if args.simulate {
        None
    } else {
        Some(Sandbox::open(Choice::Auto).map_err(|error| Failure::of(&error))?)
    };
    let terminal = Arc::new(Terminal::new(globals.json));
    let names: Vec<String> = handlers.keys().cloned().collect();
    let options = SoloOptions { models, sandbox, handlers, watcher: terminal.clone() };
    let solo = open(globals, &args, &names, options);
    let mut solo = match solo {
        Ok(solo) => solo,
        Err(failure) => {
            terminal.finish();
            return Err(failure);
        }
    };
    let answers = Answers::new(&args.answer);
    let interviewer = interviewer(&args, globals, &terminal);
    let given: Option<&dyn Interviewer> = (!args.answer.is_empty()).then_some(&answers);
    let driven = solo.drive(given.or(interviewer.as_deref()), &cancel);
    terminal.finish();
    let stand = driven.map_err(|error| {
        let again = args.dir.as_ref().map_or_else(String::new, |dir| {
            format!("; go on with: dark pipeline run --resume --dir {}", quoted(dir))
        });
        Failure::environment(format!("{}{again}", base::chain(&error)))
    })?;
    if let Some(dir) = &args.logs {
        let entries = solo.recorder.ledger.run(&solo.recorder.run).map_err(|e| Failure::of(&e))?;
        let (ledger, run) = (&solo.recorder.ledger, &solo.recorder.run);
        runner::export(ledger, run, &entries, &solo.state, dir)
            .map_err(|error| Failure::usage(base::chain(&error)))?;
    }
    if let Some(refused) = answers.refused() {
        return Err(Failure::usage(refused));
    }
    if answers.left() > 0 {
        eprintln!("dark: {} of the answers were not asked for", answers.left());
    }
    if globals.json {
        print_json(&solo.state);
    } else {
        tell(&solo.state, &stand, args.dir.as_deref());
    }
    Ok(match stand {
        Stand::Ended(Ending::Completed) => Answer::Fine,
        Stand::Ended(Ending::Held { .. }) | Stand::Waiting { .. } => Answer::Wanting,
        Stand::Ended(Ending::Cancelled { .. }) | Stand::Interrupted => Answer::Interrupted,
    })
}

/// Opens each model once.
fn stage_models() -> Box<StageModels> {
    let opened: Mutex<BTreeMap<String, Arc<dyn Model>>> = Mutex::new(BTreeMap::new());
    Box::new(move |name| {
        let mut opened = opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = opened.get(name) {
            return Ok(Arc::clone(model));
        }
        let model = open_model(name, None).map_err(|failure| failure.to_string())?;
        opened.insert(name.to_owned(), Arc::clone(&model));
        Ok(model)
    })
}

fn open(
    globals: &Globals,
    args: &Args,
    handlers: &[String],
    options: SoloOptions,
) -> Result<Solo, Failure> {
    if args.resume {
        let dir = args.dir.as_deref().expect("it is required with --resume");
        let source = match &args.file {
            Some(file) => {
                let shown = file.display().to_string();
                Some((shown, super::text(file)?))
            }
            None => None,
        };
        let source = source.as_ref().map(|(file, source)| (file.as_str(), source.as_str()));
        let solo = Solo::resume(dir, source, options).map_err(failure)?;
        if let Some(ending) = solo.state.ending() {
            let ended = factory::ending_in_words(ending);
            return Err(Failure::policy(format!(
                "the run in {} has ended ({ended}): start a new one in another folder",
                dir.display()
            )));
        }
        return Ok(solo);
    }
    let file = args.file.as_deref().expect("it is required without --resume");
    let handlers: Vec<&str> = handlers.iter().map(String::as_str).collect();
    let (source, graph) = super::sound(file, &handlers, globals.json)?;
    let workdir = args.workdir.clone().unwrap_or_else(|| PathBuf::from("."));
    let shown = workdir.display();
    let unfit = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("no folder for tools: {shown}: {why}"))
    };
    let workdir = workdir.canonicalize().map_err(|error| unfit(&error))?;
    if !workdir.is_dir() {
        return Err(unfit(&"it is no folder"));
    }
    for name in handlers {
        let custom = ::pipeline::Handler::Custom(name.to_owned());
        if !graph.stages.values().any(|stage| stage.handler == custom) {
            return Err(Failure::usage(format!("no stage has the type `{name}` of --handler")));
        }
    }
    if args.seed > SEED_MAX {
        return Err(Failure::usage(format!("a seed is at most {SEED_MAX}")));
    }
    let shown = file.display().to_string();
    let new =
        NewRun { file: &shown, source: &source, graph: &graph, workdir: &workdir, seed: args.seed };
    Solo::start(args.dir.as_deref(), &new, options).map_err(failure)
}

fn failure(error: SoloError) -> Failure {
    match error {
        SoloError::Taken(_) | SoloError::Empty(_) => Failure::usage(error.to_string()),
        SoloError::Edited { .. } => Failure::policy(error.to_string()),
        SoloError::Drive(runner::DriveError::Refused(refusal)) => {
            Failure::usage(refusal.to_string())
        }
        other => Failure::of(&other),
    }
}

fn interviewer(
    args: &Args,
    globals: &Globals,
    terminal: &Arc<Terminal>,
) -> Option<Box<dyn Interviewer>> {
    if args.auto_approve {
        return Some(Box::new(AutoApprove));
    }
    let stdin = std::io::stdin();
    (stdin.is_terminal() && !globals.json).then(|| {
        let by = std::env::var("USER").ok().filter(|user| !user.is_empty());
        let by = by.unwrap_or_else(|| "terminal".to_owned());
        let console = Console::new(BufReader::new(stdin), Box::new(std::io::stdout()), by);
        Box::new(AtTerminal { console, terminal: Arc::clone(terminal) }) as Box<dyn Interviewer>
    })
}

/// Asks at the terminal that also shows how the run goes.
struct AtTerminal {
    console: Console,
    terminal: Arc<Terminal>,
}

impl Interviewer for AtTerminal {
    fn ask(&self, id: &ActionId, question: &Question, closed: &Cancel) -> Reply {
        self.terminal.ask(|| self.console.ask(id, question, closed))
    }
}

fn tell(state: &State, stand: &Stand, dir: Option<&Path>) {
    let wall = terminal::seconds(std::time::Duration::from_millis(state.spend().wall_ms));
    let cost = terminal::spent(&state.spend());
    let resume = dir.map_or_else(String::new, |dir| {
        format!("; go on with: dark pipeline run --resume --dir {}", quoted(dir))
    });
    match stand {
        Stand::Ended(Ending::Completed) => println!("completed; {wall} of work{cost}"),
        Stand::Ended(ending) => {
            println!("{}", base::printable(&factory::ending_in_words(ending)));
        }
        Stand::Waiting { questions } => {
            for (action, question) in questions {
                let choices = base::printable(&question.choices.join(" | ")).into_owned();
                let text = base::printable(&question.text);
                let choices =
                    if choices.is_empty() { String::new() } else { format!(" ({choices})") };
                println!("{action} waits for a person: {text}{choices}");
            }
            match dir {
                Some(dir) => println!(
                    "answer with: dark pipeline run --resume --dir {} --answer CHOICE",
                    quoted(dir)
                ),
                None => println!("nobody answers here: use --answer, --auto-approve or --dir"),
            }
        }
        Stand::Interrupted => println!("interrupted{resume}"),
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let shown = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if !shown.is_empty() && shown.chars().all(plain) {
        return shown;
    }
    format!("'{}'", shown.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_path_as_it_is() {
        let shown = |path: &str| quoted(Path::new(path));
        assert_eq!(shown("runs/a-1"), "runs/a-1");
        assert_eq!(shown("my run's"), r"'my run'\''s'");
    }
}
