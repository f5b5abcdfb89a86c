//! Attributes say something that the dialect knows and that makes sense where it stands.

use std::collections::{BTreeMap, BTreeSet};

use base::Diagnostic;

use super::{Inspection, meant, meant_stage};
use crate::document::Subject;
use crate::report::Report;
use crate::stylesheet::Stylesheet;
use crate::vocabulary::{
    DRAWING_ATTRIBUTES, EDGE_ATTRIBUTES, FIDELITIES, GRAPH_ATTRIBUTES, NODE_ATTRIBUTES,
    handler_of_shape, handler_of_type, shapes, types,
};
use crate::{Handler, Stage, Value};

/// The stylesheet parses.
pub(super) fn stylesheet_syntax(on: &Inspection<'_>, report: &mut Report) {
    let Some(text) = stylesheet(on) else { return };
    if let Err(error) = Stylesheet::parse(&text) {
        let finding = Diagnostic::error("stylesheet-syntax", error.message).help(error.help);
        report.push(on.in_value(Subject::Graph, "model_stylesheet", error.offset, finding));
    }
}

/// Selectors of the stylesheet select something.
pub(super) fn stylesheet_selector(on: &Inspection<'_>, report: &mut Report) {
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

/// Types are known: one that nobody registered falls back to the shape (4.2).
pub(super) fn type_known(on: &Inspection<'_>, report: &mut Report) {
    for stage in on.graph.stages.values() {
        let Some(name) = unknown_type(stage) else { continue };
        let otherwise = "register it, or leave it out: the shape says what performs the stage";
        let help = meant(&name, types(), otherwise);
        let warning = Diagnostic::warning("type-known", format!("`{name}` is no known type"));
        report.push(on.at_key(Subject::Stage(&stage.id), "type", warning.help(help)));
    }
}

fn unknown_type(stage: &Stage) -> Option<String> {
    let name = stage.attributes.get("type")?.to_string();
    let is_registered = matches!(stage.handler, Handler::Custom(_));
    (!name.is_empty() && !is_registered && handler_of_type(&name).is_none()).then_some(name)
}

/// Shapes are those that name a handler.
pub(super) fn shape_known(on: &Inspection<'_>, report: &mut Report) {
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

/// Fidelity modes are those of 5.4.
pub(super) fn fidelity_valid(on: &Inspection<'_>, report: &mut Report) {
    let mut check = |subject: Subject<'_>, key: &str, attributes: &BTreeMap<String, Value>| {
        let Some(mode) = attributes.get(key).map(ToString::to_string) else { return };
        if mode.is_empty() || FIDELITIES.contains(&mode.as_str()) {
            return;
        }
        let otherwise = format!("a mode is {}", FIDELITIES.join(", "));
        let help = meant(&mode, FIDELITIES, otherwise);
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

/// Retry targets exist.
pub(super) fn retry_target_exists(on: &Inspection<'_>, report: &mut Report) {
    let mut check = |subject: Subject<'_>, key: &str, target: &str| {
        if !on.graph.stages.contains_key(target) {
            let help = meant_stage(on, target, "name a stage of this pipeline");
            let message = format!("`{key}` names no stage: `{target}`");
            let warning = Diagnostic::warning("retry-target-exists", message).help(help);
            report.push(on.at_key(subject, key, warning));
        }
    };
    for key in ["retry_target", "fallback_retry_target"] {
        let target = on.graph.attributes.get(key).and_then(Value::as_str);
        if let Some(target) = target.filter(|target| !target.is_empty()) {
            check(Subject::Graph, key, target);
        }
    }
    for stage in on.graph.stages.values() {
        let targets = [
            ("retry_target", &stage.retry_target),
            ("fallback_retry_target", &stage.fallback_retry_target),
        ];
        for (key, target) in targets {
            if let Some(target) = target {
                check(Subject::Stage(&stage.id), key, target.as_str());
            }
        }
    }
}

/// A goal gate has somewhere to go back to.
pub(super) fn goal_gate_has_retry(on: &Inspection<'_>, report: &mut Report) {
    for stage in on.graph.stages.values().filter(|stage| stage.goal_gate) {
        let has_target = stage.retry_target.is_some()
            || stage.fallback_retry_target.is_some()
            || on.graph.retry_defaults().next().is_some();
        if !has_target {
            let message = format!("goal gate `{}` has no retry target", stage.id);
            let warning = Diagnostic::warning("goal-gate-has-retry", message);
            let warning = warning.help("unsatisfied, it holds the run; add `retry_target=stage`");
            report.push(on.at_key(Subject::Stage(&stage.id), "goal_gate", warning));
        }
    }
}

/// An agent is told what to do.
pub(super) fn prompt_on_llm_nodes(on: &Inspection<'_>, report: &mut Report) {
    for stage in stages_of(on, &Handler::Agent) {
        let says = |key: &str| stage.attributes.get(key).is_some_and(|v| v.as_str() != Some(""));
        if !says("prompt") && !says("label") && !on.is_implicit(&stage.id) {
            let message = format!("stage `{}` tells its agent nothing but its own id", stage.id);
            let warning = Diagnostic::warning("prompt-on-llm-nodes", message);
            report.push(on.at(Subject::Stage(&stage.id), warning.help("add `prompt=\"…\"`")));
        }
    }
}

/// A tool has a command.
pub(super) fn tool_command(on: &Inspection<'_>, report: &mut Report) {
    for stage in stages_of(on, &Handler::Tool) {
        if !stage.attributes.contains_key("tool_command") {
            let message = format!("tool stage `{}` has no command, and will fail", stage.id);
            let warning = Diagnostic::warning("tool-command", message);
            let warning = warning.help("add `tool_command=\"…\"`");
            report.push(on.at(Subject::Stage(&stage.id), warning));
        }
    }
}

/// A person who is asked has a choice.
pub(super) fn human_choices(on: &Inspection<'_>, report: &mut Report) {
    for stage in stages_of(on, &Handler::Human) {
        if on.graph.outgoing(&stage.id).nth(1).is_none() {
            let message = format!("a person at `{}` has no choice", stage.id);
            let warning = Diagnostic::warning("human-choices", message);
            let warning = warning.help("add an edge with a label for each answer");
            report.push(on.at(Subject::Stage(&stage.id), warning));
        }
    }
}

/// Attributes are known. Those with dots are often somebody's own, and so are all of a stage with a
/// type of somebody's own.
pub(super) fn unknown_attribute(on: &Inspection<'_>, report: &mut Report) {
    let mut check = |subject: Subject<'_>,
                     what: &str,
                     known: &[&'static str],
                     attributes: &BTreeMap<String, Value>| {
        for key in attributes.keys() {
            let is_known = |list: &[&str]| list.binary_search(&key.as_str()).is_ok();
            if is_known(known) || is_known(DRAWING_ATTRIBUTES) {
                continue;
            }
            let near = base::nearest(key, known.iter().copied());
            if near.is_none() && key.contains('.') {
                continue;
            }
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "it is kept, and has no effect here".to_owned(),
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

fn stylesheet(on: &Inspection<'_>) -> Option<String> {
    on.graph.attributes.get("model_stylesheet").map(ToString::to_string)
}

fn stages_of<'a>(on: &'a Inspection<'_>, handler: &'a Handler) -> impl Iterator<Item = &'a Stage> {
    on.graph.stages.values().filter(move |stage| stage.handler == *handler)
}
