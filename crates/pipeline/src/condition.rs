//! Conditions on edges (section 10): parsed once, evaluated often. Knows no run and no context;
//! values come from a look-up that the caller gives.

use std::fmt;

use base::nearest;

use crate::value::quote;

/// Clauses that must all hold. The empty condition always holds.
///
/// ```
/// let condition = pipeline::Condition::parse("outcome=success && context.tests_passed=true")?;
/// let holds = condition.evaluate(|key| match key {
///     "outcome" => Some("success"),
///     "context.tests_passed" => Some("true"),
///     _ => None,
/// });
/// assert!(holds);
/// # Ok::<(), pipeline::ConditionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Condition {
    clauses: Vec<Clause>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    pub key: Key,
    pub test: Test,
}

/// What a clause looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The status of the stage that has just finished, in snake case.
    Outcome,
    PreferredLabel,
    /// A context key, looked up as written and then without its `context.` in front (10.4).
    Context(String),
}

/// What a clause demands of its key's value. A key without a value compares as the empty text.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Equals(String),
    Differs(String),
    /// Its value is a number that compares so with another: `>`, `<`, `>=` or `<=`. These are not in
    /// the specification (10.7 leaves them to the future), and lint takes them from the dialects that
    /// have them alone.
    Compares(Comparison, f64),
    /// A key alone: its value is neither empty nor `false`.
    Truthy,
}

/// How numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// How comparisons are written, the longer first.
const COMPARISONS: [(&str, Comparison); 4] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

impl Comparison {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::AtLeast => value >= bound,
            Self::AtMost => value <= bound,
            Self::Above => value > bound,
            Self::Below => value < bound,
        }
    }
}

/// A condition that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConditionError {
    /// Byte offset in the condition's text.
    pub offset: usize,
    pub message: String,
    pub help: String,
}

impl Condition {
    /// Reads a condition; blank text is the empty condition.
    ///
    /// Beyond the grammar of 10.2 it takes what 10.4 and 10.5 evaluate: a key alone, a key without
    /// `context.`, and a literal of several words.
    ///
    /// # Errors
    /// Anything else, with where and what to write instead.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let clauses = split_clauses(text)?
            .into_iter()
            .map(|(offset, clause)| parse_clause(offset, clause))
            .collect::<Result<_, _>>()?;
        Ok(Self { clauses })
    }

    /// Whether every clause holds. `lookup` is asked for `outcome`, `preferred_label`, or a
    /// context key (first `context.a.b`, then `a.b`).
    pub fn evaluate<'v>(&self, lookup: impl Fn(&str) -> Option<&'v str>) -> bool {
        self.clauses.iter().all(|clause| {
            let value = match &clause.key {
                Key::Outcome => lookup("outcome"),
                Key::PreferredLabel => lookup("preferred_label"),
                Key::Context(key) => {
                    lookup(key).or_else(|| key.strip_prefix("context.").and_then(&lookup))
                }
            };
            let value = value.unwrap_or("");
            match &clause.test {
                Test::Equals(wanted) => value == wanted,
                Test::Differs(unwanted) => value != unwanted,
                Test::Compares(comparison, bound) => {
                    value.trim().parse().is_ok_and(|value| comparison.holds(value, *bound))
                }
                Test::Truthy => !value.is_empty() && value != "false",
            }
        })
    }

    /// The clauses, in their order.
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    pub(crate) fn clauses_mut(&mut self) -> impl Iterator<Item = &mut Clause> {
        self.clauses.iter_mut()
    }

    /// Whether it can only hold after an outcome of `status`.
    pub fn requires_outcome(&self, status: &str) -> bool {
        self.clauses.iter().any(|clause| {
            clause.key == Key::Outcome
                && matches!(&clause.test, Test::Equals(wanted) if wanted == status)
        })
    }
}

impl fmt::Display for Condition {
    /// As [`Condition::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Clause { key, test }) in self.clauses.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { " && " })?;
            match test {
                Test::Equals(value) => write!(f, "{key}={}", literal(value))?,
                Test::Differs(value) => write!(f, "{key}!={}", literal(value))?,
                Test::Compares(comparison, number) => write!(f, "{key} {comparison} {number}")?,
                Test::Truthy => write!(f, "{key}")?,
            }
        }
        Ok(())
    }
}

/// A value, in quotes where it needs them.
fn literal(value: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_.:-".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) { value.to_owned() } else { quote(value) }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = COMPARISONS.iter().find(|(_, comparison)| comparison == self);
        f.write_str(written.map_or("", |(operator, _)| operator))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outcome => "outcome",
            Self::PreferredLabel => "preferred_label",
            Self::Context(key) => key,
        })
    }
}

/// Splits at every `&&` outside quotes; each clause comes trimmed, with its offset.
fn split_clauses(text: &str) -> Result<Vec<(usize, &str)>, ConditionError> {
    let mut ends = Vec::new();
    let mut quote = None;
    let mut bytes = text.bytes().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        match (byte, quote) {
            (b'"', None) => quote = Some(offset),
            (b'"', Some(_)) => quote = None,
            (b'\\', Some(_)) => drop(bytes.next()),
            (b'&', None) if text[offset..].starts_with("&&") => {
                ends.push(offset);
                bytes.next();
            }
            _ => {}
        }
    }
    if let Some(offset) = quote {
        return Err(wrong(offset, "this quoted text is never closed", "add the closing quote"));
    }
    ends.push(text.len());
    let mut start = 0;
    let mut clauses = Vec::with_capacity(ends.len());
    for end in ends {
        let clause = &text[start..end];
        let offset = start + (clause.len() - clause.trim_start().len());
        if clause.trim().is_empty() {
            let help = "write a clause on both sides of `&&`, such as `outcome=success`";
            return Err(wrong(offset.min(text.len()), "expected a clause", help));
        }
        clauses.push((offset, clause.trim()));
        start = end + 2;
    }
    Ok(clauses)
}

fn parse_clause(offset: usize, clause: &str) -> Result<Clause, ConditionError> {
    let key_end = clause
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
        .unwrap_or(clause.len());
    let key = parse_key(offset, &clause[..key_end])?;
    let rest = clause[key_end..].trim_start();
    let rest_at = offset + clause.len() - rest.len();
    let (literal, operator) = if rest.is_empty() {
        return Ok(Clause { key, test: Test::Truthy });
    } else if let Some(test) = parse_comparison(rest_at, rest)? {
        return Ok(Clause { key, test });
    } else if let Some(literal) = rest.strip_prefix("!=") {
        (literal, "!=")
    } else if let Some(literal) = rest.strip_prefix('=') {
        if literal.starts_with('=') {
            return Err(wrong(rest_at, "`==` is no operator", "equality is a single `=`"));
        }
        (literal, "=")
    } else {
        let found: String = rest.chars().take_while(|c| !c.is_whitespace()).take(20).collect();
        let message = format!("expected `=` or `!=`, found `{found}`");
        let help = "only `=`, `!=` and `&&` exist; say the rest with more edges";
        return Err(wrong(rest_at, message, help));
    };
    let literal = literal.trim_start();
    let value = parse_literal(offset + clause.len() - literal.len(), literal)?;
    let test = if operator == "=" { Test::Equals(value) } else { Test::Differs(value) };
    Ok(Clause { key, test })
}

/// `>= 3` and the like; none where no such operator stands.
fn parse_comparison(offset: usize, rest: &str) -> Result<Option<Test>, ConditionError> {
    let operator = COMPARISONS.into_iter().find(|(operator, _)| rest.starts_with(operator));
    let Some((operator, comparison)) = operator else { return Ok(None) };
    let number = rest[operator.len()..].trim();
    match number.parse::<f64>().ok().filter(|number| number.is_finite()) {
        Some(number) => Ok(Some(Test::Compares(comparison, number))),
        None => {
            let help = format!("write a number after it: `context.tries {operator} 3`");
            Err(wrong(offset, format!("`{operator}` compares numbers"), help))
        }
    }
}

fn parse_key(offset: usize, key: &str) -> Result<Key, ConditionError> {
    let identifier = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let known = "a key is `outcome`, `preferred_label` or `context.<path>`";
    if key.is_empty() {
        return Err(wrong(offset, "expected a key", known));
    }
    match key {
        "outcome" => Ok(Key::Outcome),
        "preferred_label" => Ok(Key::PreferredLabel),
        _ if !key.split('.').all(identifier) => {
            Err(wrong(offset, format!("`{key}` is no key"), known))
        }
        _ => match nearest(key, ["outcome", "preferred_label"]) {
            Some(meant) => {
                let message = format!("`{key}` is no key");
                Err(wrong(offset, message, format!("did you mean `{meant}`?")))
            }
            None => Ok(Key::Context(key.to_owned())),
        },
    }
}

fn parse_literal(offset: usize, text: &str) -> Result<String, ConditionError> {
    if let Some(quoted) = text.strip_prefix('"') {
        return parse_quoted(offset, quoted);
    }
    if text.is_empty() {
        let help = "write a value after the operator; the empty text is `\"\"`";
        return Err(wrong(offset, "expected a value", help));
    }
    if let Some(at) = text.find(['=', '!', '&', '|', '<', '>', '"', '(', ')']) {
        let found = text[at..].chars().next().unwrap_or_default();
        let help = "put the value in quotes, or join clauses with `&&`, the only connective";
        return Err(wrong(offset + at, format!("unexpected `{found}` in a value"), help));
    }
    Ok(text.to_owned())
}

/// The text after an opening quote; [`split_clauses`] has seen to it that there is a closing one.
fn parse_quoted(offset: usize, quoted: &str) -> Result<String, ConditionError> {
    let mut value = String::with_capacity(quoted.len());
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' if at + 1 == quoted.len() => return Ok(value),
            '"' => {
                let help = "join clauses with `&&`";
                return Err(wrong(offset + at + 2, "expected `&&` after the value", help));
            }
            '\\' => match characters.next().map(|(_, escaped)| escaped) {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some(escaped) => value.push(escaped),
                None => {}
            },
            c => value.push(c),
        }
    }
    Err(wrong(offset, "this quoted text is never closed", "add the closing quote"))
}

fn wrong(offset: usize, message: impl Into<String>, help: impl Into<String>) -> ConditionError {
    ConditionError { offset, message: message.into(), help: help.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evaluates against `key=value` pairs.
    fn holds(condition: &str, values: &[(&str, &'static str)]) -> bool {
        let condition = Condition::parse(condition).unwrap();
        condition.evaluate(|key| values.iter().find(|(name, _)| *name == key).map(|(_, v)| *v))
    }

    #[test]
    fn the_examples_of_the_specification_hold_where_they_should() {
        let success = ("outcome", "success");
        assert!(holds("", &[]));
        assert!(holds("  ", &[]));
        assert!(holds("outcome=success", &[success]));
        assert!(!holds("outcome=success", &[("outcome", "Success")]));
        let both = "outcome=success && context.tests_passed=true";
        assert!(holds(both, &[success, ("context.tests_passed", "true")]));
        assert!(holds(both, &[success, ("tests_passed", "true")]));
        assert!(!holds(both, &[success]));
        assert!(holds("context.loop_state!=exhausted", &[]));
        assert!(holds("preferred_label=Fix", &[("preferred_label", "Fix")]));
    }

    #[test]
    fn literals_may_be_quoted_numbers_or_several_words() {
        assert!(holds(r#"preferred_label="a && \"b\"""#, &[("preferred_label", "a && \"b\"")]));
        assert!(holds("context.n=-3", &[("context.n", "-3")]));
        assert!(holds("preferred_label = Needs work ", &[("preferred_label", "Needs work")]));
        assert!(holds("context.x=\"\"", &[]));
    }

    #[test]
    fn numbers_compare_as_numbers() {
        assert!(holds("context.n >= 9", &[("n", "10")]) && holds("context.n<=9", &[("n", "9")]));
        assert!(!holds("context.n > 10", &[("n", "10")]) && !holds("context.n<-1", &[("n", "x")]));
    }

    #[test]
    fn conditions_are_written_as_they_are_read() {
        for text in ["outcome=success && context.a!=\"b && c\" && d", "n >= 2.5", "x=\"\"", ""] {
            assert_eq!(Condition::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_key_alone_asks_whether_it_is_set() {
        assert!(holds("context.ready", &[("ready", "yes")]));
        assert!(holds("ready && outcome=fail", &[("ready", "1"), ("outcome", "fail")]));
        assert!(!holds("context.ready", &[("ready", "false")]));
        assert!(!holds("context.ready", &[]));
    }

    #[test]
    fn errors_say_where_and_what_instead() {
        let shown = |text: &str| {
            let error = Condition::parse(text).unwrap_err();
            format!("{}: {error}; {}", error.offset, error.help)
        };
        let cases = [
            ("outcome==success", "7: `==` is no operator; equality is a single `=`"),
            ("outcom=success", "0: `outcom` is no key; did you mean `outcome`?"),
            ("a=b && ", "7: expected a clause; "),
            ("outcome=", "8: expected a value; "),
            ("outcome=a || b", "10: unexpected `|` in a value; "),
            ("context.n > x", "10: `>` compares numbers; write a number"),
            ("context.n ~ 3", "10: expected `=` or `!=`, found `~`; "),
            ("context.=3", "0: `context.` is no key; "),
            ("x=\"a\" b", "5: expected `&&` after the value; "),
            ("x=\"a", "2: this quoted text is never closed; "),
            ("!x", "0: expected a key; "),
        ];
        for (text, start) in cases {
            assert!(shown(text).starts_with(start), "{text}: {}", shown(text));
        }
    }

    #[test]
    fn a_condition_knows_the_outcome_that_it_needs() {
        let requires = |text: &str| Condition::parse(text).unwrap().requires_outcome("success");
        assert!(requires("context.a=b && outcome=success"));
        assert!(!requires("outcome!=fail") && !requires("") && !requires("outcome=fail"));
    }
}
