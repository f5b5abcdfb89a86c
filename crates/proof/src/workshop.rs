//! Runs build and check commands on a copy of the product, in the sandbox.

use std::path::Path;
use std::time::Duration;

use sandbox::{Access, Cancel, Command, Exit, Limits, Mount, Sandbox};
use scenario::Circumstances;
use tempfile::TempDir;

use crate::export::{self, ExportError};
use crate::prove::ProofError;

/// Where build and check commands see the product, as a program under test does.
const PRODUCT: &str = "/product";

/// What is kept of a failed command's output: the end, where the errors are.
const TAIL_CHARS_MAX: usize = 2000;

/// Of build and check commands: compilers need more than programs under test do.
fn limits() -> Limits {
    Limits {
        // Longer builds than this cannot be proved sixteen times over.
        wall: Duration::from_secs(600),
        cpu: Duration::from_secs(1200),
        memory_bytes: None,
        processes: 512,
        file_bytes: 1 << 30,
        output_bytes: 8 << 20,
    }
}

/// Runs shell commands in a product.
#[derive(Debug, Clone, Copy)]
pub struct Workshop<'a> {
    pub sandbox: &'a Sandbox,
    pub cancel: &'a Cancel,
}

/// What a shell command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRun {
    /// It exited with 0.
    pub passed: bool,
    /// How it ended and the end of what it printed; for people and builders.
    pub tail: String,
}

impl Workshop<'_> {
    /// Runs `command` by `sh -c` in `product`, which it may write to, in the circumstances of seed 0.
    ///
    /// # Errors
    /// When the sandbox failed or the cord was pulled; a command that fails is no error.
    pub fn run(&self, product: &Path, command: &str) -> Result<CommandRun, ProofError> {
        let mut env = Circumstances::of(0).env;
        env.insert("PRODUCT".to_owned(), PRODUCT.to_owned());
        let command = Command {
            argv: ["sh", "-c", command].map(str::to_owned).to_vec(),
            cwd: PRODUCT.into(),
            env,
            stdin: Vec::new(),
            mounts: vec![Mount {
                host: product.to_owned(),
                inside: PRODUCT.into(),
                access: Access::Writable,
            }],
            limits: limits(),
        };
        let finished = self.sandbox.run(&command, self.cancel).map_err(ProofError::Sandbox)?;
        let ended = match finished.exit {
            Exit::Code(0) => return Ok(CommandRun { passed: true, tail: String::new() }),
            Exit::Cancelled => return Err(ProofError::Cancelled),
            Exit::Code(code) => format!("exit code {code}"),
            Exit::Signal(signal) => format!("killed by signal {signal}"),
            Exit::TimedOut => "took too long".to_owned(),
            Exit::OutputFlood => "flooded its output".to_owned(),
        };
        let mut said = String::from_utf8_lossy(&finished.stdout).into_owned();
        said.push_str(&String::from_utf8_lossy(&finished.stderr));
        Ok(CommandRun { passed: false, tail: format!("{ended}\n{}", tail(&said)) })
    }

    /// A throw-away copy of `product`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn stage(&self, product: &Path) -> Result<TempDir, ExportError> {
        let stage = tempfile::Builder::new().prefix("dark-stage-").tempdir();
        let stage = stage.map_err(ExportError::io("make a directory in", &std::env::temp_dir()))?;
        export::copy(product, stage.path())?;
        Ok(stage)
    }
}

fn tail(text: &str) -> &str {
    let text = text.trim_end();
    let cut = text.char_indices().rev().nth(TAIL_CHARS_MAX - 1).map_or(0, |(at, _)| at);
    &text[cut..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_whole_characters_only() {
        let long = format!("start{}", "é".repeat(TAIL_CHARS_MAX));
        assert_eq!(tail(&long).chars().count(), TAIL_CHARS_MAX);
        assert!(tail(&long).starts_with('é'));
        assert_eq!(tail("short\n"), "short");
    }
}
