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

/// One of the branches that one attempt at a stage opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fork {
    /// The stage that opened it.
    pub stage: StageId,
    pub visit: u32,
    pub attempt: u32,
    /// From 0, in the order of the stage's edges.
    pub index: u32,
}

/// Which branch of a run: the forks that lead to it from the main line, which has none.
///
/// Written `<stage>.<visit>.<attempt>.<index>` for each fork, joined by `~`; the main line is empty.
/// Parents sort before their branches, and branches by their numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Branch(Option<Arc<[Fork]>>);

/// Forks inside each other: more than people can follow, and few enough to keep names short.
const FORKS_MAX: usize = 16;

impl Branch {
    /// The main line.
    pub const MAIN: Self = Self(None);

    pub const fn is_main(&self) -> bool {
        self.0.is_none()
    }

    /// From the main line outwards.
    pub fn forks(&self) -> &[Fork] {
        self.0.as_deref().unwrap_or(&[])
    }

    /// A branch of this branch; `None` where there are as many inside each other as there may be.
    pub fn fork(&self, fork: Fork) -> Option<Self> {
        let forks = self.forks();
        let inside = forks.iter().cloned().chain([fork]).collect();
        (forks.len() < FORKS_MAX).then_some(Self(Some(inside)))
    }

    /// The branch that this one was forked from; `None` for the main line.
    pub fn parent(&self) -> Option<Self> {
        let (_, outer) = self.forks().split_last()?;
        Some(if outer.is_empty() { Self::MAIN } else { Self(Some(outer.into())) })
    }

    /// Whether this branch was forked from `other`, at once or through others.
    pub fn is_inside(&self, other: &Self) -> bool {
        self.forks().len() > other.forks().len() && self.forks().starts_with(other.forks())
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, Fork { stage, visit, attempt, index }) in self.forks().iter().enumerate() {
            let between = if n == 0 { "" } else { "~" };
            write!(f, "{between}{stage}.{visit}.{attempt}.{index}")?;
        }
        Ok(())
    }
}

impl FromStr for Branch {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut branch = Self::MAIN;
        for part in text.split('~').filter(|_| !text.is_empty()) {
            branch = fork(part).and_then(|fork| branch.fork(fork)).ok_or_else(|| IdError {
                text: text.to_owned(),
                kind: "branch",
                rule: "`<stage>.<visit>.<attempt>.<index>`, joined by `~`",
            })?;
        }
        Ok(branch)
    }
}

fn fork(text: &str) -> Option<Fork> {
    let parts: Vec<&str> = text.split('.').collect();
    let [stage, visit, attempt, index] = parts[..] else { return None };
    let stage = StageId::new(stage).ok()?;
    let (visit, attempt) = (visit.parse().ok()?, attempt.parse().ok()?);
    Some(Fork { stage, visit, attempt, index: index.parse().ok()? })
}

/// What makes an action performable twice: the same parts always name the same work.
///
/// Written `<run>/<stage>/<visit>/<attempt>`, and `<run>/<branch>/<stage>/<visit>/<attempt>` off the
/// main line. Visits and attempts count from 1, in each branch anew.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId {
    pub run: RunId,
    pub branch: Branch,
    pub stage: StageId,
    pub visit: u32,
    pub attempt: u32,
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, branch, stage, visit, attempt } = self;
        let between = if branch.is_main() { "" } else { "/" };
        write!(f, "{run}/{branch}{between}{stage}/{visit}/{attempt}")
    }
}

impl FromStr for ActionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError {
            text: text.to_owned(),
            kind: "action",
            rule: "`<run>/<stage>/<visit>/<attempt>`, a branch before the stage if there is one",
        };
        let parts: Vec<&str> = text.split('/').collect();
        let (run, branch, [stage, visit, attempt]) = match parts[..] {
            [run, stage, visit, attempt] => (run, Branch::MAIN, [stage, visit, attempt]),
            [run, branch, stage, visit, attempt] if !branch.is_empty() => {
                (run, branch.parse()?, [stage, visit, attempt])
            }
            _ => return Err(wrong()),
        };
        Ok(Self {
            run: RunId::new(run)?,
            branch,
            stage: StageId::new(stage)?,
            visit: visit.parse().map_err(|_| wrong())?,
            attempt: attempt.parse().map_err(|_| wrong())?,
        })
    }
}

impl Serialize for Branch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Branch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
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
    fn an_action_in_a_branch_is_read_as_it_is_written() {
        let text = "slug-1/fan.2.1.0~inner.1.1.10/implement/2/3";
        let action: ActionId = text.parse().unwrap();
        assert_eq!(action.branch.forks()[1].index, 10);
        assert_eq!(action.to_string(), text);
        let parent = action.branch.parent().unwrap();
        assert_eq!(parent.to_string(), "fan.2.1.0");
        assert!(action.branch.is_inside(&parent) && !parent.is_inside(&parent));
        assert_eq!(parent.parent(), Some(Branch::MAIN));
        for wrong in ["a-1//b/1/1", "a-1/x/b/1/1", "a-1/f.1.1/b/1/1", "a-1/f.1.1.0~/b/1/1"] {
            assert!(wrong.parse::<ActionId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn branches_sort_by_their_numbers_and_after_their_parents() {
        let texts = ["", "fan.1.1.2", "fan.1.1.2~x.1.1.0", "fan.1.1.10", "fan.2.1.0"];
        let branches: Vec<Branch> = texts.iter().map(|text| text.parse().unwrap()).collect();
        assert!(branches.is_sorted());
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
