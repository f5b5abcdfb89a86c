//! `/_twin/*` on every port: the universe's state, journal, snapshots, clock and faults, for tests and people.

use std::time::Duration;

use base::Timestamp;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use twin::{Fault, Request, Response, Universe};

use crate::{Clock, Shared};

/// Paths that are ours on every port; no service has such.
const PREFIX: &str = "/_twin";

/// Whether a path is ours.
pub(crate) fn is_ours(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Snapshots that are kept: each is cheap, but holds on to everything that it alone remembers.
const SNAPSHOTS_MAX: usize = 1_000;

/// What is wrong with a call, told with its status.
struct Wrong(StatusCode, String);

fn wrong(message: impl Into<String>) -> Wrong {
    Wrong(StatusCode::BAD_REQUEST, message.into())
}

/// Answers one call.
pub(crate) fn answer(shared: &Shared, service: &str, request: &Request) -> Response {
    let (status, value) = match call(shared, service, request) {
        Ok(value) => (StatusCode::OK, value),
        Err(Wrong(status, message)) => (status, json!({ "error": message })),
    };
    shared.bell.notify_one();
    let mut response = Response::new(Bytes::from(format!("{value}\n")));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn call(shared: &Shared, service: &str, request: &Request) -> Result<Value, Wrong> {
    let name = request.uri().path().trim_start_matches(PREFIX).trim_matches('/');
    let service = queried(request, "service").unwrap_or_else(|| service.to_owned());
    match (request.method(), name) {
        (&Method::GET, "") => Ok(overview(&shared.universe(), &service)),
        (&Method::GET, "state") => {
            let state = shared.universe().state_json(&service);
            state.ok_or_else(|| wrong(format!("no service `{service}`")))
        }
        (&Method::GET, "journal") => {
            let after = queried(request, "after").and_then(|n| n.parse().ok()).unwrap_or(0);
            let universe = shared.universe();
            let all = universe.journal().filter(|exchange| exchange.number > after);
            Ok(all.map(|exchange| exchange.to_json()).collect())
        }
        (&Method::GET, "uncovered") => {
            let universe = shared.universe();
            let bad = universe.journal().filter(|one| !one.covered || one.broken.is_some());
            Ok(bad.map(|exchange| exchange.to_json()).collect())
        }
        (&Method::POST, "snapshot") => {
            let mut snapshots = shared.snapshots();
            if snapshots.len() >= SNAPSHOTS_MAX {
                return Err(wrong(format!("{SNAPSHOTS_MAX} snapshots are kept already")));
            }
            snapshots.push(shared.universe().clone());
            Ok(json!({ "snapshot": snapshots.len() - 1 }))
        }
        (&Method::POST, "reset") => reset(shared, read(request)?),
        (&Method::GET, "clock") => Ok(clock(shared)),
        (&Method::POST, "clock") => {
            move_clock(shared, &read(request)?)?;
            Ok(clock(shared))
        }
        (&Method::GET, "faults") => Ok(json!(shared.universe().faults())),
        (&Method::PUT, "faults") => {
            let rules: Vec<Value> = read(request)?;
            let rules = rules.into_iter().map(Fault::read).collect::<Result<Vec<_>, _>>();
            let rules = rules.map_err(|cause| wrong(cause.to_string()))?;
            let mut universe = shared.universe();
            universe.set_faults(rules).map_err(|cause| wrong(cause.to_string()))?;
            Ok(json!(universe.faults()))
        }
        (&Method::POST, "call") => {
            let Call { function, data } = read(request)?;
            if !function.starts_with("step_") {
                return Err(wrong("only functions that begin with `step_` can be called"));
            }
            let mut universe = shared.universe();
            universe.call(&service, &function, data).map_err(|cause| wrong(base::chain(&cause)))
        }
        _ => {
            let known = "GET state journal uncovered clock faults; POST snapshot reset clock call; PUT faults";
            let message = format!("no `{} {PREFIX}/{name}`; there are: {known}", request.method());
            Err(Wrong(StatusCode::NOT_FOUND, message))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    function: String,
    #[serde(default)]
    data: Value,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Reset {
    snapshot: usize,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Move {
    advance_ms: Option<u64>,
    /// RFC 3339.
    to: Option<String>,
    mode: Option<String>,
}

/// A body as JSON; nothing is `{}`.
fn read<T: for<'de> Deserialize<'de>>(request: &Request) -> Result<T, Wrong> {
    let body: &[u8] = if request.body().is_empty() { b"{}" } else { request.body() };
    serde_json::from_slice(body)
        .map_err(|cause| wrong(format!("the body is not what is wanted: {cause}")))
}

fn queried(request: &Request, name: &str) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

fn overview(universe: &Universe, service: &str) -> Value {
    let operations: Vec<&str> =
        universe.pack(service).map(|pack| pack.operations().collect()).unwrap_or_default();
    json!({
        "service": service,
        "services": universe.services().collect::<Vec<_>>(),
        "seed": universe.seed(),
        "now": universe.now().to_string(),
        "exchanges": universe.journal().count(),
        "operations": operations,
    })
}

fn reset(shared: &Shared, reset: Reset) -> Result<Value, Wrong> {
    let found = shared.snapshots().get(reset.snapshot).cloned();
    let found = found.ok_or_else(|| wrong(format!("there is no snapshot {}", reset.snapshot)))?;
    let universe = shared.wind_back(found);
    Ok(json!({ "reset": reset.snapshot, "now": universe.now().to_string() }))
}

fn clock(shared: &Shared) -> Value {
    let universe = shared.universe();
    let mode = match shared.flow().clock() {
        Clock::Logical => "logical",
        Clock::Flowing => "flowing",
    };
    json!({ "now": universe.now().to_string(), "ms": universe.now().0, "mode": mode })
}

fn move_clock(shared: &Shared, wanted: &Move) -> Result<(), Wrong> {
    let mut universe = shared.universe();
    let mut then = universe.now();
    if let Some(ms) = wanted.advance_ms {
        then = then + Duration::from_millis(ms);
    }
    if let Some(text) = &wanted.to {
        let read = text.parse::<Timestamp>();
        then = read
            .map_err(|_| wrong(format!("`{text}` is not a time such as 2026-01-05T09:00:00Z")))?;
        if then < universe.now() {
            return Err(wrong(format!(
                "it is {} already; a fault can set a clock back",
                universe.now()
            )));
        }
    }
    let mode = match wanted.mode.as_deref() {
        None => shared.flow().clock(),
        Some("logical") => Clock::Logical,
        Some("flowing") => Clock::Flowing,
        Some(other) => return Err(wrong(format!("`{other}` is neither `logical` nor `flowing`"))),
    };
    universe.advance_to(then);
    shared.flow().switch(mode, universe.now());
    Ok(())
}
