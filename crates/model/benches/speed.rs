//! Tokens per second of the local model, prompt and output, for one candidate and for eight at once.
//!
//! `DARK_MODELS=DIRECTORY cargo bench -p model` with the directory that `dark model pull` filled; heavy: a
//! minute of both cores and 3 GB of memory. Without the model it says so and does nothing. `TOKENS` is how
//! long the answers are (64) and `ROUNDS` how often everything is measured (3); the medians are printed.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use model::{Local, Message, Model as _, Progress, Request, Role, Status};

/// About five hundred tokens, as an intent with its interface and examples has.
const PROMPT: &str = include_str!("prompt.txt");

fn main() {
    let Some(directory) = std::env::var_os("DARK_MODELS").map(PathBuf::from) else {
        println!("skipped: set DARK_MODELS to the directory that `dark model pull` filled");
        return;
    };
    let Status::Installed { path, .. } = model::status(&directory) else {
        println!("skipped: the local model is not in {}", directory.display());
        return;
    };
    let local = Local::new(path);
    let number = |name: &str, default: u32| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let (tokens, rounds) = (number("TOKENS", 64), number("ROUNDS", 3));
    // The first call loads the file and lays out the weights for this processor, for each kind of batch.
    let started = Instant::now();
    measure(&local, 1, 2);
    measure(&local, 2, 2);
    println!("loaded and warm after {:.1} s", started.elapsed().as_secs_f64());
    println!("candidates  prompt tokens/s  output tokens/s");
    for candidates in [1, 8] {
        let (mut prompt, mut output): (Vec<f64>, Vec<f64>) =
            (0..rounds).map(|_| measure(&local, candidates, tokens)).unzip();
        println!("{candidates:>10}  {:>15.1}  {:>15.1}", median(&mut prompt), median(&mut output));
    }
}

/// Tokens per second of the prompt and of the output.
fn measure(local: &Local, candidates: u32, tokens_max: u32) -> (f64, f64) {
    let request = Request {
        messages: vec![Message { role: Role::User, text: PROMPT.to_owned() }],
        candidates,
        temperature: 0.8,
        top_p: 0.95,
        tokens_max,
        seed: 1,
        stop: vec![],
    };
    let started = Instant::now();
    // When the first and the last report of output came, and what they said.
    let mut reports: Vec<(Duration, Progress)> = Vec::new();
    let reply = local.complete(&request, &mut |progress| {
        if progress.tokens_out > 0 {
            reports.push((started.elapsed(), progress));
        }
        ControlFlow::Continue(())
    });
    let reply = reply.expect("the model answers");
    let total = started.elapsed();
    let (first_at, first) = reports[0];
    let written = reply.spend.tokens_out.0 - first.tokens_out;
    let prompt = reply.spend.tokens_in.0 as f64 / first_at.as_secs_f64();
    (prompt, written as f64 / (total - first_at).as_secs_f64())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
