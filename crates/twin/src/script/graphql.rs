//! `graphql`: what a query asks for, as scripts see it.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::none::NoneOr;
use starlark::values::{Heap, Value};

use super::doc::{alloc_json, to_json};

#[starlark_module]
fn graphql(builder: &mut GlobalsBuilder) {
    /// A query made plain: `{"kind": "query", "fields": [{"key", "name", "args", "on", "fields"}]}` with
    /// variables put in and fragments resolved, or `{"error": "…"}`.
    fn plan<'v>(
        #[starlark(require = pos)] query: &str,
        #[starlark(require = named)] variables: Option<Value<'v>>,
        #[starlark(require = named, default = NoneOr::None)] operation: NoneOr<&str>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let variables = variables.map_or(Ok(Json::Null), to_json)?;
        let planned = crate::graphql::plan(query, &variables, operation.into_option());
        let shown = planned.unwrap_or_else(|cause| json!({ "error": cause }));
        Ok(alloc_json(Arc::new(shown), heap))
    }
}

pub(super) fn natives(builder: &mut GlobalsBuilder) {
    builder.namespace("graphql", graphql);
}
