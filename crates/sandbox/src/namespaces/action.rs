//! What the sandbox's first process does before the program starts, as data.
//!
//! Each action becomes a few system calls of a script, which the first process makes one after the
//! other. It refuses to know where the list of actions comes from.

use std::ffi::{CStr, CString};
use std::fmt;

use seccompiler::BpfProgram;

use super::landlock::Rules;
use super::script::{AT_CWD, Calls, OPENED, REPORT};
use crate::seccomp;

/// One thing that the first process does. Names say which system call.
#[derive(Debug)]
pub(super) enum Action {
    /// Die when the thread that made us does.
    DieWithParent,
    /// Hide this process from everything inside.
    Undumpable,
    Write {
        path: CString,
        bytes: Vec<u8>,
    },
    /// Later mounts stay in here.
    Unshared,
    /// A directory; one that exists is as good.
    Dir {
        path: CString,
    },
    /// An empty file to mount another on; one that exists is as good.
    File {
        path: CString,
    },
    Link {
        target: CString,
        path: CString,
    },
    Mount(Mount),
    /// Restricts the mount at `path`, and those below it where `recursive`.
    Restrict {
        path: CString,
        attributes: u64,
        recursive: bool,
    },
    ChangeDir {
        path: CString,
    },
    PivotRoot {
        put_old: CString,
    },
    Detach {
        path: CString,
    },
    RemoveDir {
        path: CString,
    },
    HostName {
        name: CString,
    },
    LoopbackUp,
    /// Away from the terminal and its signals.
    NewSession,
    NoNewPrivileges,
    /// Drops all capabilities but `keep`, which survive `execve`; where `user` is given, goes from
    /// the namespace's root to that user and its group.
    DropPrivileges {
        user: Option<u32>,
        keep: u32,
    },
    Landlock(Rules),
    Filter(BpfProgram),
}

#[derive(Debug)]
pub(super) struct Mount {
    pub(super) source: CString,
    pub(super) at: CString,
    pub(super) kind: Option<CString>,
    pub(super) flags: libc::c_ulong,
    pub(super) options: Option<CString>,
}

impl Action {
    /// Adds the calls that do it.
    pub(super) fn write(&self, calls: &mut Calls<'_>) {
        match self {
            Self::DieWithParent => die_with_parent(calls),
            Self::Undumpable => {
                calls.prctl(libc::PR_SET_DUMPABLE, [0]);
            }
            Self::Write { path, bytes } => write_file(calls, path, bytes),
            Self::Unshared => {
                let root = calls.memory.text(c"/");
                let flags = libc::MS_REC | libc::MS_PRIVATE;
                calls.add(libc::SYS_mount, [0, root, 0, flags, 0]);
            }
            Self::Dir { path } => {
                let path = calls.memory.text(path);
                calls.add(libc::SYS_mkdirat, [AT_CWD, path, 0o755]).forgives(libc::EEXIST);
            }
            Self::File { path } => {
                let path = calls.memory.text(path);
                let mode = u64::from(libc::S_IFREG | 0o644);
                calls.add(libc::SYS_mknodat, [AT_CWD, path, mode, 0]).forgives(libc::EEXIST);
            }
            Self::Link { target, path } => {
                let (target, path) = (calls.memory.text(target), calls.memory.text(path));
                calls.add(libc::SYS_symlinkat, [target, AT_CWD, path]).forgives(libc::EEXIST);
            }
            Self::Mount(mount) => mount.write(calls),
            Self::Restrict { path, attributes, recursive } => {
                restrict(calls, path, *attributes, *recursive);
            }
            Self::ChangeDir { path } => on_text(calls, libc::SYS_chdir, path, 0),
            Self::PivotRoot { put_old } => {
                let (here, put_old) = (calls.memory.text(c"."), calls.memory.text(put_old));
                calls.add(libc::SYS_pivot_root, [here, put_old]);
            }
            Self::Detach { path } => {
                on_text(calls, libc::SYS_umount2, path, libc::MNT_DETACH as u64);
            }
            Self::RemoveDir { path } => {
                let path = calls.memory.text(path);
                calls.add(libc::SYS_unlinkat, [AT_CWD, path, libc::AT_REMOVEDIR as u64]);
            }
            Self::HostName { name } => {
                on_text(calls, libc::SYS_sethostname, name, name.as_bytes().len() as u64);
            }
            Self::LoopbackUp => loopback_up(calls),
            Self::NewSession => {
                calls.add(libc::SYS_setsid, []);
            }
            Self::NoNewPrivileges => {
                calls.prctl(libc::PR_SET_NO_NEW_PRIVS, [1]);
            }
            Self::DropPrivileges { user, keep } => drop_privileges(calls, *user, *keep),
            Self::Landlock(rules) => rules.write(calls),
            Self::Filter(program) => install_filter(calls, program),
        }
    }
}

impl Mount {
    fn write(&self, calls: &mut Calls<'_>) {
        let source = calls.memory.text(&self.source);
        let at = calls.memory.text(&self.at);
        let mut or_null =
            |text: &Option<CString>| text.as_ref().map_or(0, |text| calls.memory.text(text));
        let (kind, options) = (or_null(&self.kind), or_null(&self.options));
        calls.add(libc::SYS_mount, [source, at, kind, self.flags, options]);
    }
}

/// For messages: "the sandbox failed to …".
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DieWithParent => f.write_str("tie its life to ours"),
            Self::Undumpable => f.write_str("hide its first process"),
            Self::Write { path, .. } => write!(f, "write {}", shown(path)),
            Self::Unshared => f.write_str("make its mounts private"),
            Self::Dir { path } => write!(f, "make the directory {}", shown(path)),
            Self::File { path } => write!(f, "make the file {}", shown(path)),
            Self::Link { path, .. } => write!(f, "make the link {}", shown(path)),
            Self::Mount(mount) => {
                write!(f, "mount {} at {}", shown(&mount.source), shown(&mount.at))
            }
            Self::Restrict { path, .. } => write!(f, "restrict the mount {}", shown(path)),
            Self::ChangeDir { path } => write!(f, "enter {}", shown(path)),
            Self::PivotRoot { .. } => f.write_str("change its root"),
            Self::Detach { path } => write!(f, "detach {}", shown(path)),
            Self::RemoveDir { path } => write!(f, "remove {}", shown(path)),
            Self::HostName { .. } => f.write_str("set its host name"),
            Self::LoopbackUp => f.write_str("bring its loopback up"),
            Self::NewSession => f.write_str("leave the terminal"),
            Self::NoNewPrivileges => f.write_str("give up new privileges"),
            Self::DropPrivileges { .. } => f.write_str("drop its privileges"),
            Self::Landlock(_) => f.write_str("restrict itself with Landlock"),
            Self::Filter(_) => f.write_str("filter its system calls"),
        }
    }
}

fn shown(text: &CStr) -> std::borrow::Cow<'_, str> {
    text.to_string_lossy()
}

/// A call on one text and one number.
fn on_text(calls: &mut Calls<'_>, number: libc::c_long, text: &CStr, value: u64) {
    let text = calls.memory.text(text);
    calls.add(number, [text, value]);
}

/// The kernel forgets this wish at every change of user, and does not grant it once the parent is
/// gone; but then nobody holds the other end of the report's pipe, and a poll for nothing tells so.
fn die_with_parent(calls: &mut Calls<'_>) {
    calls.prctl(libc::PR_SET_PDEATHSIG, [libc::SIGKILL as u64]);
    // A `pollfd` without events, and no time to wait.
    let mut polled = REPORT.to_ne_bytes().to_vec();
    polled.extend([0; 4]);
    let polled = calls.memory.bytes(&polled);
    let at_once = calls.memory.words([0, 0]);
    calls.add(libc::SYS_ppoll, [polled, 1, at_once]).wants(0);
}

/// Writes in one call, as the files below `/proc/sys` demand.
fn write_file(calls: &mut Calls<'_>, path: &CStr, bytes: &[u8]) {
    calls.open(path, libc::O_WRONLY | libc::O_CREAT, 0o644, OPENED);
    let at = calls.memory.bytes(bytes);
    let count = bytes.len();
    calls.add(libc::SYS_write, [OPENED as u64, at, count as u64]).wants(count as i64);
    calls.close(OPENED);
}

fn restrict(calls: &mut Calls<'_>, path: &CStr, attributes: u64, recursive: bool) {
    let path = calls.memory.text(path);
    let flags = if recursive { libc::AT_RECURSIVE as u64 } else { 0 };
    // `struct mount_attr`: set, clear, propagation, user namespace.
    let wanted = calls.memory.words([attributes, 0, 0, 0]);
    let size = size_of::<libc::mount_attr>() as u64;
    calls.add(libc::SYS_mount_setattr, [AT_CWD, path, flags, wanted, size]);
}

fn loopback_up(calls: &mut Calls<'_>) {
    /// Bytes of the name that `struct ifreq` begins with; the flags follow.
    const NAME: usize = libc::IFNAMSIZ;
    let mut request = [0; size_of::<libc::ifreq>()];
    request[..2].copy_from_slice(b"lo");
    request[NAME..NAME + 2].copy_from_slice(&(libc::IFF_UP as libc::c_short).to_ne_bytes());
    let request = calls.memory.bytes(&request);
    let (family, kind) = (libc::AF_INET as u64, libc::SOCK_DGRAM as u64);
    calls.add(libc::SYS_socket, [family, kind, 0]).wants(OPENED.into());
    calls.add(libc::SYS_ioctl, [OPENED as u64, libc::SIOCSIFFLAGS, request]);
    calls.close(OPENED);
}

fn drop_privileges(calls: &mut Calls<'_>, user: Option<u32>, keep: u32) {
    /// More than any kernel has; those that this one does not know are forgiven.
    const CAPABILITIES_MAX: u32 = 64;
    for capability in (0..CAPABILITIES_MAX).filter(|&number| !within(keep, number)) {
        calls.prctl(libc::PR_CAPBSET_DROP, [capability.into()]).forgives(libc::EINVAL);
    }
    if let Some(id) = user {
        // Groups first: an ordinary user may not leave them. Capabilities wait in the permitted set.
        let id = u64::from(id);
        calls.add(libc::SYS_setgroups, [0, 0]);
        calls.add(libc::SYS_setresgid, [id, id, id]);
        calls.prctl(libc::PR_SET_KEEPCAPS, [1]);
        calls.add(libc::SYS_setresuid, [id, id, id]);
    }
    keep_capabilities(calls, keep);
}

fn within(mask: u32, capability: u32) -> bool {
    capability < u32::BITS && mask & (1 << capability) != 0
}

fn keep_capabilities(calls: &mut Calls<'_>, mask: u32) {
    /// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h: two words of each set.
    const VERSION: u32 = 0x2008_0522;
    let bytes =
        |words: &[u32]| words.iter().copied().flat_map(u32::to_ne_bytes).collect::<Vec<_>>();
    let header = calls.memory.bytes(&bytes(&[VERSION, 0]));
    // Effective, permitted, inheritable; then the same for capabilities from 32 on.
    let sets = calls.memory.bytes(&bytes(&[mask, mask, mask, 0, 0, 0]));
    calls.add(libc::SYS_capset, [header, sets]);
    calls.prctl(libc::PR_CAP_AMBIENT, [libc::PR_CAP_AMBIENT_CLEAR_ALL as u64]);
    for capability in (0..u32::BITS).filter(|&number| within(mask, number)) {
        let raise = libc::PR_CAP_AMBIENT_RAISE as u64;
        calls.prctl(libc::PR_CAP_AMBIENT, [raise, capability.into()]);
    }
}

fn install_filter(calls: &mut Calls<'_>, program: &BpfProgram) {
    let steps = calls.memory.bytes(&seccomp::bytes(program));
    // `struct sock_fprog`: a 16-bit count, padding, a pointer.
    let mut filter = (program.len() as u16).to_ne_bytes().to_vec();
    filter.resize(size_of::<u64>(), 0);
    filter.extend(steps.to_ne_bytes());
    let filter = calls.memory.bytes(&filter);
    calls.prctl(libc::PR_SET_SECCOMP, [libc::SECCOMP_MODE_FILTER.into(), filter]);
}
