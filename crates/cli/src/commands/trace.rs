//! `dark trace`

use std::path::PathBuf;

use factory::{Factory, Trace};

use super::{named, print_json};
use crate::Globals;
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// FILE:LINE, a commit, or a run
    what: String,
    /// A clone of the product [default: this directory, or the factory's own mirror]
    #[arg(long, value_name = "DIR")]
    product: Option<PathBuf>,
    /// Print the prompt and the answer, too
    #[arg(long)]
    full: bool,
}

impl Args {
    /// As a person would have given them.
    pub(crate) fn of(what: String, product: Option<PathBuf>) -> Self {
        Self { what, product, full: false }
    }
}

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    args.product.as_deref().map(|dir| named("clone", dir)).transpose()?;
    let factory = Factory::open_read_only(&globals.start)?;
    let trace = factory::trace(&factory, &args.what, args.product.as_deref())
        .map_err(|error| Failure::usage(base::chain(&error)))?;
    if globals.json {
        print_json(&trace);
    } else {
        show(&trace, args.full);
    }
    Ok(Answer::Fine)
}

fn show(trace: &Trace, full: bool) {
    let row = |name: &str, text: &str| println!("{name:<12} {text}");
    if let Some(line) = &trace.line {
        row("line", &format!("{}:{}  {}", line.file, line.number, line.text));
    }
    if let Some(commit) = &trace.commit {
        row("commit", commit);
    }
    row("run", trace.run.as_str());
    if let Some(action) = &trace.action {
        row("attempt", &action.to_string());
    }
    if let Some(call) = &trace.call {
        let answer =
            call.answer.map_or_else(String::new, |n| format!(", answer {n} of {}", call.answers));
        row("model call", &format!("{} ({}){answer}", call.model, call.family));
        row("prompt", &format!("{}  (dark show {} --body …)", call.request, trace.run));
        row("answer", &call.reply.to_string());
        if full {
            println!("--- prompt\n{}\n--- answer\n{}\n---", call.prompt, call.text);
        }
    }
    for requirement in &trace.requirements {
        row("requirement", &format!("{}: {}", requirement.id, requirement.text));
    }
    row("intent", &format!("{}@{}", trace.intent, trace.intent_digest));
    row("signed by", &trace.signer);
}
