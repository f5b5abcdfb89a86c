//! `fidelity-valid`: fidelity modes are those of 5.4.

use std::collections::BTreeMap;

use base::Diagnostic;

use super::{Inspection, meant};
use crate::document::Subject;
use crate::report::Report;
use crate::{Fidelity, Value};

/// Fidelity modes are those of 5.4.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    let names = Fidelity::ALL.map(Fidelity::name);
    let mut check = |subject: Subject<'_>, key: &str, attributes: &BTreeMap<String, Value>| {
        let Some(mode) = attributes.get(key).map(ToString::to_string) else { return };
        if mode.is_empty() || Fidelity::from_name(&mode).is_some() {
            return;
        }
        let otherwise = format!("a mode is {}", names.join(", "));
        let help = meant(&mode, names, otherwise);
        let warning =
            Diagnostic::warning("fidelity-valid", format!("`{mode}` is no fidelity mode"));
        report.push(on.at_key(subject, key, warning.help(help)));
    };
    check(Subject::Graph, "default_fidelity", &on.graph.attributes);
    for stage in on.graph.stages.values() {
        check(Subject::Stage(&stage.id), "fidelity", &stage.attributes);
    }
    for (position, edge) in on.graph.edges().iter().enumerate() {
        check(Subject::Edge(position), "fidelity", &edge.attributes);
    }
}
