//! Wrong answers made of right ones.

use serde_json::Value;

use super::{Change, leaves};
use crate::http::HttpResponse;

/// Headers that carry the answer, or that every server writes whatever the program.
const FRAMING: [&str; 8] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "server",
    "transfer-encoding",
    "vary",
];

/// Fields of one answer that are made wrong, one at a time: the first ones are as good as others.
const FIELDS_MAX: usize = 4;

/// The changes that make a difference to this answer.
pub(super) fn changes(response: &HttpResponse) -> Vec<Change> {
    let mut found = vec![if response.status < 400 { Change::Refused } else { Change::Accepted }];
    if !response.body.is_empty() {
        found.push(Change::BodyEmptied);
    }
    if response.body.len() > 1 {
        found.push(Change::BodyHalved);
    }
    let own = |name: &&String| !FRAMING.contains(&name.to_ascii_lowercase().as_str());
    let names = response.headers.iter().map(|(name, _)| name).filter(own);
    found.extend(names.map(|name| Change::HeaderDropped { name: name.to_ascii_lowercase() }));
    let json = serde_json::from_slice::<Value>(&response.body).unwrap_or_default();
    for (field, _) in leaves(&json).into_iter().filter(|(at, _)| !at.is_empty()).take(FIELDS_MAX) {
        found.push(Change::FieldDropped { field: field.clone() });
        found.push(Change::FieldChanged { field });
    }
    found
}

/// The answer with a change; `None` where the change makes no difference to it.
pub(super) fn changed(change: &Change, response: &HttpResponse) -> Option<HttpResponse> {
    let mut told = response.clone();
    match change {
        Change::Refused if response.status < 400 => told.status = 500,
        Change::Accepted if response.status >= 400 => told.status = 200,
        Change::BodyEmptied => told.body.clear(),
        Change::BodyHalved => told.body.truncate(response.body.len() / 2),
        Change::HeaderDropped { name } => {
            told.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        }
        Change::FieldDropped { field } => told.body = edited(&told.body, field, drop_field)?,
        Change::FieldChanged { field } => told.body = edited(&told.body, field, change_field)?,
        _ => return None,
    }
    (told != *response).then_some(told)
}

/// The body with something done to the list or object that holds a field, and the field's name there.
fn edited(body: &[u8], field: &str, edit: fn(&mut Value, &str)) -> Option<Vec<u8>> {
    let mut json = serde_json::from_slice::<Value>(body).ok()?;
    json.pointer(field)?;
    let (parent, name) = field.rsplit_once('/')?;
    edit(json.pointer_mut(parent)?, &name.replace("~1", "/").replace("~0", "~"));
    Some(json.to_string().into_bytes())
}

fn drop_field(parent: &mut Value, name: &str) {
    match parent {
        Value::Object(fields) => {
            fields.remove(name);
        }
        Value::Array(items) if !items.is_empty() => {
            items.remove(0);
        }
        _ => {}
    }
}

fn change_field(parent: &mut Value, name: &str) {
    let field = match parent {
        Value::Object(fields) => fields.get_mut(name),
        Value::Array(items) => items.first_mut(),
        _ => None,
    };
    let Some(field) = field else { return };
    *field = match &*field {
        // Backwards, so that nobody who looks for a part of it finds that.
        Value::String(text) if text.chars().rev().ne(text.chars()) => {
            Value::String(text.chars().rev().collect())
        }
        Value::Bool(truth) => Value::Bool(!truth),
        // A whole number stays one: what tells 5.0 from 5 has not noticed that it should be 6.
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(n), _) => n.checked_add(1).unwrap_or(0).into(),
            (None, Some(n)) => (n + 1).into(),
            (None, None) => (number.as_f64().unwrap_or(0.0) + 1.0).into(),
        },
        _ => Value::String("something".to_owned()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> HttpResponse {
        let headers = [("Date", "today"), ("Location", "/1")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        HttpResponse { status, headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn each_change_makes_a_difference_and_others_make_none() {
        let right = response(200, r#"{"a":{"n":1},"list":["xz","y"],"ok":true}"#);
        let changes_of_right = changes(&right);
        let told: Vec<String> = changes_of_right.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "success told as status 500",
                "its body emptied",
                "its body cut in half",
                "its header `location` dropped",
                "its field `/a/n` dropped",
                "its field `/a/n` changed",
                "its field `/list/0` dropped",
                "its field `/list/0` changed",
                "its field `/ok` dropped",
                "its field `/ok` changed",
            ]
        );
        for change in &changes_of_right {
            assert!(changed(change, &right).is_some(), "{change}");
        }
        let other = response(404, "");
        assert_eq!(changes(&other)[0], Change::Accepted);
        for change in [Change::Refused, Change::BodyEmptied, Change::BodyHalved, Change::Undone] {
            assert_eq!(changed(&change, &other), None, "{change}");
        }
    }

    #[test]
    fn a_number_stays_of_its_kind() {
        for (right, wrong) in [
            ("5", "6"),
            ("-1", "0"),
            ("18446744073709551615", "0"),
            ("9007199254740993", "9007199254740994"),
            ("0.5", "1.5"),
        ] {
            let right = response(200, &format!(r#"{{"n":{right}}}"#));
            let change = Change::FieldChanged { field: "/n".to_owned() };
            let body = String::from_utf8(changed(&change, &right).unwrap().body).unwrap();
            assert_eq!(body, format!(r#"{{"n":{wrong}}}"#));
        }
    }

    #[test]
    fn a_field_is_changed_alone() {
        let right = response(200, r#"{"a":{"n":1},"list":["xz","y"],"ok":true}"#);
        let body = |change| String::from_utf8(changed(&change, &right).unwrap().body).unwrap();
        let field = || "/list/0".to_owned();
        assert_eq!(
            body(Change::FieldDropped { field: field() }),
            r#"{"a":{"n":1},"list":["y"],"ok":true}"#
        );
        assert_eq!(
            body(Change::FieldChanged { field: field() }),
            r#"{"a":{"n":1},"list":["zx","y"],"ok":true}"#
        );
    }
}
