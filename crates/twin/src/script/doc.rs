//! Records as scripts see them: immutable, read field by field, never converted as a whole. And the way
//! back: what a script made, as JSON.

use std::fmt;
use std::sync::Arc;

use allocative::Allocative;
use serde_json::{Map, Value as Json};
use starlark::environment::{Methods, MethodsBuilder, MethodsStatic};
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::dict::{AllocDict, DictRef};
use starlark::values::float::UnpackFloat;
use starlark::values::list::ListRef;
use starlark::values::none::NoneOr;
use starlark::values::structs::StructRef;
use starlark::values::tuple::TupleRef;
use starlark::values::{
    Heap, ProvidesStaticType, StarlarkPagable, StarlarkValue, UnpackValue, Value, starlark_value,
};

use super::blob::Blob;
use super::rooted::Rooted;
use super::{error, text, texts};

/// How deep a script's value may nest when it is turned into JSON: what APIs send is far flatter.
const DEPTH_MAX: usize = 64;

/// A place in a shared, immutable JSON value.
#[derive(Clone)]
pub(crate) struct Node {
    root: Arc<Json>,
    at: *const Json,
}

// SAFETY: `at` points into `*root`. Nothing changes a `Json` behind an `Arc` that has other owners
// (`Arc::make_mut` copies it), and a `Node` is an owner for as long as it lives.
unsafe impl Send for Node {}
unsafe impl Sync for Node {}

impl Node {
    pub(crate) fn new(root: Arc<Json>) -> Self {
        let at = std::ptr::from_ref::<Json>(&root);
        Self { root, at }
    }

    pub(crate) fn json(&self) -> &Json {
        // SAFETY: see `Send`: `root` keeps what `at` points to alive and unchanged.
        unsafe { &*self.at }
    }

    /// A part of it for a script. `part` lies in the same root.
    fn alloc_part<'v>(&self, part: &Json, heap: Heap<'v>) -> Value<'v> {
        scalar(part, heap).unwrap_or_else(|| {
            let at = std::ptr::from_ref::<Json>(part);
            heap.alloc(Doc { node: Self { root: self.root.clone(), at } })
        })
    }
}

/// An object or a list of a record.
#[derive(ProvidesStaticType, Allocative, StarlarkPagable)]
#[allocative(skip)]
pub(crate) struct Doc {
    #[starlark_pagable(skip = "super::unpaged()")]
    node: Node,
}

starlark_simple_value!(Doc);

impl fmt::Debug for Doc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Doc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.node.json())
    }
}

impl serde::Serialize for Doc {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.node.json().serialize(serializer)
    }
}

fn scalar<'v>(json: &Json, heap: Heap<'v>) -> Option<Value<'v>> {
    Some(match json {
        Json::Null => Value::new_none(),
        Json::Bool(truth) => Value::new_bool(*truth),
        Json::String(text) => heap.alloc(text.as_str()),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => heap.alloc(whole),
            None => heap.alloc(number.as_f64().unwrap_or(0.0)),
        },
        Json::Array(_) | Json::Object(_) => return None,
    })
}

/// A JSON value for a script: scalars as they are, the rest as a [`Doc`].
pub(crate) fn alloc<'v>(node: &Node, heap: Heap<'v>) -> Value<'v> {
    scalar(node.json(), heap).unwrap_or_else(|| heap.alloc(Doc { node: node.clone() }))
}

/// A whole JSON value for a script.
pub(crate) fn alloc_json<'v>(json: Arc<Json>, heap: Heap<'v>) -> Value<'v> {
    scalar(&json, heap).unwrap_or_else(|| heap.alloc(Doc { node: Node::new(json) }))
}

impl Doc {
    pub(crate) fn json(&self) -> &Json {
        self.node.json()
    }

    pub(crate) fn of<'v>(value: Value<'v>) -> Option<&'v Doc> {
        Doc::from_value(value)
    }

    pub(crate) fn node(&self) -> Node {
        self.node.clone()
    }

    fn field<'v>(&self, name: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        Some(self.node.alloc_part(self.json().get(name)?, heap))
    }

    fn element<'v>(&self, index: usize, heap: Heap<'v>) -> Option<Value<'v>> {
        Some(self.node.alloc_part(self.json().get(index)?, heap))
    }

    fn names(&self) -> Vec<String> {
        self.json().as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
    }

    fn pairs<'v>(&self, heap: Heap<'v>) -> Vec<(Value<'v>, Value<'v>)> {
        let fields = self.json().as_object().into_iter().flatten();
        fields
            .map(|(name, value)| (heap.alloc(name.as_str()), self.node.alloc_part(value, heap)))
            .collect()
    }
}

#[starlark_value(type = "record")]
impl<'v> StarlarkValue<'v> for Doc {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("record", methods);
        Some(METHODS.methods())
    }

    fn get_attr(&self, name: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        self.field(name, heap)
    }

    fn dir_attr(&self) -> Vec<String> {
        self.names()
    }

    fn at(&self, index: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let found = match (self.json(), index.unpack_str(), index.unpack_i32()) {
            (Json::Object(_), Some(name), _) => self.field(name, heap),
            (Json::Array(list), _, Some(index)) => {
                let length = i32::try_from(list.len()).unwrap_or(i32::MAX);
                let index = if index < 0 { length + index } else { index };
                usize::try_from(index).ok().and_then(|index| self.element(index, heap))
            }
            _ => None,
        };
        found.ok_or_else(|| match self.json() {
            Json::Array(list) => error(format!("no element {index} in a list of {}", list.len())),
            _ => error(format!("no field {index}; there are {}", self.names().join(", "))),
        })
    }

    fn iterate_collect(&self, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        Ok(match self.json() {
            Json::Array(list) => {
                (0..list.len()).filter_map(|index| self.element(index, heap)).collect()
            }
            Json::Object(fields) => fields.keys().map(|name| heap.alloc(name.as_str())).collect(),
            _ => Vec::new(),
        })
    }

    fn length(&self) -> starlark::Result<i32> {
        let length = match self.json() {
            Json::Array(list) => list.len(),
            Json::Object(fields) => fields.len(),
            _ => 0,
        };
        Ok(i32::try_from(length).unwrap_or(i32::MAX))
    }

    fn to_bool(&self) -> bool {
        self.length().is_ok_and(|length| length > 0)
    }

    fn is_in(&self, other: Value<'v>) -> starlark::Result<bool> {
        Ok(match (self.json(), other.unpack_str()) {
            (Json::Object(fields), Some(name)) => fields.contains_key(name),
            (Json::Array(list), Some(text)) => list.iter().any(|one| one.as_str() == Some(text)),
            (Json::Array(list), None) => list.contains(&to_json(other)?),
            _ => false,
        })
    }

    fn equals(&self, other: Value<'v>) -> starlark::Result<bool> {
        match Doc::of(other) {
            Some(other) => Ok(self.json() == other.json()),
            None => Ok(to_json(other).is_ok_and(|other| *self.json() == other)),
        }
    }

    /// `record | {"a": 1}`: a dict with the fields of both, those of the right side first.
    fn bit_or(&self, other: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let mut pairs = self.pairs(heap);
        if let Some(other) = DictRef::from_value(other) {
            pairs.extend(other.iter());
        } else if let Some(other) = Doc::of(other) {
            pairs.extend(other.pairs(heap));
        } else {
            return Err(error(format!("a record and a {} have no union", other.get_type())));
        }
        Ok(heap.alloc(AllocDict(pairs)))
    }
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// A field, or `default` where there is none.
    fn get<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] name: &str,
        #[starlark(require = pos, default = NoneOr::None)] default: NoneOr<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let doc = Doc::of(this).ok_or_else(|| error("not a record"))?;
        let default = default.into_option().unwrap_or_else(Value::new_none);
        Ok(doc.field(name, heap).unwrap_or(default))
    }

    /// The names of the fields, in order.
    fn keys(this: Value<'_>) -> starlark::Result<Vec<String>> {
        Ok(Doc::of(this).map(Doc::names).unwrap_or_default())
    }

    /// The fields with their names.
    fn items<'v>(this: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let pairs = Doc::of(this).map(|doc| doc.pairs(heap)).unwrap_or_default();
        Ok(heap.alloc(pairs))
    }

    /// A dict of the record's fields, with those given put in their place.
    fn copy<'v>(
        this: Value<'v>,
        #[starlark(kwargs)] fields: DictRef<'v>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let mut pairs = Doc::of(this).map(|doc| doc.pairs(heap)).unwrap_or_default();
        pairs.extend(fields.iter());
        Ok(heap.alloc(AllocDict(pairs)))
    }
}

/// What a script made, as JSON.
///
/// # Errors
/// Values that JSON has no form for (functions, sets), keys that are no strings, values that nest deeper
/// than [`DEPTH_MAX`] or in themselves.
pub(crate) fn to_json(value: Value<'_>) -> starlark::Result<Json> {
    json_of(value, 0)
}

fn json_of(value: Value<'_>, depth: usize) -> starlark::Result<Json> {
    if depth > DEPTH_MAX {
        return Err(error(format!("a value nests deeper than {DEPTH_MAX}")));
    }
    let list = |items: &mut dyn Iterator<Item = Value<'_>>| {
        items.map(|one| json_of(one, depth + 1)).collect::<Result<Vec<_>, _>>().map(Json::Array)
    };
    if value.is_none() {
        return Ok(Json::Null);
    }
    if let Some(text) = value.unpack_str() {
        return Ok(text.into());
    }
    if let Some(doc) = Doc::of(value) {
        return Ok(doc.json().clone());
    }
    if let Some(truth) = value.unpack_bool() {
        return Ok(truth.into());
    }
    if let Ok(Some(number)) = i64::unpack_value(value) {
        return Ok(number.into());
    }
    if let Ok(Some(UnpackFloat(number))) = UnpackFloat::unpack_value(value) {
        return Ok(number.into());
    }
    if let Some(fields) = DictRef::from_value(value) {
        return fields_of(fields.iter(), depth).map(Json::Object);
    }
    if let Some(items) = ListRef::from_value(value) {
        return list(&mut items.iter());
    }
    if let Some(items) = TupleRef::from_value(value) {
        return list(&mut items.iter());
    }
    if let Some(fields) = StructRef::from_value(value) {
        let fields = fields.iter().map(|(name, value)| (name.to_value(), value));
        return fields_of(fields, depth).map(Json::Object);
    }
    if let Some(rooted) = Rooted::of(value) {
        return Ok(rooted.to_json());
    }
    if let Some(blob) = Blob::of(value) {
        return Ok(String::from_utf8_lossy(blob.bytes()).into_owned().into());
    }
    Err(error(format!("a {} cannot be written as JSON", value.get_type())))
}

fn fields_of<'v>(
    fields: impl Iterator<Item = (Value<'v>, Value<'v>)>,
    depth: usize,
) -> starlark::Result<Map<String, Json>> {
    let mut map = Map::new();
    for (name, value) in fields {
        let Some(name) = name.unpack_str() else {
            return Err(error(format!("a key must be a string, not a {}", name.get_type())));
        };
        map.insert(name.to_owned(), json_of(value, depth + 1)?);
    }
    Ok(map)
}

/// The fields of a dict, a record or a struct, as JSON.
pub(crate) fn to_fields(value: Value<'_>) -> starlark::Result<Map<String, Json>> {
    match to_json(value)? {
        Json::Object(fields) => Ok(fields),
        _ => Err(error(format!("fields are wanted, not a {}", value.get_type()))),
    }
}

/// Writes what a script made as JSON text, without making JSON values of it first.
pub(crate) fn write_json(value: Value<'_>, out: &mut Vec<u8>) -> starlark::Result<()> {
    write(value, out, 0)
}

fn write(value: Value<'_>, out: &mut Vec<u8>, depth: usize) -> starlark::Result<()> {
    if depth > DEPTH_MAX {
        return Err(error(format!("a value nests deeper than {DEPTH_MAX}")));
    }
    if let Some(doc) = Doc::of(value) {
        return wrote(texts::write(&doc.node, out));
    }
    if let Some(rooted) = Rooted::of(value) {
        return wrote(rooted.write(out));
    }
    if let Some(text) = value.unpack_str() {
        return wrote(text::write_str(text, out));
    }
    if let Some(fields) = DictRef::from_value(value) {
        out.push(b'{');
        for (index, (name, value)) in fields.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let Some(name) = name.unpack_str() else {
                return Err(error(format!("a key must be a string, not a {}", name.get_type())));
            };
            wrote(text::write_str(name, out))?;
            out.push(b':');
            write(value, out, depth + 1)?;
        }
        out.push(b'}');
        return Ok(());
    }
    if let Some(items) = ListRef::from_value(value) {
        out.push(b'[');
        for (index, one) in items.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write(one, out, depth + 1)?;
        }
        out.push(b']');
        return Ok(());
    }
    wrote(text::write(&json_of(value, depth)?, out))
}

fn wrote(written: serde_json::Result<()>) -> starlark::Result<()> {
    written.map_err(|cause| error(cause.to_string()))
}
