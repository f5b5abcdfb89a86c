//! What is wrong with a pipeline, as the specification's diagnostics (7.1).

use base::{Diagnostic, Severity};
use serde_json::{Map, Value, json};

use crate::Failure;

/// `{"valid", "diagnostics"}`, diagnostics as in 7.1. Rules are spelled as in 7.2, with underscores;
/// `line` and `column` are ours.
pub(crate) fn told(found: &[Diagnostic]) -> Value {
    let valid = !found.iter().any(Diagnostic::is_error);
    json!({ "valid": valid, "diagnostics": found.iter().map(diagnostic).collect::<Vec<_>>() })
}

/// The same, of a pipeline that is not taken because of them.
pub(crate) fn refused(found: &[Diagnostic]) -> Failure {
    let mut told = told(found);
    let first = found.iter().find(|finding| finding.is_error());
    let first = first.map_or_else(|| "the pipeline cannot be used".to_owned(), ToString::to_string);
    told["error"] = first.into();
    Failure { code: 1, told }
}

fn diagnostic(finding: &Diagnostic) -> Value {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let mut told = Map::new();
    told.insert("rule".to_owned(), finding.rule.replace('-', "_").into());
    told.insert("severity".to_owned(), severity.into());
    told.insert("message".to_owned(), finding.message.clone().into());
    if let Some(stage) = &finding.stage {
        told.insert("node_id".to_owned(), stage.clone().into());
    }
    if let Some((from, to)) = &finding.edge {
        told.insert("edge".to_owned(), json!([from, to]));
    }
    if let Some(help) = &finding.help {
        told.insert("fix".to_owned(), help.clone().into());
    }
    if let Some(place) = &finding.place {
        told.insert("line".to_owned(), place.line.into());
        told.insert("column".to_owned(), place.column.into());
    }
    Value::Object(told)
}
