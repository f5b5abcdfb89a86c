//! `db`: the tables of the twin, as scripts see them. `db.users.get("U1")`, `db.users.find(email = "…")`.

use std::fmt;
use std::sync::Arc;

use allocative::Allocative;
use serde_json::{Map, Value as Json};
use starlark::environment::{GlobalsBuilder, Methods, MethodsBuilder, MethodsStatic};
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::dict::DictRef;
use starlark::values::none::{NoneOr, NoneType};
use starlark::values::{
    Heap, NoSerialize, ProvidesStaticType, StarlarkPagable, StarlarkValue, Value, starlark_value,
};

use super::doc::{alloc_json, to_fields, to_json};
use super::error;
use super::work::{Frame, frame};
use crate::{Record, TableShape};

/// Records of one table: past this, a mistake runs away with the memory.
const RECORDS_MAX: usize = 1_000_000;

/// `db` itself.
#[derive(Debug, ProvidesStaticType, Allocative, StarlarkPagable, NoSerialize)]
#[allocative(skip)]
struct Database;

starlark_simple_value!(Database);

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("db")
    }
}

#[starlark_value(type = "database")]
impl<'v> StarlarkValue<'v> for Database {
    fn get_attr(&self, name: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        Some(heap.alloc(Handle { table: name.to_owned() }))
    }
}

/// `db.NAME`: looked up when it is used.
#[derive(Debug, ProvidesStaticType, Allocative, StarlarkPagable, NoSerialize)]
#[allocative(skip)]
struct Handle {
    table: String,
}

starlark_simple_value!(Handle);

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "db.{}", self.table)
    }
}

#[starlark_value(type = "table")]
impl<'v> StarlarkValue<'v> for Handle {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("table", methods);
        Some(METHODS.methods())
    }
}

/// The table that a handle means.
fn table<'a>(this: Value<'_>, frame: &'a Frame<'a>) -> starlark::Result<(usize, &'a TableShape)> {
    let handle = Handle::from_value(this).ok_or_else(|| error("not a table"))?;
    let index = frame.pack.table(&handle.table).ok_or_else(|| {
        let names: Vec<&str> = frame.pack.tables().iter().map(|one| one.name.as_str()).collect();
        error(format!("no table `{}` in pack.toml; there are {}", handle.table, names.join(", ")))
    })?;
    Ok((index, &frame.pack.tables()[index]))
}

fn key_of<'a>(shape: &TableShape, record: &'a Map<String, Json>) -> starlark::Result<&'a str> {
    record.get(&shape.key).and_then(Json::as_str).ok_or_else(|| {
        error(format!("a record of `{}` needs a string `{}`", shape.name, shape.key))
    })
}

fn wanted(fields: &DictRef<'_>) -> starlark::Result<Vec<(String, Json)>> {
    let pair = |(name, value): (Value<'_>, Value<'_>)| {
        let name = name.unpack_str().unwrap_or_default().to_owned();
        Ok((name, to_json(value)?))
    };
    fields.iter().map(pair).collect()
}

/// A key as scripts may write it.
fn text(key: Value<'_>) -> String {
    key.unpack_str().map_or_else(|| key.to_str(), str::to_owned)
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// The record of this key, or `None`.
    fn get<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] key: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let frame = frame(eval)?;
        let (index, _) = table(this, frame)?;
        let work = frame.work.borrow();
        let found = match key.unpack_str() {
            Some(key) => work.state.table(index).get(key),
            None => work.state.table(index).get(&text(key)),
        };
        Ok(found.map_or_else(Value::new_none, |record| alloc_json(record.clone(), eval.heap())))
    }

    /// Whether there is a record of this key.
    fn has<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] key: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<bool> {
        let frame = frame(eval)?;
        let (index, _) = table(this, frame)?;
        Ok(frame.work.borrow().state.table(index).get(&text(key)).is_some())
    }

    /// The oldest record with these values, or `None`.
    fn find<'v>(
        this: Value<'v>,
        #[starlark(kwargs)] fields: DictRef<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let frame = frame(eval)?;
        let (index, shape) = table(this, frame)?;
        let work = frame.work.borrow();
        let wanted = wanted(&fields)?;
        let found = work.state.table(index).find(shape, &wanted).next();
        Ok(found.map_or_else(Value::new_none, |record| alloc_json(record.clone(), eval.heap())))
    }

    /// All records with these values, oldest first; with none, all records.
    fn all<'v>(
        this: Value<'v>,
        #[starlark(kwargs)] fields: DictRef<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let frame = frame(eval)?;
        let (index, shape) = table(this, frame)?;
        let work = frame.work.borrow();
        let (wanted, heap) = (wanted(&fields)?, eval.heap());
        let found = work.state.table(index).find(shape, &wanted);
        let found: Vec<Value> = found.map(|record| alloc_json(record.clone(), heap)).collect();
        Ok(heap.alloc(found))
    }

    /// So many records behind the one of this key (from the oldest, where it is `None`), oldest first: what a
    /// page of a long list needs, without looking at the rest. An unknown key has nothing behind it.
    fn after<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] key: NoneOr<&str>,
        #[starlark(require = pos)] limit: i32,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let frame = frame(eval)?;
        let (index, _) = table(this, frame)?;
        let (work, heap) = (frame.work.borrow(), eval.heap());
        let limit = usize::try_from(limit).unwrap_or(0);
        let found = work.state.table(index).after(key.into_option()).take(limit);
        let found: Vec<Value> = found.map(|record| alloc_json(record.clone(), heap)).collect();
        Ok(heap.alloc(found))
    }

    /// The newest records with these values, newest first, and no more than `limit`: what a long list costs
    /// is then what is shown of it.
    fn newest<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] limit: i32,
        #[starlark(kwargs)] fields: DictRef<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let frame = frame(eval)?;
        let (index, shape) = table(this, frame)?;
        let work = frame.work.borrow();
        let (wanted, heap) = (wanted(&fields)?, eval.heap());
        let limit = usize::try_from(limit).unwrap_or(0);
        let found = work.state.table(index).find(shape, &wanted).rev().take(limit);
        let found: Vec<Value> = found.map(|record| alloc_json(record.clone(), heap)).collect();
        Ok(heap.alloc(found))
    }

    /// How many records have these values.
    fn count<'v>(
        this: Value<'v>,
        #[starlark(kwargs)] fields: DictRef<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<i32> {
        let frame = frame(eval)?;
        let (index, shape) = table(this, frame)?;
        let work = frame.work.borrow();
        let wanted = wanted(&fields)?;
        let table = work.state.table(index);
        let count =
            if wanted.is_empty() { table.len() } else { table.find(shape, &wanted).count() };
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }

    /// Puts a record in the place of what its key named; the record.
    fn put<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] record: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let frame = frame(eval)?;
        let (index, shape) = table(this, frame)?;
        let fields = to_fields(record)?;
        let key = key_of(shape, &fields)?.to_owned();
        put_record(frame, index, shape, &key, Json::Object(fields), eval.heap())
    }

    /// Puts a new record; that its key is taken is the script's mistake.
    fn insert<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] record: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let frame = frame(eval)?;
        let (index, shape) = table(this, frame)?;
        let fields = to_fields(record)?;
        let key = key_of(shape, &fields)?.to_owned();
        if frame.work.borrow().state.table(index).get(&key).is_some() {
            return Err(error(format!("`{key}` is in `{}` already", shape.name)));
        }
        put_record(frame, index, shape, &key, Json::Object(fields), eval.heap())
    }

    /// Gives fields of a record new values, by name or as a dict; the record. A value of `None` is kept as
    /// `null`.
    fn update<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] key: Value<'v>,
        #[starlark(require = pos)] more: Option<Value<'v>>,
        #[starlark(kwargs)] fields: DictRef<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let frame = frame(eval)?;
        let (index, shape) = table(this, frame)?;
        let key = text(key);
        let found = frame.work.borrow().state.table(index).get(&key).cloned();
        let found = found.ok_or_else(|| error(format!("no `{key}` in `{}`", shape.name)))?;
        let mut record = Json::clone(&found);
        let new = more.map(to_fields).transpose()?.unwrap_or_default();
        for (name, value) in new.into_iter().chain(wanted(&fields)?) {
            record[name] = value;
        }
        put_record(frame, index, shape, &key, record, eval.heap())
    }

    /// Takes a record out; whether there was one.
    fn delete<'v>(
        this: Value<'v>,
        #[starlark(require = pos)] key: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<bool> {
        let frame = frame(eval)?;
        let (index, shape) = table(this, frame)?;
        let mut work = frame.work.borrow_mut();
        let key = text(key);
        // Looked up first, since taking the table to change it copies what snapshots share.
        if work.state.table(index).get(&key).is_none() {
            return Ok(false);
        }
        Ok(work.state.table_mut(index).remove(shape, &key).is_some())
    }

    /// Takes out every record with these values; how many there were.
    fn delete_all<'v>(
        this: Value<'v>,
        #[starlark(kwargs)] fields: DictRef<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<i32> {
        let frame = frame(eval)?;
        let (index, shape) = table(this, frame)?;
        let mut work = frame.work.borrow_mut();
        let wanted = wanted(&fields)?;
        let keys: Vec<String> = work
            .state
            .table(index)
            .find(shape, &wanted)
            .filter_map(|record| record.get(&shape.key)?.as_str().map(str::to_owned))
            .collect();
        for key in &keys {
            work.state.table_mut(index).remove(shape, key);
        }
        Ok(i32::try_from(keys.len()).unwrap_or(i32::MAX))
    }
}

fn put_record<'v>(
    frame: &Frame<'_>,
    index: usize,
    shape: &TableShape,
    key: &str,
    record: Json,
    heap: Heap<'v>,
) -> starlark::Result<Value<'v>> {
    let record: Record = Arc::new(record);
    let mut work = frame.work.borrow_mut();
    let table = work.state.table_mut(index);
    if table.len() >= RECORDS_MAX {
        return Err(error(format!("`{}` holds {RECORDS_MAX} records already", shape.name)));
    }
    table.put(shape, key, record.clone());
    Ok(alloc_json(record, heap))
}

#[starlark_module]
pub(super) fn natives(builder: &mut GlobalsBuilder) {
    const db: Database = Database;

    /// The next number of a row: 1, 2, 3…, each row by its name.
    fn next_number(
        #[starlark(require = pos)] row: &str,
        #[starlark(require = named, default = 1)] start: i32,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<i32> {
        let mut work = frame(eval)?.work.borrow_mut();
        let start = u64::try_from(start).unwrap_or(0);
        let next = work.state.counter(row).max(start.saturating_sub(1)) + 1;
        work.state.set_counter(row, next);
        i32::try_from(next).map_err(|_| error(format!("the numbers of `{row}` ran out")))
    }

    /// Keeps bytes or a text under a name.
    fn put_blob<'v>(
        #[starlark(require = pos)] name: &str,
        #[starlark(require = pos)] content: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let content = super::blob::Blob::read(content)?;
        frame(eval)?.work.borrow_mut().state.put_blob(name, content);
        Ok(NoneType)
    }

    /// The bytes of this name, or `None`.
    fn get_blob<'v>(
        #[starlark(require = pos)] name: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let found = frame(eval)?.work.borrow().state.blob(name).cloned();
        let heap = eval.heap();
        Ok(found.map_or_else(Value::new_none, |bytes| heap.alloc(super::blob::Blob::new(bytes))))
    }

    /// Forgets the bytes of this name.
    fn delete_blob(
        #[starlark(require = pos)] name: &str,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<NoneType> {
        frame(eval)?.work.borrow_mut().state.remove_blob(name);
        Ok(NoneType)
    }

    /// The names of blobs that begin so.
    fn blob_names(
        #[starlark(require = pos)] prefix: &str,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<Vec<String>> {
        let work = frame(eval)?.work.borrow();
        Ok(work.state.blobs(prefix).map(|(name, _)| name.to_owned()).collect())
    }
}
