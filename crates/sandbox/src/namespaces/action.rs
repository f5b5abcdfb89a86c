//! What the sandbox's first process does before the program starts, as data.
//!
//! Between `clone` and `execve` in a process that had threads, only async-signal-safe calls are
//! sound: no allocation, no lock, no panic. So everything is prepared here, by the parent, as
//! finished C strings and structures; [`Action::perform`] makes system calls and nothing else. It
//! refuses to know where the list comes from.

use std::ffi::{CStr, CString};
use std::fmt;
use std::ptr;

use seccompiler::{BpfProgram, sock_filter};

use super::landlock::Rules;

/// The `errno` of a failed call.
pub(super) type Errno = i32;

/// One thing that the first process does. Names say which system call.
#[derive(Debug)]
pub(super) enum Action {
    /// Die when the thread that made us does.
    DieWithParent,
    /// Hide this process, a copy of our memory, from everything inside.
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
    /// Does it. Async-signal-safe.
    ///
    /// # Errors
    /// The `errno` of the first call that failed.
    pub(super) fn perform(&self) -> Result<(), Errno> {
        // SAFETY: every pointer handed to the kernel comes from a live `CString`, slice or local.
        unsafe {
            match self {
                Self::DieWithParent => die_with_parent(),
                Self::Undumpable => check(libc::prctl(libc::PR_SET_DUMPABLE, 0)),
                Self::Write { path, bytes } => write_file(path, bytes),
                Self::Unshared => {
                    let flags = libc::MS_REC | libc::MS_PRIVATE;
                    let root = c"/".as_ptr();
                    check(libc::mount(ptr::null(), root, ptr::null(), flags, ptr::null()))
                }
                Self::Dir { path } => or_exists(check(libc::mkdir(path.as_ptr(), 0o755))),
                Self::File { path } => {
                    or_exists(check(libc::mknod(path.as_ptr(), libc::S_IFREG | 0o644, 0)))
                }
                Self::Link { target, path } => {
                    or_exists(check(libc::symlink(target.as_ptr(), path.as_ptr())))
                }
                Self::Mount(mount) => mount.perform(),
                Self::Restrict { path, attributes, recursive } => {
                    restrict(path, *attributes, *recursive)
                }
                Self::ChangeDir { path } => check(libc::chdir(path.as_ptr())),
                Self::PivotRoot { put_old } => {
                    check_long(libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), put_old.as_ptr()))
                }
                Self::Detach { path } => check(libc::umount2(path.as_ptr(), libc::MNT_DETACH)),
                Self::RemoveDir { path } => check(libc::rmdir(path.as_ptr())),
                Self::HostName { name } => {
                    check(libc::sethostname(name.as_ptr(), name.as_bytes().len()))
                }
                Self::LoopbackUp => loopback_up(),
                Self::NewSession => check(libc::setsid()),
                Self::NoNewPrivileges => check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)),
                Self::DropPrivileges { user, keep } => drop_privileges(*user, *keep),
                Self::Landlock(rules) => rules.restrict_self(),
                Self::Filter(program) => install_filter(program),
            }
        }
    }
}

impl Mount {
    fn perform(&self) -> Result<(), Errno> {
        let or_null =
            |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        // SAFETY: all strings live as long as `self`.
        check(unsafe {
            libc::mount(
                self.source.as_ptr(),
                self.at.as_ptr(),
                or_null(&self.kind),
                self.flags,
                or_null(&self.options).cast(),
            )
        })
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

/// The last call's `errno`.
pub(super) fn errno() -> Errno {
    // SAFETY: the location is this thread's own.
    unsafe { *libc::__errno_location() }
}

pub(super) fn check(result: libc::c_int) -> Result<(), Errno> {
    if result == -1 { Err(errno()) } else { Ok(()) }
}

pub(super) fn check_long(result: libc::c_long) -> Result<(), Errno> {
    if result == -1 { Err(errno()) } else { Ok(()) }
}

fn or_exists(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(libc::EEXIST) => Ok(()),
        other => other,
    }
}

/// The kernel forgets this wish at every change of user, and does not grant it once the parent is
/// gone; but then nobody holds the other end of the report's pipe.
fn die_with_parent() -> Result<(), Errno> {
    // SAFETY: one valid `pollfd`.
    unsafe {
        check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
        let mut report = libc::pollfd { fd: super::child::REPORT, events: 0, revents: 0 };
        check(libc::poll(&mut report, 1, 0))?;
        if report.revents & libc::POLLERR != 0 {
            return Err(libc::ESRCH);
        }
    }
    Ok(())
}

/// Writes in one call, as `/proc/self/uid_map` demands.
fn write_file(path: &CStr, bytes: &[u8]) -> Result<(), Errno> {
    // SAFETY: plain system calls on a descriptor that this function owns.
    unsafe {
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_CLOEXEC;
        let file = libc::open(path.as_ptr(), flags, 0o644 as libc::c_uint);
        check(file)?;
        let written = libc::write(file, bytes.as_ptr().cast(), bytes.len());
        let result = match written {
            -1 => Err(errno()),
            all if all as usize == bytes.len() => Ok(()),
            _ => Err(libc::EIO),
        };
        libc::close(file);
        result
    }
}

fn restrict(path: &CStr, attributes: u64, recursive: bool) -> Result<(), Errno> {
    // SAFETY: an all-zero `mount_attr` is valid, and the kernel reads only its size.
    unsafe {
        let mut attr: libc::mount_attr = std::mem::zeroed();
        attr.attr_set = attributes;
        let flags = if recursive { libc::AT_RECURSIVE } else { 0 };
        check_long(libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        ))
    }
}

fn loopback_up() -> Result<(), Errno> {
    // SAFETY: an all-zero `ifreq` is valid; its name is NUL-terminated by the zeros.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        check(socket)?;
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        let result = check(libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request));
        libc::close(socket);
        result
    }
}

fn drop_privileges(user: Option<u32>, keep: u32) -> Result<(), Errno> {
    /// More than any kernel has; the loop ends at the first that this one does not know.
    const CAPABILITIES_MAX: u32 = 64;
    for capability in (0..CAPABILITIES_MAX).filter(|&number| !within(keep, number)) {
        // SAFETY: integer arguments.
        match check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }) {
            Err(libc::EINVAL) => break,
            other => other?,
        }
    }
    if let Some(id) = user {
        become_user(id)?;
    }
    keep_capabilities(keep)
}

/// Groups first: an ordinary user may not leave them. Capabilities wait in the permitted set.
fn become_user(id: u32) -> Result<(), Errno> {
    let nobody = ptr::null::<libc::gid_t>();
    // SAFETY: integer arguments; a list of no groups may be null. The raw calls change this thread,
    // the only one, without libc's wish to tell others.
    unsafe {
        check_long(libc::syscall(libc::SYS_setgroups, 0, nobody))?;
        check_long(libc::syscall(libc::SYS_setresgid, id, id, id))?;
        check(libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0))?;
        check_long(libc::syscall(libc::SYS_setresuid, id, id, id))
    }
}

fn within(mask: u32, capability: u32) -> bool {
    capability < u32::BITS && mask & (1 << capability) != 0
}

fn keep_capabilities(mask: u32) -> Result<(), Errno> {
    /// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h: two words of each set.
    const VERSION: u32 = 0x2008_0522;
    // SAFETY: `header` and `sets` have the layout that version 3 asks for.
    unsafe {
        let header: [u32; 2] = [VERSION, 0];
        // Effective, permitted, inheritable; then the same for capabilities from 32 on.
        let sets: [u32; 6] = [mask, mask, mask, 0, 0, 0];
        check_long(libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()))?;
        let clear = libc::PR_CAP_AMBIENT_CLEAR_ALL;
        check(libc::prctl(libc::PR_CAP_AMBIENT, clear, 0, 0, 0))?;
        for capability in (0..u32::BITS).filter(|&number| within(mask, number)) {
            let raise = libc::PR_CAP_AMBIENT_RAISE;
            check(libc::prctl(libc::PR_CAP_AMBIENT, raise, capability, 0, 0))?;
        }
    }
    Ok(())
}

fn install_filter(program: &[sock_filter]) -> Result<(), Errno> {
    let program = libc::sock_fprog {
        len: program.len() as libc::c_ushort,
        // `seccompiler::sock_filter` is `repr(C)` and field for field the kernel's.
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: the kernel copies the program, which outlives the call.
    check(unsafe {
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
    })
}
