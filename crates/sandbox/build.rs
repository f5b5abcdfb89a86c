//! Builds the program that the self-test runs inside a sandbox, for the library to carry.
//!
//! It has to be a program of its own: what runs inside must not depend on the machine's languages,
//! nor on which binary this library is part of.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=probe/main.rs");
    let of_cargo = |name: &str| env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let target = of_cargo("TARGET");
    let probe = PathBuf::from(of_cargo("OUT_DIR")).join("probe");
    let mut rustc = Command::new(of_cargo("RUSTC"));
    rustc
        .args(["--edition", "2024", "--crate-type", "bin", "--crate-name", "probe"])
        .args(["-C", "opt-level=s", "-C", "panic=abort", "-C", "strip=symbols"])
        .args(["--target", &target])
        .arg("-o")
        .arg(&probe)
        .arg("probe/main.rs");
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.args(["-C", &format!("linker={linker}")]);
    }
    let status = rustc.status().expect("rustc starts");
    assert!(status.success(), "the self-test's program does not compile");
}
