//! `dark pipeline graph`

use std::collections::BTreeMap;
use std::path::PathBuf;

use base::{Branch, StageId};
use draw::{Mark, Paint, StageMark};
use engine::{Event, Phase, State, Status};
use factory::Factory;
use ledger::Entry;
use pipeline::{Graph, Handler};
use runner::Solo;

use crate::Globals;
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A DOT file; may be left out where a run is named
    #[arg(required_unless_present_any = ["run", "dir"])]
    file: Option<PathBuf>,
    /// Draw the pipeline of this run of the factory, with where it stands
    #[arg(long, conflicts_with_all = ["file", "dir"])]
    run: Option<String>,
    /// Draw the run that `dark pipeline run --dir` keeps in this folder
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    dir: Option<PathBuf>,
    /// Write to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(globals: &Globals, args: &Args) -> Result<Answer, Failure> {
    let svg = match (&args.file, &args.run, &args.dir) {
        (Some(file), ..) => {
            let parsed = super::read(file, &[])?.1;
            let graph = parsed.graph.or(parsed.fragment).ok_or_else(|| {
                let found = parsed.diagnostics.iter().filter(|found| found.is_error());
                Failure::wanting(&found.cloned().collect::<Vec<_>>())
            })?;
            draw::svg(&graph, None)
        }
        (_, Some(run), _) => {
            let factory = Factory::open_read_only(&globals.start)?;
            let id = factory::run_id(run)?;
            let (_, state) = factory.state(&id)?;
            draw::svg(state.graph(), Some(&paint(&state, &factory.ledger.run(&id)?)))
        }
        (.., Some(dir)) => {
            let (state, entries) = Solo::look(dir).map_err(|error| Failure::of(&error))?;
            draw::svg(state.graph(), Some(&paint(&state, &entries)))
        }
        _ => unreachable!("one of them is required"),
    };
    let svg = svg.map_err(|error| Failure::of(&error))?;
    match &args.output {
        None => print!("{svg}"),
        Some(file) => {
            std::fs::write(file, svg)?;
            if !globals.json {
                println!("wrote {}", file.display());
            }
        }
    }
    Ok(Answer::Fine)
}

/// A run's state as colours. What a manager's child does is the child's own drawing.
fn paint(state: &State, entries: &[Entry]) -> Paint {
    let graph = state.graph();
    let mut stages: BTreeMap<StageId, StageMark> = BTreeMap::new();
    let mut edges_taken = BTreeMap::new();
    for entry in entries {
        let stored = &entry.record.event;
        let Ok(event) = Event::from_body(&stored.name, stored.version, &stored.body) else {
            continue;
        };
        if is_in_child(graph, event.branch()) {
            continue;
        }
        match event {
            Event::StageStarted { stage, attempt: 1, .. } => {
                let mark = stages.entry(stage).or_insert_with(|| marked(Mark::Active, ""));
                mark.visits += 1;
            }
            Event::StageFinished { stage, outcome, .. } => {
                let mark = match outcome.status {
                    Status::Success | Status::PartialSuccess => Mark::Done,
                    Status::Fail => Mark::Failed,
                    Status::Skipped => Mark::Skipped,
                    Status::Retry => Mark::Waiting,
                };
                if let Some(known) = stages.get_mut(&stage) {
                    known.mark = mark;
                    known.note.clone_from(&outcome.note);
                }
            }
            Event::EdgeTaken { from, to, .. } => *edges_taken.entry((from, to)).or_insert(0) += 1,
            Event::BranchesOpened { stage, to, .. } => {
                for to in to {
                    *edges_taken.entry((stage.clone(), to)).or_insert(0) += 1;
                }
            }
            _ => {}
        }
    }
    for current in state.branches().filter(|current| !is_in_child(graph, &current.branch)) {
        let mark = match current.phase {
            Phase::Asking { .. } | Phase::Retrying { .. } | Phase::Pausing { .. } => Mark::Waiting,
            Phase::Performing | Phase::Joining | Phase::Deciding => Mark::Active,
            Phase::Resting | Phase::Ended => continue,
        };
        stages.entry(current.stage).or_insert_with(|| marked(mark, "")).mark = mark;
    }
    if state.ending() == Some(&engine::Ending::Completed) {
        let exits = graph.stages.values().filter(|stage| stage.handler == Handler::Exit);
        for exit in exits {
            if edges_taken.keys().any(|(_, to)| *to == exit.id) {
                let mark = stages.entry(exit.id.clone()).or_insert_with(|| marked(Mark::Done, ""));
                mark.visits = 1;
            }
        }
    }
    Paint { stages, edges_taken }
}

fn marked(mark: Mark, note: &str) -> StageMark {
    StageMark { mark, visits: 0, note: note.to_owned() }
}

fn is_in_child(graph: &Graph, branch: &Branch) -> bool {
    branch.forks().iter().any(|fork| {
        graph.stages.get(&fork.stage).is_none_or(|stage| stage.handler == Handler::ManagerLoop)
    })
}
