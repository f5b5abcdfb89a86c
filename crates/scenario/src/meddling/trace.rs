//! What a service did in one play, in a form in which two plays can be compared.
//!
//! Times are told as `<time>`, since each play lives in its own. What else differs between two plays of
//! one and the same build (random names, the order of threads) is found by playing it twice, and then
//! not compared.

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
    calls: Vec<String>,
    /// What it answered, in order.
    answers: Vec<String>,
    /// What it left behind.
    files: BTreeMap<String, String>,
}

/// In what two plays of one build are alike, so that it can be compared with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steadiness {
    calls: bool,
    answers: bool,
    files: bool,
}

impl Observation {
    pub(crate) fn new(trajectory: Trajectory, log: Log, left: BTreeMap<String, Vec<u8>>) -> Self {
        let calls = log.calls.iter().map(|call| {
            let (service, operation) = (&call.service, &call.operation);
            let target = timeless(&call.target);
            format!("{service} {operation} {} {target} {}", call.method, call.body)
        });
        let answers = log
            .answers
            .iter()
            .map(|answer| format!("{} {} {}", answer.spot, answer.status, answer.body));
        let files = left.iter().map(|(path, content)| (timeless(path), shown(content))).collect();
        let (calls, answers) = (calls.collect(), answers.collect());
        Self { trajectory, log, calls, answers, files }
    }

    /// In what another play of the same build was like this one.
    pub fn steadiness(&self, again: &Self) -> Steadiness {
        Steadiness {
            calls: self.calls == again.calls,
            answers: self.answers == again.answers,
            files: self.files == again.files,
        }
    }

    /// In what a play of another build differs from this one, of what can be compared.
    pub fn difference(&self, other: &Self, steady: Steadiness) -> Option<&'static str> {
        if steady.calls && self.calls != other.calls {
            Some("what it asks of its twins")
        } else if steady.answers && self.answers != other.answers {
            Some("what it answers")
        } else if steady.files && self.files != other.files {
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
    pub fn is_none(self) -> bool {
        !(self.calls || self.answers || self.files)
    }
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
