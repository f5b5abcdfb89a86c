//! Any bytes as a pipeline: whatever is wrong with them, somebody can find the place.

#![no_main]

use base::{Diagnostic, Place};
use libfuzzer_sys::fuzz_target;
use pipeline::{Dialect, Options, load, parse, to_dot};

fuzz_target!(|bytes: &[u8]| {
    let source = String::from_utf8_lossy(bytes);
    let loaded = load("f", &source);
    check_findings(&loaded.diagnostics, &source);
    let is_refused = loaded.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(loaded.graph.is_none(), is_refused, "no graph, and no error says why: {source}");
    // Each map of the second reading has another order: nothing of it may show.
    let again = load("f", &source);
    assert_eq!(loaded.diagnostics, again.diagnostics, "two readings differ: {source}");
    assert_eq!(loaded.graph, again.graph, "two readings differ: {source}");

    // What lints refuse has a graph, too.
    let Some(graph) = parse("f", &source).graph else { return };
    // Whatever dialect it was read in, it is written in the specification's words.
    let dot = to_dot(&graph);
    let spec = Options { dialect: Some(Dialect::Spec), ..Options::default() };
    let written = spec.load("f", &dot);
    check_findings(&written.diagnostics, &dot);
    let read = spec.parse("f", &dot);
    assert_eq!(read.graph.as_ref(), Some(&graph), "{source}\n{dot}\n{:?}", read.diagnostics);
    // Not the other way round: a stage that only an edge mentions may be refused as a slip of the pen,
    // and canonical DOT declares every stage.
    assert!(written.graph.is_some() || loaded.graph.is_none(), "{source}\n{dot}");
});

/// Each syntax error has a place, and each place lies in the text.
fn check_findings(findings: &[Diagnostic], source: &str) {
    let lines: Vec<&str> = source.split('\n').collect();
    for finding in findings {
        match &finding.place {
            Some(place) => assert!(lies_in(place, &lines), "{finding} in {source}"),
            None => assert_ne!(finding.rule, "syntax", "{finding} has no place in {source}"),
        }
    }
}

/// The place after a line's last character is where something is missing.
fn lies_in(place: &Place, lines: &[&str]) -> bool {
    let line = (place.line as usize).checked_sub(1).and_then(|at| lines.get(at));
    line.is_some_and(|line| (1..=line.chars().count() + 1).contains(&(place.column as usize)))
}
