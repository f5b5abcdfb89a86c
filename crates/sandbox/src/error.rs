//! What can go wrong on our side; what the program does is never an error.

use std::io;
use std::path::PathBuf;

/// Why this machine cannot offer the sandbox that was asked for, and what would change that.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The program `bwrap` is not on the `PATH`.
    #[error("bubblewrap is not installed: install the package `bubblewrap`")]
    NoBubblewrap,
    /// `bwrap` is older than 0.8, which brought `--disable-userns` and `--size`.
    #[error("{program} is bubblewrap {found}, and 0.8 is the oldest that will do: upgrade it")]
    OldBubblewrap { program: PathBuf, found: String },
    /// Older kernels count processes over the whole machine, and restrict mounts one by one.
    #[error("the kernel is Linux {0}, and 5.14 is the oldest that will do: upgrade it")]
    OldKernel(String),
    /// Nothing would stop a fork bomb: `bwrap` cannot change user, and root's processes are not counted.
    #[error(
        "as root, bubblewrap cannot bound processes before Linux 6.14: run as an ordinary user, or \
         choose the namespaces sandbox"
    )]
    RootWithBubblewrap,
    /// The processor's system calls have no filter here.
    #[error("there is no system call filter for {0}: use x86_64, aarch64 or riscv64")]
    Processor(String),
    /// A first program could not be run.
    #[error("the {backend} sandbox does not start here ({why}): {advice}")]
    DoesNotStart { backend: &'static str, why: String, advice: &'static str },
    /// `Choice::Auto` found neither backend to work.
    #[error("no sandbox works here: {namespaces}; {bubblewrap}")]
    Neither { namespaces: Box<Unfit>, bubblewrap: Box<Unfit> },
}

/// Why a program could not be run in the sandbox, or its end not be learnt.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the command names no program: give at least one element of argv")]
    NoProgram,
    #[error("{what} {text:?} holds a NUL byte, or is no name: leave it out")]
    Text { what: &'static str, text: String },
    #[error("the host path {} cannot be mounted", host.display())]
    MountMissing { host: PathBuf, source: io::Error },
    #[error(
        "nothing can be mounted at {}: give an absolute path without `..`, outside the system's own directories",
        .0.display()
    )]
    MountPoint(PathBuf),
    #[error("the working directory {} does not exist inside: let it lie within a mount", cwd.display())]
    Cwd { cwd: PathBuf, source: io::Error },
    #[error("the sandbox failed to {step}")]
    Setup { step: String, source: io::Error },
    #[error("bubblewrap could not set the sandbox up: {0}")]
    Bubblewrap(String),
    #[error("failed to {what}")]
    Io { what: &'static str, source: io::Error },
}

impl SandboxError {
    /// For `map_err`: the operating system refused `what`.
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> SandboxError {
        move |source| SandboxError::Io { what, source }
    }
}
