//! A source text and where things stand in it: byte offsets inside, lines and columns outside.

use std::sync::Arc;

use base::Place;

/// Between two marks at most so many bytes are counted for a column, so that finding a place stays
/// cheap in a file that is one endless line.
const MARK_BYTES: usize = 1024;

/// A named source text that can tell the place of a byte offset quickly.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    file: String,
    source: Arc<str>,
    marks: Vec<Mark>,
}

/// The line and column of an offset.
#[derive(Debug, Clone, Copy)]
struct Mark {
    offset: usize,
    line: u32,
    column: u32,
}

impl Text {
    pub(crate) fn new(file: &str, source: &str) -> Self {
        let mut marks = Vec::new();
        let (mut offset, mut line) = (0, 1_u32);
        for text in source.split_inclusive('\n') {
            mark_line(text, Mark { offset, line, column: 1 }, &mut marks);
            offset += text.len();
            line = line.saturating_add(1);
        }
        if source.is_empty() || source.ends_with('\n') {
            marks.push(Mark { offset, line, column: 1 });
        }
        Self { file: file.to_owned(), source: source.into(), marks }
    }

    /// The name to show for the file.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The place of a byte offset; past the end is the end.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let mut end = offset.min(self.source.len());
        while !self.source.is_char_boundary(end) {
            end -= 1;
        }
        // The first mark is at offset 0, so that there is always one before.
        let mark = self.marks[self.marks.partition_point(|mark| mark.offset <= end) - 1];
        let characters = self.source[mark.offset..end].chars().count();
        let column = mark.column.saturating_add(u32::try_from(characters).unwrap_or(u32::MAX));
        Place { file: self.file.clone(), line: mark.line, column }
    }

    /// The offset in the source of byte `index` of the string whose value starts at `value`:
    /// quotes and escapes take room that the value does not have.
    pub(crate) fn inside(&self, value: usize, index: usize) -> usize {
        let Some(raw) = self.source.get(value..).and_then(|rest| rest.strip_prefix('"')) else {
            return value + index;
        };
        let mut decoded = 0;
        let mut characters = raw.char_indices().peekable();
        while let Some((offset, c)) = characters.next() {
            if decoded >= index || c == '"' {
                return value + 1 + offset;
            }
            decoded += match (c, characters.peek().map(|(_, next)| *next)) {
                ('\\', Some('"' | '\\' | 'n' | 't')) => {
                    characters.next();
                    1
                }
                ('\\', Some('\n')) => {
                    characters.next();
                    0
                }
                _ => c.len_utf8(),
            };
        }
        value
    }
}

/// Marks the beginning of a line, and places within it.
fn mark_line(text: &str, mut here: Mark, marks: &mut Vec<Mark>) {
    marks.push(here);
    let begin = here.offset;
    // Line by line it is faster to know that there is nothing more to mark than to look.
    let characters = if text.len() < MARK_BYTES { "" } else { text }.char_indices();
    for (count, (offset, _)) in characters.enumerate() {
        if begin + offset - here.offset >= MARK_BYTES {
            let column = u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
            here = Mark { offset: begin + offset, column, ..here };
            marks.push(here);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_agree_with_a_count_from_the_start() {
        let long = "é".repeat(3000);
        let source = format!("a\n\n{long}x\r\nü = 2");
        let text = Text::new("f", &source);
        for offset in 0..source.len() + 2 {
            assert_eq!(text.place(offset), Place::at("f", &source, offset), "{offset}");
        }
    }

    #[test]
    fn escapes_are_stepped_over() {
        let text = Text::new("f", r#"x="a\"b\nc""#);
        let offsets: Vec<usize> = (0..6).map(|index| text.inside(2, index)).collect();
        assert_eq!(offsets, [3, 4, 6, 7, 9, 10]);
    }
}
