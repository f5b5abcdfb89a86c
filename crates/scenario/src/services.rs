//! What steps about a service and its twins mean.
//!
//! The same for every world that has a service. It refuses to know how a service is started and what a
//! twin is made of.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use intent::{Body, Expect, JsonExpect, Query, Row, ServiceStep, StepKind, Subject};
use policy::FailureKind;
use serde_json::Value;

use crate::WorldError;
use crate::expect::unmet;
use crate::http::{HttpRequest, HttpResponse};
use crate::play::{Miss, World};
use crate::twins::Twins;

/// The part of a world in which a service and its twins live.
pub trait Services {
    /// The twins, whether or not the service runs.
    fn twins(&mut self) -> &mut Twins;

    /// Whether it was started and has not come to an end.
    fn is_running(&mut self) -> bool;

    /// Starts it with these variables besides its own, and waits until it is ready; nothing where it
    /// runs already. `Err` inside: it did not get ready.
    ///
    /// # Errors
    /// When the world itself failed.
    fn start(&mut self, env: &BTreeMap<String, String>) -> Result<Result<(), Mishap>, WorldError>;

    /// Ends it, if it runs.
    ///
    /// # Errors
    /// When the world itself failed.
    fn end(&mut self, how: Ending) -> Result<(), WorldError>;

    /// Sends it a request. `Err` inside: it did not answer.
    ///
    /// # Errors
    /// When the world itself failed.
    fn request(
        &mut self,
        request: &HttpRequest,
    ) -> Result<Result<HttpResponse, Mishap>, WorldError>;

    /// Whether nothing happens here but by steps, so that waiting is in vain.
    fn stands_still(&self) -> bool {
        false
    }

    /// Lets real time pass.
    ///
    /// # Errors
    /// When the play was cancelled meanwhile.
    fn wait(&mut self, time: Duration) -> Result<(), WorldError>;
}

/// How a service is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is asked to, and has a moment.
    Stop,
    Kill,
}

/// What a service did instead of what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mishap {
    pub kind: FailureKind,
    pub actual: String,
}

impl Mishap {
    fn miss(self, expected: impl Into<String>) -> Miss {
        Miss { kind: self.kind, expected: expected.into(), actual: self.actual }
    }
}

/// What steps leave for later ones.
#[derive(Default)]
pub(crate) struct Memory {
    headers: Vec<(String, String)>,
    response: Option<HttpResponse>,
    kept: BTreeMap<String, String>,
}

/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(5);

type Outcome = Result<Option<Miss>, WorldError>;

impl Memory {
    /// The step with the values that were kept in place of their names.
    pub(crate) fn fill(&self, step: &StepKind) -> Result<StepKind, WorldError> {
        if self.kept.is_empty() {
            return Ok(step.clone());
        }
        let wrong = |cause: serde_json::Error| WorldError::Value { cause: cause.to_string() };
        let mut value = serde_json::to_value(step).map_err(wrong)?;
        self.replace(&mut value);
        serde_json::from_value(value).map_err(wrong)
    }

    fn replace(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                for (name, kept) in &self.kept {
                    *text = text.replace(&format!("{{{name}}}"), kept);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.replace(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.replace(field)),
            _ => {}
        }
    }

    /// The same for what a judge is asked about; the sentence and its examples are what was signed.
    pub(crate) fn fill_subject(&self, subject: &Subject) -> Result<Subject, WorldError> {
        let wrong = |cause: serde_json::Error| WorldError::Value { cause: cause.to_string() };
        let mut value = serde_json::to_value(subject).map_err(wrong)?;
        self.replace(&mut value);
        serde_json::from_value(value).map_err(wrong)
    }

    /// What a response or a twin says, as a text.
    pub(crate) fn told(
        &self,
        subject: &Subject,
        world: &mut dyn World,
    ) -> Result<Result<String, Miss>, WorldError> {
        if let Subject::Records(query) = subject {
            let records = world.services()?.twins().ask(query)?;
            return Ok(Ok(records.iter().map(|record| format!("{record}\n")).collect()));
        }
        let miss = |expected: String, actual: String| {
            Ok(Err(Miss { kind: FailureKind::WrongResponse, expected, actual }))
        };
        let Some(response) = &self.response else {
            return miss("a response to judge".to_owned(), "none was made".to_owned());
        };
        let text = String::from_utf8_lossy(&response.body).into_owned();
        let Subject::Json { path } = subject else { return Ok(Ok(text)) };
        let json = serde_json::from_str::<Value>(&text).ok();
        match json.as_ref().and_then(|json| path.find(json)) {
            Some(value) => Ok(Ok(plain(value))),
            None => miss(format!("JSON at {path}, to judge"), text),
        }
    }

    pub(crate) fn perform(
        &mut self,
        step: &ServiceStep,
        world: &mut dyn World,
        env: &BTreeMap<String, String>,
    ) -> Outcome {
        let services = world.services()?;
        match step {
            ServiceStep::Running | ServiceStep::Starts => start(services, env),
            ServiceStep::Stops => services.end(Ending::Stop).map(|()| None),
            ServiceStep::Killed => services.end(Ending::Kill).map(|()| None),
            ServiceStep::Restarts => {
                services.end(Ending::Stop)?;
                start(services, env)
            }
            ServiceStep::StillRunning => Ok((!services.is_running()).then(|| Miss {
                kind: FailureKind::Crashed,
                expected: "a service that goes on".to_owned(),
                actual: "it has ended".to_owned(),
            })),
            ServiceStep::GivenHeader { name, value } => {
                self.headers.push((name.clone(), value.clone()));
                Ok(None)
            }
            ServiceStep::Request { method, target, body } => {
                self.request(services, method, target, body)
            }
            ServiceStep::Passes { time } => {
                services.twins().pass(*time);
                Ok(None)
            }
            ServiceStep::Waits { time } => services.wait(*time).map(|()| None),
            ServiceStep::Tell { service, kind, rows } => {
                services.twins().tell(service, kind, rows).map(|()| None)
            }
            ServiceStep::Fails { service, rules } => {
                services.twins().fail(service, rules).map(|()| None)
            }
            ServiceStep::Within { limit, step } => within(services, *limit, step),
            ServiceStep::Counts { .. } | ServiceStep::Are { .. } | ServiceStep::Asked { .. } => {
                shown(services.twins(), step)
            }
            ServiceStep::Status { .. }
            | ServiceStep::Response { .. }
            | ServiceStep::ResponseHeader { .. }
            | ServiceStep::Json { .. }
            | ServiceStep::KeepJson { .. }
            | ServiceStep::KeepHeader { .. } => Ok(self.answered(step)),
        }
    }

    fn request(
        &mut self,
        services: &mut dyn Services,
        method: &str,
        target: &str,
        body: &Body,
    ) -> Outcome {
        let mut headers = std::mem::take(&mut self.headers);
        let (kind, bytes) = written(body);
        let own = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        headers
            .extend(kind.filter(|_| !own).map(|kind| ("content-type".to_owned(), kind.to_owned())));
        let (method, target) = (method.to_owned(), target.to_owned());
        let request = HttpRequest { method, target, headers, body: bytes };
        self.response = None;
        match services.request(&request)? {
            Ok(response) => {
                self.response = Some(response);
                Ok(None)
            }
            Err(mishap) => {
                Ok(Some(mishap.miss(format!("an answer to {} {}", request.method, request.target))))
            }
        }
    }

    /// What is wrong with the response by the light of a step, or what to keep of it.
    fn answered(&mut self, step: &ServiceStep) -> Option<Miss> {
        let miss = |expected: String, actual: String| {
            Some(Miss { kind: FailureKind::WrongResponse, expected, actual })
        };
        let Some(response) = &self.response else {
            return miss(
                "a request before what is expected of it".to_owned(),
                "none was made".to_owned(),
            );
        };
        let text = || String::from_utf8_lossy(&response.body);
        match step {
            ServiceStep::Status { code } if response.status != *code => {
                miss(format!("status {code}"), format!("status {}: {}", response.status, text()))
            }
            ServiceStep::Response { expect } => {
                let wrong = unmet(expect, &text())?;
                miss(format!("a response that {wrong}"), format!("{:?}", text()))
            }
            ServiceStep::ResponseHeader { name, expect } => {
                let value = response.header(name);
                let wrong = unmet(expect, &value)?;
                miss(format!("a header {name} that {wrong}"), format!("{value:?}"))
            }
            ServiceStep::Json { path, expect } => {
                let json = serde_json::from_slice::<Value>(&response.body).ok();
                let found = json.as_ref().and_then(|json| path.find(json));
                let wrong = json_unmet(expect, found)?;
                let actual =
                    found.map_or_else(|| format!("nothing there in {}", text()), Value::to_string);
                miss(format!("JSON at {path} that {wrong}"), actual)
            }
            ServiceStep::KeepJson { path, name } => {
                let json = serde_json::from_slice::<Value>(&response.body).ok();
                match json.as_ref().and_then(|json| path.find(json)) {
                    Some(value) => {
                        self.kept.insert(name.clone(), plain(value));
                        None
                    }
                    None => miss(format!("JSON at {path}, to keep"), text().into_owned()),
                }
            }
            ServiceStep::KeepHeader { header, name } => {
                let value = response.header(header);
                if value.is_empty() {
                    return miss(format!("a header {header}, to keep"), "none".to_owned());
                }
                self.kept.insert(name.clone(), value);
                None
            }
            _ => None,
        }
    }
}

fn start(services: &mut dyn Services, env: &BTreeMap<String, String>) -> Outcome {
    let started = services.start(env)?;
    Ok(started.err().map(|mishap| mishap.miss("a service that gets ready")))
}

/// Looks again and again, until it holds or time is up.
fn within(services: &mut dyn Services, limit: Duration, step: &ServiceStep) -> Outcome {
    let deadline = Instant::now() + limit;
    loop {
        let miss = shown(services.twins(), step)?;
        let left = deadline.saturating_duration_since(Instant::now());
        if miss.is_none() || left.is_zero() || services.stands_still() {
            return Ok(miss);
        }
        services.wait(LOOK.min(left))?;
    }
}

/// What is wrong with what a twin shows.
fn shown(twins: &mut Twins, step: &ServiceStep) -> Outcome {
    let miss = |expected: String, actual: String| {
        Ok(Some(Miss { kind: FailureKind::WrongEffect, expected, actual }))
    };
    match step {
        ServiceStep::Counts { of, containing, count } => {
            let records = twins.ask(of)?;
            let fits = |record: &&Value| containing.as_ref().is_none_or(|text| holds(record, text));
            let found = records.iter().filter(fits).count();
            if found == *count as usize {
                return Ok(None);
            }
            let containing =
                containing.as_ref().map(|text| format!(" containing {text:?}")).unwrap_or_default();
            miss(
                format!("{count} {}{containing}", told(of)),
                format!("{found}: {}", listed(&records)),
            )
        }
        ServiceStep::Are { of, rows } => {
            let records = twins.ask(of)?;
            let same = records.len() == rows.len()
                && records.iter().zip(rows).all(|(record, row)| is_row(record, row));
            if same {
                return Ok(None);
            }
            let wanted: Vec<Value> = rows.iter().map(|row| serde_json::json!(row)).collect();
            miss(format!("{}: {}", told(of), listed(&wanted)), listed(&records))
        }
        ServiceStep::Asked { service, operation, count, or_more } => {
            let found = twins.asked(service, operation);
            let wanted = *count as usize;
            if found == wanted || (*or_more && found > wanted) {
                return Ok(None);
            }
            let least = if *or_more { "at least " } else { "" };
            miss(format!("{least}{count} calls of {service}'s {operation}"), found.to_string())
        }
        _ => Ok(None),
    }
}

fn told(query: &Query) -> String {
    let Query { service, kind, place } = query;
    let place = place.as_ref().map(|(preposition, place)| format!(" {preposition} {place:?}"));
    format!("{kind} of {service}{}", place.unwrap_or_default())
}

fn listed(records: &[Value]) -> String {
    records.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")
}

/// Whether any text in a value contains `text`.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => own.contains(text),
        Value::Array(items) => items.iter().any(|item| holds(item, text)),
        Value::Object(fields) => fields.values().any(|field| holds(field, text)),
        _ => false,
    }
}

fn is_row(record: &Value, row: &Row) -> bool {
    row.iter().all(|(name, cell)| record.get(name).is_some_and(|field| plain(field) == *cell))
}

/// A value as a person writes it into a cell.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The content type and the bytes of a body.
fn written(body: &Body) -> (Option<&'static str>, Vec<u8>) {
    match body {
        Body::None => (None, Vec::new()),
        Body::Json(text) => (Some("application/json"), text.clone().into_bytes()),
        Body::Text(text) => (Some("text/plain; charset=utf-8"), text.clone().into_bytes()),
        Body::Form(fields) => {
            let form =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            (Some("application/x-www-form-urlencoded"), form.into_bytes())
        }
    }
}

fn json_unmet(expect: &JsonExpect, found: Option<&Value>) -> Option<String> {
    match (expect, found) {
        (JsonExpect::Text(expect), Some(Value::String(text))) => unmet(expect, text),
        (JsonExpect::Text(Expect::Is { text }), _) => Some(format!("is the text {text:?}")),
        (JsonExpect::Text(_), _) => Some("is a text".to_owned()),
        (JsonExpect::Is(text), found) => {
            let same = found.is_some_and(|found| {
                serde_json::from_str(text).is_ok_and(|wanted: Value| wanted == *found)
            });
            (!same).then(|| format!("is {text}"))
        }
        (JsonExpect::Items(count), Some(Value::Array(items))) if items.len() == *count as usize => {
            None
        }
        (JsonExpect::Items(count), _) => Some(format!("is a list of {count}")),
        (JsonExpect::Exists, found) => found.is_none().then(|| "is there".to_owned()),
        (JsonExpect::Missing, found) => found.is_some().then(|| "is not there".to_owned()),
    }
}
