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
use crate::commands::{named, writable};
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
    let mut answer = Answer::Fine;
    let svg = match (&args.file, &args.run, &args.dir) {
        (Some(file), ..) => {
            let parsed = super::read(file, &[])?.1;
            // What is wrong is drawn as far as it could be read.
            if parsed.graph.is_none() {
                answer = Answer::Wanting;
                for found in parsed.diagnostics.iter().filter(|found| found.is_error()) {
                    eprintln!("{found}");
                }
            }
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
            named("run", dir)?;
            let (state, entries) = Solo::look(dir).map_err(|error| Failure::of(&error))?;
            draw::svg(state.graph(), Some(&paint(&state, &entries)))
        }
        _ => unreachable!("one of them is required"),
    };
    let svg = svg.map_err(|error| Failure::of(&error))?;
    match &args.output {
        None => print!("{svg}"),
        Some(file) => {
            std::fs::write(writable("drawing", file)?, svg)?;
            if !globals.json {
                println!("wrote {}", file.display());
            }
        }
    }
    Ok(answer)
}

/// A run's state as colours. What a manager's child does is the child's own drawing.
fn paint(state: &State, entries: &[Entry]) -> Paint {
    let graph = state.graph();
    let mut history = History::default();
    for entry in entries {
        let stored = &entry.record.event;
        let event = Event::from_body(&stored.name, stored.version, &stored.body);
        if let Some(event) = event.ok().filter(|event| !is_in_child(graph, event.branch())) {
            history.event(event);
        }
    }
    let History { mut stages, edges_taken, .. } = history;
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
        for exit in exits.filter(|exit| edges_taken.keys().any(|(_, to)| *to == exit.id)) {
            let mark = stages.entry(exit.id.clone()).or_insert_with(|| marked(Mark::Done, ""));
            mark.visits = 1;
        }
    }
    Paint { stages, edges_taken }
}

/// What the events tell, the latest of each stage.
#[derive(Default)]
struct History {
    stages: BTreeMap<StageId, StageMark>,
    edges_taken: BTreeMap<(StageId, StageId), u32>,
    /// The stage that each branch came to last.
    last: BTreeMap<Branch, StageId>,
}

impl History {
    fn event(&mut self, event: Event) {
        match event {
            Event::StageStarted { branch, stage, attempt, .. } => {
                let mark = marked(Mark::Active, "");
                let mark = self.stages.entry(stage.clone()).or_insert(mark);
                mark.mark = Mark::Active;
                mark.visits += u32::from(attempt == 1);
                self.last.insert(branch, stage);
            }
            Event::StageFinished { branch, stage, outcome, .. } => {
                self.give_up_inside(&branch);
                let mark = match outcome.status {
                    Status::Success | Status::PartialSuccess => Mark::Done,
                    Status::Fail => Mark::Failed,
                    Status::Skipped => Mark::Skipped,
                    Status::Retry => Mark::Waiting,
                };
                if let Some(known) = self.stages.get_mut(&stage) {
                    known.mark = mark;
                    known.note.clone_from(&outcome.note);
                }
            }
            Event::EdgeTaken { from, to, .. } => self.take(from, to),
            Event::BranchesOpened { stage, to, .. } => {
                for to in to {
                    self.take(stage.clone(), to);
                }
            }
            Event::BranchEnded { branch, arrived: Some(to), .. } => {
                if let Some(from) = self.last.get(&branch).cloned() {
                    self.take(from, to);
                }
            }
            _ => {}
        }
    }

    fn take(&mut self, from: StageId, to: StageId) {
        *self.edges_taken.entry((from, to)).or_insert(0) += 1;
    }

    /// The branches of a stage that has ended: what was still at work in them was not needed.
    fn give_up_inside(&mut self, branch: &Branch) {
        let inside: Vec<Branch> =
            self.last.keys().filter(|other| other.is_inside(branch)).cloned().collect();
        for other in inside {
            let stage = self.last.remove(&other).expect("its key was just seen");
            let known = self.stages.get_mut(&stage).filter(|known| known.mark == Mark::Active);
            if let Some(known) = known {
                known.mark = Mark::Skipped;
                known.note = "not needed any more".to_owned();
            }
        }
    }
}

fn marked(mark: Mark, note: &str) -> StageMark {
    StageMark { mark, visits: 0, note: note.to_owned() }
}

fn is_in_child(graph: &Graph, branch: &Branch) -> bool {
    branch.forks().iter().any(|fork| {
        graph.stages.get(&fork.stage).is_none_or(|stage| stage.handler == Handler::ManagerLoop)
    })
}
