//! The walls, in the order in which they are built.
//!
//! Pure: from a plan to a list of actions. It refuses to touch the machine.

use std::collections::BTreeSet;
use std::ffi::{CString, OsString};
use std::path::{Path, PathBuf};

use seccompiler::BpfProgram;

use super::action::{Action, Mount};
use super::identity::Identity;
use super::landlock::Rules;
use crate::plan::{INSIDE_ID, Plan, Step, c_string};
use crate::system::{PROC_HIDDEN, PROC_READ_ONLY, proc_parts};
use crate::{Access, SandboxError};

/// Where the new root is put together; it must exist on every machine, and is hidden from us alone.
const SCAFFOLD: &str = "/tmp";

/// The host's files, as seen while the new root is filled. Gone before the program starts.
const HOST: &str = "/.host";

/// Most files and directories in each tmpfs: a program that makes empty files for ever ends here.
const TMPFS_INODES: u64 = 200_000;

/// The new root holds directories and links only.
const ROOT_OPTIONS: &str = "mode=0755,size=4m,nr_inodes=20000";

/// Devices that give or take bytes and have no state.
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom"];

const DEVICE_LINKS: &[(&str, &str)] = &[
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];

const NO_SPECIAL: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// The list for `plan`.
///
/// # Errors
/// [`SandboxError::Text`] for a path with a NUL byte.
pub(super) fn actions(
    plan: &Plan,
    filter: &BpfProgram,
    landlock: Option<i64>,
    identity: Identity,
) -> Result<Vec<Action>, SandboxError> {
    let mut build = Build::default();
    build.user()?;
    build.scaffold()?;
    build.devices(plan.shm_bytes)?;
    build.processes()?;
    for step in &plan.steps {
        build.step(step)?;
    }
    build.close(plan, filter, landlock, identity)?;
    Ok(build.actions)
}

#[derive(Default)]
struct Build {
    actions: Vec<Action>,
    made: BTreeSet<PathBuf>,
    /// Writable places, and whether they are directories.
    writable: Vec<(CString, bool)>,
}

impl Build {
    fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn user(&mut self) -> Result<(), SandboxError> {
        self.push(Action::DieWithParent);
        self.push(Action::Undumpable);
        // No second set of namespaces in here, whatever the filter lets through.
        self.write("/proc/sys/user/max_user_namespaces", "0")?;
        self.push(Action::HostName { name: c"sandbox".to_owned() });
        self.push(Action::LoopbackUp);
        self.push(Action::NewSession);
        Ok(())
    }

    /// An empty tmpfs as the root, with the host below [`HOST`].
    fn scaffold(&mut self) -> Result<(), SandboxError> {
        self.push(Action::Unshared);
        self.tmpfs(SCAFFOLD, ROOT_OPTIONS.to_owned())?;
        self.push(Action::ChangeDir { path: c_string(SCAFFOLD)? });
        let put_old = c_string(HOST.trim_start_matches('/'))?;
        self.push(Action::Dir { path: put_old.clone() });
        self.push(Action::PivotRoot { put_old });
        self.push(Action::ChangeDir { path: c"/".to_owned() });
        Ok(())
    }

    fn devices(&mut self, shm_bytes: u64) -> Result<(), SandboxError> {
        self.directory(Path::new("/dev"))?;
        for device in DEVICES {
            let path = Path::new("/dev").join(device);
            self.bind(&path, &path, false)?;
            self.writable.push((c_string(&path)?, false));
        }
        self.directory(Path::new("/dev/pts"))?;
        self.push(Action::Mount(Mount {
            source: c"devpts".to_owned(),
            at: c"/dev/pts".to_owned(),
            kind: Some(c"devpts".to_owned()),
            flags: libc::MS_NOSUID | libc::MS_NOEXEC,
            options: Some(c"newinstance,ptmxmode=0666,mode=620".to_owned()),
        }));
        self.writable.push((c"/dev/pts".to_owned(), true));
        for (target, path) in DEVICE_LINKS {
            self.push(Action::Link { target: c_string(target)?, path: c_string(path)? });
        }
        self.step(&Step::Tmpfs { inside: "/dev/shm".into(), bytes: shm_bytes })
    }

    /// A `/proc` of the new pid namespace, which the kernel grants only while the host's is in sight.
    fn processes(&mut self) -> Result<(), SandboxError> {
        self.directory(Path::new("/proc"))?;
        self.push(Action::Mount(Mount {
            source: c"proc".to_owned(),
            at: c"/proc".to_owned(),
            kind: Some(c"proc".to_owned()),
            flags: libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC,
            // A process sees those that it could trace: its own, not the first one.
            options: Some(c"hidepid=2".to_owned()),
        }));
        self.writable.push((c"/proc".to_owned(), true));
        for path in proc_parts(PROC_READ_ONLY) {
            self.push(Action::Mount(bind_mount(&path, &path)?));
            self.restrict(&path, libc::MOUNT_ATTR_RDONLY, true)?;
        }
        for path in proc_parts(PROC_HIDDEN) {
            self.push(Action::Mount(bind_mount(Path::new("/dev/null"), &path)?));
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), SandboxError> {
        match step {
            Step::Bind { host, inside, access, directory } => {
                self.bind(host, inside, *directory)?;
                let mut attributes = NO_SPECIAL;
                match access {
                    Access::ReadOnly => attributes |= libc::MOUNT_ATTR_RDONLY,
                    Access::Writable => self.writable.push((c_string(inside)?, *directory)),
                }
                self.restrict(inside, attributes, true)
            }
            Step::Link { target, inside } => {
                self.parents(inside)?;
                self.push(Action::Link { target: c_string(target)?, path: c_string(inside)? });
                Ok(())
            }
            Step::File { inside, text } => {
                self.parents(inside)?;
                self.write(inside, text)
            }
            Step::Dir { inside } => self.directory(inside),
            Step::Tmpfs { inside, bytes } => {
                self.directory(inside)?;
                self.writable.push((c_string(inside)?, true));
                let options = format!("mode=1777,size={bytes},nr_inodes={TMPFS_INODES}");
                self.tmpfs(inside, options)
            }
        }
    }

    /// Takes the scaffolding down and locks the door.
    fn close(
        &mut self,
        plan: &Plan,
        filter: &BpfProgram,
        landlock: Option<i64>,
        identity: Identity,
    ) -> Result<(), SandboxError> {
        self.push(Action::Detach { path: c_string(HOST)? });
        self.push(Action::RemoveDir { path: c_string(HOST)? });
        self.restrict(Path::new("/"), libc::MOUNT_ATTR_RDONLY, false)?;
        self.push(Action::ChangeDir { path: c_string(&plan.cwd)? });
        let user = (identity == Identity::Nobody).then_some(INSIDE_ID);
        self.push(Action::DropPrivileges { user, keep: identity.capabilities() });
        // Again, since the kernel forgets it when the user changes.
        self.push(Action::DieWithParent);
        self.push(Action::NoNewPrivileges);
        if let Some(version) = landlock {
            let writable = std::mem::take(&mut self.writable);
            self.push(Action::Landlock(Rules::new(version, writable)));
        }
        self.push(Action::Filter(filter.clone()));
        Ok(())
    }

    fn write(&mut self, path: impl AsRef<Path>, text: &str) -> Result<(), SandboxError> {
        self.push(Action::Write {
            path: c_string(path.as_ref())?,
            bytes: text.as_bytes().to_vec(),
        });
        Ok(())
    }

    fn tmpfs(&mut self, at: impl AsRef<Path>, options: String) -> Result<(), SandboxError> {
        self.push(Action::Mount(Mount {
            source: c"tmpfs".to_owned(),
            at: c_string(at.as_ref())?,
            kind: Some(c"tmpfs".to_owned()),
            flags: libc::MS_NOSUID | libc::MS_NODEV,
            options: Some(c_string(options)?),
        }));
        Ok(())
    }

    /// Mounts the host's `host`, and what is mounted below it, at `inside`.
    fn bind(&mut self, host: &Path, inside: &Path, directory: bool) -> Result<(), SandboxError> {
        if directory {
            self.directory(inside)?;
        } else {
            self.parents(inside)?;
            self.push(Action::File { path: c_string(inside)? });
        }
        let mut source = OsString::from(HOST);
        source.push(host);
        self.push(Action::Mount(bind_mount(Path::new(&source), inside)?));
        Ok(())
    }

    fn restrict(
        &mut self,
        path: &Path,
        attributes: u64,
        recursive: bool,
    ) -> Result<(), SandboxError> {
        self.push(Action::Restrict { path: c_string(path)?, attributes, recursive });
        Ok(())
    }

    fn parents(&mut self, path: &Path) -> Result<(), SandboxError> {
        path.parent().map_or(Ok(()), |parent| self.directory(parent))
    }

    fn directory(&mut self, path: &Path) -> Result<(), SandboxError> {
        let missing: Vec<&Path> = path
            .ancestors()
            .take_while(|part| part.parent().is_some() && !self.made.contains(*part))
            .collect();
        for part in missing.into_iter().rev() {
            self.made.insert(part.to_owned());
            self.push(Action::Dir { path: c_string(part)? });
        }
        Ok(())
    }
}

fn bind_mount(source: &Path, at: &Path) -> Result<Mount, SandboxError> {
    Ok(Mount {
        source: c_string(source)?,
        at: c_string(at)?,
        kind: None,
        flags: libc::MS_BIND | libc::MS_REC,
        options: None,
    })
}
