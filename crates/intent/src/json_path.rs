//! Paths into JSON values: the plain part of JSONPath, which always leads to one value or none.
//!
//! `$`, then any number of `.name`, `["name"]`, `[0]` and `[-1]` (from the end). It refuses wildcards
//! and filters: an expectation on one value says more plainly what is wanted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A path to one value. As text, and in JSON, it is as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JsonPath {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Name(String),
    /// From the end where negative.
    Index(i64),
}

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no path such as `$.items[0].name`")]
pub struct JsonPathError(String);

impl JsonPath {
    /// The value there, if there is one.
    pub fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.parts.iter().try_fold(value, |value, part| match part {
            Part::Name(name) => value.as_object()?.get(name),
            Part::Index(index) => {
                let items = value.as_array()?;
                let at = match usize::try_from(*index) {
                    Ok(at) => at,
                    Err(_) => {
                        items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
                    }
                };
                items.get(at)
            }
        })
    }
}

impl FromStr for JsonPath {
    type Err = JsonPathError;

    fn from_str(text: &str) -> Result<Self, JsonPathError> {
        let wrong = || JsonPathError(text.to_owned());
        let mut rest = text.strip_prefix('$').ok_or_else(wrong)?;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let (part, after) = next(rest).ok_or_else(wrong)?;
            parts.push(part);
            rest = after;
        }
        Ok(Self { text: text.to_owned(), parts })
    }
}

fn next(rest: &str) -> Option<(Part, &str)> {
    if let Some(rest) = rest.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let plain = !name.is_empty() && !name.contains([' ', '*', '"', '\'', ']']);
        return plain.then(|| (Part::Name(name.to_owned()), after));
    }
    let rest = rest.strip_prefix('[')?;
    for quote in ['"', '\''] {
        if let Some(rest) = rest.strip_prefix(quote) {
            let (name, after) = rest.split_once(quote)?;
            return Some((Part::Name(name.to_owned()), after.strip_prefix(']')?));
        }
    }
    let (index, after) = rest.split_once(']')?;
    Some((Part::Index(index.parse().ok()?), after))
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for JsonPath {
    type Error = JsonPathError;

    fn try_from(text: String) -> Result<Self, JsonPathError> {
        text.parse()
    }
}

impl From<JsonPath> for String {
    fn from(path: JsonPath) -> Self {
        path.text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_one_value_or_none() {
        let value = json!({ "a": { "b c": [1, { "d": null }] }, "e": "x" });
        let found = |path: &str| path.parse::<JsonPath>().unwrap().find(&value).cloned();
        assert_eq!(found("$"), Some(value.clone()));
        assert_eq!(found("$.e"), Some(json!("x")));
        assert_eq!(found("$.a[\"b c\"][0]"), Some(json!(1)));
        assert_eq!(found("$['a']['b c'][-1].d"), Some(json!(null)));
        for nowhere in ["$.z", "$.a[0]", "$.e.f", "$.a['b c'][2]", "$.a['b c'][-3]", "$[0]"] {
            assert_eq!(found(nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for wrong in
            ["", "a", ".a", "$a", "$.", "$..a", "$.*", "$[", "$[]", "$[x]", "$['a", "$.a b"]
        {
            assert!(wrong.parse::<JsonPath>().is_err(), "{wrong}");
        }
    }
}
