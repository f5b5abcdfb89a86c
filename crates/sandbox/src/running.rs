//! A program that goes on: a service in a sandbox, held from outside.
//!
//! A thread of its own watches it as any other program; here are the caller's handles. It refuses to
//! know what the service serves.

use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::door::{self, Handed};
use crate::{Cancel, Door, Exit, Finished, SandboxError};

/// How long the kernel may take to end what was killed.
const BURIAL: Duration = Duration::from_secs(20);

type Ended = Result<Finished, SandboxError>;

/// A program that was started by [`crate::Sandbox::spawn`]. It and all that it started are killed when
/// this is dropped.
#[derive(Debug)]
pub struct Running {
    /// `None` where the program had ended before it had a handle.
    program: Option<OwnedFd>,
    listeners: Vec<TcpListener>,
    sockets: Vec<OwnedFd>,
    cancel: Cancel,
    result: Receiver<Ended>,
    ended: Option<Ended>,
    watch: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(
        line: UnixStream,
        door: &Door,
        perform: impl FnOnce(&Cancel) -> Ended + Send + 'static,
    ) -> Result<Self, SandboxError> {
        let cancel = Cancel::default();
        let (told, result) = channel();
        let cord = cancel.clone();
        // The kernel ends a sandbox with the very thread that made it: this one lives as long.
        let watch = std::thread::Builder::new().name("service".into()).spawn(move || {
            // Nobody listens any more where the caller is gone.
            let _ = told.send(perform(&cord));
        });
        let watch = watch.map_err(SandboxError::io("start a thread"))?;
        let mut running = Self {
            program: None,
            listeners: Vec::new(),
            sockets: Vec::new(),
            cancel,
            result,
            ended: None,
            watch: Some(watch),
        };
        match door::take(&line, door).map_err(SandboxError::io("open the service's door"))? {
            Some(Handed { program, listeners, sockets }) => {
                running.program = Some(program);
                (running.listeners, running.sockets) = (listeners, sockets);
            }
            None => running.await_end(BURIAL),
        }
        match running.ended.take() {
            Some(Err(error)) => Err(error),
            ended => {
                running.ended = ended;
                Ok(running)
            }
        }
    }

    /// The listeners of the door, in its order; empty the second time.
    pub fn take_listeners(&mut self) -> Vec<TcpListener> {
        std::mem::take(&mut self.listeners)
    }

    /// The door's sockets, none of them connected yet; empty the second time.
    pub fn take_sockets(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.sockets)
    }

    /// Whether it has come to an end of its own, or at a limit.
    pub fn has_ended(&mut self) -> bool {
        self.ends_within(Duration::ZERO)
    }

    /// The same, or comes to one while this waits.
    pub fn ends_within(&mut self, patience: Duration) -> bool {
        self.await_end(patience);
        self.ended.is_some()
    }

    /// Asks it to end (SIGTERM), kills it after `grace`, and tells what it did.
    ///
    /// # Errors
    /// [`SandboxError`] for what is not the program's doing.
    pub fn stop(mut self, grace: Duration) -> Result<Finished, SandboxError> {
        self.signal(libc::SIGTERM);
        self.await_end(grace);
        self.finish()
    }

    /// Ends it at once, as a power cut would.
    ///
    /// # Errors
    /// [`SandboxError`] for what is not the program's doing.
    pub fn kill(mut self) -> Result<Finished, SandboxError> {
        self.finish()
    }

    fn finish(&mut self) -> Result<Finished, SandboxError> {
        if self.ended.is_none() {
            self.signal(libc::SIGKILL);
            self.await_end(BURIAL);
        }
        if self.ended.is_none() {
            self.cancel.pull();
            self.await_end(BURIAL);
        }
        self.ended.take().unwrap_or_else(|| {
            let source = std::io::ErrorKind::TimedOut.into();
            Err(SandboxError::Io { what: "end the service", source })
        })
    }

    fn await_end(&mut self, patience: Duration) {
        if self.ended.is_some() {
            return;
        }
        match self.result.recv_timeout(patience) {
            Ok(ended) => self.ended = Some(ended),
            Err(RecvTimeoutError::Timeout) => {}
            // The watching thread itself is gone, and the sandbox with it.
            Err(RecvTimeoutError::Disconnected) => {
                self.ended = Some(Ok(Finished {
                    exit: Exit::Signal(libc::SIGKILL),
                    stdout: Vec::new(),
                    stderr: Vec::new(),
                    wall: Duration::ZERO,
                }));
            }
        }
    }

    fn signal(&self, signal: libc::c_int) {
        let Some(program) = &self.program else { return };
        let info = std::ptr::null::<libc::siginfo_t>();
        let call = libc::SYS_pidfd_send_signal;
        // SAFETY: an open descriptor; the null means "as kill(2) would". One that has ended is as good.
        unsafe { libc::syscall(call, program.as_raw_fd(), signal, info, 0) };
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.cancel.pull();
            self.signal(libc::SIGKILL);
        }
        if let Some(watch) = self.watch.take() {
            // It ends with the program, which was killed; a panic of its was told.
            let _ = watch.join();
        }
    }
}
