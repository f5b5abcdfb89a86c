//! `variable-given`: in the dialects that have variables, all that goal and prompts mention were given
//! by whoever reads the pipeline.

use std::collections::BTreeSet;

use base::Diagnostic;

use super::Inspection;
use crate::Dialect;
use crate::document::Subject;
use crate::report::Report;

pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    if on.dialect() == Dialect::Spec {
        return;
    }
    let mut told = BTreeSet::new();
    let mut tell = |subject: Subject<'_>, key: &str, text: &str| {
        for name in variables(text) {
            if told.insert(name.to_owned()) {
                let message = format!("nothing is given for `${name}`");
                let warning = Diagnostic::warning("variable-given", message);
                let warning =
                    warning.help("give it to whoever reads the pipeline, or write it out");
                report.push(on.at_key(subject, key, warning));
            }
        }
    };
    tell(Subject::Graph, "goal", &on.graph.goal);
    // Elsewhere a `$name` in a prompt is more often one of a shell.
    if on.dialect() == Dialect::StrongDm {
        for stage in on.graph.stages.values() {
            tell(Subject::Stage(&stage.id), "prompt", &stage.prompt);
        }
    }
}

/// What stands in a text as `$name`, in small letters: those in capitals are the environment's.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).filter_map(|after| {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
        let is_longer = after[end..].starts_with(|c: char| c.is_ascii_alphanumeric());
        let name = &after[..end];
        (name.starts_with(|c: char| c.is_ascii_lowercase()) && !is_longer).then_some(name)
    })
}
