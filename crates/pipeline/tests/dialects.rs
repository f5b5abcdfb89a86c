//! What other dialects mean, and that only those who use their words are read so.

use std::time::Duration;

use base::{Diagnostic, Severity};
use pipeline::{Dialect, Graph, Handler, Options, Parsed, load, to_dot};

fn shown(parsed: &Parsed) -> Vec<String> {
    parsed
        .diagnostics
        .iter()
        .map(|finding| format!("{}: {}", finding.rule, finding.message))
        .collect()
}

/// The graph of a source about which nothing but notes are told, and those.
fn noted(file: &str, source: &str) -> (Graph, Vec<String>) {
    let parsed = load(file, source);
    let notes = shown(&parsed);
    let is_note = |finding: &Diagnostic| finding.severity == Severity::Info;
    assert!(parsed.diagnostics.iter().all(is_note), "{notes:#?}");
    (parsed.graph.unwrap(), notes)
}

fn ways(graph: &Graph, from: &str) -> Vec<(String, String, bool)> {
    let edges = graph.edges().iter().filter(|edge| edge.from.as_str() == from);
    edges.map(|e| (e.to.to_string(), e.condition.clone(), e.loop_restart)).collect()
}

const CONSENSUS: &str = "digraph w {
    graph [goal=\"$task\", context_fidelity_default=truncate, context_thread_default=c,
           default_max_retry=\"3\"]
    Start [shape=circle, is_codergen=\"true\", node_type=start]
    judge [llm_prompt=\"Judge $goal\", is_codergen=\"true\", timeout=\"300\", max_agent_turns=\"4\",
           allow_partial=\"true\", model=large]
    a [llm_prompt=A] b [llm_prompt=B] c [llm_prompt=C] both [llm_prompt=D]
    Exit [shape=doublecircle]
    Start -> judge
    judge -> a [condition=\"outcome=needs_dod\"]
    judge -> b [condition=\"outcome=needs_dod\"]
    judge -> c [condition=\"outcome=succeeded\"]
    a -> both b -> both c -> both
    both -> Exit [condition=\"outcome=yes\"]
    both -> a [loop_restart=true] both -> b [loop_restart=\"true\"] both -> c [loop_restart=true]
}";

#[test]
fn strongdm_is_read_in_the_specifications_words() {
    let options = Options { variables: &[("task", "port $tasks")], ..Options::default() };
    let parsed = options.load("w.dot", CONSENSUS);
    assert_eq!(parsed.document.dialect(), Dialect::StrongDm);
    let graph = parsed.graph.unwrap();
    let judge = &graph.stages["judge"];
    assert_eq!(judge.prompt, "Judge port $tasks");
    assert_eq!(judge.timeout, Some(Duration::from_secs(300)));
    assert!(judge.allow_partial && judge.retry.attempts_max == 4);
    assert_eq!(judge.attributes["llm_model"].as_str(), Some("large"));
    assert_eq!(graph.attributes["default_fidelity"].as_str(), Some("truncate"));
    assert_eq!(graph.attributes["default_thread_id"].as_str(), Some("c"));
    assert_eq!(graph.stages["Start"].handler, Handler::Start);
    assert_eq!(graph.stages["Exit"].handler, Handler::Exit);
}

#[test]
fn edges_of_equal_condition_become_branches() {
    let (graph, notes) = noted("w.dot", &CONSENSUS.replace("$task", "port it"));
    assert_eq!(
        notes,
        [
            "dialect: read in the dialect `strongdm`, for its `context_fidelity_default`",
            "implicit-fan-out: the 2 branches out of `judge` begin at `judge__fan_1`",
            "implicit-fan-out: the 3 branches out of `both` begin at `both__fan_1`",
        ]
    );
    let way = |to: &str, condition: &str, restart| (to.to_owned(), condition.to_owned(), restart);
    assert_eq!(
        ways(&graph, "judge"),
        [way("judge__fan_1", "outcome=needs_dod", false), way("c", "outcome=success", false)]
    );
    assert_eq!(ways(&graph, "judge__fan_1"), [way("a", "", false), way("b", "", false)]);
    assert_eq!(
        ways(&graph, "both"),
        [way("Exit", "outcome=yes", false), way("both__fan_1", "", true)]
    );
    let fan = &graph.stages["both__fan_1"];
    assert_eq!(fan.handler, Handler::Parallel);
    let meets = fan.fan_out.as_ref().unwrap().meets.as_ref().map(ToString::to_string);
    assert_eq!(meets.as_deref(), Some("both"));
}

#[test]
fn what_was_translated_is_written_in_the_specifications_words() {
    for (file, source) in [("w.dot", CONSENSUS), ("f.fabro", FABRO), ("k.dot", KILROY)] {
        let graph = load(file, source).graph.unwrap();
        let dot = to_dot(&graph);
        let spec = Options { dialect: Some(Dialect::Spec), ..Options::default() };
        assert_eq!(spec.parse("again.dot", &dot).graph.as_ref(), Some(&graph), "{dot}");
    }
}

#[test]
fn the_specification_knows_no_branches_without_a_stage_for_them() {
    let source = "digraph g { start -> a a -> b a -> c b -> exit c -> exit a [prompt=x] b [prompt=x] c [prompt=x] }";
    let (graph, notes) = noted("g.dot", source);
    assert_eq!((notes.len(), graph.stages.len()), (0, 5));
    // Nor is one that the other leads to a branch beside it, in any dialect.
    let round = source.replace("b -> exit", "b -> c").replace("prompt=x", "llm_prompt=x");
    let (graph, notes) = noted("g.dot", &round);
    assert_eq!((notes.len(), graph.stages.len()), (1, 5));
}

const FABRO: &str = "digraph f {
    graph [goal=\"Ship it\", stall_timeout=1800s, max_node_visits=7,
           model_stylesheet=\"* { model: small; provider: p; } #review { model: large; }\"]
    start [shape=Mdiamond] exit [shape=Msquare]
    plan [shape=tab, prompt=\"Plan {{ goal }} and @say it\"]
    approve [shape=hexagon, label=\"Good?\"]
    test [shape=parallelogram, script=\"make test\", timeout=300]
    review [prompt=\"Review\", model=own, backend=cli]
    rest [shape=insulator, duration=\"30s\"]
    start -> plan -> approve
    approve -> test [label=\"[Y] Yes\"]
    approve -> plan [label=\"[N] No\", freeform=true]
    test -> review [condition=\"outcome=succeeded && context.mode=fast\"]
    test -> plan [condition=\"context.tries >= 3\"]
    test -> rest [condition=\"outcome!=failed\"]
    rest -> plan
    review -> exit
}";

#[test]
fn fabro_is_read_in_the_specifications_words() {
    let (graph, notes) = noted("f.fabro", FABRO);
    assert_eq!(notes, ["dialect: read in the dialect `fabro`, for its `stall_timeout`"]);
    assert_eq!(graph.stages["plan"].prompt, "Plan Ship it and @say it");
    assert_eq!(graph.stages["plan"].handler, Handler::Agent);
    assert_eq!(graph.stages["plan"].visits_max, 7);
    assert_eq!(graph.stages["test"].attributes["tool_command"].as_str(), Some("make test"));
    assert_eq!(graph.stages["test"].timeout, Some(Duration::from_secs(300)));
    assert_eq!(graph.stages["review"].attributes["llm_model"].as_str(), Some("own"));
    assert_eq!(graph.stages["rest"].pause, Some(Duration::from_secs(30)));
    let conditions: Vec<String> = ways(&graph, "test").into_iter().map(|way| way.1).collect();
    assert_eq!(
        conditions,
        ["outcome=success && context.mode=fast", "context.tries >= 3", "outcome!=fail"]
    );
}

#[test]
fn prompts_in_files_are_read_once() {
    let source = "digraph f { start -> a -> exit a [prompt=\"@p/a.md\", script=x] }";
    let files = |path: &str| match path {
        "p/a.md" => Ok((path.to_owned(), "Do $goal\nwell".to_owned())),
        _ => Err("no such file".to_owned()),
    };
    let options = Options { files: &files, ..Options::default() };
    let parsed = options.load("f.fabro", &source.replace("{ start", "{ goal=it start"));
    assert_eq!(parsed.graph.unwrap().stages["a"].prompt, "Do it\nwell");
    let mut without = shown(&load("f.fabro", source));
    without.sort();
    assert_eq!(
        without.last().unwrap(),
        "prompt-file: cannot read the prompt `p/a.md`: no files are read here"
    );
    // To the specification it is a text like any other.
    let spec = Options { dialect: Some(Dialect::Spec), ..options };
    assert_eq!(spec.parse("f.fabro", source).graph.unwrap().stages["a"].prompt, "@p/a.md");
}

const KILROY: &str = "digraph k {
    start [shape=Mdiamond] good [shape=Msquare] bad [shape=Msquare]
    work [prompt=x, agent_tool=claude, max_retries=\"1\"]
    check [shape=parallelogram, tool_command=true]
    start -> work -> check
    check -> good [condition=\"outcome=ok\"]
    check -> work [condition=\"outcome=fail && context.failure_class=transient_infra\", loop_restart=true]
    check -> bad [condition=\"outcome=fail && context.failure_class!=transient_infra\"]
}";

#[test]
fn kilroy_is_read_in_the_specifications_words() {
    let parsed = load("k.dot", KILROY);
    assert_eq!(
        shown(&parsed),
        [
            "terminal-node: `good` is a second exit beside `bad`",
            "dialect: read in the dialect `kilroy`, for its `agent_tool`",
        ]
    );
    assert_eq!(ways(&parsed.graph.unwrap(), "check")[0].1, "outcome=success");
}

#[test]
fn kilroys_loops_lead_back_by_an_edge() {
    let source = "digraph k { start -> begin -> work -> end -> report -> exit
        begin [shape=trapezium, loop_id=l, loop_max=12]
        work [prompt=x] report [prompt=x]
        end [shape=invtrapezium, loop_id=l, loop_max=12, loop_until_file_contains=\"a/b's.md:DONE\"] }";
    let (graph, notes) = noted("k.dot", source);
    assert_eq!(notes.len(), 1, "{notes:#?}");
    assert_eq!(
        (&graph.stages["begin"].handler, graph.stages["begin"].visits_max),
        (&Handler::Conditional, 12)
    );
    let end = &graph.stages["end"];
    assert_eq!((&end.handler, end.retry.attempts_max), (&Handler::Tool, 1));
    let command = end.attributes["tool_command"].as_str();
    assert_eq!(command, Some("grep -qF -e 'DONE' -- 'a/b'\\''s.md'"));
    let way = |to: &str, condition: &str| (to.to_owned(), condition.to_owned(), false);
    assert_eq!(
        ways(&graph, "end"),
        [way("report", "outcome=success"), way("begin", "outcome!=success")]
    );
    let spec = Options { dialect: Some(Dialect::Spec), ..Options::default() };
    assert_eq!(spec.parse("f", &to_dot(&graph)).graph.as_ref(), Some(&graph));
}

#[test]
fn what_a_dialect_has_and_we_have_not_is_told() {
    let source =
        "digraph k { start -> a -> b -> exit a [shape=trapezium, loop_id=l, loop_max=3, prompt=x]
                  b [prompt=x, import=\"x.fabro\"] }";
    let rules = shown(&load("k.dot", source));
    let limits = rules.iter().filter(|said| said.starts_with("dialect-limit")).count();
    assert_eq!(limits, 2, "{rules:#?}");
}

#[test]
fn a_pipeline_may_say_whose_words_it_uses() {
    let source = |dialect: &str| {
        format!("digraph g {{ dialect={dialect} start -> a -> exit a [llm_prompt=x, label=a] }}")
    };
    let said = |dialect: &str| shown(&load("f", &source(dialect)));
    assert_eq!(said("strongdm"), Vec::<String>::new());
    assert_eq!(said("spec"), ["unknown-attribute: `llm_prompt` is no attribute of a stage"]);
    assert_eq!(said("strongdn")[0], "attribute-type: `strongdn` is no dialect");
    let help = load("f", &source("spec")).diagnostics[0].help.clone();
    assert_eq!(help.as_deref(), Some("in `dialect=strongdm` this is `prompt`"));
}

#[test]
fn a_child_is_in_its_own_dialect() {
    let child = "digraph c { start -> a -> exit a [shape=parallelogram, script=make] }";
    let source = format!(
        "digraph g {{ start -> m -> exit m [shape=house, stack.child_dot_source=\"{child}\"] }}"
    );
    let spec = Options { dialect: Some(Dialect::Spec), ..Options::default() };
    let graph = spec.load("f", &source).graph.unwrap();
    let child = &graph.stages["m"].manager.as_ref().unwrap().child;
    assert_eq!(child.stages["a"].attributes["tool_command"].as_str(), Some("make"));
}

#[test]
fn places_are_those_of_the_words_that_were_written() {
    let source =
        "digraph g { start -> a -> exit\n a [llm_prompt=x, context_fidelity=ful, label=a] }";
    let finding = load("f", source).diagnostics.pop().unwrap();
    assert_eq!(
        finding.to_string().lines().next(),
        Some("f:2:19: warning[fidelity-valid]: `ful` is no fidelity mode")
    );
    assert_eq!(finding.stage.as_deref(), Some("a"));
}
