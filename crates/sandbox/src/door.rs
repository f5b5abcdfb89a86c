//! Our side of a service's door: what it is asked for, and what it hands out.
//!
//! The other side is a small program that this library carries (`door/main.rs`). It refuses to know
//! what goes through the sockets.

use std::fs::File;
use std::io::{self, Write};
use std::mem::{MaybeUninit, size_of};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempPath;

use crate::SandboxError;

const DOOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/door"));

/// Where a service's first program lies, and nothing of anybody's.
pub(crate) const INSIDE: &str = "/.door";

/// Sockets and listeners of one door: what the kernel passes at once, less the program's handle.
pub const DOOR_SOCKETS_MAX: usize = 252;

/// What is opened inside a sandbox's own network before its program starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Door {
    /// Ports on the program's own loopback at which the host listens.
    pub listen: Vec<u16>,
    /// Sockets with which the host can connect to the program: one for each connection. Together with
    /// `listen` at most [`DOOR_SOCKETS_MAX`].
    pub sockets: usize,
}

impl Door {
    /// The door's own arguments.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let ports: Vec<String> = self.listen.iter().map(u16::to_string).collect();
        let ports = if ports.is_empty() { "-".to_owned() } else { ports.join(",") };
        vec![ports, self.sockets.to_string()]
    }
}

/// A line between the host and a door: our end, and the one that becomes standard input.
pub(crate) fn line() -> io::Result<(UnixStream, File)> {
    let (ours, theirs) = UnixStream::pair()?;
    Ok((ours, File::from(OwnedFd::from(theirs))))
}

/// What came through the line.
pub(crate) struct Handed {
    /// A handle on the program itself.
    pub(crate) program: OwnedFd,
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) sockets: Vec<OwnedFd>,
}

/// Takes what the door hands out; `None` where its program ended, or hung, before that.
pub(crate) fn take(line: &UnixStream, door: &Door) -> io::Result<Option<Handed>> {
    /// A sandbox that is not up within this never will be.
    const PATIENCE: Duration = Duration::from_secs(20);
    line.set_read_timeout(Some(PATIENCE))?;
    let mut descriptors = receive(line)?.into_iter();
    let Some(program) = descriptors.next() else { return Ok(None) };
    let listeners = descriptors.by_ref().take(door.listen.len()).map(TcpListener::from).collect();
    Ok(Some(Handed { program, listeners, sockets: descriptors.collect() }))
}

/// The descriptors of one message; none at the line's end.
fn receive(line: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    const ROOM: usize =
        size_of::<libc::cmsghdr>() + (DOOR_SOCKETS_MAX + 1) * size_of::<libc::c_int>();
    // Words, so that the header is aligned.
    let mut control = [0u64; ROOM.div_ceil(size_of::<u64>())];
    let mut byte = 0u8;
    let mut piece = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // SAFETY: all-zero is a message without parts; the parts that are put in outlive the calls, and the
    // kernel's headers are walked with its own macros.
    unsafe {
        let mut message: libc::msghdr = MaybeUninit::zeroed().assume_init();
        message.msg_iov = &raw mut piece;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        if libc::recvmsg(line.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) == -1 {
            return Err(io::Error::last_os_error());
        }
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if header.is_null() || (*header).cmsg_type != libc::SCM_RIGHTS {
            return Ok(Vec::new());
        }
        let bytes = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
        let first = libc::CMSG_DATA(header).cast::<libc::c_int>();
        let count = bytes / size_of::<libc::c_int>();
        Ok((0..count).map(|at| OwnedFd::from_raw_fd(first.add(at).read_unaligned())).collect())
    }
}

/// The door's program where a mount can find it: a file of its own, written when first needed.
#[derive(Debug, Default)]
pub(crate) struct Program(OnceLock<TempPath>);

impl Program {
    pub(crate) fn path(&self) -> Result<&Path, SandboxError> {
        if let Some(path) = self.0.get() {
            return Ok(path);
        }
        let made = written().map_err(SandboxError::io("write the door's program"))?;
        // Where two write it at once, one of the two is removed.
        Ok(self.0.get_or_init(|| made))
    }
}

fn written() -> io::Result<TempPath> {
    let mut file = tempfile::Builder::new().prefix("dark-door-").tempfile()?;
    file.write_all(DOOR)?;
    file.as_file().set_permissions(PermissionsExt::from_mode(0o755))?;
    // Closed before anybody executes it.
    Ok(file.into_temp_path())
}
