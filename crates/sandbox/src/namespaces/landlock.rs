//! Landlock as a second wall: should a mount ever show too much, writing to it still fails.
//!
//! Three system calls, spoken directly since they happen where only async-signal-safe code may run
//! (linux/landlock.h). It refuses to guess: rights that this kernel does not know are not asked for.

use std::ffi::CString;

use super::action::{Errno, check, check_long};

/// The oldest version worth having: version 1 forbids every rename between directories.
const VERSION_MIN: i64 = 2;

const EXECUTE: u64 = 1 << 0;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
/// `EXECUTE` to `REFER`: all of version 2.
const ALL_OF_VERSION_2: u64 = (1 << 14) - 1;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// What a rule on a file, not a directory, may grant.
const ON_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
const SCOPE_ABSTRACT_UNIX_SOCKET: u64 = 1 << 0;
const SCOPE_SIGNAL: u64 = 1 << 1;

/// `struct landlock_ruleset_attr`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Ruleset {
    handled_fs: u64,
    handled_net: u64,
    scoped: u64,
}

/// `struct landlock_path_beneath_attr`, which is packed.
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: i32,
}

/// What may be done where, ready to be imposed on oneself.
#[derive(Debug)]
pub(super) struct Rules {
    ruleset: Ruleset,
    /// How much of `ruleset` this kernel knows, in bytes.
    size: usize,
    allowed: Vec<(CString, u64)>,
}

/// What this kernel offers; `None` where that is too little.
pub(super) fn version() -> Option<i64> {
    const VERSION_QUERY: libc::c_uint = 1;
    // SAFETY: the query takes no pointer.
    let version = unsafe {
        let nothing = std::ptr::null::<Ruleset>();
        libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0usize, VERSION_QUERY)
    };
    (version >= VERSION_MIN).then_some(version)
}

impl Rules {
    /// Reading and executing anywhere, everything in the directories `writable`.
    pub(super) fn new(version: i64, writable: Vec<(CString, bool)>) -> Self {
        let mut handled = ALL_OF_VERSION_2;
        if version >= 3 {
            handled |= TRUNCATE;
        }
        if version >= 5 {
            handled |= IOCTL_DEV;
        }
        let (scoped, size) = match version {
            6.. => (SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL, 24),
            4.. => (0, 16),
            _ => (0, 8),
        };
        let mut allowed = vec![(c"/".to_owned(), EXECUTE | READ_FILE | READ_DIR)];
        allowed.extend(writable.into_iter().map(|(path, directory)| {
            let rights = if directory { handled } else { handled & ON_FILES };
            (path, rights)
        }));
        Self { ruleset: Ruleset { handled_fs: handled, handled_net: 0, scoped }, size, allowed }
    }

    /// Imposes them on the calling process. Async-signal-safe; needs `no_new_privs`.
    pub(super) fn restrict_self(&self) -> Result<(), Errno> {
        /// `LANDLOCK_RULE_PATH_BENEATH`.
        const PATH_BENEATH: libc::c_int = 1;
        // SAFETY: the structures match linux/landlock.h, and `size` is within `Ruleset`.
        unsafe {
            let ruleset = libc::syscall(
                libc::SYS_landlock_create_ruleset,
                &raw const self.ruleset,
                self.size,
                0,
            );
            check_long(ruleset)?;
            let ruleset = ruleset as libc::c_int;
            for (path, allowed) in &self.allowed {
                let parent = libc::open(path.as_ptr(), libc::O_PATH | libc::O_CLOEXEC);
                check(parent)?;
                let rule = PathBeneath { allowed: *allowed, parent };
                let rule = &raw const rule;
                let add = libc::SYS_landlock_add_rule;
                check_long(libc::syscall(add, ruleset, PATH_BENEATH, rule, 0))?;
                libc::close(parent);
            }
            check_long(libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0))?;
            libc::close(ruleset);
        }
        Ok(())
    }
}
