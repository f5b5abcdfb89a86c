//! Random pipelines, and the two plain ones that benches measure.

use std::collections::BTreeMap;
use std::time::Duration;

use base::StageId;
use pipeline::{
    Backoff, Edge, FanOut, Graph, Handler, Join, Manager, OnFailure, Retry, Stage, Value,
};

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

/// Branches inside each other, and children inside each other, in a random pipeline.
const DEPTH_MAX: u32 = 2;

/// A pipeline with every kind of stage that the engine runs; loops, dead ends, goal gates, branches
/// inside branches and managers included.
pub fn pipeline(draw: &mut impl Draw) -> Graph {
    random(draw, "s", 0)
}

/// Whether what a run of the pipeline comes to is the same in whatever order its branches end: all of
/// them are waited for, and no manager loses patience.
pub fn is_ordered(graph: &Graph) -> bool {
    graph.stages.values().all(|stage| {
        let fork = stage.fan_out.as_ref();
        let all = fork.is_none_or(|fork| {
            fork.join == Join::WaitAll && fork.on_failure != OnFailure::FailFast
        });
        let manager = stage.manager.as_ref();
        all && manager.is_none_or(|m| m.stop.is_empty() && is_ordered(&m.child))
            && (stage.timeout.is_none() || fork.is_none() && manager.is_none())
    })
}

/// Whether it has branches or children at all.
pub fn is_forked(graph: &Graph) -> bool {
    graph.stages.values().any(|stage| stage.fan_out.is_some() || stage.manager.is_some())
}

fn random(draw: &mut impl Draw, prefix: &str, depth: u32) -> Graph {
    let count = 1 + draw.below(if depth == 0 { STAGES_MAX } else { 3 });
    let ids: Vec<StageId> = (0..count).map(|n| id(&format!("{prefix}{n}"))).collect();
    let (first, last) = (id("start"), id("exit"));
    let mut parts = Parts {
        stages: vec![stage(&first, Handler::Start), stage(&last, Handler::Exit)],
        edges: Vec::new(),
    };
    let all: Vec<StageId> = ids.iter().chain([&last]).cloned().collect();
    for id in &ids {
        let random = random_stage(draw, id, &all, depth);
        parts.stages.push(random);
    }
    parts.edges.push(edge(&first, &ids[0], "", ""));
    for (n, from) in ids.iter().enumerate() {
        // Mostly onwards, so that many runs reach the exit.
        if !draw.percent(10) {
            if draw.percent(20) {
                parts.fork(draw, from, &all[n + 1], &all, &format!("{prefix}{n}"), depth);
            } else {
                parts.edges.push(edge(from, &all[n + 1], "", ""));
            }
        }
        for _ in 0..draw.below(3) {
            let to = draw.one(&all).clone();
            parts.way(draw, from, &to);
        }
    }
    let Parts { mut stages, mut edges } = parts;
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

/// A graph that grows.
struct Parts {
    stages: Vec<Stage>,
    edges: Vec<Edge>,
}

impl Parts {
    /// Branches between two stages, which meet at a fan-in or at the second of them.
    fn fork(
        &mut self,
        draw: &mut impl Draw,
        from: &StageId,
        to: &StageId,
        all: &[StageId],
        name: &str,
        depth: u32,
    ) {
        let fan = id(&format!("{name}_fan"));
        let mut fork = stage(&fan, Handler::Parallel);
        fork.visits_max = 2;
        let meets = if draw.percent(15) {
            to.clone()
        } else {
            let fan_in = id(&format!("{name}_in"));
            self.stages.push(stage(&fan_in, Handler::FanIn));
            self.edges.push(edge(&fan_in, to, "", ""));
            fan_in
        };
        let join = *draw.one(&[
            Join::WaitAll,
            Join::WaitAll,
            Join::WaitAll,
            Join::FirstSuccess,
            Join::KOfN(2),
            Join::Quorum(50),
        ]);
        let on_failure = if draw.percent(20) {
            *draw.one(&[OnFailure::FailFast, OnFailure::Ignore])
        } else {
            OnFailure::Continue
        };
        let branches_max = 1 + draw.below(3);
        fork.fan_out = Some(FanOut { join, on_failure, branches_max, meets: Some(meets.clone()) });
        fork.timeout = draw.percent(10).then(|| Duration::from_secs(900));
        fork.retry.attempts_max = 1 + draw.below(2);
        self.stages.push(fork);
        self.edges.push(edge(from, &fan, "", ""));
        for branch in 0..1 + draw.below(3) {
            let names = (0..1 + draw.below(2)).map(|n| id(&format!("{name}_b{branch}_{n}")));
            let row: Vec<StageId> = names.collect();
            self.edges.push(edge(&fan, &row[0], "", ""));
            for (n, stage_id) in row.iter().enumerate() {
                let next = row.get(n + 1).unwrap_or(&meets);
                let mut random = random_stage(draw, stage_id, &row, depth + 1);
                if random.handler == Handler::Ship {
                    random.handler = Handler::Agent;
                }
                self.stages.push(random);
                if depth + 1 < DEPTH_MAX && draw.percent(15) {
                    let inner = format!("{name}_{branch}{n}");
                    self.fork(draw, stage_id, next, all, &inner, depth + 1);
                } else if !draw.percent(10) {
                    self.edges.push(edge(stage_id, next, "", ""));
                }
                if draw.percent(30) {
                    let to = draw.one(&row).clone();
                    self.way(draw, stage_id, &to);
                }
                if draw.percent(5) {
                    let to = draw.one(all).clone();
                    self.way(draw, stage_id, &to);
                }
            }
        }
    }

    fn way(&mut self, draw: &mut impl Draw, from: &StageId, to: &StageId) {
        let condition = if draw.percent(70) { *draw.one(&CONDITIONS) } else { "" };
        let label = draw.one::<&str>(&LABELS);
        let mut way = edge(from, to, label, condition);
        way.weight = i64::from(draw.below(3));
        way.loop_restart = draw.percent(5);
        self.edges.push(way);
    }
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

fn random_stage(draw: &mut impl Draw, id: &StageId, all: &[StageId], depth: u32) -> Stage {
    use Handler::{Agent, Attack, Check, Conditional, Human, ManagerLoop, Prove, Ship, Tool, Wait};
    let handlers = [
        Agent,
        Agent,
        Tool,
        Check,
        Prove,
        Prove,
        Attack,
        Ship,
        Ship,
        Conditional,
        Human,
        Wait,
        ManagerLoop,
    ];
    let mut stage = stage(id, draw.one(&handlers).clone());
    if stage.handler == ManagerLoop && depth >= DEPTH_MAX {
        stage.handler = Agent;
    }
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
    stage.pause =
        (stage.handler == Wait).then(|| Duration::from_millis(u64::from(draw.below(9_000))));
    if stage.handler == ManagerLoop {
        stage.timeout = None;
        let impatient = draw.percent(20);
        stage.manager = Some(Box::new(Manager {
            child: random(draw, "c", depth + 1),
            poll: Duration::from_secs(45),
            cycles_max: if impatient { 3 } else { 1_000_000 },
            stop: if impatient { "context.flag=true".to_owned() } else { String::new() },
            observe: draw.percent(50),
            steer: draw.percent(50),
            steer_cooldown: Duration::from_secs(100),
        }));
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
        fan_out: None,
        manager: None,
        pause: None,
        gate: None,
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
        freeform: false,
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
