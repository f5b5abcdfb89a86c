//! Builds the three programs that run inside a sandbox, for the library to carry.
//!
//! They have to be programs of their own: the self-test's must depend neither on the machine's
//! languages nor on which binary this library is part of, and the first process must be small however
//! large the process is that starts it, and the door of a service must not be the factory's own program.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    build("probe");
    build("first");
    build("door");
}

fn build(name: &str) {
    println!("cargo::rerun-if-changed={name}");
    let of_cargo = |name: &str| env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let mut rustc = Command::new(of_cargo("RUSTC"));
    rustc
        .args(["--edition", "2024", "--crate-type", "bin", "--crate-name", name])
        .args(["-C", "opt-level=s", "-C", "panic=abort", "-C", "strip=symbols"])
        .args(["--target", &of_cargo("TARGET")])
        .arg("-o")
        .arg(PathBuf::from(of_cargo("OUT_DIR")).join(name))
        .arg(format!("{name}/main.rs"));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.args(["-C", &format!("linker={linker}")]);
    }
    let status = rustc.status().expect("rustc starts");
    assert!(status.success(), "the program `{name}` does not compile");
}
