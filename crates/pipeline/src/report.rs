//! Findings as they are made: bounded, counted, and at the end in the order of the text.

use std::collections::BTreeSet;

use base::{Diagnostic, Place, Severity};

use crate::limits::FINDINGS_MAX;

/// Collects what is found. Of each severity the first 1,000 are kept and the others counted, so
/// that many warnings never hide an error.
#[derive(Debug, Default)]
pub struct Report {
    kept: Vec<Diagnostic>,
    /// Places and messages of what was kept: a default block's mistake reaches every stage, and is
    /// told once.
    told: BTreeSet<(Option<Place>, String)>,
    counts: [usize; 3],
}

impl Report {
    /// Adds a finding, unless the same was found at the same place before.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let told = (diagnostic.place.clone(), diagnostic.message.clone());
        if self.told.contains(&told) {
            return;
        }
        let count = &mut self.counts[diagnostic.severity as usize];
        *count += 1;
        if *count <= FINDINGS_MAX {
            self.told.insert(told);
            self.kept.push(diagnostic);
        }
    }

    /// Whether the document cannot be used.
    pub(crate) fn has_errors(&self) -> bool {
        self.counts[Severity::Error as usize] > 0
    }

    /// Whether an error of a rule has been found, among those that were kept.
    pub(crate) fn has_error(&self, rule: &str) -> bool {
        self.kept.iter().any(|finding| finding.is_error() && finding.rule == rule)
    }

    /// What was found, by place; findings without one come first.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.kept.sort_by(|a, b| a.place.cmp(&b.place));
        for (severity, what) in [(Severity::Error, "errors"), (Severity::Warning, "warnings")] {
            let dropped = self.counts[severity as usize].saturating_sub(FINDINGS_MAX);
            if dropped > 0 {
                let message = format!("{dropped} more {what} are not shown");
                let mut more = Diagnostic::warning("more-findings", message);
                more.severity = severity;
                self.kept.push(more);
            }
        }
        self.kept
    }
}
