//! Branches without a parallel stage: in some dialects several edges of equal condition out of one
//! stage, whose ways meet again, are taken all at once. Here they are given the stage that the
//! specification wants.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeFrom;
use std::rc::Rc;

use base::{Diagnostic, StageId};

use crate::document::{Site, Sites};
use crate::joins::{Ways, share};
use crate::resolve::{GraphDefaults, Resolver};
use crate::syntax::{Attribute, Name};
use crate::{Edge, Graph, Handler, Stage, Value};

/// Edges that are taken together: their positions, in the order of the source.
type Group = Vec<usize>;

/// Puts a parallel stage before the branches of every group.
pub(super) fn insert(
    resolver: &mut Resolver<'_>,
    defaults: &GraphDefaults,
    graph: Graph,
    sites: &mut Sites,
) -> Graph {
    let groups = groups(&graph);
    if groups.is_empty() {
        return graph;
    }
    let mut stages = graph.stages.clone();
    // The first edge of a group, and the others, by position.
    let mut forks: HashMap<usize, (StageId, bool)> = HashMap::new();
    let mut short_ids = 1..;
    for group in groups {
        let from = &graph.edges()[group[0]].from;
        let id = free_id(&stages, from, &mut short_ids);
        let at = sites.stages.get(from).map_or(0, |site| site.at);
        let name = Name { id: id.clone(), at };
        let written = written(at, &stages[from]);
        stages.insert(id.clone(), resolver.stage(&name, &written, Vec::new(), defaults));
        sites.stages.insert(id.clone(), Site::new(at, false, &[]));
        let message = format!("the {} branches out of `{from}` begin at `{id}`", group.len());
        let site = sites.edges[group[0]].as_ref().map_or(at, |site| site.at);
        resolver.note(Diagnostic::info("implicit-fan-out", message).of_stage(from.as_str()), site);
        for (number, position) in group.into_iter().enumerate() {
            forks.insert(position, (id.clone(), number == 0));
        }
    }
    let old_sites = std::mem::take(&mut sites.edges);
    let mut edges = Vec::with_capacity(graph.edges().len() + forks.len());
    for (position, (edge, site)) in graph.edges().iter().zip(old_sites).enumerate() {
        let Some((fork, is_first)) = forks.get(&position) else {
            edges.push(edge.clone());
            sites.edges.push(site);
            continue;
        };
        let (into, out) = split(edge, fork);
        if *is_first {
            edges.push(into);
            sites.edges.push(site.clone());
        }
        edges.push(out);
        sites.edges.push(site);
    }
    Graph::new(graph.name, graph.goal, graph.attributes, stages, edges)
}

/// Edges of one stage that are alike in all that chooses among them, and whose ways meet.
fn groups(graph: &Graph) -> Vec<Group> {
    let mut candidates: Vec<Group> = Vec::new();
    for stage in graph.stages.values() {
        if matches!(stage.handler, Handler::Parallel | Handler::Human | Handler::Exit) {
            continue;
        }
        let mut alike: BTreeMap<(&str, i64, bool), Group> = BTreeMap::new();
        for (position, edge) in graph.outgoing(&stage.id) {
            if edge.label.is_empty() {
                let key = (edge.condition.trim(), edge.weight, edge.loop_restart);
                alike.entry(key).or_default().push(position);
            }
        }
        candidates.extend(alike.into_values().filter(|group| group.len() > 1));
    }
    if candidates.is_empty() {
        return candidates;
    }
    let ways = Ways::new(graph);
    let steps_max = share(candidates.len());
    candidates.retain(|group| {
        let edges = group.iter().map(|position| &graph.edges()[*position]);
        let targets: Vec<&StageId> = edges.map(|edge| &edge.to).collect();
        let is_one = targets.iter().all(|target| *target == targets[0]);
        let meets = ways.meet(None, &targets, steps_max);
        // One that the other leads to is a way round it, and the two are a choice.
        !is_one && meets.is_some_and(|meets| !targets.contains(&meets))
    });
    candidates
}

/// An edge as two: what chooses it leads into the parallel stage, the rest out of it.
fn split(edge: &Edge, fork: &StageId) -> (Edge, Edge) {
    let choosing = |key: &str| matches!(key, "condition" | "weight" | "loop_restart" | "label");
    let (into, out): (BTreeMap<_, _>, BTreeMap<_, _>) =
        edge.attributes.clone().into_iter().partition(|(key, _)| choosing(key));
    let into = Edge { to: fork.clone(), attributes: into, freeform: false, ..edge.clone() };
    let out = Edge {
        from: fork.clone(),
        condition: String::new(),
        weight: 0,
        loop_restart: false,
        attributes: out,
        ..edge.clone()
    };
    (into, out)
}

/// The attributes of a parallel stage: it may be visited as often as the stage before it.
fn written(at: usize, from: &Stage) -> Vec<Rc<Attribute<'static>>> {
    let mut values = vec![
        ("shape", Value::String("component".to_owned())),
        ("label", Value::String(format!("Branches of {}", from.label))),
    ];
    if let Some(visits) = from.attributes.get("max_visits") {
        values.push(("max_visits", visits.clone()));
    }
    let attribute = |(key, value)| Rc::new(Attribute { key, key_at: at, value, value_at: at });
    values.into_iter().map(attribute).collect()
}

/// `<stage>__fan_<n>`, or without the stage's name where that is too long for an id. Short ids are
/// used once, so that finding one takes no longer in a large graph.
fn free_id(
    stages: &BTreeMap<StageId, Stage>,
    from: &StageId,
    short_ids: &mut RangeFrom<usize>,
) -> StageId {
    let own = (1_usize..).map_while(|n| StageId::new(&format!("{from}__fan_{n}")).ok());
    let short = short_ids.filter_map(|n| StageId::new(&format!("fan_{n}")).ok());
    own.chain(short)
        .find(|id| !stages.contains_key(id))
        .expect("there are more numbers than stages")
}
