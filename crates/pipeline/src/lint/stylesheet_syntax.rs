//! `stylesheet-syntax`: the model stylesheet parses (section 8).

use base::Diagnostic;

use super::{Inspection, stylesheet};
use crate::document::Subject;
use crate::report::Report;
use crate::stylesheet::Stylesheet;

/// The stylesheet parses.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    let Some(text) = stylesheet(on) else { return };
    if let Err(error) = Stylesheet::parse(&text) {
        let finding = Diagnostic::error("stylesheet-syntax", error.message).help(error.help);
        report.push(on.in_value(Subject::Graph, "model_stylesheet", error.offset, finding));
    }
}
