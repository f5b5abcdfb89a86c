//! One request from its bytes to its answer: route, authenticate, faults, rates, scopes, arguments, handler.
//!
//! The pack's hooks, all of them functions of its scripts and all but the first two optional:
//! `authenticate(req)` says who calls, or refuses; `refused(req, refusal)` shapes an error; `answered(req,
//! value)` shapes any other answer; `headers(req, status)` gives headers to all.

use std::cell::RefCell;
use std::sync::Arc;

use base::Timestamp;
use bytes::Bytes;
use http::Uri;
use serde_json::{Value as Json, json};
use starlark::ErrorKind;
use starlark::environment::Module;
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::ScriptError;
use super::doc::{Node, alloc_json, to_json};
use super::request::{Incoming, RateLeft, Req, actor_of};
use super::work::{Frame, Refusal, Work};
use crate::delivery::Delivery;
use crate::fault::Effect;
use crate::journal::Exchange;
use crate::pack::{Operation, Pack, PackError};
use crate::universe::{Opened, Twin};
use crate::{Request, Response, Scheme};

/// How a request ended.
pub(crate) enum Answer {
    Response(Response),
    /// The connection breaks without one.
    Reset,
}

/// All that one request led to.
pub(crate) struct Performance {
    pub(crate) answer: Answer,
    pub(crate) work: Work,
    pub(crate) exchange: Exchange,
    pub(crate) effects: Vec<Effect>,
}

/// Why a script did not return.
pub(super) enum Stop {
    Refused(Refusal),
    Broken(ScriptError),
}

type Strike<'a> = dyn FnMut(&str, Option<&str>) -> Vec<Effect> + 'a;

/// Takes a request to its answer on a copy of the twin.
pub(crate) fn perform(
    twin: &Twin,
    index: usize,
    work: Work,
    now: Timestamp,
    rates_enforced: bool,
    request: Request,
    strike: &mut Strike<'_>,
) -> Performance {
    let pack = &*twin.pack;
    let incoming = Incoming::read(pack, request);
    let operation = incoming.operation.map(|index| pack.operation(index));
    let name = operation.map_or("", |operation| operation.name.as_str());
    let mut exchange = Exchange::new(pack.service(), now, name);
    exchange.method = incoming.head.method.as_str().to_owned();
    exchange.target = target_of(&incoming.head.uri);
    exchange.request = incoming.body.clone();
    exchange.covered = operation.is_some();
    let shown = operation.map(|operation| operation.shown.clone());
    let before = work.state.clone();
    with_frame(twin, index, work, now, |eval, frame| {
        let base = base_of(twin, &incoming);
        let req = Req::new(incoming, base, shown);
        let value = eval.heap().alloc(req.clone());
        let mut scene = Scene { eval, pack, req, value, effects: Vec::new(), rates_enforced, now };
        let ended = scene.play(operation, frame, strike);
        let answer = scene.answer(ended, frame, before, &mut exchange);
        if let Some(args) = scene.req.args() {
            exchange.args = args.clone();
        }
        exchange.actor = scene.req.actor().and_then(|actor| id_of(actor.json())).map(str::to_owned);
        exchange.faults = scene.effects.iter().map(fault_name).collect();
        let effects = scene.effects;
        (answer, exchange, effects)
    })
    .into_performance()
}

/// What was asked for, as it was sent.
fn target_of(uri: &Uri) -> String {
    match (uri.authority(), uri.path_and_query()) {
        (None, Some(target)) => target.as_str().to_owned(),
        _ => uri.to_string(),
    }
}

/// Where the client thinks that it is: clients compare what links say with what they asked.
fn base_of(twin: &Twin, incoming: &Incoming) -> Arc<str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '[' | ']');
    let host = incoming.header("host").filter(|host| !host.is_empty() && host.chars().all(plain));
    let scheme = incoming.head.extensions.get::<Scheme>().map_or("http", |scheme| scheme.0);
    host.map_or_else(|| twin.base.clone(), |host| format!("{scheme}://{host}").into())
}

struct Framed<T>(T, Work);

impl Framed<(Answer, Exchange, Vec<Effect>)> {
    fn into_performance(self) -> Performance {
        let Self((answer, exchange, effects), work) = self;
        Performance { answer, work, exchange, effects }
    }
}

/// Sets up an evaluator with its frame, runs `act`, and hands the work back.
fn with_frame<T>(
    twin: &Twin,
    index: usize,
    work: Work,
    now: Timestamp,
    act: impl for<'v, 'a, 'e> FnOnce(&mut Evaluator<'v, 'a, 'e>, &Frame<'_>) -> T,
) -> Framed<T> {
    let work = RefCell::new(work);
    let frame = Frame { pack: &twin.pack, twin: index, now, base: &twin.base, work };
    let value = Module::with_temp_heap(|module| {
        let mut eval = Evaluator::new(&module);
        eval.extra = Some(&frame);
        // The only errors are limits of zero and limits set twice.
        twin.pack.program().bound(&mut eval).expect("the bounds are set once, and are not zero");
        act(&mut eval, &frame)
    });
    Framed(value, frame.work.into_inner())
}

/// A request while it is taken to its answer.
pub(super) struct Scene<'x, 'v, 'a, 'e> {
    pub(super) eval: &'x mut Evaluator<'v, 'a, 'e>,
    pub(super) pack: &'x Pack,
    pub(super) req: Req,
    /// The same, for scripts.
    pub(super) value: Value<'v>,
    pub(super) effects: Vec<Effect>,
    rates_enforced: bool,
    now: Timestamp,
}

/// What a request came to before it became an answer.
pub(super) enum Ended<'v> {
    Value(Value<'v>),
    Refused(Refusal),
    Broken(ScriptError),
    /// By a fault, before anything was done.
    Reset,
}

impl<'v> Scene<'_, 'v, '_, '_> {
    fn play(
        &mut self,
        operation: Option<&Operation>,
        frame: &Frame<'_>,
        strike: &mut Strike<'_>,
    ) -> Ended<'v> {
        match self.play_to_stop(operation, frame, strike) {
            Ok(ended) => ended,
            Err(Stop::Refused(refusal)) => Ended::Refused(refusal),
            Err(Stop::Broken(error)) => Ended::Broken(error),
        }
    }

    fn play_to_stop(
        &mut self,
        operation: Option<&Operation>,
        frame: &Frame<'_>,
        strike: &mut Strike<'_>,
    ) -> Result<Ended<'v>, Stop> {
        let refusals = &self.pack.manifest().refusals;
        let Some(operation) = operation else {
            let incoming = self.req.incoming();
            let code = match (&refusals.wrong_method, incoming.wrong_method) {
                (Some(code), true) => code,
                _ => &refusals.unknown_operation,
            };
            let refusal = Refusal::of(code)
                .with("method", incoming.head.method.as_str())
                .with("path", incoming.head.uri.path());
            return Ok(Ended::Refused(refusal));
        };
        if !operation.data.public {
            let actor = self.call("authenticate", &[self.value])?;
            let actor = actor_of(actor).map_err(|cause| broken(&cause))?;
            self.req.know_actor(actor);
        }
        let actor = self.req.actor().cloned();
        let actor = actor.as_ref().map(Node::json);
        let id = actor.and_then(id_of);
        self.effects = strike(&operation.name, id);
        if let Some(ended) = self.planted() {
            return Ok(ended);
        }
        self.rate(operation, id, frame)?;
        self.scopes(operation, actor)?;
        if let Some(cause) = &self.req.incoming().malformed {
            let refusal = Refusal::of(&refusals.malformed_body).with("cause", &**cause);
            return Ok(Ended::Refused(refusal));
        }
        let args = self.req.incoming().args(self.pack, operation).map_err(Stop::Refused)?;
        self.req.know_args(args);
        self.call(&operation.handler, &[self.value]).map(Ended::Value)
    }

    /// A fault that ends the request before anything is done.
    fn planted(&self) -> Option<Ended<'v>> {
        let refusals = &self.pack.manifest().refusals;
        self.effects.iter().find_map(|effect| match effect {
            Effect::Reset => Some(Ended::Reset),
            Effect::ServerError { status } => {
                let refusal = Refusal::of(&refusals.server_error);
                Some(Ended::Refused(Refusal { status: Some(*status), ..refusal }))
            }
            Effect::RateLimited { retry_after } => {
                let refusal = Refusal::of(&refusals.rate_limited);
                Some(Ended::Refused(refusal.with("retry_after", *retry_after)))
            }
            _ => None,
        })
    }

    fn rate(
        &mut self,
        operation: &Operation,
        actor: Option<&str>,
        frame: &Frame<'_>,
    ) -> Result<(), Stop> {
        let Some((name, rate)) = &operation.rate else { return Ok(()) };
        // Who calls may have a rate of their own in the place of this one.
        let actors = self.req.actor();
        let actors = actors.and_then(|actor| actor.json().get("rates")?.get(name)?.as_str());
        let (name, rate) = actors
            .and_then(|own| self.pack.manifest().rates.get_key_value(own))
            .unwrap_or((name, rate));
        let mut bucket = [name, " ", actor.unwrap_or_default()].concat();
        if !rate.shared {
            bucket.push(' ');
            bucket.push_str(&operation.name);
        }
        let left = frame.work.borrow_mut().buckets.take(&bucket, *rate, self.now);
        self.req.know_rate(RateLeft { name: name.clone(), left });
        if left.exceeded && self.rates_enforced {
            let wait = left.reset.since(self.now).as_millis().div_ceil(1000);
            let wait = u64::try_from(wait).unwrap_or(u64::MAX).max(1);
            let refusal = Refusal::of(&self.pack.manifest().refusals.rate_limited);
            return Err(Stop::Refused(refusal.with("retry_after", wait)));
        }
        Ok(())
    }

    fn scopes(&self, operation: &Operation, actor: Option<&Json>) -> Result<(), Stop> {
        let needed = &operation.data.scopes;
        let Some(code) = &self.pack.manifest().refusals.missing_scope else { return Ok(()) };
        let provided = actor.and_then(|actor| actor.get("scopes")).and_then(Json::as_array);
        let (Some(provided), false) = (provided, needed.is_empty()) else { return Ok(()) };
        let has = |scope: &String| provided.iter().any(|one| one.as_str() == Some(scope));
        if needed.iter().any(has) {
            return Ok(());
        }
        let list = |scopes: Vec<&str>| scopes.join(",");
        let refusal = Refusal::of(code)
            .with("needed", list(needed.iter().map(String::as_str).collect()))
            .with("provided", list(provided.iter().filter_map(Json::as_str).collect()));
        Err(Stop::Refused(refusal))
    }

    pub(super) fn call(&mut self, function: &str, args: &[Value<'v>]) -> Result<Value<'v>, Stop> {
        call_function(self.eval, self.pack, function, args)
    }
}

fn call_function<'v>(
    eval: &mut Evaluator<'v, '_, '_>,
    pack: &Pack,
    function: &str,
    args: &[Value<'v>],
) -> Result<Value<'v>, Stop> {
    let Some(found) = pack.program().function(function) else {
        return Err(Stop::Broken(ScriptError(format!("the pack has no function `{function}`"))));
    };
    let found = eval.heap().access_owned_frozen_value(found);
    eval.eval_function(found, args, &[]).map_err(|cause| {
        if let ErrorKind::Native(native) = cause.kind()
            && let Some(refusal) = native.downcast_ref::<Refusal>()
        {
            return Stop::Refused(refusal.clone());
        }
        broken(&cause)
    })
}

fn broken(cause: &starlark::Error) -> Stop {
    Stop::Broken(ScriptError(format!("{cause:?}")))
}

/// A hook has no business to refuse.
pub(super) fn failed(stop: Stop) -> ScriptError {
    match stop {
        Stop::Broken(error) => error,
        Stop::Refused(refusal) => ScriptError(format!("it refused an answer: {}", refusal.code)),
    }
}

fn id_of(actor: &Json) -> Option<&str> {
    actor.get("id").and_then(Json::as_str)
}

fn fault_name(effect: &Effect) -> String {
    let shown = json!(effect);
    shown["fault"].as_str().unwrap_or_default().to_owned()
}

/// Calls one function of the pack with one value.
pub(crate) fn call(
    twin: &Twin,
    index: usize,
    work: &mut Work,
    now: Timestamp,
    function: &str,
    data: Json,
) -> Result<Json, PackError> {
    let Framed(value, after) = with_frame(twin, index, work.clone(), now, |eval, _| {
        let data = alloc_json(Arc::new(data), eval.heap());
        let value = call_function(eval, &twin.pack, function, &[data])?;
        to_json(value).map_err(|cause| broken(&cause))
    });
    *work = after;
    value.map_err(|stop| match stop {
        Stop::Broken(error) => PackError::Script(error),
        Stop::Refused(refusal) => {
            let detail = Json::Object(refusal.detail).to_string();
            PackError::Refused { code: refusal.code, detail }
        }
    })
}

/// Gives a webhook's attempt the headers that the pack's `sign` makes for it; none where it fails.
pub(crate) fn sign(
    twin: &Twin,
    mut work: Work,
    now: Timestamp,
    delivery: &mut Delivery,
) -> Result<(), PackError> {
    if !twin.pack.program().has("sign") {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&delivery.body).into_owned();
    let about = json!({
        "policy": delivery.policy, "about": *delivery.about, "body": body,
        "attempt": delivery.attempt, "reason": delivery.last,
    });
    let signed = call(twin, delivery.twin, &mut work, now, "sign", about)?;
    if let Json::Object(headers) = signed {
        for (name, value) in headers {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            delivery.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
            delivery.headers.push((name, value));
        }
    }
    Ok(())
}

/// Asks the pack's `socket_opened(req)`: `{"name": …, "greeting": […]}`, or a refusal.
pub(crate) fn open_socket(
    twin: &Twin,
    index: usize,
    work: Work,
    now: Timestamp,
    request: Request,
) -> (Result<Opened, Response>, Work) {
    let incoming = Incoming::read(&twin.pack, request);
    let mut exchange = Exchange::new(twin.pack.service(), now, "socket");
    let before = work.state.clone();
    let Framed(opened, work) = with_frame(twin, index, work, now, |eval, frame| {
        let base = base_of(twin, &incoming);
        let req = Req::new(incoming, base, None);
        let value = eval.heap().alloc(req.clone());
        let (pack, effects) = (&*twin.pack, Vec::new());
        let mut scene = Scene { eval, pack, req, value, effects, rates_enforced: false, now };
        let ended = match scene.call("socket_opened", &[value]) {
            Ok(value) => match to_json(value) {
                Ok(opened) => return Ok(opened_of(&opened)),
                Err(cause) => Ended::Broken(ScriptError(format!("{cause:?}"))),
            },
            Err(Stop::Refused(refusal)) => Ended::Refused(refusal),
            Err(Stop::Broken(error)) => Ended::Broken(error),
        };
        match scene.answer(ended, frame, before, &mut exchange) {
            Answer::Response(response) => Err(response),
            Answer::Reset => Err(Response::new(Bytes::new())),
        }
    });
    (opened, work)
}

fn opened_of(opened: &Json) -> Opened {
    Opened {
        name: opened["name"].as_str().unwrap_or_default().to_owned(),
        greeting: texts(&opened["greeting"]),
    }
}

fn texts(list: &Json) -> Vec<String> {
    let text = |one: &Json| one.as_str().map_or_else(|| one.to_string(), str::to_owned);
    list.as_array().into_iter().flatten().map(text).collect()
}

/// Asks the pack's `socket_received({"name": …, "text": …})`: a list of texts to send back.
pub(crate) fn socket_received(
    twin: &Twin,
    index: usize,
    mut work: Work,
    now: Timestamp,
    socket: &str,
    text: &str,
) -> Result<(Vec<String>, Work), PackError> {
    let data = json!({ "name": socket, "text": text });
    let answers = call(twin, index, &mut work, now, "socket_received", data)?;
    Ok((texts(&answers), work))
}
