//! Writes what this version makes of some runs, for later versions to replay. Run it before the
//! shape of events or states changes: `cargo run -p engine --example record -- DIR`.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use engine::Event;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use simulator::{Chaos, Defect, LIMITS, pipeline, simulate};

/// Few runs, with every kind of event among them.
const RUNS: u64 = 24;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("name a folder to write to")?);
    fs::create_dir_all(&dir)?;
    for seed in 1..=RUNS {
        let graph = Arc::new(pipeline(&mut ChaCha8Rng::seed_from_u64(seed)));
        let run = simulate(&graph, seed, LIMITS, Chaos::NONE, Defect::None);
        let run = run.map_err(|found| found.0)?;
        let event = |event: &Event| json!([event.name(), event.version(), event.to_body()]);
        let events: Vec<Value> = run.log.iter().map(event).collect();
        let fixture = json!({ "graph": *graph, "events": events, "state": run.state });
        fs::write(dir.join(format!("run-{seed}.json")), base::canonical(&fixture)?)?;
    }
    Ok(())
}
