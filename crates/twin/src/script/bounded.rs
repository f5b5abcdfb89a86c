//! Operators of foreign packs' scripts that look at what they would make before they make it.
//!
//! Starlark looks at the heap between statements at best; `"a" * 2_000_000_000` is one expression. So the operators
//! that can make much out of little are calls of functions of ours when a foreign pack is read. What a pack is, and
//! which packs are foreign, is nothing known here.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::OnceLock;

use base::Diagnostic;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::syntax::AstModule;
use starlark::syntax::ast::{AssignOp, AstStmt, Stmt};
use starlark::values::Value;
use starlark::values::list::ListRef;
use starlark::values::tuple::TupleRef;

use super::{HEAP_BYTES_MAX, place_of, too_much};

/// Bytes of an item in a list or tuple.
const ITEM_BYTES: usize = size_of::<usize>();

/// By operator.
const FUNCTIONS: [(&str, &str); 3] =
    [("+", "__bounded_plus"), ("*", "__bounded_times"), ("%", "__bounded_percent")];

/// Puts functions of [`natives`] in the place of operators.
///
/// # Errors
/// Where it assigns by an operator that can make much out of little: that has no expression that could be replaced.
pub(super) fn bind(ast: &mut AstModule) -> Result<(), Diagnostic> {
    static REPLACED: OnceLock<HashMap<String, String>> = OnceLock::new();
    if let Some(found) = assigning(ast, ast.statement()) {
        return Err(found);
    }
    ast.replace_binary_operators(REPLACED.get_or_init(|| {
        let owned = |(operator, function): (&str, &str)| (operator.to_owned(), function.to_owned());
        FUNCTIONS.into_iter().map(owned).collect()
    }));
    Ok(())
}

/// The first statement that assigns by `*=` or `%=`. What `+=` adds is no more than was there.
fn assigning(ast: &AstModule, statement: &AstStmt) -> Option<Diagnostic> {
    if let Stmt::AssignModify(_, operator @ (AssignOp::Multiply | AssignOp::Percent), _) =
        &statement.node
    {
        let operator = operator.to_string();
        let operator = operator.trim();
        let message = format!("a pack's scripts do not assign by `{operator}`");
        let plain = operator.trim_end_matches('=');
        let found =
            Diagnostic::error("bad-script", message).at(place_of(&ast.file_span(statement.span)));
        return Some(found.help(format!("write `a = a {plain} b` for `a {operator} b`")));
    }
    let mut found = None;
    statement.visit_stmt(|inner| {
        if found.is_none() {
            found = assigning(ast, inner);
        }
    });
    found
}

/// Says so where there is no room for so many bytes more.
fn room(bytes: Option<usize>, eval: &Evaluator<'_, '_, '_>) -> starlark::Result<()> {
    let left = HEAP_BYTES_MAX.saturating_sub(eval.heap().peak_allocated_bytes());
    if bytes.is_none_or(|bytes| bytes > left) {
        return Err(too_much());
    }
    Ok(())
}

/// Bytes of a value that operators lengthen: of a text, list or tuple.
fn bytes(value: Value<'_>) -> Option<usize> {
    if let Some(text) = value.unpack_str() {
        return Some(text.len());
    }
    let items = ListRef::from_value(value).map(|list| list.len());
    let items = items.or_else(|| TupleRef::from_value(value).map(|tuple| tuple.len()));
    items.map(|items| items.saturating_mul(ITEM_BYTES))
}

/// Counts what is written to it until there is no room.
struct Room(usize);

impl Write for Room {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 = self.0.checked_sub(text.len()).ok_or(std::fmt::Error)?;
        Ok(())
    }
}

/// What the parts of a `%` need at most, or `None` where that is more than a script may have.
fn filled(format: &str, parts: Value<'_>) -> Option<usize> {
    let mut room = Room(HEAP_BYTES_MAX);
    room.write_str(format).ok()?;
    let mut take = |part: Value<'_>| match part.unpack_str() {
        // By `%r`, quotes stand around it, and escapes within.
        Some(text) if !format.contains("%r") => room.write_str(text).ok(),
        _ => write!(room, "{part}").ok(),
    };
    match TupleRef::from_value(parts) {
        Some(parts) => parts.iter().try_for_each(take)?,
        None => take(parts)?,
    }
    Some(HEAP_BYTES_MAX - room.0)
}

#[starlark_module]
pub(super) fn natives(builder: &mut GlobalsBuilder) {
    fn __bounded_plus<'v>(
        #[starlark(require = pos)] a: Value<'v>,
        #[starlark(require = pos)] b: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        if let (Some(first), Some(second)) = (bytes(a), bytes(b)) {
            room(first.checked_add(second), eval)?;
        }
        a.add(b, eval.heap())
    }

    fn __bounded_times<'v>(
        #[starlark(require = pos)] a: Value<'v>,
        #[starlark(require = pos)] b: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        if let Some((bytes, times)) = bytes(a).zip(b.unpack_i32()).or(bytes(b).zip(a.unpack_i32()))
        {
            room(bytes.checked_mul(usize::try_from(times).unwrap_or(0)), eval)?;
        }
        a.mul(b, eval.heap())
    }

    fn __bounded_percent<'v>(
        #[starlark(require = pos)] a: Value<'v>,
        #[starlark(require = pos)] b: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        if let Some(format) = a.unpack_str() {
            room(filled(format, b), eval)?;
        }
        a.percent(b, eval.heap())
    }
}
