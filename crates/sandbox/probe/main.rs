//! Tries to get out. Runs inside a sandbox, and once outside to show that the attempts are real.
//!
//! A program of its own, built by `build.rs` and carried inside the library, so that the self-test
//! depends on no language that the machine may lack. One line on stdout for each attempt:
//! its name, `yes` if it succeeded or `no`, and why, separated by tabs. It refuses to do harm where
//! it succeeds: it reads, connects and asks, and writes only empty files where it was told to.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_long, c_ulong, c_void};
use std::io::{Error, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::{env, fs, net, process, ptr, thread, time};

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn fork() -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn pause() -> c_int;
    fn setsid() -> c_int;
    fn setuid(user: u32) -> c_int;
    fn unshare(flags: c_int) -> c_int;
    fn mount(
        source: *const c_char,
        target: *const c_char,
        kind: *const c_char,
        flags: c_ulong,
        data: *const c_void,
    ) -> c_int;
    fn ptrace(request: c_int, ...) -> c_long;
    fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn ioctl(descriptor: c_int, request: c_ulong, ...) -> c_int;
    fn flock(descriptor: c_int, operation: c_int) -> c_int;
}

const CLONE_NEWNS: c_int = 0x0002_0000;
const CLONE_NEWUSER: c_int = 0x1000_0000;
const EPERM: i32 = 1;
const ENOSYS: i32 = 38;
#[cfg(target_arch = "x86_64")]
const SYS_KEYCTL: c_long = 250;
#[cfg(not(target_arch = "x86_64"))]
const SYS_KEYCTL: c_long = 219;
/// The same on every processor.
const SYS_IO_URING_SETUP: c_long = 425;

/// What an attempt came to: `Ok` if it got out.
type Attempt = Result<String, String>;
type Targets = BTreeMap<String, String>;

fn main() {
    let targets: Targets = env::args()
        .skip(1)
        .filter_map(|word| word.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())))
        .collect();
    match targets.get("mode").map(String::as_str) {
        Some("daemon") => daemon(&targets["lock"]),
        Some("forks") => forks(),
        _ => all(&targets),
    }
}

fn all(targets: &Targets) {
    let attempts: &[(&str, fn(&Targets) -> Attempt)] = &[
        ("read the host's environment", host_environment),
        ("read a file outside the mounts", |t| fs::read_to_string(&t["canary"]).map_err(told)),
        ("write outside the mounts", |t| fs::write(&t["outside"], "").map(done).map_err(told)),
        ("write to a read-only mount", |t| fs::write(&t["readonly"], "").map(done).map_err(told)),
        ("turn a knob of the kernel", |_| {
            // Opened and left as it is.
            let knob = fs::File::options().write(true).open("/proc/sys/kernel/core_pattern");
            knob.map(done).map_err(told)
        }),
        ("reach a TCP port of the host", |t| {
            net::TcpStream::connect(("127.0.0.1", number(t, "tcp"))).map(done).map_err(told)
        }),
        ("send a datagram to the host", datagram),
        ("have a route to the internet", route),
        ("reach an abstract socket of the host", abstract_socket),
        ("open a socket to the hypervisor", |_| family(40)),
        ("open a netlink socket", |_| family(16)),
        ("see or signal a process of the host", host_process),
        ("create a user namespace", |_| in_child(|| answered(unsafe { unshare(CLONE_NEWUSER) }))),
        ("mount a file system", |t| {
            let inside = t["inside"] == "yes";
            in_child(move || mount_something(inside))
        }),
        ("trace a process", |_| in_child(|| answered(unsafe { ptrace(0, 0, 0, 0) } as c_int))),
        ("use the kernel's key rings", |_| {
            /// Ask for the session's ring: `KEYCTL_GET_KEYRING_ID`, `KEY_SPEC_SESSION_KEYRING`.
            const SESSION: c_long = -3;
            reachable(unsafe { syscall(SYS_KEYCTL, 0, SESSION, 0) })
        }),
        ("use io_uring", |_| reachable(unsafe { syscall(SYS_IO_URING_SETUP, 1, 0) })),
        ("type into a terminal", |_| {
            const TIOCSTI: c_ulong = 0x5412;
            reachable(unsafe { ioctl(0, TIOCSTI, c"x".as_ptr()) }.into())
        }),
        ("gain privileges", privileges),
    ];
    for (name, attempt) in attempts {
        let (word, why) = match attempt(targets) {
            Ok(why) => ("yes", why),
            Err(why) => ("no", why),
        };
        println!("{name}\t{word}\t{}", why.replace(['\n', '\t'], " "));
    }
}

fn host_environment(targets: &Targets) -> Attempt {
    let wanted = targets["secret"].as_bytes();
    let mut readable = 0;
    for entry in fs::read_dir("/proc").map_err(told)?.flatten() {
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        readable += 1;
        if !wanted.is_empty() && environment.split(|byte| *byte == 0).any(|pair| pair == wanted) {
            return Ok(format!("{}/environ", entry.path().display()));
        }
    }
    Err(format!("{readable} environments are readable, none is the host's"))
}

fn datagram(targets: &Targets) -> Attempt {
    let socket = net::UdpSocket::bind(("127.0.0.1", 0)).map_err(told)?;
    // Whether it arrived, only the host can tell.
    let sent = socket.send_to(targets["token"].as_bytes(), ("127.0.0.1", number(targets, "udp")));
    sent.map(done).map_err(told)
}

/// Connecting a datagram socket sends nothing; it fails where there is no way (192.0.2.0/24 is
/// reserved for documentation, RFC 5737).
fn route(_: &Targets) -> Attempt {
    let socket = net::UdpSocket::bind(("0.0.0.0", 0)).map_err(told)?;
    socket.connect(("192.0.2.1", 53)).map(done).map_err(told)
}

fn abstract_socket(targets: &Targets) -> Attempt {
    let address = SocketAddr::from_abstract_name(&targets["abstract"]).map_err(told)?;
    UnixStream::connect_addr(&address).map(done).map_err(told)
}

fn family(family: c_int) -> Attempt {
    const SOCK_DGRAM: c_int = 2;
    const SOCK_STREAM: c_int = 1;
    let kind = if family == 40 { SOCK_STREAM } else { SOCK_DGRAM };
    answered(unsafe { socket(family, kind, 0) })
}

/// By name and time of start, since numbers mean something else inside.
fn host_process(targets: &Targets) -> Attempt {
    let mut seen = 0;
    for entry in fs::read_dir("/proc").map_err(told)?.flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        seen += 1;
        if identity(&stat).as_ref() == Some(&targets["process"]) {
            return answered(unsafe { kill(pid, 0) });
        }
    }
    Err(format!("{seen} processes are in sight, none of the host"))
}

/// The name, and the 22nd field, the time of start; the name stands in parentheses and may hold spaces.
fn identity(stat: &str) -> Option<String> {
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    Some(format!("{name} {}", after.split_whitespace().nth(19)?))
}

/// In the control run only in namespaces of its own, so that the host is not touched.
fn mount_something(inside: bool) -> Attempt {
    let apart = unsafe { unshare(CLONE_NEWUSER | CLONE_NEWNS) } == 0;
    if !apart && !inside {
        return Err(told(Error::last_os_error()));
    }
    let (kind, at) = (c"tmpfs".as_ptr(), c"/tmp".as_ptr());
    answered(unsafe { mount(kind, at, kind, 0, ptr::null()) })
}

fn privileges(_: &Targets) -> Attempt {
    let status = fs::read_to_string("/proc/self/status").map_err(told)?;
    if !status.lines().any(|line| line == "NoNewPrivs:\t1") {
        return Ok("setuid programs would be obeyed".to_owned());
    }
    answered(unsafe { setuid(0) })
}

/// Forks children that stay, more than are allowed, then tells how many there were.
fn forks() {
    const CHILDREN: usize = 40;
    let mut children = Vec::new();
    while children.len() < CHILDREN {
        match unsafe { fork() } {
            -1 => break,
            0 => loop {
                unsafe { pause() };
            },
            child => children.push(child),
        }
    }
    // Time for whoever counts from outside.
    thread::sleep(time::Duration::from_millis(100));
    println!("{}", children.len());
    for child in children {
        unsafe {
            kill(child, 9);
            waitpid(child, ptr::null_mut(), 0);
        }
    }
}

/// Leaves a process behind, twice removed, in its own session, which holds the lock and stdout.
fn daemon(lock: &str) {
    use std::os::fd::AsRawFd;
    const LOCK_EX: c_int = 2;
    let file = fs::File::create(lock).expect("the lock file can be made");
    unsafe {
        if flock(file.as_raw_fd(), LOCK_EX) != 0 {
            process::exit(1);
        }
        let child = fork();
        if child == 0 {
            setsid();
            match fork() {
                // Holds the lock, which belongs to the open file, with all that it inherited.
                0 => loop {
                    pause();
                },
                daemon => print!("{daemon}"),
            }
            let _ = std::io::stdout().flush();
            process::exit(0);
        }
        waitpid(child, ptr::null_mut(), 0);
    }
}

/// In a child, since success would change us.
fn in_child(attempt: impl FnOnce() -> Attempt) -> Attempt {
    let child = unsafe { fork() };
    match child {
        -1 => Err(told(Error::last_os_error())),
        0 => process::exit(match attempt() {
            Ok(_) => 0,
            Err(_) => Error::last_os_error().raw_os_error().unwrap_or(1),
        }),
        _ => {
            let mut status = 0;
            unsafe { waitpid(child, &mut status, 0) };
            match status >> 8 & 0xff {
                0 if status == 0 => Ok("done".to_owned()),
                error => Err(told(Error::from_raw_os_error(error))),
            }
        }
    }
}

/// Whether the kernel looked at the call at all; what it thought of our arguments is another matter.
fn reachable(result: c_long) -> Attempt {
    let error = Error::last_os_error();
    match error.raw_os_error() {
        Some(EPERM | ENOSYS) if result < 0 => Err(told(error)),
        _ => Ok("the call is open".to_owned()),
    }
}

fn answered(result: c_int) -> Attempt {
    if result < 0 { Err(told(Error::last_os_error())) } else { Ok("done".to_owned()) }
}

fn number(targets: &Targets, name: &str) -> u16 {
    targets[name].parse().unwrap_or(0)
}

fn done<T>(_: T) -> String {
    "done".to_owned()
}

fn told(error: Error) -> String {
    error.to_string()
}
