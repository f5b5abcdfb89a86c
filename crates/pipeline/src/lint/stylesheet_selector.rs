//! `stylesheet-selector`: selectors of the stylesheet select something.

use std::collections::BTreeSet;

use base::Diagnostic;

use super::{Inspection, stylesheet};
use crate::document::Subject;
use crate::report::Report;
use crate::stylesheet::Stylesheet;

/// Selectors of the stylesheet select something.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    let Some(Ok(sheet)) = stylesheet(on).map(|text| Stylesheet::parse(&text)) else { return };
    let stages = || on.graph.stages.values();
    let ids: BTreeSet<&str> = stages().map(|stage| stage.id.as_str()).collect();
    let classes: BTreeSet<&str> =
        stages().flat_map(|stage| stage.classes.iter().map(String::as_str)).collect();
    let wrong_ids = sheet.ids().filter(|id| !ids.contains(id)).map(|id| format!("#{id}"));
    let wrong_classes =
        sheet.classes().filter(|class| !classes.contains(class)).map(|class| format!(".{class}"));
    let wrong: BTreeSet<String> = wrong_ids.chain(wrong_classes).collect();
    for selector in wrong {
        let message = format!("the stylesheet's `{selector}` selects no stage");
        let warning = Diagnostic::warning("stylesheet-selector", message);
        let warning = warning.help("name an id after `#`, a class after `.`, a shape as it is");
        report.push(on.at_key(Subject::Graph, "model_stylesheet", warning));
    }
}
