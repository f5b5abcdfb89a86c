//! From a model's answer to files.
//!
//! An answer holds each file whole in a fenced block; before a block the file's path stands on a line
//! of its own, unless the write-set names one file only. This module refuses to guess: an answer that
//! breaks off or names a foreign path is no answer.

use crate::Files;
use crate::paths::{allowed, only};

/// Why an answer holds no usable files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error("no fenced block")]
    NoBlock,
    #[error("the last fenced block is never closed")]
    Unclosed,
    #[error("an empty file")]
    Empty,
    #[error("a block without the path of its file before it")]
    NoPath,
    #[error("`{0}` is not in the write-set")]
    Foreign(String),
    #[error("`{0}` is written twice")]
    Twice(String),
}

/// The files that `text` hands in, each with one newline at its end.
///
/// With a write-set of one file, its first block counts and what follows is commentary.
///
/// # Errors
/// When there is no closed block, a path is missing or outside `write_set`, or a file comes twice.
pub fn read_answer(text: &str, write_set: &[String]) -> Result<Files, AnswerError> {
    let (blocks, broken_off) = blocks(text);
    let single = only(write_set).zip(blocks.first());
    if let Some((path, block)) = single {
        return Ok(Files::from([(path.to_owned(), whole(&block.body)?)]));
    }
    if broken_off {
        return Err(AnswerError::Unclosed);
    }
    if blocks.is_empty() {
        return Err(AnswerError::NoBlock);
    }
    let mut files = Files::new();
    for block in blocks {
        let path = block.path.ok_or(AnswerError::NoPath)?;
        if !allowed(&path, write_set) {
            return Err(AnswerError::Foreign(path));
        }
        let body = whole(&block.body)?;
        if files.insert(path.clone(), body).is_some() {
            return Err(AnswerError::Twice(path));
        }
    }
    Ok(files)
}

struct Block {
    /// What the line before the block names, if it looks like a path.
    path: Option<String>,
    body: String,
}

/// The blocks that are closed, and whether another breaks off after them.
fn blocks(text: &str) -> (Vec<Block>, bool) {
    let mut found = Vec::new();
    let mut before = "";
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(fence) = fence(line) else {
            if !line.trim().is_empty() {
                before = line;
            }
            continue;
        };
        let mut body = String::new();
        loop {
            let Some(line) = lines.next() else { return (found, true) };
            if line.trim_end() == fence {
                break;
            }
            body.push_str(line);
            body.push('\n');
        }
        found.push(Block { path: path(before), body });
        before = "";
    }
    (found, false)
}

/// The backticks that open a block on this line: three or more, then at most a language.
fn fence(line: &str) -> Option<&str> {
    let ticks = line.len() - line.trim_start_matches('`').len();
    let tag = line[ticks..].trim();
    (ticks >= 3 && !tag.contains('`') && !tag.contains(' ')).then(|| &line[..ticks])
}

/// `` `a/b.py` ``, `**a/b.py**:`, `### a/b.py`, `File: a/b.py`: what models write before a file.
fn path(line: &str) -> Option<String> {
    let last = line.split_whitespace().last()?;
    let path = last.trim_matches(|c: char| matches!(c, '`' | '*' | ':' | '#' | '"' | '\''));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_' | '-');
    (!path.is_empty() && path.chars().all(plain)).then(|| path.to_owned())
}

fn whole(body: &str) -> Result<String, AnswerError> {
    let body = body.trim_end();
    if body.trim().is_empty() { Err(AnswerError::Empty) } else { Ok(format!("{body}\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, write_set: &[&str]) -> Result<Vec<(String, String)>, AnswerError> {
        let write_set: Vec<String> = write_set.iter().map(|path| (*path).to_owned()).collect();
        read_answer(text, &write_set).map(|files| files.into_iter().collect())
    }

    fn file(path: &str, body: &str) -> (String, String) {
        (path.to_owned(), body.to_owned())
    }

    #[test]
    fn one_file_is_the_first_block_whatever_stands_around_it() {
        let text = "Sure!\n\n```python\nprint(1)\n\n```\nRun it:\n```sh\nrm -r x\n```\n";
        assert_eq!(read(text, &["a.py"]), Ok(vec![file("a.py", "print(1)\n")]));
        let untagged = "```\nprint(1)\n```";
        assert_eq!(read(untagged, &["a.py"]), Ok(vec![file("a.py", "print(1)\n")]));
    }

    #[test]
    fn a_longer_fence_holds_a_shorter_one() {
        let text = "````md\n```\nx\n```\n````";
        assert_eq!(read(text, &["a.md"]), Ok(vec![file("a.md", "```\nx\n```\n")]));
    }

    #[test]
    fn commentary_that_breaks_off_takes_nothing_away() {
        let text = "```python\nprint(1)\n```\nUse it so:\n```sh\npython";
        assert_eq!(read(text, &["a.py"]), Ok(vec![file("a.py", "print(1)\n")]));
    }

    #[test]
    fn each_of_several_files_has_its_path_on_the_line_before() {
        let text = "`a.py`\n```python\n1\n```\n\n### lib/b.py:\n\n```\n2\n```\n";
        let both = vec![file("a.py", "1\n"), file("lib/b.py", "2\n")];
        assert_eq!(read(text, &["a.py", "lib/*.py"]), Ok(both));
        let half = "a.py\n```\n1\n```\nlib/b.py\n```\n2";
        assert_eq!(read(half, &["a.py", "lib/*.py"]), Err(AnswerError::Unclosed));
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let two = ["a.py", "b.py"];
        assert_eq!(read("print(1)", &["a.py"]), Err(AnswerError::NoBlock));
        assert_eq!(read("```python\nprint(1)", &["a.py"]), Err(AnswerError::Unclosed));
        assert_eq!(read("```\n\n```", &["a.py"]), Err(AnswerError::Empty));
        assert_eq!(read("```\n1\n```", &two), Err(AnswerError::NoPath));
        assert_eq!(
            read("../a.py\n```\n1\n```", &two),
            Err(AnswerError::Foreign("../a.py".to_owned()))
        );
        let twice = "a.py\n```\n1\n```\na.py\n```\n2\n```";
        assert_eq!(read(twice, &two), Err(AnswerError::Twice("a.py".to_owned())));
    }
}
