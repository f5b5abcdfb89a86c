//! The `git` program, run so that nothing of the user's configuration, hooks or environment changes
//! what it does: the same inputs give the same objects on every machine.

use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A git object's name, SHA-1 or SHA-256, in hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectId(String);

impl ObjectId {
    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough digits for a screen.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ObjectId {
    type Err = GitError;

    fn from_str(text: &str) -> Result<Self, GitError> {
        let hex = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if hex { Ok(Self(text.to_owned())) } else { Err(GitError::NoObject(text.to_owned())) }
    }
}

/// Git said no.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("failed to run git: install git 2.34 or later")]
    NotInstalled(#[source] std::io::Error),
    #[error("failed to run `git {command}` in {dir}: {reason}")]
    Failed { command: String, dir: String, reason: String },
    #[error("`{0}` is no git object name")]
    NoObject(String),
    #[error("failed to hand data to git")]
    Io(#[from] std::io::Error),
}

/// A repository (or any directory) to run git in.
#[derive(Debug, Clone)]
pub struct Git {
    dir: PathBuf,
    env: Vec<(String, String)>,
}

/// What a git command did: for those whose failure is an answer.
pub struct Ran {
    pub ok: bool,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Git {
    /// Git in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), env: Vec::new() }
    }

    /// The same, with an environment variable set.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_string_lossy().into_owned()));
        self
    }

    /// Where this runs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs git and gives its standard output.
    ///
    /// # Errors
    /// When git fails; its own words are in the error.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<u8>, GitError> {
        self.feed(args, b"")
    }

    /// The same, with standard input.
    ///
    /// # Errors
    /// As [`Git::run`].
    pub fn feed<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> Result<Vec<u8>, GitError> {
        let ran = self.try_feed(args, input)?;
        if ran.ok {
            return Ok(ran.stdout);
        }
        let words: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
        let reason = ran.stderr.trim().replace('\n', "; ");
        Err(GitError::Failed {
            command: words.join(" "),
            dir: self.dir.display().to_string(),
            reason,
        })
    }

    /// Runs git and gives one trimmed line of its output.
    ///
    /// # Errors
    /// As [`Git::run`].
    pub fn line<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String, GitError> {
        Ok(String::from_utf8_lossy(&self.run(args)?).trim().to_owned())
    }

    /// Runs git where a failure is an answer.
    ///
    /// # Errors
    /// Only when git could not be run at all.
    pub fn try_run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Ran, GitError> {
        self.try_feed(args, b"")
    }

    fn try_feed<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> Result<Ran, GitError> {
        let mut command = Command::new("git");
        // `--no-replace-objects`: a replace ref must not show other content than what is hashed.
        command.args(["--no-replace-objects", "-c", "core.hooksPath=/dev/null"]).args(args);
        command.current_dir(&self.dir);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C").envs(self.env.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(GitError::NotInstalled)?;
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let written = std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output()
        });
        let output = written?;
        Ok(Ran {
            ok: output.status.success(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}
