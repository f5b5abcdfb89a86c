//! `dark demo`: the whole line, from an intent to shipped and verified software, each step explained.

use std::path::{Path, PathBuf};
use std::process::Command;

use base::RunId;
use factory::{Factory, Init, Layout, Recording};
use ship::ssh;

use super::{check, local_model, model, replay, run, shown, trace, verify};
use crate::Globals;
use crate::failure::{Answer, Failure};

/// The recorded run that comes with the program.
const RECORDING: &str = include_str!("../../../../examples/recordings/demo.json");

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to make the demo's factory [default: a new directory dark-demo-N here]
    dir: Option<PathBuf>,
    /// The model to build with
    #[arg(long, default_value = "local")]
    model: String,
    /// The run's seed [default: drawn]
    #[arg(long)]
    seed: Option<u64>,
    /// Show a recorded run instead: needs no model, and says that it is a recording
    #[arg(long)]
    recorded: bool,
}

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    if args.recorded {
        say(
            "A recorded run, done again without its model: its answers are played back, everything else is real.",
        );
        let recording = Recording::parse(RECORDING)
            .map_err(|error| Failure::environment(format!("the recording {error}")))?;
        return replay::replay(globals, &recording);
    }
    let root = fresh(args.dir)?;
    let globals = Globals { start: root.clone(), json: globals.json };

    say(&format!("1. A factory is a directory. This one is {}.", shown(&root)));
    let layout = make(&root)?;
    let owner_key = root.join("demo-key");

    let intent = layout.intents().join(factory::EXAMPLES[0].name);
    say(
        "2. A person wrote what correct looks like. The builder will see this, and never the scenarios.",
    );
    show_intent(&intent)?;

    say(
        "3. Is that enough to build with the lights off? The scenarios are played against programs that are wrong on purpose.",
    );
    let loaded = factory::load_intent(&intent)?;
    factory::sign_intent(&intent, &loaded, &owner_key)?;
    if check::run(&globals, check::Args { intent: intent.clone() })? != Answer::Fine {
        return Ok(Answer::Wanting);
    }
    println!("   (signed with a key that the demo made for itself: {})", shown(&owner_key));

    if args.model == "local" && !local_model()?.0 {
        say("4. The local model is not here yet: fetching it once, 1.1 GB.");
        model::pull(&globals)?;
    }
    say(
        "4. Lights off. Agents build it in a sandbox; scenarios that they never saw judge it; what passes ships.",
    );
    let run_args = run::Args::of(intent, Some(args.model), args.seed);
    let built = run::run(&globals, run_args)?;
    if built != Answer::Fine {
        say("Nothing was shipped, which is the right outcome for a build that is not good enough.");
        println!("   Why: dark -C {0} runs, then dark -C {0} show RUN", shown(&root));
        println!(
            "   What to do: run it again with another seed, or with a stronger model (--model)."
        );
        return Ok(built);
    }

    say("5. A clone of the product, as anybody would get it.");
    let clone = root.join("clone");
    git_clone(&root.join("products/tools.git"), &clone)?;
    let (file, line) = interesting_line(&clone, &loaded)?;
    println!("   {}", shown(&clone));

    say(&format!("6. Whose wish is line {line} of {file}? From the line back to the person:"));
    let what = format!("{file}:{line}");
    trace::run(&globals, trace::Args::of(what, Some(clone.clone())))?;

    say("7. Anybody can verify it offline, with public keys only, without trusting this factory.");
    let verified = verify::run(&globals, verify::Args::of(clone, layout.trust()))?;
    let ledger = verify::run(&globals, verify::Args::of(root.clone(), layout.trust()))?;
    let run = newest_run(&root)?;
    say(&format!(
        "Done. Its case, for whoever must answer for it: dark -C {} show {run} --case",
        shown(&root)
    ));
    Ok(if verified == Answer::Fine { ledger } else { verified })
}

fn say(text: &str) {
    println!("\n== {text}");
}

fn fresh(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let dir = match named {
        Some(dir) => dir,
        None => (1..1000)
            .map(|number| PathBuf::from(format!("dark-demo-{number}")))
            .find(|dir| !dir.exists())
            .ok_or_else(|| Failure::usage("there are a thousand demos here: remove some"))?,
    };
    std::fs::create_dir_all(&dir)?;
    Ok(dir.canonicalize()?)
}

fn make(root: &Path) -> Result<Layout, Failure> {
    let key = root.join("demo-key");
    if !key.exists() {
        ssh::generate(&key, "demo owner").map_err(|error| Failure::of(&error))?;
    }
    let options = Init {
        name: "demo".to_owned(),
        owner: "ada@example.com".to_owned(),
        owner_key: Some(root.join("demo-key.pub")),
        example: &factory::EXAMPLES[0],
    };
    factory::init(root, &options).map_err(|error| Failure::usage(base::chain(&error)))
}

fn show_intent(intent: &Path) -> Result<(), Failure> {
    let text = std::fs::read_to_string(intent.join("intent.md"))?;
    for line in text.lines() {
        println!("   | {line}");
    }
    Ok(())
}

fn git_clone(from: &Path, to: &Path) -> Result<(), Failure> {
    let done = Command::new("git").args(["clone", "--quiet"]).arg(from).arg(to).status()?;
    if done.success() { Ok(()) } else { Err(Failure::environment("git clone failed")) }
}

/// A line with something on it: the middle one of those that are longest in the product's first file.
fn interesting_line(clone: &Path, loaded: &factory::Loaded) -> Result<(String, usize), Failure> {
    let file = loaded.intent.interface.files.first().cloned().unwrap_or_default();
    let text = std::fs::read_to_string(clone.join(&file))?;
    let line = text.lines().enumerate().max_by_key(|(_, line)| line.trim().len());
    Ok((file, line.map_or(1, |(index, _)| index + 1)))
}

fn newest_run(root: &Path) -> Result<RunId, Failure> {
    let factory = Factory::open_read_only(root)?;
    factory.ledger.runs()?.pop().ok_or_else(|| Failure::environment("the run is not on the ledger"))
}
