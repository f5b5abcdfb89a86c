//! Random pipelines, and the two plain ones that benches measure.

use std::collections::BTreeMap;
use std::time::Duration;

use base::StageId;
use pipeline::{Backoff, Edge, Graph, Handler, Retry, Stage, Value};

use crate::draw::Draw;

/// Stages between start and exit in a random pipeline: enough for every kind of way to cross every
/// other, few enough that thousands run in seconds.
const STAGES_MAX: u32 = 7;

const CONDITIONS: [&str; 10] = [
    "outcome=success",
    "outcome=fail",
    "outcome!=success",
    "outcome=partial_success",
    "preferred_label=Go",
    "context.flag=true",
    "context.flag!=true && outcome=success",
    "context.factory.level=5",
    "context.human.gate.label=Go",
    "last_stage=s1",
];

pub(crate) const LABELS: [&str; 4] = ["", "Go", "[B] Back", "Again"];

/// A pipeline with every kind of stage that the engine runs, loops, dead ends and goal gates
/// included.
pub fn pipeline(draw: &mut impl Draw) -> Graph {
    let count = 1 + draw.below(STAGES_MAX);
    let ids: Vec<StageId> = (0..count).map(|n| id(&format!("s{n}"))).collect();
    let (first, last) = (id("start"), id("exit"));
    let mut stages = vec![stage(&first, Handler::Start), stage(&last, Handler::Exit)];
    let all: Vec<StageId> = ids.iter().chain([&last]).cloned().collect();
    for id in &ids {
        stages.push(random_stage(draw, id, &all));
    }
    let mut edges = vec![edge(&first, &ids[0], "", "")];
    for (n, from) in ids.iter().enumerate() {
        // Mostly onwards, so that many runs reach the exit.
        if !draw.percent(10) {
            edges.push(edge(from, &all[n + 1], "", ""));
        }
        for _ in 0..draw.below(3) {
            let to = draw.one(&all).clone();
            let condition = if draw.percent(70) { *draw.one(&CONDITIONS) } else { "" };
            let label = draw.one::<&str>(&LABELS);
            let mut way = edge(from, &to, label, condition);
            way.weight = i64::from(draw.below(3));
            way.loop_restart = draw.percent(5);
            edges.push(way);
        }
    }
    for stage in stages.iter_mut().filter(|stage| stage.handler == Handler::Human) {
        separate_choices(stage, &mut edges);
    }
    let mut graph = graph(stages, edges);
    if draw.percent(30) {
        let target = Value::String(draw.one(&ids).to_string());
        graph.attributes.insert("retry_target".to_owned(), target);
    }
    graph
}

/// `stages` agents in a row.
pub fn linear(stages: u32) -> Graph {
    let ids: Vec<StageId> = (0..stages).map(|n| id(&format!("s{n}"))).collect();
    let middle = ids.iter().map(|id| stage(id, Handler::Agent));
    let (first, last) = (id("start"), id("exit"));
    let ends = [stage(&first, Handler::Start), stage(&last, Handler::Exit)];
    let row: Vec<&StageId> = [&first].into_iter().chain(&ids).chain([&last]).collect();
    let edges = row.windows(2).map(|pair| edge(pair[0], pair[1], "", "")).collect();
    graph(ends.into_iter().chain(middle).collect(), edges)
}

/// An agent and a check that sends it back while it fails, for as long as it takes.
pub fn looping() -> Graph {
    let (first, last) = (id("start"), id("exit"));
    let (build, check) = (id("build"), id("check"));
    let mut stages = vec![
        stage(&first, Handler::Start),
        stage(&last, Handler::Exit),
        stage(&build, Handler::Agent),
        stage(&check, Handler::Check),
    ];
    for stage in &mut stages {
        stage.visits_max = u32::MAX;
    }
    let edges = vec![
        edge(&first, &build, "", ""),
        edge(&build, &check, "", ""),
        edge(&check, &last, "", "outcome=success"),
        edge(&check, &build, "", "outcome=fail"),
    ];
    graph(stages, edges)
}

fn random_stage(draw: &mut impl Draw, id: &StageId, all: &[StageId]) -> Stage {
    use Handler::{Agent, Attack, Check, Conditional, Human, Prove, Ship, Tool};
    let handlers =
        [Agent, Agent, Tool, Check, Prove, Prove, Attack, Ship, Ship, Conditional, Human];
    let mut stage = stage(id, draw.one(&handlers).clone());
    stage.retry.attempts_max = 1 + draw.below(3);
    stage.retry.backoff.jitter = draw.percent(50);
    stage.visits_max = 1 + draw.below(4);
    stage.goal_gate = draw.percent(15);
    stage.allow_partial = draw.percent(20);
    stage.retry_target = draw.percent(20).then(|| draw.one(all).clone());
    stage.fallback_retry_target = draw.percent(10).then(|| draw.one(all).clone());
    stage.timeout = draw.percent(60).then(|| Duration::from_secs(600));
    if stage.handler == Human && draw.percent(50) {
        // Kept only if an edge leads there.
        let target = Value::String(draw.one(all).to_string());
        stage.attributes.insert("human.default_choice".to_owned(), target);
    }
    stage
}

/// A person must be able to tell the ways out apart, and the default must be one of them.
fn separate_choices(stage: &mut Stage, edges: &mut Vec<Edge>) {
    let mut names = Vec::new();
    edges.retain(|edge| {
        let name = if edge.label.is_empty() { edge.to.to_string() } else { edge.label.clone() };
        let keep = edge.from != stage.id || !names.contains(&name);
        if edge.from == stage.id {
            names.push(name);
        }
        keep
    });
    let leads = |to: &Value| {
        edges.iter().any(|e| e.from == stage.id && *to == Value::String(e.to.to_string()))
    };
    stage.attributes.retain(|key, to| key != "human.default_choice" || leads(to));
}

fn stage(id: &StageId, handler: Handler) -> Stage {
    let ms = Duration::from_millis;
    Stage {
        id: id.clone(),
        label: id.to_string(),
        handler,
        prompt: String::new(),
        retry: Retry {
            attempts_max: 1,
            backoff: Backoff { initial: ms(200), factor: 2.0, max: ms(60_000), jitter: false },
        },
        visits_max: 10,
        goal_gate: false,
        retry_target: None,
        fallback_retry_target: None,
        timeout: None,
        allow_partial: false,
        auto_status: false,
        classes: Vec::new(),
        attributes: BTreeMap::new(),
    }
}

fn edge(from: &StageId, to: &StageId, label: &str, condition: &str) -> Edge {
    Edge {
        from: from.clone(),
        to: to.clone(),
        label: label.to_owned(),
        condition: condition.to_owned(),
        weight: 0,
        loop_restart: false,
        attributes: BTreeMap::new(),
    }
}

fn graph(stages: Vec<Stage>, edges: Vec<Edge>) -> Graph {
    let stages = stages.into_iter().map(|stage| (stage.id.clone(), stage)).collect();
    Graph::new("simulated".to_owned(), "hold".to_owned(), BTreeMap::new(), stages, edges)
}

fn id(text: &str) -> StageId {
    StageId::new(text).expect("the names here are stage ids")
}
