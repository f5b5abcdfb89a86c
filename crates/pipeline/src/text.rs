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
        let mut here = Mark { offset: 0, line: 1, column: 1 };
        let mut marks = vec![here];
        for (offset, c) in source.char_indices() {
            here.offset = offset + c.len_utf8();
            if c == '\n' {
                here.line = here.line.saturating_add(1);
                here.column = 1;
                marks.push(here);
            } else {
                here.column = here.column.saturating_add(1);
                if here.offset - marks[marks.len() - 1].offset >= MARK_BYTES {
                    marks.push(here);
                }
            }
        }
        Self { file: file.to_owned(), source: source.into(), marks }
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
