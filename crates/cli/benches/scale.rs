//! What pipelines cost as they grow, through the program and through its rooms; medians.
//!
//! `cargo bench -p cli --bench scale` measures all of it in some minutes, most of them 15,000
//! sandboxes'; with `-- lint`, `-- stages`, `-- waiting` or `-- resume` behind it, one part.
//! `-- stages=1000` stops at that length. Set `TMPDIR` to choose the disk.

#[path = "scale/lint.rs"]
mod lint;
#[path = "scale/resume.rs"]
mod resume;
#[path = "scale/stages.rs"]
mod stages;
#[path = "scale/waiting.rs"]
mod waiting;

use std::process::Command;
use std::time::{Duration, Instant};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let asked = |part: &str| args.is_empty() || args.iter().any(|arg| arg.starts_with(part));
    let stages_max = args.iter().find_map(|arg| arg.strip_prefix("stages=")?.parse().ok());
    println!("load at the start: {}", load());
    if asked("lint") {
        lint::measure();
    }
    if asked("stages") {
        stages::measure(stages_max.unwrap_or(usize::MAX));
    }
    if asked("resume") {
        resume::measure();
    }
    if asked("waiting") {
        waiting::measure();
    }
    println!("load at the end: {}", load());
}

/// The program itself.
fn dark(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dark"));
    command.args(args).stdin(std::process::Stdio::null());
    command
}

/// The middle of `runs` measurements, in milliseconds.
fn median(runs: usize, mut one: impl FnMut()) -> f64 {
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..runs {
        let began = Instant::now();
        one();
        times.push(began.elapsed());
    }
    times.sort();
    ms(times[runs / 2])
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Bytes that a process holds now (`VmRSS`) or held at most (`VmHWM`), in MB.
fn memory_mb(pid: u32, what: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// CPU that a process has had, without that of its children: `utime` and `stime` of proc(5), fields
/// 14 and 15, counted in hundredths of a second.
fn cpu_of(pid: u32) -> Option<Duration> {
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in brackets and may have spaces.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks: u32 = fields.get(11)?.parse::<u32>().ok()? + fields.get(12)?.parse::<u32>().ok()?;
    Some(TICK * ticks)
}

/// What else this machine does.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
