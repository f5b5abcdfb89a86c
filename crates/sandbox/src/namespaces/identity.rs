//! Who the program is, inside and to the host.
//!
//! It refuses to let a program run as the host's user 0: the kernel exempts that user from the limit
//! on processes, and hands it the machine's knobs below `/proc/sys`.

use std::fs;
use std::io;

use crate::plan::INSIDE_ID;

/// To the host, who the program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// We are an ordinary user, and so is the program: the same one.
    Ourselves { user: u32, group: u32 },
    /// We are root, and the program is the host's `nobody`. It keeps the right to open and change
    /// root's files, within its mounts: what it was given is for it to use.
    Nobody,
}

/// The host's `nobody`, in every distribution and in every container's range of users.
const NOBODY: u32 = 65_534;

/// Capability numbers of linux/capability.h.
const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_FOWNER: u32 = 3;

impl Identity {
    pub(super) fn ours() -> Self {
        // SAFETY: these calls cannot fail.
        let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
        match user {
            0 => Self::Nobody,
            _ => Self::Ourselves { user, group },
        }
    }

    /// Tells the kernel, for the new user namespace of our child `pid`.
    ///
    /// # Errors
    /// The operating system's, where we may not say so.
    pub(super) fn tell(self, pid: libc::pid_t) -> io::Result<()> {
        let write = |file: &str, text: &str| fs::write(format!("/proc/{pid}/{file}"), text);
        match self {
            Self::Ourselves { user, group } => {
                // Whoever may leave groups could reach what a group is denied.
                write("setgroups", "deny")?;
                write("uid_map", &format!("{INSIDE_ID} {user} 1"))?;
                write("gid_map", &format!("{INSIDE_ID} {group} 1"))
            }
            Self::Nobody => {
                let map = format!("0 0 1\n{INSIDE_ID} {NOBODY} 1");
                write("uid_map", &map)?;
                write("gid_map", &map)
            }
        }
    }

    /// What the program may do within its user namespace, as a mask. These two concern files of the
    /// mapped users alone, and no mount that is read-only.
    pub(super) fn capabilities(self) -> u32 {
        match self {
            Self::Ourselves { .. } => 0,
            Self::Nobody => 1 << CAP_DAC_OVERRIDE | 1 << CAP_FOWNER,
        }
    }
}
