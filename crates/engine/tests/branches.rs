//! Branches, fan-ins, managers and pauses, as runs that can be read (4.8, 4.9, 4.11).

mod play;

use engine::{BEST, RESULTS};
use insta::assert_snapshot;
use play::{check, ended, play};

/// Two branches that meet at a fan-in.
const FORK: &str = r#"digraph { start [shape=Mdiamond] fan [shape=component ATTR] a b
    join [shape=tripleoctagon] after e [shape=Msquare]
    start -> fan fan -> a fan -> b a -> join b -> join join -> after -> e }"#;

fn fork(attributes: &str) -> String {
    FORK.replace("ATTR", attributes)
}

#[test]
fn branches_run_side_by_side_and_meet() {
    assert_snapshot!(check(&fork(""), "b:success a:success after:success"));
}

#[test]
fn a_branch_that_fails_leaves_the_others_their_chance() {
    assert_snapshot!("one_fails", check(&fork(""), "a:fail b:success after:success"));
    assert_snapshot!("all_fail", check(&fork(""), "a:fail b:fail"));
}

#[test]
fn the_first_success_is_enough_and_what_comes_later_changes_nothing() {
    let dot = fork(", join_policy=first_success");
    assert_snapshot!("first", check(&dot, "b:success a:success after:success"));
    assert_snapshot!("none", check(&dot, "b:fail a:fail"));
}

#[test]
fn as_many_as_are_wanted_must_pass() {
    let three = r#"digraph { start [shape=Mdiamond] fan [shape=component ATTR] a b c
        join [shape=tripleoctagon] e [shape=Msquare] start -> fan fan -> a fan -> b fan -> c
        a -> join b -> join c -> join join -> e }"#;
    let ending = |attributes: &str, script| ended(&three.replace("ATTR", attributes), script);
    let two = ", join_policy=k_of_n, k=2";
    assert_snapshot!(ending(two, "a:success c:success"), @"completed");
    assert_snapshot!(
        ending(two, "a:fail b:success c:fail"),
        @"held: stage `join` failed: 2 of 3 branches failed, 2 wanted: stage `a` failed: done"
    );
    let most = ", join_policy=quorum, quorum_fraction=0.6";
    assert_snapshot!(ending(most, "a:success c:success"), @"completed");
    let fast = ", error_policy=fail_fast";
    assert_snapshot!(ending(fast, "b:fail"), @"held: stage `join` failed: a branch failed: stage `b` failed: done");
    let same = ending(fast, "b:fail");
    assert_eq!(ending(fast, "a:success b:fail"), same, "whoever was faster");
    let ignore = ", error_policy=ignore";
    assert_snapshot!(ending(ignore, "a:fail b:fail c:success"), @"completed");
}

#[test]
fn no_more_branches_work_at_once_than_there_are_places() {
    assert_snapshot!(check(&fork(", max_parallel=1"), "a:success"));
}

/// Spec 4.8: each branch has a copy of the context, and only the results come back.
#[test]
fn what_a_branch_writes_stays_in_it_but_for_the_build_of_the_best() {
    let state = play(&fork(""), "a:success=x b:partial_success=y").0;
    let context = state.context();
    assert_eq!(context.get("flag"), None);
    assert_eq!(context.get(BEST), Some("a"));
    assert_eq!(context.get("tree"), Some("x"));
    assert_snapshot!(&context[RESULTS]);
}

#[test]
fn a_branch_inside_a_branch_ends_at_its_own_fan_in() {
    let dot = r#"digraph { start [shape=Mdiamond] f [shape=component] g [shape=component]
        a b c i [shape=tripleoctagon] j [shape=tripleoctagon] e [shape=Msquare]
        start -> f f -> g f -> c g -> a g -> b a -> i b -> i i -> j c -> j j -> e }"#;
    assert_snapshot!(check(dot, "c:success b:success a:success"));
}

#[test]
fn a_branch_inside_a_branch_may_end_where_all_of_them_do() {
    let dot = r#"digraph { start [shape=Mdiamond] f [shape=component] g [shape=component] a b c
        j [shape=tripleoctagon] z e [shape=Msquare]
        start -> f f -> g f -> c g -> a g -> b a -> j b -> j c -> j j -> z z -> e }"#;
    let (state, _) = play(dot, "c:fail a:fail b:success=y");
    assert_eq!((state.context().get(BEST), state.context().get("tree")), (Some("g"), Some("y")));
}

#[test]
fn branches_may_meet_at_any_stage() {
    let dot = r#"digraph { start [shape=Mdiamond] f [shape=component] a b m e [shape=Msquare]
        start -> f f -> a f -> b a -> m b -> m m -> e }"#;
    assert_snapshot!(check(dot, "a:success b:success m:success"));
}

#[test]
fn an_edge_straight_to_where_branches_meet_is_a_branch_that_has_come() {
    let dot = r#"digraph { start [shape=Mdiamond] f [shape=component] a m e [shape=Msquare]
        start -> f f -> a f -> m a -> m m -> e }"#;
    assert_snapshot!("straight", check(dot, "a:success m:success"));
    let fan_in = dot.replace(" m e ", " m [shape=tripleoctagon] e ");
    let (state, _) = play(&fan_in, "a:success");
    assert_eq!(state.context().get("parallel.success_count"), Some("2"));
    let to_exit = r#"digraph { start [shape=Mdiamond] g [goal_gate=true] f [shape=component] a
        e [shape=Msquare] start -> g -> f f -> a f -> e a -> e }"#;
    assert_snapshot!(ended(to_exit, "g:success a:success"), @"completed");
}

#[test]
fn a_goal_gate_in_branches_is_passed_by_the_worst_of_them() {
    let dot = r#"digraph { start [shape=Mdiamond] f [shape=component] a b g [goal_gate=true]
        j [shape=tripleoctagon] e [shape=Msquare]
        start -> f f -> a f -> b a -> g b -> g g -> j g -> j [condition="outcome=fail"] j -> e }"#;
    assert_snapshot!(ended(dot, "a:success b:success g:success g:success"), @"completed");
    assert_snapshot!(
        ended(dot, "a:success b:success g:success g:fail"),
        @"held: goal gate `g` is not passed and has no retry target: done"
    );
}

#[test]
fn two_branches_can_each_ask_somebody() {
    let dot = r#"digraph { start [shape=Mdiamond] f [shape=component] a [shape=hexagon]
        b [shape=hexagon] j [shape=tripleoctagon] e [shape=Msquare]
        start -> f f -> a f -> b a -> j [label="[Y] Yes"] b -> j [label="[G] Go"] j -> e }"#;
    assert_snapshot!(check(dot, "b:!g a:!yes"));
}

#[test]
fn a_parallel_stage_that_takes_too_long_gives_its_branches_up_and_tries_again() {
    let dot = fork(", timeout=\"5s\", max_retries=1");
    assert_snapshot!(check(&dot, "a:success later later b:success a:success"));
}

#[test]
fn what_other_branches_left_before_is_nothing_to_choose_from_when_time_is_up() {
    let dot = r#"digraph { start [shape=Mdiamond] f [shape=component] a b
        j [shape=tripleoctagon] g [shape=component, timeout="5s" MORE] c d
        k [shape=tripleoctagon] z e [shape=Msquare]
        start -> f f -> a f -> b a -> j b -> j j -> g g -> c g -> d c -> k d -> k k -> z z -> e }"#;
    assert_snapshot!(
        ended(&dot.replace("MORE", ""), "a:success=x b:success=y later"),
        @"held: stage `k` failed: attempt 1 of 1: timed out after 5s"
    );
    let partial = dot.replace("MORE", ", allow_partial=true");
    let (state, _) = play(&partial, "a:success=x b:success=y d:success=w later");
    assert_eq!((state.context().get(BEST), state.context().get("tree")), (Some("d"), Some("w")));
}

/// Spec 4.9: with a prompt it is judged; a judgement never overrides a failure.
#[test]
fn a_judge_names_one_of_the_candidates_that_passed() {
    let dot = fork("").replace("shape=tripleoctagon", "shape=tripleoctagon, prompt=\"The best?\"");
    let told = |script| ended(&dot, script);
    assert_snapshot!(told("a:success b:success join:success@b after:success"), @"completed");
    assert_snapshot!(
        told("a:success b:success join:success@c"),
        @"held: stage `join` failed: the judge named `c`, which is no candidate"
    );
    assert_snapshot!(
        told("a:success b:fail join:success@b"),
        @"held: stage `join` failed: `b` failed, and others did not"
    );
}

#[test]
fn a_pause_is_only_time() {
    let dot = r#"digraph { start [shape=Mdiamond] w [type=wait, duration="30s"] e [shape=Msquare]
        start -> w -> e }"#;
    assert_snapshot!(check(dot, "later"));
}

/// Spec 4.11.
#[test]
fn a_manager_watches_its_child_and_ends_with_it() {
    let dot = manager("");
    assert_snapshot!("succeeds", check(&dot, "work:success"));
    assert_snapshot!("fails", check(&dot, "work:fail"));
}

#[test]
fn a_manager_looks_steers_and_loses_patience() {
    let attributes = r#", manager.poll_interval="10s", manager.max_cycles=2,
        manager.actions="observe,steer,wait", prompt="Hurry""#;
    let (state, told) = play(&manager(attributes), "later");
    let child = state.branches().find(|current| !current.branch.is_main()).unwrap();
    assert_eq!(state.context_of(&child.branch).get(engine::STEER), Some("Hurry"));
    assert_eq!(state.context().get("stack.child.current_stage"), Some("work"));
    assert_snapshot!("looked", told);
    assert_snapshot!(
        ended(&manager(attributes), "later later"),
        @"held: stage `m` failed: 2 cycles have passed"
    );
    let stop = r#", manager.stop_condition="context.stack.child.current_stage=work""#;
    assert_snapshot!(ended(&manager(stop), "later"), @"completed");
}

fn manager(attributes: &str) -> String {
    let child = r#"digraph child { start [shape=Mdiamond] work e [shape=Msquare]
        start -> work -> e }"#;
    let child = child.replace('"', "\\\"").replace('\n', " ");
    format!(
        r#"digraph {{ start [shape=Mdiamond] m [shape=house, stack.child_dot_source="{child}"
            {attributes}] e [shape=Msquare] start -> m -> e }}"#
    )
}

#[test]
fn a_text_takes_the_way_for_texts() {
    let dot = r#"digraph { start [shape=Mdiamond] g [shape=hexagon] a b e [shape=Msquare]
        start -> g g -> a [label="[A] Approve"] g -> b [label="Say why", freeform=true]
        a -> e b -> e }"#;
    let (state, told) = play(dot, "g:!too_slow");
    assert_eq!(state.context().get("human.gate.text"), Some("too slow"));
    assert_snapshot!(told);
}

/// Spec 2.7 of StrongDM's own pipelines: outcomes of their own words.
#[test]
fn conditions_ask_for_the_words_of_the_pipeline() {
    let dot = r#"digraph { start [shape=Mdiamond] a b c e [shape=Msquare] start -> a
        a -> b [condition="outcome=needs_dod"] a -> c [condition="outcome=has_dod"]
        b -> e c -> e }"#;
    let (state, _) = play(dot, "a:has_dod");
    assert_eq!(state.current().unwrap().stage.as_str(), "c");
}

#[test]
fn a_stage_with_nothing_behind_it_ends_the_run() {
    let dot = r#"digraph { start [shape=Mdiamond] a b e [shape=Msquare] start -> a
        a -> b [condition="outcome=partial_success"] a -> e }"#;
    assert_snapshot!(ended(dot, "a:partial_success b:success"), @"completed");
}

/// Spec 6.2: yes and no stand for the two ways, whatever they are called.
#[test]
fn a_confirmation_is_given_by_yes_or_no() {
    let dot = r#"digraph { start [shape=Mdiamond] g [shape=hexagon, human.type=confirmation] a b
        e [shape=Msquare] start -> g g -> a [label="Cancel"] g -> b [label="OK"] a -> e b -> e }"#;
    let at = |answer| play(dot, answer).0.current().unwrap().stage.to_string();
    assert_eq!([at("g:!yes"), at("g:!n"), at("g:!o")], ["b", "a", "b"]);
}
