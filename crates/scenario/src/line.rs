//! The way to a service under test: a pool of sockets that were made in its own network.
//!
//! It refuses to know what is sent: steps and webhooks alike take a connection here.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use twin_server::Dial;

/// Connections that one life of a service may see; those of steps are used again, webhooks take one
/// each.
pub(crate) const SOCKETS: usize = 64;

/// The loopback answers at once, or its queue is full.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(crate) struct Line {
    /// The only port that is there.
    port: u16,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    sockets: Vec<OwnedFd>,
    exhausted: bool,
}

impl Line {
    pub(crate) fn new(port: u16, sockets: Vec<OwnedFd>) -> Self {
        Self { port, idle: Mutex::new(Idle { sockets, exhausted: false }) }
    }

    /// A connection to the service.
    ///
    /// # Errors
    /// When nobody listens, or no socket is left.
    pub(crate) fn connect(&self) -> io::Result<TcpStream> {
        let socket = {
            let mut idle = self.idle();
            let socket = idle.sockets.pop();
            idle.exhausted |= socket.is_none();
            socket.ok_or_else(|| io::Error::other("every connection to the service is used up"))?
        };
        let stream = TcpStream::from(socket);
        stream.set_write_timeout(Some(CONNECT_PATIENCE))?;
        match connect(&stream, libc::AF_INET, self.port) {
            Ok(()) => {
                stream.set_nodelay(true)?;
                Ok(stream)
            }
            Err(error) => {
                self.give_back(stream);
                Err(error)
            }
        }
    }

    /// Ends a connection, and keeps its socket for another.
    pub(crate) fn give_back(&self, stream: TcpStream) {
        if connect(&stream, libc::AF_UNSPEC, 0).is_ok() {
            self.idle().sockets.push(stream.into());
        }
    }

    /// Whether somebody went without a connection.
    pub(crate) fn was_exhausted(&self) -> bool {
        self.idle().exhausted
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle> {
        // A panic elsewhere has been told already; what it held is a list.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dial for Line {
    fn dial(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        if !matches!(host, "127.0.0.1" | "localhost") || port != self.port {
            let text = format!("in this sandbox there is no http://{host}:{port}");
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, text));
        }
        let stream = self.connect()?;
        stream.set_write_timeout(None)?;
        Ok(stream)
    }
}

/// Connects to the loopback; with `AF_UNSPEC`, ends what there is.
fn connect(stream: &TcpStream, family: libc::c_int, port: u16) -> io::Result<()> {
    let address = libc::sockaddr_in {
        sin_family: family as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    };
    let size = size_of_val(&address) as libc::socklen_t;
    // SAFETY: an open socket, and an address of this size.
    let result = unsafe { libc::connect(stream.as_raw_fd(), (&raw const address).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
