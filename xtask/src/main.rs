//! `cargo xtask tidy`: the rules of the house that a compiler does not check. `cargo test` runs it.

mod tidy;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => {
            let found = tidy::check(root());
            for finding in &found {
                eprintln!("{finding}");
            }
            eprintln!("tidy: {} finding{}", found.len(), if found.len() == 1 { "" } else { "s" });
            if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        _ => {
            eprintln!("usage: cargo xtask tidy");
            ExitCode::from(2)
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}
