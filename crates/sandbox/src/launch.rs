//! Starts a process without copying our memory, which may hold gigabytes.
//!
//! `fork` copies the page tables of everything that we hold, some tenths of a second for a model's
//! weights. Here the child shares our memory instead, on a stack of its own, and the calling thread
//! waits until it executes a program or ends (what `vfork` does). `std::process` does the same, but
//! only while it is asked for nothing special. This module refuses to know what is started.

use std::ffi::{CStr, CString, c_int, c_void};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::{iter, ptr};

use crate::supervise::Leader;

/// Room for a few frames that make system calls.
const STACK_BYTES: usize = 64 << 10;

/// What the child ends with where it cannot execute; nobody looks, the reason is told otherwise.
const NOT_EXECUTED: c_int = 127;

/// A program to become.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Program<'a> {
    Path(&'a CStr),
    /// One that is only a descriptor; see [`memory_image`].
    Image(&'a File),
}

/// Starts `program` with an empty environment, default signals, and these descriptors as 0, 1, 2, …:
/// no other is inherited. With `namespaces` (flags of `clone`), it is the first process of new ones
/// and has all capabilities in them.
///
/// # Errors
/// The operating system's, also where the program cannot be executed.
pub(crate) fn start(
    program: Program<'_>,
    arguments: &[CString],
    descriptors: &[&File],
    namespaces: c_int,
) -> io::Result<Leader> {
    let pointers: Vec<_> =
        arguments.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
    let sources = descriptors.iter().map(|file| file.as_raw_fd());
    let image = match program {
        Program::Path(_) => None,
        Program::Image(file) => Some(file.as_raw_fd()),
    };
    let mut moved: Vec<c_int> = sources.chain(image).collect();
    let mut failure = 0;
    // SAFETY: the closure makes system calls on what it owns, allocates nothing and cannot panic.
    let leader = unsafe {
        let mut child = || {
            failure = become_program(program, &pointers, &mut moved, namespaces != 0);
            NOT_EXECUTED
        };
        share_memory(namespaces, &mut child)?
    };
    // Written by the child, which has executed or ended by now.
    if failure == 0 { Ok(leader) } else { Err(io::Error::from_raw_os_error(failure)) }
}

/// Runs `child` in a new process in our own memory, to its end.
///
/// # Safety
/// As for [`share_memory`].
///
/// # Errors
/// Where there is no process, or its result is not 0.
pub(crate) unsafe fn run(child: &mut dyn FnMut() -> c_int) -> io::Result<()> {
    // SAFETY: the caller's word.
    let status = unsafe { share_memory(0, child)? }.reap()?;
    if status.into_raw() == 0 { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// An anonymous file with these bytes, at its start.
pub(crate) fn memory_file(bytes: &[u8]) -> io::Result<File> {
    new_memory_file(bytes, 0)
}

/// A [`memory_file`] that is a [`Program::Image`].
pub(crate) fn memory_image(bytes: &[u8]) -> io::Result<File> {
    new_memory_file(bytes, libc::MFD_EXEC).or_else(|error| match error.raw_os_error() {
        // A kernel before 6.3, where every such file can be executed.
        Some(libc::EINVAL) => memory_file(bytes),
        _ => Err(error),
    })
}

fn new_memory_file(bytes: &[u8], flags: libc::c_uint) -> io::Result<File> {
    // SAFETY: a C string; a descriptor that is returned is ours.
    let mut file = unsafe {
        let descriptor = libc::memfd_create(c"sandbox".as_ptr(), libc::MFD_CLOEXEC | flags);
        if descriptor == -1 {
            return Err(io::Error::last_os_error());
        }
        File::from(OwnedFd::from_raw_fd(descriptor))
    };
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// Returns once the child has executed a program or ended.
///
/// # Safety
/// `child` runs in a copy of the calling thread while all others go on: it may make system calls, and
/// must not allocate, take a lock or panic.
unsafe fn share_memory(
    namespaces: c_int,
    mut child: &mut dyn FnMut() -> c_int,
) -> io::Result<Leader> {
    extern "C" fn begin(child: *mut c_void) -> c_int {
        // SAFETY: `share_memory` passes exactly this, and waits.
        let child = unsafe { &mut *child.cast::<&mut dyn FnMut() -> c_int>() };
        child()
    }
    let flags = namespaces | libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    let mut pidfd: c_int = -1;
    let mut stack = vec![0u128; STACK_BYTES / size_of::<u128>()];
    let top = stack.as_mut_ptr_range().end;
    // SAFETY: the stack and what `child` borrows outlive the wait; stacks grow downwards on every
    // processor that the system call filter knows. Signals stay blocked, so that no handler of ours
    // runs in the child.
    let (pid, error) = unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let pid = libc::clone(begin, top.cast(), flags, (&raw mut child).cast(), &raw mut pidfd);
        let error = io::Error::last_os_error();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut());
        (pid, error)
    };
    if pid == -1 {
        return Err(error);
    }
    // SAFETY: the kernel has just given us this descriptor.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Leader::new(pid, pidfd))
}

/// Returns only why not. `moved` holds the descriptors to keep, an image's own last.
///
/// # Safety
/// Only in a child as [`share_memory`] makes it.
unsafe fn become_program(
    program: Program<'_>,
    arguments: &[*const libc::c_char],
    moved: &mut [c_int],
    keep_capabilities: bool,
) -> c_int {
    let environment = [ptr::null::<libc::c_char>()];
    // SAFETY: NULL-terminated arrays of live C strings; the descriptors are this process's own.
    let result = unsafe {
        forget_signals();
        let result = move_descriptors(moved);
        result.and_then(|()| if keep_capabilities { inherit_capabilities() } else { Ok(()) })
    };
    if let Err(error) = result {
        return error;
    }
    let (directory, path, flags) = match program {
        Program::Path(path) => (libc::AT_FDCWD, path, 0),
        Program::Image(_) => (moved.len() as c_int - 1, c"", libc::AT_EMPTY_PATH),
    };
    // SAFETY: as above.
    unsafe {
        if let Program::Image(_) = program {
            libc::fcntl(directory, libc::F_SETFD, libc::FD_CLOEXEC);
        }
        let call = libc::SYS_execveat;
        let (arguments, environment) = (arguments.as_ptr(), environment.as_ptr());
        libc::syscall(call, directory, path.as_ptr(), arguments, environment, flags);
    }
    errno()
}

/// Moves these descriptors to 0, 1, 2, … and closes all others.
unsafe fn move_descriptors(moved: &mut [c_int]) -> Result<(), c_int> {
    let count = moved.len() as c_int;
    // SAFETY: plain system calls on descriptors.
    unsafe {
        for descriptor in moved.iter_mut() {
            // Out of the way of those that are about to be overwritten.
            *descriptor = libc::fcntl(*descriptor, libc::F_DUPFD, count);
            check(*descriptor)?;
        }
        for (target, descriptor) in iter::zip(0.., moved.iter()) {
            check(libc::dup2(*descriptor, target))?;
        }
        check(libc::syscall(libc::SYS_close_range, count, u32::MAX, 0) as c_int)
    }
}

/// Back to each signal's default, then let them in: a program keeps what its maker ignored ignored.
unsafe fn forget_signals() {
    /// One more than the last real-time signal on Linux.
    const SIGNALS: c_int = 65;
    // SAFETY: the table of handlers is the child's own. An all-zero `sigaction` is the default;
    // failures (SIGKILL, SIGSTOP and the ones that libc keeps) leave a default in place.
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

/// Lets the capabilities in a new user namespace survive the execution: they would not, since no user
/// is mapped yet.
unsafe fn inherit_capabilities() -> Result<(), c_int> {
    /// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h: two words of each set.
    const VERSION: u32 = 0x2008_0522;
    /// More than any kernel has; the loop ends at the first that this one does not know.
    const CAPABILITIES_MAX: u32 = 64;
    let header: [u32; 2] = [VERSION, 0];
    // Effective, permitted, inheritable; then the same for capabilities from 32 on.
    let mut sets = [0u32; 6];
    // SAFETY: `header` and `sets` have the layout that version 3 asks for.
    unsafe {
        let (header, sets_at) = (header.as_ptr(), sets.as_mut_ptr());
        check(libc::syscall(libc::SYS_capget, header, sets_at) as c_int)?;
        sets[2] = sets[1];
        sets[5] = sets[4];
        check(libc::syscall(libc::SYS_capset, header, sets.as_ptr()) as c_int)?;
        for capability in 0..CAPABILITIES_MAX {
            let raise = libc::PR_CAP_AMBIENT_RAISE;
            match check(libc::prctl(libc::PR_CAP_AMBIENT, raise, capability, 0, 0)) {
                Err(libc::EINVAL) => break,
                other => other?,
            }
        }
    }
    Ok(())
}

fn check(result: c_int) -> Result<(), c_int> {
    if result == -1 { Err(errno()) } else { Ok(()) }
}

/// The last call's. The child's is the waiting thread's, which does not look.
fn errno() -> c_int {
    // SAFETY: the location is this thread's own.
    unsafe { *libc::__errno_location() }
}
