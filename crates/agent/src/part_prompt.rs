//! Asking for one function of a frame: the requirements, and each public example as a call of that
//! function.
//!
//! It refuses to know what comes back.

use std::fmt::Write as _;

use intent::{Example, Expect, Intent, StepKind, Stream};

use crate::frame::{Frame, Part, is_failing};
use crate::language::Language;

/// The question for `part`: what the program is for, the requirements with their examples, then what is
/// asked for.
pub(crate) fn question(frame: &Frame, intent: &Intent, part: Part, context: &str) -> String {
    let mut text = format!("# {}\n\n{}\n\n", intent.title, intent.goal);
    for item in intent.requirements.iter().chain(&intent.constraints) {
        line(&mut text, format_args!("- {}: {}", item.id, item.text));
        for call in item.examples.iter().filter_map(|one| shown(frame, one, part)) {
            line(&mut text, format_args!("  - {call}"));
        }
    }
    text.push_str(context);
    text.push('\n');
    text.push_str(&ask(frame, part));
    text
}

/// An example as a call of `part`; `None` when it says nothing of it.
fn shown(frame: &Frame, example: &Example, part: Part) -> Option<String> {
    let name = part.name();
    let call = call(frame, example)?;
    match (part, is_failing(example)) {
        (Part::Valid, fails) => Some(format!("`{name}({call})` is `{}`", truth(frame, !fails))),
        (Part::Answer, false) => {
            printed(example).map(|out| format!("`{name}({call})` is `{}`", quoted(out)))
        }
        (Part::Answer, true) => None,
    }
}

fn ask(frame: &Frame, part: Part) -> String {
    let language = if frame.language == Language::Python { "Python" } else { "JavaScript" };
    let stdin = if frame.reads_stdin { ", `stdin` the text on standard input" } else { "" };
    let does = match part {
        Part::Valid => format!(
            "It returns `{}` if the requirements say that the call is an error, and `{}` otherwise.",
            truth(frame, false),
            truth(frame, true)
        ),
        Part::Answer => {
            "It is called only if the call is no error, and so checks nothing. It returns \
                         the text that is printed. All the examples above must hold."
                .to_owned()
        }
    };
    format!(
        "Write the {language} function `{}({})`. `args` is the list of strings after the \
         command{stdin}. {does}",
        part.name(),
        frame.parameters(),
    )
}

fn truth(frame: &Frame, value: bool) -> &'static str {
    match (frame.language, value) {
        (Language::Python, true) => "True",
        (Language::Python, false) => "False",
        (_, true) => "true",
        (_, false) => "false",
    }
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
