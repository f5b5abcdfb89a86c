//! The small notations that intents and scenarios share: quoted texts, command words, durations
//! and paths, each with one way to write it and a place for every slip.
//!
//! It refuses to know which document it reads: offsets are bytes into the text that was handed in.

use std::time::Duration;

use base::{Diagnostic, Place};

/// A document's name and text: what turns a byte offset into a place.
#[derive(Clone, Copy)]
pub(crate) struct Doc<'a> {
    pub(crate) file: &'a str,
    pub(crate) source: &'a str,
}

impl Doc<'_> {
    pub(crate) fn at(&self, offset: usize) -> Place {
        Place::at(self.file, self.source, offset)
    }

    pub(crate) fn error(
        &self,
        offset: usize,
        rule: &'static str,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::error(rule, message).at(self.at(offset))
    }

    pub(crate) fn warning(
        &self,
        offset: usize,
        rule: &'static str,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::warning(rule, message).at(self.at(offset))
    }
}

/// What is wrong inside a small text, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slip {
    pub(crate) offset: usize,
    pub(crate) rule: &'static str,
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Slip {
    pub(crate) fn new(
        offset: usize,
        rule: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { offset, rule, message: message.into(), help: help.into() }
    }

    /// The same slip in a text that begins `by` bytes further on.
    pub(crate) fn moved(mut self, by: usize) -> Self {
        self.offset += by;
        self
    }
}

const ESCAPES: &str = "the escapes are \\n, \\t, \\\\ and \\\"";

/// What the character after a backslash stands for.
fn escaped(c: char) -> Option<char> {
    match c {
        'n' => Some('\n'),
        't' => Some('\t'),
        '\\' | '"' => Some(c),
        _ => None,
    }
}

fn bad_escape(offset: usize, next: Option<char>) -> Slip {
    let shown = next.map(String::from).unwrap_or_default();
    Slip::new(offset, "bad-escape", format!("`\\{shown}` is no escape"), ESCAPES)
}

/// `text` with `\n`, `\t`, `\\` and `\"` replaced by what they stand for.
pub(crate) fn unescape(text: &str) -> Result<String, Slip> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.char_indices();
    while let Some((offset, c)) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        let next = chars.next().map(|(_, next)| next);
        plain.push(next.and_then(escaped).ok_or_else(|| bad_escape(offset, next))?);
    }
    Ok(plain)
}

/// `text` written so that [`unescape`] gives it back.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\\' | '"' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// The words of a command, split as a shell would: single quotes keep everything, double quotes
/// keep spaces, a backslash escapes as in [`unescape`] (and before a space or `'`). Nothing is
/// expanded: no variables, globs, pipes.
pub(crate) fn words(text: &str) -> Result<Vec<String>, Slip> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut chars = text.char_indices();
    while let Some((offset, c)) = chars.next() {
        match (quote, c) {
            (Some((open, _)), _) if c == open => quote = None,
            (Some(('\'', _)), _) => word.get_or_insert_default().push(c),
            (_, '\\') => {
                let next = chars.next().map(|(_, next)| next);
                let bare = next.filter(|n| quote.is_none() && matches!(n, ' ' | '\''));
                let plain = bare.or_else(|| next.and_then(escaped));
                let plain = plain.ok_or_else(|| bad_escape(offset, next))?;
                word.get_or_insert_default().push(plain);
            }
            (Some(_), _) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some((c, offset));
                word.get_or_insert_default();
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(c),
        }
    }
    if let Some((open, offset)) = quote {
        return Err(Slip::new(
            offset,
            "open-quote",
            format!("the quote {open} is never closed"),
            format!("write the closing {open}, or \\{open} for the character itself"),
        ));
    }
    words.extend(word);
    Ok(words)
}

/// A whole number and a unit of `units` (its name and its milliseconds), a space between them or
/// not. None when it is zero, too large for milliseconds in 64 bits, or written otherwise.
pub(crate) fn duration(text: &str, units: &[(&str, u64)]) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let count: u64 = text[..digits].parse().ok().filter(|count| *count > 0)?;
    let unit = text[digits..].trim_start();
    let (_, ms) = units.iter().find(|(name, _)| *name == unit)?;
    count.checked_mul(*ms).map(Duration::from_millis)
}

/// Whether `path` is relative and stays inside the directory that it starts from.
pub(crate) fn check_path(path: &str) -> Result<(), String> {
    let wrong = if path.is_empty() {
        "is empty"
    } else if path.starts_with('/') {
        "is absolute"
    } else if path.contains(['\0', '\n', '\\']) {
        "has a character that no portable path has"
    } else if path.split('/').any(|part| part == "..") {
        "leaves its directory by `..`"
    } else if path.split('/').any(|part| part.is_empty() || part == ".") {
        "has an empty part"
    } else {
        return Ok(());
    };
    Err(format!("the path `{}` {wrong}", path.escape_debug()))
}

/// `a`, `b` and `c`.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// The help after an unknown name: the nearest one that is known, or all of them.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    match base::nearest(word, known.clone()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known here: {}", list(known)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_like_a_shell_and_nothing_is_expanded() {
        let split = |text| words(text).unwrap();
        assert_eq!(split("  roman   14 "), ["roman", "14"]);
        assert_eq!(split(r#"slug 'a "b"' "c 'd'" e\ f"#), ["slug", "a \"b\"", "c 'd'", "e f"]);
        assert_eq!(split(r#"x "" '' a"b"'c'"#), ["x", "", "", "abc"]);
        assert_eq!(split(r#"x $HOME * "a\nb" '\n'"#), ["x", "$HOME", "*", "a\nb", "\\n"]);
        assert_eq!(words("a 'b").unwrap_err().offset, 2);
        assert_eq!(words("a \\q").unwrap_err().rule, "bad-escape");
        assert_eq!(words("a \\").unwrap_err().offset, 2);
    }

    #[test]
    fn paths_stay_inside() {
        for fine in ["a", "a/b.txt", ".hidden", "a..b"] {
            assert_eq!(check_path(fine), Ok(()), "{fine}");
        }
        for wrong in ["", "/a", "../a", "a/..", "a//b", "./a", "a/", "a\\b", "a\nb"] {
            assert!(check_path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_need_a_number_and_a_unit() {
        let units = &[("s", 1000), ("h", 3_600_000)];
        assert_eq!(duration("90s", units), Some(Duration::from_secs(90)));
        assert_eq!(duration("2 h", units), Some(Duration::from_secs(7200)));
        for wrong in ["0s", "s", "2", "2m", "-2s", "1.5s", "18446744073709551615h", ""] {
            assert_eq!(duration(wrong, units), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_escaped_reads_back(text: String) {
            proptest::prop_assert_eq!(unescape(&escape(&text)).unwrap(), text);
        }
    }
}
