//! `dark resume`

use std::sync::Arc;

use ::model::Absent;
use factory::{Factory, FactoryError, Models, Run};

use super::{open_judge, open_model, run};
use crate::Globals;
use crate::failure::{Answer, Failure};
use crate::stop;
use crate::terminal::Terminal;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run, as `dark runs` lists it
    run: String,
    /// Another model than the run was opened with
    #[arg(long)]
    model: Option<String>,
    /// Another judge than the run was opened with
    #[arg(long, value_name = "MODEL")]
    judge: Option<String>,
}

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let cancel = stop::on_signal();
    let terminal = Arc::new(Terminal::new(globals.json));
    let mut resumed = bring_back(globals, &args.run, args.model, args.judge, &terminal)?;
    refuse_ended(&resumed, &terminal)?;
    run::drive(&mut resumed, &terminal, &cancel, globals)
}

/// What has ended stays as it is.
pub(crate) fn refuse_ended(run: &Run, terminal: &Terminal) -> Result<(), Failure> {
    let Some(ending) = run.state.ending() else { return Ok(()) };
    terminal.finish();
    let (id, ended) = (&run.recorder.run, factory::ending_in_words(ending));
    Err(Failure::policy(format!("run {id} has ended ({ended}): start a new one with `dark run`")))
}

/// Brings a run back that is not to ask any model.
pub(crate) fn without_models(
    globals: &Globals,
    run: &str,
    terminal: &Arc<Terminal>,
) -> Result<Run, Failure> {
    let factory = Factory::open(&globals.start)?;
    let models = Models { builder: Arc::new(Absent), judge: None };
    Ok(factory.resume(&factory::run_id(run)?, models, terminal.clone())?)
}

/// Opens the factory and brings a run back from its ledger.
pub(crate) fn bring_back(
    globals: &Globals,
    run: &str,
    model: Option<String>,
    judge: Option<String>,
    terminal: &Arc<Terminal>,
) -> Result<Run, Failure> {
    let factory = Factory::open(&globals.start)?;
    let id = factory::run_id(run)?;
    let (opening, _) = factory.state(&id)?;
    let loaded = opening.load(&factory.ledger).map_err(FactoryError::from)?;
    let judge = judge.or(opening.judge);
    let judge = open_judge(judge.as_deref(), &loaded.scenarios, Some(&factory.config))?;
    let builder = open_model(&model.unwrap_or(opening.model), Some(&factory.config))?;
    Ok(factory.resume(&id, Models { builder, judge }, terminal.clone())?)
}
