//! Our own backend: Linux namespaces, a new root, Landlock and a system call filter.
//!
//! The program runs as an ordinary user in user, mount, pid, network, IPC, UTS and cgroup
//! namespaces of its own, below a first process that we keep. That process can be neither seen,
//! traced nor killed from inside; when it ends, the kernel ends everything else with it. It is a small
//! program that we carry, which follows a script of system calls. This backend refuses to need any
//! program of the machine: the kernel (5.14 or later) is enough.

mod action;
mod build;
mod identity;
mod landlock;
mod script;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::OnceLock;
use std::time::Instant;

use seccompiler::BpfProgram;

use self::action::Action;
use self::identity::Identity;
use self::script::{Call, Calls, Memory, Report, Script, call};
use crate::launch::{self, Program};
use crate::plan::{Plan, c_string};
use crate::supervise::{self, Ended, Pipes};
use crate::{Cancel, Command, Exit, Limits, SandboxError};

/// The program of the first process; see `first/main.rs`.
const FIRST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/first"));

/// In which the first process starts.
const NEW_NAMESPACES: libc::c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// What was learnt of the kernel when the sandbox was opened.
#[derive(Debug)]
pub(crate) struct Namespaces {
    filter: BpfProgram,
    landlock: Option<i64>,
    identity: Identity,
    /// [`FIRST`], where it can be executed: in memory, made once.
    first: OnceLock<File>,
}

impl Namespaces {
    pub(crate) fn new(filter: BpfProgram) -> Self {
        let (landlock, identity) = (landlock::version(), Identity::ours());
        Self { filter, landlock, identity, first: OnceLock::new() }
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
        let (mut report, report_end) =
            supervise::pipe().map_err(SandboxError::io("make a pipe"))?;
        let (gate_end, mut gate) = supervise::pipe().map_err(SandboxError::io("make a pipe"))?;
        let setup = |step: &str| {
            let step = step.to_owned();
            |source| SandboxError::Setup { step, source }
        };
        let actions = build::actions(plan, &self.filter, self.landlock, self.identity)?;
        let prepared = Prepared::new(plan, &command.limits, actions)?;
        let script = launch::memory_file(&prepared.memory).map_err(setup("write its script"))?;
        let first = self.first().map_err(setup("make its first program"))?;
        // What the first process takes the places of these for.
        const { assert!(script::REPORT == 3 && script::GATE == 4 && script::SCRIPT == 5) };
        let descriptors =
            [&theirs.stdin, &theirs.stdout, &theirs.stderr, &report_end, &gate_end, &script];
        let name = [c"sandbox".to_owned()];
        let leader = launch::start(Program::Image(first), &name, &descriptors, NEW_NAMESPACES)
            .map_err(setup("start in new namespaces"))?;
        drop((theirs, report_end, gate_end));
        let told = self.identity.tell(leader.pid()).and_then(|()| gate.write_all(b"!"));
        told.map_err(setup("map its user"))?;
        // No count of processes: the kernel keeps it, whoever we are.
        let mut watch = supervise::Watch::new(ours, command, cancel, started, None);
        let stop = watch.until_end(leader.pidfd(), &|| leader.kill())?;
        let own_end = leader.reap().map_err(SandboxError::io("learn the sandbox's end"))?;
        let output = watch.drain()?;
        let mut ended = Ended::new(output, stop);
        let mut reports = Vec::new();
        let read = Read::by_ref(&mut report).take(REPORTS_MAX).read_to_end(&mut reports);
        read.map_err(SandboxError::io("read the sandbox's report"))?;
        conclude(&prepared, plan, &reports, own_end, &mut ended)?;
        Ok(ended)
    }

    fn first(&self) -> io::Result<&File> {
        if let Some(first) = self.first.get() {
            return Ok(first);
        }
        // Where two make it at once, one of the two is dropped.
        let made = launch::memory_image(FIRST)?;
        Ok(self.first.get_or_init(|| made))
    }
}

/// One failure and one end, with room to spare.
const REPORTS_MAX: u64 = 4 * size_of::<Report>() as u64;

/// Turns the reports from inside into the program's end.
fn conclude(
    prepared: &Prepared,
    plan: &Plan,
    reports: &[u8],
    own_end: ExitStatus,
    ended: &mut Ended,
) -> Result<(), SandboxError> {
    if ended.exit.is_some() {
        return Ok(());
    }
    let (words, _) = reports.as_chunks::<4>();
    let words: Vec<i32> = words.iter().map(|word| i32::from_ne_bytes(*word)).collect();
    let (reports, _) = words.as_chunks::<3>();
    let Some(&[tag, detail, value]) = reports.first() else {
        // The first process itself was killed, by the machine's out-of-memory killer say.
        let signal = own_end.signal().unwrap_or(libc::SIGKILL);
        ended.exit = Some(Exit::Signal(signal));
        return Ok(());
    };
    let source = io::Error::from_raw_os_error(value);
    match tag {
        script::FAILED_WALL => Err(prepared.failed_wall(plan, detail, source)),
        script::FAILED_START => {
            Err(SandboxError::Setup { step: "start the program".to_owned(), source })
        }
        script::FAILED_EXECUTE => {
            ended.not_executed(&plan.argv[0], &source);
            Ok(())
        }
        script::ENDED => {
            let status = ExitStatus::from_raw(value);
            let code = status.code().map(Exit::Code);
            ended.exit = code.or_else(|| status.signal().map(Exit::Signal));
            Ok(())
        }
        unknown => Err(SandboxError::Setup {
            step: format!("say what happened: its report has the tag {unknown}"),
            source: io::ErrorKind::InvalidData.into(),
        }),
    }
}

/// What the first process is given, and what its calls were for.
struct Prepared {
    memory: Vec<u8>,
    actions: Vec<Action>,
    /// The index of the first call after each action's.
    ends: Vec<usize>,
}

impl Prepared {
    fn new(plan: &Plan, limits: &Limits, actions: Vec<Action>) -> Result<Self, SandboxError> {
        let mut memory = Memory::new();
        let mut walls = Calls::new(&mut memory);
        let byte = walls.memory.bytes(&[0]);
        walls.add(libc::SYS_read, [script::GATE as u64, byte, 1]).wants(1);
        walls.close(script::GATE);
        let ends = actions.iter().map(|action| {
            action.write(&mut walls);
            walls.list.len()
        });
        let ends = ends.collect();
        let walls = walls.list;
        let start = start(&mut memory, limits);
        let candidates = candidates(&mut memory, plan)?;
        let script = Script {
            walls: memory.calls(&walls),
            // `fork`, spelt out as on every processor.
            fork: call(libc::SYS_clone, [libc::SIGCHLD as u64]),
            start: memory.calls(&start),
            candidates: memory.pairs(&candidates),
        };
        Ok(Self { memory: memory.finish(&script), actions, ends })
    }

    fn failed_wall(&self, plan: &Plan, call: i32, source: io::Error) -> SandboxError {
        let call = usize::try_from(call).unwrap_or(usize::MAX);
        let index = self.ends.partition_point(|end| *end <= call);
        match self.actions.get(index) {
            Some(Action::ChangeDir { path })
                if path.as_bytes() == plan.cwd.as_os_str().as_encoded_bytes() =>
            {
                SandboxError::Cwd { cwd: plan.cwd.clone(), source }
            }
            action => SandboxError::Setup {
                step: action.map_or_else(|| "set itself up".to_owned(), ToString::to_string),
                source,
            },
        }
    }
}

/// What the program's process does before it executes: away from the first one, and into its limits.
fn start(memory: &mut Memory, limits: &Limits) -> Vec<Call> {
    let mut calls = Calls::new(memory);
    calls.add(libc::SYS_setsid, []);
    // What the program could write there would be read as ours.
    let (report, keep) = (script::REPORT as u64, libc::FD_CLOEXEC as u64);
    calls.add(libc::SYS_fcntl, [report, libc::F_SETFD as u64, keep]);
    for (resource, limit) in supervise::resource_limits(limits) {
        let limit = calls.memory.words([limit.rlim_cur, limit.rlim_max]);
        calls.add(libc::SYS_prlimit64, [0, resource as u64, limit, 0]);
    }
    calls.list
}

/// Each place where the program may be, in the order of the `PATH`: executed, or run by a shell.
fn candidates(memory: &mut Memory, plan: &Plan) -> Result<Vec<[Call; 2]>, SandboxError> {
    let mut texts =
        |texts: Vec<CString>| -> Vec<u64> { texts.iter().map(|text| memory.text(text)).collect() };
    let argv = texts(plan.argv.iter().map(c_string).collect::<Result<_, _>>()?);
    let env = plan.env.iter().map(|(name, value)| c_string(format!("{name}={value}")));
    let env = texts(env.collect::<Result<_, _>>()?);
    let paths = texts(plan.candidates().into_iter().map(c_string).collect::<Result<_, _>>()?);
    let shell = memory.text(c"/bin/sh");
    let (arguments, environment) = (memory.texts(argv.iter().copied()), memory.texts(env));
    let pairs = paths.into_iter().map(|path| {
        let by_shell = [shell, path].into_iter().chain(argv.iter().skip(1).copied());
        let by_shell = memory.texts(by_shell);
        [[path, arguments, environment], [shell, by_shell, environment]]
            .map(|arguments| call(libc::SYS_execve, arguments))
    });
    Ok(pairs.collect())
}
