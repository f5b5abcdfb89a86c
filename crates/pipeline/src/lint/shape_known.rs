//! `shape-known`: shapes are those that name a handler.

use base::Diagnostic;

use super::{Inspection, meant};
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;
use crate::vocabulary::{handler_of_shape, shapes};

/// Shapes are those that name a handler.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for stage in on.graph.stages.values() {
        let Some(shape) = stage.attributes.get("shape").map(ToString::to_string) else { continue };
        let has_type = stage.attributes.contains_key("type");
        let is_end = matches!(stage.handler, Handler::Start | Handler::Exit);
        if has_type || is_end || handler_of_shape(&shape).is_some() {
            continue;
        }
        let message = format!("shape `{shape}` names no handler: an agent performs the stage");
        let help = meant(&shape, shapes(), "say what performs it with `type`");
        let warning = Diagnostic::warning("shape-known", message).help(help);
        report.push(on.at_key(Subject::Stage(&stage.id), "shape", warning));
    }
}
