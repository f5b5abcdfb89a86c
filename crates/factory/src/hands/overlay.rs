//! Clean exports of the product with a build laid over it, where the visible checks are played.
//!
//! An export is made outside of any builder's workspace and is thrown away afterwards: nothing that
//! a build leaves behind reaches the next one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use agent::{Behaviour, Files, HostError, Tried};
use base::Digest;
use intent::Interface;
use proof::{CommandRun, Workshop};
use sandbox::{Exit, Limits};
use scenario::{Played, SandboxWorld, World, play};
use tempfile::TempDir;

use super::agent::failed;
use super::{HandError, Hands, Job};

/// Exports kept at once: a round of candidates, with room for the one that is being compared.
const EXPORTS_MAX: usize = 32;

/// Of a program that a builder tries: one that needs longer than this on an example is wrong.
fn limits() -> Limits {
    Limits { wall: std::time::Duration::from_secs(5), ..Limits::default() }
}

pub(super) struct Overlays<'a> {
    hands: &'a Hands,
    job: &'a Job<'a>,
    exports: BTreeMap<Digest, Export>,
}

/// An export, or what its build said when it failed.
enum Export {
    Ready(TempDir),
    Broken(String),
}

impl<'a> Overlays<'a> {
    pub(super) fn new(hands: &'a Hands, job: &'a Job<'a>) -> Self {
        Self { hands, job, exports: BTreeMap::new() }
    }

    /// Plays every visible check on the product with `files` over it.
    pub(super) fn try_files(&mut self, files: &Files) -> Result<Vec<Tried>, HostError> {
        let (hands, job) = (self.hands, self.job);
        match self.export(files)? {
            Export::Ready(dir) => {
                try_product(hands, job, dir.path()).map_err(|error| match error {
                    HandError::Cancelled => failed("interrupted".to_owned()),
                    HandError::Failed(reason) => failed(reason),
                })
            }
            Export::Broken(complaint) => Ok(hands
                .loaded
                .intent
                .visible_checks()
                .into_iter()
                .map(|visible| Tried {
                    check: visible.text,
                    passed: false,
                    detail: format!("the build failed: {complaint}"),
                })
                .collect()),
        }
    }

    /// Runs one command line on the product with `files` over it.
    pub(super) fn observe(
        &mut self,
        files: &Files,
        words: &[String],
        stdin: &str,
    ) -> Result<Behaviour, HostError> {
        let (hands, job) = (self.hands, self.job);
        let dir = match self.export(files)? {
            Export::Ready(dir) => dir.path(),
            Export::Broken(_) => {
                return Ok(Behaviour { exit: -1, stdout: String::new(), stderr_empty: false });
            }
        };
        let mut world = world(hands, job, dir).map_err(|error| failed(base::chain(&error)))?;
        let done = world
            .run(words, stdin.as_bytes(), &BTreeMap::new())
            .map_err(|error| failed(base::chain(&error)))?;
        let exit = match done.exit {
            Exit::Code(code) => code,
            Exit::Signal(signal) => 128 + signal,
            Exit::TimedOut | Exit::OutputFlood | Exit::Cancelled => -1,
        };
        let stdout = String::from_utf8_lossy(&done.stdout).into_owned();
        Ok(Behaviour { exit, stdout, stderr_empty: done.stderr.is_empty() })
    }

    fn export(&mut self, files: &Files) -> Result<&Export, HostError> {
        let key = Digest::of_value(files).expect("text files have a JSON form");
        if !self.exports.contains_key(&key) {
            if self.exports.len() >= EXPORTS_MAX {
                self.exports.pop_first();
            }
            let made = self.make(files).map_err(|error| failed(error.to_string()))?;
            self.exports.insert(key, made);
        }
        Ok(&self.exports[&key])
    }

    fn make(&self, files: &Files) -> Result<Export, HandError> {
        let dir = self.hands.fresh_dir()?;
        for (path, file) in self.hands.opening.product(&self.hands.recorder.ledger)? {
            write(dir.path(), &path, &file.content, file.executable)?;
        }
        for (path, content) in files {
            write(dir.path(), path, content.as_bytes(), false)?;
        }
        Ok(match self.hands.build(self.job, dir.path())? {
            Some(complaint) => Export::Broken(complaint),
            None => Export::Ready(dir),
        })
    }
}

impl Hands {
    /// A directory that is gone when it is dropped.
    pub(super) fn fresh_dir(&self) -> Result<TempDir, HandError> {
        fs::create_dir_all(&self.work)?;
        Ok(tempfile::Builder::new().prefix("export-").tempdir_in(&self.work)?)
    }

    /// Runs the interface's build in `product`; what it complained of, if it failed.
    pub(super) fn build(&self, job: &Job<'_>, product: &Path) -> Result<Option<String>, HandError> {
        let Some(build) = &self.loaded.intent.interface.build else { return Ok(None) };
        let ran = self.workshop(job).run(product, build).map_err(|error| failed_hand(&error))?;
        Ok(if ran.passed { None } else { Some(ran.tail) })
    }

    /// Plays every visible check on a built product: the intent's examples, then the line's own
    /// commands.
    pub(super) fn workshop<'w>(&'w self, job: &Job<'w>) -> Workshop<'w> {
        Workshop { sandbox: &self.sandbox, cancel: job.cancel }
    }
}

/// Plays every visible check on a built product: the intent's examples, then the line's commands.
pub(super) fn try_product(
    hands: &Hands,
    job: &Job<'_>,
    product: &Path,
) -> Result<Vec<Tried>, HandError> {
    let mut tried = Vec::new();
    for visible in hands.loaded.intent.visible_checks() {
        if job.cancel.is_pulled() {
            return Err(HandError::Cancelled);
        }
        let mut world = world(hands, job, product)?;
        let detail = match play(&visible.steps, &mut world) {
            Played::Satisfied => String::new(),
            Played::Failed(failure) => {
                format!("expected {}, got {}", failure.expected, failure.actual)
            }
            Played::Uncovered { call } => format!("it asked for what no twin covers: {call}"),
            Played::Undecided { reason } => return Err(HandError::Failed(reason)),
        };
        tried.push(Tried { check: visible.text, passed: detail.is_empty(), detail });
    }
    for check in &hands.opening.checks {
        let CommandRun { passed, tail } =
            hands.workshop(job).run(product, check).map_err(|error| failed_hand(&error))?;
        let detail = if passed { String::new() } else { tail };
        tried.push(Tried { check: check.clone(), passed, detail });
    }
    Ok(tried)
}

fn world<'w>(
    hands: &'w Hands,
    job: &Job<'w>,
    product: &Path,
) -> Result<SandboxWorld<'w>, scenario::WorldError> {
    let interface: &Interface = &hands.loaded.intent.interface;
    let world = SandboxWorld::new(&hands.sandbox, job.cancel, product, interface, limits(), 0)?;
    Ok(world.with_packs(&hands.packs))
}

fn failed_hand(error: &dyn std::error::Error) -> HandError {
    HandError::Failed(base::chain(error))
}

fn write(dir: &Path, path: &str, content: &[u8], executable: bool) -> Result<(), HandError> {
    let target = dir.join(path);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&target, content)?;
    if executable {
        fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    Ok(())
}
