//! What is done to a program: the slips that people make and the shortcuts that cheats take.
//!
//! Each operator is a small rewriting of tokens. Import lines and the like are left alone: a program
//! that cannot start is caught by anything, and says nothing of what it was proved by.

use std::sync::LazyLock;

use regex::Regex;

use super::tokens::{Class, Language, classes};

/// A replacement of the bytes `start..end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) text: String,
    pub(super) what: &'static str,
}

const COMPARISON: &str = "flipped a comparison";
const ARITHMETIC: &str = "changed the arithmetic";
const LOGIC: &str = "changed the logic";
const BOOLEAN: &str = "flipped a boolean";
const CONSTANT: &str = "moved a constant by one";
const TEXT: &str = "emptied a text";
const LINE: &str = "deleted a line";
const RETURN: &str = "returned nothing";
const SLICE: &str = "cut a range one off";

/// A token, what replaces it, and what that is called. Longer tokens stand before those that they
/// contain.
type Swap = (&'static str, &'static str, &'static str);

const COMMON: &[Swap] = &[
    ("===", "!==", COMPARISON),
    ("!==", "===", COMPARISON),
    ("==", "!=", COMPARISON),
    ("!=", "==", COMPARISON),
    (" <= ", " < ", COMPARISON),
    (" >= ", " > ", COMPARISON),
    (" < ", " <= ", COMPARISON),
    (" > ", " >= ", COMPARISON),
    (" += ", " -= ", ARITHMETIC),
    (" -= ", " += ", ARITHMETIC),
    (" + ", " - ", ARITHMETIC),
    (" - ", " + ", ARITHMETIC),
    (" * ", " + ", ARITHMETIC),
    (" % ", " * ", ARITHMETIC),
];

const PYTHON: &[Swap] = &[
    (" // ", " * ", ARITHMETIC),
    (" and ", " or ", LOGIC),
    (" or ", " and ", LOGIC),
    (" not in ", " in ", LOGIC),
    (" not ", " ", LOGIC),
    ("True", "False", BOOLEAN),
    ("False", "True", BOOLEAN),
];

const BRACES: &[Swap] = &[
    (" && ", " || ", LOGIC),
    (" || ", " && ", LOGIC),
    (" !", " ", LOGIC),
    ("(!", "(", LOGIC),
    ("true", "false", BOOLEAN),
    ("false", "true", BOOLEAN),
];

const SHELL: &[Swap] = &[
    (" -eq ", " -ne ", COMPARISON),
    (" -ne ", " -eq ", COMPARISON),
    (" -lt ", " -le ", COMPARISON),
    (" -le ", " -lt ", COMPARISON),
    (" -gt ", " -ge ", COMPARISON),
    (" -ge ", " -gt ", COMPARISON),
    (" != ", " = ", COMPARISON),
    (" = ", " != ", COMPARISON),
    ("[ -z ", "[ -n ", LOGIC),
    ("[ -n ", "[ -z ", LOGIC),
    (" && ", " || ", LOGIC),
    (" || ", " && ", LOGIC),
    (" + ", " - ", ARITHMETIC),
    (" - ", " + ", ARITHMETIC),
    (" * ", " + ", ARITHMETIC),
    (" % ", " * ", ARITHMETIC),
];

/// Every change that can be made to `source`, in no order that matters.
pub(super) fn edits(language: Language, source: &str) -> Vec<Edit> {
    let classes = classes(language, source);
    let swaps: &[&[Swap]] = match language {
        Language::Python => &[COMMON, PYTHON],
        Language::Script | Language::Braces => &[COMMON, BRACES],
        Language::Shell => &[SHELL],
    };
    let mut found = Vec::new();
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let here = Line { language, text: line.trim_end_matches('\n'), start, classes: &classes };
        if here.is_worth_it() {
            here.swaps(swaps, &mut found);
            here.constants(&mut found);
            here.texts(&mut found);
            here.returns(&mut found);
            here.ranges(&mut found);
            here.deletion(&mut found);
        }
        start += line.len();
    }
    found
}

struct Line<'a> {
    language: Language,
    text: &'a str,
    start: usize,
    /// Of the whole source.
    classes: &'a [Class],
}

/// Lines that name other code, and the one that starts a Python program.
const NAMING: &[&str] = &[
    "import ",
    "from ",
    "use ",
    "pub use ",
    "mod ",
    "package ",
    "require",
    "#include",
    "#!",
    "#[",
    "set -",
    "if __name__",
    "export {",
    "export default",
    "\"use strict\"",
    "'use strict'",
];

impl Line<'_> {
    fn is_worth_it(&self) -> bool {
        let text = self.text.trim_start();
        !text.is_empty() && !NAMING.iter().any(|naming| text.starts_with(naming))
    }

    fn class(&self, at: usize) -> Class {
        self.classes[self.start + at]
    }

    fn is_code(&self, from: usize, to: usize) -> bool {
        (from..to).all(|at| self.class(at) == Class::Code)
    }

    fn push(
        &self,
        from: usize,
        to: usize,
        text: impl Into<String>,
        what: &'static str,
        found: &mut Vec<Edit>,
    ) {
        found.push(Edit {
            start: self.start + from,
            end: self.start + to,
            text: text.into(),
            what,
        });
    }

    fn swaps(&self, tables: &[&[Swap]], found: &mut Vec<Edit>) {
        let mut at = 0;
        while at < self.text.len() {
            let hit = tables.iter().copied().flatten().find(|(token, _, _)| {
                self.text.as_bytes()[at..].starts_with(token.as_bytes())
                    && self.is_code(at, at + token.len())
                    && self.is_whole(at, token)
            });
            match hit {
                Some((token, other, what)) => {
                    self.push(at, at + token.len(), *other, what, found);
                    // A blank at its end may start the next token.
                    at += token.trim_end().len().max(1);
                }
                None => at += 1,
            }
        }
    }

    /// A word is not a part of a longer one, nor the edge of another operator.
    fn is_whole(&self, at: usize, token: &str) -> bool {
        let bytes = self.text.as_bytes();
        let word = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(at + token.len());
        if token.as_bytes()[0].is_ascii_alphabetic() {
            return !word(before) && !word(after);
        }
        if token.ends_with('!') {
            return after != Some(&b'=');
        }
        let operator = |b: Option<&u8>| b.is_some_and(|b| b"=<>!".contains(b));
        !token.contains('=') || (!operator(before) && !operator(after))
    }

    fn constants(&self, found: &mut Vec<Edit>) {
        static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\d+"));
        for number in NUMBER.find_iter(self.text) {
            let (from, to) = (number.start(), number.end());
            let bytes = self.text.as_bytes();
            let part = |b: Option<&u8>| {
                b.is_some_and(|b| b.is_ascii_alphanumeric() || b"_.$>&{".contains(b))
            };
            let alone =
                !part(from.checked_sub(1).and_then(|at| bytes.get(at))) && !part(bytes.get(to));
            let redirected = self.language == Language::Shell
                && bytes.get(to).is_some_and(|b| b"<>".contains(b));
            let Ok(value) = number.as_str().parse::<u64>() else { continue };
            if alone && !redirected && self.is_code(from, to) {
                self.push(from, to, value.saturating_add(1).to_string(), CONSTANT, found);
                if value > 0 {
                    self.push(from, to, (value - 1).to_string(), CONSTANT, found);
                }
            }
        }
    }

    fn texts(&self, found: &mut Vec<Edit>) {
        let mut at = 0;
        while at < self.text.len() {
            if self.class(at) != Class::Text {
                at += 1;
                continue;
            }
            let end = (at..self.text.len())
                .find(|end| self.class(*end) != Class::Text)
                .unwrap_or(self.text.len());
            let bytes = &self.text.as_bytes()[at..end];
            let closed = end - at > 2 && bytes[0] == bytes[end - at - 1];
            // An empty character is no program, and an expansion in quotes is code.
            let character = self.language == Language::Braces && bytes[0] == b'\'';
            let expansion = self.language == Language::Shell && bytes.contains(&b'$');
            if closed && !character && !expansion && self.opens_here(at) {
                self.push(at + 1, end - 1, "", TEXT, found);
            }
            at = end;
        }
    }

    /// Whether a text at the start of the line starts there, and not on a line before.
    fn opens_here(&self, at: usize) -> bool {
        at > 0 || self.start == 0 || self.classes[self.start - 1] != Class::Text
    }

    fn returns(&self, found: &mut Vec<Edit>) {
        let nothing = match self.language {
            Language::Python => "None",
            Language::Script => "null",
            Language::Shell | Language::Braces => return,
        };
        let Some(from) = self.text.find("return ").map(|at| at + "return ".len()) else { return };
        let code_end = (from..self.text.len())
            .find(|at| self.class(*at) == Class::Comment)
            .unwrap_or(self.text.len());
        let value = self.text[from..code_end].trim_end().trim_end_matches(';');
        let closed =
            value.matches(['(', '[', '{']).count() == value.matches([')', ']', '}']).count();
        let starts = self.text[..from - "return ".len()].trim_end();
        let statement = starts.is_empty() || starts.ends_with([':', ')', '{', ';']);
        if statement
            && closed
            && !value.is_empty()
            && value != nothing
            && self.is_code(from - 7, from)
        {
            self.push(from, from + value.len(), nothing, RETURN, found);
        }
    }

    fn ranges(&self, found: &mut Vec<Edit>) {
        if self.language != Language::Python {
            return;
        }
        static RANGE: LazyLock<Regex> =
            LazyLock::new(|| pattern(r"range\(([^()]*(?:\([^()]*\))?)\)"));
        static SLICE_END: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[[^\[\]:]*:([\w.]+)\]"));
        static SLICE_START: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[([\w.]+):[^\[\]:]*\]"));
        for (regex, change) in [(&RANGE, " - 1"), (&SLICE_END, " - 1"), (&SLICE_START, " + 1")] {
            for captures in regex.captures_iter(self.text) {
                let Some(bound) = captures.get(1) else { continue };
                let is_number = bound.as_str().bytes().all(|b| b.is_ascii_digit());
                if !bound.is_empty() && !is_number && self.is_code(bound.start(), bound.end()) {
                    self.push(bound.end(), bound.end(), change, SLICE, found);
                }
            }
        }
    }

    /// Only statements that stand alone, and nothing that others need: what is left must still start.
    fn deletion(&self, found: &mut Vec<Edit>) {
        let text = self.text.trim();
        let from = self.text.len() - self.text.trim_start().len();
        let to = self.text.trim_end().len();
        let balanced = ["()", "[]", "{}"]
            .iter()
            .all(|pair| text.matches(&pair[..1]).count() == text.matches(&pair[1..]).count());
        if !self.is_code(from, from + 1) || !balanced {
            return;
        }
        let first = text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
        let kept = [
            "def", "class", "else", "elif", "try", "finally", "except", "pass", "fi", "done",
            "esac", "then", "do", "let", "const", "var", "function", "case", "return", "global",
        ];
        if kept.contains(&first) || text.starts_with('@') || text.starts_with('}') {
            return;
        }
        let replacement = match self.language {
            Language::Python
                if !text.ends_with([':', ',', '\\', '(', '[', '{']) && indented(self.text) =>
            {
                "pass"
            }
            Language::Shell if is_shell_statement(text, first) => ":",
            Language::Script | Language::Braces if text.ends_with(';') && !text.contains('{') => "",
            _ => return,
        };
        self.push(from, to, replacement, LINE, found);
    }
}

/// At the top level of a Python program stand definitions, whose absence anything notices.
fn indented(line: &str) -> bool {
    line.starts_with([' ', '\t'])
}

fn is_shell_statement(text: &str, first: &str) -> bool {
    let opens = ["if", "for", "while", "until", "case"].contains(&first);
    !opens
        && !text.ends_with(['\\', '|', '{', '(', '&', ')', ';'])
        && !text.contains("() ")
        && text != ":"
}

/// A pattern of ours.
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant that tests compile")
}
