//! From a task to what the model reads: the intent as a builder may see it, what earlier builds failed on,
//! and one of several ways to ask.
//!
//! It refuses to know what comes back.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use model::{Message, Role};

use crate::frame::{Frame, Part};
use crate::language::Language;
use crate::paths::only;
use crate::{Files, Shape, Task, Tried, part_prompt};

const SYSTEM: &str = "You are a careful programmer. You answer with complete files in fenced code \
blocks, and nothing else.";

const SYSTEM_PART: &str =
    "You are a careful programmer. You answer with one fenced code block and nothing else.";

/// The most characters that one earlier finding may take: enough for a check and what it saw.
const FINDING_CHARS_MAX: usize = 300;

/// The most earlier findings that are shown; past these a small model only loses the thread.
const FINDINGS_MAX: usize = 8;

/// The conversation that asks for the whole product.
pub(crate) fn build(task: &Task<'_>, shape: Shape, notes: bool) -> Vec<Message> {
    let mut messages = vec![message(Role::System, SYSTEM)];
    if shape == Shape::Worked
        && let Some((question, answer)) = Language::of(&task.intent.interface).worked()
    {
        messages.push(message(Role::User, question));
        messages.push(message(Role::Assistant, answer));
    }
    let mut text = task.intent.builder_view();
    add_context(&mut text, task, notes);
    add_ask(&mut text, task, shape);
    messages.push(message(Role::User, text));
    messages
}

/// The conversation that asks for one function of the frame.
pub(crate) fn part(task: &Task<'_>, frame: &Frame, part: Part, notes: bool) -> Vec<Message> {
    let mut context = String::new();
    add_context(&mut context, task, notes);
    let mut messages = vec![message(Role::System, SYSTEM_PART)];
    if let Some((question, answer)) = part_prompt::worked(frame, part) {
        messages.push(message(Role::User, question));
        messages.push(message(Role::Assistant, answer));
    }
    let question = part_prompt::question(frame, task.intent, part, &context);
    messages.push(message(Role::User, question));
    messages
}

/// The conversation that asks for a near miss made whole: a fresh one, because a weak model repeats
/// what stands in its own turns.
pub(crate) fn repair(task: &Task<'_>, files: &Files, tried: &[Tried]) -> Vec<Message> {
    let mut text = task.intent.builder_view();
    text.push_str("\n## What there is\n");
    for (path, body) in files {
        let _ = write!(text, "\n`{path}`\n```\n{body}```\n");
    }
    text.push_str("\n## What is wrong with it\n\n");
    for check in tried.iter().filter(|check| !check.passed).take(FINDINGS_MAX) {
        let finding = format!("{}; but: {}", check.check, check.detail);
        let _ = writeln!(text, "- {}", short(&finding));
    }
    text.push_str("\nCorrect this and change nothing that is right. ");
    add_ask(&mut text, task, Shape::Plain);
    vec![message(Role::System, SYSTEM), message(Role::User, text)]
}

/// The conversation that asks for a stage's note.
pub(crate) fn plan(task: &Task<'_>) -> Vec<Message> {
    let system =
        "You are a careful programmer. You answer in at most five short lines, without code.";
    let mut text = task.intent.builder_view();
    add_context(&mut text, task, false);
    let prompt = task.prompt.trim();
    let ask = if prompt.is_empty() { "Which inputs are easily handled wrongly?" } else { prompt };
    let _ = write!(text, "\n{ask}\n");
    vec![message(Role::System, system), message(Role::User, text)]
}

fn add_context(text: &mut String, task: &Task<'_>, notes: bool) {
    if notes {
        for (stage, note) in task.notes {
            let _ = write!(text, "\n## Note of {stage}\n\n{}\n", note.trim());
        }
    }
    let disclosures: BTreeSet<_> = task.disclosures.iter().collect();
    if disclosures.is_empty() && task.feedback.is_empty() {
        return;
    }
    text.push_str("\n## An earlier version was rejected\n\n");
    for disclosure in disclosures.iter().take(FINDINGS_MAX) {
        let _ = writeln!(text, "- {}: {}", disclosure.requirement, disclosure.kind);
    }
    for finding in task.feedback.iter().take(FINDINGS_MAX) {
        let _ = writeln!(text, "- {}", short(finding));
    }
    let wrong: BTreeSet<_> = disclosures.iter().map(|found| &found.requirement).collect();
    if !wrong.is_empty() {
        text.push_str(
            "\nThe examples passed, so that it is other inputs that went wrong. Read again:\n",
        );
    }
    for requirement in task.intent.requirements.iter().filter(|one| wrong.contains(&one.id)) {
        let _ = writeln!(text, "- {}: {}", requirement.id, requirement.text);
    }
}

fn add_ask(text: &mut String, task: &Task<'_>, shape: Shape) {
    let files = &task.intent.interface.files;
    match only(files) {
        Some(path) => {
            let _ = write!(text, "\nWrite the complete contents of `{path}`. ");
        }
        None => {
            let names: Vec<String> = files.iter().map(|path| format!("`{path}`")).collect();
            let _ = write!(
                text,
                "\nWrite the complete contents of each of these files that is needed: {}. Before each \
                 code block put the path of its file on a line of its own. ",
                names.join(", ")
            );
        }
    }
    text.push_str(
        "Check every argument before it is used, errors first, as the requirements say. \
         Print exactly what is asked for and nothing more.",
    );
    if shape == Shape::Functions {
        text.push_str(
            " Write one small function for each requirement, named after what it does, and call \
             them from `main`.",
        );
    }
    let prompt = task.prompt.trim();
    if !prompt.is_empty() {
        let _ = write!(text, "\n\n{prompt}");
    }
}

fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(FINDING_CHARS_MAX).collect()
}

fn message(role: Role, text: impl Into<String>) -> Message {
    Message { role, text: text.into() }
}
