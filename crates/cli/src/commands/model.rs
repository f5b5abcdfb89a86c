//! `dark model list|pull|try`

use std::ops::ControlFlow;
use std::time::Instant;

use ::model::{Message, PRICES_DATED, Progress, Request, Role, State};
use factory::Factory;
use indicatif::{ProgressBar, ProgressStyle};

use super::{local_model, model_options, models_dir, open_model, print_json};
use crate::Globals;
use crate::failure::{Answer, Failure};
use crate::stop;
use crate::terminal::{self, PLAIN_EVERY};

#[derive(clap::Subcommand)]
pub(crate) enum Sub {
    /// List the models that are known, with prices and what is installed
    List,
    /// Fetch the local model; goes on where an earlier pull stopped
    Pull,
    /// Ask a model something and see how fast it answers
    Try {
        /// What to ask
        #[arg(default_value = "Write a Python program that prints the first ten prime numbers.")]
        prompt: String,
        /// The model
        #[arg(long, default_value = "local")]
        model: String,
        /// How many answers at once
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
        candidates: u32,
        /// The most tokens of an answer
        #[arg(long, default_value_t = 256)]
        tokens: u32,
    },
}

pub(crate) fn run(globals: &Globals, sub: Sub) -> Result<Answer, Failure> {
    match sub {
        Sub::List => list(globals),
        Sub::Pull => pull(globals),
        Sub::Try { prompt, model, candidates, tokens } => {
            attempt(globals, prompt, &model, candidates, tokens)
        }
    }
}

fn list(globals: &Globals) -> Result<Answer, Failure> {
    let config = Factory::open_read_only(&globals.start).ok().map(|factory| factory.config);
    for entry in ::model::list(&model_options(config.as_ref())?) {
        let (ready, state) = match &entry.state {
            State::Local(_) => local_model()?,
            State::Ready => (true, "ready".to_owned()),
            State::KeyMissing(name) => (false, format!("set {name}")),
        };
        if globals.json {
            print_json(&serde_json::json!({
                "name": entry.name, "family": entry.family, "price": entry.price,
                "context_tokens": entry.context_tokens, "ready": ready, "state": state,
            }));
            continue;
        }
        let price = match entry.price {
            Some(price) if price.per_million_in.0 + price.per_million_out.0 == 0 => {
                "free".to_owned()
            }
            Some(price) => format!("{} in, {} out", price.per_million_in, price.per_million_out),
            None => "price unknown".to_owned(),
        };
        println!("{:<34} {:<8} {price:<26} {state}", entry.name, entry.family);
    }
    if !globals.json {
        println!("prices are for a million tokens, as of {PRICES_DATED}");
    }
    Ok(Answer::Fine)
}

/// Fetches the local model, showing how far it is.
pub(crate) fn pull(globals: &Globals) -> Result<Answer, Failure> {
    let dir = models_dir()?;
    let bar = ProgressBar::new(0);
    let style = "  {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left  {msg}";
    bar.set_style(ProgressStyle::with_template(style).expect("the template is fixed"));
    let cancel = stop::on_signal();
    let mirror = std::env::var("DARK_MODEL_URL").ok();
    let mut told = Instant::now();
    let pulled = ::model::pull(&dir, mirror.as_deref(), &mut |progress| {
        if let Some(reason) = progress.gave_up {
            bar.suspend(|| eprintln!("  {reason}; trying {}", progress.source));
        }
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes);
        bar.set_message(progress.source.to_owned());
        if bar.is_hidden() && told.elapsed() >= PLAIN_EVERY {
            told = Instant::now();
            eprintln!(
                "  {} of {} MB from {}",
                progress.bytes >> 20,
                progress.bytes_total >> 20,
                progress.source
            );
        }
        if cancel.is_pulled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    let path = pulled.map_err(|error| Failure::of(&error))?;
    if globals.json {
        print_json(&serde_json::json!({ "path": path }));
    } else {
        println!("the local model is at {}", path.display());
    }
    Ok(Answer::Fine)
}

fn attempt(
    globals: &Globals,
    prompt: String,
    model: &str,
    candidates: u32,
    tokens: u32,
) -> Result<Answer, Failure> {
    let config = Factory::open_read_only(&globals.start).ok().map(|factory| factory.config);
    let model = open_model(model, config.as_ref())?;
    let request = Request {
        messages: vec![Message { role: Role::User, text: prompt }],
        candidates,
        temperature: if candidates > 1 { 0.8 } else { 0.0 },
        top_p: 0.95,
        tokens_max: tokens,
        seed: 1,
        stop: Vec::new(),
    };
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let began = Instant::now();
    let mut first = None;
    let reply = model.complete(&request, &mut |progress: Progress| {
        if progress.tokens_out > 0 {
            first.get_or_insert_with(|| began.elapsed());
        }
        bar.set_message(format!(
            "{} tokens read, {} written",
            progress.tokens_in, progress.tokens_out
        ));
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let reply = reply.map_err(|error| Failure::of(&error))?;
    if globals.json {
        print_json(&reply);
        return Ok(Answer::Fine);
    }
    for completion in &reply.completions {
        println!("{}\n({})", completion.text, completion.stop);
    }
    let wall = began.elapsed();
    let reading = first.unwrap_or(wall);
    let rate =
        |tokens: u64, time: std::time::Duration| tokens as f64 / time.as_secs_f64().max(0.001);
    println!(
        "{}: {} tokens in at {:.0}/s (model loaded meanwhile), {} out at {:.1}/s, {} in all",
        model.name(),
        reply.spend.tokens_in.0,
        rate(reply.spend.tokens_in.0, reading),
        reply.spend.tokens_out.0,
        rate(reply.spend.tokens_out.0, wall.saturating_sub(reading)),
        terminal::seconds(wall),
    );
    Ok(Answer::Fine)
}
