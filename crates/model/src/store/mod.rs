//! The local model's file on disk: whether it is there and right, and fetching it once.
//!
//! Bytes arrive in `FILE.partial`, in order, whichever source serves them, and each piece is checked by its
//! digest as it completes; so a killed fetch resumes where it was, from the same source or the next. Only a
//! whole file with the right digest gets the final name. This module refuses to know which directory that
//! is (the caller says) and what is done with the file.

mod artefact;
mod http;
mod partial;
mod pip;

use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

pub(crate) use artefact::{Artefact, QWEN};
use partial::Partial;

/// What there is of the local model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Whole and right.
    Installed { path: PathBuf, bytes: u64 },
    /// A fetch was broken off; the next one goes on from there.
    Partial { bytes: u64, bytes_total: u64 },
    /// A file of that name that is not the known one.
    Wrong { path: PathBuf },
    /// Nothing.
    Missing,
}

/// How far a fetch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullProgress<'a> {
    /// Bytes that are here, those of earlier fetches included.
    pub bytes: u64,
    pub bytes_total: u64,
    /// Where they come from now: an address, or `PyPI through pip`.
    pub source: &'a str,
    /// Why the source before this one was given up, told once with the next one's first report.
    pub gave_up: Option<&'a str>,
}

/// Told how far a fetch is; `Break` ends it, and what is there is kept.
pub type PullCallback<'a> = dyn FnMut(PullProgress<'_>) -> ControlFlow<()> + 'a;

/// Why the model is still not here.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    #[error("cannot {doing} {}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "the disk is full at {bytes} of {bytes_total} bytes of {}; make room and run it again, it goes on from there",
        path.display()
    )]
    DiskFull { path: PathBuf, bytes: u64, bytes_total: u64 },
    #[error("another process is fetching into {}; wait for it", path.display())]
    Busy { path: PathBuf },
    #[error("{} exists but is not the known model; move it away and run it again", path.display())]
    Wrong { path: PathBuf },
    #[error("no source had the model:{}", listed(.0))]
    Exhausted(Vec<SourceError>),
    #[error("broken off; run it again to go on from there")]
    Cancelled,
}

/// Why one source was given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: {reason}")]
pub struct SourceError {
    pub source_name: String,
    pub reason: String,
}

fn listed(errors: &[SourceError]) -> String {
    errors.iter().map(|error| format!("\n  {error}")).collect()
}

/// What there is of the local model in `directory`. Cheap, but for the first call after a file appeared or
/// changed, which reads all of it and remembers the verdict beside it.
pub fn status(directory: &Path) -> Status {
    status_of(&QWEN, directory)
}

/// Fetches the local model into `directory`, if it is not there yet, and says where it is. `mirror` is an
/// address to try before the known ones.
///
/// # Errors
/// When no source served the right bytes, or the disk did not take them; what came is kept.
pub fn pull(
    directory: &Path,
    mirror: Option<&str>,
    progress: &mut PullCallback<'_>,
) -> Result<PathBuf, PullError> {
    let addresses: Vec<&str> = mirror.into_iter().chain([QWEN.address]).collect();
    let programs = pip::PROGRAMS;
    pull_from(&QWEN, directory, &addresses, programs, progress)
}

fn status_of(artefact: &Artefact, directory: &Path) -> Status {
    let path = directory.join(artefact.file_name);
    match fs::metadata(&path) {
        Ok(found) if found.is_file() => match verified(artefact, &path, &found) {
            Ok(true) => Status::Installed { path, bytes: found.len() },
            _ => Status::Wrong { path },
        },
        Ok(_) => Status::Wrong { path },
        Err(_) => match fs::metadata(partial::path(artefact, directory)) {
            Ok(found) if found.len() > 0 => {
                Status::Partial { bytes: found.len(), bytes_total: artefact.bytes }
            }
            _ => Status::Missing,
        },
    }
}

fn pull_from(
    artefact: &Artefact,
    directory: &Path,
    addresses: &[&str],
    pip_programs: &[&[&str]],
    progress: &mut PullCallback<'_>,
) -> Result<PathBuf, PullError> {
    match status_of(artefact, directory) {
        Status::Installed { path, .. } => return Ok(path),
        Status::Wrong { path } => return Err(PullError::Wrong { path }),
        Status::Partial { .. } | Status::Missing => {}
    }
    fs::create_dir_all(directory).map_err(|source| PullError::File {
        doing: "create",
        path: directory.to_owned(),
        source,
    })?;
    let _alone = alone(artefact, directory)?;
    let mut partial = Partial::open(artefact, directory)?;
    let mut given_up: Vec<SourceError> = Vec::new();
    let sources = addresses.iter().map(|address| Source::Address(address));
    for source in sources.chain([Source::Packages(pip_programs)]) {
        if partial.complete() {
            break;
        }
        let name = source.name().to_owned();
        let mut gave_up = given_up.last().map(ToString::to_string);
        let mut report = |bytes: u64| {
            let gave_up = gave_up.take();
            progress(PullProgress {
                bytes,
                bytes_total: artefact.bytes,
                source: &name,
                gave_up: gave_up.as_deref(),
            })
        };
        let fetched = match source {
            Source::Address(address) => http::fetch(address, &mut partial, &mut report),
            Source::Packages(programs) => pip::fetch(programs, &mut partial, &mut report),
        };
        match fetched {
            Ok(()) => {}
            Err(FetchError::Source(reason)) => {
                given_up.push(SourceError { source_name: name, reason });
            }
            Err(FetchError::Stop(error)) => return Err(error),
        }
    }
    if !partial.complete() {
        return Err(PullError::Exhausted(given_up));
    }
    let path = partial.finish()?;
    match status_of(artefact, directory) {
        Status::Installed { path, .. } => Ok(path),
        _ => Err(PullError::Wrong { path }),
    }
}

enum Source<'a> {
    Address(&'a str),
    Packages(&'a [&'a [&'a str]]),
}

impl Source<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Address(address) => address,
            Self::Packages(_) => "PyPI through pip",
        }
    }
}

/// Why a source served nothing more.
enum FetchError {
    /// This source cannot; another may.
    Source(String),
    /// No source could: the disk, or the person, said stop.
    Stop(PullError),
}

impl From<PullError> for FetchError {
    fn from(error: PullError) -> Self {
        Self::Stop(error)
    }
}

/// Held while a process fetches, so that two never write the same file. The system lets go of it when the
/// process ends, however it ends.
fn alone(artefact: &Artefact, directory: &Path) -> Result<File, PullError> {
    let path = directory.join(format!("{}.lock", artefact.file_name));
    let failed = |doing, source| PullError::File { doing, path: path.clone(), source };
    let file = File::create(&path).map_err(|source| failed("create", source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(PullError::Busy { path: directory.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(failed("lock", source)),
    }
}

/// What a file was when its digest was computed.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Verdict {
    bytes: u64,
    modified_ns: u128,
    digest: String,
}

/// Whether the file at `path` is the artefact, from the note beside it where that still fits.
fn verified(artefact: &Artefact, path: &Path, found: &fs::Metadata) -> io::Result<bool> {
    if found.len() != artefact.bytes {
        return Ok(false);
    }
    let modified = found.modified()?.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    let note = path.with_file_name(format!("{}.verified", artefact.file_name));
    let known: Option<Verdict> =
        fs::read(&note).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let (bytes, modified_ns) = (found.len(), modified.as_nanos());
    let digest = match known {
        Some(known) if known.bytes == bytes && known.modified_ns == modified_ns => known.digest,
        _ => {
            let digest = partial::digest_of(&mut File::open(path)?, 0, bytes)?;
            let verdict = Verdict { bytes, modified_ns, digest };
            // A directory that cannot be written only makes the next call slow.
            let _ = serde_json::to_vec(&verdict).map(|text| fs::write(&note, text));
            verdict.digest
        }
    };
    Ok(digest == artefact.digest)
}

#[cfg(test)]
mod tests;
