//! `filter`: expressions of SCIM's and Okta's filter language, held against records.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::list::ListRef;
use starlark::values::none::NoneOr;
use starlark::values::{Heap, Value};

use super::doc::{Doc, to_json};
use super::error;
use crate::filter::Filter;

/// Expressions that a thread keeps; past this it begins anew. Programs ask with few, again and again.
const KEPT_MAX: usize = 256;

fn read(expression: &str) -> Result<Rc<Filter>, crate::filter::FilterError> {
    thread_local! {
        static KEPT: RefCell<HashMap<String, Rc<Filter>>> = RefCell::default();
    }
    KEPT.with_borrow_mut(|kept| {
        if let Some(known) = kept.get(expression) {
            return Ok(known.clone());
        }
        let new = Rc::new(Filter::read(expression)?);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(expression.to_owned(), new.clone());
        Ok(new)
    })
}

fn understood(expression: &str) -> starlark::Result<Rc<Filter>> {
    read(expression).map_err(|cause| error(format!("`{expression}`: {cause}")))
}

fn holds(filter: &Filter, record: Value<'_>) -> starlark::Result<bool> {
    match Doc::of(record) {
        Some(doc) => Ok(filter.matches(doc.json())),
        None => Ok(filter.matches(&to_json(record)?)),
    }
}

#[starlark_module]
fn filter(builder: &mut GlobalsBuilder) {
    /// What is wrong with an expression, with the place; `None` where nothing is.
    fn check(#[starlark(require = pos)] expression: &str) -> starlark::Result<NoneOr<String>> {
        Ok(match read(expression) {
            Ok(_) => NoneOr::None,
            Err(cause) => NoneOr::Other(cause.to_string()),
        })
    }

    /// Whether a record is as the expression says.
    fn matches(
        #[starlark(require = pos)] expression: &str,
        #[starlark(require = pos)] record: Value<'_>,
    ) -> starlark::Result<bool> {
        holds(&*understood(expression)?, record)
    }

    /// The records of a list that are as the expression says, in their order.
    fn select<'v>(
        #[starlark(require = pos)] expression: &str,
        #[starlark(require = pos)] records: Value<'v>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let filter = understood(expression)?;
        let records = ListRef::from_value(records).ok_or_else(|| error("a list is wanted"))?;
        let mut found = Vec::new();
        for record in records.iter() {
            if holds(&filter, record)? {
                found.push(record);
            }
        }
        Ok(heap.alloc(found))
    }

    /// The attributes that an expression asks for, each with its operator: `["profile.login eq"]`. Services
    /// refuse what they cannot search by.
    fn comparisons(#[starlark(require = pos)] expression: &str) -> starlark::Result<Vec<String>> {
        let mut all = Vec::new();
        let mut add = |path: &Vec<String>, word| all.push(format!("{} {word}", path.join(".")));
        understood(expression)?.comparisons(&mut add);
        Ok(all)
    }
}

pub(super) fn natives(builder: &mut GlobalsBuilder) {
    builder.namespace("filter", filter);
}
