//! Any bytes as the stylesheet of a pipeline that is right otherwise: it is applied or an error is
//! about it, and a style that is written at a stage is kept.

#![no_main]

use base::Diagnostic;
use libfuzzer_sys::fuzz_target;
use pipeline::{Value, load, parse, to_dot};

fuzz_target!(|bytes: &[u8]| {
    let sheet = String::from_utf8_lossy(bytes);
    let escaped = sheet.replace('\\', "\\\\").replace('"', "\\\"");
    let source = format!(
        "digraph g {{ goal=\"g\" dialect=spec model_stylesheet=\"{escaped}\"
        start [shape=Mdiamond] exit [shape=Msquare]
        a [class=\"x y\", prompt=p] b [prompt=p, llm_model=own]
        start -> a -> b -> exit }}"
    );
    let loaded = load("f", &source);
    let is_refused = loaded.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(loaded.graph.is_none(), is_refused, "{sheet}");
    for finding in &loaded.diagnostics {
        assert!(finding.rule.starts_with("stylesheet-"), "{finding} about {sheet}");
        assert!(finding.place.is_some(), "{finding} has no place in {sheet}");
    }
    assert_eq!(loaded.diagnostics, load("f", &source).diagnostics, "{sheet}");
    let Some(graph) = loaded.graph else { return };
    assert_eq!(parse("f", &to_dot(&graph)).graph.as_ref(), Some(&graph), "{sheet}");
    let model = graph.stages["b"].attributes.get("llm_model");
    assert_eq!(model, Some(&Value::String("own".to_owned())), "{sheet}");
});
