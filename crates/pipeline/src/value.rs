//! Attribute values (2.4): how they are read, written, and understood as what an attribute wants.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::NUMBER_MAX;

/// An attribute's value (2.4).
///
/// A decimal number without a fraction is an [`Value::Integer`]: JSON does not tell the two apart,
/// and a graph must come back from the ledger as it went in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, try_from = "serde_json::Value")]
pub enum Value {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Duration { ms: u64 },
    String(String),
}

/// What JSON holds no attribute's value.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no attribute's value")]
pub struct ValueError(serde_json::Value);

/// By way of JSON's own value, not by serde's untagged reading: that takes no number where another crate has
/// asked serde_json for arbitrary precision.
impl TryFrom<serde_json::Value> for Value {
    type Error = ValueError;

    fn try_from(json: serde_json::Value) -> Result<Self, ValueError> {
        match &json {
            serde_json::Value::Bool(boolean) => Ok(Self::Boolean(*boolean)),
            serde_json::Value::String(text) => Ok(Self::String(text.clone())),
            serde_json::Value::Number(number) => {
                let float = || number.as_f64().map(Self::Float);
                number.as_i64().map(Self::Integer).or_else(float).ok_or(ValueError(json))
            }
            serde_json::Value::Object(fields) if fields.len() == 1 => {
                let ms = fields.get("ms").and_then(serde_json::Value::as_u64);
                ms.map(|ms| Self::Duration { ms }).ok_or(ValueError(json))
            }
            _ => Err(ValueError(json)),
        }
    }
}

/// Units of a duration, longest first, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// What is wrong with an unquoted value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BareError {
    #[error("is beyond ±9007199254740991 (2^53 - 1)")]
    Range,
    #[error("is a duration below zero")]
    NegativeDuration,
}

impl BareError {
    /// What to write instead.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Range => "write a number nearer to zero, or quote it if it is a text",
            Self::NegativeDuration => "write a duration of zero or more",
        }
    }
}

impl Value {
    /// Reads an unquoted value; `true` beside it when the dialect wants it quoted.
    pub(crate) fn from_bare(text: &str) -> Result<(Self, bool), BareError> {
        if let Ok(boolean) = text.parse::<bool>() {
            return Ok((Self::Boolean(boolean), false));
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let number_end =
            digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
        let (number, unit) = digits.split_at(number_end);
        if is_integer(number) && unit.is_empty() {
            return integer(text).map(|value| (Self::Integer(value), false));
        }
        if is_float(number) && unit.is_empty() {
            return float(text).map(|value| (value, false));
        }
        if let (true, Some(ms)) = (is_integer(number), unit_ms(unit)) {
            if digits.len() < text.len() {
                return Err(BareError::NegativeDuration);
            }
            return duration(number, ms).map(|ms| (Self::Duration { ms }, false));
        }
        let bare = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b));
        Ok((Self::String(text.to_owned()), !bare))
    }

    /// The text of a string, and nothing of any other value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// As a truth: also from `"true"` and `"false"` in quotes.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(boolean) => Some(*boolean),
            Self::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// As a whole number: also from digits in quotes.
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            Self::String(text) => integer(text).ok(),
            _ => None,
        }
    }

    /// As a number of any kind: also from one in quotes.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            // Exact: no integer has more bits than a significand.
            Self::Integer(integer) => Some(*integer as f64),
            Self::Float(float) => Some(*float),
            Self::String(text) => Self::from_bare(text).ok().and_then(|(value, _)| match value {
                Self::Integer(_) | Self::Float(_) => value.number(),
                _ => None,
            }),
            _ => None,
        }
    }

    /// As a duration: also from `"900s"` in quotes, as the specification itself writes it.
    pub(crate) fn duration(&self) -> Option<Duration> {
        match self {
            Self::Duration { ms } => Some(Duration::from_millis(*ms)),
            Self::String(text) => match Self::from_bare(text) {
                Ok((Self::Duration { ms }, _)) => Some(Duration::from_millis(ms)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Bytes of text that a copy of this value takes.
    pub(crate) fn text_bytes(&self) -> usize {
        self.as_str().map_or(0, str::len)
    }

    /// The value as DOT: whatever [`fmt::Display`] shows, in quotes where quotes are needed.
    pub(crate) fn to_dot(&self) -> String {
        match self {
            Self::String(text) => quote(text),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Value {
    /// The value as text, a string without its quotes: what a prompt or a context receives.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(boolean) => write!(f, "{boolean}"),
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Float(float) => write!(f, "{float}"),
            Self::Duration { ms } => {
                let (unit, size) = UNITS
                    .into_iter()
                    .find(|(_, size)| *ms > 0 && ms % size == 0)
                    .unwrap_or(("ms", 1));
                write!(f, "{}{unit}", ms / size)
            }
            Self::String(text) => f.write_str(text),
        }
    }
}

/// `text` as a quoted DOT string.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn is_integer(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_float(text: &str) -> bool {
    text.split_once('.').is_some_and(|(whole, fraction)| {
        (whole.is_empty() || is_integer(whole)) && is_integer(fraction)
    })
}

fn integer(text: &str) -> Result<i64, BareError> {
    let value = text.parse().map_err(|_| BareError::Range)?;
    if (-NUMBER_MAX..=NUMBER_MAX).contains(&value) { Ok(value) } else { Err(BareError::Range) }
}

fn float(text: &str) -> Result<Value, BareError> {
    let value: f64 = text.parse().map_err(|_| BareError::Range)?;
    // Exact: NUMBER_MAX has 53 bits, and so has the significand.
    if value.abs() > NUMBER_MAX as f64 {
        return Err(BareError::Range);
    }
    Ok(if value.fract() == 0.0 { Value::Integer(value as i64) } else { Value::Float(value) })
}

fn duration(number: &str, unit_ms: u64) -> Result<u64, BareError> {
    let count = u64::try_from(integer(number)?).map_err(|_| BareError::NegativeDuration)?;
    let ms = count.checked_mul(unit_ms).ok_or(BareError::Range)?;
    if ms > NUMBER_MAX.unsigned_abs() { Err(BareError::Range) } else { Ok(ms) }
}

fn unit_ms(unit: &str) -> Option<u64> {
    UNITS.into_iter().find(|(name, _)| *name == unit).map(|(_, ms)| ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str) -> Result<Value, BareError> {
        Value::from_bare(text).map(|(value, _)| value)
    }

    #[test]
    fn bare_values_are_what_they_look_like() {
        let text = |text: &str| Value::String(text.to_owned());
        assert_eq!(bare("true"), Ok(Value::Boolean(true)));
        assert_eq!(bare("-42"), Ok(Value::Integer(-42)));
        assert_eq!(bare("-2.75"), Ok(Value::Float(-2.75)));
        assert_eq!(bare(".5"), Ok(Value::Float(0.5)));
        assert_eq!(bare("2.0"), Ok(Value::Integer(2)));
        assert_eq!(bare("15m"), Ok(Value::Duration { ms: 900_000 }));
        assert_eq!(bare("250ms"), Ok(Value::Duration { ms: 250 }));
        assert_eq!(bare("summary:high"), Ok(text("summary:high")));
        assert_eq!(bare("1.2.3"), Ok(text("1.2.3")));
        assert_eq!(bare("-5s"), Err(BareError::NegativeDuration));
        assert_eq!(bare("9007199254740992"), Err(BareError::Range));
        assert_eq!(bare("999999999999d"), Err(BareError::Range));
    }

    #[test]
    fn only_values_outside_the_grammar_want_quotes() {
        for (text, wants_quotes) in
            [("gpt-5.2", false), ("LR", false), ("openai/gpt", true), ("2nd", true), ("é", true)]
        {
            assert_eq!(Value::from_bare(text).map(|(_, wants)| wants), Ok(wants_quotes), "{text}");
        }
    }

    #[test]
    fn durations_show_their_longest_whole_unit() {
        for text in ["900ms", "15m", "2h", "1d", "61s", "0ms"] {
            assert_eq!(bare(text).map(|value| value.to_string()), Ok(text.to_owned()));
        }
    }
}
