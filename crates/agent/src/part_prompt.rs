//! Asking for one function of a frame: the requirements, and each public example as a call of that
//! function.
//!
//! It refuses to know what comes back.

use std::fmt::Write as _;

use intent::{Example, Expect, Intent, StepKind, Stream};

use crate::frame::{Frame, Part, is_failing};
use crate::language::Language;

/// The question for `part`: what the program is for, all requirements, then what the function does and
/// the examples under the requirements that they belong to.
pub(crate) fn question(frame: &Frame, intent: &Intent, part: Part, context: &str) -> String {
    let mut text = format!("# {}\n\n{}\n\n", intent.title, intent.goal);
    for item in intent.requirements.iter().chain(&intent.constraints) {
        line(&mut text, format_args!("- {}: {}", item.id, item.text));
    }
    text.push_str(context);
    line(&mut text, format_args!("\n{}\n", task(frame, part)));
    for requirement in &intent.requirements {
        let calls: Vec<String> =
            requirement.examples.iter().filter_map(|one| shown(frame, one, part)).collect();
        if calls.is_empty() {
            continue;
        }
        // What an answer must do is said once more beside its examples: a small model forgets all but
        // the first requirement. Said twice to `problem`, it starts to compute the answer.
        match part {
            Part::Problem => line(&mut text, format_args!("- {}", requirement.id)),
            Part::Answer => {
                line(&mut text, format_args!("- {}: {}", requirement.id, requirement.text))
            }
        }
        for call in calls {
            line(&mut text, format_args!("  - {call}"));
        }
    }
    if part == Part::Answer {
        text.push_str("\nEvery one of these must hold.\n");
    }
    text
}

/// A question of the same form and its answer, on another matter.
pub(crate) fn worked(frame: &Frame, part: Part) -> (String, String) {
    let none = none(frame);
    let mut question = format!("{WORKED}\n{}\n\n", task(frame, part));
    let stdin = if frame.reads_stdin { ", \"\"" } else { "" };
    match part {
        Part::Problem => {
            let _ = write!(
                question,
                "- R1\n  - `problem([\"hello\", \"3\"]{stdin})` returns `{none}`\n\
                 - R2\n  - `problem([\"hello\", \"0\"]{stdin})` returns a message\n  \
                 - `problem([]{stdin})` returns a message\n"
            );
        }
        Part::Answer => {
            let _ = writeln!(
                question,
                "- R1\n  - `answer([\"hello\", \"3\"]{stdin})` returns `\"hello...\"`"
            );
        }
    }
    let body = match (frame.language, part) {
        (Language::Python, Part::Problem) => PYTHON_PROBLEM,
        (Language::Python, Part::Answer) => PYTHON_ANSWER,
        (_, Part::Problem) => JAVASCRIPT_PROBLEM,
        (_, Part::Answer) => JAVASCRIPT_ANSWER,
    };
    let tag = if frame.language == Language::Python { "python" } else { "javascript" };
    let body = body.replace("{parameters}", frame.parameters());
    (question, format!("```{tag}\n{body}```"))
}

/// What `part` did on an example where it should have done otherwise, as a line of a list.
pub(crate) fn shown(frame: &Frame, example: &Example, part: Part) -> Option<String> {
    let name = part.name();
    let call = call(frame, example)?;
    match (part, is_failing(example)) {
        (Part::Problem, true) => Some(format!("`{name}({call})` returns a message")),
        (Part::Problem, false) => Some(format!("`{name}({call})` returns `{}`", none(frame))),
        (Part::Answer, false) => {
            printed(example).map(|out| format!("`{name}({call})` returns `{}`", quoted(out)))
        }
        (Part::Answer, true) => None,
    }
}

fn task(frame: &Frame, part: Part) -> String {
    let language = if frame.language == Language::Python { "Python" } else { "JavaScript" };
    let stdin = if frame.reads_stdin { ", `stdin` the text on standard input" } else { "" };
    let mut text = format!(
        "Write the {language} function `{}({})`. `args` is the list of strings after the command{stdin}",
        part.name(),
        frame.parameters(),
    );
    match part {
        Part::Problem => {
            let _ = write!(
                text,
                ". It returns a short message if the requirements say that the call is an error, else \
                 `{}`.",
                none(frame)
            );
        }
        Part::Answer => {
            text.push_str("; they are known to be right. It returns the text that is printed.");
        }
    }
    text
}

fn none(frame: &Frame) -> &'static str {
    if frame.language == Language::Python { "None" } else { "null" }
}

fn call(frame: &Frame, example: &Example) -> Option<String> {
    let mut stdin = "";
    for step in &example.steps {
        match step {
            StepKind::GivenStdin { content } => stdin = content,
            StepKind::Run { words } => {
                let args: Vec<String> = words.iter().skip(1).map(|word| quoted(word)).collect();
                let args = format!("[{}]", args.join(", "));
                let second = format!(", {}", quoted(stdin));
                return Some(args + if frame.reads_stdin { &second } else { "" });
            }
            _ => {}
        }
    }
    None
}

fn printed(example: &Example) -> Option<&str> {
    example.steps.iter().find_map(|step| match step {
        StepKind::Output { stream: Stream::Stdout, expect: Expect::Is { text } } => {
            Some(text.as_str())
        }
        StepKind::Output { stream: Stream::Stdout, expect: Expect::Empty } => Some(""),
        _ => None,
    })
}

/// A text as a literal that Python and JavaScript read alike.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

const WORKED: &str = "\
# Dots after a word

- R1: `dots WORD COUNT` prints WORD followed by COUNT dots; COUNT is a whole number from 1 to 80.
- R2: Anything else is an error.
";

const PYTHON_PROBLEM: &str = r#"def problem({parameters}):
    if len(args) != 2:
        return "usage: dots WORD COUNT"
    if not re.fullmatch(r"[0-9]+", args[1]):
        return "COUNT is not a whole number"
    if int(args[1]) < 1 or int(args[1]) > 80:
        return "COUNT is not from 1 to 80"
    return None
"#;

const PYTHON_ANSWER: &str = r#"def answer({parameters}):
    word = args[0]
    count = int(args[1])
    return word + "." * count
"#;

const JAVASCRIPT_PROBLEM: &str = r#"function problem({parameters}) {
  if (args.length !== 2) {
    return "usage: dots WORD COUNT";
  }
  if (!/^[0-9]+$/.test(args[1])) {
    return "COUNT is not a whole number";
  }
  if (Number(args[1]) < 1 || Number(args[1]) > 80) {
    return "COUNT is not from 1 to 80";
  }
  return null;
}
"#;

const JAVASCRIPT_ANSWER: &str = r#"function answer({parameters}) {
  const word = args[0];
  const count = Number(args[1]);
  return word + ".".repeat(count);
}
"#;
