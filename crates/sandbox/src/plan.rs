//! From a [`Command`] to the list of things that a backend has to put in place.
//!
//! Everything that can be refused is refused here, before a process exists. It refuses to know how
//! a backend mounts or starts anything.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::system::System;
use crate::{Access, Command, Limits, SandboxError};

/// The program's home: a private tmpfs, at a place where no host has anything.
pub(crate) const HOME: &str = "/home/sandbox";

/// The user and group id that the program sees as its own.
pub(crate) const INSIDE_ID: u32 = 1000;

/// How many files of the largest size fit into each of `/tmp`, `HOME` and `/dev/shm`.
const FILES_PER_TMPFS: u64 = 4;

/// Where nothing may be mounted, since it would hide or replace what we put there.
const OURS: &[&str] = &["/", "/proc", "/dev", "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64"];

/// One thing to put in place, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Bind { host: PathBuf, inside: PathBuf, access: Access, directory: bool },
    Link { target: PathBuf, inside: PathBuf },
    File { inside: PathBuf, text: String },
    Dir { inside: PathBuf },
    Tmpfs { inside: PathBuf, bytes: u64 },
}

/// A command that can be started: checked, and with everything spelt out.
pub(crate) struct Plan {
    /// Besides `/proc` and `/dev`, which are the backend's.
    pub(crate) steps: Vec<Step>,
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: PathBuf,
    /// Most bytes in `/dev/shm`.
    pub(crate) shm_bytes: u64,
    /// What the program gets as its standard input, where that is not what the command says; taken
    /// by whoever starts it.
    pub(crate) stdin: Cell<Option<File>>,
}

impl Plan {
    /// # Errors
    /// [`SandboxError`] for text that no program can be given, and for mounts that cannot be made.
    pub(crate) fn new(system: &System, command: &Command) -> Result<Self, SandboxError> {
        if command.argv.first().is_none_or(String::is_empty) {
            return Err(SandboxError::NoProgram);
        }
        for text in &command.argv {
            check_text("argument", text, true)?;
        }
        for (name, value) in &command.env {
            check_text("variable", name, !name.is_empty() && !name.contains('='))?;
            check_text("value", value, true)?;
        }
        let tmpfs_bytes = tmpfs_bytes(&command.limits);
        let mut steps = system.steps.clone();
        steps.push(Step::Tmpfs { inside: "/tmp".into(), bytes: tmpfs_bytes });
        steps.push(Step::Tmpfs { inside: HOME.into(), bytes: tmpfs_bytes });
        steps.extend(mounts(command)?);
        if !command.cwd.is_absolute() {
            return Err(SandboxError::MountPoint(command.cwd.clone()));
        }
        Ok(Self {
            steps,
            argv: command.argv.clone(),
            env: environment(system, command),
            cwd: command.cwd.clone(),
            shm_bytes: tmpfs_bytes,
            stdin: Cell::new(None),
        })
    }

    /// Shows one more file of the host's, read-only and executable, and lets the program there be the
    /// first to run: it is given `arguments`, and the program that was meant with its own.
    pub(crate) fn behind(&mut self, host: &Path, inside: &str, arguments: Vec<String>) {
        let (host, at) = (host.to_owned(), inside.into());
        let access = Access::ReadOnly;
        self.steps.push(Step::Bind { host, inside: at, access, directory: false });
        let meant = std::mem::take(&mut self.argv);
        self.argv = [inside.to_owned()].into_iter().chain(arguments).chain(meant).collect();
    }

    /// The paths to try for the program, in order, as a shell would.
    pub(crate) fn candidates(&self) -> Vec<PathBuf> {
        let program = &self.argv[0];
        if program.contains('/') {
            return vec![program.into()];
        }
        let path = self.env.get("PATH").map_or("", String::as_str);
        path.split(':')
            .filter(|directory| !directory.is_empty())
            .map(|directory| Path::new(directory).join(program))
            .collect()
    }
}

/// Most bytes in each private tmpfs.
pub(crate) fn tmpfs_bytes(limits: &Limits) -> u64 {
    limits.file_bytes.saturating_mul(FILES_PER_TMPFS)
}

/// A path or text for the kernel.
pub(crate) fn c_string(text: impl AsRef<std::ffi::OsStr>) -> Result<CString, SandboxError> {
    let text = text.as_ref();
    CString::new(text.as_bytes())
        .map_err(|_| SandboxError::Text { what: "path", text: text.to_string_lossy().into_owned() })
}

fn check_text(what: &'static str, text: &str, fit: bool) -> Result<(), SandboxError> {
    if fit && !text.contains('\0') {
        return Ok(());
    }
    Err(SandboxError::Text { what, text: text.to_owned() })
}

fn environment(system: &System, command: &Command) -> BTreeMap<String, String> {
    let ours =
        [("PATH", system.path.as_str()), ("HOME", HOME), ("LANG", "C.UTF-8"), ("TMPDIR", "/tmp")];
    let mut env: BTreeMap<String, String> =
        ours.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    env.extend(command.env.clone());
    env
}

/// The caller's mounts, outermost first, so that a read-only part of a writable whole comes last.
fn mounts(command: &Command) -> Result<Vec<Step>, SandboxError> {
    let mut mounts: Vec<_> = command.mounts.iter().collect();
    mounts.sort_by(|a, b| a.inside.cmp(&b.inside));
    let mut steps = Vec::with_capacity(mounts.len());
    for mount in mounts {
        let plain = mount
            .inside
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let ours = OURS.iter().any(|ours| mount.inside == Path::new(ours))
            || mount.inside.starts_with("/proc")
            || mount.inside.starts_with("/dev");
        if !mount.inside.is_absolute() || !plain || ours {
            return Err(SandboxError::MountPoint(mount.inside.clone()));
        }
        let missing = |source| SandboxError::MountMissing { host: mount.host.clone(), source };
        // Canonical, so that no symbolic link is left to be resolved on the wrong side of the wall.
        let host = mount.host.canonicalize().map_err(missing)?;
        let directory = host.metadata().map_err(missing)?.is_dir();
        steps.push(Step::Bind {
            host,
            inside: mount.inside.clone(),
            access: mount.access,
            directory,
        });
    }
    Ok(steps)
}
