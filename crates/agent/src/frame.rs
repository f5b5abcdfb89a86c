//! The frame of a small program: the harness writes what is the same in all of them, and the model fills
//! in two functions, each asked for alone.
//!
//! `valid` says whether a call is one at all, `answer` what such a call prints. Apart, each is easy
//! enough for a weak model to get right now and then, and any `valid` goes with any `answer`: eight of
//! each are sixty-four programs. (Asked for a message instead of a yes or no, the model goes on to
//! compute the answer.) Everything in a frame comes from the intent's interface and
//! public examples. It refuses to know which answer is right.

use intent::{Example, Expect, Intent, StepKind, Stream};

use crate::Files;
use crate::language::Language;
use crate::paths::only;

/// A function that the model fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Valid,
    Answer,
}

impl Part {
    /// The function's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Answer => "answer",
        }
    }
}

/// A program of one command in one file, but for its two functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub language: Language,
    path: String,
    command: String,
    /// The exit code of a refused call.
    refusal: i32,
    /// Whether any example gives standard input.
    pub reads_stdin: bool,
}

/// Refused calls exit so where no example says how: the convention of shells for a wrong call.
const REFUSAL_DEFAULT: i32 = 2;

impl Frame {
    /// The frame that fits `intent`: one command, which starts the one file of the write-set, in a
    /// language that is known here, examples that fail, all in one way, and none that asks for a certain message.
    pub(crate) fn of(intent: &Intent) -> Option<Self> {
        let interface = &intent.interface;
        let path = only(&interface.files)?;
        let language = Language::of(interface);
        let (command, words) = interface.commands.iter().next()?;
        let starts = words.iter().any(|word| word.strip_prefix("$PRODUCT/") == Some(path));
        let simple = interface.commands.len() == 1 && interface.build.is_none() && starts;
        if !simple || !matches!(language, Language::Python | Language::JavaScript) {
            return None;
        }
        let worded = examples(intent).flat_map(|example| &example.steps).any(asks_for_message);
        if worded {
            return None;
        }
        // Nothing would say what `valid` has to refuse.
        if !examples(intent).any(is_failing) {
            return None;
        }
        let mut codes: Vec<i32> = examples(intent).filter_map(failing_code).collect();
        codes.sort_unstable();
        codes.dedup();
        let refusal = match codes[..] {
            [] => REFUSAL_DEFAULT,
            [code] => code,
            _ => return None,
        };
        let reads_stdin = examples(intent).any(|example| {
            example.steps.iter().any(|step| matches!(step, StepKind::GivenStdin { .. }))
        });
        Some(Self {
            language,
            path: path.to_owned(),
            command: command.clone(),
            refusal,
            reads_stdin,
        })
    }

    /// The program with both functions filled in.
    pub(crate) fn assemble(&self, valid: &str, answer: &str) -> Files {
        let (head, tail) = (self.head(), self.tail());
        let gap = if self.language == Language::Python { "\n\n" } else { "\n" };
        let head = if head.is_empty() { String::new() } else { format!("{head}{gap}") };
        let text = format!("{head}{}\n{gap}{}\n{gap}{tail}", valid.trim(), answer.trim());
        Files::from([(self.path.clone(), text)])
    }

    /// A part that lets every call through, or answers nothing: what the other part is tried with.
    pub(crate) fn stub(&self, part: Part) -> String {
        let result = match (part, self.language) {
            (Part::Answer, _) => "\"\"",
            (Part::Valid, Language::Python) => "True",
            (Part::Valid, _) => "true",
        };
        match self.language {
            Language::Python => format!("{}\n    return {result}\n", self.opening(part)),
            _ => format!("{}\n  return {result};\n}}\n", self.opening(part)),
        }
    }

    /// The part in a block that the model wrote, without what would start or try it and
    /// without what the frame imports already.
    /// `None` when the function is not there.
    pub(crate) fn part(&self, part: Part, block: &str) -> Option<String> {
        // A demonstration that the model adds would run before the program does.
        let ends = [
            "if __name__",
            "main(",
            "def main(",
            "function main(",
            "print(",
            "console.",
            "assert ",
        ];
        let kept: Vec<&str> = block
            .lines()
            .take_while(|line| !ends.iter().any(|end| line.starts_with(end)))
            .filter(|line| {
                line.trim().is_empty() || !self.head().lines().any(|known| known == *line)
            })
            .collect();
        let text = kept.join("\n").trim().to_owned();
        let opening = self.opening(part);
        let named = opening.split_once('(').map_or(opening.as_str(), |(name, _)| name);
        let named = format!("{named}(");
        text.lines().any(|line| line.starts_with(&named)).then_some(text)
    }

    /// The first line of a part.
    pub(crate) fn opening(&self, part: Part) -> String {
        let (name, parameters) = (part.name(), self.parameters());
        match self.language {
            Language::Python => format!("def {name}({parameters}):"),
            _ => format!("function {name}({parameters}) {{"),
        }
    }

    /// The functions' parameters.
    pub(crate) fn parameters(&self) -> &'static str {
        if self.reads_stdin { "args, stdin" } else { "args" }
    }

    fn head(&self) -> &'static str {
        match (self.language, self.reads_stdin) {
            (Language::Python, _) => "import re\nimport sys\n",
            (_, true) => "const fs = require(\"fs\");\n",
            (_, false) => "",
        }
    }

    fn tail(&self) -> String {
        let (parameters, code) = (self.parameters(), self.refusal);
        if self.language == Language::Python {
            let stdin = if self.reads_stdin { ", sys.stdin.read()" } else { "" };
            return PYTHON_TAIL
                .replace("{parameters}", parameters)
                .replace("{command}", &self.command)
                .replace("{code}", &code.to_string())
                .replace("{stdin}", stdin);
        }
        let stdin = if self.reads_stdin { ", fs.readFileSync(0, \"utf8\")" } else { "" };
        JAVASCRIPT_TAIL
            .replace("{parameters}", parameters)
            .replace("{command}", &self.command)
            .replace("{code}", &code.to_string())
            .replace("{stdin}", stdin)
    }
}

const PYTHON_TAIL: &str = "\
def main({parameters}):
    if not valid({parameters}):
        print(\"{command}: cannot do this:\", \" \".join([\"{command}\", *args]), file=sys.stderr)
        sys.exit({code})
    text = answer({parameters})
    if text:
        print(text)


main(sys.argv[1:]{stdin})
";

const JAVASCRIPT_TAIL: &str = "\
function main({parameters}) {
  if (!valid({parameters})) {
    console.error(\"{command}: cannot do this:\", [\"{command}\", ...args].join(\" \"));
    process.exit({code});
  }
  const text = answer({parameters});
  if (text) {
    console.log(text);
  }
}

main(process.argv.slice(2){stdin});
";

/// Whether an example shows a call that fails.
pub(crate) fn is_failing(example: &Example) -> bool {
    example.steps.iter().any(|step| match step {
        StepKind::ExitIs { code } => *code != 0,
        StepKind::ExitIsFailure => true,
        _ => false,
    })
}

/// The frame's own message is the same for every refused call.
fn asks_for_message(step: &StepKind) -> bool {
    let StepKind::Output { stream: Stream::Stderr, expect } = step else { return false };
    !matches!(expect, Expect::Empty | Expect::NotEmpty)
}

fn examples(intent: &Intent) -> impl Iterator<Item = &Example> {
    intent.requirements.iter().flat_map(|requirement| &requirement.examples)
}

fn failing_code(example: &Example) -> Option<i32> {
    example.steps.iter().find_map(|step| match step {
        StepKind::ExitIs { code } if *code != 0 => Some(*code),
        _ => None,
    })
}
