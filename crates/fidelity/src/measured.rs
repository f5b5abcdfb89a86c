//! Fidelity that was measured, kept with the digest of the pack that it was measured on: a pack that was
//! changed since has none.
//!
//! It refuses to know how a measure is taken.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base::Digest;
use serde::{Deserialize, Serialize};
use twin::Pack;

use crate::Tally;

/// The file beside a pack of one's own that tells its fidelity: [`Measured`] as JSON.
pub const FIDELITY: &str = "fidelity.json";

/// What was measured of one pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Of the pack's files: [`digest`].
    pub pack: Digest,
    pub by: Measure,
    /// What held: expectations that a recording, the SDK or the specification bears out, or exchanges.
    pub held: Tally,
    /// What a stateless stub reaches in the same suites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Tally>,
}

/// How a pack was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// By the official SDKs' suites.
    Suites,
    /// Against recordings of the real service.
    Recordings,
}

/// The digest of a pack, by its files' names: of the manifest and the scripts, and of nothing beside them.
pub fn digest<'f>(files: impl Iterator<Item = (&'f str, &'f str)>) -> Digest {
    let of_pack = |name: &str| name == "pack.toml" || name.ends_with(".star");
    let files: BTreeMap<&str, &str> = files.filter(|(name, _)| of_pack(name)).collect();
    Digest::of_value(&files).expect("texts have a canonical form")
}

/// What was measured of a pack with these files, among them [`FIDELITY`]. `None` where nothing was, or
/// the pack was changed since.
pub fn own(files: &BTreeMap<String, String>) -> Option<Measured> {
    let measured: Measured = serde_json::from_str(files.get(FIDELITY)?).ok()?;
    let texts = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    (measured.pack == digest(texts)).then_some(measured)
}

/// What was measured of a pack that comes with the program. `None` where nothing was.
pub fn builtin(service: &str) -> Option<Measured> {
    static SCORES: LazyLock<BTreeMap<String, Measured>> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../scores.json")).expect("a test reads it")
    });
    let measured = SCORES.get(service)?;
    let files = Pack::builtin_files(service)?.iter().copied();
    (measured.pack == digest(files)).then(|| measured.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::SUITES;

    #[test]
    fn the_scores_that_are_published_are_of_the_packs_as_they_are() {
        for suite in SUITES {
            let service = suite.service;
            let measured = builtin(service).unwrap_or_else(|| {
                panic!("{service}'s pack was changed: dark twin score --save crates/fidelity/scores.json")
            });
            assert!(measured.held.share() > measured.floor.expect("suites have a floor").share());
        }
    }

    #[test]
    fn a_pack_that_was_changed_since_has_no_fidelity() {
        let mut files = BTreeMap::from([
            ("pack.toml".to_owned(), "service = \"hr\"".to_owned()),
            ("README.md".to_owned(), "notes".to_owned()),
        ]);
        let texts = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let measured = Measured {
            pack: digest(texts),
            by: Measure::Recordings,
            held: Tally { passed: 9, of: 10 },
            floor: None,
        };
        assert_eq!(own(&files), None);
        files.insert(FIDELITY.to_owned(), serde_json::to_string(&measured).unwrap());
        files.insert("README.md".to_owned(), "more notes".to_owned());
        assert_eq!(own(&files), Some(measured));
        files.insert("a.star".to_owned(), "x = 1".to_owned());
        assert_eq!(own(&files), None);
    }
}
