//! `dark pipeline run` as a person uses it: interrupted, answered, and given what it cannot take.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with `story.dot`, a folder `work` for its tools, and `run` for its ledger.
pub(crate) struct Desk {
    dir: TempDir,
}

/// What starts the run of `story.dot`.
pub(crate) const START: &[&str] =
    &["--json", "pipeline", "run", "story.dot", "--dir", "run", "--workdir", "work"];

/// What goes on with it.
pub(crate) const RESUME: &[&str] = &["--json", "pipeline", "run", "--resume", "--dir", "run"];

impl Desk {
    pub(crate) fn new(story: &str) -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(desk.path("work")).unwrap();
        desk.write("story.dot", story);
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dark"));
        command.current_dir(self.dir.path()).args(args).stdin(Stdio::null());
        command.env("HOME", self.dir.path()).env_remove("XDG_CACHE_HOME").env_remove("DARK_MODELS");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs, expects the exit code, and gives all that was printed.
    #[track_caller]
    pub(crate) fn exits(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "dark {args:?}:\n{text}");
        text
    }

    /// Starts the run and comes back when `count` tools are at work.
    fn at_work(&self, count: usize) -> Child {
        let mut child = self.command(START).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let is_tool = |line: &String| {
            let entry: Value = serde_json::from_str(line).unwrap();
            let event = &entry["event"];
            let stage = event["body"]["stage"].as_str().unwrap_or_default();
            event["name"] == "stage.started" && stage.starts_with("tool")
        };
        let started = lines.map_while(Result::ok).filter(is_tool).take(count).count();
        assert_eq!(started, count, "the run ended before its tools were at work");
        child
    }
}

/// The last line of what `--json` prints: the run's state.
pub(crate) fn last_line(printed: &str) -> Value {
    let last = printed.lines().rfind(|line| line.starts_with("{\"run\""));
    serde_json::from_str(last.unwrap_or_else(|| panic!("no state in:\n{printed}"))).unwrap()
}

/// Two tools side by side that take a minute unless the file `go` is there.
const SIDE_BY_SIDE: &str = r#"digraph story {
    start [shape=Mdiamond]
    exit [shape=Msquare]
    fan [shape=component]
    tool_a [shape=parallelogram, tool_command="test -e go || sleep 60"]
    tool_b [shape=parallelogram, tool_command="test -e go || sleep 60"]
    met [shape=tripleoctagon]
    start -> fan
    fan -> tool_a -> met
    fan -> tool_b -> met
    met -> exit
}
"#;

const GATE: &str = r#"digraph story {
    start [shape=Mdiamond]
    exit [shape=Msquare]
    gate [shape=hexagon, label="Ship it?"]
    tool_ship [shape=parallelogram, tool_command="true"]
    tool_fix [shape=parallelogram, tool_command="true"]
    start -> gate
    gate -> tool_ship [label="Ship"]
    gate -> tool_fix [label="Fix"]
    tool_ship -> exit
    tool_fix -> exit
}
"#;

#[test]
fn ctrl_c_stops_a_run_at_once_and_resume_completes_it() {
    let desk = Desk::new(SIDE_BY_SIDE);
    let mut child = desk.at_work(2);
    let interrupt = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    desk.write("work/go", "");
    let state = last_line(&desk.exits(RESUME, 0));
    assert_eq!(state["ending"], "completed");
    assert_eq!(state["attempts"], 5, "what was interrupted is no further attempt: {state}");
}

#[test]
fn a_second_process_is_told_who_has_the_run() {
    let desk = Desk::new(SIDE_BY_SIDE);
    let mut child = desk.at_work(2);
    let id = child.id().to_string();
    for args in [RESUME, START] {
        let told = desk.exits(args, 3);
        assert!(told.contains(&id), "{told}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    desk.write("work/go", "");
    desk.exits(RESUME, 0);
}

#[test]
fn what_cannot_be_read_or_parsed_is_named_with_its_place() {
    let desk = Desk::new("digraph story {\n    start -> -> exit\n}\n");
    let told = desk.exits(START, 1);
    assert!(told.contains("story.dot:2:14"), "{told}");
    let told = desk.exits(&["pipeline", "run", "nowhere.dot"], 2);
    assert!(told.contains("nowhere.dot"), "{told}");
    let told = desk.exits(&["pipeline", "run", "work"], 2);
    assert!(told.contains("failed to read work"), "{told}");
    std::fs::write(desk.path("story.dot"), [0xff, 0xfe]).unwrap();
    let told = desk.exits(START, 2);
    assert!(told.contains("story.dot"), "{told}");
    assert!(!desk.path("run").exists(), "a pipeline that cannot run left a folder");
}

#[test]
fn a_folder_without_a_run_is_not_resumed_and_not_made() {
    let desk = Desk::new(GATE);
    let told = desk.exits(RESUME, 2);
    assert!(told.contains("has no run"), "{told}");
    assert!(!desk.path("run").exists(), "asking for a run made a folder");
    desk.exits(START, 1);
    let told = desk.exits(START, 2);
    assert!(told.contains("has a run already"), "{told}");
}

#[test]
fn a_run_goes_on_only_with_what_it_began_with_and_only_until_its_end() {
    let desk = Desk::new(GATE);
    assert_eq!(last_line(&desk.exits(START, 1))["ending"], Value::Null);
    desk.write("story.dot", &GATE.replace("Ship it?", "Really?"));
    let edited = [RESUME, &["story.dot"]].concat();
    let told = desk.exits(&edited, 4);
    assert!(told.contains("was edited"), "{told}");
    desk.write("story.dot", GATE);
    let state = last_line(&desk.exits(&[&edited[..], &["--answer", "ship"]].concat(), 0));
    assert_eq!(state["context"]["human.gate.label"], "Ship");
    let told = desk.exits(RESUME, 4);
    assert!(told.contains("has ended (completed)"), "{told}");
}

#[test]
fn an_answer_that_is_no_choice_is_refused_and_the_question_stays_open() {
    let desk = Desk::new(GATE);
    let told = desk.exits(&[START, &["--answer", "perhaps"]].concat(), 2);
    assert!(told.contains("`perhaps`") && told.contains("Ship | Fix"), "{told}");
    let state = last_line(&desk.exits(&[RESUME, &["--answer", "fix"]].concat(), 0));
    assert_eq!(state["context"]["human.gate.label"], "Fix");
}

#[test]
fn questions_beyond_the_answers_that_were_given_stay_open() {
    let two = GATE.replace("tool_ship [shape=parallelogram, tool_command=\"true\"]", "");
    let two = two.replace("tool_ship -> exit", "tool_ship -> exit [label=\"Yes\"]");
    let two = two.replace("start -> gate", "tool_ship [shape=hexagon]\n start -> gate");
    let desk = Desk::new(&two);
    let state = last_line(&desk.exits(&[START, &["--answer", "ship"]].concat(), 1));
    assert_eq!(state["current"]["stage"], "tool_ship");
    desk.exits(&[RESUME, &["--answer", "yes"]].concat(), 0);
}

#[test]
fn a_runs_folder_is_written_only_where_nothing_is() {
    let desk = Desk::new(GATE);
    let told = desk.exits(&[START, &["--answer", "ship", "--logs", "work"]].concat(), 2);
    assert!(told.contains("work is there already"), "{told}");
    assert!(!desk.path("run").exists(), "the run began, only to fail at its end");
    desk.exits(&[START, &["--answer", "ship", "--logs", "logs"]].concat(), 0);
    assert!(desk.path("logs/gate/status.json").is_file());
}

#[test]
fn a_ledger_whose_key_is_gone_is_not_gone_on_with() {
    let desk = Desk::new(GATE);
    desk.exits(START, 1);
    std::fs::remove_file(desk.path("run/ledger.key")).unwrap();
    let told = desk.exits(RESUME, 3);
    assert!(told.contains("ledger.key is gone"), "{told}");
}

/// A question that nobody answered in time takes its default as soon as somebody looks.
#[test]
fn a_gate_whose_time_is_up_takes_its_default() {
    let late = "gate [shape=hexagon, timeout=\"1ms\", human.default_choice=tool_fix, ";
    let desk = Desk::new(&GATE.replace("gate [shape=hexagon, ", late));
    let first = desk.run(START);
    // Whoever is quicker than a millisecond leaves it to the next who looks.
    let told = match first.status.code() {
        Some(1) => desk.exits(RESUME, 0),
        _ => String::from_utf8_lossy(&first.stdout).into_owned(),
    };
    let state = last_line(&told);
    assert_eq!(state["ending"], "completed");
    assert_eq!(state["context"]["human.gate.label"], "Fix");
}
