//! One id type per entity, so that a stage can never be handed where a run was meant.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is not an id of the kind wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {kind} id: expected {rule}")]
pub struct IdError {
    text: String,
    kind: &'static str,
    rule: &'static str,
}

/// Ids are file names, git trailers and URL segments, so that they are kept short: 100 bytes fit
/// everywhere, `<run>-<stage>` included.
const ID_BYTES_MAX: usize = 100;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id that `text` spells.
            ///
            /// # Errors
            /// When the text breaks the id's rule.
            pub fn new(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if !text.is_empty() && text.len() <= ID_BYTES_MAX && valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError { text: text.to_owned(), kind: $kind, rule: $rule })
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// An intent, `roman-numerals`.
    IntentId, "intent", "lower-case letters, digits and hyphens, a letter first", is_slug
);
id!(
    /// A line: a pipeline and its harness on one project.
    LineId, "line", "lower-case letters, digits and hyphens, a letter first", is_slug
);
id!(
    /// One intent going through one pipeline: the intent's id and a number, `roman-numerals-3`.
    RunId, "run", "lower-case letters, digits and hyphens, a letter first", is_slug
);
id!(
    /// A numbered sentence of an intent: a requirement `R1` or a constraint `C1`.
    RequirementId, "requirement", "`R` or `C` and a number from 1, as in `R1`", |text| {
        let digits = text.strip_prefix(['R', 'C']).unwrap_or("");
        digits.len() <= 4 && !digits.starts_with('0') && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
    }
);
id!(
    /// A scenario: its file's stem and its line there, `bad-input:12`.
    ScenarioId, "scenario", "a file's stem, a colon and a line", |text| {
        text.rsplit_once(':').is_some_and(|(stem, line)| {
            !stem.is_empty() && !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit())
        })
    }
);
id!(
    /// A node of a pipeline (attractor-spec 2.3: bare identifiers).
    StageId, "stage", "letters, digits and underscores, no digit first", |text| {
        !text.starts_with(|c: char| c.is_ascii_digit())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    }
);

fn is_slug(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// What makes an action performable twice: the same four parts always name the same work.
///
/// Written `<run>/<stage>/<visit>/<attempt>`. Visits and attempts count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId {
    pub run: RunId,
    pub stage: StageId,
    pub visit: u32,
    pub attempt: u32,
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.run, self.stage, self.visit, self.attempt)
    }
}

impl FromStr for ActionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError {
            text: text.to_owned(),
            kind: "action",
            rule: "`<run>/<stage>/<visit>/<attempt>`",
        };
        let parts: Vec<&str> = text.split('/').collect();
        let [run, stage, visit, attempt] = parts[..] else { return Err(wrong()) };
        Ok(Self {
            run: RunId::new(run)?,
            stage: StageId::new(stage)?,
            visit: visit.parse().map_err(|_| wrong())?,
            attempt: attempt.parse().map_err(|_| wrong())?,
        })
    }
}

impl Serialize for ActionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ActionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_read_as_it_is_written() {
        let action: ActionId = "slug-1/implement/2/3".parse().unwrap();
        assert_eq!((action.visit, action.attempt), (2, 3));
        assert_eq!(action.to_string(), "slug-1/implement/2/3");
        assert!("slug-1/implement/2".parse::<ActionId>().is_err());
    }

    #[test]
    fn each_kind_keeps_its_rule() {
        assert!(RequirementId::new("R1").is_ok() && RequirementId::new("C12").is_ok());
        for wrong in ["R0", "R", "r1", "R01", "R1x", "Q1"] {
            assert!(RequirementId::new(wrong).is_err(), "{wrong}");
        }
        assert!(IntentId::new("roman-numerals").is_ok());
        for wrong in ["", "Roman", "1st", "a/b", "..", &"a".repeat(101)] {
            assert!(IntentId::new(wrong).is_err(), "{wrong}");
        }
        assert!(StageId::new("run_tests").is_ok() && StageId::new("2nd").is_err());
        assert!(ScenarioId::new("bad-input:12").is_ok() && ScenarioId::new("bad-input").is_err());
    }
}
