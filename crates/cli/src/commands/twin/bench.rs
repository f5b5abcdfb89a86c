//! `dark twin bench`

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fidelity::bench::{Cost, MANNERS, QUESTIONS, Question, SEED, ask, resident_bytes};
use fidelity::{EMULATE, Rival};

use super::cache_dir;
use crate::Globals;
use crate::commands::print_json;
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Ask vercel-labs/emulate the same, in the same run
    #[arg(long)]
    beside_emulate: bool,
    /// Where emulate is installed [default: the user's cache directory]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

/// How long a server may take to start.
const START_MAX: Duration = Duration::from_secs(30);

/// How long a server is left alone before it counts as idle.
const SETTLE: Duration = Duration::from_secs(1);

/// How often the start of a server is looked for.
const LOOK: Duration = Duration::from_micros(200);

pub(super) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let cache = cache_dir(args.cache.as_deref())?;
    fs::create_dir_all(&cache)?;
    let seed = cache.join("bench.yaml");
    fs::write(&seed, SEED)?;
    let mut rows: Vec<Row> = Vec::new();
    for service in ["slack", "okta", "github"] {
        let questions = || QUESTIONS.iter().filter(|question| question.service == service);
        let ours = Ours::start(service, &seed)?;
        std::thread::sleep(SETTLE);
        let said = format!(
            "{service}: ours answers {:.1} ms after it is started, and takes {:.1} MB when idle",
            ours.started.as_secs_f64() * 1e3,
            resident_bytes(ours.child.id()) as f64 / 1e6
        );
        if !globals.json {
            println!("{said}");
        }
        let mut costs = Vec::new();
        for question in questions() {
            let token = |_, _| question.authorization.to_owned();
            costs.push(in_all_manners(ours.child.id(), ours.port, question, &token)?);
        }
        drop(ours);
        let mut theirs = Vec::new();
        if args.beside_emulate {
            let mut tell = |what: &str| eprintln!("{what}");
            let rival =
                Rival::start(&cache, service, SEED, &mut tell).map_err(|e| Failure::of(&e))?;
            let port =
                rival.url().rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0);
            if !globals.json {
                println!(
                    "{service}: emulate takes {:.1} MB when idle",
                    resident_bytes(rival.id()) as f64 / 1e6
                );
            }
            for question in questions() {
                // It refuses a token after 5,000 requests, and takes any.
                let token = |manner, round| {
                    format!("Bearer bench-{}-{manner}-{round}", question.name.len())
                };
                theirs.push(in_all_manners(rival.id(), port, question, &token)?);
            }
        }
        let theirs = theirs.into_iter().chain(std::iter::repeat(Vec::new()));
        rows.extend(
            questions().zip(costs).zip(theirs).map(|((q, ours), theirs)| (q, ours, theirs)),
        );
    }
    report(globals, &rows);
    Ok(Answer::Fine)
}

/// A question, and what it cost in each manner: us, and emulate where that was asked.
type Row = (&'static Question, Vec<Cost>, Vec<Cost>);

fn in_all_manners(
    pid: u32,
    port: u16,
    question: &Question,
    token: &dyn Fn(usize, usize) -> String,
) -> Result<Vec<Cost>, Failure> {
    let costs = MANNERS
        .into_iter()
        .enumerate()
        .map(|(number, manner)| ask(pid, port, question, manner, &|round| token(number, round)));
    costs.collect::<Result<_, _>>().map_err(|error| Failure::of(&error))
}

fn report(globals: &Globals, rows: &[Row]) {
    if !globals.json {
        let manners = MANNERS.map(|manner| manner.name()).join(" | ");
        println!("\n| CPU of the server a request: ours, emulate {EMULATE}, ratio | {manners} |");
        println!("|---|---|---|---|");
    }
    for (question, ours, theirs) in rows {
        let name = format!("{} {}", question.service, question.name);
        if globals.json {
            print_json(&serde_json::json!({ "question": name, "ours": ours, "emulate": theirs }));
            continue;
        }
        let cell = |(index, ours): (usize, &Cost)| match theirs.get(index) {
            Some(theirs) => {
                let ratio = theirs.cpu_us / ours.cpu_us;
                format!("{:.1} µs, {:.1} µs, {ratio:.1}", ours.cpu_us, theirs.cpu_us)
            }
            None => format!("{:.1} µs", ours.cpu_us),
        };
        let cells: Vec<String> = ours.iter().enumerate().map(cell).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}

/// Our server as a user starts it: a process of its own, ended when this is dropped.
struct Ours {
    child: Child,
    port: u16,
    /// From its start to its first answer.
    started: Duration,
}

impl Ours {
    fn start(service: &str, seed: &Path) -> Result<Self, Failure> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let begun = Instant::now();
        let child = Command::new(std::env::current_exe()?)
            .args(["twin", "serve", "--service", service, "--no-rate-limits", "--port"])
            .arg(port.to_string())
            .arg("--seed")
            .arg(seed)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let mut ours = Self { child, port, started: Duration::ZERO };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > START_MAX || ours.child.try_wait()?.is_some() {
                return Err(Failure::environment(format!("the {service} twin did not start")));
            }
            std::thread::sleep(LOOK);
        }
        ours.started = begun.elapsed();
        Ok(ours)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
