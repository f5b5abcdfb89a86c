//! The step library: every sentence that a scenario may use, in one table.
//!
//! The table is what reads steps, what names the nearest form after a slip, and what documentation
//! and `--json` list. It refuses to know Gherkin's files: it is handed one step at a time.

use std::sync::LazyLock;
use std::time::Duration;

use serde::Serialize;

use crate::args::{Args, Attached, Below, UNITS, read_args, shape};
use crate::example::unknown_command;
use crate::judged::JUDGED_FORMS;
use crate::service_steps::SERVICE_FORMS;
use crate::text::{Slip, did_you_mean, duration};
use crate::{Expect, FileExpect, Interface, ServiceStep, StepKind, Stream, Subject};

/// Which of Gherkin's keywords a step stands under; `And`, `But` and `*` repeat the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKeyword {
    Given,
    When,
    Then,
}

/// One form that a step can have.
///
/// In `pattern`, `"CAPITALS"` is a quoted text, bare `N`, `COUNT` and `STATUS` a whole number, `TIME` a
/// duration such as `2s` or `500 ms`, other bare `CAPITALS` a word, `a|b` one of several words. A colon
/// at the end wants a doc string below, or the table that `table` heads, or any with `columns`.
#[derive(Clone, Copy, Serialize)]
pub struct StepForm {
    pub keyword: StepKeyword,
    pub pattern: &'static str,
    /// What it does, for a person.
    pub doc: &'static str,
    /// The header cells of the data table that it wants, if it wants one.
    pub table: Option<[&'static str; 2]>,
    /// Whether it wants a data table whose header cells it does not prescribe.
    pub columns: bool,
    #[serde(skip)]
    pub(crate) build: fn(&mut Args) -> Vec<StepKind>,
}

/// Every form of the step library, in the order in which documentation lists them.
pub fn step_forms() -> &'static [StepForm] {
    static ALL: LazyLock<Vec<StepForm>> =
        LazyLock::new(|| [FORMS, SERVICE_FORMS, JUDGED_FORMS].concat());
    &ALL
}

pub(crate) const fn form(
    keyword: StepKeyword,
    pattern: &'static str,
    doc: &'static str,
    build: fn(&mut Args) -> Vec<StepKind>,
) -> StepForm {
    StepForm { keyword, pattern, doc, table: None, columns: false, build }
}

const fn tabled(
    pattern: &'static str,
    table: [&'static str; 2],
    doc: &'static str,
    build: fn(&mut Args) -> Vec<StepKind>,
) -> StepForm {
    StepForm { table: Some(table), ..form(StepKeyword::Given, pattern, doc, build) }
}

#[rustfmt::skip]
const FORMS: &[StepForm] = {
    use StepKeyword::{Given, Then, When};
    &[
        form(Given, r#"a file "PATH" containing "TEXT""#, "a file with exactly this content",
            |a| vec![StepKind::GivenFile { path: a.text(), content: a.text() }]),
        form(Given, r#"a file "PATH" containing:"#, "a file with these lines, each ended",
            |a| vec![StepKind::GivenFile { path: a.text(), content: a.lines() }]),
        form(Given, r#"an empty file "PATH""#, "a file of no bytes",
            |a| vec![StepKind::GivenFile { path: a.text(), content: String::new() }]),
        tabled("the files:", ["path", "content"], "several files with exactly these contents",
            |a| a.rows(|path, content| StepKind::GivenFile { path, content })),
        form(Given, r#"standard input "TEXT""#, "what the next run reads, exactly",
            |a| vec![StepKind::GivenStdin { content: a.text() }]),
        form(Given, "standard input:", "the lines that the next run reads, each ended",
            |a| vec![StepKind::GivenStdin { content: a.lines() }]),
        form(Given, r#"the environment variable "NAME" is "TEXT""#, "a variable for all runs after it",
            |a| vec![StepKind::GivenEnv { name: a.text(), value: a.text() }]),
        tabled("the environment variables:", ["name", "value"], "several variables for all runs after it",
            |a| a.rows(|name, value| StepKind::GivenEnv { name, value })),
        form(When, r#"I run "COMMAND""#, "run a declared command with its arguments",
            |a| vec![StepKind::Run { words: a.words() }]),
        form(When, "I run:", "run a declared command, written below without escapes for quotes",
            |a| vec![StepKind::Run { words: a.words() }]),
        form(When, r#"I run "COMMAND" with standard input "TEXT""#, "run it on exactly this input",
            |a| a.run_on(Args::text)),
        form(When, r#"I run "COMMAND" with standard input:"#, "run it on these lines, each ended",
            |a| a.run_on(Args::lines)),
        form(Then, "it succeeds", "the exit code is 0",
            |_| vec![StepKind::ExitIs { code: 0 }]),
        form(Then, "it fails", "the exit code is not 0",
            |_| vec![StepKind::ExitIsFailure]),
        form(Then, "it exits with N", "the exit code is N",
            |a| vec![StepKind::ExitIs { code: a.code() }]),
        form(Then, "the exit code is N", "the exit code is N",
            |a| vec![StepKind::ExitIs { code: a.code() }]),
        form(Then, r#"stdout|stderr is "TEXT""#, "the whole output; one newline at the end is ignored",
            |a| a.output(|a| Expect::Is { text: a.text() })),
        form(Then, "stdout|stderr is:", "the whole output, line by line",
            |a| a.output(|a| Expect::Is { text: a.lines() })),
        form(Then, r#"stdout|stderr contains "TEXT""#, "the text is somewhere in the output",
            |a| a.output(|a| Expect::Contains { text: a.text() })),
        form(Then, "stdout|stderr contains:", "these lines are somewhere in the output, together",
            |a| a.output(|a| Expect::Contains { text: a.text() })),
        form(Then, r#"stdout|stderr does not contain "TEXT""#, "the text is nowhere in the output",
            |a| a.output(|a| Expect::Lacks { text: a.text() })),
        form(Then, r#"stdout|stderr matches "REGEX""#, "the pattern (crate `regex`) is found; no escapes but its own",
            |a| a.output(|a| Expect::Matches { pattern: a.text() })),
        form(Then, "stdout|stderr is empty", "not one byte",
            |a| a.output(|_| Expect::Empty)),
        form(Then, "stdout|stderr is not empty", "one byte or more",
            |a| a.output(|_| Expect::NotEmpty)),
        form(Then, r#"the file "PATH" exists"#, "it is there after the run",
            |a| vec![StepKind::File { path: a.text(), expect: FileExpect::Exists }]),
        form(Then, r#"the file "PATH" does not exist"#, "it is not there after the run",
            |a| vec![StepKind::File { path: a.text(), expect: FileExpect::Missing }]),
        form(Then, r#"the file "PATH" is "TEXT""#, "its whole content; one newline at the end is ignored",
            |a| a.content(|a| Expect::Is { text: a.text() })),
        form(Then, r#"the file "PATH" is:"#, "its whole content, line by line",
            |a| a.content(|a| Expect::Is { text: a.lines() })),
        form(Then, r#"the file "PATH" contains "TEXT""#, "the text is somewhere in it",
            |a| a.content(|a| Expect::Contains { text: a.text() })),
        form(Then, r#"the file "PATH" does not contain "TEXT""#, "the text is nowhere in it",
            |a| a.content(|a| Expect::Lacks { text: a.text() })),
        form(Then, r#"the file "PATH" matches "REGEX""#, "the pattern is found in it",
            |a| a.content(|a| Expect::Matches { pattern: a.text() })),
        form(Then, r#"the file "PATH" is empty"#, "it is there and has not one byte",
            |a| a.content(|_| Expect::Empty)),
        form(Then, "it finishes within TIME", "the run took no longer",
            |a| vec![StepKind::Within { limit: a.time() }]),
    ]
};

impl StepForm {
    /// What stands below such a step.
    fn below(&self) -> Below {
        match (self.table, self.columns) {
            (Some(head), _) => Below::Pairs(head),
            (None, true) => Below::Table,
            (None, false) if self.pattern == "I run:" => Below::Command,
            (None, false) if self.pattern.ends_with("JSON:") => Below::Json,
            (None, false)
                if self.pattern.starts_with("the JSON") && self.pattern.ends_with(':') =>
            {
                Below::Json
            }
            (None, false) if self.pattern.ends_with(':') => Below::Text,
            (None, false) => Below::Nothing,
        }
    }
}

impl Args {
    fn run_on(&mut self, stdin: fn(&mut Self) -> String) -> Vec<StepKind> {
        let run = StepKind::Run { words: self.words() };
        vec![StepKind::GivenStdin { content: stdin(self) }, run]
    }

    fn output(&mut self, expect: fn(&mut Self) -> Expect) -> Vec<StepKind> {
        let stream = if self.text() == "stderr" { Stream::Stderr } else { Stream::Stdout };
        vec![StepKind::Output { stream, expect: expect(self) }]
    }

    fn content(&mut self, expect: fn(&mut Self) -> Expect) -> Vec<StepKind> {
        let path = self.text();
        vec![StepKind::File { path, expect: FileExpect::Content(expect(self)) }]
    }
}

/// What the step `text` under `keyword` means.
///
/// # Errors
/// An unknown form, a form under the wrong keyword, a bad value: with its offset in `text`.
pub(crate) fn read_step(
    keyword: StepKeyword,
    text: &str,
    attached: &Attached,
    interface: &Interface,
) -> Result<Vec<StepKind>, Slip> {
    if let (StepKeyword::Then, Some((time, rest))) = (keyword, patience(text)) {
        let limit = read_time(time)?;
        let from = text.len() - rest.len();
        let steps = read_step(keyword, rest, attached, interface);
        return waiting(limit, steps.map_err(|slip| slip.moved(from))?);
    }
    let (mut wanted, mut elsewhere) = (None, None);
    for form in step_forms() {
        let Some(args) = read_args(form.pattern, form.below(), text, attached) else { continue };
        let mut args = match args {
            // Another form may fit what is attached: `is:` after `is "TEXT"`.
            Err(slip) if slip.rule == "bad-attachment" => {
                wanted.get_or_insert(slip);
                continue;
            }
            args => args?,
        };
        if (keyword == StepKeyword::Then) != (form.keyword == StepKeyword::Then) {
            // A few forms stand under both.
            elsewhere.get_or_insert(misplaced(form));
            continue;
        }
        let steps = (form.build)(&mut args);
        return declared(&steps, text, interface).map(|()| steps);
    }
    Err(elsewhere.or(wanted).unwrap_or_else(|| unknown(keyword, text)))
}

/// `within TIME, EXPECTATION`, taken apart.
fn patience(text: &str) -> Option<(&str, &str)> {
    let (time, rest) = text.strip_prefix("within ")?.split_once(',')?;
    Some((time, rest.trim_start()))
}

fn read_time(text: &str) -> Result<Duration, Slip> {
    duration(text.trim(), &UNITS).ok_or_else(|| {
        let help = "a whole number above 0 and ms, s, m or h: `within 2s, …`";
        Slip::new("within ".len(), "bad-value", format!("`{text}` is no time"), help)
    })
}

/// The expectations, each looked at again until it holds.
fn waiting(limit: Duration, steps: Vec<StepKind>) -> Result<Vec<StepKind>, Slip> {
    let steps = steps.into_iter().map(|step| match step {
        StepKind::Service(step) if step.can_wait() => {
            Ok(StepKind::Service(ServiceStep::Within { limit, step: Box::new(step) }))
        }
        _ => {
            let help = "it is for what a twin is expected to have; other things are as they are";
            let message = "there is nothing to wait for";
            Err(Slip::new(0, "bad-value", message, help))
        }
    });
    steps.collect()
}

/// Whether `text` reads as a step of any form, whatever its keyword.
pub(crate) fn is_step(text: &str) -> bool {
    step_forms().iter().any(|form| {
        let args = read_args(form.pattern, form.below(), text, &Attached::None);
        // A quote that is never closed says nothing about the form.
        args.is_some_and(|args| !args.is_err_and(|slip| slip.rule == "open-quote"))
    })
}

fn declared(steps: &[StepKind], text: &str, interface: &Interface) -> Result<(), Slip> {
    for step in steps {
        if let StepKind::Service(step) = step {
            declared_service(step, text, interface)?;
        }
        if let StepKind::Judged(judgement) = step {
            declared_subject(&judgement.subject, text, interface)?;
        }
        let StepKind::Run { words } = step else { continue };
        let offset = text.find('"').map_or(0, |quote| quote + 1);
        let Some(command) = words.first() else {
            let help = "name a command of the interface";
            return Err(Slip::new(offset, "bad-value", "the command is empty", help));
        };
        if !interface.commands.contains_key(command) {
            return Err(unknown_command(offset, command, interface));
        }
    }
    Ok(())
}

fn declared_service(step: &ServiceStep, text: &str, interface: &Interface) -> Result<(), Slip> {
    if let Some(twin) = step.twin() {
        return declared_twin(twin, text, interface);
    }
    let own_time = matches!(step, ServiceStep::Passes { .. } | ServiceStep::Waits { .. });
    if own_time { Ok(()) } else { declared_program(interface) }
}

fn declared_subject(subject: &Subject, text: &str, interface: &Interface) -> Result<(), Slip> {
    match subject {
        Subject::Output { .. } | Subject::File { .. } => Ok(()),
        Subject::Response | Subject::Json { .. } => declared_program(interface),
        Subject::Records(query) => declared_twin(&query.service, text, interface),
    }
}

fn declared_twin(twin: &str, text: &str, interface: &Interface) -> Result<(), Slip> {
    if interface.twins.contains_key(twin) {
        return Ok(());
    }
    let message = format!("the interface declares no twin `{twin}`");
    let known = interface.twins.keys().map(String::as_str);
    let help =
        format!("{}; declare it by a line such as: - twins: `{twin}`", did_you_mean(twin, known));
    Err(Slip::new(text.find(twin).unwrap_or(0), "unknown-twin", message, help))
}

fn declared_program(interface: &Interface) -> Result<(), Slip> {
    if interface.service.is_some() {
        return Ok(());
    }
    let help = "declare it by a line such as: - service: `bot` = `python3 $PRODUCT/bot.py`, on port `8080`, ready when `GET /healthz` answers";
    Err(Slip::new(0, "no-service", "the interface declares no service", help))
}

fn misplaced(form: &StepForm) -> Slip {
    let (what, keyword) = match form.keyword {
        StepKeyword::Then => ("an expectation", "Then"),
        StepKeyword::When => ("an action", "When"),
        StepKeyword::Given => ("a preparation", "Given"),
    };
    let message = format!("`{}` is {what}", form.pattern);
    Slip::new(0, "wrong-keyword", message, format!("write it under `{keyword}`"))
}

/// The finding for a text of no form: it names the form that shares most with it.
fn unknown(keyword: StepKeyword, text: &str) -> Slip {
    let message = format!("no step is written `{text}`");
    let written = shape(text);
    let words: Vec<&str> = written.split(' ').collect();
    let score = |form: &&StepForm| {
        let pattern = shape(form.pattern);
        let known: Vec<&str> = pattern.split([' ', '|']).collect();
        let likeness = words.iter().map(|word| {
            // What people call stdout before they know that it is called stdout here.
            let word = if *word == "output" { "stdout" } else { word };
            if known.contains(&word) {
                2
            } else {
                usize::from(base::nearest(word, known.clone()).is_some())
            }
        });
        let all = words.len().max(known.len());
        (likeness.sum::<usize>() * 1000 / all, form.keyword == keyword)
    };
    // `max_by_key` takes the last of equals; reversed, the first, which is the plainer form.
    let help = match step_forms().iter().rev().max_by_key(score).filter(|form| score(form).0 > 0) {
        Some(form) => format!("the nearest form is `{}`: {}", form.pattern, form.doc),
        None => {
            let same = step_forms().iter().filter(|form| form.keyword == keyword);
            let patterns: Vec<&str> = same.map(|form| form.pattern).collect();
            format!("the forms here are: {}", patterns.join(" | "))
        }
    };
    Slip::new(0, "unknown-step", message, help)
}
