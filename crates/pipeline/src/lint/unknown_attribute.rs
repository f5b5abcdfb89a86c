//! `unknown-attribute`: attributes are known.

use std::collections::BTreeMap;

use base::Diagnostic;

use super::{Inspection, dialect_limit, unknown_type};
use crate::document::Subject;
use crate::report::Report;
use crate::vocabulary::{DRAWING_ATTRIBUTES, EDGE_ATTRIBUTES, GRAPH_ATTRIBUTES, NODE_ATTRIBUTES};
use crate::{Dialect, Handler, Value};

/// Names before a dot that the specification or we use: what follows is not anybody's own.
const OURS: [&str; 5] = ["human", "manager", "stack", "subgraph", "tool_hooks"];

/// Attributes with dots are often somebody's own, and so are all of a stage with a type of somebody's
/// own.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    let mut check = |subject: Subject<'_>,
                     what: &str,
                     known: &[&'static str],
                     attributes: &BTreeMap<String, Value>| {
        for key in attributes.keys() {
            let is_known = |list: &[&str]| list.binary_search(&key.as_str()).is_ok();
            let is_idle = on.dialect().is_idle(key) || dialect_limit::tells_of(key);
            if is_known(known) || is_known(DRAWING_ATTRIBUTES) || is_idle {
                continue;
            }
            let near = base::nearest(key, known.iter().copied());
            let space = key.split_once('.').map(|(space, _)| space);
            if near.is_none() && space.is_some_and(|space| !OURS.contains(&space)) {
                continue;
            }
            let help = match (near, Dialect::meaning(key)) {
                (_, Some((whose, name))) => {
                    format!("in `dialect={}` this is `{name}`", whose.name())
                }
                (Some(near), None) => format!("did you mean `{near}`?"),
                (None, None) => "it is kept, and has no effect here".to_owned(),
            };
            let message = format!("`{key}` is no attribute of {what}");
            let warning = Diagnostic::warning("unknown-attribute", message).help(help);
            report.push(on.at_key(subject, key, warning));
        }
    };
    check(Subject::Graph, "a pipeline", GRAPH_ATTRIBUTES, &on.graph.attributes);
    for stage in on.graph.stages.values() {
        if !matches!(stage.handler, Handler::Custom(_)) && unknown_type(stage).is_none() {
            check(Subject::Stage(&stage.id), "a stage", NODE_ATTRIBUTES, &stage.attributes);
        }
    }
    for (position, edge) in on.graph.edges().iter().enumerate() {
        check(Subject::Edge(position), "an edge", EDGE_ATTRIBUTES, &edge.attributes);
    }
}
