//! The answer to a request: what a script returned or refused, as status, headers and body.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::quality::FixedState;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value as Json, json};
use starlark::values::Value;
use starlark::values::dict::DictRef;
use starlark::values::structs::AllocStruct;

use super::ScriptError;
use super::doc::alloc_json;
use super::effects::{Whole, reached};
use super::perform::{Answer, Ended, Scene, failed};
use super::work::{Frame, Refusal};
use crate::fault::Effect;
use crate::journal::Exchange;
use crate::{Response, State};

/// Headers that an answer has besides those of all answers: room for them is made at once.
const HEADERS_USUAL: usize = 12;

/// Names of headers that a thread keeps: a pack gives its answers a few dozen.
const NAMES_MAX: usize = 256;

impl<'v> Scene<'_, 'v, '_, '_> {
    /// Turns the end into an answer; work that is not to stay is put back to what was `before`.
    pub(super) fn answer(
        &mut self,
        ended: Ended<'v>,
        frame: &Frame<'_>,
        before: State,
        exchange: &mut Exchange,
    ) -> Answer {
        let undo = |frame: &Frame<'_>| {
            let mut work = frame.work.borrow_mut();
            // Draws, numbers and buckets are used up even so: what comes next must not repeat them.
            work.state = before.clone();
            work.wishes.clear();
        };
        let mut whole = match ended {
            Ended::Reset => return Answer::Reset,
            Ended::Value(value) => self.answered(value),
            Ended::Refused(refusal) => {
                if !refusal.keep {
                    undo(frame);
                }
                exchange.refused = Some(refusal.code.clone());
                self.refused(&refusal)
            }
            Ended::Broken(error) => Err(error),
        };
        if let Err(error) = &whole {
            undo(frame);
            exchange.broken = Some(error.to_string());
            let refusal = Refusal::of(&self.pack.manifest().refusals.server_error);
            whole = self.refused(&refusal);
        }
        let whole = whole.unwrap_or_else(|error| Whole {
            status: 500,
            headers: Vec::new(),
            body: Bytes::from(error.to_string()),
            content_type: Some("text/plain; charset=utf-8"),
        });
        let response = self.response(whole, exchange);
        if self.effects.contains(&Effect::LostResponse) {
            return Answer::Reset;
        }
        Answer::Response(response)
    }

    fn answered(&mut self, value: Value<'v>) -> Result<Whole, ScriptError> {
        let value = match self.pack.program().has("answered") {
            true => self.call("answered", &[self.value, value]).map_err(failed)?,
            false => value,
        };
        Whole::of(value).map_err(|cause| ScriptError(format!("{cause:?}")))
    }

    fn refused(&mut self, refusal: &Refusal) -> Result<Whole, ScriptError> {
        let heap = self.eval.heap();
        let known = self.pack.manifest().errors.get(&refusal.code);
        let status = refusal.status.or(known.map(|known| known.status)).unwrap_or(400);
        let text = known.map_or(String::new(), |known| filled(&known.text, &refusal.detail));
        let more = known.map(|known| json!(known.more)).unwrap_or_else(|| json!({}));
        let shown = heap.alloc(AllocStruct([
            ("code", heap.alloc(refusal.code.as_str())),
            ("status", heap.alloc(i32::from(status))),
            ("text", heap.alloc(text)),
            ("detail", alloc_json(Arc::new(Json::Object(refusal.detail.clone())), heap)),
            ("more", alloc_json(Arc::new(more), heap)),
        ]));
        let value = self.call("refused", &[self.value, shown]).map_err(failed)?;
        Whole::refusing(status, value).map_err(|cause| ScriptError(format!("{cause:?}")))
    }

    fn response(&mut self, whole: Whole, exchange: &mut Exchange) -> Response {
        let linked = whole.content_type.is_some_and(|kind| kind.starts_with("application/json"));
        let body = if linked { reached(whole.body, self.req.base()) } else { whole.body };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(whole.status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        headers.clone_from(self.pack.headers());
        headers.reserve(HEADERS_USUAL);
        if let Some(kind) = whole.content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if let Err(error) = self.common_headers(whole.status, headers) {
            exchange.broken = Some(error.to_string());
        }
        for (name, value) in &whole.headers {
            let listed = name.eq_ignore_ascii_case("set-cookie")
                || whole.headers.iter().filter(|(other, _)| other == name).count() > 1;
            set(headers, name, value, listed);
        }
        if self.pack.manifest().etag {
            self.tag(&mut response);
        }
        exchange.status = Some(response.status().as_u16());
        exchange.response = response.body().clone();
        if self.req.incoming().head.method == http::Method::HEAD {
            *response.body_mut() = Bytes::new();
        }
        response
    }

    /// Those that the pack's `headers` gives to all answers.
    fn common_headers(&mut self, status: u16, to: &mut HeaderMap) -> Result<(), ScriptError> {
        if !self.pack.program().has("headers") {
            return Ok(());
        }
        let status = self.eval.heap().alloc(i32::from(status));
        let given = self.call("headers", &[self.value, status]).map_err(failed)?;
        for (name, value) in DictRef::from_value(given).iter().flat_map(|all| all.iter()) {
            let name = name.unpack_str().unwrap_or_default();
            match value.unpack_str() {
                Some(text) => set(to, name, text, false),
                None if value.is_none() => {}
                None => set(to, name, &value.to_str(), false),
            }
        }
        Ok(())
    }

    /// `ETag`, and 304 for whoever has the content already (RFC 9110, 13.1.2).
    fn tag(&self, response: &mut Response) {
        let incoming = self.req.incoming();
        if incoming.head.method != http::Method::GET || response.status() != StatusCode::OK {
            return;
        }
        let tag = match response.headers().get("etag").and_then(|tag| tag.to_str().ok()) {
            Some(tag) => tag.to_owned(),
            None => tag_of(response.body()),
        };
        let known = incoming.header("if-none-match").unwrap_or_default();
        let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        if known == "*" || known.split(',').any(|known| weak(known) == weak(&tag)) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Bytes::new();
            response.headers_mut().remove("content-type");
        }
        if let Ok(tag) = HeaderValue::try_from(tag) {
            response.headers_mut().insert("etag", tag);
        }
    }
}

/// Gives a header a value, or one more; what is no header is passed over.
fn set(headers: &mut HeaderMap, name: &str, value: &str, append: bool) {
    let (Some(name), Ok(value)) = (known_name(name), HeaderValue::from_str(value)) else { return };
    if append {
        headers.append(name, value);
    } else {
        headers.insert(name, value);
    }
}

/// A header's name. Scripts give the same few to every answer: a thread reads each once.
fn known_name(name: &str) -> Option<HeaderName> {
    thread_local! {
        static KNOWN: RefCell<HashMap<String, HeaderName, FixedState>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(read) = known.get(name) {
            return Some(read.clone());
        }
        let read = HeaderName::try_from(name).ok()?;
        if known.len() < NAMES_MAX {
            known.insert(name.to_owned(), read.clone());
        }
        Some(read)
    })
}

/// `text` with each `{name}` replaced by that detail.
fn filled(text: &str, detail: &Map<String, Json>) -> String {
    let mut filled = text.to_owned();
    for (name, value) in detail {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        filled = filled.replace(&format!("{{{name}}}"), &value);
    }
    filled
}

/// An entity tag: 64 digits, as those of services are that hash. It tells contents apart, and keeps no secret.
fn tag_of(content: &[u8]) -> String {
    let first = FixedState::with_seed(1).hash_one(content);
    let more = |seed| FixedState::with_seed(seed).hash_one(first);
    format!("W/\"{first:016x}{:016x}{:016x}{:016x}\"", more(2), more(3), more(4))
}
