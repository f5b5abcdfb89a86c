//! `condition-outcome`: a condition compares the outcome with something that an outcome can be.

use base::{Diagnostic, nearest};

use super::{Inspection, each_clause, meant};
use crate::report::Report;
use crate::vocabulary::OUTCOMES;
use crate::{Clause, Key, Test};

/// A condition compares the outcome with something that an outcome can be.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    each_clause(on, report, |Clause { key, test }| {
        let (Test::Equals(status) | Test::Differs(status)) = test else { return None };
        if *key != Key::Outcome || OUTCOMES.contains(&status.as_str()) {
            return None;
        }
        // Where outcomes may be any word, only a slip of the pen is told about.
        if on.dialect().has_own_outcomes() && nearest(status, OUTCOMES).is_none() {
            return None;
        }
        let otherwise = format!("an outcome is {}", OUTCOMES.join(", "));
        let help = meant(status, OUTCOMES, otherwise);
        let message = format!("no outcome is ever `{status}`");
        Some(Diagnostic::warning("condition-outcome", message).help(help))
    });
}
