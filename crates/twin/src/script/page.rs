//! `page`: the ways in which services cut lists into pages. A new way is a new function here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::list::ListRef;
use starlark::values::structs::AllocStruct;
use starlark::values::{Heap, Value};

use super::error;

fn listed<'v>(items: Value<'v>) -> starlark::Result<&'v [Value<'v>]> {
    ListRef::from_value(items)
        .map(|list| list.content())
        .ok_or_else(|| error(format!("a list is wanted, not a {}", items.get_type())))
}

fn size(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}

#[starlark_module]
fn page(builder: &mut GlobalsBuilder) {
    /// By an opaque cursor, which is the `prefix` and the number of items before, in base64: `items` of this
    /// page, `next` (empty on the last), and whether the cursor is `bad`.
    fn cursor<'v>(
        #[starlark(require = pos)] items: Value<'v>,
        #[starlark(require = named)] limit: i32,
        #[starlark(require = named, default = "")] cursor: &str,
        #[starlark(require = named, default = "next:")] prefix: &str,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let items = listed(items)?;
        let read = || {
            let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
            let at: usize = text.strip_prefix(prefix)?.parse().ok()?;
            (at <= items.len()).then_some(at)
        };
        let start = if cursor.is_empty() { Some(0) } else { read() };
        let from = start.unwrap_or(0);
        let to = from.saturating_add(size(limit)).min(items.len());
        let next =
            if to < items.len() { STANDARD.encode(format!("{prefix}{to}")) } else { String::new() };
        let shown = if start.is_some() { &items[from..to] } else { &[] };
        Ok(heap.alloc(AllocStruct([
            ("items", heap.alloc(shown.to_vec())),
            ("next", heap.alloc(next)),
            ("bad", Value::new_bool(start.is_none())),
        ])))
    }

    /// By number, from 1: `items` of this page, and the numbers of the `last` page and of this one.
    fn numbered<'v>(
        #[starlark(require = pos)] items: Value<'v>,
        #[starlark(require = named)] page: i32,
        #[starlark(require = named)] per_page: i32,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let items = listed(items)?;
        let (page, per_page) = (size(page).max(1), size(per_page).max(1));
        let from = (page - 1).saturating_mul(per_page).min(items.len());
        let to = from.saturating_add(per_page).min(items.len());
        let last = items.len().div_ceil(per_page).max(1);
        let number = |n: usize| heap.alloc(i32::try_from(n).unwrap_or(i32::MAX));
        Ok(heap.alloc(AllocStruct([
            ("items", heap.alloc(items[from..to].to_vec())),
            ("page", number(page)),
            ("last", number(last)),
            ("total", number(items.len())),
        ])))
    }

    /// After the item whose `key` field is `after`: `items` of this page, and `next`, the key of the last
    /// of them where more follow. An unknown key begins at the start.
    fn after<'v>(
        #[starlark(require = pos)] items: Value<'v>,
        #[starlark(require = named)] limit: i32,
        #[starlark(require = named, default = "")] after: &str,
        #[starlark(require = named, default = "id")] key: &str,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let items = listed(items)?;
        let key_of = |item: &Value<'v>| {
            let value = item.get_attr(key, heap).ok().flatten();
            let value = value.or_else(|| item.at(heap.alloc(key), heap).ok());
            value.and_then(|value| value.unpack_str())
        };
        let found = items.iter().position(|item| !after.is_empty() && key_of(item) == Some(after));
        let from = found.map_or(0, |at| at + 1);
        let to = from.saturating_add(size(limit)).min(items.len());
        let next = if to < items.len() && to > from { key_of(&items[to - 1]) } else { None };
        Ok(heap.alloc(AllocStruct([
            ("items", heap.alloc(items[from..to].to_vec())),
            ("next", next.map_or_else(Value::new_none, |next| heap.alloc(next))),
        ])))
    }
}

pub(super) fn natives(builder: &mut GlobalsBuilder) {
    builder.namespace("page", page);
}
