//! Plays a script on a pipeline, and tells what happened.

use std::sync::Arc;
use std::time::Duration;

use base::{RunId, Timestamp};
use engine::{
    Action, BEST, Ending, Input, Outcome, RunLimits, State, Status, apply, decide, pending,
};
use simulator::{LIMITS, start, story};

/// Words are `stage:status`, with `=value` behind it for a build and a flag that it writes, `@id` for
/// a judgement; `stage:!choice` answers; `later` lets time pass until something is due. Gives the
/// state and the story.
pub(crate) fn play(dot: &str, script: &str) -> (State, String) {
    let parsed = pipeline::parse("test.dot", dot);
    let graph = parsed.graph.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
    let mut state = State::new(RunId::new("run-1").unwrap(), Arc::new(graph));
    let mut now = Timestamp(0);
    let mut told = Vec::new();
    let limits = RunLimits { wall_ms_max: u64::MAX, ..LIMITS };
    let first = start(1, limits);
    for word in [""].into_iter().chain(script.split_whitespace()) {
        let input = if word.is_empty() { first.clone() } else { input(&state, word, &mut now) };
        match decide(&state, &input, now) {
            Ok(events) => {
                for event in &events {
                    apply(&mut state, event);
                    told.extend(story(event));
                }
            }
            Err(refusal) => told.push(format!("refused: {refusal}")),
        }
        now = now + Duration::from_secs(1);
    }
    told.extend(pending(&state).iter().map(|action| match action {
        Action::Perform { id, .. } => format!("pending: perform {id}"),
        Action::Ask { id, .. } => format!("pending: ask {id}"),
        Action::Wait { until } => format!("pending: wait until {} ms", until.0),
    }));
    (state, told.join("\n"))
}

/// The story alone.
pub(crate) fn check(dot: &str, script: &str) -> String {
    play(dot, script).1
}

/// How it ended, in a few words.
pub(crate) fn ended(dot: &str, script: &str) -> String {
    let (state, told) = play(dot, script);
    match state.ending() {
        Some(Ending::Completed) => "completed".to_owned(),
        Some(Ending::Held { reason }) => format!("held: {reason}"),
        other => panic!("{other:?}\n{told}"),
    }
}

fn input(state: &State, word: &str, now: &mut Timestamp) -> Input {
    let actions = pending(state);
    if word == "later" {
        let Some(Action::Wait { until }) = actions.last() else { panic!("nothing is waited for") };
        *now = (*now).max(*until);
        return Input::TimePassed;
    }
    let (stage, word) = word.split_once(':').expect("a stage and what it comes to");
    let id = actions.iter().find_map(|action| match action {
        Action::Perform { id, .. } | Action::Ask { id, .. } if id.stage.as_str() == stage => {
            Some(id.clone())
        }
        _ => None,
    });
    // What was given up may still come back.
    let action = id.unwrap_or_else(|| {
        let text = format!("run-1/fan.1.1.0/{stage}/1/1");
        text.parse().expect("it is an action's id")
    });
    match word.strip_prefix('!') {
        Some(choice) => {
            let choice = choice.replace('_', " ");
            Input::Answered { action, choice, by: "ann".to_owned() }
        }
        None => Input::Finished { action, outcome: outcome(word) },
    }
}

fn outcome(word: &str) -> Outcome {
    let (word, judged) = word.split_once('@').unwrap_or((word, ""));
    let (word, written) = word.split_once('=').unwrap_or((word, ""));
    let status = serde_json::from_value::<Status>(word.into());
    let mut outcome = Outcome::new(*status.as_ref().unwrap_or(&Status::Success), "done");
    outcome.custom = status.is_err().then(|| word.to_owned());
    for (key, value) in [(BEST, judged), ("tree", written), ("flag", written)] {
        if !value.is_empty() {
            outcome.context.insert(key.to_owned(), value.to_owned());
        }
    }
    outcome
}
