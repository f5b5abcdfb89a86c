//! What people read when a pipeline is wrong: every file in `tests/diagnostics`, and what is said
//! of it, in `tests/snapshots`.

use base::Diagnostic;
use pipeline::load;

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
    attributes broken_syntax conditions edges ends gate_without_target lenient loops no_ends not_closed
    not_dot quotes ships two_graphs types
}
