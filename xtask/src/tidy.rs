//! What tidy checks, each rule with its reason. ARCHITECTURE.md states the same rules in prose.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, in the order in which arrows may point: a room may use those before it.
const LAYERS: &[&str] = &[
    "base",
    "intent",
    "pipeline",
    "engine",
    "draw",
    "policy",
    "ledger",
    "model",
    "sandbox",
    "runner",
    "agent",
    "twin",
    "twin-server",
    "fidelity",
    "scenario",
    "proof",
    "ship",
    "factory",
    "server",
    "cli",
    "conformance",
];

/// Rooms that decide and never act: time, chance and the world reach them as arguments.
const PURE: &[&str] = &["base", "intent", "pipeline", "engine", "draw", "policy"];

/// What a pure room has no use for.
const WORLD: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::io",
    "SystemTime",
    "Instant::now",
    "async fn",
    "thread_rng",
    "getrandom",
    "println!",
    "eprintln!",
];

/// Libraries that reach for the world.
const WORLDLY: &[&str] =
    &["tokio", "reqwest", "rusqlite", "rand", "tempfile", "libc", "genai", "clap", "indicatif"];

/// Past this a file has a seam that nobody looked for.
const LINES_MAX: usize = 1000;

/// Everything that is untidy in the workspace at `root`.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in sources(&root.join("crates")).into_iter().chain(sources(&root.join("xtask"))) {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        every_file(&shown, &text, &mut found);
        let room = shown.split('/').nth(1).unwrap_or_default();
        if PURE.contains(&room) && shown.contains("/src/") && !shown.contains("/tests") {
            pure_source(&shown, &text, &mut found);
        }
    }
    for room in rooms(root) {
        manifest(root, &room, &mut found);
    }
    found
}

fn every_file(shown: &str, text: &str, found: &mut Vec<String>) {
    if shown.contains("/src/") && !text.starts_with("//!") {
        found.push(format!("{shown}: opens without saying its purpose (`//!`)"));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        found.push(format!("{shown}: {lines} lines; past {LINES_MAX}, look for the seam"));
    }
    // Spelled in two halves, so that this file does not find itself.
    for unfinished in [["to", "do!("], ["unimple", "mented!("], ["#[ig", "nore"], ["dbg", "!("]] {
        let unfinished = unfinished.concat();
        if let Some(line) = text.lines().position(|line| line.contains(&unfinished)) {
            found.push(format!("{shown}:{}: `{unfinished}` is left in", line + 1));
        }
    }
}

fn pure_source(shown: &str, text: &str, found: &mut Vec<String>) {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    for (number, line) in code.lines().enumerate() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for word in WORLD.iter().filter(|word| line.contains(**word)) {
            found.push(format!("{shown}:{}: a pure room knows no `{word}`", number + 1));
        }
    }
}

fn manifest(root: &Path, room: &str, found: &mut Vec<String>) {
    let path = root.join("crates").join(room).join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let Ok(manifest) = text.parse::<toml::Table>() else {
        found.push(format!("crates/{room}/Cargo.toml: is no TOML"));
        return;
    };
    let names = manifest.get("dependencies").and_then(toml::Value::as_table);
    for name in names.into_iter().flat_map(toml::Table::keys) {
        if PURE.contains(&room) && WORLDLY.contains(&name.as_str()) {
            found.push(format!("crates/{room}/Cargo.toml: a pure room uses no `{name}`"));
        }
        let place = |wanted: &str| LAYERS.iter().position(|layer| *layer == wanted);
        match (place(room), place(name)) {
            (Some(here), Some(there)) if there >= here => {
                found.push(format!("crates/{room}/Cargo.toml: `{name}` is not below `{room}`"));
            }
            (Some(_), None) if rooms(root).contains(name) => {
                found.push(format!("crates/{room}/Cargo.toml: `{name}` is for development only"));
            }
            _ => {}
        }
    }
}

fn rooms(root: &Path) -> Vec<String> {
    let mut rooms: Vec<String> = fs::read_dir(root.join("crates"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|item| item.file_name().to_string_lossy().into_owned())
        .collect();
    rooms.sort();
    rooms
}

pub(crate) fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for item in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = item.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_tidy() {
        let found = check(crate::root());
        assert!(found.is_empty(), "\n{}", found.join("\n"));
    }

    #[test]
    fn each_rule_finds_what_it_is_for() {
        let dir = std::env::temp_dir().join(format!("tidy-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("crates/engine/Cargo.toml", "[dependencies]\nledger = \"1\"\ntokio = \"1\"\n");
        write("crates/engine/src/lib.rs", "use std::fs;\n");
        write("crates/ledger/Cargo.toml", "[dependencies]\nsimulator = \"1\"\n");
        write("crates/ledger/src/lib.rs", "//! Fine.\n");
        write("crates/simulator/Cargo.toml", "");
        let found = check(&dir);
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(
            found,
            [
                "crates/engine/src/lib.rs: opens without saying its purpose (`//!`)",
                "crates/engine/src/lib.rs:1: a pure room knows no `std::fs`",
                "crates/engine/Cargo.toml: `ledger` is not below `engine`",
                "crates/engine/Cargo.toml: a pure room uses no `tokio`",
                "crates/ledger/Cargo.toml: `simulator` is for development only",
            ]
        );
    }
}
