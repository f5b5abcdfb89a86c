//! A request as it is understood: its parts decoded once, and as scripts see it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use allocative::Allocative;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value as Json, json};
use starlark::environment::{Methods, MethodsBuilder, MethodsStatic};
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::none::NoneOr;
use starlark::values::{
    Heap, NoSerialize, ProvidesStaticType, StarlarkPagable, StarlarkValue, Value, starlark_value,
};

use super::blob::Blob;
use super::doc::{Node, alloc, alloc_json, to_json};
use super::error;
use super::work::Refusal;
use crate::Request;
use crate::pack::{Operation, Pack};
use crate::rate::Left;
use crate::route::Found;

/// Fields of a query or form: what a server of the kind takes, and no flood.
const FIELDS_MAX: usize = 1_000;

/// Files of one form.
const FILES_MAX: usize = 50;

/// A request with everything that is known of it before a script has run.
pub(crate) struct Incoming {
    pub(crate) head: http::request::Parts,
    pub(crate) body: Bytes,
    /// The operation's number.
    pub(crate) operation: Option<usize>,
    pub(crate) wrong_method: bool,
    pub(crate) path: Arc<Json>,
    pub(crate) query: Arc<Json>,
    /// The body as JSON, or a form's fields as an object.
    pub(crate) sent: Option<Arc<Json>>,
    pub(crate) files: Vec<File>,
    /// What is wrong with the body.
    pub(crate) malformed: Option<String>,
}

/// A file of a multipart form.
pub(crate) struct File {
    pub(crate) field: String,
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) content: Bytes,
}

impl Incoming {
    pub(crate) fn read(pack: &Pack, request: Request) -> Self {
        let (head, body) = request.into_parts();
        let found = pack.routes().find(head.method.as_str(), head.uri.path());
        // A server that answers GET answers HEAD.
        let found = match found {
            Found::WrongMethod | Found::Nothing if head.method == http::Method::HEAD => {
                pack.routes().find("GET", head.uri.path())
            }
            found => found,
        };
        let mut path = Map::new();
        let (operation, wrong_method) = match found {
            Found::Operation { operation, parameters } => {
                for (name, value) in parameters {
                    path.insert(name.to_owned(), value.into());
                }
                (Some(operation), false)
            }
            Found::WrongMethod => (None, true),
            Found::Nothing => (None, false),
        };
        let query = fields(head.uri.query().unwrap_or_default().as_bytes());
        let mut incoming = Self {
            head,
            body,
            operation,
            wrong_method,
            path: Arc::new(Json::Object(path)),
            query: Arc::new(Json::Object(query)),
            sent: None,
            files: Vec::new(),
            malformed: None,
        };
        incoming.decode();
        incoming
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn decode(&mut self) {
        if self.body.is_empty() {
            return;
        }
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
        let kind_only = kind.split(';').next().unwrap_or_default().trim();
        let form = kind_only == "application/x-www-form-urlencoded";
        // `curl -d '{…}'` says that it sends a form.
        if form && !matches!(self.body.first(), Some(b'{' | b'[')) {
            self.sent = Some(Arc::new(Json::Object(fields(&self.body))));
        } else if kind_only == "multipart/form-data" {
            self.multipart();
        } else if kind_only == "application/json" || kind_only.ends_with("+json") {
            match serde_json::from_slice::<Json>(&self.body) {
                Ok(json) => self.sent = Some(Arc::new(json)),
                Err(cause) => self.malformed = Some(format!("no JSON: {cause}")),
            }
        } else if matches!(self.body.first(), Some(b'{' | b'[')) {
            // Clients that leave the type out: JSON where it reads as such, and bytes otherwise.
            self.sent = serde_json::from_slice(&self.body).ok().map(Arc::new);
        }
    }

    fn multipart(&mut self) {
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let boundary = kind.split(';').find_map(|part| part.trim().strip_prefix("boundary="));
        let Some(boundary) = boundary.map(|text| text.trim_matches('"').to_owned()) else {
            self.malformed = Some("a multipart body without a boundary".to_owned());
            return;
        };
        let mut sent = Map::new();
        let parts = match crate::multipart::parts(&self.body, &boundary, FILES_MAX + FIELDS_MAX) {
            Ok(parts) => parts,
            Err(cause) => {
                self.malformed = Some(cause.to_string());
                return;
            }
        };
        for part in parts {
            match part.file {
                Some(name) if self.files.len() < FILES_MAX => self.files.push(File {
                    field: part.name,
                    name,
                    content_type: part.content_type,
                    content: part.content,
                }),
                Some(_) => {}
                None => {
                    let text = String::from_utf8_lossy(&part.content).into_owned();
                    sent.insert(part.name, text.into());
                }
            }
        }
        self.sent = Some(Arc::new(Json::Object(sent)));
    }

    /// The arguments: path, query and body together, each read as the type that the operation declares.
    pub(crate) fn args(&self, pack: &Pack, operation: &Operation) -> Result<Arc<Json>, Refusal> {
        let nothing_else =
            self.sent.is_none() && self.query.as_object().is_none_or(|query| query.is_empty());
        if operation.args.is_empty() && nothing_else {
            return Ok(self.path.clone());
        }
        self.args_read(pack, operation).map(Arc::new)
    }

    fn args_read(&self, pack: &Pack, operation: &Operation) -> Result<Json, Refusal> {
        let mut all = Map::new();
        for source in [Some(&self.query), self.sent.as_ref(), Some(&self.path)] {
            let Some(Json::Object(fields)) = source.map(|source| &**source) else { continue };
            all.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        if operation.args.is_empty() {
            return Ok(Json::Object(all));
        }
        let refusals = &pack.manifest().refusals;
        let mut args = Map::new();
        for argument in &operation.args {
            let name = &argument.name;
            let value = match all.remove(name) {
                None | Some(Json::Null) if argument.optional => Json::Null,
                None | Some(Json::Null) => {
                    return Err(Refusal::of(&refusals.missing_argument).with("argument", &**name));
                }
                Some(value) => argument.kind.read_value(value).ok_or_else(|| {
                    Refusal::of(&refusals.invalid_argument).with("argument", &**name)
                })?,
            };
            args.insert(name.clone(), value);
        }
        Ok(Json::Object(args))
    }
}

/// The fields of a query or form. A name with `[]` at its end, or one that comes again, makes a list.
fn fields(text: &[u8]) -> Map<String, Json> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(text).take(FIELDS_MAX) {
        let (name, listed) = match name.strip_suffix("[]") {
            Some(name) => (name.to_owned(), true),
            None => (name.into_owned(), false),
        };
        let value = Json::from(value.into_owned());
        match fields.get_mut(&name) {
            None if listed => drop(fields.insert(name, json!([value]))),
            None => drop(fields.insert(name, value)),
            Some(Json::Array(list)) => list.push(value),
            Some(one) => *one = json!([one.take(), value]),
        }
    }
    fields
}

/// `req` in scripts.
#[derive(Clone, ProvidesStaticType, Allocative, StarlarkPagable, NoSerialize)]
#[allocative(skip)]
pub(crate) struct Req {
    #[starlark_pagable(skip = "super::unpaged()")]
    inner: Arc<Inner>,
}

struct Inner {
    incoming: Incoming,
    base: Arc<str>,
    operation: Option<Arc<Json>>,
    args: OnceLock<Arc<Json>>,
    actor: OnceLock<Node>,
    rate: OnceLock<RateLeft>,
}

/// What a call left of the rate that it falls under: `req.rate` in scripts.
#[derive(Debug, Clone, ProvidesStaticType, Allocative, StarlarkPagable, NoSerialize)]
#[allocative(skip)]
pub(crate) struct RateLeft {
    #[starlark_pagable(skip = "super::unpaged()")]
    pub(crate) name: String,
    #[starlark_pagable(skip = "super::unpaged()")]
    pub(crate) left: Left,
}

starlark_simple_value!(RateLeft);

impl RateLeft {
    const FIELDS: [&str; 5] = ["name", "limit", "remaining", "reset", "used"];

    fn number(&self, field: &str) -> Option<u64> {
        let Left { limit, remaining, reset, .. } = self.left;
        Some(match field {
            "limit" => limit,
            "remaining" => remaining,
            "reset" => reset.seconds(),
            "used" => limit - remaining,
            _ => return None,
        })
    }
}

impl fmt::Display for RateLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} left of {}", self.left.remaining, self.left.limit, self.name)
    }
}

#[starlark_value(type = "rate")]
impl<'v> StarlarkValue<'v> for RateLeft {
    fn get_attr(&self, name: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        match name {
            "name" => Some(heap.alloc(self.name.as_str())),
            name => self.number(name).map(|number| heap.alloc(number)),
        }
    }

    fn dir_attr(&self) -> Vec<String> {
        Self::FIELDS.map(str::to_owned).to_vec()
    }
}

starlark_simple_value!(Req);

impl Req {
    pub(crate) fn new(incoming: Incoming, base: Arc<str>, operation: Option<Arc<Json>>) -> Self {
        let (args, actor, rate) = Default::default();
        let inner = Inner { incoming, base, operation, args, actor, rate };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn incoming(&self) -> &Incoming {
        &self.inner.incoming
    }

    pub(crate) fn base(&self) -> &str {
        &self.inner.base
    }

    pub(crate) fn know_actor(&self, actor: Node) {
        let _ = self.inner.actor.set(actor);
    }

    pub(crate) fn know_args(&self, args: Arc<Json>) {
        let _ = self.inner.args.set(args);
    }

    pub(crate) fn know_rate(&self, rate: RateLeft) {
        let _ = self.inner.rate.set(rate);
    }

    pub(crate) fn actor(&self) -> Option<&Node> {
        self.inner.actor.get()
    }

    pub(crate) fn args(&self) -> Option<&Arc<Json>> {
        self.inner.args.get()
    }
}

impl fmt::Debug for Req {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Req {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = &self.inner.incoming.head;
        write!(f, "{} {}", head.method, head.uri)
    }
}

#[starlark_value(type = "request")]
impl<'v> StarlarkValue<'v> for Req {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("request", methods);
        Some(METHODS.methods())
    }

    fn get_attr(&self, name: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let inner = &*self.inner;
        let incoming = &inner.incoming;
        let or_none = |json: Option<&Arc<Json>>| {
            json.map_or_else(Value::new_none, |json| alloc_json(json.clone(), heap))
        };
        Some(match name {
            "method" => heap.alloc(incoming.head.method.as_str()),
            "route" => heap.alloc(incoming.head.uri.path()),
            "path" => alloc_json(incoming.path.clone(), heap),
            "query" => alloc_json(incoming.query.clone(), heap),
            "body" => or_none(incoming.sent.as_ref()),
            "raw" => heap.alloc(Blob::new(incoming.body.clone())),
            "args" => or_none(inner.args.get()),
            "actor" => inner.actor.get().map_or_else(Value::new_none, |actor| alloc(actor, heap)),
            "rate" => {
                inner.rate.get().map_or_else(Value::new_none, |rate| heap.alloc(rate.clone()))
            }
            "operation" => or_none(inner.operation.as_ref()),
            "base" => heap.alloc(&*inner.base),
            "query_string" => heap.alloc(incoming.head.uri.query().unwrap_or_default()),
            "files" => {
                let file = |file: &File| {
                    heap.alloc(starlark::values::structs::AllocStruct([
                        ("field", heap.alloc(file.field.as_str())),
                        ("name", heap.alloc(file.name.as_str())),
                        ("content_type", heap.alloc(file.content_type.as_str())),
                        ("content", heap.alloc(Blob::new(file.content.clone()))),
                    ]))
                };
                heap.alloc(incoming.files.iter().map(file).collect::<Vec<_>>())
            }
            _ => return None,
        })
    }

    fn dir_attr(&self) -> Vec<String> {
        let names = [
            "method",
            "route",
            "path",
            "query",
            "body",
            "raw",
            "args",
            "actor",
            "rate",
            "operation",
            "base",
            "query_string",
            "files",
        ];
        names.map(str::to_owned).to_vec()
    }
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// A header's value, or `None`. Names are case-insensitive.
    fn header<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] name: &str,
    ) -> starlark::Result<NoneOr<String>> {
        let req = Req::from_value(this).ok_or_else(|| error("not a request"))?;
        let found = req.inner.incoming.header(name).map(str::to_owned);
        Ok(NoneOr::from_option(found))
    }

    /// The fields of the body that are there, as a dict-like record; an empty one where nothing was sent.
    fn fields<'v>(this: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let req = Req::from_value(this).ok_or_else(|| error("not a request"))?;
        let sent = req.inner.incoming.sent.as_ref().filter(|sent| sent.is_object());
        let sent = sent.cloned().unwrap_or_else(|| Arc::new(json!({})));
        Ok(alloc_json(sent, heap))
    }
}

/// An answer of `authenticate`, as JSON: `None` refuses nothing and names nobody.
pub(crate) fn actor_of(value: Value<'_>) -> starlark::Result<Node> {
    match super::doc::Doc::of(value) {
        Some(doc) => Ok(doc.node()),
        None => Ok(Node::new(Arc::new(to_json(value)?))),
    }
}
