//! What the log holds: records, and the entries that they become once they have a place.
//!
//! An entry's canonical JSON (RFC 8785) is the leaf of the tree, so that whatever can be stored must
//! read back as it was: numbers that JSON readers would round are refused here, not discovered later.

use base::{Digest, RequirementId, RunId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::LedgerError;
use crate::plain::plainly_canonical;

/// Who did it: `person:ada@example.com`, `engine`, `hand`, `agent:<name>`, `model:<name>`, `gate:<name>`.
pub type Actor = String;

/// Something that happened, before the ledger has given it its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub time: Timestamp,
    /// The run that it belongs to, if it belongs to one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<RunId>,
    pub actor: Actor,
    /// What the work is charged to.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub requirements: Vec<RequirementId>,
    pub event: Event,
    /// Large bodies that the event speaks of, in the content-addressed store.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub bodies: Vec<Digest>,
}

/// An event's name and meaning are never reused; a changed shape gets a higher version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Dotted, past tense: `run.stage-finished`, `model.called`.
    pub name: String,
    pub version: u32,
    /// What happened. Whole numbers keep their value, not their spelling: `1.0` reads back as `1`.
    pub body: Value,
}

/// A record at its place in the log. Its canonical JSON bytes are the leaf.
///
/// As JSON it is one object: `sequence` beside the record's own keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Counts from 0 without gaps.
    pub sequence: u64,
    pub record: Record,
}

/// An entry's canonical form is at most 1 MiB: what is larger belongs into a body, where it does not
/// slow down everybody who reads the log.
pub const ENTRY_BYTES_MAX: usize = 1 << 20;

/// How deep an event's body may nest: readers of JSON give up at 128 levels, and an entry adds two.
pub const EVENT_DEPTH_MAX: usize = 100;

/// Beyond 2^53 a JSON number is no longer exact for every reader (RFC 8785, section 3.2.2.3).
const EXACT_INTEGER_MAX: u64 = 1 << 53;

impl Record {
    /// The record's canonical form, ready to be given its place by [`leaf`].
    ///
    /// # Errors
    /// When the record has numbers beyond 2^53, nests too deeply, or is too large for an entry.
    pub(crate) fn prepare(&self) -> Result<Vec<u8>, LedgerError> {
        let refuse = |why: String| LedgerError::Record { event: self.event.name.clone(), why };
        check_value(&self.event.body, 0).map_err(refuse)?;
        if self.time.0 > EXACT_INTEGER_MAX {
            return Err(refuse(format!("its time, {} ms, is beyond 2^53", self.time.0)));
        }
        let bytes = self.canonical().map_err(refuse)?;
        if bytes.len() > ENTRY_BYTES_MAX {
            let (found, max) = (bytes.len(), ENTRY_BYTES_MAX);
            return Err(refuse(format!(
                "it has {found} bytes where {max} are allowed: store what is large with `put_body`"
            )));
        }
        Ok(bytes)
    }

    /// The canonical form. Keys are already in order here and in the maps of a [`Value`], so that the
    /// plain JSON is nearly always canonical: seeing that it is takes a tenth of making it so.
    fn canonical(&self) -> Result<Vec<u8>, String> {
        let plain = serde_json::to_vec(&InOrder::of(self)).map_err(|error| error.to_string())?;
        if plainly_canonical(&plain) {
            return Ok(plain);
        }
        base::canonical(self).map_err(|error| error.to_string())
    }
}

/// A record with its keys in canonical order.
#[derive(Serialize)]
struct InOrder<'a> {
    actor: &'a str,
    #[serde(skip_serializing_if = "<[Digest]>::is_empty")]
    bodies: &'a [Digest],
    event: EventInOrder<'a>,
    #[serde(skip_serializing_if = "<[RequirementId]>::is_empty")]
    requirements: &'a [RequirementId],
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a RunId>,
    time: Timestamp,
}

#[derive(Serialize)]
struct EventInOrder<'a> {
    body: &'a Value,
    name: &'a str,
    version: u32,
}

impl<'a> InOrder<'a> {
    fn of(record: &'a Record) -> Self {
        let Record { time, run, actor, requirements, event, bodies } = record;
        let Event { name, version, body } = event;
        let event = EventInOrder { body, name, version: *version };
        Self { actor, bodies, event, requirements, run: run.as_ref(), time: *time }
    }
}

/// The canonical form of the entry that puts `record`, as prepared, at `sequence`.
///
/// Canonical keys are sorted, and between `run` and `time` there is no key but `sequence`. Putting it
/// in there lets callers do the costly part before the one writer is asked for a place.
pub(crate) fn leaf(prepared: &[u8], time: Timestamp, sequence: u64) -> Vec<u8> {
    let tail = format!("\"time\":{}}}", time.0);
    let head = prepared.strip_suffix(tail.as_bytes()).expect("`time` is a record's last key");
    let place = format!("\"sequence\":{sequence},");
    [head, place.as_bytes(), tail.as_bytes()].concat()
}

fn check_value(value: &Value, depth: usize) -> Result<(), String> {
    if depth > EVENT_DEPTH_MAX {
        return Err(format!("its body nests deeper than {EVENT_DEPTH_MAX} levels"));
    }
    match value {
        Value::Number(number) => {
            let exact = match (number.as_u64(), number.as_i64()) {
                (Some(n), _) => n <= EXACT_INTEGER_MAX,
                (None, Some(n)) => n.unsigned_abs() <= EXACT_INTEGER_MAX,
                (None, None) => true,
            };
            let why =
                || format!("{number} is beyond 2^53, where JSON is not exact: write a string");
            exact.then_some(()).ok_or_else(why)
        }
        Value::Array(items) => items.iter().try_for_each(|item| check_value(item, depth + 1)),
        Value::Object(map) => map.values().try_for_each(|item| check_value(item, depth + 1)),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

/// The one JSON object of an entry. Written out, for `serde(flatten)` would take unknown keys and
/// would buffer every entry once more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryObject {
    sequence: u64,
    time: Timestamp,
    #[serde(default)]
    run: Option<RunId>,
    actor: Actor,
    #[serde(default)]
    requirements: Vec<RequirementId>,
    event: Event,
    #[serde(default)]
    bodies: Vec<Digest>,
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Object<'a> {
            sequence: u64,
            #[serde(flatten)]
            record: &'a Record,
        }
        Object { sequence: self.sequence, record: &self.record }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let EntryObject { sequence, time, run, actor, requirements, event, bodies } =
            EntryObject::deserialize(deserializer)?;
        let record = Record { time, run, actor, requirements, event, bodies };
        Ok(Self { sequence, record })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    pub(crate) fn record(run: &str, body: Value) -> Record {
        Record {
            time: Timestamp(1_700_000_000_250),
            run: Some(RunId::new(run).unwrap()),
            actor: "engine".to_owned(),
            requirements: vec![RequirementId::new("R1").unwrap()],
            event: Event { name: "run.stage-finished".to_owned(), version: 1, body },
            bodies: Vec::new(),
        }
    }

    #[test]
    fn an_entry_is_one_flat_object() {
        let entry = Entry { sequence: 7, record: record("slug-1", json!({ "b": 1, "a": "é" })) };
        let canonical = String::from_utf8(base::canonical(&entry).unwrap()).unwrap();
        assert_eq!(
            canonical,
            "{\"actor\":\"engine\",\"event\":{\"body\":{\"a\":\"é\",\"b\":1},\
             \"name\":\"run.stage-finished\",\"version\":1},\"requirements\":[\"R1\"],\
             \"run\":\"slug-1\",\"sequence\":7,\"time\":1700000000250}"
        );
        assert_eq!(serde_json::from_str::<Entry>(&canonical).unwrap(), entry);
        let unknown = canonical.replacen('{', "{\"aside\":1,", 1);
        assert!(serde_json::from_str::<Entry>(&unknown).is_err());
    }

    #[test]
    fn what_would_not_read_back_is_refused() {
        let mut deep = json!(1);
        for _ in 0..=EVENT_DEPTH_MAX {
            deep = json!([deep]);
        }
        let large = "x".repeat(ENTRY_BYTES_MAX);
        for (body, why) in [
            (json!({ "n": (1u64 << 53) + 1 }), "beyond 2^53"),
            (json!([-(1i64 << 53) - 1]), "beyond 2^53"),
            (deep, "deeper"),
            (json!(large), "put_body"),
        ] {
            let error = record("slug-1", body).prepare().unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("run.stage-finished"), "{error}");
        }
    }

    /// Any JSON value, floats included.
    pub(crate) fn value() -> impl Strategy<Value = Value> {
        let exact = -(1i64 << 53)..=(1i64 << 53);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            exact.prop_map(Value::from),
            any::<f64>()
                .prop_filter("JSON has no such number", |n| n.is_finite())
                .prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_short_way_gives_the_canonical_form(body in value(), actor: String, name: String) {
            let mut record = record("slug-1", body);
            (record.actor, record.event.name) = (actor, name);
            prop_assert_eq!(record.canonical().unwrap(), base::canonical(&record).unwrap());
            record = Record { run: None, requirements: Vec::new(), ..record };
            record.bodies = vec![Digest::of("a"), Digest::of("b")];
            prop_assert_eq!(record.canonical().unwrap(), base::canonical(&record).unwrap());
        }

        #[test]
        fn a_place_put_in_late_gives_the_canonical_form(body in value(), sequence in 0..1u64 << 53) {
            let record = record("slug-1", body);
            let late = leaf(&record.prepare().unwrap(), record.time, sequence);
            let entry = Entry { sequence, record };
            prop_assert_eq!(&late, &base::canonical(&entry).unwrap());
            let read: Entry = serde_json::from_slice(&late).unwrap();
            prop_assert_eq!(late, base::canonical(&read).unwrap());
        }
    }
}
