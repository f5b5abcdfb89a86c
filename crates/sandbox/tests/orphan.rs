//! What is left when we ourselves are killed: nothing.

mod common;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{in_each, run, shell};
use sandbox::{Access, Backend, Choice, Mount, Sandbox};

/// Names, for [`the_one_that_is_killed`], the backend and the directory to mount.
const ROLE: &str = "SANDBOX_TEST_ORPHAN";

#[test]
fn nothing_outlives_us() {
    in_each(|sandbox| {
        let host = tempfile::tempdir().expect("a temporary directory");
        let lock = host.path().join("lock");
        fs::write(&lock, "").expect("a file");
        let fifo = host.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
        let us = std::env::current_exe().expect("this program has a path");
        let mut killed = Command::new(us)
            .args(["--exact", "the_one_that_is_killed", "--nocapture"])
            .env(ROLE, format!("{} {}", sandbox.backend(), host.path().display()))
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut ready = String::new();
        let mut fifo = fs::File::open(&fifo).expect("the program opens it too");
        fifo.read_to_string(&mut ready).expect("it can be read");
        assert_eq!(ready, "held\n");
        let file = fs::File::open(&lock).expect("the lock file");
        assert!(file.try_lock().is_err(), "the program holds no lock");
        killed.kill().expect("it can be killed");
        killed.wait().expect("it ends");
        // Blocks for as long as the program lives.
        file.lock().expect("the lock comes free");
    });
}

/// No test of its own: the process that the one above kills.
#[test]
fn the_one_that_is_killed() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (backend, host) = role.split_once(' ').expect("a backend and a directory");
    let choice = match backend {
        name if name == Backend::Bubblewrap.name() => Choice::Bubblewrap,
        _ => Choice::Namespaces,
    };
    let sandbox = Sandbox::open(choice).expect("it opened before");
    let mut hold = shell("exec 9</work/lock; flock 9; echo held > /work/fifo; exec sleep 1000");
    hold.mounts.push(Mount {
        host: Path::new(host).to_owned(),
        inside: "/work".into(),
        access: Access::Writable,
    });
    run(&sandbox, &hold);
}
