//! Asking for one function of a frame: the requirements, and each public example as a call of that
//! function.
//!
//! It refuses to know what comes back.

use std::fmt::Write as _;

use intent::{Example, Expect, Intent, StepKind, Stream};

use crate::frame::{Frame, Part, is_failing};
use crate::language::Language;

/// The question for `part`, with what else has to be said as `context`.
///
/// Each function is shown the requirements that are its own affair. Shown them all, a small model mixes
/// them: it computes where it should only check, and refuses what it should compute.
pub(crate) fn question(frame: &Frame, intent: &Intent, part: Part, context: &str) -> String {
    let mut text = format!("# {}\n\n", intent.title);
    match part {
        Part::Valid => valid_question(&mut text, frame, intent),
        Part::Answer => answer_question(&mut text, frame, intent),
    }
    text.push_str(context);
    text.push('\n');
    text.push_str(&ask(frame, part));
    text
}

/// The requirements that an example shows a refused call of; then the calls that are sound.
fn valid_question(text: &mut String, frame: &Frame, intent: &Intent) {
    for requirement in &intent.requirements {
        let refused = requirement.examples.iter().filter(|one| is_failing(one));
        let calls: Vec<String> = refused.filter_map(|one| call(frame, one)).collect();
        if calls.is_empty() {
            continue;
        }
        line(text, format_args!("- {}: {}", requirement.id, requirement.text));
        for call in calls {
            line(text, format_args!("  - `valid({call})` is `{}`", truth(frame, false)));
        }
    }
    text.push_str("\nCalls that are no errors:\n");
    let examples = intent.requirements.iter().flat_map(|requirement| &requirement.examples);
    for call in examples.filter(|one| !is_failing(one)).filter_map(|one| call(frame, one)) {
        line(text, format_args!("- `valid({call})` is `{}`", truth(frame, true)));
    }
}

/// The goal, and all requirements but those whose every example is a refused call.
fn answer_question(text: &mut String, frame: &Frame, intent: &Intent) {
    line(text, format_args!("{}\n", intent.goal));
    for item in intent.requirements.iter().chain(&intent.constraints) {
        if !item.examples.is_empty() && item.examples.iter().all(is_failing) {
            continue;
        }
        line(text, format_args!("- {}: {}", item.id, item.text));
        for example in item.examples.iter().filter(|one| !is_failing(one)) {
            if let (Some(call), Some(out)) = (call(frame, example), printed(example)) {
                line(text, format_args!("  - `answer({call})` is `{}`", quoted(out)));
            }
        }
    }
}

/// A question of the same form on another matter, and its answer: how strict a check has to be. `answer`
/// has none, because a small model copies the shape of what it is shown.
pub(crate) fn worked(frame: &Frame, part: Part) -> Option<(String, String)> {
    if part == Part::Answer {
        return None;
    }
    let stdin = if frame.reads_stdin { ", \"\"" } else { "" };
    let (yes, no) = (truth(frame, true), truth(frame, false));
    let question = WORKED.replace("{stdin}", stdin).replace("{yes}", yes).replace("{no}", no);
    let (tag, body) = match frame.language {
        Language::Python => ("python", WORKED_PYTHON),
        _ => ("javascript", WORKED_JAVASCRIPT),
    };
    let body = body.replace("{parameters}", frame.parameters());
    Some((question + &ask(frame, part), format!("```{tag}\n{body}```")))
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
         command{stdin}. {does} Begin with `{}`.",
        part.name(),
        frame.parameters(),
        frame.opening(part),
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

const WORKED: &str = "\
# Dots after a word

- R2: It is an error if COUNT is not a whole number from 1 to 80, or if there are not exactly two \
arguments.
  - `valid([\"hello\", \"0\"]{stdin})` is `{no}`
  - `valid([]{stdin})` is `{no}`

Calls that are no errors:
- `valid([\"hello\", \"3\"]{stdin})` is `{yes}`

";

const WORKED_PYTHON: &str = r#"def valid({parameters}):
    if len(args) != 2:
        return False
    if not re.fullmatch(r"[0-9]+", args[1]):
        return False
    if int(args[1]) < 1 or int(args[1]) > 80:
        return False
    return True
"#;

const WORKED_JAVASCRIPT: &str = r#"function valid({parameters}) {
  if (args.length !== 2) {
    return false;
  }
  if (!/^[0-9]+$/.test(args[1])) {
    return false;
  }
  if (Number(args[1]) < 1 || Number(args[1]) > 80) {
    return false;
  }
  return true;
}
"#;
