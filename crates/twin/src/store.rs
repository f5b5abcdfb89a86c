//! What a twin remembers: tables of JSON records, large blobs, counters. All of it is persistent data,
//! so that a copy costs a few reference counts whatever it holds, and copies never see each other's
//! changes. It refuses to know what a record means.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use serde_json::{Map, Value};

/// One record: a JSON object, shared by every copy of the state that holds it.
pub type Record = Arc<Value>;

/// What a table is, from the pack's manifest: its fields that are looked up by value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    pub name: String,
    /// The field whose value names a record within the table.
    pub key: String,
    /// Fields by whose value records are found without looking at all of them. A field that holds a
    /// list is found by each of its elements.
    pub index: Vec<String>,
}

#[derive(Debug, Clone)]
struct Row {
    key: Arc<str>,
    record: Record,
}

/// Records by key, in the order in which they were first put in.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: OrdMap<u64, Row>,
    keys: OrdMap<Arc<str>, u64>,
    /// (number of the indexed field, its value as text, row).
    index: OrdSet<(u8, Arc<str>, u64)>,
    next: u64,
}

impl Table {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&Record> {
        self.rows.get(self.keys.get(key)?).map(|row| &row.record)
    }

    /// Puts a record under `key`; one that was there keeps its place in the order.
    pub fn put(&mut self, shape: &TableShape, key: &str, record: Record) {
        let (row, key) = match self.keys.get_key_value(key) {
            Some((key, row)) => (*row, key.clone()),
            None => {
                let (key, row) = (Arc::<str>::from(key), self.next);
                self.next += 1;
                self.keys.insert(key.clone(), row);
                (row, key)
            }
        };
        let new = Row { key, record: record.clone() };
        let old = self.rows.insert(row, new).map(|old| old.record);
        for (number, field) in (0u8..).zip(&shape.index) {
            let (was, is) = (old.as_ref().and_then(|old| old.get(field)), record.get(field));
            if was == is {
                continue;
            }
            for value in terms(was) {
                self.index.remove(&(number, value, row));
            }
            for value in terms(is) {
                self.index.insert((number, value, row));
            }
        }
    }

    /// Takes a record out.
    pub fn remove(&mut self, shape: &TableShape, key: &str) -> Option<Record> {
        let row = self.keys.remove(key)?;
        let record = self.rows.remove(&row)?.record;
        for (number, field) in (0u8..).zip(&shape.index) {
            for value in terms(record.get(field)) {
                self.index.remove(&(number, value, row));
            }
        }
        Some(record)
    }

    /// All records, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = (&str, &Record)> {
        self.rows.values().map(|row| (&*row.key, &row.record))
    }

    /// The records behind that of `key`, oldest first: all of them without one, none where it is unknown.
    pub fn after(&self, key: Option<&str>) -> impl Iterator<Item = &Record> {
        let from = match key {
            None => Bound::Unbounded,
            Some(key) => Bound::Excluded(self.keys.get(key).copied().unwrap_or(u64::MAX)),
        };
        self.rows.range((from, Bound::Unbounded)).map(|(_, row)| &row.record)
    }

    /// The records whose `fields` all have these values, oldest first. A field that holds a list has a
    /// value when one of its elements is that value.
    ///
    /// Costs what the rarest indexed field among them leaves over, or the whole table where none is.
    pub fn find<'a>(
        &'a self,
        shape: &TableShape,
        fields: &'a [(String, Value)],
    ) -> Box<dyn DoubleEndedIterator<Item = &'a Record> + 'a> {
        let indexed = fields.iter().enumerate().find_map(|(at, (field, value))| {
            let number = shape.index.iter().position(|name| name == field)?;
            Some((at, u8::try_from(number).ok()?, term(value)?))
        });
        let matches = move |record: &&Record, skip: usize| {
            fields
                .iter()
                .enumerate()
                .all(|(at, (field, value))| at == skip || has(record, field, value))
        };
        match indexed {
            Some((at, number, value)) => {
                let from = Bound::Included((number, value.clone(), 0));
                let to = Bound::Included((number, value, u64::MAX));
                let rows = self.index.range((from, to));
                let records = rows.filter_map(|(_, _, row)| Some(&self.rows.get(row)?.record));
                Box::new(records.filter(move |record| matches(record, at)))
            }
            None => {
                let records = self.rows.values().map(|row| &row.record);
                Box::new(records.filter(move |record| matches(record, usize::MAX)))
            }
        }
    }
}

/// Whether the record's field is this value, or a list that has it.
fn has(record: &Value, field: &str, value: &Value) -> bool {
    match record.get(field) {
        Some(Value::Array(elements)) if !value.is_array() => elements.contains(value),
        Some(found) => found == value,
        None => value.is_null(),
    }
}

/// The texts under which a field's value is found.
fn terms(value: Option<&Value>) -> Vec<Arc<str>> {
    match value {
        Some(Value::Array(elements)) => elements.iter().filter_map(term).collect(),
        Some(value) => term(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// A scalar as text; strings are marked, so that `"1"` and `1` stay apart.
fn term(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::String(text) => Some(format!("\"{text}").into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(true) => Some("true".into()),
        Value::Bool(false) => Some("false".into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Everything that one service remembers.
#[derive(Debug, Clone, Default)]
pub struct State {
    tables: Arc<Vec<Arc<Table>>>,
    blobs: OrdMap<Arc<str>, Bytes>,
    counters: OrdMap<Arc<str>, u64>,
}

impl State {
    /// No records, in a fixed number of tables.
    pub fn new(tables: usize) -> Self {
        Self { tables: Arc::new(vec![Arc::default(); tables]), ..Self::default() }
    }

    pub fn table(&self, table: usize) -> &Table {
        &self.tables[table]
    }

    /// A table to change. What other copies of this state share of it is copied, and nothing else.
    pub fn table_mut(&mut self, table: usize) -> &mut Table {
        Arc::make_mut(&mut Arc::make_mut(&mut self.tables)[table])
    }

    pub fn blob(&self, name: &str) -> Option<&Bytes> {
        self.blobs.get(name)
    }

    pub fn put_blob(&mut self, name: &str, content: Bytes) {
        self.blobs.insert(name.into(), content);
    }

    pub fn remove_blob(&mut self, name: &str) -> Option<Bytes> {
        self.blobs.remove(name)
    }

    /// The blobs whose names begin so, by name.
    pub fn blobs<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Bytes)> {
        let from: (Bound<&str>, Bound<&str>) = (Bound::Included(prefix), Bound::Unbounded);
        self.blobs
            .range::<_, str>(from)
            .map(|(name, content)| (&**name, content))
            .take_while(move |(name, _)| name.starts_with(prefix))
    }

    pub fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    pub fn set_counter(&mut self, name: &str, value: u64) {
        self.counters.insert(name.into(), value);
    }

    /// The whole state as JSON, for people and for comparison: tables by name, records by key, blobs by
    /// the length and digest of their content.
    pub fn to_json(&self, shapes: &[TableShape]) -> Value {
        let tables: BTreeMap<&str, Map<String, Value>> = shapes
            .iter()
            .zip(self.tables.iter())
            .map(|(shape, table)| {
                let rows = table.all().map(|(key, row)| (key.to_owned(), Value::clone(row)));
                (shape.name.as_str(), rows.collect())
            })
            .collect();
        let blobs: BTreeMap<&str, Value> = self
            .blobs
            .iter()
            .map(|(name, content)| {
                let digest = base::Digest::of(content).to_string();
                (&**name, serde_json::json!({ "bytes": content.len(), "digest": digest }))
            })
            .collect();
        let counters: BTreeMap<&str, u64> = self.counters.iter().map(|(k, v)| (&**k, *v)).collect();
        serde_json::json!({ "tables": tables, "blobs": blobs, "counters": counters })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape() -> TableShape {
        TableShape {
            name: "users".into(),
            key: "id".into(),
            index: vec!["email".into(), "groups".into()],
        }
    }

    fn found(table: &Table, fields: &[(&str, Value)]) -> Vec<String> {
        let fields: Vec<_> = fields.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        table.find(&shape(), &fields).map(|r| r["id"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn records_are_found_by_indexed_and_other_fields_in_order_of_insertion() {
        let mut table = Table::default();
        for (id, email, groups) in [("z", "1", json!(["a"])), ("b", "1", json!(["a", "b"]))] {
            let record = json!({ "id": id, "email": email, "groups": groups, "n": 1 });
            table.put(&shape(), id, record.into());
        }
        assert_eq!(found(&table, &[("email", json!("1"))]), ["z", "b"]);
        assert_eq!(found(&table, &[("email", json!(1))]), [""; 0]);
        assert_eq!(found(&table, &[("groups", json!("b"))]), ["b"]);
        assert_eq!(found(&table, &[("n", json!(1)), ("groups", json!("a"))]), ["z", "b"]);
        let first = [("groups".to_owned(), json!("a"))];
        let newest = table.find(&shape(), &first).next_back().unwrap();
        assert_eq!(newest["id"], "b");
        let changed = json!({ "id": "z", "email": "2", "groups": [] });
        table.put(&shape(), "z", changed.into());
        assert_eq!(found(&table, &[("email", json!("1"))]), ["b"]);
        assert_eq!(found(&table, &[]), ["z", "b"]);
        table.remove(&shape(), "z");
        assert_eq!(found(&table, &[("email", json!("2"))]), [""; 0]);
        assert!(table.get("z").is_none() && table.len() == 1);
    }

    #[test]
    fn copies_do_not_see_each_other() {
        let mut first = State::new(1);
        first.table_mut(0).put(&shape(), "a", json!({ "id": "a" }).into());
        let second = first.clone();
        first.table_mut(0).remove(&shape(), "a");
        first.put_blob("f/1", Bytes::from_static(b"x"));
        assert!(second.table(0).get("a").is_some() && second.blob("f/1").is_none());
        assert_eq!(first.blobs("f/").count(), 1);
        assert_eq!(first.blobs("g").count(), 0);
    }
}
