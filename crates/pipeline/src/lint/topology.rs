//! The graph as numbers: which stage leads to which, by edges and by the jumps of retry targets.

use base::StageId;

use crate::{Graph, Handler, Stage};

/// Stages by position in id order, and the ways between them both ways round.
pub(super) struct Topology<'a> {
    pub(super) stages: Vec<&'a Stage>,
    pub(super) forward: Vec<Vec<Way>>,
    pub(super) backward: Vec<Vec<Way>>,
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
        let mut topology = Self {
            forward: vec![Vec::new(); stages.len()],
            backward: vec![Vec::new(); stages.len()],
            stages,
        };
        for (position, edge) in graph.edges().iter().enumerate() {
            topology.connect(&edge.from, &edge.to, Some(position));
        }
        for stage in graph.stages.values() {
            if stage.goal_gate {
                for target in graph.retry_targets(stage) {
                    topology.connect(&stage.id, target, None);
                }
            } else {
                let own = [&stage.retry_target, &stage.fallback_retry_target];
                for target in own.into_iter().flatten() {
                    topology.connect(&stage.id, target, None);
                }
            }
        }
        topology
    }

    /// Notes a way; one to or from a stage that does not exist is left out.
    fn connect(&mut self, from: &StageId, to: &StageId, edge: Option<usize>) {
        if let (Some(from), Some(to)) = (self.position(from), self.position(to)) {
            self.forward[from].push(Way { stage: to, edge });
            self.backward[to].push(Way { stage: from, edge });
        }
    }

    pub(super) fn position(&self, id: &StageId) -> Option<usize> {
        self.stages.binary_search_by(|stage| stage.id.cmp(id)).ok()
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
