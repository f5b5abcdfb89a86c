//! Whether a leaf is an entry in canonical form, without building the entry where that can be helped.
//!
//! Parsing an event's body only to write it again and compare costs ten times as much as all the
//! rest of a verification. Nearly every leaf can be seen to be canonical in one pass over its
//! bytes; what has rarer things in it (fractions, escaped control characters, keys outside ASCII) is
//! still written again and compared.

use std::borrow::Cow;

use base::{Digest, RequirementId, RunId};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny};

use super::finding::Tampering;
use crate::Entry;
use crate::plain::plainly_canonical;

/// An entry without the body of its event. Unlike when it is read, a key that says nothing (`null`
/// or an empty list) is refused, for the ledger leaves such keys out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outline<'a> {
    pub(super) sequence: u64,
    #[serde(rename = "time")]
    _time: u64,
    #[serde(default, deserialize_with = "present")]
    pub(super) run: Option<RunId>,
    #[serde(rename = "actor", borrow)]
    _actor: Cow<'a, str>,
    #[serde(default, rename = "requirements", deserialize_with = "filled")]
    _requirements: Vec<RequirementId>,
    #[serde(borrow)]
    pub(super) event: EventOutline<'a>,
    #[serde(default, deserialize_with = "filled")]
    pub(super) bodies: Vec<Digest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventOutline<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(rename = "version")]
    _version: u32,
    #[serde(rename = "body")]
    _body: IgnoredAny,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RunId>, D::Error> {
    RunId::deserialize(deserializer).map(Some)
}

fn filled<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    let items = Vec::deserialize(from)?;
    if items.is_empty() { Err(D::Error::custom("an empty list is left out")) } else { Ok(items) }
}

/// The outline of the entry in `leaf`, or what is wrong with the form of entry `sequence`.
pub(super) fn outline(sequence: u64, leaf: &[u8]) -> Result<Outline<'_>, Tampering> {
    let not_an_entry = |why: String| Tampering::NotAnEntry { sequence, why };
    let text = std::str::from_utf8(leaf).map_err(|e| not_an_entry(e.to_string()))?;
    let outline: Outline<'_> =
        serde_json::from_str(text).map_err(|e| not_an_entry(e.to_string()))?;
    if !plainly_canonical(leaf) {
        let entry: Entry = serde_json::from_str(text).map_err(|e| not_an_entry(e.to_string()))?;
        if base::canonical(&entry).ok().as_deref() != Some(leaf) {
            return Err(Tampering::NotCanonical { sequence });
        }
    }
    Ok(outline)
}
