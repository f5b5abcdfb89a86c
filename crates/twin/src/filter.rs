//! Filter expressions as SCIM (RFC 7644, 3.4.2.2) and Okta's `filter` and `search` have them: read once, then
//! held against JSON records.
//!
//! It knows no schema: an attribute that a record has not is one without a value. Texts are compared without
//! regard to case, and texts that are both times as times.

use std::cmp::Ordering;

use serde_json::Value;

/// Bytes of an expression: services cut far below it, and URLs end there.
const EXPRESSION_BYTES_MAX: usize = 16 << 10;

/// How deep parentheses may nest: each level is a call of the reader's.
const DEPTH_MAX: usize = 32;

/// What is wrong with an expression, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at {at}")]
pub(crate) struct FilterError {
    /// The first byte that is wrong, from 0.
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// An expression that was understood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Present(Path),
    Compare(Path, Operator, Value),
    /// `emails[type eq "work"]`: one element of a list has all of it.
    Element(Path, Box<Filter>),
}

/// `profile.email`, by its parts.
pub(crate) type Path = Vec<String>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    /// One that is empty, too long, nested too deep, or not of the language.
    pub(crate) fn read(text: &str) -> Result<Self, FilterError> {
        if text.len() > EXPRESSION_BYTES_MAX {
            let message = format!("an expression of more than {EXPRESSION_BYTES_MAX} bytes");
            return Err(FilterError { at: EXPRESSION_BYTES_MAX, message });
        }
        let mut reader = Reader { text, at: 0, depth: 0 };
        let filter = reader.either()?;
        match reader.rest() {
            "" => Ok(filter),
            rest => {
                Err(reader.wrong(format!("`and`, `or` or the end is wanted, not `{}`", word(rest))))
            }
        }
    }

    /// Whether a record is as the expression says.
    pub(crate) fn matches(&self, record: &Value) -> bool {
        match self {
            Self::And(left, right) => left.matches(record) && right.matches(record),
            Self::Or(left, right) => left.matches(record) || right.matches(record),
            Self::Not(inner) => !inner.matches(record),
            Self::Present(path) => any(record, path, &|value| match value {
                Value::Null => false,
                Value::String(text) => !text.is_empty(),
                Value::Object(fields) => !fields.is_empty(),
                _ => true,
            }),
            Self::Compare(path, Operator::NotEqual, wanted) => {
                !any(record, path, &|value| Operator::Equal.holds(value, wanted))
            }
            Self::Compare(path, Operator::Equal, Value::Null) => {
                !any(record, path, &|value| !value.is_null())
            }
            Self::Compare(path, operator, wanted) => {
                any(record, path, &|value| operator.holds(value, wanted))
            }
            Self::Element(path, inner) => any(record, path, &|value| inner.matches(value)),
        }
    }

    /// Calls `each` with every attribute's path and the word of the operator that it is compared by.
    pub(crate) fn comparisons(&self, each: &mut dyn FnMut(&Path, &'static str)) {
        match self {
            Self::And(left, right) | Self::Or(left, right) => {
                left.comparisons(each);
                right.comparisons(each);
            }
            Self::Not(inner) => inner.comparisons(each),
            Self::Present(path) => each(path, "pr"),
            Self::Compare(path, operator, _) => each(path, operator.word()),
            Self::Element(path, inner) => inner.comparisons(&mut |inner, word| {
                each(&path.iter().chain(inner).cloned().collect(), word);
            }),
        }
    }
}

/// Whether some value at `path` passes: a list on the way stands for each of its elements.
fn any(value: &Value, path: &[String], test: &dyn Fn(&Value) -> bool) -> bool {
    match (value, path.split_first()) {
        (Value::Array(elements), _) => elements.iter().any(|element| any(element, path, test)),
        (value, None) => test(value),
        (Value::Object(fields), Some((name, rest))) => {
            fields.get(name).is_some_and(|value| any(value, rest, test))
        }
        _ => false,
    }
}

const OPERATORS: [(&str, Operator); 9] = [
    ("eq", Operator::Equal),
    ("ne", Operator::NotEqual),
    ("co", Operator::Contains),
    ("sw", Operator::StartsWith),
    ("ew", Operator::EndsWith),
    ("gt", Operator::Greater),
    ("ge", Operator::GreaterOrEqual),
    ("lt", Operator::Less),
    ("le", Operator::LessOrEqual),
];

impl Operator {
    fn word(self) -> &'static str {
        let found = OPERATORS.iter().find(|(_, operator)| *operator == self);
        found.expect("every operator has its word").0
    }

    fn holds(self, value: &Value, wanted: &Value) -> bool {
        match self {
            Self::Contains | Self::StartsWith | Self::EndsWith => {
                let (Some(value), Some(wanted)) = (value.as_str(), wanted.as_str()) else {
                    return false;
                };
                let (value, wanted) = (value.to_lowercase(), wanted.to_lowercase());
                match self {
                    Self::Contains => value.contains(&wanted),
                    Self::StartsWith => value.starts_with(&wanted),
                    _ => value.ends_with(&wanted),
                }
            }
            _ => order(value, wanted).is_some_and(|order| match self {
                Self::Equal => order == Ordering::Equal,
                Self::Greater => order == Ordering::Greater,
                Self::GreaterOrEqual => order != Ordering::Less,
                Self::Less => order == Ordering::Less,
                _ => order != Ordering::Greater,
            }),
        }
    }
}

/// How two values of one kind lie to each other; `None` for values of two kinds.
fn order(value: &Value, wanted: &Value) -> Option<Ordering> {
    match (value, wanted) {
        (Value::String(value), Value::String(wanted)) => {
            if value == wanted {
                return Some(Ordering::Equal);
            }
            if let (Some(value), Some(wanted)) = (moment(value), moment(wanted)) {
                return Some(value.cmp(&wanted));
            }
            Some(value.to_lowercase().cmp(&wanted.to_lowercase()))
        }
        (Value::Number(value), Value::Number(wanted)) => {
            value.as_f64()?.partial_cmp(&wanted.as_f64()?)
        }
        (Value::Bool(value), Value::Bool(wanted)) => Some(value.cmp(wanted)),
        // Callers put quotes around what is no text; the services let that pass.
        (Value::Bool(_) | Value::Number(_), Value::String(wanted)) => {
            let read: Value = serde_json::from_str(wanted).ok()?;
            if read.is_string() { None } else { order(value, &read) }
        }
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        _ => None,
    }
}

/// RFC 3339 as a time. A look at the first characters spares ordinary texts the reading.
fn moment(text: &str) -> Option<jiff::Timestamp> {
    let digits = text.len() >= 20 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit);
    if digits { text.parse().ok() } else { None }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// The first word of what is left, for messages.
fn word(rest: &str) -> &str {
    rest.split_ascii_whitespace().next().unwrap_or_default()
}

impl<'a> Reader<'a> {
    /// What is left, without the blanks before it.
    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn wrong(&self, message: impl Into<String>) -> FilterError {
        FilterError { at: self.at, message: message.into() }
    }

    /// Takes a word that letters or signs end, whatever its case.
    fn keyword(&mut self, keyword: &str) -> bool {
        let rest = self.rest();
        let found =
            rest.get(..keyword.len()).is_some_and(|word| word.eq_ignore_ascii_case(keyword))
                && !rest[keyword.len()..]
                    .starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_');
        self.at += if found { keyword.len() } else { 0 };
        found
    }

    fn sign(&mut self, sign: char) -> bool {
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len_utf8() } else { 0 };
        found
    }

    fn either(&mut self) -> Result<Filter, FilterError> {
        let mut left = self.both()?;
        while self.keyword("or") {
            left = Filter::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Filter, FilterError> {
        let mut left = self.one()?;
        while self.keyword("and") {
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Filter, FilterError> {
        if self.keyword("not") {
            if !self.rest().starts_with('(') {
                return Err(self.wrong("`(` is wanted after `not`"));
            }
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        if self.sign('(') {
            return self.closed(')');
        }
        let path = self.path()?;
        if self.sign('[') {
            return Ok(Filter::Element(path, Box::new(self.closed(']')?)));
        }
        if self.keyword("pr") {
            return Ok(Filter::Present(path));
        }
        for (word, operator) in OPERATORS {
            if self.keyword(word) {
                return Ok(Filter::Compare(path, operator, self.value()?));
            }
        }
        let rest = self.rest();
        Err(self.wrong(format!("an operator is wanted, not `{}`", word(rest))))
    }

    /// An expression up to the sign that closes it.
    fn closed(&mut self, sign: char) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong(format!("more than {DEPTH_MAX} parentheses in each other")));
        }
        let inner = self.either()?;
        self.depth -= 1;
        match self.sign(sign) {
            true => Ok(inner),
            false => Err(self.wrong(format!("`{sign}` is wanted"))),
        }
    }

    /// An attribute's name; the parts of a URN before it stay with its first part.
    fn path(&mut self) -> Result<Path, FilterError> {
        let rest = self.rest();
        let inner = |c: char| c.is_ascii_alphanumeric() || "._-$:".contains(c);
        let end = rest.find(|c| !inner(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        let urn = name.rfind(':').map_or(0, |at| at + 1);
        let parts: Path = match name[urn..].split_once('.') {
            Some((first, more)) => {
                let first = format!("{}{first}", &name[..urn]);
                std::iter::once(first).chain(more.split('.').map(str::to_owned)).collect()
            }
            None => vec![name.to_owned()],
        };
        if parts.iter().any(String::is_empty)
            || name.starts_with(|c: char| !c.is_ascii_alphabetic())
        {
            return Err(self.wrong(format!("an attribute is wanted, not `{}`", word(rest))));
        }
        self.at += end;
        Ok(parts)
    }

    /// A JSON scalar.
    fn value(&mut self) -> Result<Value, FilterError> {
        let rest = self.rest();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) if !value.is_array() && !value.is_object() => {
                self.at += values.byte_offset();
                Ok(value)
            }
            _ => Err(self.wrong(format!("a value is wanted, not `{}`", word(rest)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(expression: &str, expected: bool) {
        let record = json!({
            "id": "00u1", "status": "ACTIVE", "lastUpdated": "2026-01-05T09:00:00.000Z", "priority": 3,
            "system": false, "lastLogin": null, "empty": "", "none": [],
            "profile": { "login": "Ada@example.com", "department": "R\"D", "tags": ["red", "blue"] },
            "emails": [{ "type": "work", "value": "a@x" }, { "type": "home", "value": "b@x" }],
            "urn:x:2.0:User:role": { "name": "boss" },
        });
        let filter =
            Filter::read(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert_eq!(filter.matches(&record), expected, "{expression}");
    }

    #[test]
    fn comparisons_hold_by_the_kind_of_the_value() {
        for (expression, expected) in [
            ("status eq \"active\"", true),
            ("status ne \"ACTIVE\"", false),
            ("missing ne \"x\"", true),
            ("profile.login co \"DA@EX\"", true),
            ("profile.login sw \"ada\"", true),
            ("profile.login ew \".org\"", false),
            ("profile.department eq \"r\\\"d\"", true),
            ("priority gt 2 and priority le 3.0", true),
            ("system eq false", true),
            ("system eq \"false\"", true),
            ("lastUpdated gt \"2026-01-05T08:59:59Z\"", true),
            ("lastUpdated eq \"2026-01-05T10:00:00+01:00\"", true),
            ("lastUpdated lt \"2025-12-31T23:00:00.000Z\"", false),
            ("priority eq \"x\"", false),
        ] {
            check(expression, expected);
        }
    }

    #[test]
    fn what_is_null_or_empty_is_not_present() {
        for (expression, expected) in [
            ("id pr", true),
            ("system pr", true),
            ("lastLogin pr", false),
            ("lastLogin eq null", true),
            ("missing eq null", true),
            ("empty pr", false),
            ("none pr", false),
            ("profile.missing pr", false),
            ("id.deeper pr", false),
        ] {
            check(expression, expected);
        }
    }

    #[test]
    fn a_list_has_what_one_of_its_elements_has() {
        for (expression, expected) in [
            ("profile.tags eq \"blue\"", true),
            ("profile.tags ne \"blue\"", false),
            ("emails.value eq \"b@x\"", true),
            ("emails[type eq \"work\" and value eq \"b@x\"]", false),
            ("emails[type eq \"home\" and value eq \"b@x\"]", true),
            ("urn:x:2.0:User:role.name eq \"boss\"", true),
        ] {
            check(expression, expected);
        }
    }

    #[test]
    fn not_binds_tighter_than_and_and_that_than_or() {
        for (expression, expected) in [
            ("id eq \"no\" and id eq \"no\" or id pr", true),
            ("id pr or id eq \"no\" and id eq \"no\"", true),
            ("(id pr or id eq \"no\") AND id eq \"no\"", false),
            ("NOT (id eq \"no\") and status Eq \"ACTIVE\"", true),
            ("not (id pr) or not (status pr)", false),
        ] {
            check(expression, expected);
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let deep = format!("{}id pr", "(".repeat(DEPTH_MAX + 1));
        for (expression, expected) in [
            ("", "an attribute is wanted, not `` at 0"),
            ("status", "an operator is wanted, not `` at 6"),
            ("status eq ACTIVE", "a value is wanted, not `ACTIVE` at 10"),
            ("status eq \"A", "a value is wanted, not `\"A` at 10"),
            ("status = \"A\"", "an operator is wanted, not `=` at 7"),
            ("(id pr", "`)` is wanted at 6"),
            ("id pr id pr", "`and`, `or` or the end is wanted, not `id` at 6"),
            ("id pr and", "an attribute is wanted, not `` at 9"),
            ("not id pr", "`(` is wanted after `not` at 4"),
            ("a..b pr", "an attribute is wanted, not `a..b` at 0"),
            ("id eq [1]", "a value is wanted, not `[1]` at 6"),
            (&deep, "more than 32 parentheses in each other at 33"),
        ] {
            assert_eq!(Filter::read(expression).unwrap_err().to_string(), expected, "{expression}");
        }
        assert!(Filter::read(&"x".repeat(EXPRESSION_BYTES_MAX + 1)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "[a-c.\"()\\[\\] eqandorntpr0-9éπ]{0,60}") {
            if let Ok(filter) = Filter::read(&text) {
                filter.matches(&json!({ "a": { "b": [1, "c"] } }));
            }
        }
    }
}
