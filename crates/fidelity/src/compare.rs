//! Two JSON values compared by structure: the same fields of the same types, whatever the values.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

/// Elements of a list whose fields are merged into one shape.
const ELEMENTS_MAX: usize = 50;

/// A place where a twin's answer is not built like the real one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "difference", rename_all = "snake_case")]
pub enum Difference {
    Status {
        real: u16,
        ours: u16,
    },
    /// The real answer has a field that ours has not.
    Missing {
        at: String,
    },
    Type {
        at: String,
        real: &'static str,
        ours: &'static str,
    },
    /// Ours has a field that the real answer has not: told, but no failure, since services leave fields out.
    Extra {
        at: String,
    },
    /// As `Missing`, but other real answers of the operation lack it, too: it depends on the organisation
    /// that was recorded.
    Optional {
        at: String,
    },
}

impl Difference {
    /// Whether a client could stumble over it.
    pub fn counts(&self) -> bool {
        !matches!(self, Self::Extra { .. } | Self::Optional { .. })
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status { real, ours } => write!(f, "status {ours}, really {real}"),
            Self::Missing { at } => write!(f, "{at} is missing"),
            Self::Type { at, real, ours } => write!(f, "{at} is {ours}, really {real}"),
            Self::Optional { at } => write!(f, "{at} is missing, as in some real answers"),
            Self::Extra { at } => write!(f, "{at} is more than there really is"),
        }
    }
}

/// Where `ours` is not built like `real`.
pub fn compare(real: &Value, ours: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk("$", real, ours, &mut found);
    found.sort();
    found.dedup();
    found
}

fn walk(at: &str, real: &Value, ours: &Value, found: &mut Vec<Difference>) {
    match (real, ours) {
        // Nothing is known of a field that is null.
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(real), Value::Object(ours)) => {
            for (name, value) in real {
                let at = format!("{at}.{name}");
                match ours.get(name) {
                    Some(other) => walk(&at, value, other, found),
                    None if value.is_null() => {}
                    None => found.push(Difference::Missing { at }),
                }
            }
            let extra = ours.keys().filter(|name| !real.contains_key(*name));
            found.extend(extra.map(|name| Difference::Extra { at: format!("{at}.{name}") }));
        }
        (Value::Array(real), Value::Array(ours)) => {
            // Lists hold different things in different worlds: what can be compared is what each
            // element is like.
            if let (Some(real), Some(ours)) = (merged(real), merged(ours)) {
                walk(&format!("{at}[]"), &real, &ours, found);
            }
        }
        (real, ours) if kind(real) != kind(ours) => {
            let (real, ours) = (kind(real), kind(ours));
            found.push(Difference::Type { at: at.to_owned(), real, ours });
        }
        _ => {}
    }
}

/// The fields of an answer, each by the place that [`compare`] would name, with those of the object around.
pub(crate) fn fields(answer: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    list_fields("$", answer, &mut all);
    all
}

fn list_fields(at: &str, value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            all.insert(at.to_owned());
            for (name, value) in fields {
                let at = format!("{at}.{name}");
                all.insert(at.clone());
                list_fields(&at, value, all);
            }
        }
        Value::Array(list) => {
            if let Some(one) = merged(list) {
                list_fields(&format!("{at}[]"), &one, all);
            }
        }
        _ => {}
    }
}

/// One element that has the fields which all elements have.
fn merged(list: &[Value]) -> Option<Value> {
    let first = list.first()?;
    let Value::Object(fields) = first else { return Some(first.clone()) };
    let mut common: BTreeMap<&String, &Value> = fields.iter().collect();
    for other in list.iter().take(ELEMENTS_MAX).skip(1) {
        common.retain(|name, _| other.get(*name).is_some());
    }
    Some(common.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(real: Value, ours: Value, expected: &str) {
        let found: Vec<String> = compare(&real, &ours).iter().map(ToString::to_string).collect();
        assert_eq!(found.join("; "), expected);
    }

    #[test]
    fn values_may_differ_and_structure_may_not() {
        check(json!({ "a": 1, "b": null }), json!({ "a": 2 }), "");
        check(json!({ "a": 1 }), json!({ "a": "1" }), "$.a is a text, really a number");
        check(json!({ "a": { "b": 1 } }), json!({ "a": {} }), "$.a.b is missing");
        check(json!({}), json!({ "c": 1 }), "$.c is more than there really is");
        check(json!({ "l": [] }), json!({ "l": [1] }), "");
        check(
            json!([{ "a": 1, "rare": 2 }, { "a": 1 }]),
            json!([{ "a": "x" }]),
            "$[].a is a text, really a number",
        );
    }
}
