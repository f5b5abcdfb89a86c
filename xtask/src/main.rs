//! `cargo xtask tidy`: the rules of the house that a compiler does not check. `cargo test` runs it.
//! `cargo xtask conformance` writes docs/attractor-conformance.md.

mod conformance;
mod findings;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => {
            let mut found = tidy::check(root());
            found.extend(conformance::verify(root()));
            found.extend(findings::check(root()));
            tell("tidy", &found)
        }
        Some("conformance") => {
            let checked = conformance::check(root());
            if let Err(error) = std::fs::write(root().join(conformance::TABLE), checked.table) {
                eprintln!("failed to write {}: {error}", conformance::TABLE);
                return ExitCode::FAILURE;
            }
            tell("conformance", &checked.found)
        }
        _ => {
            eprintln!("usage: cargo xtask tidy | conformance");
            ExitCode::from(2)
        }
    }
}

fn tell(what: &str, found: &[String]) -> ExitCode {
    for finding in found {
        eprintln!("{finding}");
    }
    eprintln!("{what}: {} finding{}", found.len(), if found.len() == 1 { "" } else { "s" });
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}
