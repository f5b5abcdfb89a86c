//! The read-only system that every program sees: what a bare machine has, and toolchains.
//!
//! Of `/etc` only what run-times look up; of homes only the toolchains themselves. It refuses to
//! know which backend mounts it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Access;
use crate::plan::{HOME, INSIDE_ID, Step};
use crate::toolchain::{self, Toolchains};

/// Directories of the system, bound where they are directories and copied where they are links
/// (`/bin -> usr/bin`). `/nix/store` holds only packages, readable by everybody.
const SYSTEM: &[&str] =
    &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];

/// Parts of `/etc` that hold no secret and that compilers and run-times read.
const ETC: &[&str] = &[
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "fonts",
    "gai.conf",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "perl",
    "pki/ca-trust",
    "pki/tls/certs",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
];

/// Parts of `/etc` whose names carry a version: `java-17-openjdk`, `python3.11`.
const ETC_PREFIXES: &[&str] =
    &["java", "python", "node", "dotnet", "maven", "gradle", "php", "lua"];

/// Where programs are on every system, after what the host's own `PATH` says.
const STANDARD_PATH: &[&str] =
    &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Parts of `/proc` that steer the machine. The kernel asks for the *host's* user 0 there, not for
/// capabilities, and when we run as root, so does the program.
pub(crate) const PROC_READ_ONLY: &[&str] =
    &["sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi", "driver", "mtrr"];

/// Parts of `/proc` that tell of the machine's memory, keys and timers.
pub(crate) const PROC_HIDDEN: &[&str] =
    &["kcore", "keys", "timer_list", "kallsyms", "kpageflags", "kmsg"];

/// What stands before any command's own mounts.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) steps: Vec<Step>,
    /// The `PATH` inside.
    pub(crate) path: String,
    pub(crate) toolchains: Toolchains,
}

impl System {
    /// Looks at the machine once.
    pub(crate) fn detect() -> Self {
        let host_path = std::env::var_os("PATH").unwrap_or_default();
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let directories: Vec<PathBuf> = std::env::split_paths(&host_path).collect();
        let toolchains = toolchain::detect(&directories, home.as_deref());
        let mut steps: Vec<Step> = SYSTEM.iter().filter_map(|path| present(path)).collect();
        steps.extend(etc());
        let roots: BTreeSet<&PathBuf> = toolchains.found.iter().map(|found| &found.root).collect();
        steps.extend(roots.into_iter().map(|root| read_only(root, true)));
        steps.extend(empty_places());
        let path = inner_path(&toolchains);
        Self { steps, path, toolchains }
    }
}

/// Those parts of `/proc` that this kernel has.
pub(crate) fn proc_parts(names: &[&str]) -> impl Iterator<Item = PathBuf> {
    names.iter().map(|name| Path::new("/proc").join(name)).filter(|path| path.exists())
}

fn inner_path(toolchains: &Toolchains) -> String {
    let mut seen = BTreeSet::new();
    let ours = toolchains.path.iter().map(PathBuf::as_path);
    ours.chain(STANDARD_PATH.iter().map(Path::new))
        .filter(|directory| seen.insert(directory.to_path_buf()))
        .map(|directory| directory.to_string_lossy())
        .collect::<Vec<_>>()
        .join(":")
}

fn read_only(path: &Path, directory: bool) -> Step {
    Step::Bind {
        host: path.to_owned(),
        inside: path.to_owned(),
        access: Access::ReadOnly,
        directory,
    }
}

/// A directory of the host, or the link that it is.
fn present(path: &str) -> Option<Step> {
    let path = Path::new(path);
    let metadata = path.symlink_metadata().ok()?;
    if metadata.is_symlink() {
        return Some(Step::Link { target: fs::read_link(path).ok()?, inside: path.to_owned() });
    }
    metadata.is_dir().then(|| read_only(path, true))
}

fn etc() -> Vec<Step> {
    let etc = Path::new("/etc");
    let versioned =
        fs::read_dir(etc).into_iter().flatten().flatten().map(|entry| entry.path()).filter(
            |path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let known = ETC_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
                known && path.is_dir()
            },
        );
    let mut parts: BTreeSet<PathBuf> = ETC.iter().map(|name| etc.join(name)).collect();
    parts.extend(versioned);
    let mut steps: Vec<Step> = parts
        .into_iter()
        .filter_map(|inside| {
            let host = inside.canonicalize().ok()?;
            let directory = host.is_dir();
            Some(Step::Bind { host, inside, access: Access::ReadOnly, directory })
        })
        .collect();
    let user = format!(
        "root:x:0:0:root:/:/bin/sh\nsandbox:x:{INSIDE_ID}:{INSIDE_ID}:sandbox:{HOME}:/bin/sh\n\
         nobody:x:65534:65534:nobody:/:/bin/false\n"
    );
    let group = format!("root:x:0:\nsandbox:x:{INSIDE_ID}:\nnogroup:x:65534:\n");
    let files = [
        ("passwd", user),
        ("group", group),
        ("hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n".to_owned()),
        ("hostname", "sandbox\n".to_owned()),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n".to_owned()),
        ("resolv.conf", String::new()),
    ];
    steps.extend(files.into_iter().map(|(name, text)| Step::File { inside: etc.join(name), text }));
    steps
}

/// Places that programs expect to exist.
fn empty_places() -> [Step; 2] {
    [
        Step::Dir { inside: "/run".into() },
        Step::Link { target: "/tmp".into(), inside: "/var/tmp".into() },
    ]
}
