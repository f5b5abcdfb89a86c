//! A tool stage (4.10): a shell command in the sandbox, in the run's folder, with hooks around it
//! (9.7).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use engine::{Outcome, Status};
use sandbox::{Access, Command, Exit, Limits, Mount, Sandbox};

use super::{HandError, Job, PipelineHands};
use crate::driver::outcome;
use crate::status::{self, STATUS_BYTES_MAX};

/// Where commands see the run's folder.
const WORK: &str = "/work";
/// Where commands leave `status.json`.
const STAGE: &str = "/stage";

/// Of a stage without a `timeout`: builds and test suites fit.
const WALL: Duration = Duration::from_secs(600);

/// How much longer than a stage's `timeout` the sandbox lets its command live: the engine counts that
/// time, and its word is the one that stands, however late this thread hears of it.
const GRACE: Duration = Duration::from_secs(5);

/// Characters of output that go into the context, from its end: where results and errors are.
const OUTPUT_CHARS_MAX: usize = 4_000;

/// What a command came to.
pub(super) struct Ran {
    pub exit: Exit,
    pub stdout: String,
    pub stderr: String,
    /// What it left in its status file.
    pub status: Option<String>,
}

/// Where shell commands of a run's stages work: a folder that they see as `/work`.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    pub sandbox: &'a Sandbox,
    pub workdir: &'a Path,
}

/// A tool stage that was performed.
pub struct ToolDone {
    pub outcome: Outcome,
    pub command: String,
    /// What it printed.
    pub said: String,
    /// What hooks around it did.
    pub hooks: Vec<String>,
}

impl Tools<'_> {
    /// Performs a tool stage: its `tool_command`, with the hooks around it.
    ///
    /// # Errors
    /// When it was cancelled or the sandbox is unfit; a command that fails is an outcome.
    pub fn perform(&self, job: &Job<'_>) -> Result<ToolDone, HandError> {
        let Some(command) = job.text("tool_command") else {
            let mut outcome = outcome(Status::Fail, "no tool_command specified");
            outcome.permanent = true;
            let (command, said) = (String::new(), String::new());
            return Ok(ToolDone { outcome, command, said, hooks: Vec::new() });
        };
        let mut hooks = Vec::new();
        let told = serde_json::json!({ "stage": job.stage.id, "tool_command": command });
        if let Some(pre) = job.text("tool_hooks.pre") {
            let ran = self.run(job, &pre, told.to_string().into_bytes())?;
            hooks.push(format!("pre: {}", ended(&ran)));
            if ran.exit != Exit::Code(0) {
                let refused = format!("its pre-hook refused: {}", ended(&ran));
                let outcome = outcome(Status::Skipped, refused);
                return Ok(ToolDone { outcome, command, said: String::new(), hooks });
            }
        }
        let ran = self.run(job, &command, Vec::new())?;
        if let Some(post) = job.text("tool_hooks.post") {
            let mut told = told;
            told["exit"] = ended(&ran).into();
            told["output"] = tail(&ran.stdout).into();
            let after = self.run(job, &post, told.to_string().into_bytes())?;
            // A post-hook cannot undo what was done: it is only told of.
            hooks.push(format!("post: {}", ended(&after)));
        }
        let said = format!("{}{}", ran.stdout, ran.stderr);
        Ok(ToolDone { outcome: came_to(&ran, &command), command, said, hooks })
    }

    /// Runs a shell command as the stage would.
    pub(super) fn run(
        &self,
        job: &Job<'_>,
        command: &str,
        stdin: Vec<u8>,
    ) -> Result<Ran, HandError> {
        let dir = tempfile::Builder::new().prefix("dark-stage-").tempdir()?;
        let mount = |host: &Path, inside: &str| Mount {
            host: host.to_owned(),
            inside: inside.into(),
            access: Access::Writable,
        };
        let wall = job.stage.timeout.map_or(WALL, |timeout| timeout + GRACE);
        let command = Command {
            argv: ["sh", "-c", command].map(str::to_owned).to_vec(),
            cwd: WORK.into(),
            env: environment(job),
            stdin,
            mounts: vec![mount(self.workdir, WORK), mount(dir.path(), STAGE)],
            limits: Limits {
                wall,
                cpu: wall * 2,
                memory_bytes: None,
                processes: 512,
                file_bytes: 1 << 30,
                output_bytes: 8 << 20,
            },
        };
        let done = self.sandbox.run(&command, job.cancel)?;
        if done.exit == Exit::Cancelled {
            return Err(HandError::Cancelled);
        }
        Ok(Ran {
            exit: done.exit,
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
            status: read_status(&dir.path().join("status.json")),
        })
    }
}

impl PipelineHands {
    pub(super) fn tool(&self, job: &Job<'_>) -> Result<Outcome, HandError> {
        let Some(tools) = self.tools() else { return Ok(self.simulated(job)) };
        let done = tools.perform(job)?;
        if !done.said.is_empty() || !done.hooks.is_empty() {
            let spend = base::Spend::default();
            self.record(job, None, (&done.command, &done.said), done.hooks, spend)?;
        }
        Ok(done.outcome)
    }

    pub(super) fn tools(&self) -> Option<Tools<'_>> {
        let workdir = &self.workdir;
        self.sandbox.as_ref().map(|sandbox| Tools { sandbox, workdir })
    }
}

/// The outcome of a command: what its status file says if there is one, and its exit code otherwise.
pub(super) fn came_to(ran: &Ran, command: &str) -> Outcome {
    let failed = ran.exit != Exit::Code(0);
    let told = ran.status.as_deref().map(status::parse);
    let mut done = match told {
        // A program that broke has not succeeded, whatever it wrote before.
        Some(Ok(told)) if !(failed && told.status.passes()) => told,
        Some(Err(error)) => outcome(Status::Fail, format!("its status.json: {error}")),
        _ if failed => {
            let said = if ran.stderr.trim().is_empty() { &ran.stdout } else { &ran.stderr };
            let last = said.trim_end().lines().last().unwrap_or_default();
            let between = if last.is_empty() { "" } else { ": " };
            outcome(Status::Fail, format!("`{command}` {}{between}{last}", ended(ran)))
        }
        None | Some(Ok(_)) => outcome(Status::Success, format!("tool completed: {command}")),
    };
    done.context.insert("tool.output".to_owned(), tail(&ran.stdout).to_owned());
    if let Exit::Code(code) = ran.exit {
        done.context.insert("tool.exit_code".to_owned(), code.to_string());
    }
    done
}

fn environment(job: &Job<'_>) -> BTreeMap<String, String> {
    let graph = job.state.graph_of(&job.id.branch);
    let id = job.id;
    [
        ("DARK_RUN", id.run.to_string()),
        ("DARK_BRANCH", id.branch.to_string()),
        ("DARK_STAGE", id.stage.to_string()),
        ("DARK_VISIT", id.visit.to_string()),
        ("DARK_ATTEMPT", id.attempt.to_string()),
        ("DARK_GOAL", graph.goal.clone()),
        ("DARK_STATUS_FILE", format!("{STAGE}/status.json")),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// A file that is not there says nothing; one that cannot be read as a status is one that says wrong.
/// What the command left instead of a file is not opened: a link leads out of the sandbox, and a pipe
/// is waited for without end.
fn read_status(path: &Path) -> Option<String> {
    use std::io::Read;
    let metadata = std::fs::symlink_metadata(path).ok()?;
    if !metadata.is_file() {
        return Some(String::new());
    }
    let file = std::fs::File::open(path).ok()?;
    let mut bytes = Vec::new();
    let limit = STATUS_BYTES_MAX as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn ended(ran: &Ran) -> String {
    match ran.exit {
        Exit::Code(code) => format!("exited with {code}"),
        Exit::Signal(signal) => format!("was killed by signal {signal}"),
        Exit::TimedOut => "took too long".to_owned(),
        Exit::OutputFlood => "flooded its output".to_owned(),
        Exit::Cancelled => "was cancelled".to_owned(),
    }
}

fn tail(text: &str) -> &str {
    let text = text.trim_end();
    let cut = text.char_indices().rev().nth(OUTPUT_CHARS_MAX - 1).map_or(0, |(at, _)| at);
    &text[cut..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_file_of_the_commands_own() {
        let dir = tempfile::tempdir().unwrap();
        let (secret, path) = (dir.path().join("secret"), dir.path().join("status.json"));
        std::fs::write(&secret, r#"{"outcome": "success"}"#).unwrap();
        std::os::unix::fs::symlink(&secret, &path).unwrap();
        assert_eq!(read_status(&path).as_deref(), Some(""), "no status, and no success");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read_status(&path), None);
        std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert_eq!(read_status(&path).as_deref(), Some(""));
        std::fs::remove_file(&path).unwrap();
        std::fs::rename(&secret, &path).unwrap();
        assert!(read_status(&path).is_some());
    }
}
