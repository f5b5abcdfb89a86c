//! `dark sign`

use std::path::PathBuf;

use base::Diagnostic;
use factory::{FactoryError, IntentError, Layout};

use super::{person_key, print_json, shown};
use crate::Globals;
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The intent: its directory or its intent.md
    intent: PathBuf,
    /// Your SSH key, private, or public if an agent holds it [default: ~/.ssh/id_ed25519, …]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Leave scenario files alone: write no canary above scenarios that have none
    #[arg(long)]
    no_canaries: bool,
}

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let key = person_key(args.key)?;
    let dir = factory::intent_directory(&args.intent);
    // Before anything is written: a signature says that a person stands for what can be built.
    let examined = factory::examine(&dir, &globals.start)?;
    if !examined.is_fit() {
        let errors = examined.diagnostics.into_iter().filter(Diagnostic::is_error);
        return Err(Failure::wanting(&errors.collect::<Vec<_>>())
            .and_then(&format!("nothing was signed: dark check {} says more", shown(&dir))));
    }
    let layout = find(&dir, globals)?;
    let canaries = if args.no_canaries { 0 } else { factory::issue_canaries(&dir)? };
    let loaded = factory::load_intent(&dir)?;
    let digest = factory::sign_intent(&dir, &loaded, &key)?;
    let trusted = match factory::verify_intent(&dir, &loaded, &layout.people()) {
        Ok(_) => true,
        Err(IntentError::Untrusted { .. }) => false,
        Err(other) => return Err(other.into()),
    };
    let owner = &loaded.intent.owner;
    if globals.json {
        print_json(&serde_json::json!({
            "intent": loaded.intent.id, "digest": digest, "owner": owner, "trusted": trusted,
            "canaries": canaries,
        }));
    } else {
        if canaries > 0 {
            let s = if canaries == 1 { "" } else { "s" };
            println!(
                "wrote {canaries} canary comment{s} above scenarios, which will know them again"
            );
        }
        println!("signed {} with {} files as {digest}", loaded.intent.id, loaded.files.len());
    }
    if trusted {
        return Ok(Answer::Fine);
    }
    Err(Failure::policy(format!(
        "the signature is made, but this factory does not trust {} to sign for {owner}: a line \
         `{owner} <public key>` in {} would",
        key.display(),
        shown(&layout.people()),
    )))
}

fn find(dir: &std::path::Path, globals: &Globals) -> Result<Layout, Failure> {
    let dir = dir.canonicalize()?;
    Layout::find(&dir)
        .or_else(|| Layout::find(&globals.start))
        .ok_or_else(|| FactoryError::NoFactory(dir).into())
}
