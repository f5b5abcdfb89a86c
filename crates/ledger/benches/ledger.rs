//! Durable entries a second, beside a bare SQLite commit on the same disk in the same run; entries
//! verified a second; and how long a run of 100,000 entries takes to read.

use std::hint::black_box;
use std::time::{Duration, Instant};

use base::{RequirementId, RunId, Timestamp};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ledger::{Event, Ledger, LedgerKey, Record};
use serde_json::json;

/// Callers that append at once: a busy factory.
const THREADS: u64 = 32;

/// Entries in the ledger that is verified.
const VERIFIED: usize = 200_000;

/// Entries of the run that is read, in a ledger that has as many of other runs between them.
const READ: usize = 100_000;

fn key() -> LedgerKey {
    LedgerKey::generate("example.com/factory", [7; 32]).expect("the name is fit")
}

/// About 350 bytes as an entry, as a stage's end has.
fn record(n: usize) -> Record {
    Record {
        time: Timestamp(1_700_000_000_250 + n as u64),
        run: Some(RunId::new(&format!("slug-{}", n / 1000)).expect("a slug")),
        actor: "engine".to_owned(),
        requirements: vec![RequirementId::new("R1").expect("a requirement")],
        event: Event {
            name: "run.stage-finished".to_owned(),
            version: 1,
            body: json!({
                "action": format!("slug-1/implement/{n}/1"),
                "outcome": { "status": "success", "note": "all visible checks pass" },
                "spend": { "tokens_in": 1200, "tokens_out": 310, "cost": 0, "wall_ms": 24_120 },
            }),
        },
        bodies: Vec::new(),
    }
}

fn records(count: usize) -> Vec<Record> {
    (0..count).map(record).collect()
}

fn append(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = Ledger::open(dir.path(), key()).expect("a ledger");
    let mut group = c.benchmark_group("append");
    for size in [1, 32, 256] {
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::new("group", size), &size, |b, size| {
            b.iter_with_setup(|| records(*size), |batch| ledger.append(batch).expect("appended"));
        });
    }
    group.throughput(Throughput::Elements(1));
    // Each thread appends one record after another; the writer makes the groups.
    group.bench_function(BenchmarkId::new("threads", THREADS), |b| {
        b.iter_custom(|iterations| {
            let begin = Instant::now();
            std::thread::scope(|scope| {
                for thread in 0..THREADS {
                    let share = iterations / THREADS + u64::from(thread < iterations % THREADS);
                    let ledger = &ledger;
                    scope.spawn(move || {
                        for n in 0..share {
                            ledger.append(vec![record(n as usize)]).expect("appended");
                        }
                    });
                }
            });
            begin.elapsed()
        });
    });
    group.finish();
}

/// What the disk itself allows: one row, one commit.
fn sqlite(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let connection = rusqlite::Connection::open(dir.path().join("bare.db")).expect("a database");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE entries (sequence INTEGER PRIMARY KEY, leaf TEXT)",
        )
        .expect("a table");
    let leaf = "x".repeat(350);
    c.bench_function("sqlite/commit", |b| {
        b.iter(|| {
            connection
                .prepare_cached("INSERT INTO entries (leaf) VALUES (?1)")
                .and_then(|mut insert| insert.execute([&leaf]))
                .expect("inserted")
        });
    });
}

fn verify(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = Ledger::open(dir.path(), key()).expect("a ledger");
    for _ in 0..VERIFIED / 10_000 {
        ledger.append(records(10_000)).expect("appended");
        ledger.checkpoint().expect("signed");
    }
    let trust = [key().verifier()];
    let mut group = c.benchmark_group("verify");
    group.throughput(Throughput::Elements(VERIFIED as u64));
    group.sample_size(10).measurement_time(Duration::from_secs(15));
    group.bench_function("200k", |b| {
        b.iter(|| {
            ledger
                .verify(&trust, |progress| {
                    black_box(progress);
                })
                .expect("verified")
        });
    });
    group.finish();
    let mut group = c.benchmark_group("proof");
    group.bench_function("inclusion", |b| {
        b.iter(|| ledger.inclusion(black_box(123_456), VERIFIED as u64).expect("a proof"));
    });
    group.finish();
}

/// What the engine writes for the `n`th of a run's events: stages begin, end, and an edge is taken.
fn engine_record(run: &RunId, n: usize) -> Record {
    let (stage, at) = (format!("stage_{}", n / 3), 1_700_000_000_250 + n as u64);
    let (name, body) = match n % 3 {
        0 => (
            "stage.started",
            json!({ "stage": stage, "visit": 1, "attempt": 1, "deadline": at + 900_000, "at": at }),
        ),
        1 => (
            "stage.finished",
            json!({
                "stage": stage, "visit": 1, "attempt": 1, "at": at,
                "outcome": {
                    "status": "success", "notes": "", "context": { "tool.output": "ok" },
                    "spend": { "tokens_in": 0, "tokens_out": 0, "cost": 0, "wall_ms": 3 },
                },
            }),
        ),
        _ => (
            "edge.taken",
            json!({ "from": stage, "to": format!("stage_{}", n / 3 + 1), "why": "weight", "at": at }),
        ),
    };
    let event = Event { name: name.to_owned(), version: 1, body };
    Record { run: Some(run.clone()), event, ..record(n) }
}

fn read(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let run = RunId::new("long-1").expect("a slug");
    let ledger = Ledger::open(dir.path(), key()).expect("a ledger");
    for first in (0..READ).step_by(1000) {
        let own = (first..first + 1000).map(|n| engine_record(&run, n));
        ledger.append(own.chain((first..first + 1000).map(record)).collect()).expect("appended");
    }
    drop(ledger);
    let mut group = c.benchmark_group("read");
    group.sample_size(20);
    group.bench_function("open and run/100k", |b| {
        b.iter(|| {
            let ledger = Ledger::open(dir.path(), key()).expect("a ledger");
            assert_eq!(ledger.run(&run).expect("read").len(), READ);
        });
    });
    group.bench_function("open and run_entries/100k", |b| {
        b.iter(|| {
            let ledger = Ledger::open(dir.path(), key()).expect("a ledger");
            assert_eq!(ledger.run_entries(&run).filter(Result::is_ok).count(), READ);
        });
    });
    let ledger = Ledger::open(dir.path(), key()).expect("a ledger");
    group.bench_function("run_newest of 100k", |b| {
        b.iter(|| ledger.run_newest(black_box(&run), "stage.finished").expect("read"));
    });
    let last = ledger.run_newest(&run, "edge.taken").expect("read").expect("it is there").sequence;
    group.bench_function("run_since, 10 of 100k", |b| {
        b.iter(|| ledger.run_since(black_box(&run), last - 10).expect("read"));
    });
    group.finish();
}

criterion_group!(benches, append, sqlite, verify, read);
criterion_main!(benches);
