//! Matching one step against one pattern, and the values that come out of it.
//!
//! It refuses to know which patterns there are.

use std::collections::VecDeque;
use std::time::Duration;

use regex::Regex;

use crate::StepKind;
use crate::text::{Slip, check_path, duration, unescape, words};

/// What Gherkin puts below a step.
#[derive(Debug, Clone)]
pub(crate) enum Attached {
    None,
    DocString(String),
    Table(Vec<Vec<String>>),
}

/// The values of one step, in the order of its pattern, the attachment last.
///
/// The getters take the next value. That it is there and of that kind is the table's promise; a
/// test reads every form.
pub(crate) struct Args(VecDeque<Value>);

enum Value {
    Text(String),
    Words(Vec<String>),
    Code(i32),
    Time(Duration),
    Rows(Vec<(String, String)>),
}

impl Args {
    pub(crate) fn text(&mut self) -> String {
        let Some(Value::Text(text)) = self.0.pop_front() else { panic!("no text in the pattern") };
        text
    }

    /// A doc string as a file has it: each line ended.
    pub(crate) fn lines(&mut self) -> String {
        let text = self.text();
        if text.is_empty() { text } else { text + "\n" }
    }

    pub(crate) fn words(&mut self) -> Vec<String> {
        let Some(Value::Words(words)) = self.0.pop_front() else { panic!("no command there") };
        words
    }

    pub(crate) fn code(&mut self) -> i32 {
        let Some(Value::Code(code)) = self.0.pop_front() else { panic!("no `N` in the pattern") };
        code
    }

    pub(crate) fn time(&mut self) -> Duration {
        let Some(Value::Time(time)) = self.0.pop_front() else { panic!("no `TIME` there") };
        time
    }

    pub(crate) fn rows(&mut self, step: fn(String, String) -> StepKind) -> Vec<StepKind> {
        let Some(Value::Rows(rows)) = self.0.pop_front() else { panic!("no table there") };
        rows.into_iter().map(|(first, second)| step(first, second)).collect()
    }
}

const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// A part of a step or of a pattern: a quoted text without its quotes, or a word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Token<'a> {
    offset: usize,
    text: &'a str,
    quoted: bool,
}

/// Words and quoted texts. A quote that is never closed runs to the end, and is told by `false`.
fn tokens(text: &str) -> (Vec<Token<'_>>, bool) {
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut closed = true;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if c == '"' {
            let length = quote_length(&rest[1..]);
            closed = length.is_some();
            let length = length.unwrap_or(rest.len() - 1);
            tokens.push(Token { offset: at + 1, text: &rest[1..=length], quoted: true });
            at = (at + length + 2).min(text.len());
        } else {
            let length = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
            tokens.push(Token { offset: at, text: &rest[..length], quoted: false });
            at += length;
        }
    }
    (tokens, closed)
}

/// The bytes before the quote that closes; a backslash hides the character after it.
fn quote_length(text: &str) -> Option<usize> {
    let mut hidden = false;
    for (offset, c) in text.char_indices() {
        match c {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            '"' => return Some(offset),
            _ => {}
        }
    }
    None
}

/// The words of a text with each quoted text as `"…"`: what two steps of one form have in common.
pub(crate) fn shape(text: &str) -> String {
    let parts =
        tokens(text).0.into_iter().map(|token| if token.quoted { "\"…\"" } else { token.text });
    parts.collect::<Vec<_>>().join(" ")
}

/// The values of `text` by `pattern`; None when it has another form.
pub(crate) fn read_args(
    pattern: &str,
    table: Option<[&str; 2]>,
    text: &str,
    attached: &Attached,
) -> Option<Result<Args, Slip>> {
    let holes = tokens(pattern).0;
    let (mut found, closed) = tokens(text);
    if !closed {
        let offset = found.last().map_or(0, |token| token.offset.saturating_sub(1));
        let help = "write the closing \", or \\\" for the character itself";
        return Some(Err(Slip::new(offset, "open-quote", "the quote is never closed", help)));
    }
    join_time(&holes, text, &mut found);
    if holes.len() != found.len() {
        return None;
    }
    if !holes.iter().zip(&found).all(|(hole, token)| fits(*hole, *token)) {
        return None;
    }
    let mut values = VecDeque::new();
    for (hole, token) in holes.iter().zip(&found) {
        match value(*hole, *token) {
            Ok(value) => values.extend(value),
            Err(slip) => return Some(Err(slip)),
        }
    }
    let below = attachment(pattern, table, text, attached);
    Some(below.map(|value| {
        values.extend(value);
        Args(values)
    }))
}

/// `500 ms` is one value written as two words.
fn join_time<'a>(holes: &[Token<'_>], text: &'a str, found: &mut Vec<Token<'a>>) {
    let timed = holes.last().is_some_and(|hole| hole.text == "TIME");
    if timed && found.len() == holes.len() + 1 {
        found.pop();
        if let Some(last) = found.last_mut() {
            last.text = text[last.offset..].trim_end();
        }
    }
}

fn fits(hole: Token<'_>, token: Token<'_>) -> bool {
    hole.quoted == token.quoted
        && (hole.quoted
            || matches!(hole.text, "N" | "TIME")
            || hole.text.split('|').any(|word| word == token.text))
}

fn value(hole: Token<'_>, token: Token<'_>) -> Result<Option<Value>, Slip> {
    let bad = |message: String, help: &str| Slip::new(token.offset, "bad-value", message, help);
    let plain = || unescape(token.text).map_err(|slip| slip.moved(token.offset));
    let text = match (hole.quoted, hole.text) {
        (false, "N") => {
            let code = token.text.parse::<u8>();
            let code =
                code.map_err(|_| bad(format!("`{}` is no exit code", token.text), "0 to 255"))?;
            return Ok(Some(Value::Code(i32::from(code))));
        }
        (false, "TIME") => {
            let time = duration(token.text, &UNITS);
            let help = "a whole number above 0 and ms, s, m or h: `500 ms`, `2s`";
            let time = time.ok_or_else(|| bad(format!("`{}` is no time", token.text), help))?;
            return Ok(Some(Value::Time(time)));
        }
        (false, word) if word.contains('|') => token.text.to_owned(),
        (false, _) => return Ok(None),
        (true, "COMMAND") => {
            // The quotes of the step are peeled first, then a shell's quotes inside.
            let words = words(&plain()?).map_err(|slip| Slip { offset: token.offset, ..slip })?;
            return Ok(Some(Value::Words(words)));
        }
        (true, "REGEX") => {
            check_regex(token.text).map_err(|why| bad(why, "see https://docs.rs/regex#syntax"))?;
            token.text.to_owned()
        }
        (true, "PATH") => {
            let path = plain()?;
            check_path(&path)
                .map_err(|why| bad(why, "write it relative to the working directory"))?;
            path
        }
        (true, "NAME") => {
            let name = plain()?;
            check_name(&name).map_err(|why| bad(why, "letters, digits and `_`, no digit first"))?;
            name
        }
        (true, _) => plain()?,
    };
    Ok(Some(Value::Text(text)))
}

fn check_regex(pattern: &str) -> Result<(), String> {
    let wrong = |error: regex::Error| {
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default();
        format!("not a regular expression: {}", last.trim_start_matches("error: "))
    };
    Regex::new(pattern).map(|_| ()).map_err(wrong)
}

fn check_name(name: &str) -> Result<(), String> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(());
    }
    Err(format!("`{}` is no name of a variable", name.escape_debug()))
}

/// The value below the step, when its pattern ends with a colon.
fn attachment(
    pattern: &str,
    table: Option<[&str; 2]>,
    text: &str,
    attached: &Attached,
) -> Result<Option<Value>, Slip> {
    let slip = |message: &str, help: String| {
        Err(Slip::new(text.trim_end().len(), "bad-attachment", message, help))
    };
    match (attached, table) {
        (Attached::None, None) if !pattern.ends_with(':') => Ok(None),
        (Attached::DocString(doc), None) if pattern.ends_with(':') => {
            if pattern != "I run:" {
                return Ok(Some(Value::Text(doc.clone())));
            }
            let words = words(doc).map_err(|slip| Slip { offset: 0, ..slip })?;
            Ok(Some(Value::Words(words)))
        }
        (Attached::Table(rows), Some(head)) => table_rows(rows, head).map(Some),
        (_, Some([first, second])) => {
            slip("a data table is missing below", format!("as in: | {first} | {second} |"))
        }
        (_, None) if pattern.ends_with(':') => slip(
            "a doc string is missing below",
            "write the text between two lines of \"\"\"".into(),
        ),
        (_, None) => slip(
            "this step takes nothing below it",
            "end the step with `:` where there is such a form, or take the text away".into(),
        ),
    }
}

fn table_rows(rows: &[Vec<String>], head: [&str; 2]) -> Result<Value, Slip> {
    let slip = |message: String, help: String| Err(Slip::new(0, "bad-value", message, help));
    let Some((first, rows)) = rows.split_first().filter(|(first, _)| **first == head) else {
        let help = format!("begin it with | {} | {} |", head[0], head[1]);
        return slip("the table has another header".to_owned(), help);
    };
    debug_assert_eq!(first.len(), head.len());
    let check = if head[0] == "path" { check_path } else { check_name };
    let mut pairs = Vec::new();
    for row in rows {
        let [key, value] = &row[..] else {
            return slip("a row has not two cells".to_owned(), "write two cells".to_owned());
        };
        if let Err(why) = check(key) {
            return slip(why, format!("correct the column `{}`", head[0]));
        }
        pairs.push((key.clone(), value.clone()));
    }
    Ok(Value::Rows(pairs))
}
