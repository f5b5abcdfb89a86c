//! Pipelines played to their end: by the engine alone, with outcomes from a function and time that
//! passes at once; or by the runner, with handlers, models and people.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base::{ActionId, Digest, RunId, Timestamp};
use engine::{
    Action, Ending, Event, Input, Outcome, Question, RunLimits, State, Status, apply, decide,
    pending,
};
use ledger::Entry;
use model::Model;
use pipeline::{Graph, Options};
use runner::{CustomHandler, Interviewer, NewRun, Nobody, Solo, SoloOptions, Stand};
use sandbox::{Cancel, Sandbox};
use serde_json::Value;

/// Turns of one run: more are a loop that a test did not mean.
const TURNS_MAX: usize = 1_000;

/// A pipeline that may run.
pub(crate) fn graph(source: &str) -> Graph {
    graph_with(source, &[])
}

pub(crate) fn graph_with(source: &str, handlers: &[&str]) -> Graph {
    let options = Options { handlers, ..Options::default() };
    let read = options.load("test.dot", source).into_graph();
    read.unwrap_or_else(|found| panic!("{source}\n{found:#?}")).0
}

/// A run that the engine was played through, and what happened.
pub(crate) struct Played {
    pub(crate) state: State,
    pub(crate) events: Vec<Event>,
}

/// Plays a graph: `hand` performs, and answers with a choice by its preferred label.
pub(crate) fn play(graph: Graph, hand: impl FnMut(&ActionId) -> Outcome) -> Played {
    play_seeded(graph, 1, hand)
}

pub(crate) fn play_seeded(
    graph: Graph,
    seed: u64,
    mut hand: impl FnMut(&ActionId) -> Outcome,
) -> Played {
    let limits = RunLimits {
        tokens_max: u64::MAX,
        micro_usd_max: u64::MAX,
        wall_ms_max: u64::MAX,
        attempts_max: u32::MAX,
    };
    let state = State::new(RunId::new("run-1").unwrap(), Arc::new(graph));
    let mut played = Played { state, events: Vec::new() };
    let (intent, graph) = (Digest::of("intent"), Digest::of("graph"));
    let mut now = Timestamp(0);
    played.take(&Input::Start { intent, graph, seed, limits }, now);
    for _ in 0..TURNS_MAX {
        if played.state.ending().is_some() {
            return played;
        }
        let actions = pending(&played.state);
        let input = match actions.first().expect("a run that goes on asks for something") {
            Action::Perform { id, .. } => Input::Finished { action: id.clone(), outcome: hand(id) },
            Action::Ask { id, .. } => {
                let choice = hand(id).preferred_label.expect("a person chooses");
                Input::Answered { action: id.clone(), choice, by: "ann".to_owned() }
            }
            Action::Wait { until } => {
                now = now.max(*until);
                Input::TimePassed
            }
        };
        played.take(&input, now);
    }
    panic!("the run does not end: {:?}", played.state.current());
}

impl Played {
    fn take(&mut self, input: &Input, now: Timestamp) {
        let events = decide(&self.state, input, now).expect("the engine takes what it asked for");
        for event in &events {
            apply(&mut self.state, event);
        }
        self.events.extend(events);
    }

    /// The stages in the order in which they were started, attempts included.
    pub(crate) fn way(&self) -> String {
        let started = self.events.iter().filter_map(|event| match event {
            Event::StageStarted { stage, .. } => Some(stage.as_str()),
            _ => None,
        });
        started.collect::<Vec<_>>().join(" ")
    }

    /// `success`, or why not.
    pub(crate) fn ending(&self) -> String {
        match self.state.ending().expect("it has ended") {
            Ending::Completed => "success".to_owned(),
            Ending::Held { reason } => format!("fail: {reason}"),
            Ending::Cancelled { by } => format!("cancelled by {by}"),
        }
    }

    /// How long it was waited before each further attempt, in milliseconds.
    pub(crate) fn delays(&self) -> Vec<u64> {
        let delays = self.events.iter().filter_map(|event| match event {
            Event::RetryScheduled { until, at, .. } => Some(until.0 - at.0),
            _ => None,
        });
        delays.collect()
    }
}

pub(crate) fn success() -> Outcome {
    Outcome::new(Status::Success, "done")
}

pub(crate) fn failure() -> Outcome {
    Outcome::new(Status::Fail, "broken")
}

pub(crate) fn labelled(label: &str) -> Outcome {
    Outcome { preferred_label: Some(label.to_owned()), ..success() }
}

/// What performs a pipeline that the runner drives.
#[derive(Default)]
pub(crate) struct With {
    pub(crate) model: Option<Arc<dyn Model>>,
    pub(crate) sandbox: Option<Sandbox>,
    pub(crate) handlers: BTreeMap<String, CustomHandler>,
}

impl With {
    /// A handler of one's own.
    pub(crate) fn handler(
        mut self,
        name: &str,
        function: impl Fn(&ActionId, &pipeline::Stage, &engine::Context, &Graph) -> Outcome
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.handlers.insert(name.to_owned(), CustomHandler::Function(Box::new(function)));
        self
    }

    pub(crate) fn start(self, source: &str, dir: Option<&Path>) -> Solo {
        let names: Vec<&str> = self.handlers.keys().map(String::as_str).collect();
        let graph = graph_with(source, &names);
        let here = std::env::temp_dir();
        let new = NewRun { file: "test.dot", source, graph: &graph, workdir: &here, seed: 1 };
        Solo::start(dir, &new, self.options()).expect("the run starts")
    }

    pub(crate) fn resume(self, dir: &Path) -> Solo {
        Solo::resume(dir, None, self.options()).expect("the run comes back")
    }

    /// Drives a run in memory to its end.
    pub(crate) fn run(self, source: &str, people: &dyn Interviewer) -> Solo {
        let mut solo = self.start(source, None);
        drive(&mut solo, people);
        solo
    }

    fn options(self) -> SoloOptions {
        let Self { model, sandbox, handlers } = self;
        SoloOptions { models: model.into(), sandbox, handlers, watcher: Arc::new(Nobody) }
    }
}

pub(crate) fn drive(solo: &mut Solo, people: &dyn Interviewer) -> Stand {
    solo.drive(Some(people), &Cancel::default()).expect("the run can be driven")
}

pub(crate) fn entries(solo: &Solo) -> Vec<Entry> {
    solo.recorder.ledger.run(&solo.recorder.run).expect("the ledger can be read")
}

/// Writes the run's folder.
pub(crate) fn export(solo: &Solo, logs_root: &Path) {
    let (ledger, run) = (&solo.recorder.ledger, &solo.recorder.run);
    runner::export(ledger, run, &entries(solo), &solo.state, logs_root).expect("it is written");
}

pub(crate) fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("it is JSON")
}

/// Asks a function, by the question.
pub(crate) struct Asked<F>(pub(crate) F);

impl<F: Fn(&Question) -> String + Sync> Interviewer for Asked<F> {
    fn ask(&self, _: &ActionId, question: &Question, _: &Cancel) -> runner::Reply {
        runner::Reply::Choice { choice: (self.0)(question), by: "ann".to_owned() }
    }
}
