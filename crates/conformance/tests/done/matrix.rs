//! 11.12: the rows of the parity matrix that no test of another section ticks.

use engine::Ending;
use runner::AutoApprove;

use crate::play::{With, failure, graph, play, success};

/// Definition of Done 11.12: Execute a linear 3-node pipeline end-to-end.
#[test]
fn three_stages_in_a_line() {
    let source =
        "digraph { start [shape=Mdiamond] a [label=l] b [label=l] c [label=l] e [shape=Msquare]
        start -> a -> b -> c -> e }";
    let solo = With::default().run(source, &AutoApprove);
    assert_eq!(solo.state.ending(), Some(&Ending::Completed));
    let visits = ["a", "b", "c"].map(|stage| solo.state.visits(&stage.parse().unwrap()));
    assert_eq!(visits, [1, 1, 1]);
}

/// Definition of Done 11.12: Execute with conditional branching (success/fail paths).
#[test]
fn success_and_failure_go_their_own_ways() {
    let source = "digraph { start [shape=Mdiamond] test [label=l] ship [label=l] mend [label=l]
        e [shape=Msquare] start -> test test -> ship [condition=\"outcome=success\"]
        test -> mend [condition=\"outcome=fail\"] ship -> e mend -> test }";
    let mut rounds = 0;
    let played = play(graph(source), |id| {
        rounds += u32::from(id.stage.as_str() == "test");
        if id.stage.as_str() == "test" && rounds == 1 { failure() } else { success() }
    });
    assert_eq!(played.way(), "start test mend test ship");
    assert_eq!(played.ending(), "success");
}

/// Definition of Done 11.12: Pipeline with 10+ nodes completes without errors.
#[test]
fn forty_stages_of_many_kinds() {
    let mut chain = String::from("start -> gate");
    let mut stages = String::new();
    for at in 0..36 {
        stages.push_str(&format!("s{at} [label=l] "));
        chain.push_str(&format!(" -> s{at}"));
    }
    let source = format!(
        "digraph {{ start [shape=Mdiamond] gate [shape=hexagon] {stages}
            way [shape=diamond] e [shape=Msquare] {chain} -> way -> e }}"
    );
    let solo = With::default().run(&source, &AutoApprove);
    assert_eq!(solo.state.graph().stages.len(), 40);
    assert_eq!(solo.state.ending(), Some(&Ending::Completed));
}
