//! Which bytes of a program are code, which are text, which are comment: as much of a lexer as
//! sabotage needs, for any language that looks like one of four.

/// A family of languages that share comments, strings and statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Shell,
    /// JavaScript and TypeScript.
    Script,
    /// C and what took its syntax: statements need their semicolons and their types.
    Braces,
}

impl Language {
    /// By the file's name, else by its first line; `None` for what is no program.
    pub(super) fn of(path: &str, content: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        match extension {
            Some("py") => Some(Self::Python),
            Some("sh" | "bash") => Some(Self::Shell),
            Some("js" | "mjs" | "cjs" | "ts") => Some(Self::Script),
            Some("rs" | "c" | "h" | "cc" | "cpp" | "hpp" | "go" | "java" | "swift" | "kt") => {
                Some(Self::Braces)
            }
            Some(_) => None,
            None => Self::of_first_line(content),
        }
    }

    fn of_first_line(content: &str) -> Option<Self> {
        let first = content.lines().next()?.strip_prefix("#!")?;
        let program = first.split_whitespace().find(|word| !word.ends_with("/env"))?;
        match program.rsplit('/').next()? {
            "sh" | "bash" | "dash" => Some(Self::Shell),
            "node" => Some(Self::Script),
            name if name.starts_with("python") => Some(Self::Python),
            _ => None,
        }
    }

    fn line_comment(self) -> &'static str {
        match self {
            Self::Python | Self::Shell => "#",
            Self::Script | Self::Braces => "//",
        }
    }
}

/// What a byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Code,
    /// Within a string literal, its quotes included.
    Text,
    Comment,
}

/// The class of every byte of `source`.
pub(super) fn classes(language: Language, source: &str) -> Vec<Class> {
    let bytes = source.as_bytes();
    let mut classes = vec![Class::Code; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let (class, end) = span(language, source, at);
        classes[at..end].fill(class);
        at = end;
    }
    classes
}

/// The span that starts at `at`, always at least one byte.
fn span(language: Language, source: &str, at: usize) -> (Class, usize) {
    let bytes = source.as_bytes();
    let rest = &bytes[at..];
    let line_end = || rest.iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n);
    if rest.starts_with(language.line_comment().as_bytes()) && starts_comment(language, bytes, at) {
        return (Class::Comment, line_end());
    }
    if matches!(language, Language::Script | Language::Braces) && rest.starts_with(b"/*") {
        return (Class::Comment, past(rest, b"*/", 2).map_or(bytes.len(), |n| at + n));
    }
    if language == Language::Python {
        for quotes in [b"\"\"\"", b"'''"] {
            if rest.starts_with(quotes) {
                // Nearly always documentation; sabotaging it changes nothing.
                return (Class::Comment, past(rest, quotes, 3).map_or(bytes.len(), |n| at + n));
            }
        }
    }
    match rest[0] {
        b'\\' => (Class::Code, (at + 2).min(bytes.len())),
        b'\'' if language == Language::Braces => (Class::Text, at + character(rest)),
        b'`' if language == Language::Script => (Class::Text, at + string(language, rest)),
        b'"' | b'\'' => (Class::Text, at + string(language, rest)),
        _ => (Class::Code, at + 1),
    }
}

/// In a shell, `#` starts a comment only where a word could start: `$#` and `${a#b}` are code.
fn starts_comment(language: Language, bytes: &[u8], at: usize) -> bool {
    language != Language::Shell
        || at == 0
        || matches!(bytes[at - 1], b' ' | b'\t' | b'\n' | b';' | b'(')
}

/// Where `end` ends, looked for from `from` on.
fn past(bytes: &[u8], end: &[u8], from: usize) -> Option<usize> {
    let found = bytes.get(from..)?.windows(end.len()).position(|window| window == end)?;
    Some(from + found + end.len())
}

/// The length of the string literal at the start, up to the end of the line if it is never closed
/// (but for those that span lines).
fn string(language: Language, bytes: &[u8]) -> usize {
    let quote = bytes[0];
    let raw = language == Language::Shell && quote == b'\'';
    let spans_lines = quote == b'`' || language == Language::Shell;
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if !raw => at += 1,
            b'\n' if !spans_lines => return at,
            byte if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The length of a character literal; 1 for the tick of a lifetime.
fn character(bytes: &[u8]) -> usize {
    /// `'\u{10ffff}'`
    const LENGTH_MAX: usize = 12;
    let end = if bytes.get(1) == Some(&b'\\') { 3 } else { 2 };
    (end..bytes.len().min(LENGTH_MAX))
        .find(|at| bytes[*at] == b'\'')
        .filter(|at| {
            bytes[1] == b'\\'
                || std::str::from_utf8(&bytes[1..*at]).is_ok_and(|text| text.chars().count() == 1)
        })
        .map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The source with text and comments replaced by `t` and `c`.
    fn shown(language: Language, source: &str) -> String {
        let classes = classes(language, source);
        source
            .bytes()
            .zip(classes)
            .map(|(byte, class)| match class {
                Class::Code => char::from(byte),
                Class::Text => 't',
                Class::Comment => 'c',
            })
            .collect()
    }

    #[test]
    fn strings_hide_comments_and_comments_hide_strings() {
        assert_eq!(shown(Language::Python, "a = '#' # 'x"), "a = ttt cccc");
        assert_eq!(
            shown(Language::Python, "\"\"\"d\n\"\"\"\nb"),
            "ccccccccc".replace("ccccccccc", "cccccccc\nb").as_str()
        );
        assert_eq!(shown(Language::Script, "x = `a\n//` // b"), "x = tttttt cccc");
        assert_eq!(shown(Language::Braces, "'\"' /* \" */ 1"), "ttt ccccccc 1");
    }

    #[test]
    fn a_lifetime_is_no_character_and_a_dollar_hash_no_comment() {
        assert_eq!(shown(Language::Braces, "<'a> '\\n' 'é'"), "<ta> tttt tttt");
        assert_eq!(shown(Language::Shell, "$# ${a#b} # c"), "$# ${a#b} ccc");
        assert_eq!(shown(Language::Shell, "'\\' x"), "ttt x");
    }
}
