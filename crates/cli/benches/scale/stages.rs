//! Linear pipelines of tools that run `true`: what a stage costs beside its sandbox and its commit.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use base::{RunId, Timestamp};
use ledger::{Event, Ledger, LedgerKey, Record};
use sandbox::{Access, Cancel, Choice, Command, Exit, Limits, Mount, Sandbox};

use tempfile::TempDir;

use crate::{cpu_of, dark, load, memory_mb, ms};

/// Lengths, and how often each is measured.
const LENGTHS: [(usize, usize); 4] = [(10, 11), (100, 5), (1_000, 3), (10_000, 1)];

/// To tell our own share from the sandbox's and the disk's, which other work on the machine changes
/// from one second to the next, short runs take turns with bare sandboxes and commits.
const ROUNDS: usize = 31;
const STAGES_PER_ROUND: usize = 40;
const ALONE_PER_ROUND: usize = 20;

/// How often a process is looked at while it runs.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) fn measure(stages_max: usize) {
    let dir = tempfile::tempdir().expect("a folder");
    for (stages, runs) in LENGTHS.into_iter().filter(|(stages, _)| *stages <= stages_max) {
        let file = written(dir.path(), stages);
        let mut all: Vec<Run> = (0..runs)
            .map(|turn| run_once(&file, &dir.path().join(format!("{stages}-{turn}")), dir.path()))
            .collect();
        all.sort_by_key(|run| run.wall);
        let peak_mb = all.iter().fold(0.0, |peak: f64, run| peak.max(run.peak_mb));
        let run = &all[runs / 2];
        let tenth = run.stages.len().div_ceil(10);
        println!(
            "stages: {stages} in {:.2} s; a stage {:.2} ms (in the first tenth of them {:.2}, in the \
             last {:.2}), {:.2} ms of it our own CPU; peak {peak_mb:.0} MB; load {}",
            run.wall.as_secs_f64(),
            middle(&run.stages),
            middle(&run.stages[..tenth]),
            middle(&run.stages[run.stages.len() - tenth..]),
            ms(run.cpu) / stages as f64,
            load(),
        );
    }
    share(dir.path());
}

/// What a stage costs beyond its sandbox and its commits.
fn share(dir: &Path) {
    let file = written(dir, STAGES_PER_ROUND);
    let mut alone = Alone::open(dir);
    let (mut sandboxes, mut commits, mut beyond) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let before = alone.measure();
        let run = run_once(&file, &dir.join(format!("round-{round}")), dir);
        let after = alone.measure();
        let sandbox = f64::midpoint(before.0, after.0);
        let commit = f64::midpoint(before.1, after.1);
        beyond.push(middle(&run.stages) - sandbox - commit);
        sandboxes.push(sandbox);
        commits.push(commit);
    }
    let [sandbox, commit, beyond] = [sandboxes, commits, beyond].map(|mut all| {
        all.sort_by(f64::total_cmp);
        all[ROUNDS / 2]
    });
    println!(
        "stages: {ROUNDS} rounds of {STAGES_PER_ROUND}: a sandbox {sandbox:.2} ms, a commit \
         {commit:.2} ms, and beyond one of each a stage costs {beyond:.2} ms"
    );
}

fn written(dir: &Path, stages: usize) -> PathBuf {
    let file = dir.join(format!("{stages}.dot"));
    std::fs::write(&file, source(stages)).expect("it can be written");
    file
}

/// One whole process.
struct Run {
    wall: Duration,
    /// From the end of each stage to the end of the next, as the program tells of them.
    stages: Vec<Duration>,
    /// Of the program, without the processes that it started.
    cpu: Duration,
    peak_mb: f64,
}

/// In milliseconds.
fn middle(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort();
    ms(times[times.len() / 2])
}

/// Tools in a line.
pub(crate) fn source(stages: usize) -> String {
    let mut dot =
        String::from("digraph linear {\n start [shape=Mdiamond]\n exit [shape=Msquare]\n");
    for at in 0..stages {
        dot.push_str(&format!(" s{at} [shape=parallelogram, tool_command=\"true\"]\n"));
    }
    let chain: Vec<String> = (0..stages).map(|at| format!("s{at}")).collect();
    dot.push_str(&format!(" start -> {} -> exit\n}}\n", chain.join(" -> ")));
    dot
}

fn run_once(file: &Path, run: &Path, dir: &Path) -> Run {
    let work = dir.join("work");
    std::fs::create_dir_all(&work).expect("it can be made");
    let [file, run, work] = [file, run, &work].map(|path| path.to_str().expect("it is text"));
    let args = ["pipeline", "run", file, "--dir", run, "--workdir", work];
    let began = Instant::now();
    let mut child = dark(&args).stdout(Stdio::piped()).spawn().expect("it starts");
    let pid = child.id();
    let (ended, end) = std::sync::mpsc::channel();
    let watch = std::thread::spawn(move || {
        // The last look before the end: what is asked for only grows.
        let (mut peak_mb, mut cpu) = (0.0, Duration::ZERO);
        while end.recv_timeout(LOOK).is_err() {
            peak_mb = memory_mb(pid, "VmHWM").unwrap_or(peak_mb);
            cpu = cpu_of(pid).unwrap_or(cpu);
        }
        (peak_mb, cpu)
    });
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let told = lines.map_while(Result::ok).filter(|line| line.contains("tool completed"));
    let ends: Vec<Instant> = told.map(|_| Instant::now()).collect();
    assert!(child.wait().expect("it is ours").success());
    let wall = began.elapsed();
    let _ = ended.send(());
    let stages = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (peak_mb, cpu) = watch.join().expect("looking does not panic");
    Run { wall, stages, cpu, peak_mb }
}

/// The same sandbox and the same commit without a run around them, in turns as in a run.
struct Alone {
    sandbox: Sandbox,
    command: Command,
    ledger: Ledger,
    _host: TempDir,
}

impl Alone {
    fn open(dir: &Path) -> Self {
        let sandbox = Sandbox::open(Choice::Namespaces).expect("this machine has namespaces");
        let host = tempfile::tempdir_in(dir).expect("a folder");
        let mount = |inside: &str| Mount {
            host: host.path().to_owned(),
            inside: inside.into(),
            access: Access::Writable,
        };
        let command = Command {
            argv: ["sh", "-c", "true"].map(str::to_owned).to_vec(),
            cwd: "/work".into(),
            env: BTreeMap::new(),
            stdin: Vec::new(),
            mounts: vec![mount("/work"), mount("/stage")],
            limits: Limits::default(),
        };
        let key = LedgerKey::generate("scale", [7; 32]).expect("32 bytes make a key");
        let ledger = Ledger::open(&host.path().join("ledger"), key).expect("a ledger");
        Self { sandbox, command, ledger, _host: host }
    }

    /// Medians in milliseconds.
    fn measure(&mut self) -> (f64, f64) {
        let (mut sandboxes, mut commits) = (Vec::new(), Vec::new());
        for _ in 0..ALONE_PER_ROUND {
            let began = Instant::now();
            let finished = self.sandbox.run(&self.command, &Cancel::default()).expect("it runs");
            assert_eq!(finished.exit, Exit::Code(0));
            sandboxes.push(began.elapsed());
            let began = Instant::now();
            // As many entries as a stage makes.
            self.ledger.append(vec![record(), record(), record()]).expect("they are kept");
            commits.push(began.elapsed());
        }
        (middle(&sandboxes), middle(&commits))
    }
}

fn record() -> Record {
    Record {
        time: Timestamp(1),
        run: Some(RunId::new("scale-1").expect("it is a run's name")),
        actor: "engine".to_owned(),
        requirements: Vec::new(),
        event: Event { name: "stage.started".to_owned(), version: 1, body: "x".repeat(200).into() },
        bodies: Vec::new(),
    }
}
