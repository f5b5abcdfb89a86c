//! Writes what this version makes of some runs, for later versions to replay. Run by hand before the
//! shape of events or states changes: `FIXTURES=DIR cargo test -p engine --test record -- --ignored`.

use std::fs;
use std::path::PathBuf;

use engine::Event;
use rand::SeedableRng;
use serde_json::{Value, json};
use simulator::{Chaos, Defect, LIMITS, pipeline, simulate};

#[test]
#[ignore = "writes files; see the top of this one"]
fn record() {
    let dir = PathBuf::from(std::env::var("FIXTURES").expect("FIXTURES names a folder"));
    for seed in 1..=12 {
        let mut draw = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let graph = std::sync::Arc::new(pipeline(&mut draw));
        let run = simulate(&graph, seed, LIMITS, Chaos::NONE, Defect::None).unwrap();
        let event = |event: &Event| json!([event.name(), event.version(), event.to_body()]);
        let events: Vec<Value> = run.log.iter().map(event).collect();
        let fixture = json!({ "graph": *graph, "events": events, "state": run.state });
        let text = base::canonical(&fixture).unwrap();
        fs::write(dir.join(format!("run-{seed}.json")), text).unwrap();
    }
}
