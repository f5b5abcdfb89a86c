//! The two processes inside: the first, which builds the walls and then waits, and the program.
//!
//! Runs after `clone` in a copy of a process that may have had threads, so it is bound to
//! async-signal-safe calls: it walks what the parent prepared, allocates nothing and never returns.

use std::ffi::CString;
use std::ptr;

use super::action::{Action, Errno, check, errno};

/// Everything that the processes inside need, prepared by the parent.
pub(super) struct Prepared {
    pub(super) actions: Vec<Action>,
    /// Imposed on the program: resource and value.
    pub(super) limits: Vec<(Resource, libc::rlimit)>,
    /// Where the program may be, in the order of the `PATH`.
    pub(super) candidates: Vec<Candidate>,
    /// NULL-terminated, into strings that `_strings` keeps.
    pub(super) argv: Vec<*const libc::c_char>,
    pub(super) envp: Vec<*const libc::c_char>,
    pub(super) _strings: Vec<CString>,
    /// The program's ends of its pipes: stdin, stdout, stderr; then the report's and the gate's.
    pub(super) descriptors: [libc::c_int; 5],
}

/// A path to try, and the arguments by which a shell would run it if it has no known format.
pub(super) struct Candidate {
    pub(super) path: CString,
    pub(super) shell_argv: Vec<*const libc::c_char>,
}

#[cfg(target_env = "gnu")]
pub(super) type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
pub(super) type Resource = libc::c_int;

/// What the processes inside tell: `[tag, detail, errno or status]`, at most one each of a failure
/// and an end.
pub(super) type Report = [i32; 3];
/// An action failed: its index and `errno`.
pub(super) const FAILED_ACTION: i32 = 1;
/// The program could not be started: a [`Last`] step and `errno`.
pub(super) const FAILED_START: i32 = 2;
/// The program ended: its wait status.
pub(super) const ENDED: i32 = 3;

/// The last steps, in the program's own process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Last {
    Fork,
    Session,
    Limits,
    Execute,
}

/// Where the report's pipe is moved to, just above the standard three.
pub(super) const REPORT: libc::c_int = 3;

/// Where the gate's pipe is moved to: a byte comes once the parent has said who we are.
const GATE: libc::c_int = 4;

/// The first process. Builds the walls, starts the program, waits for its end, and by ending takes
/// every other process of the namespace with it.
///
/// # Safety
/// Only in a fresh child process, with all signals blocked.
pub(super) unsafe fn first_process(prepared: &Prepared) -> ! {
    // SAFETY: calls on memory that `prepared` owns and descriptors that this process owns.
    unsafe {
        if let Err(error) = take_descriptors(&prepared.descriptors) {
            // Without its pipes it cannot say so; the parent sees an end without a report.
            libc::_exit(error);
        }
        forget_signals();
        if !gate_opens() {
            libc::_exit(0);
        }
        for (index, action) in prepared.actions.iter().enumerate() {
            if let Err(error) = action.perform() {
                tell([FAILED_ACTION, index as i32, error]);
                libc::_exit(1);
            }
        }
        match fork() {
            Err(error) => tell([FAILED_START, Last::Fork as i32, error]),
            Ok(0) => program(prepared),
            Ok(program) => {
                for descriptor in 0..REPORT {
                    libc::close(descriptor);
                }
                let status = wait_for(program);
                tell([ENDED, 0, status]);
            }
        }
        libc::_exit(0);
    }
}

/// The program's process, up to `execve`.
unsafe fn program(prepared: &Prepared) -> ! {
    // SAFETY: as in `first_process`.
    let (step, error) = unsafe {
        if let Err(error) = check(libc::setsid()) {
            (Last::Session, error)
        } else if let Err(error) = limit(&prepared.limits) {
            (Last::Limits, error)
        } else {
            (Last::Execute, execute(prepared))
        }
    };
    tell([FAILED_START, step as i32, error]);
    // SAFETY: ends the process without running the parent's exit handlers.
    unsafe { libc::_exit(127) }
}

unsafe fn limit(limits: &[(Resource, libc::rlimit)]) -> Result<(), Errno> {
    for (resource, limit) in limits {
        // SAFETY: `limit` is a valid structure.
        check(unsafe { libc::setrlimit(*resource, limit) })?;
    }
    Ok(())
}

/// Tries each candidate as a shell would; returns why none ran.
unsafe fn execute(prepared: &Prepared) -> Errno {
    let mut worst = libc::ENOENT;
    let (argv, envp) = (prepared.argv.as_ptr(), prepared.envp.as_ptr());
    for candidate in &prepared.candidates {
        // SAFETY: NULL-terminated arrays of live C strings.
        unsafe { libc::execve(candidate.path.as_ptr(), argv, envp) };
        match errno() {
            libc::ENOENT | libc::ENOTDIR => {}
            // A script that does not name its interpreter.
            libc::ENOEXEC => {
                let argv = candidate.shell_argv.as_ptr();
                // SAFETY: as above.
                unsafe { libc::execve(c"/bin/sh".as_ptr(), argv, envp) };
                return errno();
            }
            // Keep looking, as a shell does, but say this if nothing is found.
            other => worst = other,
        }
    }
    worst
}

/// Moves the four pipes to 0..=3 and closes everything else that we inherited.
unsafe fn take_descriptors(descriptors: &[libc::c_int; 5]) -> Result<(), Errno> {
    /// Above every place that is about to be overwritten.
    const CLEAR_OF_TARGETS: libc::c_int = 10;
    // SAFETY: plain system calls on descriptors.
    unsafe {
        let mut moved = [0; 5];
        for (from, to) in descriptors.iter().zip(&mut moved) {
            *to = libc::fcntl(*from, libc::F_DUPFD, CLEAR_OF_TARGETS);
            check(*to)?;
        }
        for (target, from) in moved.iter().enumerate() {
            check(libc::dup2(*from, target as libc::c_int))?;
        }
        check(libc::fcntl(REPORT, libc::F_SETFD, libc::FD_CLOEXEC))?;
        let (first, last, flags) = (GATE as u32 + 1, u32::MAX, 0u32);
        super::action::check_long(libc::syscall(libc::SYS_close_range, first, last, flags))
    }
}

/// Waits for the parent; false if it is gone.
unsafe fn gate_opens() -> bool {
    let mut byte = 0u8;
    // SAFETY: one byte into a local; the descriptor is ours.
    unsafe {
        let count = libc::read(GATE, (&raw mut byte).cast(), 1);
        libc::close(GATE);
        count == 1
    }
}

/// Back to each signal's default, then let them in: `execve` would keep what we ignore ignored.
unsafe fn forget_signals() {
    /// One more than the last real-time signal on Linux.
    const SIGNALS: libc::c_int = 65;
    // SAFETY: an all-zero `sigaction` is the default action; failures (SIGKILL, SIGSTOP and the
    // ones that libc keeps) leave a default in place.
    unsafe {
        let default: libc::sigaction = std::mem::zeroed();
        for signal in 1..SIGNALS {
            libc::sigaction(signal, &default, ptr::null_mut());
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut());
    }
}

/// `fork` without libc's handlers, which may take locks.
unsafe fn fork() -> Result<libc::pid_t, Errno> {
    // SAFETY: without CLONE_VM the child has its own copy of everything.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    super::action::check_long(pid)?;
    Ok(pid as libc::pid_t)
}

/// Reaps whatever ends, until the program does.
unsafe fn wait_for(program: libc::pid_t) -> i32 {
    loop {
        let mut status = 0;
        // SAFETY: `status` is a valid place to write to.
        let ended = unsafe { libc::waitpid(-1, &mut status, libc::__WALL) };
        if ended == program {
            return status;
        }
        if ended == -1 && errno() != libc::EINTR {
            return 0;
        }
    }
}

fn tell(report: Report) {
    // SAFETY: 12 bytes, far below PIPE_BUF, so they arrive whole; nobody is left to tell if not.
    unsafe { libc::write(REPORT, report.as_ptr().cast(), size_of::<Report>()) };
}
