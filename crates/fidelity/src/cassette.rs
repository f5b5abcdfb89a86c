//! Recordings of real services: HAR 1.2 (browsers, proxies, `dark twin record`) and the cassettes of go-vcr
//! and vcrpy. Whatever the format, a cassette is a list of exchanges in order.

use std::fmt;

use base::Diagnostic;
use serde_json::Value;
use twin::Yaml;

/// Exchanges of one cassette: longer ones are read up to here.
const EXCHANGES_MAX: usize = 10_000;

/// One recorded exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub method: String,
    /// As recorded, with its host.
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub status: u16,
    /// As JSON where it is that.
    pub answer: Option<Value>,
}

/// The exchanges of one file, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Cassette {
    pub file: String,
    pub exchanges: Vec<Recorded>,
}

/// Why a file is no cassette.
#[derive(Debug)]
pub struct CassetteError(pub Diagnostic);

impl fmt::Display for CassetteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for CassetteError {}

impl Cassette {
    /// Reads a file's text; the format is told by what it holds.
    ///
    /// # Errors
    /// A text that is neither JSON nor YAML, or no recording: with its line and what was expected.
    pub fn read(file: &str, text: &str) -> Result<Self, CassetteError> {
        let yaml = Yaml::read(file, text).map_err(CassetteError)?;
        let wrong = |pointer: &str, message: String| {
            let found = Diagnostic::error("bad-cassette", message);
            CassetteError(found.at(yaml.place(pointer)))
        };
        let (at, list, read): (_, _, Reader) =
            if let Some(entries) = yaml.value.pointer("/log/entries") {
                ("/log/entries", entries, har)
            } else if let Some(interactions) = yaml.value.get("interactions") {
                ("/interactions", interactions, vcr)
            } else {
                let message = "neither `log.entries` (HAR) nor `interactions` (VCR) is there";
                return Err(wrong("", message.to_owned()));
            };
        let list = list.as_array().ok_or_else(|| wrong(at, "a list is expected".to_owned()))?;
        let mut exchanges = Vec::with_capacity(list.len().min(EXCHANGES_MAX));
        for (index, one) in list.iter().take(EXCHANGES_MAX).enumerate() {
            let exchange = read(one).map_err(|Missing(what)| {
                wrong(&format!("{at}/{index}"), format!("`{what}` is missing or of the wrong type"))
            })?;
            exchanges.push(exchange);
        }
        Ok(Self { file: file.to_owned(), exchanges })
    }
}

/// How one format writes an exchange.
type Reader = fn(&Value) -> Result<Recorded, Missing>;

/// The part of an exchange that is not there.
struct Missing(&'static str);

fn text_at(value: &Value, pointer: &'static str) -> Result<String, Missing> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or(Missing(pointer))
}

fn status_at(value: &Value, pointers: &[&'static str]) -> Result<u16, Missing> {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.split(' ').next().and_then(|code| code.parse().ok()),
        _ => None,
    };
    let found = pointers.iter().find_map(|pointer| number(value.pointer(pointer)?));
    let status = found.and_then(|status| u16::try_from(status).ok());
    status.ok_or(Missing(pointers[0]))
}

fn har(entry: &Value) -> Result<Recorded, Missing> {
    let named = |list: Option<&Value>| {
        let list = list.and_then(Value::as_array).cloned().unwrap_or_default();
        let pair = |one: &Value| {
            Some((one.get("name")?.as_str()?.to_owned(), one.get("value")?.as_str()?.to_owned()))
        };
        list.iter().filter_map(pair).collect()
    };
    let answer = entry.pointer("/response/content/text").and_then(Value::as_str);
    Ok(Recorded {
        method: text_at(entry, "/request/method")?,
        url: text_at(entry, "/request/url")?,
        headers: named(entry.pointer("/request/headers")),
        body: text_at(entry, "/request/postData/text").unwrap_or_default(),
        status: status_at(entry, &["/response/status"])?,
        answer: answer.and_then(|text| serde_json::from_str(text).ok()),
    })
}

fn vcr(interaction: &Value) -> Result<Recorded, Missing> {
    let url =
        text_at(interaction, "/request/url").or_else(|_| text_at(interaction, "/request/uri"));
    let mut headers = Vec::new();
    if let Some(all) = interaction.pointer("/request/headers").and_then(Value::as_object) {
        for (name, values) in all {
            let values = match values {
                Value::Array(values) => values.clone(),
                one => vec![one.clone()],
            };
            let texts = values.iter().filter_map(Value::as_str);
            headers.extend(texts.map(|value| (name.clone(), value.to_owned())));
        }
    }
    // go-vcr writes a text, vcrpy a mapping.
    let answer = text_at(interaction, "/response/body")
        .or_else(|_| text_at(interaction, "/response/body/string"))
        .unwrap_or_default();
    let body = interaction.pointer("/request/body").map_or(String::new(), |body| match body {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    });
    Ok(Recorded {
        method: text_at(interaction, "/request/method")?,
        url: url.map_err(|_| Missing("request/url"))?,
        headers,
        body,
        status: status_at(
            interaction,
            &["/response/code", "/response/status/code", "/response/status"],
        )?,
        answer: serde_json::from_str(&answer).ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let read = Cassette::read("c.yaml", text);
        let shown = match read {
            Ok(cassette) => cassette
                .exchanges
                .iter()
                .map(|one| {
                    let answer = one.answer.as_ref().map_or("-".to_owned(), Value::to_string);
                    format!("{} {} {:?} -> {} {answer}", one.method, one.url, one.body, one.status)
                })
                .collect::<Vec<_>>()
                .join("\n"),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn har_and_both_kinds_of_vcr_are_read() {
        check(
            r#"{"log":{"entries":[{"request":{"method":"GET","url":"https://a/b","headers":[]},
                "response":{"status":200,"content":{"text":"{\"a\":1}"}}}]}}"#,
            r#"GET https://a/b "" -> 200 {"a":1}"#,
        );
        check(
            "version: 2\ninteractions:\n- id: 0\n  request: {method: POST, url: 'https://a/b', body: '{}', headers: {A: [b]}}\n  \
             response: {body: '{\"a\":1}', status: 201 Created, code: 201}\n",
            r#"POST https://a/b "{}" -> 201 {"a":1}"#,
        );
        check(
            "interactions:\n- request: {method: GET, uri: 'https://a/b', body: null, headers: {A: b}}\n  \
             response: {body: {string: 'x'}, status: {code: 404, message: No}}\n",
            r#"GET https://a/b "" -> 404 -"#,
        );
    }

    #[test]
    fn what_is_no_cassette_is_told_with_its_line() {
        check(
            "a: 1",
            "c.yaml:1:1: error[bad-cassette]: neither `log.entries` (HAR) nor `interactions` (VCR) is there",
        );
        check(
            "interactions:\n- request: {method: GET}\n  response: {}\n",
            "c.yaml:2:3: error[bad-cassette]: `request/url` is missing or of the wrong type",
        );
        check("interactions: 3", "c.yaml:1:15: error[bad-cassette]: a list is expected");
    }
}
