//! `condition-outcome`: a condition compares the outcome with something that an outcome can be.

use base::{Diagnostic, nearest};

use super::{Inspection, each_clause};
use crate::report::Report;
use crate::vocabulary::OUTCOMES;
use crate::{Clause, Key, Test};

/// Words for outcomes that are not the specification's, and what they mean there.
const SYNONYMS: [(&str, &str); 6] = [
    ("error", "fail"),
    ("failed", "fail"),
    ("failure", "fail"),
    ("ok", "success"),
    ("passed", "success"),
    ("succeeded", "success"),
];

/// A condition compares the outcome with something that an outcome can be.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    each_clause(on, report, |Clause { key, test }| {
        let (Test::Equals(status) | Test::Differs(status)) = test else { return None };
        if *key != Key::Outcome || OUTCOMES.contains(&status.as_str()) {
            return None;
        }
        // Stages may have outcomes of their own words: only a slip of the pen is told about.
        let synonym = SYNONYMS.iter().find(|(word, _)| word == status).map(|(_, meant)| *meant);
        let meant = synonym.or_else(|| nearest(status, OUTCOMES))?;
        let help = format!("did you mean `{meant}`?");
        let message = format!("`{status}` is no outcome of the specification's");
        Some(Diagnostic::warning("condition-outcome", message).help(help))
    });
}
