//! `dark doctor`

use std::process::Command;

use sandbox::{Choice, Sandbox};
use serde::Serialize;

use super::{local_model, print_json};
use crate::Globals;
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {}

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    what: String,
    fit: bool,
    /// Without it nothing can be built at all.
    needed: bool,
    detail: String,
}

pub(crate) fn run(globals: &Globals, _: Args) -> Result<Answer, Failure> {
    let mut findings =
        vec![program("git", &["--version"], "commits and ships"), ssh_keygen(), model()];
    for choice in [Choice::Namespaces, Choice::Bubblewrap] {
        sandbox(choice, &mut findings);
    }
    let boxed = findings.iter().any(|one| one.fit && one.what.ends_with("escape self-test"));
    for finding in &findings {
        if globals.json {
            print_json(finding);
        } else {
            let mark = if finding.fit { "fit  " } else { "UNFIT" };
            println!("{mark}  {:<34} {}", finding.what, finding.detail);
        }
    }
    let missing = findings.iter().any(|one| one.needed && !one.fit);
    if missing || !boxed {
        return Err(Failure::environment("this machine is not fit: see what is UNFIT above"));
    }
    if !globals.json {
        println!("this machine is fit");
    }
    Ok(Answer::Fine)
}

fn program(name: &str, args: &[&str], purpose: &str) -> Finding {
    let ran = Command::new(name).args(args).output();
    let (fit, detail) = match ran {
        Ok(output) if output.status.success() => (
            true,
            String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned(),
        ),
        Ok(output) => (false, String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => (false, format!("{error}: install {name}, which {purpose}")),
    };
    Finding { what: name.to_owned(), fit, needed: true, detail }
}

/// `ssh-keygen` has no version option; that it starts is enough.
fn ssh_keygen() -> Finding {
    let fit = Command::new("ssh-keygen").arg("-?").output().is_ok();
    let detail = if fit { "signs and verifies" } else { "install OpenSSH's client programs" };
    Finding { what: "ssh-keygen".to_owned(), fit, needed: true, detail: detail.to_owned() }
}

fn model() -> Finding {
    let what = "local model".to_owned();
    let (fit, detail) = local_model().unwrap_or_else(|error| (false, error.to_string()));
    Finding { what, fit, needed: false, detail }
}

/// Opens a backend and lets it try to break out of itself.
fn sandbox(choice: Choice, findings: &mut Vec<Finding>) {
    let name = format!("sandbox {choice:?}").to_lowercase();
    let opened = match Sandbox::open(choice) {
        Ok(opened) => opened,
        Err(error) => {
            let detail = base::chain(&error);
            findings.push(Finding { what: name, fit: false, needed: false, detail });
            return;
        }
    };
    let escapes = opened.self_test();
    let escaped: Vec<_> = escapes.iter().filter(|escape| !escape.held).collect();
    let detail = if escaped.is_empty() {
        format!("{} ways out were tried, none worked", escapes.len())
    } else {
        let listed = escaped.iter().map(|escape| format!("{}: {}", escape.name, escape.detail));
        listed.collect::<Vec<_>>().join("; ")
    };
    let what = format!("{name} escape self-test");
    findings.push(Finding { what, fit: escaped.is_empty(), needed: false, detail });
}
