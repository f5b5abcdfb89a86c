//! `dark init`

use std::path::PathBuf;

use factory::{EXAMPLES, Example, Init, InitError};

use super::{print_json, shown};
use crate::Globals;
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to make it
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Its name [default: the directory's]
    #[arg(long)]
    name: Option<String>,
    /// The owner's address, as git would say it [default: git's user.email]
    #[arg(long, value_name = "EMAIL")]
    owner: Option<String>,
    /// The owner's public SSH key [default: ~/.ssh/id_ed25519.pub, if it is there]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The example that it comes with
    #[arg(long, value_name = "NAME", default_value = EXAMPLES[0].name,
          value_parser = clap::builder::PossibleValuesParser::new(EXAMPLES.map(|one| one.name)))]
    example: String,
}

pub(crate) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    // Before anything is made: what is refused leaves nothing behind.
    let owner_key = args.key.map(public_half).transpose()?.or_else(usual_public_key);
    std::fs::create_dir_all(&args.dir)?;
    let root = args.dir.canonicalize()?;
    let options = Init {
        name: args.name.unwrap_or_else(|| name_of(&root)),
        owner: args.owner.or_else(git_email).unwrap_or_else(|| "you@example.com".to_owned()),
        owner_key,
        example: Example::find(&args.example).expect("clap lets only their names pass"),
    };
    let layout = factory::init(&root, &options).map_err(|error| match error {
        InitError::Exists(_) => Failure::usage(error.to_string()),
        other => Failure::of(&other),
    })?;
    if globals.json {
        print_json(&serde_json::json!({
            "factory": root, "owner": options.owner, "trusts": options.owner_key,
        }));
        return Ok(Answer::Fine);
    }
    let at = shown(layout.root());
    println!("made the factory `{}` in {at}", options.name);
    match &options.owner_key {
        Some(key) => println!("it trusts {} with the key {}", options.owner, key.display()),
        None => println!(
            "it trusts nobody yet: add `{} <public key>` to {}",
            options.owner,
            shown(&layout.people())
        ),
    }
    println!("next, in {at}:");
    let name = options.example.name;
    println!(
        "    dark check intents/{name}\n    dark sign intents/{name}\n    dark run intents/{name}"
    );
    Ok(Answer::Fine)
}

/// The public half of a key, whichever half was named.
fn public_half(named: PathBuf) -> Result<PathBuf, Failure> {
    let shown = named.display();
    let text = std::fs::read_to_string(&named)
        .map_err(|error| Failure::usage(format!("failed to read the key {shown}: {error}")))?;
    if !text.contains("PRIVATE KEY") {
        return Ok(named);
    }
    let public = PathBuf::from(format!("{shown}.pub"));
    match public.is_file() {
        true => Ok(public),
        false => Err(Failure::usage(format!(
            "{shown} is a private key, and there is no {shown}.pub beside it: \
             ssh-keygen -y -f {shown} > {shown}.pub"
        ))),
    }
}

/// A directory's name as a factory's: what its keys and commits are called by.
fn name_of(root: &std::path::Path) -> String {
    let name =
        root.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "factory".to_owned() } else { name.to_owned() }
}

fn git_email() -> Option<String> {
    let output = std::process::Command::new("git").args(["config", "user.email"]).output().ok()?;
    let email = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !email.is_empty()).then_some(email)
}

fn usual_public_key() -> Option<PathBuf> {
    let key = PathBuf::from(std::env::var_os("HOME")?).join(".ssh/id_ed25519.pub");
    key.is_file().then_some(key)
}
