//! `dark scenario run|steps`

use std::path::PathBuf;

use ::scenario::{CONFIDENCE, PlaySettings, Played, Player, SatisfactionReport};
use factory::{Factory, FactoryError};
use sandbox::{Choice, Sandbox};

use super::print_json;
use crate::Globals;
use crate::failure::{Answer, Failure};
use crate::stop;

#[derive(clap::Subcommand)]
pub(crate) enum Sub {
    /// Play an intent's scenarios on a directory that holds the product
    Run {
        /// The intent: its directory or its intent.md
        intent: PathBuf,
        /// The product, built
        product: PathBuf,
        /// Seeds for each scenario, from 0
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
        seeds: u64,
    },
    /// List the steps that scenarios may use
    Steps,
}

pub(crate) fn run(globals: &Globals, sub: Sub) -> Result<Answer, Failure> {
    match sub {
        Sub::Run { intent, product, seeds } => play(globals, &intent, &product, seeds),
        Sub::Steps => {
            for form in intent::step_forms() {
                if globals.json {
                    print_json(form);
                } else {
                    println!(
                        "{:<5} {}\n        {}",
                        format!("{:?}", form.keyword),
                        form.pattern,
                        form.doc
                    );
                }
            }
            Ok(Answer::Fine)
        }
    }
}

fn play(
    globals: &Globals,
    intent: &std::path::Path,
    product: &std::path::Path,
    seeds: u64,
) -> Result<Answer, Failure> {
    let cancel = stop::on_signal();
    let loaded = factory::load_intent(&factory::intent_directory(intent))?;
    let product = product.canonicalize()?;
    let sandbox = match Factory::open_read_only(&globals.start) {
        Ok(factory) => factory.sandbox()?,
        Err(_) => Sandbox::open(Choice::Auto).map_err(FactoryError::from)?,
    };
    let settings = PlaySettings::default();
    let interface = &loaded.intent.interface;
    let player = Player {
        sandbox: &sandbox,
        cancel: &cancel,
        product: &product,
        interface,
        settings: &settings,
    };
    let seeds: Vec<u64> = (0..seeds).collect();
    let trajectories = player.play_all(&loaded.scenarios, &seeds, &mut |_| {});
    for trajectory in &trajectories {
        if globals.json {
            print_json(trajectory);
            continue;
        }
        match &trajectory.played {
            Played::Satisfied => {}
            Played::Failed(failure) => println!(
                "{} seed {}: {}: expected {}, got {}",
                trajectory.scenario,
                trajectory.seed,
                failure.kind,
                failure.expected,
                failure.actual
            ),
            Played::Undecided { reason } => {
                println!("{} seed {}: undecided: {reason}", trajectory.scenario, trajectory.seed);
            }
        }
    }
    let report = SatisfactionReport::of(&trajectories, CONFIDENCE);
    let all = trajectories.iter().filter(|one| one.played.is_satisfied()).count();
    if !globals.json {
        println!("{all} of {} trajectories satisfied: {}", trajectories.len(), report.overall);
    }
    Ok(if all == trajectories.len() { Answer::Fine } else { Answer::Wanting })
}
