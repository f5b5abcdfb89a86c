//! What the kernel does not bound for us, counted from outside while a program runs.
//!
//! Two things: processes when we are root (`RLIMIT_NPROC` never binds the host's user 0), and the
//! disk behind writable mounts. Both are counts of a moving target; they bound, they do not meter.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The program's processes and threads, read from its own `/proc`.
pub(crate) struct Processes {
    proc: PathBuf,
    limit: u64,
}

impl Processes {
    /// Those below `init`, the first process inside; `None` where the kernel counts for us.
    pub(crate) fn below(init: libc::pid_t, limit: u64) -> Option<Self> {
        we_are_root().then(|| Self { proc: format!("/proc/{init}/root/proc").into(), limit })
    }

    /// Whether more than the limit run at this moment. A `/proc` that is gone has none.
    pub(crate) fn exceeded(&mut self) -> bool {
        // Until the first process has its own root, this is the host's `/proc`.
        let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
        let inside = device(&self.proc);
        if inside.is_none() || inside == device(Path::new("/proc")) {
            return false;
        }
        let Ok(entries) = fs::read_dir(&self.proc) else {
            return false;
        };
        let pids: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| {
                let name = entry.file_name();
                let name = name.as_encoded_bytes();
                name != b"1" && name.iter().all(u8::is_ascii_digit)
            })
            .map(|entry| entry.path())
            .collect();
        // The first process inside is ours. Threads are counted only while processes are few.
        pids.len() as u64 > self.limit
            || pids.iter().map(|pid| threads(pid)).sum::<u64>() > self.limit
    }
}

/// Whether the kernel exempts our processes from `RLIMIT_NPROC`.
pub(crate) fn we_are_root() -> bool {
    // SAFETY: this call cannot fail.
    unsafe { libc::geteuid() == 0 }
}

fn threads(pid: &Path) -> u64 {
    let status = fs::read_to_string(pid.join("status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

/// Bytes written below the writable mounts since the start.
pub(crate) struct Disk {
    mounts: Vec<(PathBuf, u64)>,
    limit: u64,
    started: SystemTime,
    checked: Instant,
}

/// How many files of the largest size a program may leave in its mounts, together.
const FILES_PER_RUN: u64 = 16;

/// Asking a file system for its free space may block on a busy disk: not at every tick.
const PAUSE: Duration = Duration::from_millis(50);

/// A tree with more files than this is not walked to its end.
const ENTRIES_MAX: usize = 200_000;

/// Clocks of file systems lag behind the system's by up to a timer tick.
const CLOCK_LAG: Duration = Duration::from_secs(1);

impl Disk {
    pub(crate) fn new(mounts: Vec<PathBuf>, file_bytes: u64) -> Self {
        let mounts = mounts
            .into_iter()
            .map(|mount| {
                let free = free_bytes(&mount);
                (mount, free)
            })
            .collect();
        Self {
            mounts,
            limit: file_bytes.saturating_mul(FILES_PER_RUN),
            started: SystemTime::now() - CLOCK_LAG,
            checked: Instant::now(),
        }
    }

    /// Whether the program wrote more than its limit. The file system's free space is asked first:
    /// only when that fell by the limit, by whomever, the mounts are walked to see by whom.
    pub(crate) fn exceeded(&mut self) -> bool {
        if self.mounts.is_empty() || self.checked.elapsed() < PAUSE {
            return false;
        }
        self.checked = Instant::now();
        let suspicious = self
            .mounts
            .iter()
            .any(|(mount, free)| free.saturating_sub(free_bytes(mount)) > self.limit);
        suspicious && self.written() > self.limit
    }

    fn written(&self) -> u64 {
        let since = self.started.duration_since(SystemTime::UNIX_EPOCH);
        let since = since.map_or(0, |since| since.as_secs() as i64);
        let mut pending: Vec<PathBuf> =
            self.mounts.iter().map(|(mount, _)| mount.clone()).collect();
        let (mut bytes, mut entries) = (0u64, 0usize);
        while let Some(directory) = pending.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                entries += 1;
                let Ok(metadata) = entry.metadata() else {
                    continue;
                };
                if metadata.is_dir() {
                    pending.push(entry.path());
                } else if metadata.ctime() >= since {
                    /// The unit of `st_blocks`, whatever the file system's own.
                    const BLOCK: u64 = 512;
                    bytes = bytes.saturating_add(metadata.blocks() * BLOCK);
                }
                if bytes > self.limit || entries > ENTRIES_MAX {
                    return bytes;
                }
            }
        }
        bytes
    }
}

/// What unprivileged users may still write; nothing where that cannot be told.
fn free_bytes(path: &Path) -> u64 {
    let Ok(path) = crate::plan::c_string(path) else {
        return 0;
    };
    // SAFETY: a live C string and a valid place to write to.
    unsafe {
        let mut stat: libc::statvfs = std::mem::zeroed();
        match libc::statvfs(path.as_ptr(), &mut stat) {
            0 => stat.f_bfree.saturating_mul(stat.f_frsize),
            _ => 0,
        }
    }
}
