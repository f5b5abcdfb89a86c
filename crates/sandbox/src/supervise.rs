//! Watches a running program from outside: feeds it, collects what it says, and ends it in time.
//!
//! One thread, one `poll`, bounded memory: nothing that the program does or leaves undone can block
//! it. It refuses to know which backend started the program.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::usage::{Disk, Processes};
use crate::{Access, Cancel, Command, Exit, Limits, SandboxError};

/// How long a pulled cord or an excess may go unnoticed.
const TICK: Duration = Duration::from_millis(10);

/// How much is read or written at once.
const CHUNK: usize = 64 << 10;

/// Open files of each process.
const OPEN_FILES: u64 = 1024;

/// A pipe: its reading end and its writing end, both close-on-exec.
pub(crate) fn pipe() -> io::Result<(File, File)> {
    let (reader, writer) = io::pipe()?;
    Ok((File::from(OwnedFd::from(reader)), File::from(OwnedFd::from(writer))))
}

/// One side's ends of the three standard pipes.
pub(crate) struct Pipes {
    pub(crate) stdin: File,
    pub(crate) stdout: File,
    pub(crate) stderr: File,
}

impl Pipes {
    /// Our side, which never blocks, and the program's; `instead`, where there is one, is what the
    /// program gets as its standard input.
    pub(crate) fn new(instead: Option<File>) -> io::Result<(Pipes, Pipes)> {
        let (their_stdin, stdin) = pipe()?;
        let (stdout, their_stdout) = pipe()?;
        let (stderr, their_stderr) = pipe()?;
        for end in [&stdin, &stdout, &stderr] {
            // SAFETY: an open descriptor and integer arguments.
            if unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        let ours = Pipes { stdin, stdout, stderr };
        let their_stdin = instead.unwrap_or(their_stdin);
        let theirs = Pipes { stdin: their_stdin, stdout: their_stdout, stderr: their_stderr };
        Ok((ours, theirs))
    }
}

/// A child process of ours that is killed and reaped whatever happens.
pub(crate) struct Leader {
    pid: libc::pid_t,
    pidfd: OwnedFd,
    reaped: bool,
}

impl Leader {
    pub(crate) fn new(pid: libc::pid_t, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd, reaped: false }
    }

    pub(crate) fn pid(&self) -> libc::pid_t {
        self.pid
    }

    /// Readable once the process has ended.
    pub(crate) fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    pub(crate) fn kill(&self) {
        kill(&self.pidfd);
    }

    /// Waits for its end.
    pub(crate) fn reap(mut self) -> io::Result<ExitStatus> {
        self.wait()
    }

    fn wait(&mut self) -> io::Result<ExitStatus> {
        let mut status = 0;
        loop {
            // SAFETY: `status` is a valid place to write to.
            let result = unsafe { libc::waitpid(self.pid, &mut status, 0) };
            if result != -1 {
                self.reaped = true;
                return Ok(ExitStatus::from_raw(status));
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                // Somebody else reaped it; it is gone either way.
                self.reaped = true;
                return Err(error);
            }
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            // Ignored: there is nobody to tell, and the process is gone or was never ours.
            let _ = self.wait();
        }
    }
}

/// Kills the process behind `pidfd`; one that has ended is as good.
pub(crate) fn kill(pidfd: &OwnedFd) {
    let info = std::ptr::null::<libc::siginfo_t>();
    let call = libc::SYS_pidfd_send_signal;
    // SAFETY: an open descriptor; the null means "as kill(2) would".
    unsafe { libc::syscall(call, pidfd.as_raw_fd(), libc::SIGKILL, info, 0) };
}

/// Waits until the process behind `pidfd` has ended, at most `patience`.
pub(crate) fn wait_for_end(pidfd: &OwnedFd, patience: Duration) -> io::Result<bool> {
    let until = Instant::now() + patience;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let mut polled = [poll_for(pidfd.as_raw_fd(), libc::POLLIN)];
        poll(&mut polled, left)?;
        if polled[0].revents != 0 || left.is_zero() {
            return Ok(polled[0].revents != 0);
        }
    }
}

/// Why we ended the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    TimedOut,
    OutputFlood,
    Cancelled,
    TooManyProcesses,
    DiskFull,
}

impl Stop {
    fn exit(self) -> Exit {
        match self {
            Self::TimedOut => Exit::TimedOut,
            Self::OutputFlood => Exit::OutputFlood,
            Self::Cancelled => Exit::Cancelled,
            Self::TooManyProcesses => Exit::Signal(libc::SIGKILL),
            // What the kernel sends for a single file that is too large.
            Self::DiskFull => Exit::Signal(libc::SIGXFSZ),
        }
    }
}

/// What a program did, as far as it is known.
pub(crate) struct Ended {
    /// `None` while only the backend can tell.
    pub(crate) exit: Option<Exit>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Ended {
    pub(crate) fn new(
        (stdout, stderr, flooded): (Vec<u8>, Vec<u8>, bool),
        stop: Option<Stop>,
    ) -> Self {
        let stop = stop.or(flooded.then_some(Stop::OutputFlood));
        Self { exit: stop.map(Stop::exit), stdout, stderr }
    }

    /// The program could not be executed: what a shell says and returns then.
    pub(crate) fn not_executed(&mut self, program: &str, error: &io::Error) {
        let missing = error.kind() == io::ErrorKind::NotFound;
        let (code, why) =
            if missing { (127, "not found".to_owned()) } else { (126, error.to_string()) };
        self.exit = Some(Exit::Code(code));
        self.stderr.extend_from_slice(format!("{program}: {why}\n").as_bytes());
    }
}

/// The watch over one program.
pub(crate) struct Watch<'a> {
    stdin: Option<File>,
    input: &'a [u8],
    stdout: Stream,
    stderr: Stream,
    deadline: Instant,
    cancel: &'a Cancel,
    processes: Option<Processes>,
    disk: Disk,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(
        pipes: Pipes,
        command: &'a Command,
        cancel: &'a Cancel,
        started: Instant,
        processes: Option<Processes>,
    ) -> Self {
        let limits = &command.limits;
        let writable = command
            .mounts
            .iter()
            .filter(|mount| mount.access == Access::Writable)
            .map(|mount| mount.host.clone());
        Self {
            stdin: Some(pipes.stdin),
            input: &command.stdin,
            stdout: Stream::new(pipes.stdout, limits.output_bytes),
            stderr: Stream::new(pipes.stderr, limits.output_bytes),
            deadline: started + limits.wall,
            cancel,
            processes,
            disk: Disk::new(writable.collect(), limits.file_bytes),
        }
    }

    /// Serves the program until the process behind `pidfd` ends, by itself or by `kill`.
    pub(crate) fn until_end(
        &mut self,
        pidfd: &OwnedFd,
        kill: &dyn Fn(),
    ) -> Result<Option<Stop>, SandboxError> {
        let mut stop = None;
        let mut checked = Instant::now();
        loop {
            let now = Instant::now();
            if stop.is_none() && now >= self.deadline {
                stop = Some(Stop::TimedOut);
                kill();
            }
            let left = self.deadline.saturating_duration_since(now);
            let patience = if stop.is_some() { TICK } else { left.min(TICK) };
            if self.serve(pidfd, patience)? {
                return Ok(stop);
            }
            if stop.is_some() {
                continue;
            }
            let flooded = self.stdout.flooded || self.stderr.flooded;
            stop = flooded.then_some(Stop::OutputFlood);
            if stop.is_none() && checked.elapsed() >= TICK {
                stop = self.excess();
                checked = Instant::now();
            }
            if stop.is_some() {
                kill();
            }
        }
    }

    /// What the program said, once all that could speak has ended.
    pub(crate) fn drain(mut self) -> Result<(Vec<u8>, Vec<u8>, bool), SandboxError> {
        for stream in [&mut self.stdout, &mut self.stderr] {
            while stream.read_some()? == Progress::More {}
        }
        let flooded = self.stdout.flooded || self.stderr.flooded;
        Ok((self.stdout.kept, self.stderr.kept, flooded))
    }

    /// Moves what can be moved; tells whether the process has ended.
    fn serve(&mut self, pidfd: &OwnedFd, patience: Duration) -> Result<bool, SandboxError> {
        if self.input.is_empty() {
            self.stdin = None;
        }
        // A negative descriptor is one that `poll` skips.
        let number = |file: Option<&File>| file.map_or(-1, AsRawFd::as_raw_fd);
        let mut polled = [
            poll_for(pidfd.as_raw_fd(), libc::POLLIN),
            poll_for(number(self.stdin.as_ref()), libc::POLLOUT),
            poll_for(number(self.stdout.source.as_ref()), libc::POLLIN),
            poll_for(number(self.stderr.source.as_ref()), libc::POLLIN),
        ];
        poll(&mut polled, patience).map_err(SandboxError::io("wait for the program"))?;
        let [ended, stdin, stdout, stderr] = polled.map(|polled| polled.revents != 0);
        if stdin {
            self.feed();
        }
        if stdout {
            self.stdout.read_some()?;
        }
        if stderr {
            self.stderr.read_some()?;
        }
        Ok(ended)
    }

    /// A program that stops reading, or is gone, has had all the input that it wants.
    fn feed(&mut self) {
        let Some(stdin) = &mut self.stdin else { return };
        let chunk = &self.input[..self.input.len().min(CHUNK)];
        match stdin.write(chunk) {
            Ok(written) => self.input = &self.input[written..],
            Err(error) if retriable(&error) => {}
            Err(_) => self.input = &[],
        }
    }

    fn excess(&mut self) -> Option<Stop> {
        if self.cancel.is_pulled() {
            return Some(Stop::Cancelled);
        }
        if self.processes.as_mut().is_some_and(Processes::exceeded) {
            return Some(Stop::TooManyProcesses);
        }
        self.disk.exceeded().then_some(Stop::DiskFull)
    }
}

/// What a program says on one of its streams, kept up to a limit.
struct Stream {
    source: Option<File>,
    kept: Vec<u8>,
    limit: usize,
    flooded: bool,
}

#[derive(PartialEq, Eq)]
enum Progress {
    More,
    Nothing,
}

impl Stream {
    fn new(source: File, limit: usize) -> Self {
        Self { source: Some(source), kept: Vec::new(), limit, flooded: false }
    }

    /// Reads one chunk. At the limit the stream is closed to us: the flood is known.
    fn read_some(&mut self) -> Result<Progress, SandboxError> {
        let Some(source) = &mut self.source else {
            return Ok(Progress::Nothing);
        };
        let mut chunk = [0; CHUNK];
        match source.read(&mut chunk) {
            Ok(0) => {
                self.source = None;
                Ok(Progress::Nothing)
            }
            Ok(count) => {
                let room = self.limit - self.kept.len();
                self.kept.extend_from_slice(&chunk[..count.min(room)]);
                if count > room {
                    self.flooded = true;
                    self.source = None;
                }
                Ok(Progress::More)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Progress::Nothing),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Progress::More),
            Err(source) => Err(SandboxError::Io { what: "read the program's output", source }),
        }
    }
}

#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// The kernel's own limits, as resource and value.
pub(crate) fn resource_limits(limits: &Limits) -> Vec<(Resource, libc::rlimit)> {
    let cpu_seconds = limits.cpu.as_secs() + u64::from(limits.cpu.subsec_nanos() > 0);
    let both = |value| (value, value);
    let mut wanted = vec![
        // SIGXCPU at the first, SIGKILL a second later for a program that ignores it.
        (libc::RLIMIT_CPU, (cpu_seconds, cpu_seconds.saturating_add(1))),
        (libc::RLIMIT_FSIZE, both(limits.file_bytes)),
        // The first process inside counts too.
        (libc::RLIMIT_NPROC, both(limits.processes.saturating_add(1))),
        (libc::RLIMIT_CORE, both(0)),
        (libc::RLIMIT_NOFILE, both(OPEN_FILES)),
    ];
    wanted.extend(limits.memory_bytes.map(|bytes| (libc::RLIMIT_AS, both(bytes))));
    wanted
        .into_iter()
        .map(|(resource, (soft, hard))| {
            let mut now =
                libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: `now` is a valid place to write to; on failure it stays "unlimited".
            unsafe { libc::getrlimit(resource, &mut now) };
            let hard = hard.min(now.rlim_max);
            let limit = libc::rlimit { rlim_cur: soft.min(hard), rlim_max: hard };
            (resource, limit)
        })
        .collect()
}

fn poll_for(fd: libc::c_int, events: libc::c_short) -> libc::pollfd {
    libc::pollfd { fd, events, revents: 0 }
}

fn poll(polled: &mut [libc::pollfd], patience: Duration) -> io::Result<()> {
    // Rounded up, so that the last fraction of a millisecond is waited for and not spun away.
    let milliseconds = patience.as_micros().div_ceil(1000).min(60_000) as libc::c_int;
    let count = polled.len() as libc::nfds_t;
    // SAFETY: `polled` is valid for `count` entries.
    if unsafe { libc::poll(polled.as_mut_ptr(), count, milliseconds) } == -1 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
        polled.iter_mut().for_each(|polled| polled.revents = 0);
    }
    Ok(())
}

fn retriable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Opens a handle on our own child `pid`, which cannot have been replaced before we reap it.
pub(crate) fn pidfd_of(pid: libc::pid_t) -> io::Result<OwnedFd> {
    // SAFETY: integer arguments; a descriptor that is returned is ours.
    unsafe {
        let pidfd = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        if pidfd == -1 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(pidfd as libc::c_int))
    }
}
