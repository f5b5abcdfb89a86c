//! Tokens per second of the local model, prompt and output, for one candidate and for eight.
//!
//! `cargo run --release -p model --example speed -- FILE.gguf [TOKENS]`

use std::ops::ControlFlow;
use std::time::Instant;

use model::{Local, Message, Model as _, Request, Role};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("the model's file");
    let tokens_max: u32 = arguments.next().map_or(64, |text| text.parse().expect("a number"));
    let prompt = std::fs::read_to_string(arguments.next().expect("prompt")).unwrap();
    let local = Local::new(path);
    for candidates in [1, 8] {
        let request = Request {
            messages: vec![Message { role: Role::User, text: prompt.clone() }],
            candidates,
            temperature: std::env::var("T").map_or(0.0, |t| t.parse().unwrap()),
            top_p: 0.9,
            tokens_max,
            seed: 1,
            stop: vec![],
        };
        let start = Instant::now();
        let mut first = None;
        let mut seen = None;
        let reply = local
            .complete(&request, &mut |progress| {
                if progress.tokens_in > 0 && seen.is_none() {
                    seen = Some((start.elapsed(), progress));
                }
                if progress.tokens_out > 0 && first.is_none() {
                    first = Some((start.elapsed(), progress));
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        let (at, before) = first.unwrap();
        let (at1, before1) = seen.unwrap();
        let wall = start.elapsed() - at;
        println!(
            "n={candidates} {} first at {at:?} in/s {:.1} out/s {:.1}",
            reply.spend.tokens_in.0,
            (before.tokens_in - before1.tokens_in) as f64 / (at - at1).as_secs_f64(),
            (reply.spend.tokens_out.0 - before.tokens_out) as f64 / wall.as_secs_f64()
        );
        if std::env::var("TEXT").is_ok() {
            for c in &reply.completions {
                println!("{}\n--- {}", c.text, c.stop);
            }
        }
    }
}
