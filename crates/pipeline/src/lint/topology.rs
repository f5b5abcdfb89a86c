//! The graph as numbers: which stage leads to which, by edges and by the jumps of retry targets.

use std::collections::{BTreeSet, HashMap};

use base::StageId;

use crate::joins::share;
use crate::{Graph, Handler, Stage};

/// Stages by position in id order, and the ways between them both ways round.
pub(super) struct Topology<'a> {
    pub(super) stages: Vec<&'a Stage>,
    pub(super) forward: Vec<Vec<Way>>,
    pub(super) backward: Vec<Vec<Way>>,
    /// Edges, by position, with an end that does not exist; they are no ways.
    pub(super) dangling: Vec<(usize, &'a StageId)>,
}

/// A way to (or, backward, from) a stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) stage: usize,
    /// The edge's position; `None` for the jump to a retry target (3.4, 3.7).
    pub(super) edge: Option<usize>,
}

impl<'a> Topology<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        let stages: Vec<&Stage> = graph.stages.values().collect();
        let ways = vec![Vec::new(); stages.len()];
        let mut topology =
            Self { forward: ways.clone(), backward: ways, stages, dangling: Vec::new() };
        let positions: HashMap<&StageId, usize> =
            graph.stages.keys().enumerate().map(|(position, id)| (id, position)).collect();
        let mut connect = |from: &'a StageId, to: &'a StageId, edge: Option<usize>| match (
            positions.get(from),
            positions.get(to),
        ) {
            (Some(from), Some(to)) => {
                topology.forward[*from].push(Way { stage: *to, edge });
                topology.backward[*to].push(Way { stage: *from, edge });
            }
            (from_found, to_found) => {
                let missing = [(from_found, from), (to_found, to)];
                let missing = missing.into_iter().filter(|(found, _)| found.is_none());
                let missing = missing.filter_map(|(_, id)| edge.map(|edge| (edge, id)));
                topology.dangling.extend(missing);
            }
        };
        for (position, edge) in graph.edges().iter().enumerate() {
            connect(&edge.from, &edge.to, Some(position));
        }
        for stage in graph.stages.values() {
            if stage.goal_gate {
                graph.retry_targets(stage).for_each(|target| connect(&stage.id, target, None));
            } else {
                let own = [&stage.retry_target, &stage.fallback_retry_target];
                own.into_iter().flatten().for_each(|target| connect(&stage.id, target, None));
            }
        }
        topology
    }

    /// The positions of the stages that a handler performs.
    pub(super) fn of_handler(&self, handler: &Handler) -> impl Iterator<Item = usize> {
        self.stages
            .iter()
            .enumerate()
            .filter(move |(_, stage)| stage.handler == *handler)
            .map(|(position, _)| position)
    }
}

/// Which stages can be reached from some, themselves included.
pub(super) fn reached(ways: &[Vec<Way>], from: impl IntoIterator<Item = usize>) -> Vec<bool> {
    let mut reached = vec![false; ways.len()];
    let mut todo: Vec<usize> = from.into_iter().collect();
    while let Some(stage) = todo.pop() {
        if !std::mem::replace(&mut reached[stage], true) {
            todo.extend(ways[stage].iter().map(|way| way.stage));
        }
    }
    reached
}

/// The stages between a parallel stage and the stage where its branches meet.
pub(super) struct Area {
    pub(super) parallel: usize,
    pub(super) stages: Vec<usize>,
}

/// The areas of all parallel stages whose branches meet. Each looks at no more than its share of what
/// all of them may look at.
pub(super) fn areas(topology: &Topology<'_>) -> Vec<Area> {
    let parallels: Vec<usize> = topology.of_handler(&Handler::Parallel).collect();
    let steps_max = share(parallels.len());
    let meets = |parallel: &usize| topology.stages[*parallel].fan_out.as_ref()?.meets.as_ref();
    let area = |parallel: usize| {
        let end = meets(&parallel)?;
        let mut seen = BTreeSet::new();
        let mut todo = vec![parallel];
        while let Some(at) = todo.pop() {
            for way in topology.forward[at].iter().filter(|way| way.edge.is_some()) {
                let is_inside = topology.stages[way.stage].id != *end && way.stage != parallel;
                if is_inside && seen.len() < steps_max && seen.insert(way.stage) {
                    todo.push(way.stage);
                }
            }
        }
        Some(Area { parallel, stages: seen.into_iter().collect() })
    };
    parallels.into_iter().filter_map(area).collect()
}
