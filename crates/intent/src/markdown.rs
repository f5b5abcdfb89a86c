//! Just enough Markdown to find an intent's sections and list items, with places.
//!
//! It reads lines, never inline markup, and refuses to know what any section means.

/// A line of the document without its line ending, and where it starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    pub(crate) offset: usize,
}

/// The lines of `source` from byte `start` on.
pub(crate) fn lines(source: &str, start: usize) -> impl Iterator<Item = Line<'_>> {
    let mut offset = start;
    source[start..].split_inclusive('\n').map(move |raw| {
        let line = Line { text: raw.trim_end_matches(['\n', '\r']), offset };
        offset += raw.len();
        line
    })
}

/// A `## ` heading and the lines below it.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    pub(crate) name: &'a str,
    pub(crate) offset: usize,
    pub(crate) lines: Vec<Line<'a>>,
}

impl Section<'_> {
    /// The section's text without the blank lines around it.
    pub(crate) fn text(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|line| line.text.trim_end()).collect();
        lines.join("\n").trim_matches('\n').to_owned()
    }
}

/// The lines before the first `## ` heading, and the sections. Fenced code has no headings.
pub(crate) fn sections(source: &str, start: usize) -> (Vec<Line<'_>>, Vec<Section<'_>>) {
    let mut before = Vec::new();
    let mut sections: Vec<Section<'_>> = Vec::new();
    let mut fence: Option<&str> = None;
    for line in lines(source, start) {
        let trimmed = line.text.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        let heading = line.text.strip_prefix("## ").filter(|_| fence.is_none());
        match (heading, sections.last_mut()) {
            (Some(name), _) => sections.push(Section {
                name: name.trim().trim_end_matches('#').trim_end(),
                offset: line.offset,
                lines: Vec::new(),
            }),
            (None, Some(section)) => section.lines.push(line),
            (None, None) => before.push(line),
        }
    }
    (before, sections)
}

/// Text that was written over several lines, joined by single spaces, and where each part came from.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    pub(crate) text: String,
    /// Byte in `text` -> byte in the document, one for each line, in order.
    parts: Vec<(usize, usize)>,
}

impl Joined {
    fn push(&mut self, text: &str, offset: usize) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.parts.push((self.text.len(), offset));
        self.text.push_str(text);
    }

    /// Where byte `at` of the text stands in the document.
    pub(crate) fn source(&self, at: usize) -> usize {
        let part = self.parts.iter().rev().find(|(start, _)| *start <= at);
        part.map_or(0, |(start, offset)| offset + (at - start))
    }

    /// Where it begins.
    pub(crate) fn start(&self) -> usize {
        self.source(0)
    }
}

/// A list item and the items nested below it.
#[derive(Debug, Default)]
pub(crate) struct Item {
    pub(crate) text: Joined,
    pub(crate) nested: Vec<Joined>,
}

/// The list items of a section, and the lines that belong to none.
///
/// Items start with `- ` or `* `; two columns or more make one nested. A line right below an item,
/// or indented after a blank one, continues it.
pub(crate) fn items<'a>(section: &Section<'a>) -> (Vec<Item>, Vec<Line<'a>>) {
    let mut items: Vec<Item> = Vec::new();
    let mut strays = Vec::new();
    let mut open = false;
    let mut blank = false;
    for line in &section.lines {
        let text = line.text.trim();
        let indent = line.text.len() - line.text.trim_start().len();
        let offset = line.offset + indent;
        if text.is_empty() {
            blank = true;
            continue;
        }
        let bullet = text.strip_prefix(['-', '*']).filter(|rest| rest.starts_with([' ', '\t']));
        match (bullet, items.last_mut().filter(|_| open)) {
            (Some(rest), last) => {
                let body = rest.trim_start();
                let offset = offset + (text.len() - body.len());
                let mut joined = Joined::default();
                joined.push(body, offset);
                match last.filter(|_| indent >= 2) {
                    Some(item) => item.nested.push(joined),
                    None => items.push(Item { text: joined, nested: Vec::new() }),
                }
                open = true;
            }
            (None, Some(item)) if (!blank || indent >= 2) && !line.text.starts_with('#') => {
                let Item { text: own, nested } = item;
                nested.last_mut().unwrap_or(own).push(text, offset);
            }
            (None, _) => {
                open = false;
                strays.push(*line);
            }
        }
        blank = false;
    }
    (items, strays)
}

/// A piece of inline text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// What stands between backticks.
    Code(&'a str),
    Word(&'a str),
    /// `,` `;` `.` `=` and the like: one character that is neither a word nor code.
    Mark(char),
}

/// `text` as code spans, words and marks, each with its offset. A run of backticks is closed by a
/// run as long (CommonMark 6.1); an unclosed one is an error at its offset.
pub(crate) fn pieces(text: &str) -> Result<Vec<(usize, Piece<'_>)>, usize> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if c == '`' {
            let run = rest.bytes().take_while(|b| *b == b'`').count();
            let length = code_length(&rest[run..], run).ok_or(at)?;
            pieces.push((at + run, Piece::Code(&rest[run..run + length])));
            at += run + length + run;
        } else if is_word(c) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            pieces.push((at, Piece::Word(&rest[..length])));
            at += length;
        } else {
            if !c.is_whitespace() {
                pieces.push((at, Piece::Mark(c)));
            }
            at += c.len_utf8();
        }
    }
    Ok(pieces)
}

/// How many bytes lie before the next run of exactly `run` backticks.
fn code_length(text: &str, run: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].find('`') {
        let start = at + next;
        let length = text[start..].bytes().take_while(|b| *b == b'`').count();
        if length == run {
            return Some(start);
        }
        at = start + length;
    }
    None
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '\'')
}
