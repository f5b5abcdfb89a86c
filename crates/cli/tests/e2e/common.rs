//! A factory in a temporary directory, an intent that a scripted model can build, and the binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// What the person wrote: small, so that a whole line takes a second.
pub(crate) const INTENT: &str = r#"+++
id = "double"
title = "Twice a number"
line = "tools"
owner = "ada@example.com"
level = LEVEL
budget = { usd = 1.0, tokens = 100000, wall = "10m" }
satisfaction = 0.3
+++

## Goal

Doubling by hand is error-prone.

## Requirements

- R1: `double N` prints twice the whole number N and exits 0.
  - `double 4` prints `8`
- R2: Anything but one whole number prints a message on stderr, nothing on stdout, and exits 2.
  - `double x` prints nothing, exits 2 and writes to stderr

## Constraints

- C1: POSIX shell only.

## Interface

- command: `double` = `sh $PRODUCT/double.sh`
- files: `double.sh`
"#;

/// What the builder never sees.
pub(crate) const FEATURE: &str = r#"Feature: twice a number

  @R1
  Scenario Outline: doubling <n>
    When I run "double <n>"
    Then stdout is "<twice>"
    And it exits with 0

    Examples:
      | n   | twice |
      | 0   | 0     |
      | 21  | 42    |
      | 6283 | 12566 |

  @R2
  Scenario Outline: refusing <word>
    When I run "double <word>"
    Then stdout is empty
    And stderr is not empty
    And it exits with 2

    Examples:
      | word |
      | abc  |
      | 1.5  |
      | 7x   |

  @R2
  Scenario: refusing two numbers
    When I run "double 3 4"
    Then stdout is empty
    And stderr is not empty
    And it exits with 2

  @R2
  Scenario: refusing nothing
    When I run "double"
    Then stdout is empty
    And stderr is not empty
    And it exits with 2
"#;

/// A right program.
pub(crate) const RIGHT: &str = r#"case "$1" in
    ''|*[!0-9]*) echo "not a whole number: $1" >&2; exit 2 ;;
esac
[ $# -eq 1 ] || { echo "one number" >&2; exit 2; }
echo $(($1 * 2))
"#;

/// A program that knows the examples and nothing else.
pub(crate) const CHEAT: &str = r#"case "$1" in
    4) echo 8 ;;
    *) echo "not a whole number" >&2; exit 2 ;;
esac
"#;

pub(crate) struct World {
    pub(crate) dir: TempDir,
}

impl World {
    /// A factory whose model answers with `program`, and a signed intent that asks for `level`.
    pub(crate) fn new(program: &str, level: u8) -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        let key = world.path("ada");
        ssh_key(&key);
        world.ok(&[
            "init",
            ".",
            "--name",
            "acme",
            "--owner",
            "ada@example.com",
            "--key",
            "ada.pub",
        ]);
        world.write("intents/double/intent.md", &INTENT.replace("LEVEL", &level.to_string()));
        world.write("intents/double/scenarios/double.feature", FEATURE);
        world.script(program);
        world.sign();
        world
    }

    /// A factory with one of the examples, signed.
    pub(crate) fn example(name: &str) -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        ssh_key(&world.path("ada"));
        let owner = ["--owner", "ada@example.com", "--key", "ada.pub"];
        world.ok(&[&["init", ".", "--name", "acme", "--example", name][..], &owner].concat());
        world.ok(&["sign", &format!("intents/{name}"), "--key", "ada"]);
        world
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Every answer of the model is this program.
    pub(crate) fn script(&self, program: &str) {
        let answer = format!("```sh\n{program}```\n");
        let script = format!("[[answer]]\nrepeat = true\ntexts = ['''\n{answer}''']\n");
        self.write("script.toml", &script);
    }

    pub(crate) fn sign(&self) {
        self.ok(&["sign", "intents/double", "--key", "ada"]);
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dark"));
        command.current_dir(self.dir.path()).args(args);
        command.env("HOME", self.dir.path()).env_remove("XDG_CACHE_HOME").env_remove("DARK_MODELS");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub(crate) fn ok(&self, args: &[&str]) -> String {
        self.exits(args, 0)
    }

    /// Runs, expects the exit code, and gives all that was printed.
    pub(crate) fn exits(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "dark {args:?}:\n{text}");
        text
    }

    /// Builds the intent with the scripted model.
    pub(crate) fn build(&self) -> Output {
        self.run(&["run", "intents/double", "--model", "scripted:script.toml", "--seed", "7"])
    }

    /// The last JSON object that a command prints.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let last = text.lines().rfind(|line| line.starts_with('{'));
        serde_json::from_str(
            last.unwrap_or_else(|| panic!("dark {args:?} printed no JSON: {text}")),
        )
        .unwrap()
    }

    pub(crate) fn git(&self, dir: &str, args: &[&str]) -> String {
        let output = Command::new("git").current_dir(self.path(dir)).args(args).output().unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits on the product's branch that this factory made.
    pub(crate) fn shipped(&self) -> usize {
        let log = self.git("products/tools.git", &["log", "--format=%B", "main"]);
        log.lines().filter(|line| line.starts_with("Dark-Run: ")).count()
    }
}

fn ssh_key(path: &Path) {
    let done = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(done.success());
}
