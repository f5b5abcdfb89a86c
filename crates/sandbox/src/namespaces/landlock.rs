//! Landlock as a second wall: should a mount ever show too much, writing to it still fails.
//!
//! Three system calls, spoken directly (linux/landlock.h). It refuses to guess: rights that this kernel does not know are not asked for.

use std::ffi::CString;

use super::script::{Calls, OPENED, OPENED_NEXT};

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

/// What may be done where, ready to be imposed on oneself.
#[derive(Debug)]
pub(super) struct Rules {
    /// `struct landlock_ruleset_attr`: rights in files, rights in the network, scopes.
    ruleset: [u64; 3],
    /// How much of `ruleset` this kernel knows, in bytes.
    size: usize,
    allowed: Vec<(CString, u64)>,
}

/// What this kernel offers; `None` where that is too little.
pub(super) fn version() -> Option<i64> {
    const VERSION_QUERY: libc::c_uint = 1;
    // SAFETY: the query takes no pointer.
    let version = unsafe {
        let nothing = std::ptr::null::<u64>();
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
        Self { ruleset: [handled, 0, scoped], size, allowed }
    }

    /// Adds the calls that impose them on whoever makes them; they need `no_new_privs`.
    pub(super) fn write(&self, calls: &mut Calls<'_>) {
        /// `LANDLOCK_RULE_PATH_BENEATH`.
        const PATH_BENEATH: u64 = 1;
        let (ruleset, parent) = (OPENED, OPENED_NEXT);
        let attributes = calls.memory.words(self.ruleset);
        let size = self.size as u64;
        let call = calls.add(libc::SYS_landlock_create_ruleset, [attributes, size, 0]);
        call.wants(ruleset.into());
        for (path, allowed) in &self.allowed {
            calls.open(path, libc::O_PATH, 0, parent);
            // `struct landlock_path_beneath_attr`, which is packed.
            let mut rule = allowed.to_ne_bytes().to_vec();
            rule.extend(parent.to_ne_bytes());
            let rule = calls.memory.bytes(&rule);
            calls.add(libc::SYS_landlock_add_rule, [ruleset as u64, PATH_BENEATH, rule, 0]);
            calls.close(parent);
        }
        calls.add(libc::SYS_landlock_restrict_self, [ruleset as u64, 0]);
        calls.close(ruleset);
    }
}
