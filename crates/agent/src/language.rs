//! The languages that prompts know a worked example for. Any other language is built without one.
//!
//! The example is the same for every intent: it shows the style that makes small programs right
//! (arguments checked first, one way to fail, nothing printed but the answer), never a solution.

use intent::Interface;

/// A language, by what starts its programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    JavaScript,
    Shell,
    Other,
}

impl Language {
    /// The language of the first command's first word.
    pub(crate) fn of(interface: &Interface) -> Self {
        let first = interface.commands.values().next().and_then(|words| words.first());
        let program = first.map_or("", |word| word.rsplit('/').next().unwrap_or(word));
        match program {
            name if name.starts_with("python") => Self::Python,
            "node" | "nodejs" => Self::JavaScript,
            "sh" | "dash" | "bash" => Self::Shell,
            _ => Self::Other,
        }
    }

    /// A task and its answer, as two turns of a conversation.
    pub(crate) fn worked(self) -> Option<(String, String)> {
        let (starter, file, tag, program) = match self {
            Self::Python => ("python3", "dots.py", "python", PYTHON),
            Self::JavaScript => ("node", "dots.js", "javascript", JAVASCRIPT),
            Self::Shell => ("sh", "dots.sh", "sh", SHELL),
            Self::Other => return None,
        };
        let task = TASK.replace("{starter}", starter).replace("{file}", file);
        Some((task, format!("```{tag}\n{program}```")))
    }
}

const TASK: &str = "\
# Dots after a word

## Requirements

- R1: `dots WORD COUNT` prints WORD followed by COUNT dots; COUNT is a whole number from 1 to 80.
  - `dots hello 3` prints `hello...`
- R2: Anything else exits 3 with nothing on standard output and a message on standard error.
  - `dots hello 0` prints nothing, exits 3 and writes to stderr
  - `dots` prints nothing, exits 3 and writes to stderr

## Interface

- command: `dots` = `{starter} $PRODUCT/{file}`
- files: `{file}`

Write the complete contents of `{file}`.
";

const PYTHON: &str = r#"import re
import sys


def fail(message):
    print(message, file=sys.stderr)
    sys.exit(3)


def main(args):
    if len(args) != 2:
        fail("usage: dots WORD COUNT")
    word, count = args
    if not re.fullmatch(r"[0-9]+", count):
        fail(f"not a whole number: {count}")
    count = int(count)
    if count < 1 or count > 80:
        fail(f"not from 1 to 80: {count}")
    print(word + "." * count)


if __name__ == "__main__":
    main(sys.argv[1:])
"#;

const JAVASCRIPT: &str = r#"function fail(message) {
  console.error(message);
  process.exit(3);
}

function main(args) {
  if (args.length !== 2) {
    fail("usage: dots WORD COUNT");
  }
  const [word, text] = args;
  if (!/^[0-9]+$/.test(text)) {
    fail(`not a whole number: ${text}`);
  }
  const count = Number(text);
  if (count < 1 || count > 80) {
    fail(`not from 1 to 80: ${count}`);
  }
  console.log(word + ".".repeat(count));
}

main(process.argv.slice(2));
"#;

const SHELL: &str = r#"fail() {
    printf '%s\n' "$1" >&2
    exit 3
}

[ $# -eq 2 ] || fail "usage: dots WORD COUNT"
word=$1
count=$2
case $count in
    '' | *[!0-9]*) fail "not a whole number: $count" ;;
esac
[ "$count" -ge 1 ] && [ "$count" -le 80 ] || fail "not from 1 to 80: $count"
dots=''
while [ "$count" -gt 0 ]; do
    dots="$dots."
    count=$((count - 1))
done
printf '%s\n' "$word$dots"
"#;
