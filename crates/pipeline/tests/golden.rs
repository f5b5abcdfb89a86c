//! What people read when a pipeline is wrong: every file in `tests/diagnostics`, and what is said
//! of it, in `tests/snapshots`.

use base::Diagnostic;
use pipeline::{load, rule_names};

/// Compares all findings about a source with the snapshot of that name.
fn check(name: &str, source: &str) {
    let parsed = load(&format!("{name}.dot"), source);
    let is_refused = parsed.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(parsed.graph.is_none(), is_refused, "{name}: a graph exactly without errors");
    let shown: Vec<String> = parsed.diagnostics.iter().map(ToString::to_string).collect();
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, shown.join("\n"));
    });
}

macro_rules! golden {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            let source = include_str!(concat!("diagnostics/", stringify!($name), ".dot"));
            check(stringify!($name), source);
        }
    )*};
}

golden! {
    attributes branches broken_syntax conditions dialect edges ends gate_without_target handlers lenient
    loops no_ends not_closed not_dot quotes ships two_graphs types
}

#[test]
fn every_rule_is_shown_once() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots")).unwrap();
    let shown: String =
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let missing: Vec<&str> =
        rule_names().filter(|rule| !shown.contains(&format!("[{rule}]"))).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn a_reading_is_json_with_what_could_be_read_and_all_that_is_wrong() {
    let source = "digraph g { start -> p -> exit\n p [shape=component, join_policy=all]\n p -> p [loop_restart=1] }";
    let json = serde_json::to_string_pretty(&load("g.dot", source)).unwrap();
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("json", json);
    });
}
