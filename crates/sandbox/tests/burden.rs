//! How large we are is no matter of the sandbox: nothing of our memory is copied into it.

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::{self, Command};
use std::thread;

use common::{in_each, run, shell, text};
use sandbox::{Access, Mount};

/// Reserved and never touched: more than any program needs, and it shows in every copy of us.
const RESERVED_BYTES: usize = 1 << 37;

/// What a process may reserve that is no copy of us.
const SMALL_BYTES: u64 = 1 << 36;

#[test]
fn no_process_of_a_sandbox_is_a_copy_of_us() {
    // SAFETY: a new mapping that replaces none, and that nobody reads or writes.
    let reserved = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        libc::mmap(std::ptr::null_mut(), RESERVED_BYTES, libc::PROT_NONE, flags, -1, 0)
    };
    assert_ne!(reserved, libc::MAP_FAILED);
    let us = process::id();
    assert!(status(us).is_some_and(|(_, bytes)| bytes > SMALL_BYTES), "the reserve shows in us");
    in_each(|sandbox| {
        let host = tempfile::tempdir().expect("a temporary directory");
        for fifo in ["began", "end"] {
            let made = Command::new("mkfifo").arg(host.path().join(fifo)).status();
            assert!(made.expect("mkfifo runs").success());
        }
        let mut waits = shell("echo > /work/began; cat /work/end");
        let inside = "/work".into();
        waits.mounts.push(Mount { host: host.path().to_owned(), inside, access: Access::Writable });
        let children = thread::scope(|scope| {
            let running = scope.spawn(|| run(sandbox, &waits));
            // Each blocks until the program opens the other end.
            fs::read(host.path().join("began")).expect("it begins");
            let children = children_of(us);
            fs::write(host.path().join("end"), "bye").expect("it reads");
            assert_eq!(text(&running.join().expect("it ends").stdout), "bye");
            children
        });
        assert!(!children.is_empty(), "{}: its first process is our child", sandbox.backend());
        for bytes in children {
            assert!(bytes < SMALL_BYTES, "{}: {bytes} bytes in a child", sandbox.backend());
        }
    });
}

/// How much each child of `parent` has reserved, in bytes.
fn children_of(parent: u32) -> Vec<u64> {
    let processes = fs::read_dir("/proc").expect("/proc is there").flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(status)
        .filter(|(of, _)| *of == parent)
        .map(|(_, bytes)| bytes)
        .collect()
}

/// A process's parent, and how many bytes it has reserved.
fn status(process: u32) -> Option<(u32, u64)> {
    let path = PathBuf::from(format!("/proc/{process}/status"));
    let status = fs::read_to_string(path).ok()?;
    let value = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    // A process that has ended has no memory.
    Some((value("PPid:")?.try_into().ok()?, value("VmSize:").unwrap_or(0) << 10))
}
