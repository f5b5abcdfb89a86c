//! Runs programs that nobody has read: isolated, bounded, without network, leaving nothing behind.
//!
//! A sandboxed program sees a read-only system, the directories that the caller mounts, and nothing
//! else of the host: no home, no environment, no network, no other process. This crate refuses to
//! know what the program is for.

#[cfg(not(target_os = "linux"))]
compile_error!("the sandbox is made of Linux namespaces: build on Linux");

mod bubblewrap;
mod door;
mod error;
mod kernel;
mod launch;
mod namespaces;
mod open;
mod plan;
mod running;
mod seccomp;
mod self_test;
mod supervise;
mod system;
mod toolchain;
mod usage;

pub use door::{DOOR_SOCKETS_MAX, Door};
pub use error::{SandboxError, Unfit};
pub use open::{Backend, Choice, Sandbox};
pub use running::Running;
pub use self_test::Escape;
pub use toolchain::{Toolchain, Toolchains};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What to run, and what it may see and use.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program, looked up on the sandbox's `PATH`, and its arguments.
    pub argv: Vec<String>,
    /// The working directory, as the program sees it; must lie within a mount.
    pub cwd: PathBuf,
    /// The whole environment besides `PATH`, `HOME` (a private tmpfs), `LANG` and `TMPDIR`.
    pub env: BTreeMap<String, String>,
    pub stdin: Vec<u8>,
    pub mounts: Vec<Mount>,
    pub limits: Limits,
}

/// A host directory that the program sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub host: PathBuf,
    /// Where the program sees it: absolute.
    pub inside: PathBuf,
    pub access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    Writable,
}

/// The most that a program may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub wall: Duration,
    pub cpu: Duration,
    /// Address space of each process, in bytes; `None` for run-times that reserve far more than they
    /// use (Node, Go, Java).
    pub memory_bytes: Option<u64>,
    /// Processes and threads at once.
    pub processes: u64,
    /// The largest file that may be written, in bytes.
    pub file_bytes: u64,
    /// What is kept of stdout, and of stderr, in bytes; more than this ends the program.
    pub output_bytes: usize,
}

impl Default for Limits {
    /// Generous for a small program under test, deadly for a runaway one.
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(10),
            cpu: Duration::from_secs(10),
            memory_bytes: None,
            processes: 64,
            file_bytes: 64 << 20,
            output_bytes: 1 << 20,
        }
    }
}

/// How a program came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    Code(i32),
    /// Killed by this signal, by itself or by a limit of the kernel.
    Signal(i32),
    /// Outlived `limits.wall`; its whole process tree was killed.
    TimedOut,
    /// Wrote more than `limits.output_bytes`; killed.
    OutputFlood,
    /// The caller's [`Cancel`] was pulled; killed.
    Cancelled,
}

/// What a program did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub exit: Exit,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub wall: Duration,
}

/// A cord that ends running commands from another thread.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Ends every command that was given this cord, soon.
    pub fn pull(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the cord was pulled.
    pub fn is_pulled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
