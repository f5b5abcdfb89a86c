//! What the running kernel is, and the one knob of it that bounds a sandbox run by root.
//!
//! It refuses to turn that knob where it would be the whole machine's.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;

use crate::launch;

/// The oldest kernel that counts `RLIMIT_NPROC` per user namespace, and restricts mounts as a tree.
pub(crate) const VERSION_MIN: (u32, u32) = (5, 14);

/// The first kernel whose `pid_max` belongs to each pid namespace; before, it was the machine's.
const PID_MAX_OF_NAMESPACE: (u32, u32) = (6, 14);

/// What the kernel calls its release, and its first two numbers.
pub(crate) fn release() -> (String, (u32, u32)) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let text = text.trim().to_owned();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
    let version = (next(), next());
    (text, version)
}

/// Whether [`bound_pids`] can be used.
pub(crate) fn can_bound_pids() -> bool {
    release().1 >= PID_MAX_OF_NAMESPACE
}

/// Lets no more than a few hundred processes exist in the pid namespace whose first process is
/// `init`. The exact limit is kept by counting; this keeps a fork bomb from outrunning the count.
///
/// # Errors
/// The operating system's; unsupported where [`can_bound_pids`] says no.
pub(crate) fn bound_pids(init: &OwnedFd, processes: u64) -> io::Result<()> {
    /// The kernel refuses less than 301, or 8 for each processor that could be plugged in.
    const FLOORS: [u64; 3] = [400, 4_096, 32_768];
    if !can_bound_pids() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let room = processes.saturating_add(100);
    let ceilings = FLOORS.map(|floor| floor.max(room).to_string());
    // A thread of its own: its next child, and no other of ours, is born in there.
    thread::scope(|scope| {
        let writer = scope.spawn(|| write_inside(init, &ceilings));
        writer.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
    })
}

/// Writes `pid_max` from a process within, since the kernel goes by the writer's own namespace.
fn write_inside(init: &OwnedFd, ceilings: &[String]) -> io::Result<()> {
    // SAFETY: an open descriptor.
    if unsafe { libc::setns(init.as_raw_fd(), libc::CLONE_NEWPID) } == -1 {
        return Err(io::Error::last_os_error());
    }
    let mut write = || {
        let knob = c"/proc/sys/kernel/pid_max".as_ptr();
        // SAFETY: a C string, and texts that live; the descriptor ends with the process.
        let written = unsafe {
            let file = libc::open(knob, libc::O_WRONLY | libc::O_CLOEXEC);
            ceilings.iter().any(|text| {
                libc::write(file, text.as_ptr().cast(), text.len()) == text.len() as isize
            })
        };
        libc::c_int::from(!written)
    };
    // SAFETY: it makes these two system calls and nothing else.
    unsafe { launch::run(&mut write) }
}
