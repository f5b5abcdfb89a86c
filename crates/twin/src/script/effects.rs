//! What a script does to the world beyond its records: refuse, answer, set timers, send webhooks.

// What `starlark_module` makes of `deliver` takes its arguments one by one; scripts name them.
#![allow(clippy::too_many_arguments)]

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use allocative::Allocative;
use base::Timestamp;
use bytes::Bytes;
use serde_json::{Map, Value as Json};
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::dict::DictRef;
use starlark::values::none::NoneType;
use starlark::values::{
    NoSerialize, ProvidesStaticType, StarlarkPagable, StarlarkValue, Value, starlark_value,
};

use super::blob::Blob;
use super::doc::{alloc_json, to_fields, to_json, write_json};
use super::error;
use super::work::{Refusal, Wish, frame};
use crate::delivery::Delivery;
use crate::universe::address;

/// How far ahead a timer may be set: a century, in milliseconds.
const AHEAD_MS_MAX: i64 = 100 * 365 * 24 * 3600 * 1000;

/// The largest buffer that a thread holds on to, in bytes.
const BUFFER_BYTES_MAX: usize = 1 << 20;

/// An answer with everything spelt out.
#[derive(Debug, Clone, ProvidesStaticType, Allocative, StarlarkPagable, NoSerialize)]
#[allocative(skip)]
pub(crate) struct Whole {
    #[starlark_pagable(skip = "super::unpaged()")]
    pub(crate) status: u16,
    #[starlark_pagable(skip = "super::unpaged()")]
    pub(crate) headers: Vec<(String, String)>,
    #[starlark_pagable(skip = "super::unpaged()")]
    pub(crate) body: Bytes,
    /// `None` where the body is empty.
    #[starlark_pagable(skip = "super::unpaged()")]
    pub(crate) content_type: Option<&'static str>,
}

starlark_simple_value!(Whole);

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "response({}, {} bytes)", self.status, self.body.len())
    }
}

#[starlark_value(type = "response")]
impl<'v> StarlarkValue<'v> for Whole {}

impl Whole {
    /// Any value that a handler returned, as an answer: `None` is 204, what is no response is JSON with
    /// 200.
    pub(crate) fn of(value: Value<'_>) -> starlark::Result<Self> {
        if let Some(whole) = Whole::from_value(value) {
            return Ok(whole.clone());
        }
        let status = if value.is_none() { 204 } else { 200 };
        Self::with(status, value, Vec::new())
    }

    /// What `refused` returned: what is no response has the refusal's status.
    pub(crate) fn refusing(status: u16, value: Value<'_>) -> starlark::Result<Self> {
        match Whole::from_value(value) {
            Some(whole) => Ok(whole.clone()),
            None => Self::with(status, value, Vec::new()),
        }
    }

    fn with(
        status: u16,
        body: Value<'_>,
        headers: Vec<(String, String)>,
    ) -> starlark::Result<Self> {
        let (body, content_type) = if body.is_none() {
            (Bytes::new(), None)
        } else if let Some(blob) = Blob::of(body) {
            (blob.bytes().clone(), Some("application/octet-stream"))
        } else if let Some(text) = body.unpack_str() {
            (Bytes::copy_from_slice(text.as_bytes()), Some("text/plain; charset=utf-8"))
        } else {
            (json_text(body)?, Some("application/json; charset=utf-8"))
        };
        Ok(Self { status, headers, body, content_type })
    }
}

/// JSON text, made in a buffer that a thread has for all of them: what the journal keeps is then as long as it must be.
fn json_text(body: Value<'_>) -> starlark::Result<Bytes> {
    thread_local! {
        static BUFFER: Cell<Vec<u8>> = Cell::default();
    }
    let mut buffer = BUFFER.take();
    buffer.clear();
    let written = write_json(body, &mut buffer);
    let text = Bytes::copy_from_slice(&buffer);
    if buffer.capacity() <= BUFFER_BYTES_MAX {
        BUFFER.set(buffer);
    }
    written.map(|()| text)
}

/// Headers as a dict: a list as value makes several of one name.
fn headers_of(headers: Option<DictRef<'_>>) -> starlark::Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for (name, value) in headers.iter().flat_map(|headers| headers.iter()) {
        let name = name.unpack_str().unwrap_or_default().to_owned();
        match to_json(value)? {
            Json::Array(values) => {
                all.extend(values.iter().map(|value| (name.clone(), plain(value))));
            }
            Json::Null => {}
            value => all.push((name, plain(&value))),
        }
    }
    Ok(all)
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Stands in records for the address at which the service is reached; every JSON answer and webhook has the
/// address in its place. U+FDD0 is a noncharacter: no text that people exchange holds it.
pub(crate) const HERE: &str = "\u{fdd0}";

/// JSON text with the address put in.
pub(crate) fn reached(body: Bytes, base: &str) -> Bytes {
    let mut marks = memchr::memmem::find_iter(&body, HERE).peekable();
    if marks.peek().is_none() {
        return body;
    }
    let mut whole = Vec::with_capacity(body.len() + 64 * base.len());
    let mut from = 0;
    for mark in marks {
        whole.extend_from_slice(&body[from..mark]);
        whole.extend_from_slice(base.as_bytes());
        from = mark + HERE.len();
    }
    whole.extend_from_slice(&body[from..]);
    whole.into()
}

#[starlark_module]
pub(super) fn natives(builder: &mut GlobalsBuilder) {
    /// The address at which the service is reached, for links in what is stored: `here + "/users/1"`.
    const here: &str = HERE;

    /// Ends the request with an error of the catalogue. What the script did is undone, unless `keep`.
    /// Further details are for the error's text and for the pack's `refused`.
    fn refuse<'v>(
        #[starlark(require = pos)] code: &str,
        #[starlark(require = named, default = false)] keep: bool,
        #[starlark(kwargs)] detail: DictRef<'v>,
    ) -> starlark::Result<NoneType> {
        let mut fields = Map::new();
        for (name, value) in detail.iter() {
            fields.insert(name.unpack_str().unwrap_or_default().to_owned(), to_json(value)?);
        }
        let refusal = Refusal { keep, detail: fields, ..Refusal::of(code) };
        Err(starlark::Error::new_native(refusal))
    }

    /// An answer with a status and headers of its own. A body that is no string or blob is sent as JSON.
    fn response<'v>(
        #[starlark(default = 200)] status: i32,
        body: Option<Value<'v>>,
        headers: Option<DictRef<'v>>,
    ) -> starlark::Result<Whole> {
        let status = u16::try_from(status).ok().filter(|status| (100..600).contains(status));
        let status = status.ok_or_else(|| error("a status is a number from 100 to 599"))?;
        Whole::with(status, body.unwrap_or_else(Value::new_none), headers_of(headers)?)
    }

    /// What an actor has left of a shared rate of `pack.toml`: `limit used remaining reset` (seconds since 1970).
    fn rate_left<'v>(
        #[starlark(require = pos)] rate: &str,
        #[starlark(require = pos)] actor: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let frame = frame(eval)?;
        let Some(known) = frame.pack.manifest().rates.get(rate).filter(|known| known.shared) else {
            return Err(error(format!("`{rate}` is not among the shared rates of pack.toml")));
        };
        let bucket = format!("{rate} {actor}");
        let left = frame.work.borrow().buckets.look(&bucket, *known, frame.now);
        let shown = serde_json::json!({
            "limit": left.limit, "used": left.limit - left.remaining, "remaining": left.remaining,
            "reset": left.reset.seconds(),
        });
        Ok(alloc_json(Arc::new(shown), eval.heap()))
    }

    /// Calls a function of the pack with `data` at a time (milliseconds since 1970, on the logical clock);
    /// the timer's number.
    fn at_time<'v>(
        #[starlark(require = pos)] ms: i64,
        #[starlark(require = pos)] function: &str,
        #[starlark(require = pos)] data: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<i64> {
        let frame = frame(eval)?;
        if !frame.pack.program().has(function) {
            return Err(error(format!("the pack has no function `{function}`")));
        }
        let now = i64::try_from(frame.now.0).unwrap_or(i64::MAX);
        if ms.saturating_sub(now) > AHEAD_MS_MAX {
            return Err(error("a timer can be set for the next hundred years"));
        }
        let at = Timestamp(u64::try_from(ms.max(now)).unwrap_or(0));
        let data = Arc::new(to_json(data)?);
        let mut work = frame.work.borrow_mut();
        let id = work.name();
        work.wish(Wish::Timer { id, at, function: function.into(), data })?;
        Ok(i64::try_from(id).unwrap_or(i64::MAX))
    }

    /// Forgets a timer; one that has fired is gone already.
    fn cancel_timer(
        #[starlark(require = pos)] id: i64,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let id = u64::try_from(id).unwrap_or(0);
        frame(eval)?.work.borrow_mut().wish(Wish::Cancel { id })?;
        Ok(NoneType)
    }

    /// Sends a webhook, or makes another call, when the request has been answered: `to` is a URL or
    /// `socket:NAME`. `policy` is one of `webhooks` in `pack.toml`. `sign(about, body, attempt, reason)` of the
    /// pack gives each attempt its headers; `then(outcome)` is told how it ended.
    fn deliver<'v>(
        #[starlark(require = pos)] policy: &str,
        #[starlark(require = pos)] to: &str,
        #[starlark(require = named)] body: Value<'v>,
        #[starlark(require = named, default = "POST")] method: &str,
        #[starlark(require = named)] headers: Option<DictRef<'v>>,
        #[starlark(require = named)] about: Option<Value<'v>>,
        #[starlark(require = named)] then: Option<&str>,
        #[starlark(require = named, default = 0)] delay_ms: i64,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<i64> {
        let frame = frame(eval)?;
        let Some(known) = frame.pack.webhook(policy) else {
            return Err(error(format!("`{policy}` is not among the webhooks of pack.toml")));
        };
        if let Some(then) = then
            && !frame.pack.program().has(then)
        {
            return Err(error(format!("the pack has no function `{then}`")));
        }
        let whole = Whole::with(200, body, headers_of(headers)?)?;
        let mut headers = whole.headers;
        let typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if let (Some(kind), false) = (whole.content_type, typed) {
            let kind = kind.strip_suffix("; charset=utf-8").unwrap_or(kind);
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        let about = about.map(to_fields).transpose()?.unwrap_or_default();
        let mut work = frame.work.borrow_mut();
        let id = work.name();
        let delivery = Delivery {
            id,
            twin: frame.twin,
            policy: policy.to_owned(),
            to: address(to),
            method: method.to_owned(),
            headers,
            body: reached(whole.body, frame.base),
            attempt: 0,
            last: None,
            about: Arc::new(Json::Object(about)),
            then: then.map(Arc::from),
            timeout_ms: known.timeout_ms,
        };
        let delay = Duration::from_millis(u64::try_from(delay_ms).unwrap_or(0));
        work.wish(Wish::Deliver { delivery, delay })?;
        Ok(i64::try_from(id).unwrap_or(i64::MAX))
    }
}
