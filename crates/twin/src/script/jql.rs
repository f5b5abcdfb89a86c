//! `jql`: what a query of Jira's language asks for, as scripts see it.

use std::sync::Arc;

use serde_json::json;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::{Heap, Value};

use super::doc::alloc_json;

#[starlark_module]
fn jql(builder: &mut GlobalsBuilder) {
    /// A query taken apart: `{"where": node or None, "order": [{"field", "descending"}]}`, or
    /// `{"error": "…"}` in Jira's words. A node is `{"and": […]}`, `{"or": […]}`, `{"not": node}` or
    /// `{"field", "operator", "operand"}`.
    fn parse<'v>(
        #[starlark(require = pos)] query: &str,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let parsed = crate::jql::parse(query).unwrap_or_else(|cause| json!({ "error": cause }));
        Ok(alloc_json(Arc::new(parsed), heap))
    }
}

pub(super) fn natives(builder: &mut GlobalsBuilder) {
    builder.namespace("jql", jql);
}
