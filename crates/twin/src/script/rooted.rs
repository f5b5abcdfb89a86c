//! `rooted`: records that hold links without a beginning, shown with one. Where a twin is reached may change;
//! what it remembers must not.

use std::fmt;
use std::sync::Arc;

use allocative::Allocative;
use serde_json::{Map, Value as Json};
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::dict::DictRef;
use starlark::values::{
    Heap, NoSerialize, ProvidesStaticType, StarlarkPagable, StarlarkValue, Value, starlark_value,
};

use super::doc::{Doc, Node, to_fields, to_json};
use super::{error, text};

/// The beginnings by their marks.
type Roots = Vec<(String, String)>;

/// A record with the beginnings that its links are to be given, and further fields. It is written straight
/// into the answer, and never put together as a value.
#[derive(ProvidesStaticType, Allocative, StarlarkPagable, NoSerialize)]
#[allocative(skip)]
pub(super) struct Rooted {
    #[starlark_pagable(skip = "super::unpaged()")]
    record: Node,
    #[starlark_pagable(skip = "super::unpaged()")]
    roots: Roots,
    #[starlark_pagable(skip = "super::unpaged()")]
    more: Map<String, Json>,
}

starlark_simple_value!(Rooted);

impl fmt::Debug for Rooted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Rooted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_json())
    }
}

#[starlark_value(type = "rooted")]
impl<'v> StarlarkValue<'v> for Rooted {}

impl Rooted {
    pub(super) fn of<'v>(value: Value<'v>) -> Option<&'v Self> {
        Self::from_value(value)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let Some(fields) = self.record.json().as_object() else {
            return self.value("", self.record.json(), out);
        };
        out.push(b'{');
        let own = fields.iter().filter(|(name, _)| !self.more.contains_key(*name));
        for (index, (name, value)) in own.chain(&self.more).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            text::write_str(name, out)?;
            out.push(b':');
            self.value(name, value, out)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn value(&self, name: &str, value: &Json, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match value {
            Json::Object(fields) => {
                out.push(b'{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    text::write_str(name, out)?;
                    out.push(b':');
                    self.value(name, value, out)?;
                }
                out.push(b'}');
                Ok(())
            }
            Json::Array(list) => {
                out.push(b'[');
                for (index, one) in list.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    self.value(name, one, out)?;
                }
                out.push(b']');
                Ok(())
            }
            Json::String(known) => match self.root(name, known) {
                Some((root, rest)) => text::write_joined(root, rest, out),
                None => text::write_str(known, out),
            },
            other => text::write(other, out),
        }
    }

    /// The beginning that a link is to have, and what follows it.
    fn root<'a>(&'a self, name: &str, text: &'a str) -> Option<(&'a str, &'a str)> {
        if !name.ends_with("url") && name != "href" {
            return None;
        }
        self.roots.iter().find_map(|(mark, root)| Some((root.as_str(), text.strip_prefix(mark)?)))
    }

    pub(super) fn to_json(&self) -> Json {
        let mut out = Vec::new();
        let written = self.write(&mut out).ok();
        written.and_then(|()| serde_json::from_slice(&out).ok()).unwrap_or_default()
    }
}

#[starlark_module]
pub(super) fn natives(builder: &mut GlobalsBuilder) {
    /// A record as an answer shows it: each text in a field `href` or `…url` that begins with one of the
    /// marks in `roots` (a dict) has the mark's text in its place; fields of `more` are put in the place
    /// of the record's own.
    fn rooted<'v>(
        #[starlark(require = pos)] record: Value<'v>,
        #[starlark(require = pos)] roots: DictRef<'v>,
        #[starlark(require = pos)] more: Option<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let text = |value: Value<'v>| {
            let text = value.unpack_str().map(str::to_owned);
            text.ok_or_else(|| error("marks and roots are strings"))
        };
        let pair = |(mark, root): (Value<'v>, Value<'v>)| Ok((text(mark)?, text(root)?));
        let roots = roots.iter().map(pair).collect::<starlark::Result<Roots>>()?;
        let record = match Doc::of(record) {
            Some(doc) => doc.node(),
            None => Node::new(Arc::new(to_json(record)?)),
        };
        let more = more.filter(|more| !more.is_none()).map(to_fields).transpose()?;
        Ok(heap.alloc(Rooted { record, roots, more: more.unwrap_or_default() }))
    }
}
