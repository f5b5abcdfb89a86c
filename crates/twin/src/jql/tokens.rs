//! The words, quoted texts and signs of a query, with the places at which they stand.

/// Signs by their length, the longer first.
const SIGNS: [&str; 17] =
    ["!=", "!~", "<=", ">=", "&&", "||", "=", "<", ">", "~", "!", "(", ")", ",", "&", "|", "["];

/// Characters that only stand in quotes.
const RESERVED_SIGNS: &str = "{}*/%+^$#@?;`";

/// Words that only stand in quotes, in alphabetical order.
const RESERVED_WORDS: &[&str] = &[
    "abort",
    "access",
    "add",
    "after",
    "alias",
    "all",
    "alter",
    "and",
    "any",
    "as",
    "asc",
    "audit",
    "avg",
    "before",
    "begin",
    "between",
    "boolean",
    "break",
    "by",
    "byte",
    "catch",
    "cf",
    "char",
    "character",
    "check",
    "checkpoint",
    "collate",
    "collation",
    "column",
    "commit",
    "connect",
    "continue",
    "count",
    "create",
    "current",
    "date",
    "decimal",
    "declare",
    "decrement",
    "default",
    "defaults",
    "define",
    "delete",
    "delimiter",
    "desc",
    "difference",
    "distinct",
    "divide",
    "do",
    "double",
    "drop",
    "else",
    "empty",
    "encoding",
    "end",
    "equals",
    "escape",
    "exclusive",
    "exec",
    "execute",
    "exists",
    "explain",
    "false",
    "fetch",
    "field",
    "file",
    "first",
    "float",
    "for",
    "from",
    "function",
    "go",
    "goto",
    "grant",
    "greater",
    "group",
    "having",
    "identified",
    "if",
    "immediate",
    "in",
    "increment",
    "index",
    "initial",
    "inner",
    "inout",
    "input",
    "insert",
    "int",
    "integer",
    "intersect",
    "intersection",
    "into",
    "is",
    "isempty",
    "isnull",
    "join",
    "last",
    "left",
    "less",
    "like",
    "limit",
    "lock",
    "long",
    "max",
    "min",
    "minus",
    "mode",
    "modify",
    "modulo",
    "more",
    "multiply",
    "next",
    "noaudit",
    "not",
    "notin",
    "nowait",
    "null",
    "number",
    "object",
    "of",
    "on",
    "option",
    "or",
    "order",
    "outer",
    "output",
    "power",
    "previous",
    "prior",
    "privileges",
    "public",
    "raise",
    "raw",
    "remainder",
    "rename",
    "resource",
    "return",
    "returns",
    "revoke",
    "right",
    "row",
    "rowid",
    "rownum",
    "rows",
    "select",
    "session",
    "set",
    "share",
    "size",
    "sqrt",
    "start",
    "strict",
    "string",
    "subtract",
    "sum",
    "synonym",
    "table",
    "then",
    "to",
    "trans",
    "transaction",
    "trigger",
    "true",
    "uid",
    "union",
    "unique",
    "update",
    "user",
    "validate",
    "values",
    "view",
    "when",
    "whenever",
    "where",
    "while",
    "with",
];

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
    End,
}

impl Token {
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(known) if known.eq_ignore_ascii_case(word))
    }

    pub(super) fn shown(&self) -> &str {
        match self {
            Self::Word(text) | Self::Quoted(text) => text,
            Self::Sign(sign) => sign,
            Self::End => "",
        }
    }
}

/// Where a byte of the text is, in Jira's words.
pub(super) fn place(text: &str, at: usize) -> String {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let character = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(" (line {line}, character {character})")
}

pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, String> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if c == '"' || c == '\'' {
            let (content, length) = quoted(rest, c).ok_or_else(|| {
                let content = &rest[1..];
                let place = place(text, at);
                format!(
                    "Error in the JQL Query: The quoted string '{content}' has not been completed.{place}"
                )
            })?;
            found.push((Token::Quoted(content), at));
            at += length;
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            found.push((Token::Sign(sign), at));
            at += sign.len();
        } else if RESERVED_SIGNS.contains(c) || c == ']' {
            let place = place(text, at);
            let code = u32::from(c);
            return Err(format!(
                "Error in the JQL Query: The character '{c}' is a reserved JQL character. You must enclose it in a string or use the escape '\\u{code:04x}' instead.{place}"
            ));
        } else {
            let inner = |c: char| {
                !c.is_whitespace() && !"\"'=!<>~()&|,[]".contains(c) && !RESERVED_SIGNS.contains(c)
            };
            let mut end = rest.find(|c| !inner(c)).unwrap_or(rest.len());
            // `cf[10001]` is one word.
            if rest[end..].starts_with('[') {
                end += rest[end..].find(']').map_or(0, |closing| closing + 1);
            }
            found.push((Token::Word(rest[..end].to_owned()), at));
            at += end;
        }
    }
    found.push((Token::End, text.len()));
    Ok(found)
}

/// The content of a string in quotes, with its escapes resolved, and how many bytes it takes.
fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut content = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, c)) = letters.next() {
        match c {
            '\\' => content.push(match letters.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            c if c == quote => return Some((content, at + c.len_utf8())),
            c => content.push(c),
        }
    }
    None
}

/// The sign that is written so: signs are compared by their text.
pub(super) fn sign_of(text: &str) -> &'static str {
    SIGNS.iter().find(|sign| **sign == text).expect("only signs of the list are asked for")
}

pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED_WORDS.binary_search(&word.to_ascii_lowercase().as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserved_words_are_in_order() {
        assert!(RESERVED_WORDS.is_sorted());
    }
}
