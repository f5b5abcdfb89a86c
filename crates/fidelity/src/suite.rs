//! Suites: programs that use a service through its official SDKs, in two languages, and say of each
//! expectation whether it held. They are run as a user's program is: installed from npm and PyPI, told a
//! base URL and nothing of what is behind it.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How long a suite may take: each expectation takes milliseconds.
const SUITE_WALL_MAX: Duration = Duration::from_secs(300);

/// Lines of what else a suite said that are told when it fails.
const SAID_LINES_MAX: usize = 12;

/// Lines of a suite that are read.
const LINES_MAX: usize = 10_000;

/// One thing that a program may expect of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    pub operation: String,
    pub check: String,
    pub kind: Kind,
    pub source: Source,
    pub ok: bool,
    /// What came instead.
    #[serde(default)]
    pub detail: String,
}

/// What an expectation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Fields and types.
    Shape,
    /// What was written is read back.
    State,
    /// Documented errors.
    Error,
    /// Paging, headers, credentials.
    Protocol,
    /// Webhooks and sockets.
    Event,
}

/// What bears an expectation out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A public recording of the real service.
    Recording,
    /// The official SDK's types, or the machine-readable specification.
    Sdk,
    /// The documentation's prose.
    Docs,
    /// Nothing but our belief.
    Belief,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::State => "state",
            Self::Error => "error",
            Self::Protocol => "protocol",
            Self::Event => "event",
        }
    }
}

impl Source {
    pub fn name(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Sdk => "sdk",
            Self::Docs => "docs",
            Self::Belief => "belief",
        }
    }
}

/// The suites of one service, as they come with the program.
#[derive(Debug)]
pub struct Suite {
    pub service: &'static str,
    /// In vercel-labs/emulate's format: what both begin with.
    pub seed: &'static str,
    files: &'static [(&'static str, &'static str)],
}

/// What every suite has besides its own files.
const SHARED: [(&str, &str); 2] = [
    ("harness.mjs", include_str!("../suites/harness.mjs")),
    ("harness.py", include_str!("../suites/harness.py")),
];

macro_rules! suite {
    ($service:literal: $($file:literal)*) => {
        Suite {
            service: $service,
            seed: include_str!(concat!("../suites/", $service, "/seed.yaml")),
            files: &[$(
                ($file, include_str!(concat!("../suites/", $service, "/", $file)))
            ),*],
        }
    };
}

/// All suites.
#[rustfmt::skip]
pub const SUITES: &[Suite] = &[
    suite!("slack": "suite.mjs" "basics.mjs" "conversations.mjs" "events.mjs" "expect.mjs" "messages.mjs" "people.mjs"
        "surfaces.mjs" "suite.py" "shapes.json" "package.json" "package-lock.json" "requirements.txt" "seed.yaml"),
    suite!("okta": "suite.mjs" "events.mjs" "expect.mjs" "oidc.mjs" "rest.mjs" "suite.py" "shapes.json" "package.json"
        "package-lock.json" "requirements.txt" "seed.yaml"),
    suite!("github": "suite.mjs" "expect.mjs" "issues.mjs" "pulls.mjs" "repos.mjs" "rest.mjs" "suite.py" "shapes.json"
        "package.json" "package-lock.json" "requirements.txt" "seed.yaml"),
    suite!("jira": "suite.mjs" "agile.mjs" "expect.mjs" "hooks.mjs" "issues.mjs" "projects.mjs" "search.mjs" "site.mjs" "talk.mjs" "suite.py"
        "shapes.json" "package.json" "package-lock.json" "requirements.txt" "seed.yaml"),
];

/// Why a suite could not be run.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    #[error("failed to {doing} {}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("failed to start `{program}`: is it installed?")]
    Start { program: String, source: io::Error },
    #[error("`{command}` ended with {status}: {output}")]
    Install { command: String, status: String, output: String },
    #[error("the {language} suite of {service} was still running after {} s", SUITE_WALL_MAX.as_secs())]
    TimedOut { service: String, language: &'static str },
    #[error("the {language} suite of {service} said nothing: {output}")]
    Silent { service: String, language: &'static str, output: String },
}

/// A suite with its SDKs in place.
#[derive(Debug)]
pub struct Installed {
    service: &'static str,
    directory: PathBuf,
    node: PathBuf,
}

/// Official SDKs want a newer Node than many machines have: npm has the program, too.
const NODE: &str = "24.21.0";

/// The languages that suites are written in.
pub const LANGUAGES: [&str; 2] = ["node", "python"];

impl Suite {
    /// Puts the suite and its SDKs into a directory under `cache`, from npm and PyPI by their lock files;
    /// what is there already is used. `tell` hears what is being done.
    ///
    /// # Errors
    /// When npm or pip fail, with what they said.
    pub fn install(
        &self,
        cache: &Path,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Installed, SuiteError> {
        let files = || self.files.iter().chain(&SHARED);
        let all: String = files().map(|(_, text)| *text).collect();
        let name = format!("{}-{}", self.service, base::Digest::of(all).short());
        let directory = cache.join(name);
        let node = node(cache, tell)?;
        let installed = Installed { service: self.service, directory: directory.clone(), node };
        let done = directory.join("installed");
        if done.exists() {
            return Ok(installed);
        }
        let failed = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| SuiteError::Io { doing, path, source }
        };
        fs::create_dir_all(&directory).map_err(failed("make", &directory))?;
        for (name, text) in files() {
            let path = directory.join(name);
            fs::write(&path, text).map_err(failed("write", &path))?;
        }
        tell(&format!("installing the {} SDKs from npm", self.service));
        run_to_end(&directory, "npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
        tell(&format!("installing the {} SDKs from PyPI", self.service));
        run_to_end(&directory, "python3", &["-m", "venv", "venv"])?;
        let pip = ["install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
        run_to_end(&directory, "venv/bin/pip", &pip)?;
        fs::write(&done, "").map_err(failed("write", &done))?;
        Ok(installed)
    }
}

/// Node of a version that all suites and the rival run on, installed under `cache`.
pub(crate) fn node(cache: &Path, tell: &mut dyn FnMut(&str)) -> Result<PathBuf, SuiteError> {
    let directory = cache.join(format!("node-{NODE}"));
    let program = directory.join("node_modules/.bin/node");
    if !program.exists() {
        tell("installing Node from npm");
        npm_install(&directory, &format!("node@{NODE}"))?;
    }
    Ok(program)
}

/// Installs one package into a directory of its own.
pub(crate) fn npm_install(directory: &Path, package: &str) -> Result<(), SuiteError> {
    let failed = |source| SuiteError::Io { doing: "make", path: directory.to_owned(), source };
    fs::create_dir_all(directory).map_err(failed)?;
    fs::write(directory.join("package.json"), "{\"private\":true}\n").map_err(failed)?;
    run_to_end(
        directory,
        "npm",
        &["install", "--no-audit", "--no-fund", "--loglevel=error", package],
    )
}

/// Runs an installer; its output is told where it fails.
fn run_to_end(directory: &Path, program: &str, args: &[&str]) -> Result<(), SuiteError> {
    let path = if program.contains('/') { directory.join(program) } else { program.into() };
    let output = Command::new(path)
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| SuiteError::Start { program: program.to_owned(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    let command = format!("{program} {}", args.join(" "));
    Err(SuiteError::Install { command, status: output.status.to_string(), output: said })
}

impl Installed {
    /// Runs one language's suite against a server.
    ///
    /// # Errors
    /// When it cannot be started, does not end, or says nothing at all.
    pub fn run(
        &self,
        language: &'static str,
        url: &str,
        control: Option<&str>,
    ) -> Result<Vec<Expectation>, SuiteError> {
        let (program, file) = match language {
            "node" => (self.node.clone(), "suite.mjs"),
            _ => (self.directory.join("venv/bin/python"), "suite.py"),
        };
        let mut command = Command::new(&program);
        command.arg(file).current_dir(&self.directory).env("TWIN_URL", url);
        match control {
            Some(control) => command.env("TWIN_CONTROL", control),
            None => command.env_remove("TWIN_CONTROL"),
        };
        let started =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let name = program.display().to_string();
        let mut child = started.map_err(|source| SuiteError::Start { program: name, source })?;
        let (found, said, in_time) = listen(&mut child);
        let service = self.service.to_owned();
        if !in_time {
            return Err(SuiteError::TimedOut { service, language });
        }
        if found.is_empty() {
            return Err(SuiteError::Silent { service, language, output: said });
        }
        Ok(found)
    }
}

/// Reads a suite to its end, or ends it when its time is up.
fn listen(child: &mut Child) -> (Vec<Expectation>, String, bool) {
    let (sender, lines) = mpsc::channel();
    let mut readers = Vec::new();
    let pipes: [Option<Box<dyn io::Read + Send>>; 2] = [
        child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn io::Read + Send>),
        child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn io::Read + Send>),
    ];
    for (number, pipe) in pipes.into_iter().enumerate() {
        let (Some(pipe), sender) = (pipe, sender.clone()) else { continue };
        readers.push(std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if sender.send((number, line)).is_err() {
                    return;
                }
            }
        }));
    }
    drop(sender);
    let deadline = Instant::now() + SUITE_WALL_MAX;
    let (mut found, mut said) = (Vec::new(), Vec::new());
    let in_time = loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok((0, line)) if found.len() < LINES_MAX => match serde_json::from_str(&line) {
                Ok(expectation) => found.push(expectation),
                Err(_) => said.push(line),
            },
            Ok((_, line)) if said.len() < LINES_MAX => said.push(line),
            Ok(_) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break true,
            Err(mpsc::RecvTimeoutError::Timeout) => break false,
        }
    };
    if !in_time {
        let _ = child.kill();
    }
    let _ = child.wait();
    let last = said.split_off(said.len().saturating_sub(SAID_LINES_MAX));
    (found, last.join("\n"), in_time)
}
