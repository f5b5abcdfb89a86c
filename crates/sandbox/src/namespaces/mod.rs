//! Our own backend: Linux namespaces, a new root, Landlock and a system call filter.
//!
//! The program runs as an ordinary user in user, mount, pid, network, IPC, UTS and cgroup
//! namespaces of its own, below a first process that we keep. That process can be neither seen,
//! traced nor killed from inside; when it ends, the kernel ends everything else with it. It refuses
//! to start any helper program: nothing but the kernel (5.14 or later) is needed.

mod action;
mod build;
mod child;
mod identity;
mod landlock;

use std::ffi::CString;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;
use std::time::Instant;

use seccompiler::BpfProgram;

use self::child::{Candidate, Last, Prepared, Report};
use self::identity::Identity;
use crate::plan::{Plan, c_string};
use crate::supervise::{self, Ended, Leader, Pipes};
use crate::{Cancel, Command, Exit, Limits, SandboxError};

/// What was learnt of the kernel when the sandbox was opened.
#[derive(Debug)]
pub(crate) struct Namespaces {
    filter: BpfProgram,
    landlock: Option<i64>,
    identity: Identity,
}

impl Namespaces {
    pub(crate) fn new(filter: BpfProgram) -> Self {
        Self { filter, landlock: landlock::version(), identity: Identity::ours() }
    }

    pub(crate) fn run(
        &self,
        plan: &Plan,
        command: &Command,
        cancel: &Cancel,
        started: Instant,
    ) -> Result<Ended, SandboxError> {
        let (ours, theirs) = Pipes::new().map_err(SandboxError::io("make pipes"))?;
        let (mut report, report_end) =
            supervise::pipe().map_err(SandboxError::io("make a pipe"))?;
        let (gate_end, mut gate) = supervise::pipe().map_err(SandboxError::io("make a pipe"))?;
        let descriptors = [
            theirs.stdin.as_raw_fd(),
            theirs.stdout.as_raw_fd(),
            theirs.stderr.as_raw_fd(),
            report_end.as_raw_fd(),
            gate_end.as_raw_fd(),
        ];
        let actions = build::actions(plan, &self.filter, self.landlock, self.identity)?;
        let prepared = prepare(plan, &command.limits, actions, descriptors)?;
        let leader = spawn(&prepared).map_err(|source| SandboxError::Setup {
            step: "create its namespaces".to_owned(),
            source,
        })?;
        drop((theirs, report_end, gate_end));
        let told = self.identity.tell(leader.pid()).and_then(|()| gate.write_all(b"!"));
        told.map_err(|source| SandboxError::Setup { step: "map its user".to_owned(), source })?;
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
        child::FAILED_ACTION => Err(failed_action(prepared, plan, detail, source)),
        child::FAILED_START if detail == Last::Execute as i32 => {
            ended.not_executed(&plan.argv[0], &source);
            Ok(())
        }
        child::FAILED_START => {
            Err(SandboxError::Setup { step: "start the program".to_owned(), source })
        }
        _ => {
            let status = ExitStatus::from_raw(value);
            let code = status.code().map(Exit::Code);
            ended.exit = code.or_else(|| status.signal().map(Exit::Signal));
            Ok(())
        }
    }
}

fn failed_action(prepared: &Prepared, plan: &Plan, index: i32, source: io::Error) -> SandboxError {
    let action = usize::try_from(index).ok().and_then(|index| prepared.actions.get(index));
    match action {
        Some(action::Action::ChangeDir { path })
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

fn prepare(
    plan: &Plan,
    limits: &Limits,
    actions: Vec<action::Action>,
    descriptors: [libc::c_int; 5],
) -> Result<Prepared, SandboxError> {
    let argv = plan.argv.iter().map(c_string).collect::<Result<Vec<_>, _>>()?;
    let env = plan
        .env
        .iter()
        .map(|(name, value)| c_string(format!("{name}={value}")))
        .collect::<Result<Vec<_>, _>>()?;
    let sh = c_string("/bin/sh")?;
    let mut candidates = Vec::new();
    for path in plan.candidates() {
        let path = c_string(path)?;
        let mut shell_argv = vec![sh.as_ptr(), path.as_ptr()];
        shell_argv.extend(argv.iter().skip(1).map(|text| text.as_ptr()));
        shell_argv.push(ptr::null());
        candidates.push(Candidate { path, shell_argv });
    }
    let pointers = |texts: &[CString]| {
        let texts = texts.iter().map(|text| text.as_ptr());
        texts.chain([ptr::null()]).collect::<Vec<_>>()
    };
    Ok(Prepared {
        actions,
        limits: supervise::resource_limits(limits),
        candidates,
        argv: pointers(&argv),
        envp: pointers(&env),
        // Moving a `CString` does not move its bytes.
        _strings: argv.into_iter().chain(env).chain([sh]).collect(),
        descriptors,
    })
}

/// Starts the first process in its new namespaces.
fn spawn(prepared: &Prepared) -> io::Result<Leader> {
    let flags = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_PIDFD
        | libc::SIGCHLD;
    let mut pidfd: libc::c_int = -1;
    // SAFETY: without CLONE_VM the child works on a copy of our memory and never returns from
    // `first_process`. Signals stay blocked across the call so that no handler of ours runs in it.
    let (pid, error) = unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let pid = libc::syscall(libc::SYS_clone, flags, 0, &raw mut pidfd, 0, 0);
        if pid == 0 {
            child::first_process(prepared);
        }
        let error = io::Error::last_os_error();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut());
        (pid, error)
    };
    if pid == -1 {
        return Err(error);
    }
    // SAFETY: the kernel has just given us this descriptor.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Leader::new(pid as libc::pid_t, pidfd))
}
