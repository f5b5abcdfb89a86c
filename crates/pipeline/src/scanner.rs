//! The characters of a document: trivia, words, strings. Knows no statement.

/// A position in a source text.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'a> {
    source: &'a str,
    pub(crate) at: usize,
}

/// A quoted text, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Quoted {
    pub(crate) text: String,
    /// Offset of the first escape that the dialect does not know; it was kept as written.
    pub(crate) escape_unknown: Option<usize>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Self { source, at: 0 }
    }

    pub(crate) fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.source.len()
    }

    pub(crate) fn looks_at(&self, text: &str) -> bool {
        // Nearly always the first byte already differs.
        let here = &self.source.as_bytes()[self.at..];
        here.first() == text.as_bytes().first() && here.starts_with(text.as_bytes())
    }

    /// Steps over one character.
    pub(crate) fn bump(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    /// Steps over `text` if it stands here.
    pub(crate) fn eat(&mut self, text: &str) -> bool {
        let here = self.looks_at(text);
        if here {
            self.at += text.len();
        }
        here
    }

    /// The longest run of characters of a kind, stepped over.
    pub(crate) fn run(&mut self, kind: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let run = &rest[..rest.find(|c| !kind(c)).unwrap_or(rest.len())];
        self.at += run.len();
        run
    }

    /// Steps over white space and comments. A `#` that begins a line begins a comment, as in
    /// Graphviz.
    ///
    /// # Errors
    /// The offset of a comment that is never closed; everything is then stepped over.
    pub(crate) fn trivia(&mut self) -> Result<(), usize> {
        loop {
            self.run(char::is_whitespace);
            if self.looks_at("//") || (self.looks_at("#") && self.begins_line()) {
                self.run(|c| c != '\n');
            } else if self.looks_at("/*") {
                let Some(length) = self.rest()[2..].find("*/") else {
                    let opening = self.at;
                    self.at = self.source.len();
                    return Err(opening);
                };
                self.at += 2 + length + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn begins_line(&self) -> bool {
        let before = self.source[..self.at].trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with('\n')
    }

    /// An identifier-like run: letters, digits, `_`, and the characters that people put into ids
    /// although the dialect has none, but never the `-` of `->` or `--`.
    pub(crate) fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let mut end = 0;
        for (offset, c) in rest.char_indices() {
            let arrow = c == '-' && rest[offset + 1..].starts_with(['>', '-']);
            if arrow || !(c.is_alphanumeric() || "_.:-".contains(c)) {
                break;
            }
            end = offset + c.len_utf8();
        }
        self.at += end;
        &rest[..end]
    }

    /// An unquoted value: a run that ends before white space, a separator, a bracket or a comment.
    pub(crate) fn bare(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .char_indices()
            .find(|(offset, c)| {
                c.is_whitespace()
                    || ",;[]{}\"=<>".contains(*c)
                    || (*c == '/' && rest[*offset + 1..].starts_with(['/', '*']))
            })
            .map_or(rest.len(), |(offset, _)| offset);
        self.at += end;
        &rest[..end]
    }

    /// The string that opens here. White space inside counts, line ends included.
    ///
    /// A string of several lines with a word or a quote directly after it has swallowed the
    /// beginning of another: its own closing quote is missing.
    ///
    /// # Errors
    /// When it is never closed. The scanner then stands where its line ends, before a `]` that ends
    /// the line, so that what follows can be read.
    pub(crate) fn quoted(&mut self) -> Result<Quoted, ()> {
        let opening = self.at;
        let body = &self.source[opening + 1..];
        let mut quoted = Quoted { text: String::new(), escape_unknown: None };
        let mut from = 0;
        while let Some(length) = body[from..].find(['"', '\\']) {
            let found = from + length;
            quoted.text.push_str(&body[from..found]);
            from = found + 1;
            if body[found..].starts_with('"') {
                self.at = opening + 1 + from;
                let swallowed = self.peek().is_some_and(|c| c == '"' || c.is_alphanumeric());
                if swallowed && body[..found].contains('\n') {
                    break;
                }
                return Ok(quoted);
            }
            let Some(escaped) = body[from..].chars().next() else { break };
            from += escaped.len_utf8();
            match escaped {
                'n' => quoted.text.push('\n'),
                't' => quoted.text.push('\t'),
                '"' | '\\' => quoted.text.push(escaped),
                '\n' => {}
                _ => {
                    quoted.text.extend(['\\', escaped]);
                    quoted.escape_unknown.get_or_insert(opening + 1 + found);
                }
            }
        }
        self.at = self.line_end(opening + 1);
        Err(())
    }

    /// Steps to where the next statement may begin: past a `;` or a line's end, or before a `}`.
    pub(crate) fn skip_statement(&mut self) {
        loop {
            match self.peek() {
                None | Some('}') => return,
                Some('\n' | ';') => return self.bump(),
                Some('"') => self.skip_string(),
                Some(_) => self.bump(),
            }
        }
    }

    /// Steps past the `]` of a block with an error in it, or to a line that begins a statement.
    pub(crate) fn skip_block(&mut self) {
        loop {
            match self.peek() {
                None | Some('}') => return,
                Some(']') => return self.bump(),
                Some('"') => self.skip_string(),
                Some('\n') => {
                    self.bump();
                    if self.begins_statement() {
                        return;
                    }
                }
                Some(_) => self.bump(),
            }
        }
    }

    /// Steps past `open` … `close` with everything between them, nested pairs included.
    pub(crate) fn skip_nested(&mut self, open: char, close: char) {
        let mut depth = 0_usize;
        while let Some(c) = self.peek() {
            if c == '"' {
                self.skip_string();
                continue;
            }
            self.bump();
            if c == open {
                depth += 1;
            } else if c == close {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return;
                }
            }
        }
    }

    /// Steps over a string that ends on its line; of another one, over its line up to a last `]`.
    fn skip_string(&mut self) {
        let opening = self.at;
        self.bump();
        let mut escaped = false;
        while let Some(c) = self.peek().filter(|c| *c != '\n') {
            self.bump();
            if c == '"' && !escaped {
                return;
            }
            escaped = c == '\\' && !escaped;
        }
        self.at = self.line_end(opening + 1);
    }

    /// Where the line of `from` ends, or its last `]` if nothing but a `;` follows that.
    fn line_end(&self, from: usize) -> usize {
        let line = &self.source[from..];
        let line = &line[..line.find('\n').unwrap_or(line.len())];
        let kept = line.trim_end().trim_end_matches(';').trim_end();
        from + kept.strip_suffix(']').unwrap_or(line).len()
    }

    /// Whether a string has just ended and more text touches it.
    pub(crate) fn follows_quote(&self) -> bool {
        self.source[..self.at].ends_with('"')
            && self.peek().is_some_and(|c| c == '"' || c.is_alphanumeric())
    }

    /// Whether a name and then `[` or `->` stand on this line.
    pub(crate) fn begins_statement(&self) -> bool {
        let mut ahead = self.clone();
        ahead.run(|c| c == ' ' || c == '\t');
        let name = ahead.run(|c| c.is_ascii_alphanumeric() || c == '_');
        ahead.run(|c| c == ' ' || c == '\t');
        !name.is_empty() && (ahead.looks_at("[") || ahead.looks_at("->"))
    }
}
