//! What the tests of programs share: a sandbox of each backend, and short ways to run in it.

#![allow(dead_code, reason = "each file of tests uses a part of it")]

use std::collections::BTreeMap;
use std::time::Duration;

use sandbox::{Cancel, Choice, Command, Finished, Limits, Sandbox};

/// Long enough to never be reached by a program that ends, on the slowest machine.
pub(crate) const NEVER: Duration = Duration::from_secs(120);

/// Runs `check` in each backend. A backend that this machine cannot offer is a failure, not a skip.
pub(crate) fn in_each(check: impl Fn(&Sandbox)) {
    for choice in [Choice::Namespaces, Choice::Bubblewrap] {
        match Sandbox::open(choice) {
            Ok(sandbox) => check(&sandbox),
            Err(unfit) => panic!("{choice:?} cannot be tested: {unfit}"),
        }
    }
}

/// A command without mounts that runs in `/tmp`.
pub(crate) fn command(argv: &[&str]) -> Command {
    Command {
        argv: argv.iter().map(ToString::to_string).collect(),
        cwd: "/tmp".into(),
        env: BTreeMap::new(),
        stdin: Vec::new(),
        mounts: Vec::new(),
        limits: Limits { wall: NEVER, cpu: NEVER, ..Limits::default() },
    }
}

pub(crate) fn shell(script: &str) -> Command {
    command(&["sh", "-c", script])
}

pub(crate) fn run(sandbox: &Sandbox, command: &Command) -> Finished {
    match sandbox.run(command, &Cancel::default()) {
        Ok(finished) => finished,
        Err(error) => panic!("{}: {error}: {error:?}", sandbox.backend()),
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
