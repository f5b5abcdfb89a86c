//! `dark run`

use std::path::PathBuf;
use std::sync::Arc;

use ::model::{Absent, Model};
use engine::Ending;
use factory::{Factory, FactoryError, Models, Run, Stand, Start};
use intent::Scenario;
use sandbox::Cancel;

use super::{named, open_judge, open_model, print_json};
use crate::Globals;
use crate::failure::{Answer, Failure};
use crate::terminal::Terminal;
use crate::{stop, terminal};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The intent: its directory or its intent.md
    intent: PathBuf,
    /// The model to build with [default: factory.toml's]
    #[arg(long)]
    model: Option<String>,
    /// The run's seed: what is drawn at random comes from it [default: drawn]
    #[arg(long)]
    seed: Option<u64>,
    /// Another pipeline than the line's
    #[arg(long, value_name = "FILE")]
    pipeline: Option<PathBuf>,
    /// Prove and ship the build in this folder instead of having one written
    #[arg(long, value_name = "DIR", conflicts_with = "model")]
    build: Option<PathBuf>,
    /// Who judges what scenarios leave to a judge, of another family than the builder [default:
    /// factory.toml's]
    #[arg(long, value_name = "MODEL")]
    judge: Option<String>,
}

impl Args {
    /// As a person would have given them.
    pub(crate) fn of(intent: PathBuf, model: Option<String>, seed: Option<u64>) -> Self {
        Self { intent, model, seed, pipeline: None, build: None, judge: None }
    }
}

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let cancel = stop::on_signal();
    args.build.as_deref().map(|dir| named("build", dir)).transpose()?;
    args.pipeline.as_deref().map(|file| named("pipeline", file)).transpose()?;
    let intent = args.intent.canonicalize().unwrap_or(args.intent);
    let examined = factory::examine(&intent, &globals.start)?;
    if !examined.is_fit() {
        let errors: Vec<_> =
            examined.diagnostics.into_iter().filter(|one| one.is_error()).collect();
        return Err(Failure::wanting(&errors));
    }
    let factory = Factory::open(&globals.start)?;
    // Whoever may not build is told so before a gigabyte is fetched.
    let dir = factory::intent_directory(&intent);
    let loaded = factory::load_intent(&dir)?;
    factory::verify_intent(&dir, &loaded, &factory.layout.people())?;
    let model_name = match (args.model, &args.build) {
        (Some(name), _) => name,
        (None, Some(_)) => Absent::NAME.to_owned(),
        (None, None) => factory.config.model.default.clone(),
    };
    let judge = open_judge(args.judge.as_deref(), &loaded.scenarios, Some(&factory.config))?;
    let builder = open_model(&model_name, Some(&factory.config))?;
    expect_judge(&loaded.scenarios, judge.as_deref(), builder.as_ref())?;
    let terminal = Arc::new(Terminal::new(globals.json));
    let start = Start {
        intent: &intent,
        models: Models { builder, judge },
        model_name,
        seed: args.seed,
        pipeline: args.pipeline,
        build: args.build.as_deref(),
    };
    let mut run = factory.start(start, terminal.clone()).map_err(|error| {
        terminal.finish();
        Failure::from(error)
    })?;
    drive(&mut run, &terminal, &cancel, globals)
}

/// A run without a fit judge would be undecided at the end of its proof, when the build is paid for.
fn expect_judge(
    scenarios: &[Scenario],
    judge: Option<&dyn Model>,
    builder: &dyn Model,
) -> Result<(), Failure> {
    let Some((place, _)) = scenarios.iter().find_map(|one| one.judgements().next()) else {
        return Ok(());
    };
    let set =
        "set `judge` in [model] of factory.toml, or give --judge, to a model of another family";
    match judge {
        None => Err(Failure::usage(format!("{place}: no model is named to judge this: {set}"))),
        Some(judge) if judge.family() == builder.family() => Err(Failure::usage(format!(
            "{place}: the judge {} is of the family `{}`, and so is the builder: {set}",
            judge.name(),
            judge.family()
        ))),
        Some(_) => Ok(()),
    }
}

/// Takes a run as far as it goes and tells how it stands.
pub(crate) fn drive(
    run: &mut Run,
    terminal: &Arc<Terminal>,
    cancel: &Cancel,
    globals: &Globals,
) -> Result<Answer, Failure> {
    let driven = run.drive(cancel);
    terminal.finish();
    let id = &run.recorder.run;
    let stand = match driven {
        Ok(stand) => stand,
        Err(error) => {
            eprintln!("dark: run {id} stands where it was; go on with: dark resume {id}");
            return Err(FactoryError::Drive(error).into());
        }
    };
    if globals.json {
        print_json(&factory::summary(&run.recorder.ledger, id)?);
    } else {
        tell(run, &stand);
    }
    Ok(match stand {
        Stand::Ended(Ending::Completed) => Answer::Fine,
        Stand::Ended(Ending::Held { .. }) | Stand::Waiting { .. } => Answer::Wanting,
        Stand::Ended(Ending::Cancelled { .. }) | Stand::Interrupted => Answer::Interrupted,
    })
}

fn tell(run: &Run, stand: &Stand) {
    let id = &run.recorder.run;
    let spend = run.state.spend();
    let wall = terminal::seconds(std::time::Duration::from_millis(spend.wall_ms));
    let cost = terminal::spent(&spend);
    match stand {
        Stand::Ended(Ending::Completed) => {
            let commit = run.state.context().get("factory.commit");
            match commit {
                Some(commit) => println!("shipped {commit} in {wall}{cost}"),
                None => println!("done in {wall}{cost}; the pipeline ships nothing"),
            }
            println!("why it may be trusted: dark show {id} --case");
        }
        Stand::Ended(Ending::Held { reason }) => {
            println!("held after {wall}{cost}: {reason}");
            println!("nothing was shipped; what was tried: dark show {id}");
        }
        Stand::Ended(Ending::Cancelled { by }) => {
            println!("cancelled by {by}; nothing was shipped")
        }
        Stand::Waiting { questions } => {
            for (action, question) in questions {
                println!("{id} waits for a person: {}", question.text);
                println!("read its case:  dark show {id} --case");
                let choices = question.choices.join("|");
                let which = if questions.len() > 1 {
                    format!(" --question {action}")
                } else {
                    String::new()
                };
                println!("then answer:    dark answer {id} {choices}{which}");
            }
        }
        Stand::Interrupted => println!("interrupted; go on with: dark resume {id}"),
    }
}
