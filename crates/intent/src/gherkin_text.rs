//! What crate `gherkin` does not tell: exact doc strings, lines of table rows, readable errors,
//! and lines that it takes for prose though they were meant as steps.
//!
//! It looks at the text of a feature and refuses to know what a step means.

use base::Diagnostic;
use gherkin::{Feature, Table};

use crate::markdown::lines;
use crate::steps::is_step;
use crate::text::{Doc, Slip, escape, list};

const FENCES: [&str; 2] = ["\"\"\"", "```"];
const STEP_KEYWORDS: [&str; 6] = ["Given", "When", "Then", "And", "But", "*"];
const BLOCK_KEYWORDS: [&str; 9] = [
    "Feature",
    "Rule",
    "Background",
    "Scenario",
    "Example",
    "Scenario Outline",
    "Scenario Template",
    "Examples",
    "Scenarios",
];

/// `source` without white space at the ends of lines, but for doc strings, which mean theirs.
///
/// No line or column moves. The crate's time grows with the square of a run of white space.
pub(crate) fn trimmed(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut fence: Option<&str> = None;
    for line in lines(source, 0) {
        let mark = FENCES.into_iter().find(|mark| line.text.trim_start().starts_with(mark));
        match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, Some(mark)) => fence = Some(mark),
            _ => {}
        }
        out.push_str(if fence.is_some() { line.text } else { line.text.trim_end() });
        out.push('\n');
    }
    out
}

/// The first byte at or after `from` that is neither blank nor in a comment: where a thing starts
/// whose span includes the comments above it.
pub(crate) fn skip_to(source: &str, from: usize) -> usize {
    let mut at = from.min(source.len());
    loop {
        let rest = &source[at..];
        at += rest.len() - rest.trim_start().len();
        if !source[at..].starts_with('#') {
            return at;
        }
        at = source[at..].find('\n').map_or(source.len(), |end| at + end + 1);
    }
}

/// Where the nearest `@tag` above byte `before` stands.
pub(crate) fn tag_offset(source: &str, before: usize, tag: &str) -> usize {
    source[..before.min(source.len())].rfind(&format!("@{tag}")).unwrap_or(before)
}

/// The doc string below the step that ends at byte `after`, by Gherkin's own rule: the indent of its
/// opening line is taken off each line, and nothing else. (The crate takes off what all lines share.)
pub(crate) fn doc_string(source: &str, after: usize) -> Option<String> {
    let mut rest = lines(source, skip_to(source, after));
    let open = rest.next()?.text;
    let fence = FENCES.into_iter().find(|fence| open.starts_with(fence))?;
    let at = skip_to(source, after);
    let indent = at - source[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let mut content = Vec::new();
    for line in rest {
        if line.text.trim_start().starts_with(fence) {
            return Some(content.join("\n"));
        }
        let blank = line.text.chars().take(indent).take_while(|c| c.is_whitespace());
        content.push(&line.text[blank.map(char::len_utf8).sum()..]);
    }
    None
}

/// The shortest name that is taken for a misspelt placeholder.
const PLACEHOLDER_BYTES_MIN: usize = 4;

/// One row of an outline's table: what its placeholders stand for.
pub(crate) struct Outline {
    /// Where the row stands.
    pub(crate) offset: usize,
    cells: Vec<(String, String)>,
}

impl Outline {
    /// The rows below the header.
    pub(crate) fn rows(source: &str, table: &Table) -> Vec<Self> {
        let Some((head, rows)) = table.rows.split_first() else { return Vec::new() };
        let offsets = row_lines(source, table).map(|(offset, _)| offset).skip(1);
        let rows = rows.iter().zip(offsets).map(|(row, offset)| Self {
            offset,
            cells: head.iter().cloned().zip(row.iter().cloned()).collect(),
        });
        rows.collect()
    }

    /// `text` with each `<name>` replaced by its cell.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.replace(text, |_, cell| cell.to_owned())
    }

    /// The same for a step: between quotes a cell is escaped, so that it means what it shows.
    pub(crate) fn fill_step(&self, text: &str) -> String {
        self.replace(
            text,
            |before, cell| {
                if is_quoted(before) { escape(cell) } else { cell.to_owned() }
            },
        )
    }

    fn replace(&self, text: &str, write: impl Fn(&str, &str) -> String) -> String {
        let mut filled = String::new();
        let mut at = 0;
        while let Some(start) = text[at..].find('<').map(|start| at + start) {
            filled.push_str(&text[at..start]);
            let close = text[start..].find('>').map(|end| start + end);
            let name = close.map(|close| &text[start + 1..close]);
            let cell = name.and_then(|name| self.cells.iter().find(|(head, _)| head == name));
            at = match (cell, close) {
                (Some((_, cell)), Some(close)) => {
                    filled.push_str(&write(&text[..start], cell));
                    close + 1
                }
                _ => {
                    filled.push('<');
                    start + 1
                }
            };
        }
        filled.push_str(&text[at..]);
        filled
    }

    /// A `<nmae>` that is nearly a column's name; others are text, such as `<html>`.
    pub(crate) fn unknown_placeholder(&self, text: &str) -> Option<Slip> {
        for (offset, _) in text.match_indices('<') {
            let Some(name) = text[offset + 1..].split_once('>').map(|(name, _)| name) else {
                break;
            };
            let heads = || self.cells.iter().map(|(head, _)| head.as_str());
            // Shorter names are as near to a column as to a tag of HTML.
            if name.len() >= PLACEHOLDER_BYTES_MIN
                && !heads().any(|head| head == name)
                && let Some(near) = base::nearest(name, heads())
            {
                let message = format!("the examples have no column `{name}`");
                let help = format!("did you mean `<{near}>`?");
                return Some(Slip::new(offset, "unknown-column", message, help));
            }
        }
        None
    }
}

fn is_quoted(before: &str) -> bool {
    let mut quoted = false;
    let mut hidden = false;
    for c in before.chars() {
        match c {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    quoted
}

/// The offset and text of each row of a table: its lines, without blank ones and comments.
fn row_lines<'a>(source: &'a str, table: &Table) -> impl Iterator<Item = (usize, &'a str)> {
    let start = skip_to(source, table.span.start);
    let line = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let rows = lines(source, line).map(|line| {
        let indent = line.text.len() - line.text.trim_start().len();
        (line.offset + indent, line.text.trim())
    });
    rows.filter(|(_, text)| text.starts_with('|')).take(table.rows.len())
}

/// A row with more or fewer cells than the header; the crate cuts longer ones off in silence.
pub(crate) fn cell_slip(doc: Doc<'_>, table: &Table) -> Option<Diagnostic> {
    let mut rows = row_lines(doc.source, table).map(|(offset, text)| (offset, cells(text)));
    let (_, expected) = rows.next()?;
    let (offset, count) = rows.find(|(_, count)| *count != expected)?;
    let message = format!("{count} cells where the header has {expected}");
    let slip = doc.error(offset, "bad-table", message);
    Some(slip.help("give each row as many cells as the header; write `\\|` for a bar in a cell"))
}

fn cells(row: &str) -> usize {
    let mut hidden = false;
    let bars = row.chars().filter(|c| {
        let bar = *c == '|' && !hidden;
        hidden = *c == '\\' && !hidden;
        bar
    });
    bars.count().saturating_sub(1)
}

/// The crate's error, `Error at LINE:COLUMN: {tokens}`, in words: what the line looks like, and what
/// was expected there.
pub(crate) fn explain(doc: Doc<'_>, error: &str) -> Diagnostic {
    let numbers = error.strip_prefix("Error at ").and_then(|rest| {
        let mut parts = rest.split(':');
        Some((parts.next()?.parse::<usize>().ok()?, parts.next()?.parse::<usize>().ok()?))
    });
    let (number, column) = numbers.unwrap_or((1, 1));
    let line = lines(doc.source, 0).nth(number.saturating_sub(1));
    let (start, text) = line.map_or((doc.source.len(), ""), |line| (line.offset, line.text));
    let indent = text.len() - text.trim_start().len();
    let offset = start + (column.saturating_sub(1)).max(indent).min(text.len());
    let text = text.trim();
    if !doc.source.lines().any(|line| line.trim_start().starts_with("Feature")) {
        let none = doc.error(offset, "bad-gherkin", "the file has no `Feature:`");
        return none.help("begin it with `Feature: …`, then `Scenario: …` and its steps");
    }
    if let Some(open) = open_fence(doc.source) {
        let open = doc.error(open, "bad-gherkin", "the doc string is never closed");
        return open.help("end it with the line that opened it");
    }
    // The parser stops where nothing fits any more, which is often a line after the slip.
    let slip = prose(doc.source).find_map(|(offset, text)| near_keyword(doc, offset, text));
    if let Some(slip) = slip.or_else(|| row_slip(doc)) {
        return slip;
    }
    let message = if text.is_empty() {
        "the file ends too early".to_owned()
    } else {
        format!("not Gherkin here: `{text}`")
    };
    let help =
        "expected a step (Given, When, Then, And, But), a tag, `Scenario:`, `Examples:` or `Rule:`";
    doc.error(offset, "bad-gherkin", message).help(help)
}

/// The doc string that the file leaves open, if any.
fn open_fence(source: &str) -> Option<usize> {
    let mut open: Option<(&str, usize)> = None;
    for line in lines(source, 0) {
        let text = line.text.trim_start();
        let fence = FENCES.into_iter().find(|fence| text.starts_with(fence));
        match (open, fence) {
            (None, Some(fence)) => {
                open = Some((fence, line.offset + line.text.len() - text.len()));
            }
            (Some((opened, _)), Some(fence)) if opened == fence => open = None,
            _ => {}
        }
    }
    open.map(|(_, offset)| offset)
}

/// `Senario: …` and `Givne I run …`.
fn near_keyword(doc: Doc<'_>, offset: usize, text: &str) -> Option<Diagnostic> {
    if let Some((word, _)) = text.split_once(':')
        && let Some(near) = base::nearest(word, BLOCK_KEYWORDS)
    {
        let message = format!("unknown keyword `{word}:`");
        let slip = doc.error(offset, "unknown-keyword", message);
        return Some(slip.help(format!("did you mean `{near}:`?")));
    }
    let (word, rest) = text.split_once(char::is_whitespace)?;
    if !is_step(rest.trim()) && !is_step(text) {
        return None;
    }
    let message = format!("a step needs a keyword, and `{word}` is none");
    let slip = doc.error(offset, "unknown-keyword", message);
    Some(slip.help(match base::nearest(word, STEP_KEYWORDS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the keywords are {}", list(STEP_KEYWORDS)),
    }))
}

/// Lines that the crate reads as free description though they were meant otherwise: a misspelt
/// keyword would otherwise drop a step, or a whole scenario, without a word.
pub(crate) fn swallowed(doc: Doc<'_>, feature: &Feature) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    let started = skip_to(doc.source, feature.span.start);
    let described = started..first_block(feature);
    for (offset, text) in prose(doc.source).filter(|(offset, _)| *offset > started) {
        found.extend(near_keyword(doc, offset, text));
    }
    // Below a misspelt `Senario:` every step is lost; the one finding says enough.
    if found.is_empty() {
        let steps = unfenced(doc.source).filter(|(_, text)| is_keyed_step(text));
        for (offset, _) in steps.filter(|(offset, _)| described.contains(offset)) {
            let lost = doc.error(offset, "lost-step", "a step outside of any scenario");
            found.push(lost.help("write `Scenario: …` or `Background:` above it"));
        }
    }
    found
}

/// The lines outside of doc strings, trimmed, without blank lines, comments and tags.
fn unfenced(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence: Option<&str> = None;
    lines(source, 0).filter_map(move |line| {
        let text = line.text.trim();
        let mark = FENCES.into_iter().find(|mark| text.starts_with(mark));
        match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, Some(mark)) => fence = Some(mark),
            _ => {}
        }
        let offset = line.offset + (line.text.len() - line.text.trim_start().len());
        let read = fence.is_none() && mark.is_none() && !text.is_empty();
        (read && !text.starts_with(['#', '@'])).then_some((offset, text))
    })
}

/// Those of them that begin with no keyword and are no row of a table.
fn prose(source: &str) -> impl Iterator<Item = (usize, &str)> {
    unfenced(source).filter(|(_, text)| {
        let block = text.split_once(':').is_some_and(|(word, _)| BLOCK_KEYWORDS.contains(&word));
        let step = STEP_KEYWORDS
            .iter()
            .any(|keyword| text.strip_prefix(keyword).is_some_and(|rest| rest.starts_with(' ')));
        !block && !step && !text.starts_with('|')
    })
}

/// The first row of any table that has other cells than the row above it, or a bad escape.
fn row_slip(doc: Doc<'_>) -> Option<Diagnostic> {
    let mut expected: Option<usize> = None;
    for (offset, text) in unfenced(doc.source) {
        if !text.starts_with('|') {
            expected = None;
            continue;
        }
        let count = cells(text);
        if !text.ends_with('|') || expected.is_some_and(|expected| expected != count) {
            let message = format!("not a row of this table: `{text}`");
            let row = doc.error(offset, "bad-table", message);
            return Some(row.help("end it with `|`, and give it as many cells as the header"));
        }
        if let Some(at) = bad_cell_escape(text) {
            let escape = doc.error(offset + at, "bad-escape", "this backslash escapes nothing");
            return Some(escape.help("in a cell the escapes are `\\|`, `\\n` and `\\\\`"));
        }
        expected = Some(count);
    }
    None
}

fn bad_cell_escape(row: &str) -> Option<usize> {
    let mut chars = row.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && !chars.next().is_some_and(|(_, c)| matches!(c, 'n' | '|' | '\\')) {
            return Some(at);
        }
    }
    None
}

/// Where the description of the feature ends at the latest.
fn first_block(feature: &Feature) -> usize {
    let background = feature.background.iter().map(|background| background.span.start);
    let scenarios = feature.scenarios.iter().map(|scenario| scenario.span.start);
    let rules = feature.rules.iter().map(|rule| rule.span.start);
    background.chain(scenarios).chain(rules).min().unwrap_or(usize::MAX)
}

fn is_keyed_step(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(_, rest)| is_step(rest.trim()))
}

/// A `# language:` other than English: the step library has one language, and so has a file.
pub(crate) fn foreign_language(doc: Doc<'_>) -> Option<Diagnostic> {
    let comments = lines(doc.source, 0).take_while(|line| {
        let text = line.text.trim();
        text.is_empty() || text.starts_with('#')
    });
    for line in comments {
        let directive = line.text.trim().trim_start_matches('#').trim_start();
        let language = directive
            .strip_prefix("language")
            .and_then(|rest| rest.trim_start().strip_prefix(':').map(str::trim));
        if let Some(language) = language.filter(|language| *language != "en") {
            let message = format!("the language `{language}` is not read");
            let foreign = doc.error(line.offset, "bad-gherkin", message);
            return Some(foreign.help("write keywords and steps in English"));
        }
    }
    None
}
