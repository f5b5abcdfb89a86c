//! Plays a recording of the real service against a twin and compares, exchange by exchange.
//!
//! Names differ between the worlds: what a recorded answer calls `00u1a2b3`, the twin's calls something else.
//! Each such name is taken to mean the same thing from its first occurrence on, and is translated in every
//! request after that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;
use twin::{Pack, Universe, UniverseError};

use crate::compare::{self, compare};
use crate::{Cassette, Difference, Recorded};

/// Names that are kept apart in one cassette.
const NAMES_MAX: usize = 5_000;

/// Names shorter than this are words that stand for themselves.
const NAME_CHARS_MIN: usize = 8;

/// How one recorded exchange compares.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    pub file: String,
    /// Counted from 1 in its file.
    pub number: usize,
    /// The twin's name for it; empty where it has none.
    pub operation: String,
    pub request: String,
    pub verdict: Verdict,
    pub differences: Vec<Difference>,
    /// The fields of the real answer, for [`weigh`].
    #[serde(skip)]
    fields: BTreeSet<String>,
}

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Same,
    Different,
    /// The pack has no such operation.
    NotCovered,
    /// It is about something that the recording never shows coming into being.
    NeedsState,
}

/// Plays a cassette on a fresh universe of this pack, with the pack's own default seed.
///
/// # Errors
/// When the pack's default seed fails.
pub fn replay(pack: &Arc<Pack>, cassette: &Cassette) -> Result<Vec<Compared>, UniverseError> {
    let mut universe = Universe::new(std::slice::from_ref(pack), 1)?;
    universe.seed_service(pack.service(), Value::Object(serde_json::Map::new()))?;
    universe.enforce_rates(false);
    let mut names = Names::default();
    let mut all = Vec::new();
    for (index, recorded) in cassette.exchanges.iter().enumerate() {
        let request = request(pack, recorded, &names);
        let unknown = names.has_unknown(recorded);
        let shown = format!("{} {}", recorded.method, path_of(&recorded.url));
        let reply = universe.step(pack.service(), request)?;
        let (status, ours) = match reply.response {
            Some(response) => {
                let json = serde_json::from_slice(response.body()).ok();
                (response.status().as_u16(), json)
            }
            None => (0, None),
        };
        let last = universe.journal().next_back().cloned();
        let operation = last.as_ref().map(|last| last.operation.clone()).unwrap_or_default();
        let covered = last.is_some_and(|last| last.covered);
        let mut differences = Vec::new();
        if status != recorded.status {
            differences.push(Difference::Status { real: recorded.status, ours: status });
        } else if let (Some(real), Some(ours)) = (&recorded.answer, &ours) {
            differences = compare(real, ours);
        }
        if let (Some(real), Some(ours)) = (&recorded.answer, &ours) {
            names.learn(real, ours);
        }
        let verdict = match differences.iter().any(Difference::counts) {
            _ if !covered => Verdict::NotCovered,
            false => Verdict::Same,
            true if unknown => Verdict::NeedsState,
            true => Verdict::Different,
        };
        let (file, number) = (cassette.file.clone(), index + 1);
        let answered = (200..300).contains(&recorded.status);
        let real = recorded.answer.as_ref().filter(|_| answered);
        let fields = real.map(compare::fields).unwrap_or_default();
        all.push(Compared {
            file,
            number,
            operation,
            request: shown,
            verdict,
            differences,
            fields,
        });
    }
    Ok(all)
}

/// Weighs the comparisons of many cassettes against each other: a field that some real answers to an
/// operation have and others have not is not the service's promise, and its absence no mistake of the twin.
pub fn weigh(all: &mut [Compared]) {
    let mut answers: BTreeMap<String, Vec<BTreeSet<String>>> = BTreeMap::new();
    for one in all.iter_mut().filter(|one| !one.fields.is_empty()) {
        answers.entry(one.operation.clone()).or_default().push(std::mem::take(&mut one.fields));
    }
    let mut optional: BTreeMap<(String, String), bool> = BTreeMap::new();
    for one in all {
        let Some(answers) = answers.get(&one.operation) else { continue };
        for difference in &mut one.differences {
            let Difference::Missing { at } = difference else { continue };
            let around = at.rsplit_once('.').map_or("$", |(around, _)| around);
            let key = (one.operation.clone(), at.clone());
            let is_optional = *optional.entry(key).or_insert_with(|| {
                answers.iter().any(|real| real.contains(around) && !real.contains(at.as_str()))
            });
            if is_optional {
                *difference = Difference::Optional { at: at.clone() };
            }
        }
        if one.verdict == Verdict::Different && !one.differences.iter().any(Difference::counts) {
            one.verdict = Verdict::Same;
        }
    }
}

/// The recorded request in the twin's world: its names, its credential, its address.
fn request(pack: &Pack, recorded: &Recorded, names: &Names) -> twin::Request {
    let path = names.translate(path_of(&recorded.url));
    let body = names.translate(&recorded.body);
    let mut request = http::Request::new(Bytes::from(body));
    *request.method_mut() = recorded.method.parse().unwrap_or_default();
    *request.uri_mut() = path.parse().unwrap_or_default();
    let ours = ["authorization", "host", "content-length", "accept-encoding", "cookie"];
    for (name, value) in &recorded.headers {
        let name = name.to_ascii_lowercase();
        if ours.contains(&name.as_str()) || name.starts_with("if-") {
            continue;
        }
        let (name, value) = (HeaderName::try_from(name), HeaderValue::try_from(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().insert(name, value);
        }
    }
    if let Some(credential) = &pack.manifest().credential
        && let Ok(value) = HeaderValue::try_from(credential)
    {
        request.headers_mut().insert("authorization", value);
    }
    request
}

/// A URL without its scheme and host.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |slash| &rest[slash..])
}

/// What the recording's names mean in the twin's world.
#[derive(Debug, Default)]
struct Names {
    meaning: BTreeMap<String, String>,
}

impl Names {
    /// Pairs the names that stand in the same place of both answers.
    fn learn(&mut self, real: &Value, ours: &Value) {
        match (real, ours) {
            (Value::Object(real), Value::Object(ours)) => {
                for (key, value) in real {
                    if let Some(other) = ours.get(key) {
                        self.learn(value, other);
                    }
                }
            }
            (Value::Array(real), Value::Array(ours)) => {
                real.iter().zip(ours).for_each(|(real, ours)| self.learn(real, ours));
            }
            (Value::String(real), Value::String(ours)) => {
                let fit = real != ours && is_name(real) && self.meaning.len() < NAMES_MAX;
                if fit && !self.meaning.contains_key(real) {
                    self.meaning.insert(real.clone(), ours.clone());
                }
            }
            _ => {}
        }
    }

    fn translate(&self, text: &str) -> String {
        // Word by word, so that no name is taken for the beginning of another.
        let mut translated = String::with_capacity(text.len());
        let mut word = String::new();
        for c in text.chars().chain(['\0']) {
            if is_name_char(c) {
                word.push(c);
                continue;
            }
            translated.push_str(self.meaning.get(&word).unwrap_or(&word));
            word.clear();
            if c != '\0' {
                translated.push(c);
            }
        }
        translated
    }

    /// Whether the path names something by an id that no answer so far has shown.
    fn has_unknown(&self, recorded: &Recorded) -> bool {
        let known: BTreeSet<&String> = self.meaning.keys().collect();
        let path = path_of(&recorded.url);
        let path = path.split('?').next().unwrap_or_default();
        path.split('/').any(|part| looks_drawn(part) && !known.contains(&part.to_owned()))
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn is_name(text: &str) -> bool {
    text.len() >= NAME_CHARS_MIN && text.chars().all(is_name_char) && looks_drawn(text)
}

/// Whether a word was drawn by a machine: letters and digits mixed.
fn looks_drawn(text: &str) -> bool {
    text.len() >= NAME_CHARS_MIN
        && text.chars().any(|c| c.is_ascii_digit())
        && text.chars().any(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_the_same_thing_from_its_first_occurrence_on() {
        let text = r#"
interactions:
- request: {method: POST, url: 'https://echo.test/notes', body: '{"text":"a"}', headers: {Content-Type: application/json}}
  response: {code: 201, body: '{"id":"n99887766","number":7,"owner":"x","text":"a","created":"2020-01-01T00:00:00.000Z"}'}
- request: {method: GET, url: 'https://echo.test/notes/n99887766', headers: {}}
  response: {code: 200, body: '{"id":"n99887766","number":"7","mood":"fine"}'}
- request: {method: GET, url: 'https://echo.test/notes/n11111111', headers: {}}
  response: {code: 200, body: '{"id":"n11111111"}'}
- request: {method: GET, url: 'https://echo.test/moods', headers: {}}
  response: {code: 200, body: '{}'}
"#;
        let cassette = Cassette::read("c.yaml", text).unwrap();
        let pack = Pack::builtin("echo").unwrap();
        let compared = replay(&pack, &cassette).unwrap();
        let verdicts: Vec<Verdict> = compared.iter().map(|one| one.verdict).collect();
        use Verdict::{Different, NeedsState, NotCovered, Same};
        assert_eq!(verdicts, [Same, Different, NeedsState, NotCovered]);
        let told: Vec<String> = compared[1]
            .differences
            .iter()
            .filter(|one| one.counts())
            .map(ToString::to_string)
            .collect();
        assert_eq!(told, ["$.mood is missing", "$.number is a number, really a text"]);
    }

    #[test]
    fn a_field_that_some_real_answers_lack_is_no_promise() {
        let get = |answer: &str| {
            format!(
                "- request: {{method: GET, url: 'https://echo.test/health', headers: {{}}}}\n  \
                 response: {{code: 200, body: '{answer}'}}\n"
            )
        };
        let verdicts = |second: &str| {
            let first = get(r#"{"up":true,"mood":"fine"}"#);
            let text = format!("interactions:\n{first}{}", get(second));
            let cassette = Cassette::read("c.yaml", &text).unwrap();
            let mut all = replay(&Pack::builtin("echo").unwrap(), &cassette).unwrap();
            weigh(&mut all);
            all.iter().map(|one| one.verdict).collect::<Vec<_>>()
        };
        assert_eq!(verdicts(r#"{"up":true}"#), [Verdict::Same, Verdict::Same]);
        let both = r#"{"up":true,"mood":"sad"}"#;
        assert_eq!(verdicts(both), [Verdict::Different, Verdict::Different]);
    }
}
