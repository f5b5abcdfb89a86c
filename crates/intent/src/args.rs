//! Matching one step against one pattern, and the values that come out of it.
//!
//! It refuses to know which patterns there are.

use std::collections::VecDeque;
use std::time::Duration;

use regex::Regex;

use crate::text::{Slip, check_path, duration, unescape, words};
use crate::{JsonPath, Row, StepKind};

/// What Gherkin puts below a step.
#[derive(Debug, Clone)]
pub(crate) enum Attached {
    None,
    DocString(String),
    Table(Vec<Vec<String>>),
}

/// What a form wants below it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Below {
    Nothing,
    Text,
    Command,
    Json,
    /// A table of two columns with this header.
    Pairs([&'static str; 2]),
    /// A table of any columns.
    Table,
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
    Number(u32),
    Time(Duration),
    Path(JsonPath),
    Rows(Vec<(String, String)>),
    Table(Vec<Row>),
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

    pub(crate) fn number(&mut self) -> u32 {
        let Some(Value::Number(number)) = self.0.pop_front() else { panic!("no number there") };
        number
    }

    pub(crate) fn json_path(&mut self) -> JsonPath {
        let Some(Value::Path(path)) = self.0.pop_front() else { panic!("no `JSONPATH` there") };
        path
    }

    pub(crate) fn rows(&mut self, step: fn(String, String) -> StepKind) -> Vec<StepKind> {
        self.pairs().into_iter().map(|(first, second)| step(first, second)).collect()
    }

    pub(crate) fn pairs(&mut self) -> Vec<(String, String)> {
        let Some(Value::Rows(rows)) = self.0.pop_front() else { panic!("no table there") };
        rows
    }

    pub(crate) fn table(&mut self) -> Vec<Row> {
        let Some(Value::Table(rows)) = self.0.pop_front() else { panic!("no table there") };
        rows
    }
}

pub(crate) const UNITS: [(&str, u64); 4] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

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
    below: Below,
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
    let attached = attachment(below, text, attached);
    Some(attached.map(|value| {
        values.extend(value);
        Args(values)
    }))
}

/// `500 ms` is one value written as two words.
fn join_time<'a>(holes: &[Token<'_>], text: &'a str, found: &mut Vec<Token<'a>>) {
    let Some(at) = holes.iter().position(|hole| hole.text == "TIME" && !hole.quoted) else {
        return;
    };
    if found.len() == holes.len() + 1 && !found[at + 1].quoted {
        let unit = found.remove(at + 1);
        let time = &mut found[at];
        time.text = &text[time.offset..unit.offset + unit.text.len()];
    }
}

/// The words that stand for a word of the twin's or the interface's.
const NAMES: [&str; 2] = ["SERVICE", "KIND"];

fn fits(hole: Token<'_>, token: Token<'_>) -> bool {
    if hole.quoted || token.quoted {
        return hole.quoted == token.quoted;
    }
    // The colon before what stands below is no part of a name.
    let (hole, word) = match (hole.text.strip_suffix(':'), token.text.strip_suffix(':')) {
        (Some(hole), Some(word)) => (hole, word),
        _ => (hole.text, token.text),
    };
    match hole {
        "N" | "TIME" | "STATUS" | "VALUE" => true,
        "COUNT" => count(word).is_some(),
        hole if NAMES.contains(&hole) => is_name(word),
        hole => hole.split('|').any(|choice| choice == word),
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

/// Far more than any twin is asked for in one trajectory.
const COUNT_MAX: u32 = 1_000_000;

fn count(word: &str) -> Option<u32> {
    if word == "no" { Some(0) } else { word.parse().ok().filter(|count| *count <= COUNT_MAX) }
}

fn value(hole: Token<'_>, token: Token<'_>) -> Result<Option<Value>, Slip> {
    if hole.quoted { quoted_value(hole, token).map(Some) } else { bare_value(hole, token) }
}

fn bad(token: Token<'_>, message: String, help: &str) -> Slip {
    Slip::new(token.offset, "bad-value", message, help)
}

/// A word's value; none for words that are only to be there.
fn bare_value(hole: Token<'_>, token: Token<'_>) -> Result<Option<Value>, Slip> {
    let bad = |message: String, help: &str| bad(token, message, help);
    let text = match hole.text {
        "N" => {
            let code = token.text.parse::<u8>();
            let code =
                code.map_err(|_| bad(format!("`{}` is no exit code", token.text), "0 to 255"))?;
            return Ok(Some(Value::Code(i32::from(code))));
        }
        "TIME" => {
            let time = duration(token.text, &UNITS);
            let help = "a whole number above 0 and ms, s, m or h: `500 ms`, `2s`";
            let time = time.ok_or_else(|| bad(format!("`{}` is no time", token.text), help))?;
            return Ok(Some(Value::Time(time)));
        }
        "COUNT" => return Ok(count(token.text).map(Value::Number)),
        "STATUS" => {
            let code = token.text.parse::<u32>().ok().filter(|code| (100..=599).contains(code));
            let help = "three digits, 100 to 599";
            let code = code.ok_or_else(|| bad(format!("`{}` is no status", token.text), help))?;
            return Ok(Some(Value::Number(code)));
        }
        "VALUE" => {
            let help = "a number, true, false or null; a text stands in quotes";
            check_json(token.text).map_err(|why| bad(why, help))?;
            token.text.to_owned()
        }
        name if NAMES.contains(&name.trim_end_matches(':')) => {
            token.text.trim_end_matches(':').to_owned()
        }
        word if word.contains('|') => token.text.to_owned(),
        _ => return Ok(None),
    };
    Ok(Some(Value::Text(text)))
}

fn quoted_value(hole: Token<'_>, token: Token<'_>) -> Result<Value, Slip> {
    let bad = |message: String, help: &str| bad(token, message, help);
    let plain = || unescape(token.text).map_err(|slip| slip.moved(token.offset));
    let text = match hole.text {
        "COMMAND" => {
            // The quotes of the step are peeled first, then a shell's quotes inside.
            let words = words(&plain()?).map_err(|slip| Slip { offset: token.offset, ..slip })?;
            return Ok(Value::Words(words));
        }
        "REGEX" => {
            check_regex(token.text).map_err(|why| bad(why, "see https://docs.rs/regex#syntax"))?;
            token.text.to_owned()
        }
        "PATH" => {
            let path = plain()?;
            check_path(&path)
                .map_err(|why| bad(why, "write it relative to the working directory"))?;
            path
        }
        "JSONPATH" => {
            let path = plain()?.parse::<JsonPath>();
            let path =
                path.map_err(|why| bad(why.to_string(), "names after dots, numbers in brackets"))?;
            return Ok(Value::Path(path));
        }
        "TARGET" => {
            let target = plain()?;
            if !target.starts_with('/')
                || target.contains(|c: char| c.is_whitespace() || c.is_control())
            {
                let message = format!("`{}` is no path of a request", target.escape_debug());
                return Err(bad(message, "begin it with `/`; write a space as `%20`"));
            }
            target
        }
        "HEADER" => {
            let name = plain()?;
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            if name.is_empty() || !name.bytes().all(plain) {
                return Err(bad(
                    format!("`{}` is no header", name.escape_debug()),
                    "letters, digits and `-`",
                ));
            }
            name
        }
        "NAME" => {
            let name = plain()?;
            check_name(&name).map_err(|why| bad(why, "letters, digits and `_`, no digit first"))?;
            name
        }
        _ => plain()?,
    };
    Ok(Value::Text(text))
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

fn check_json(text: &str) -> Result<(), String> {
    let read = serde_json::from_str::<serde_json::Value>(text);
    read.map(|_| ()).map_err(|why| format!("not JSON: {why}"))
}

/// The value below the step.
fn attachment(below: Below, text: &str, attached: &Attached) -> Result<Option<Value>, Slip> {
    let slip = |message: &str, help: String| {
        Err(Slip::new(text.trim_end().len(), "bad-attachment", message, help))
    };
    match (attached, below) {
        (Attached::None, Below::Nothing) => Ok(None),
        (Attached::DocString(doc), Below::Text) => Ok(Some(Value::Text(doc.clone()))),
        (Attached::DocString(doc), Below::Json) => {
            let wrong = |why| Slip::new(0, "bad-value", why, "write one JSON value");
            check_json(doc).map_err(wrong)?;
            Ok(Some(Value::Text(doc.clone())))
        }
        (Attached::DocString(doc), Below::Command) => {
            let words = words(doc).map_err(|slip| Slip { offset: 0, ..slip })?;
            Ok(Some(Value::Words(words)))
        }
        (Attached::Table(rows), Below::Pairs(head)) => table_rows(rows, head).map(Some),
        (Attached::Table(rows), Below::Table) => any_table(rows).map(Some),
        (_, Below::Pairs([first, second])) => {
            slip("a data table is missing below", format!("as in: | {first} | {second} |"))
        }
        (_, Below::Table) => {
            slip("a data table is missing below", "its first row names the columns".into())
        }
        (_, Below::Text | Below::Command | Below::Json) => slip(
            "a doc string is missing below",
            "write the text between two lines of \"\"\"".into(),
        ),
        (_, Below::Nothing) => slip(
            "this step takes nothing below it",
            "end the step with `:` where there is such a form, or take the text away".into(),
        ),
    }
}

/// Rows by the names of their columns; an empty cell is none.
fn any_table(rows: &[Vec<String>]) -> Result<Value, Slip> {
    let slip = |message: &str, help: &str| Err(Slip::new(0, "bad-value", message, help));
    let Some((head, rows)) = rows.split_first() else {
        return slip("the table is empty", "its first row names the columns");
    };
    let mut names: Vec<&String> = head.iter().collect();
    names.sort();
    names.dedup();
    if names.len() != head.len() || head.iter().any(String::is_empty) {
        return slip("two columns have one name, or one has none", "give each column its own");
    }
    let row = |cells: &Vec<String>| -> Row {
        let named = head.iter().cloned().zip(cells.iter().cloned());
        named.filter(|(_, cell)| !cell.is_empty()).collect()
    };
    Ok(Value::Table(rows.iter().map(row).collect()))
}

fn table_rows(rows: &[Vec<String>], head: [&str; 2]) -> Result<Value, Slip> {
    let slip = |message: String, help: String| Err(Slip::new(0, "bad-value", message, help));
    let Some((first, rows)) = rows.split_first().filter(|(first, _)| **first == head) else {
        let help = format!("begin it with | {} | {} |", head[0], head[1]);
        return slip("the table has another header".to_owned(), help);
    };
    debug_assert_eq!(first.len(), head.len());
    let check = match head[0] {
        "path" => check_path,
        "name" => check_name,
        _ => |_: &str| Ok(()),
    };
    let mut pairs = Vec::new();
    for row in rows {
        let [key, value] = &row[..] else {
            return slip("a row has not two cells".to_owned(), "write two cells".to_owned());
        };
        if head[1] == "verdict" && !matches!(value.as_str(), "yes" | "no") {
            let message = format!("`{}` is no verdict", value.escape_debug());
            return slip(message, "write `yes` or `no`".to_owned());
        }
        if let Err(why) = check(key) {
            return slip(why, format!("correct the column `{}`", head[0]));
        }
        pairs.push((key.clone(), value.clone()));
    }
    Ok(Value::Rows(pairs))
}
