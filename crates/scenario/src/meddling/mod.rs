//! One thing made wrong between a service under test and those that it deals with: as if the service
//! itself had answered wrongly, or asked its twins for something else.
//!
//! The service is told what it would be told if nothing were wrong, so that what follows is the
//! sabotage's doing alone. This module refuses to know which sabotages are worth trying, and what
//! becomes of them.

mod answers;
mod requests;
mod trace;
mod world;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use twin::delivery::{Attempted, Delivery, To};
use twin::{Fault, Reply, Request, Universe, UniverseError};
use twin_server::Between;

use crate::http::HttpResponse;

pub use requests::{Argument, Part};
pub use trace::{Observation, Steadiness};
pub(crate) use world::MeddledWorld;

/// One thing that is made wrong, each time that it comes up in a play.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sabotage {
    pub spot: Spot,
    pub change: Change,
}

/// Where a service touches others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spot {
    /// What the service answers on a route, to scenarios and to webhooks. Segments of the path that hold
    /// a digit are told as `*`.
    Answer { method: String, path: String },
    /// What it asks of a twin.
    Call { service: String, operation: String },
}

/// What is made of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Success is told as an error of the server's.
    Refused,
    /// A refusal is told as success.
    Accepted,
    BodyEmptied,
    /// Only the first half of the body is there.
    BodyHalved,
    HeaderDropped {
        name: String,
    },
    /// A field of a JSON body, by its JSON pointer.
    FieldDropped {
        field: String,
    },
    FieldChanged {
        field: String,
    },
    /// The call is answered and not done.
    Undone,
    /// The same, but for the first of a play.
    OnlyFirst,
    /// The call is done twice.
    Doubled,
    /// The call is done with less than was asked.
    ArgumentEmptied {
        argument: Argument,
    },
    ArgumentHalved {
        argument: Argument,
    },
    /// The call is done to another record of the twin's.
    ArgumentExchanged {
        argument: Argument,
    },
}

impl fmt::Display for Sabotage {
    /// `slack chat.postMessage: done twice`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.spot, self.change)
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { method, path } => write!(f, "the answer to {method} {path}"),
            Self::Call { service, operation } => write!(f, "{service} {operation}"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("success told as status 500"),
            Self::Accepted => f.write_str("a refusal told as status 200"),
            Self::BodyEmptied => f.write_str("its body emptied"),
            Self::BodyHalved => f.write_str("its body cut in half"),
            Self::HeaderDropped { name } => write!(f, "its header `{name}` dropped"),
            Self::FieldDropped { field } => write!(f, "its field `{field}` dropped"),
            Self::FieldChanged { field } => write!(f, "its field `{field}` changed"),
            Self::Undone => f.write_str("not done, though answered as done"),
            Self::OnlyFirst => f.write_str("only the first of several done"),
            Self::Doubled => f.write_str("done twice"),
            Self::ArgumentEmptied { argument } => write!(f, "done with `{argument}` emptied"),
            Self::ArgumentHalved { argument } => write!(f, "done with half of `{argument}`"),
            Self::ArgumentExchanged { argument } => {
                write!(f, "done with the `{argument}` of something else")
            }
        }
    }
}

impl Change {
    /// The change of which this one does a part: where nobody notices that one, nobody notices this one.
    pub(crate) fn whole(&self) -> Option<Self> {
        match self {
            Self::BodyHalved | Self::FieldDropped { .. } => Some(Self::BodyEmptied),
            Self::FieldChanged { field } => Some(Self::FieldDropped { field: field.clone() }),
            Self::ArgumentHalved { argument } => {
                Some(Self::ArgumentEmptied { argument: argument.clone() })
            }
            _ => None,
        }
    }
}

impl Spot {
    pub(crate) fn answer(method: &str, target: &str) -> Self {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let numbered = |segment: &str| segment.contains(|c: char| c.is_ascii_digit());
        let segments = path.split('/').map(|one| if numbered(one) { "*" } else { one });
        let path = segments.collect::<Vec<_>>().join("/");
        Self::Answer { method: method.to_owned(), path }
    }
}

/// Stands in the middle of one play: notes what passes, and makes at most one thing wrong.
#[derive(Debug, Default)]
pub(crate) struct Meddler {
    pub(crate) sabotage: Option<Sabotage>,
    /// Rules of the universe besides those of the scenario.
    pub(crate) faults: Vec<Fault>,
    log: Mutex<Log>,
}

/// Calls of a play that are kept and meddled with: what asks more of its twins does so in a loop, and is known
/// by the first. Each is looked at with all that the twin holds.
const CALLS_MAX: usize = 2_000;

/// A body or file up to this length is compared with its times taken out; a larger one is known by its digest,
/// so that no program makes a proof hold gigabytes.
const SHOWN_BYTES_MAX: usize = 64 << 10;

/// What passed in one play.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    pub(crate) calls: Vec<SeenCall>,
    pub(crate) answers: Vec<SeenAnswer>,
    /// How often the sabotage made a difference where it was done.
    pub(crate) applied: usize,
    /// How many calls could have been sabotaged.
    met: usize,
}

/// A call of the service's to a twin.
#[derive(Debug, Clone)]
pub(crate) struct SeenCall {
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) method: String,
    pub(crate) target: String,
    /// As it is compared.
    body: String,
    /// The names of the faults that struck.
    pub(crate) faults: Vec<String>,
    /// Whether the twin remembers it.
    pub(crate) changing: bool,
    /// Whether it may have set off webhooks.
    pub(crate) sets_off: bool,
    /// What can be made of its arguments.
    pub(crate) changes: Vec<Change>,
}

/// An answer of the service's.
#[derive(Debug, Clone)]
pub(crate) struct SeenAnswer {
    pub(crate) spot: Spot,
    status: u16,
    /// As it is compared.
    body: String,
    /// What can be made of it.
    changes: Vec<Change>,
}

impl Meddler {
    pub(crate) fn with(sabotage: Sabotage) -> Self {
        Self { sabotage: Some(sabotage), ..Self::default() }
    }

    pub(crate) fn injecting(fault: Fault) -> Self {
        Self { faults: vec![fault], ..Self::default() }
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        // A panic elsewhere has been told already; what it held are lists.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_at(&self, spot: &Spot) -> Option<&Change> {
        self.sabotage.as_ref().filter(|one| one.spot == *spot).map(|one| &one.change)
    }

    /// What others are told of an answer of the service's.
    fn answered(&self, method: &str, target: &str, response: HttpResponse) -> HttpResponse {
        let spot = Spot::answer(method, target);
        let told = self.change_at(&spot).and_then(|change| answers::changed(change, &response));
        let mut log = self.log();
        let (status, body) = (response.status, trace::shown(&response.body));
        log.answers.push(SeenAnswer { spot, status, body, changes: answers::changes(&response) });
        log.applied += usize::from(told.is_some());
        told.unwrap_or(response)
    }

    /// The universe after a call that was sabotaged; `None` where the sabotage makes no difference.
    fn sabotaged(&self, change: &Change, call: &Turn<'_>) -> Option<Universe> {
        let Turn { before, after, service, request } = call;
        let met = {
            let mut log = self.log();
            log.met += 1;
            log.met
        };
        let undone = || {
            let mut universe = (*before).clone();
            universe.advance_to(after.now());
            universe
        };
        let with = |other: Option<Request>| {
            let mut universe = (*before).clone();
            // Whatever is wrong with it is the service's answer, which nobody is told.
            other.map(|other| universe.step(service, other).map(|_| universe))?.ok()
        };
        let universe = match change {
            Change::Undone => undone(),
            Change::OnlyFirst if met > 1 => undone(),
            Change::Doubled => {
                let mut universe = (*after).clone();
                universe.step(service, (*request).clone()).ok()?;
                universe
            }
            Change::ArgumentEmptied { argument } => {
                with(requests::altered(request, argument, |_| Some(String::new())))?
            }
            Change::ArgumentHalved { argument } => {
                with(requests::altered(request, argument, requests::half))?
            }
            Change::ArgumentExchanged { argument } => {
                let state = before.state_json(service)?;
                with(requests::altered(request, argument, |value| {
                    requests::another(&state, value)
                }))?
            }
            _ => return None,
        };
        (universe.state_json(service) != after.state_json(service)).then_some(universe)
    }
}

/// A call with the universe before and after it.
struct Turn<'a> {
    before: &'a Universe,
    after: &'a Universe,
    service: &'a str,
    request: &'a Request,
}

impl Between for Meddler {
    fn step(
        &self,
        universe: &mut Universe,
        service: &str,
        request: Request,
    ) -> Result<Reply, UniverseError> {
        if self.log().calls.len() >= CALLS_MAX {
            return universe.step(service, request);
        }
        let before = universe.clone();
        let reply = universe.step(service, request.clone())?;
        let state = before.state_json(service);
        let safe = matches!(request.method().as_str(), "GET" | "HEAD" | "OPTIONS");
        let changing = !safe && state != universe.state_json(service);
        let Some(exchange) = universe.journal().next_back().cloned() else { return Ok(reply) };
        let changes = match &state {
            Some(state) if changing => requests::changes(&request, state),
            _ => Vec::new(),
        };
        self.log().calls.push(SeenCall {
            service: service.to_owned(),
            operation: exchange.operation.clone(),
            method: exchange.method.clone(),
            target: exchange.target.clone(),
            body: trace::shown(request.body()),
            faults: exchange.faults.clone(),
            changing,
            sets_off: universe.has_due() || universe.next_timer() != before.next_timer(),
            changes,
        });
        let (service, operation) = (service.to_owned(), exchange.operation.clone());
        let spot = Spot::Call { service: service.clone(), operation };
        if let Some(change) = self.change_at(&spot).filter(|_| changing) {
            let turn =
                Turn { before: &before, after: universe, service: &service, request: &request };
            if let Some(wrong) = self.sabotaged(change, &turn) {
                *universe = wrong;
                self.log().applied += 1;
            }
        }
        Ok(reply)
    }

    fn attempted(&self, delivery: &Delivery, attempted: Attempted) -> Attempted {
        let (To::Url(url), Attempted::Answered { status, body }) = (&delivery.to, &attempted)
        else {
            return attempted;
        };
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let target = rest.find('/').map_or("/", |at| &rest[at..]);
        let response = HttpResponse { status: *status, headers: Vec::new(), body: body.to_vec() };
        let told = self.answered(&delivery.method, target, response);
        Attempted::Answered { status: told.status, body: told.body.into() }
    }
}

/// The values of a JSON document that are no lists or objects, by their pointers, in order.
fn leaves(value: &Value) -> Vec<(String, Value)> {
    /// Deeper than this, a document is a service's own business.
    const DEPTH_MAX: usize = 4;
    let mut found = Vec::new();
    let mut waiting = vec![(String::new(), value, 0)];
    while let Some((pointer, value, depth)) = waiting.pop() {
        match value {
            Value::Object(fields) if depth < DEPTH_MAX => {
                for (name, field) in fields.iter().rev() {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    waiting.push((format!("{pointer}/{name}"), field, depth + 1));
                }
            }
            Value::Array(items) if depth < DEPTH_MAX && !items.is_empty() => {
                waiting.push((format!("{pointer}/0"), &items[0], depth + 1));
            }
            _ => found.push((pointer, value.clone())),
        }
    }
    found
}

/// For a world that serves its twins behind it.
pub(crate) fn between(meddler: &Arc<Meddler>) -> Arc<dyn Between> {
    meddler.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_told_without_queries_and_numbers() {
        let spot = Spot::answer("GET", "/items/12/name?full=1");
        assert_eq!(spot.to_string(), "the answer to GET /items/*/name");
    }

    #[test]
    fn a_sabotage_is_told_in_words_and_stored() {
        let spot = Spot::Call { service: "desk".to_owned(), operation: "open".to_owned() };
        let sabotage = Sabotage { spot, change: Change::Doubled };
        assert_eq!(sabotage.to_string(), "desk open: done twice");
        let stored = serde_json::to_string(&sabotage).unwrap();
        assert_eq!(serde_json::from_str::<Sabotage>(&stored).unwrap(), sabotage);
    }
}
