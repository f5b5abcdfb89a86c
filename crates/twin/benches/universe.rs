//! What a universe costs: forks whatever it holds, requests by service, and a thousand universes at once.
//!
//! `cargo bench -p twin [-- memory|forks|requests [PATH]]`. Prints medians and, for memory, what the process
//! grew by.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use twin::{Pack, Universe};

const ROUNDS: usize = 21;
const UNIVERSES: usize = 1_000;
const RECORDS: usize = 10_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let part = words.first().map_or("", String::as_str);
    let wanted = |name: &str| part.is_empty() || part == name;
    // First, while nothing was given back that a growth could hide in.
    if wanted("memory") {
        memory();
    }
    if wanted("forks") {
        forks();
    }
    if wanted("requests") {
        requests(words.get(1).map_or("", String::as_str));
    }
}

/// The median of some rounds, each the mean of `calls`.
fn median(calls: u32, mut act: impl FnMut()) -> Duration {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| act());
            start.elapsed() / calls
        })
        .collect();
    rounds.sort();
    rounds[ROUNDS / 2]
}

fn echo(records: usize) -> Universe {
    let mut universe = Universe::new(&[Pack::builtin("echo").unwrap()], 1).unwrap();
    universe.seed_service("echo", json!({})).unwrap();
    universe.enforce_rates(false);
    for _ in 0..records {
        ask(
            &mut universe,
            "echo",
            "POST",
            "/notes",
            r#"{"text":"a note of some words, as notes are"}"#,
        );
    }
    universe
}

fn ask(universe: &mut Universe, service: &str, method: &str, path: &str, body: &str) -> u16 {
    let credential = universe.pack(service).and_then(|pack| pack.manifest().credential.clone());
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", credential.unwrap_or_default())
        .header("host", "127.0.0.1:4100")
        .header("content-type", "application/json")
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    let reply = universe.step(service, request).unwrap();
    reply.response.map_or(0, |response| response.status().as_u16())
}

fn forks() {
    for records in [10, RECORDS, 10 * RECORDS] {
        let universe = echo(records);
        let fork = median(1_000, || drop(black_box(universe.clone())));
        println!("fork and drop, {records} records: {fork:?}");
    }
}

fn requests(only: &str) {
    let named = Pack::builtin_names().into_iter();
    asked("ours", only, &named.map(|name| Pack::builtin(name).unwrap()).collect::<Vec<_>>());
    let named = Pack::builtin_names().into_iter();
    asked("foreign", only, &named.map(|name| Arc::new(foreign(name))).collect::<Vec<_>>());
}

/// A pack of ours as one of somebody else's, whose scripts are watched.
fn foreign(name: &str) -> Pack {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("packs").join(name);
    let files = std::fs::read_dir(dir).unwrap().map(|file| {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    });
    Pack::read(&files.collect()).unwrap()
}

fn asked(whose: &str, only: &str, packs: &[Arc<Pack>]) {
    let mut universe = Universe::new(packs, 1).unwrap();
    for pack in packs {
        universe.seed_service(pack.service(), Value::Object(Default::default())).unwrap();
    }
    universe.enforce_rates(false);
    ask(&mut universe, "github", "POST", "/user/repos", r#"{"name":"tool"}"#);
    for (service, path) in [
        ("echo", "/health"),
        ("echo", "/notes"),
        ("slack", "/api/auth.test"),
        ("slack", "/api/conversations.list"),
        ("okta", "/api/v1/users"),
        ("github", "/repos/admin/tool"),
    ] {
        if !path.contains(only) {
            continue;
        }
        let status = ask(&mut universe, service, "GET", path, "");
        let cost = median(1_000, || {
            black_box(ask(&mut universe, service, "GET", path, ""));
        });
        println!("{whose}: {service} GET {path} ({status}), engine alone: {cost:?}");
    }
}

fn memory() {
    let first = echo(RECORDS);
    let before = resident_kib();
    let universes: Vec<Universe> = (0..UNIVERSES)
        .map(|_| {
            let mut universe = first.clone();
            for _ in 0..10 {
                ask(&mut universe, "echo", "POST", "/notes", r#"{"text":"one more"}"#);
            }
            universe
        })
        .collect();
    let grown = resident_kib().saturating_sub(before);
    println!(
        "{} universes of {RECORDS} records, each with 10 more of its own: {} MiB more",
        universes.len(),
        grown / 1024
    );
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}
