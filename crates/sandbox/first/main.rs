//! The first process of a sandbox: makes the system calls of a script, starts the program, and waits.
//!
//! A program of its own, carried inside the library, so that a sandbox costs the same however much
//! memory its maker holds, and so that nothing of that memory is inside. By ending it takes every
//! other process of its namespace with it. It refuses to know what it does: the script says.

#![no_main]

mod script;

use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr;

use script::{
    ANY, BASE, Call, ENDED, FAILED_EXECUTE, FAILED_START, FAILED_WALL, List, REPORT, Report,
    SCRIPT, Script,
};

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn lseek(descriptor: c_int, offset: i64, from: c_int) -> i64;
    fn mmap(
        at: *mut c_void,
        size: usize,
        access: c_int,
        flags: c_int,
        of: c_int,
        offset: i64,
    ) -> *mut c_void;
    fn close(descriptor: c_int) -> c_int;
    fn write(descriptor: c_int, bytes: *const c_void, count: usize) -> isize;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn _exit(code: c_int) -> !;
    fn __errno_location() -> *mut c_int;
}

type Errno = i32;

const ENOENT: Errno = 2;
const EINTR: Errno = 4;
const EIO: Errno = 5;
const ENOEXEC: Errno = 8;
const ENOTDIR: Errno = 20;

/// Instead of a Rust `main`: there is nothing for the run-time to prepare.
#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, _arguments: *const *const c_char) -> c_int {
    let Some(script) = map() else {
        tell([FAILED_START, 0, errno()]);
        return 1;
    };
    // SAFETY: whoever started us wrote the lists and all that they point to.
    let (walls, start, candidates): (&[Call], &[Call], &[[Call; 2]]) =
        unsafe { (list(script.walls), list(script.start), list(script.candidates)) };
    for (index, call) in walls.iter().enumerate() {
        if let Err(error) = make(call) {
            tell([FAILED_WALL, index as i32, error]);
            return 1;
        }
    }
    match make(&script.fork) {
        Err(error) => tell([FAILED_START, 0, error]),
        Ok(0) => {
            let failed = match start.iter().try_for_each(|call| make(call).map(|_| ())) {
                Err(error) => [FAILED_START, 0, error],
                Ok(()) => [FAILED_EXECUTE, 0, execute(candidates)],
            };
            tell(failed);
            // SAFETY: ends the process.
            unsafe { _exit(127) }
        }
        Ok(program) => {
            // The program's pipes are to end with it.
            for descriptor in 0..REPORT {
                // SAFETY: nobody here uses them.
                unsafe { close(descriptor) };
            }
            tell([ENDED, 0, wait_for(program as c_int)]);
        }
    }
    0
}

/// The script, where its pointers hold; it is ours to write to.
fn map() -> Option<&'static Script> {
    const SEEK_END: c_int = 2;
    const READ_WRITE: c_int = 1 | 2;
    const PRIVATE: c_int = 2;
    const FIXED_NOREPLACE: c_int = 0x10_0000;
    let at = ptr::without_provenance_mut(BASE as usize);
    // SAFETY: a new mapping that replaces none; never unmapped.
    unsafe {
        let size = lseek(SCRIPT, 0, SEEK_END);
        let mapped =
            mmap(at, size.max(0) as usize, READ_WRITE, PRIVATE | FIXED_NOREPLACE, SCRIPT, 0);
        close(SCRIPT);
        (mapped == at).then(|| &*mapped.cast::<Script>())
    }
}

/// # Safety
/// There must be a list of these.
unsafe fn list<T>(list: List) -> &'static [T] {
    let at = ptr::with_exposed_provenance(list.at as usize);
    // SAFETY: the caller's word.
    unsafe { std::slice::from_raw_parts(at, list.count as usize) }
}

fn make(call: &Call) -> Result<i64, Errno> {
    let [a, b, c, d, e, f] = call.arguments;
    // SAFETY: as safe as the script.
    let result = unsafe { syscall(call.number as c_long, a, b, c, d, e, f) } as i64;
    match result {
        -1 if i64::from(errno()) == call.forgiven => Ok(0),
        -1 => Err(errno()),
        result if call.wanted == ANY || result == call.wanted => Ok(result),
        _ => Err(EIO),
    }
}

/// Tries each candidate as a shell would; returns why none ran.
fn execute(candidates: &[[Call; 2]]) -> Errno {
    let mut worst = ENOENT;
    for [program, by_shell] in candidates {
        match make(program).err().unwrap_or_default() {
            ENOENT | ENOTDIR => {}
            // A script that does not name its interpreter.
            ENOEXEC => return make(by_shell).err().unwrap_or_default(),
            // Keep looking, as a shell does, but say this if nothing is found.
            other => worst = other,
        }
    }
    worst
}

/// Reaps whatever ends, until the program does.
fn wait_for(program: c_int) -> i32 {
    /// `__WALL`: also those that were cloned with another signal than SIGCHLD.
    const ALL: c_int = 0x4000_0000;
    loop {
        let mut status = 0;
        // SAFETY: `status` is a valid place to write to.
        let ended = unsafe { waitpid(-1, &mut status, ALL) };
        if ended == program {
            return status;
        }
        if ended == -1 && errno() != EINTR {
            return 0;
        }
    }
}

fn tell(report: Report) {
    // SAFETY: 12 bytes, far below PIPE_BUF, so they arrive whole; nobody is left to tell if not.
    unsafe { write(REPORT, report.as_ptr().cast(), size_of::<Report>()) };
}

fn errno() -> Errno {
    // SAFETY: the location is this thread's own.
    unsafe { *__errno_location() }
}
