//! 11.13 with a scripted model; `live.rs` has it with a real one.

use std::sync::Arc;

use model::Scripted;

use crate::smoke_run::check;

/// Fails the first review, so that the way back is taken too.
const SCRIPT: &str = "
[[answer]]
when = 'Plan how to create a hello world script for: Create a hello world Python script'
texts = ['1. Print the greeting.']

[[answer]]
when = 'Write the code based on the plan'
texts = ['print(\"Hello world\")']
repeat = true

[[answer]]
when = 'Review the code for correctness'
texts = ['The comma is missing. {\"outcome\": \"fail\", \"notes\": \"a comma\"}']

[[answer]]
when = 'Review the code for correctness'
texts = ['It is fine. {\"outcome\": \"success\"}']
";

/// Definition of Done 11.13: Parse.
/// Definition of Done 11.13: Validate.
/// Definition of Done 11.13: Execute with LLM callback.
/// Definition of Done 11.13: Verify: `implement` is completed.
/// Definition of Done 11.13: Verify goal gate.
/// Definition of Done 11.13: Verify checkpoint.
#[test]
fn the_smoke_test_with_a_script() {
    check(Arc::new(Scripted::parse("scripted:smoke", SCRIPT).expect("the script is sound")));
}
