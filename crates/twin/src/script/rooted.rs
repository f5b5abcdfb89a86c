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
use super::error;
use super::texts::{self, Roots};

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
        texts::write_rooted(&self.record, &self.roots, &self.more, out)
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
