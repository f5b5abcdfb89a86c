//! What a service did in one play, in a form in which two plays can be compared.
//!
//! Times are told as `<time>`, since each play lives in its own. What else differs between two plays of
//! one and the same build is found by playing it twice, and only that is not compared: a word that is
//! drawn anew hides itself and nothing beside it; where even the number of calls changes, their kinds count.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use base::Digest;
use regex::Regex;

use super::{Change, Log, SHOWN_BYTES_MAX, Sabotage, Spot};
use crate::Trajectory;

/// A play with everything that passed in it.
#[derive(Debug, Clone)]
pub struct Observation {
    pub trajectory: Trajectory,
    pub(crate) log: Log,
    /// What it asked of its twins, in order.
    calls: Vec<Deed>,
    /// What it answered, in order.
    answers: Vec<Deed>,
    /// What it left behind, by path.
    files: Vec<Deed>,
}

/// One thing that a service did.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Deed {
    /// Which operation, which request, which file.
    kind: String,
    /// With what.
    text: String,
}

/// In what two plays of one build are alike, so that it can be compared with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steadiness {
    calls: Steady,
    answers: Steady,
    files: Steady,
}

/// How far a list of deeds is the same in every play.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Steady {
    /// So many, each of such a kind and with such words.
    Deeds(Vec<(String, Words)>),
    /// Not so many each time, but of these kinds.
    Kinds(BTreeSet<String>),
    Nothing,
}

/// What the text of a deed is in every play.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Words {
    All(String),
    /// Some words change: those are `None`.
    Some(Vec<Option<String>>),
    /// It is made otherwise each time.
    Any,
}

impl Observation {
    pub(crate) fn new(trajectory: Trajectory, log: Log, left: BTreeMap<String, Vec<u8>>) -> Self {
        let calls = log.calls.iter().map(|call| {
            let (service, operation) = (&call.service, &call.operation);
            let kind = format!("{service} {operation} {}", call.method);
            Deed { kind, text: format!("{} {}", timeless(&call.target), call.body) }
        });
        let answers = log.answers.iter().map(|answer| Deed {
            kind: format!("{} {}", answer.spot, answer.status),
            text: answer.body.clone(),
        });
        let files = left.iter();
        let files =
            files.map(|(path, content)| Deed { kind: timeless(path), text: shown(content) });
        let (calls, answers, files) = (calls.collect(), answers.collect(), files.collect());
        Self { trajectory, log, calls, answers, files }
    }

    /// In what another play of the same build was like this one.
    pub fn steadiness(&self, again: &Self) -> Steadiness {
        Steadiness {
            calls: Steady::of(&self.calls, &again.calls),
            answers: Steady::of(&self.answers, &again.answers),
            files: Steady::of(&self.files, &again.files),
        }
    }

    /// In what this play of another build differs from what the build does in every play.
    pub fn difference(&self, steady: &Steadiness) -> Option<&'static str> {
        if !steady.calls.fits(&self.calls) {
            Some("what it asks of its twins")
        } else if !steady.answers.fits(&self.answers) {
            Some("what it answers")
        } else if !steady.files.fits(&self.files) {
            Some("what it keeps")
        } else {
            None
        }
    }

    /// The sabotages that make a difference to this play.
    pub(crate) fn sabotages(&self) -> BTreeSet<Sabotage> {
        let mut found = BTreeSet::new();
        let mut done: BTreeMap<Spot, usize> = BTreeMap::new();
        for call in self.log.calls.iter().filter(|call| call.changing) {
            let (service, operation) = (call.service.clone(), call.operation.clone());
            let spot = Spot::Call { service, operation };
            let count = done.entry(spot.clone()).or_default();
            *count += 1;
            let several = (*count > 1).then_some(Change::OnlyFirst);
            let changes = [Change::Undone, Change::Doubled].into_iter().chain(several);
            let changes = changes.chain(call.changes.iter().cloned());
            found.extend(changes.map(|change| Sabotage { spot: spot.clone(), change }));
        }
        for answer in &self.log.answers {
            let changes = answer.changes.iter().cloned();
            found.extend(changes.map(|change| Sabotage { spot: answer.spot.clone(), change }));
        }
        found
    }
}

impl Steadiness {
    /// Whether nothing of it can be compared.
    pub fn is_none(&self) -> bool {
        [&self.calls, &self.answers, &self.files].iter().all(|one| **one == Steady::Nothing)
    }
}

impl Steady {
    fn of(one: &[Deed], two: &[Deed]) -> Self {
        let same_kinds = one.iter().map(|deed| &deed.kind).eq(two.iter().map(|deed| &deed.kind));
        if same_kinds {
            let deeds = one.iter().zip(two);
            return Self::Deeds(
                deeds
                    .map(|(one, two)| (one.kind.clone(), Words::of(&one.text, &two.text)))
                    .collect(),
            );
        }
        let (kinds, others) = (kinds(one), kinds(two));
        if kinds == others { Self::Kinds(kinds) } else { Self::Nothing }
    }

    fn fits(&self, deeds: &[Deed]) -> bool {
        match self {
            Self::Deeds(known) => {
                let fits = |(known, deed): (&(String, Words), &Deed)| {
                    known.0 == deed.kind && known.1.fits(&deed.text)
                };
                known.len() == deeds.len() && known.iter().zip(deeds).all(fits)
            }
            Self::Kinds(known) => *known == kinds(deeds),
            Self::Nothing => true,
        }
    }
}

fn kinds(deeds: &[Deed]) -> BTreeSet<String> {
    deeds.iter().map(|deed| deed.kind.clone()).collect()
}

impl Words {
    fn of(one: &str, two: &str) -> Self {
        if one == two {
            return Self::All(one.to_owned());
        }
        let (one, two) = (words(one), words(two));
        if one.len() != two.len() {
            return Self::Any;
        }
        let pairs = one.iter().zip(two);
        Self::Some(pairs.map(|(one, two)| (*one == two).then(|| (*one).to_owned())).collect())
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::All(known) => known == text,
            Self::Some(known) => {
                let words = words(text);
                let fits = |(known, word): (&Option<String>, &&str)| {
                    known.as_deref().is_none_or(|known| known == *word)
                };
                known.len() == words.len() && known.iter().zip(&words).all(fits)
            }
            Self::Any => true,
        }
    }
}

/// Letters and digits together, and all between them.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let kind = first.is_alphanumeric();
        let end = rest.find(|c: char| c.is_alphanumeric() != kind).unwrap_or(rest.len());
        words.push(&rest[..end]);
        rest = &rest[end..];
    }
    words
}

/// A body or file as it is compared.
pub(super) fn shown(content: &[u8]) -> String {
    if content.len() > SHOWN_BYTES_MAX {
        return format!("{} bytes, {}", content.len(), Digest::of(content));
    }
    timeless(&String::from_utf8_lossy(content))
}

/// A text without its times: dates with hours, also as they stand in URLs, and seconds or milliseconds
/// since 1970.
fn timeless(text: &str) -> String {
    static TIMES: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"\d{4}-\d\d-\d\d(?:[Tt ]|\+|%20)\d\d(?::|%3[Aa])\d\d(?:(?::|%3[Aa])\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d(?::|%3[Aa])?\d\d)?|\b1\d{9}(?:\d{3}|[.p]\d+)?\b",
        )
        .expect("the pattern is a constant")
    });
    TIMES.replace_all(text, "<time>").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deeds(deeds: &[(&str, &str)]) -> Vec<Deed> {
        let deed = |(kind, text): &(&str, &str)| Deed {
            kind: (*kind).to_owned(),
            text: (*text).to_owned(),
        };
        deeds.iter().map(deed).collect()
    }

    #[test]
    fn a_word_that_is_drawn_anew_hides_itself_alone() {
        let play = |nonce: &str, text: &str| {
            let say = format!("nonce={nonce}&text={text}");
            deeds(&[("slack say POST", &say), ("slack list GET", "/a")])
        };
        let steady = Steady::of(&play("a1", "hello"), &play("b2", "hello"));
        assert!(steady.fits(&play("c3", "hello")));
        assert!(!steady.fits(&play("c3", "")) && !steady.fits(&play("c3", "bye")));
        assert!(!steady.fits(&play("c3", "hello")[..1]));
    }

    #[test]
    fn where_their_number_changes_kinds_are_compared() {
        let (one, two) = (deeds(&[("poll", "1")]), deeds(&[("poll", "1"), ("poll", "2")]));
        let steady = Steady::of(&one, &two);
        assert!(steady.fits(&deeds(&[("poll", "9"); 3])));
        assert!(!steady.fits(&deeds(&[("poll", "1"), ("drop", "1")])) && !steady.fits(&[]));
        let steady = Steady::of(&one, &deeds(&[("drop", "")]));
        assert!(steady == Steady::Nothing && steady.fits(&two));
    }

    #[test]
    fn what_is_large_is_known_by_its_digest() {
        let large = |last: &str| shown(("x".repeat(SHOWN_BYTES_MAX) + last).as_bytes());
        assert!(large("a").len() < 200);
        assert_ne!(large("a"), large("b"));
        assert_eq!(shown(b"at 2026-01-05T09:00:00Z"), "at <time>");
    }

    #[test]
    fn times_are_not_compared_and_everything_else_is() {
        for (text, told) in [
            ("at 2026-01-05T09:00:00.000Z, 5", "at <time>, 5"),
            ("2026-01-05%2009%3A00%3A00+01:00", "<time>"),
            ("ts=1767603600.000100&n=12", "ts=<time>&n=12"),
            ("1767603600123 1767603600", "<time> <time>"),
            ("2026-01-05 C0123456789", "2026-01-05 C0123456789"),
        ] {
            assert_eq!(timeless(text), told, "{text}");
        }
    }
}
