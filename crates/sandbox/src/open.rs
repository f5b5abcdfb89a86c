//! Opening a sandbox: which walls this machine can offer, found out by trying.
//!
//! It refuses to trust versions and settings where running a program tells.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bubblewrap::Bubblewrap;
use crate::namespaces::Namespaces;
use crate::plan::Plan;
use crate::system::System;
use crate::{
    Cancel, Command, Door, Escape, Exit, Finished, Limits, Running, SandboxError, Toolchains,
    Unfit, door, kernel, seccomp, self_test,
};

/// Which backend a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// Our own namespaces where they work, else bubblewrap. Ours start in half the time, add
    /// Landlock, which `bwrap` cannot carry, tell an exit code above 128 from a signal, and give
    /// programs that root runs the host's `nobody` for a user. bubblewrap may be allowed what we
    /// are not: distributions that forbid unprivileged user namespaces make an exception for it.
    #[default]
    Auto,
    /// The program `bwrap`.
    Bubblewrap,
    /// Our own, which needs nothing but the kernel.
    Namespaces,
}

/// Which backend a sandbox uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    Bubblewrap,
    Namespaces,
}

impl Backend {
    /// `bubblewrap` or `namespaces`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bubblewrap",
            Self::Namespaces => "namespaces",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A place to run programs in. Cheap to clone; every run is a fresh sandbox of its own.
#[derive(Debug, Clone)]
pub struct Sandbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    system: System,
    walls: Walls,
    door: door::Program,
}

#[derive(Debug)]
enum Walls {
    Bubblewrap(Bubblewrap),
    Namespaces(Namespaces),
}

/// A machine too slow to run `true` within this is not one to work on.
const FIRST_RUN: Duration = Duration::from_secs(20);

impl Sandbox {
    /// Finds a backend that works, by running a program in it.
    ///
    /// # Errors
    /// [`Unfit`] says what is missing, and what to do about it.
    pub fn open(choice: Choice) -> Result<Self, Unfit> {
        let (release, version) = kernel::release();
        if version < kernel::VERSION_MIN {
            return Err(Unfit::OldKernel(release));
        }
        let filter = seccomp::filter()?;
        let walls = match choice {
            Choice::Auto => return Self::open_either(),
            Choice::Bubblewrap => Walls::Bubblewrap(Bubblewrap::find(filter)?),
            Choice::Namespaces => Walls::Namespaces(Namespaces::new(filter)),
        };
        let system = System::detect();
        Self(Arc::new(Inner { system, walls, door: door::Program::default() })).try_out()
    }

    fn open_either() -> Result<Self, Unfit> {
        Self::open(Choice::Namespaces).or_else(|namespaces| {
            Self::open(Choice::Bubblewrap).map_err(|bubblewrap| Unfit::Neither {
                namespaces: Box::new(namespaces),
                bubblewrap: Box::new(bubblewrap),
            })
        })
    }

    /// The backend in use.
    pub fn backend(&self) -> Backend {
        match self.0.walls {
            Walls::Bubblewrap(_) => Backend::Bubblewrap,
            Walls::Namespaces(_) => Backend::Namespaces,
        }
    }

    /// The toolchains that programs see besides the system's own.
    pub fn toolchains(&self) -> &Toolchains {
        &self.0.system.toolchains
    }

    /// Runs one program to its end, whatever it does; nothing of it is left running after.
    ///
    /// Blocks the calling thread for at most `limits.wall` and the moment that killing takes. A
    /// program that is not found ends with 127, one that cannot be executed with 126, as in a shell.
    ///
    /// # Errors
    /// [`SandboxError`] only for what is not the program's doing.
    pub fn run(&self, command: &Command, cancel: &Cancel) -> Result<Finished, SandboxError> {
        let plan = Plan::new(&self.0.system, command)?;
        self.perform(&plan, command, cancel)
    }

    /// Starts a program that goes on until it is ended: a service. What it says is collected
    /// meanwhile, its limits hold for all of its life.
    ///
    /// Before it starts, the sockets of `door` are opened inside its own network, and come back in the
    /// [`Running`]: the only way in or out.
    ///
    /// # Errors
    /// [`SandboxError`] for what is not the program's doing. One that cannot be executed starts, and
    /// has ended then.
    pub fn spawn(&self, command: &Command, door: &Door) -> Result<Running, SandboxError> {
        let (ours, theirs) = door::line().map_err(SandboxError::io("make a line to the door"))?;
        let mut plan = Plan::new(&self.0.system, command)?;
        plan.behind(self.0.door.path()?, door::INSIDE, door.arguments());
        plan.stdin.set(Some(theirs));
        let (sandbox, command) = (self.clone(), command.clone());
        Running::start(ours, door, move |cancel| sandbox.perform(&plan, &command, cancel))
    }

    pub(crate) fn perform(
        &self,
        plan: &Plan,
        command: &Command,
        cancel: &Cancel,
    ) -> Result<Finished, SandboxError> {
        let started = Instant::now();
        let ended = match &self.0.walls {
            Walls::Bubblewrap(bubblewrap) => bubblewrap.run(plan, command, cancel, started)?,
            Walls::Namespaces(namespaces) => namespaces.run(plan, command, cancel, started)?,
        };
        Ok(Finished {
            // Both backends set it; a program whose end nobody saw was killed.
            exit: ended.exit.unwrap_or(Exit::Signal(libc::SIGKILL)),
            stdout: ended.stdout,
            stderr: ended.stderr,
            wall: started.elapsed(),
        })
    }

    /// Attempts each way out that is known, from inside, and tells which held. In the order in which
    /// they were tried; all must hold. Takes some tenths of a second.
    pub fn self_test(&self) -> Vec<Escape> {
        self_test::run(self)
    }

    fn try_out(self) -> Result<Self, Unfit> {
        let command = Command {
            argv: vec!["true".to_owned()],
            cwd: "/".into(),
            env: BTreeMap::new(),
            stdin: Vec::new(),
            mounts: Vec::new(),
            limits: Limits { wall: FIRST_RUN, ..Limits::default() },
        };
        let why = match self.run(&command, &Cancel::default()) {
            Ok(finished) if finished.exit == Exit::Code(0) => return Ok(self),
            Ok(finished) => format!("`true` ended with {:?}", finished.exit),
            Err(error) => base::chain(&error),
        };
        Err(Unfit::DoesNotStart {
            backend: self.backend().name(),
            why,
            advice: "allow unprivileged user namespaces (sysctl user.max_user_namespaces, \
                     kernel.apparmor_restrict_unprivileged_userns; in a container, its own profile)",
        })
    }
}
