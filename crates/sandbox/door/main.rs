//! The door of a service: opens its sockets from inside, hands them out, and becomes the program.
//!
//! A socket belongs to the network in which it was made. The sandbox's network has no way out, so
//! the few sockets that the host is to hold are made here, inside, before the program starts, and
//! passed to the host over the Unix socket that stands in for standard input. Nothing of that is left
//! when the program runs: standard input is then `/dev/null`, and all else closes by itself.
//!
//! `door PORTS COUNT PROGRAM [ARGUMENT]…`: listeners at the loopback's `PORTS` (with commas between,
//! or `-`), and `COUNT` sockets that are not connected. It refuses to know who is at either end.

#![no_main]

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::mem::size_of;

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn getpid() -> c_int;
    fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn setsockopt(of: c_int, level: c_int, name: c_int, value: *const c_void, size: u32) -> c_int;
    fn bind(socket: c_int, address: *const Address, size: u32) -> c_int;
    fn listen(socket: c_int, backlog: c_int) -> c_int;
    fn sendmsg(socket: c_int, message: *const Message, flags: c_int) -> isize;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn dup2(from: c_int, to: c_int) -> c_int;
    fn execvp(program: *const c_char, arguments: *const *const c_char) -> c_int;
    fn write(descriptor: c_int, bytes: *const c_void, count: usize) -> isize;
    fn strlen(text: *const c_char) -> usize;
    fn __errno_location() -> *mut c_int;
}

/// `struct sockaddr_in`.
#[repr(C)]
struct Address {
    family: u16,
    port: [u8; 2],
    host: [u8; 4],
    padding: [u8; 8],
}

#[repr(C)]
struct Piece {
    bytes: *const u8,
    count: usize,
}

/// `struct msghdr`.
#[repr(C)]
struct Message {
    name: *const c_void,
    name_size: u32,
    pieces: *const Piece,
    piece_count: usize,
    control: *const Control,
    control_size: usize,
    flags: c_int,
}

/// The kernel passes 253 descriptors at once, and no more.
const PASSED_MAX: usize = 253;

/// `struct cmsghdr` and the descriptors after it.
#[repr(C)]
struct Control {
    size: usize,
    level: c_int,
    kind: c_int,
    descriptors: [c_int; PASSED_MAX],
}

const INET: c_int = 2;
const STREAM_CLOEXEC: c_int = 1 | 0o2_000_000;
const SOL_SOCKET: c_int = 1;
const SO_REUSEADDR: c_int = 2;
const SCM_RIGHTS: c_int = 1;
const PIDFD_OPEN: c_long = 434;
const ENOENT: c_int = 2;
/// Connections that wait to be accepted: a burst of a program's own.
const BACKLOG: c_int = 128;

/// Instead of a Rust `main`: there is nothing for the run-time to prepare.
#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    if count < 4 {
        return fail(c"it is called otherwise");
    }
    // SAFETY: C promises `count` texts and a null behind them.
    let (ports, sockets, program) =
        unsafe { (CStr::from_ptr(*arguments.add(1)), CStr::from_ptr(*arguments.add(2)), arguments.add(3)) };
    let mut passed = Passed { descriptors: [0; PASSED_MAX], count: 0 };
    // SAFETY: plain system calls.
    let own = unsafe { syscall(PIDFD_OPEN, getpid(), 0) } as c_int;
    let opened = passed.add(own)
        && ports.to_bytes().split(|byte| *byte == b',').filter(|text| *text != b"-").all(|text| {
            number(text).is_some_and(|port| passed.add(listener(port as u16)))
        })
        && (0..number(sockets.to_bytes()).unwrap_or(0)).all(|_| passed.add(plain()));
    if !opened {
        return fail(c"cannot open its sockets");
    }
    if !passed.send() {
        return fail(c"cannot hand its sockets out");
    }
    // SAFETY: constant texts, and the arguments that we were given.
    unsafe {
        let nothing = open(c"/dev/null".as_ptr(), 0o2_000_000);
        if nothing == -1 || dup2(nothing, 0) == -1 {
            return fail(c"cannot close its standard input");
        }
        execvp(*program, program);
        let missing = *__errno_location() == ENOENT;
        say(*program);
        say(if missing { c": not found\n" } else { c": cannot be executed\n" }.as_ptr());
        if missing { 127 } else { 126 }
    }
}

struct Passed {
    descriptors: [c_int; PASSED_MAX],
    count: usize,
}

impl Passed {
    fn add(&mut self, descriptor: c_int) -> bool {
        if descriptor < 0 || self.count == PASSED_MAX {
            return false;
        }
        self.descriptors[self.count] = descriptor;
        self.count += 1;
        true
    }

    fn send(&self) -> bool {
        let size = size_of::<usize>() + 2 * size_of::<c_int>() + self.count * size_of::<c_int>();
        let control =
            Control { size, level: SOL_SOCKET, kind: SCM_RIGHTS, descriptors: self.descriptors };
        let byte = Piece { bytes: b"!".as_ptr(), count: 1 };
        let message = Message {
            name: std::ptr::null(),
            name_size: 0,
            pieces: &byte,
            piece_count: 1,
            control: &control,
            control_size: size.next_multiple_of(size_of::<usize>()),
            flags: 0,
        };
        // SAFETY: the message and all that it points to live until the call returns.
        unsafe { sendmsg(0, &message, 0) == 1 }
    }
}

fn plain() -> c_int {
    // SAFETY: integers.
    unsafe { socket(INET, STREAM_CLOEXEC, 0) }
}

/// Or a negative number.
fn listener(port: u16) -> c_int {
    let made = plain();
    let (yes, size) = (1 as c_int, size_of::<c_int>() as u32);
    let address = Address {
        family: INET as u16,
        port: port.to_be_bytes(),
        host: [127, 0, 0, 1],
        padding: [0; 8],
    };
    // SAFETY: each pointer is to a value of the size that is told.
    let listens = unsafe {
        setsockopt(made, SOL_SOCKET, SO_REUSEADDR, (&raw const yes).cast(), size) == 0
            && bind(made, &address, size_of::<Address>() as u32) == 0
            && listen(made, BACKLOG) == 0
    };
    if listens { made } else { -1 }
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn fail(why: &CStr) -> c_int {
    say(c"the door ".as_ptr());
    say(why.as_ptr());
    say(c"\n".as_ptr());
    125
}

fn say(text: *const c_char) {
    // SAFETY: a C string; nobody is left to tell of a failure.
    unsafe { write(2, text.cast(), strlen(text)) };
}
