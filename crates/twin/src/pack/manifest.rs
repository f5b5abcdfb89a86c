//! `pack.toml`: what a service is, as data. Which operations there are, who may call them, how often, what
//! errors look like, what is remembered, and what a seed file may say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The manifest as it is written. Unknown keys are errors.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The service's name on the command line and in seed files: lower case.
    pub service: String,
    /// Its name for people.
    pub title: String,
    /// The real hostnames that it answers for; `*.` at the start stands for any one label.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The `Authorization` header that opens everything where no seed was given: what recordings are replayed
    /// with.
    #[serde(default)]
    pub credential: Option<String>,
    #[serde(default)]
    pub tables: BTreeMap<String, TableData>,
    #[serde(default)]
    pub rates: BTreeMap<String, Rate>,
    #[serde(default)]
    pub errors: BTreeMap<String, ErrorData>,
    pub refusals: Refusals,
    #[serde(default)]
    pub webhooks: BTreeMap<String, WebhookPolicy>,
    pub operations: BTreeMap<String, OperationData>,
    /// Whether answers to `GET` carry an `ETag`, and `If-None-Match` is honoured.
    #[serde(default)]
    pub etag: bool,
    /// Headers of every answer.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What the service's section of a seed file may hold.
    #[serde(default)]
    pub seed: BTreeMap<String, SeedShape>,
}

/// A table: which field names a record, and by which others it is looked up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableData {
    #[serde(default = "id")]
    pub key: String,
    #[serde(default)]
    pub index: Vec<String>,
}

fn id() -> String {
    "id".to_owned()
}

/// How many calls in how long: a bucket for each actor and, unless `shared`, each operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    pub limit: u64,
    pub seconds: u64,
    /// One bucket for all operations of this rate.
    #[serde(default)]
    pub shared: bool,
}

/// An error of the service's catalogue.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorData {
    pub status: u16,
    /// What the service says; `{name}` is filled in from the refusal's details.
    #[serde(default)]
    pub text: String,
    /// Whatever else the pack's `refused` needs to shape the answer.
    #[serde(default)]
    pub more: BTreeMap<String, Value>,
}

/// Which errors of the catalogue the engine itself refuses with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusals {
    /// A path or method that the service does not have, or that this pack does not cover.
    pub unknown_operation: String,
    /// A known path with another method; as `unknown_operation` where this is left out.
    #[serde(default)]
    pub wrong_method: Option<String>,
    /// A required argument that is not there.
    pub missing_argument: String,
    /// An argument of the wrong type.
    pub invalid_argument: String,
    /// A credential without a scope that the operation wants; its details are `needed` and `provided`.
    /// Where this is left out, scopes are not looked at.
    #[serde(default)]
    pub missing_scope: Option<String>,
    /// A body that cannot be read.
    pub malformed_body: String,
    /// Too many calls.
    pub rate_limited: String,
    /// A fault of the server's own: planted ones, and scripts that fail.
    pub server_error: String,
}

/// How a service delivers webhooks. What it signs and how is the pack's `sign`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookPolicy {
    /// Milliseconds before each further attempt.
    #[serde(default)]
    pub retries_ms: Vec<u64>,
    /// How long an attempt may take.
    #[serde(default = "webhook_timeout_ms")]
    pub timeout_ms: u64,
}

fn webhook_timeout_ms() -> u64 {
    10_000
}

/// One operation of the service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationData {
    /// `METHOD /path/{parameter}/{rest...}`, or several.
    pub route: OneOrMore,
    /// The script function that performs it; by default the operation's name with `_` for whatever is no
    /// letter or digit.
    #[serde(default)]
    pub handler: Option<String>,
    /// Arguments by name, each a type: `string`, `int`, `number`, `bool`, `list`, `object`, `any`; with
    /// a `?` when it may be left out. Where given, `req.args` has these and no others.
    #[serde(default)]
    pub args: BTreeMap<String, String>,
    /// What the caller's credential must allow: one of these, where there are any.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// A rate of `rates`.
    #[serde(default)]
    pub rate: Option<String>,
    /// Whether anybody may call it: the pack's `authenticate` is not asked.
    #[serde(default)]
    pub public: bool,
    /// Anything else that the pack's hooks want to know of it.
    #[serde(default)]
    pub more: BTreeMap<String, Value>,
}

/// A text or a list of texts.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
        .iter()
        .map(String::as_str)
    }
}

/// What one key of a seed file may hold: `list` and `map` of objects with these fields, or `object`.
///
/// Fields are types as in [`OperationData::args`]; with no fields at all anything goes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedShape {
    pub kind: SeedKind,
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeedKind {
    List,
    Map,
    Object,
    Any,
}

/// The type of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Int,
    Number,
    Bool,
    List,
    Object,
    Any,
}

impl Kind {
    /// Reads `int?` and the like: the kind, and whether it may be left out.
    pub(crate) fn read(text: &str) -> Option<(Self, bool)> {
        let (name, optional) = match text.strip_suffix('?') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let kind = match name {
            "string" => Self::String,
            "int" => Self::Int,
            "number" => Self::Number,
            "bool" => Self::Bool,
            "list" => Self::List,
            "object" => Self::Object,
            "any" => Self::Any,
            _ => return None,
        };
        Some((kind, optional))
    }

    /// `value` as this kind: texts are read where forms and queries know no other type. `None` when it
    /// is not of this kind.
    pub(crate) fn read_value(self, value: Value) -> Option<Value> {
        match (self, value) {
            (Self::Any, value) => Some(value),
            (Self::String, value @ Value::String(_)) => Some(value),
            (Self::String, Value::Number(number)) => Some(Value::String(number.to_string())),
            (Self::String, Value::Bool(truth)) => Some(Value::String(truth.to_string())),
            (Self::Int, Value::Number(number)) if number.is_i64() => Some(Value::Number(number)),
            (Self::Int, Value::String(text)) => text.trim().parse::<i64>().ok().map(Value::from),
            (Self::Number, value @ Value::Number(_)) => Some(value),
            (Self::Number, Value::String(text)) => text.trim().parse::<f64>().ok().map(Value::from),
            (Self::Bool, value @ Value::Bool(_)) => Some(value),
            (Self::Bool, Value::String(text)) => match text.as_str() {
                "true" | "1" | "True" => Some(true.into()),
                "false" | "0" | "False" | "" => Some(false.into()),
                _ => None,
            },
            (Self::Bool, Value::Number(number)) => Some((number.as_i64()? != 0).into()),
            (Self::List, value @ Value::Array(_)) => Some(value),
            (Self::List, Value::String(text)) => Some(list(&text)),
            (Self::Object, value @ (Value::Object(_) | Value::Array(_))) => Some(value),
            (Self::Object, Value::String(text)) => {
                let read = serde_json::from_str::<Value>(&text).ok()?;
                (read.is_object() || read.is_array()).then_some(read)
            }
            _ => None,
        }
    }
}

/// A list as forms write it: a JSON array, or texts with commas between.
fn list(text: &str) -> Value {
    if let Ok(read @ Value::Array(_)) = serde_json::from_str::<Value>(text) {
        return read;
    }
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    Value::Array(parts.map(Value::from).collect())
}
