//! The backend that stands on bubblewrap, a small set of walls that many projects keep watch over.
//!
//! `bwrap` is started with an empty environment, since its own is readable from inside as that of
//! process 1, and waits with the program until our limits are on it. It refuses to run a `bwrap`
//! that a program could have put on the `PATH`: only absolute entries count.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{self, ExitStatus};
use std::time::{Duration, Instant};

use seccompiler::BpfProgram;

use crate::launch::{self, Program};
use crate::plan::{INSIDE_ID, Plan, Step, c_string};
use crate::supervise::{self, Ended, Leader, Pipes};
use crate::system::{PROC_HIDDEN, PROC_READ_ONLY, proc_parts};
use crate::usage::{self, Processes};
use crate::{Access, Cancel, Command, Exit, Limits, SandboxError, Unfit, kernel, seccomp};

/// The oldest version that has all that we ask of it.
const VERSION_MIN: (u32, u32) = (0, 8);

/// Most bytes of its status that are read: a few hundred are usual.
const STATUS_MAX: u64 = 16 << 10;

/// How long the kernel may take to end a killed tree.
const BURIAL: Duration = Duration::from_secs(10);

/// What `bwrap` answers for a program that died of a signal: 128 + the signal.
const SIGNAL_BASE: i32 = 128;
const SIGNAL_MAX: i32 = 64;

/// A `bwrap` of this machine.
#[derive(Debug)]
pub(crate) struct Bubblewrap {
    program: PathBuf,
    filter: BpfProgram,
}

impl Bubblewrap {
    /// # Errors
    /// [`Unfit`] where there is none, or too old a one.
    pub(crate) fn find(filter: BpfProgram) -> Result<Self, Unfit> {
        if usage::we_are_root() && !kernel::can_bound_pids() {
            return Err(Unfit::RootWithBubblewrap);
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&path)
            .chain([PathBuf::from("/usr/bin"), PathBuf::from("/usr/local/bin")])
            .filter(|directory| directory.is_absolute())
            .map(|directory| directory.join("bwrap"))
            .find(|program| program.is_file())
            .ok_or(Unfit::NoBubblewrap)?;
        let version = process::Command::new(&program)
            .arg("--version")
            .env_clear()
            .stdin(process::Stdio::null())
            .output();
        let said = version.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        );
        if parse_version(&said).is_none_or(|found| found < VERSION_MIN) {
            return Err(Unfit::OldBubblewrap { program, found: said });
        }
        Ok(Self { program, filter })
    }

    pub(crate) fn run(
        &self,
        plan: &Plan,
        command: &Command,
        cancel: &Cancel,
        started: Instant,
    ) -> Result<Ended, SandboxError> {
        let pipes = Pipes::new(plan.stdin.take());
        let (ours, theirs) = pipes.map_err(SandboxError::io("make pipes"))?;
        let mut started_child = self.start(plan, theirs)?;
        let leader = &started_child.leader;
        let inner = started_child.status.first_process()?;
        if let Some(pid) = inner {
            impose(pid, &command.limits).map_err(SandboxError::io("limit the program"))?;
        }
        let init = inner.map(supervise::pidfd_of).transpose();
        let init = init.map_err(SandboxError::io("hold the sandbox's first process"))?;
        if let Some(init) = init.as_ref().filter(|_| usage::we_are_root()) {
            kernel::bound_pids(init, command.limits.processes)
                .map_err(SandboxError::io("bound the sandbox's processes"))?;
        }
        let processes = inner.and_then(|pid| Processes::below(pid, command.limits.processes));
        let mut watch = supervise::Watch::new(ours, command, cancel, started, processes);
        // The gate opens by closing: the program starts now, with its limits on.
        drop(started_child.gate);
        let kill = || {
            if let Some(init) = &init {
                supervise::kill(init);
            }
            leader.kill();
        };
        let stop = watch.until_end(leader.pidfd(), &kill)?;
        // `bwrap` ends with the program; what the program left behind is still to be buried.
        kill();
        if let Some(init) = &init {
            let gone = supervise::wait_for_end(init, BURIAL);
            gone.map_err(SandboxError::io("wait for the sandbox's end"))?;
        }
        let status =
            started_child.leader.reap().map_err(SandboxError::io("learn the sandbox's end"))?;
        let mut ended = Ended::new(watch.drain()?, stop);
        if ended.exit.is_none() {
            conclude(plan, status, started_child.status.exit_code()?, &mut ended)?;
        }
        Ok(ended)
    }

    fn start(&self, plan: &Plan, pipes: Pipes) -> Result<Started, SandboxError> {
        let (status, status_end) = supervise::pipe().map_err(SandboxError::io("make a pipe"))?;
        let (gate_end, gate) = supervise::pipe().map_err(SandboxError::io("make a pipe"))?;
        let filter = launch::memory_file(&seccomp::bytes(&self.filter))
            .map_err(SandboxError::io("hand the filter over"))?;
        let mut arguments = Arguments::new(pipes);
        arguments.walls();
        arguments.descriptor("--seccomp", filter);
        arguments.descriptor("--json-status-fd", status_end);
        arguments.descriptor("--block-fd", gate_end);
        arguments.steps(plan)?;
        arguments.add([&"--"]);
        arguments.list.extend(plan.argv.iter().map(Into::into));
        let list = arguments.list.iter().map(c_string).collect::<Result<Vec<_>, _>>()?;
        let program = c_string(&self.program)?;
        let kept: Vec<&File> = arguments.kept.iter().collect();
        let leader = launch::start(Program::Path(&program), &list, &kept, 0)
            .map_err(SandboxError::io("start bwrap"))?;
        Ok(Started { leader, status: Status { source: status, text: String::new() }, gate })
    }
}

/// A `bwrap` that has begun.
struct Started {
    leader: Leader,
    status: Status,
    /// The program starts when this closes.
    gate: File,
}

/// What `bwrap` tells of itself: JSON documents, one a line.
struct Status {
    source: File,
    text: String,
}

impl Status {
    /// The sandbox's first process, as the host numbers it; `None` if it never came to be.
    fn first_process(&mut self) -> Result<Option<libc::pid_t>, SandboxError> {
        let mut byte = [0];
        while !self.text.contains('\n') && (self.text.len() as u64) < STATUS_MAX {
            let count = self.source.read(&mut byte);
            if count.map_err(SandboxError::io("read bwrap's status"))? == 0 {
                break;
            }
            self.text.push(char::from(byte[0]));
        }
        Ok(self.number("child-pid"))
    }

    /// The program's exit code; `None` if the program was never executed.
    fn exit_code(&mut self) -> Result<Option<i32>, SandboxError> {
        let rest = Read::by_ref(&mut self.source).take(STATUS_MAX);
        let mut rest = io::BufReader::new(rest);
        rest.read_to_string(&mut self.text).map_err(SandboxError::io("read bwrap's status"))?;
        Ok(self.number("exit-code"))
    }

    /// The number of the first `"key": number`. The documents are flat and hold numbers alone.
    fn number(&self, key: &str) -> Option<i32> {
        let (_, after) = self.text.split_once(&format!("\"{key}\":"))?;
        let digits = after.trim_start();
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse().ok()
    }
}

/// Turns `bwrap`'s own end into the program's.
fn conclude(
    plan: &Plan,
    status: ExitStatus,
    code: Option<i32>,
    ended: &mut Ended,
) -> Result<(), SandboxError> {
    match code {
        // The status is lost on the way: a code above 128 is read as a shell would read it.
        Some(code) if (SIGNAL_BASE + 1..=SIGNAL_BASE + SIGNAL_MAX).contains(&code) => {
            ended.exit = Some(Exit::Signal(code - SIGNAL_BASE));
            Ok(())
        }
        Some(code) => {
            ended.exit = Some(Exit::Code(code));
            Ok(())
        }
        None => failed(plan, status, ended),
    }
}

fn failed(plan: &Plan, status: ExitStatus, ended: &mut Ended) -> Result<(), SandboxError> {
    let said = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    let why = said.rsplit(": ").next().unwrap_or_default();
    // The text is the C library's, in the C locale since the environment is empty.
    let kind = match why {
        "No such file or directory" => libc::ENOENT,
        "Permission denied" => libc::EACCES,
        "Exec format error" => libc::ENOEXEC,
        _ => libc::EINVAL,
    };
    let source = io::Error::from_raw_os_error(kind);
    if said.starts_with("bwrap: execvp ") {
        ended.stderr.clear();
        ended.not_executed(&plan.argv[0], &source);
        return Ok(());
    }
    if said.starts_with("bwrap: Can't chdir to ") {
        return Err(SandboxError::Cwd { cwd: plan.cwd.clone(), source });
    }
    Err(SandboxError::Bubblewrap(if said.is_empty() { status.to_string() } else { said }))
}

/// The command line, and the descriptors that it speaks of by their place.
struct Arguments {
    list: Vec<std::ffi::OsString>,
    kept: Vec<File>,
}

impl Arguments {
    fn new(pipes: Pipes) -> Self {
        Self { list: vec!["bwrap".into()], kept: vec![pipes.stdin, pipes.stdout, pipes.stderr] }
    }

    fn add<const N: usize>(&mut self, words: [&dyn AsRef<std::ffi::OsStr>; N]) {
        self.list.extend(words.iter().map(|word| word.as_ref().to_owned()));
    }

    fn descriptor(&mut self, option: &str, file: File) {
        self.add([&option, &self.kept.len().to_string()]);
        self.kept.push(file);
    }

    fn walls(&mut self) {
        let id = INSIDE_ID.to_string();
        // `--unshare-all` alone goes on without a user namespace where it cannot have one.
        self.add([&"--unshare-all", &"--unshare-user", &"--disable-userns"]);
        self.add([&"--new-session", &"--die-with-parent", &"--cap-drop", &"ALL"]);
        self.add([&"--uid", &id, &"--gid", &id, &"--hostname", &"sandbox"]);
        self.add([&"--proc", &"/proc", &"--dev", &"/dev"]);
        // bubblewrap covers what it finds writable, and it looks at the directories' modes alone: to
        // root's programs the files in them would be open.
        for path in proc_parts(PROC_READ_ONLY) {
            self.add([&"--ro-bind", &path, &path]);
        }
        for path in proc_parts(PROC_HIDDEN) {
            self.add([&"--ro-bind", &"/dev/null", &path]);
        }
    }

    fn steps(&mut self, plan: &Plan) -> Result<(), SandboxError> {
        // Before `/dev` is closed: everything in it but this one is fixed.
        self.tmpfs(Path::new("/dev/shm"), plan.shm_bytes);
        self.add([&"--remount-ro", &"/dev"]);
        for step in &plan.steps {
            self.step(step)?;
        }
        self.add([&"--remount-ro", &"/"]);
        self.add([&"--chdir", &plan.cwd]);
        for (name, value) in &plan.env {
            self.add([&"--setenv", name, value]);
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), SandboxError> {
        match step {
            Step::Bind { host, inside, access, .. } => {
                let option = match access {
                    Access::ReadOnly => "--ro-bind",
                    Access::Writable => "--bind",
                };
                self.add([&option, host, inside]);
            }
            Step::Link { target, inside } => self.add([&"--symlink", target, inside]),
            Step::File { inside, text } => {
                let file = launch::memory_file(text.as_bytes())
                    .map_err(SandboxError::io("hand a file over"))?;
                self.descriptor("--file", file);
                self.add([inside]);
            }
            Step::Dir { inside } => self.add([&"--dir", inside]),
            Step::Tmpfs { inside, bytes } => self.tmpfs(inside, *bytes),
        }
        Ok(())
    }

    fn tmpfs(&mut self, inside: &Path, bytes: u64) {
        self.add([&"--perms", &"1777", &"--size", &bytes.to_string()]);
        self.add([&"--tmpfs", &inside]);
    }
}

/// Our limits, on the process from which the program will be forked.
fn impose(pid: libc::pid_t, limits: &Limits) -> io::Result<()> {
    for (resource, limit) in supervise::resource_limits(limits) {
        // SAFETY: `limit` is valid; the old value is not asked for.
        if unsafe { libc::prlimit(pid, resource, &limit, std::ptr::null_mut()) } == -1 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// `bubblewrap 0.8.0` as (0, 8).
fn parse_version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.split_whitespace().last()?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_version("bubblewrap 0.8.0"), Some((0, 8)));
        assert_eq!(parse_version("bubblewrap 0.11"), Some((0, 11)));
        assert_eq!(parse_version("no such file"), None);
    }
}
