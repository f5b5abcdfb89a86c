//! A call's arguments, as they lie in its request: found, and replaced.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use twin::Request;

use super::{Change, leaves};

/// Where in a request a value lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Argument {
    pub part: Part,
    /// The name of a field; a JSON pointer; the number of a path's segment, from 0.
    pub name: String,
}

/// A part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Path,
    Query,
    Form,
    Json,
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Part::Path => write!(f, "path segment {}", self.name),
            Part::Json => f.write_str(self.name.trim_start_matches('/')),
            Part::Query | Part::Form => f.write_str(&self.name),
        }
    }
}

/// Arguments of one call that are made wrong, one at a time.
const ARGUMENTS_MAX: usize = 6;

/// Fewer characters than this are a name or a number rather than a text.
const TEXT_CHARS_MIN: usize = 8;

/// What can be made of the arguments of a call on a twin with this state: those that name a record can
/// name another, all others can be emptied, and texts cut in half.
pub(super) fn changes(request: &Request, state: &Value) -> Vec<Change> {
    let secret = |argument: &Argument| {
        let name = argument.name.to_ascii_lowercase();
        name.contains("token") || name.contains("secret")
    };
    let arguments = arguments(request).into_iter().filter(|(argument, _)| !secret(argument));
    let mut found = Vec::new();
    for (argument, value) in arguments.take(ARGUMENTS_MAX) {
        if another(state, &value).is_some() {
            found.push(Change::ArgumentExchanged { argument });
        } else if argument.part != Part::Path && !value.is_empty() {
            if half(&value).is_some() {
                found.push(Change::ArgumentHalved { argument: argument.clone() });
            }
            found.push(Change::ArgumentEmptied { argument });
        }
    }
    found
}

/// The first half of a text; `None` for what is no text.
pub(super) fn half(value: &str) -> Option<String> {
    let count = value.chars().count();
    let text = count >= TEXT_CHARS_MIN && value.contains(char::is_whitespace);
    text.then(|| value.chars().take(count / 2).collect())
}

/// The key, or the name, of another record of the table in which this one names a record.
pub(super) fn another(state: &Value, value: &str) -> Option<String> {
    let tables = state.get("tables")?.as_object()?;
    let mut found = tables.values().filter_map(Value::as_object).filter_map(|table| {
        if table.contains_key(value) {
            return table.keys().find(|key| *key != value).cloned();
        }
        let names = || table.values().filter_map(|record| record.get("name")?.as_str());
        names().find(|name| *name == value)?;
        names().find(|name| *name != value).map(str::to_owned)
    });
    found.next()
}

/// The request with another value in place of an argument; `None` where it has no such argument, or
/// there is no other value.
pub(super) fn altered(
    request: &Request,
    argument: &Argument,
    other: impl Fn(&str) -> Option<String>,
) -> Option<Request> {
    let (_, value) = arguments(request).into_iter().find(|(known, _)| known == argument)?;
    let other = other(&value)?;
    let mut altered = request.clone();
    let name = &argument.name;
    let uri = request.uri();
    match argument.part {
        Part::Path => {
            let at: usize = name.parse().ok()?;
            let encoded: String = form_urlencoded::byte_serialize(other.as_bytes()).collect();
            let mut segments: Vec<&str> = uri.path().split('/').collect();
            *segments.get_mut(at)? = &encoded;
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            *altered.uri_mut() = format!("{}{query}", segments.join("/")).parse().ok()?;
        }
        Part::Query => {
            let query = with_field(uri.query()?.as_bytes(), name, &other);
            *altered.uri_mut() = format!("{}?{query}", uri.path()).parse().ok()?;
        }
        Part::Form => *altered.body_mut() = with_field(request.body(), name, &other).into(),
        Part::Json => {
            let mut json: Value = serde_json::from_slice(request.body()).ok()?;
            *json.pointer_mut(name)? = Value::String(other);
            *altered.body_mut() = json.to_string().into();
        }
    }
    Some(altered)
}

fn with_field(form: &[u8], name: &str, other: &str) -> String {
    let mut fields = form_urlencoded::Serializer::new(String::new());
    for (known, value) in form_urlencoded::parse(form) {
        let value = if known == name { other } else { &value };
        fields.append_pair(&known, value);
    }
    fields.finish()
}

/// All arguments of a request that are texts, with their values.
fn arguments(request: &Request) -> Vec<(Argument, String)> {
    let mut found = Vec::new();
    let mut push = |part, name: String, value: String| found.push((Argument { part, name }, value));
    for (at, segment) in request.uri().path().split('/').enumerate() {
        let decoded = segment.replace('+', "%2B");
        let decoded = form_urlencoded::parse(decoded.as_bytes()).next();
        push(Part::Path, at.to_string(), decoded.map(|(name, _)| name.into()).unwrap_or_default());
    }
    let pairs = |text: &[u8]| -> Vec<(String, String)> {
        form_urlencoded::parse(text).map(|(name, value)| (name.into(), value.into())).collect()
    };
    for (name, value) in pairs(request.uri().query().unwrap_or_default().as_bytes()) {
        push(Part::Query, name, value);
    }
    let kind = request.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    match kind.unwrap_or_default() {
        kind if kind.starts_with("application/x-www-form-urlencoded") => {
            for (name, value) in pairs(request.body()) {
                push(Part::Form, name, value);
            }
        }
        kind if kind.contains("json") => {
            let json = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
            for (pointer, value) in leaves(&json) {
                if let (Value::String(value), false) = (value, pointer.is_empty()) {
                    push(Part::Json, pointer, value);
                }
            }
        }
        _ => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(target: &str, kind: &str, body: &str) -> Request {
        let mut request = Request::new(body.to_owned().into());
        *request.uri_mut() = target.parse().unwrap();
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        request
    }

    fn told(request: &Request, state: &Value) -> Vec<String> {
        changes(request, state).iter().map(ToString::to_string).collect()
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn names_of_records_are_exchanged_and_texts_emptied_and_halved() {
        let state =
            json!({ "tables": { "channels": { "C1": {}, "C2": {} }, "users": { "U1": {} } } });
        let form = request("/api/say?token=C1", FORM, "channel=C1&text=Bob+is+locked+out&user=U1");
        assert_eq!(
            told(&form, &state),
            [
                "done with the `channel` of something else",
                "done with half of `text`",
                "done with `text` emptied",
                "done with `user` emptied",
            ]
        );
        let json =
            request("/users/C2/off", "application/json", r#"{"a":{"b":"some longer text"}}"#);
        assert_eq!(
            told(&json, &state),
            [
                "done with the `path segment 2` of something else",
                "done with half of `a/b`",
                "done with `a/b` emptied",
            ]
        );
    }

    #[test]
    fn one_argument_is_replaced_and_the_rest_stays() {
        let argument = |part, name: &str| Argument { part, name: name.to_owned() };
        let other = |_: &str| Some("a b".to_owned());
        let form = request("/x/C1?q=1&r=2", FORM, "channel=C1&text=t");
        let query = altered(&form, &argument(Part::Query, "r"), other).unwrap();
        assert_eq!(query.uri(), "/x/C1?q=1&r=a+b");
        let body = altered(&form, &argument(Part::Form, "text"), other).unwrap();
        assert_eq!(&body.body()[..], b"channel=C1&text=a+b");
        let path = altered(&form, &argument(Part::Path, "2"), |_| Some("C2".to_owned())).unwrap();
        assert_eq!(path.uri(), "/x/C2?q=1&r=2");
        let json = request("/", "application/json", r#"{"a":["b"],"c":1}"#);
        let json = altered(&json, &argument(Part::Json, "/a/0"), other).unwrap();
        assert_eq!(&json.body()[..], br#"{"a":["a b"],"c":1}"#);
        assert!(altered(&form, &argument(Part::Form, "nothing"), other).is_none());
    }
}
