//! Where the branches of a parallel stage meet. Knows edges alone: no condition, no outcome.

use std::collections::{HashMap, HashSet};

use base::StageId;

use crate::limits::{FORKS_MAX, MEET_STEPS_MAX, MEET_STEPS_MIN};
use crate::{Graph, Handler};

impl Graph {
    /// Finds for every parallel stage the stage at which its branches end, and writes it into
    /// [`crate::FanOut::meets`]. [`crate::parse`] does so; a graph that is built by hand or by a
    /// transform needs it once its edges are what they are to be.
    ///
    /// That is the first fan-in that belongs to the stage itself: the nearest one to which as many
    /// parallel stages as fan-ins were passed, among equally near ones the least by id. Without one
    /// it is the stage that all branches lead to with the least greatest distance, then the least by
    /// id; the exit counts, and so does a branch's own first stage to which another branch leads.
    ///
    /// Takes time in proportion to the graph: all parallel stages together look at no more than two
    /// million stages (or 256 each), and where that is not enough there is no meeting, which is a
    /// lint error (`parallel-join`).
    pub fn find_meets(&mut self) {
        let parallels = self.stages.values().filter(|stage| stage.handler == Handler::Parallel);
        let parallels: Vec<StageId> = parallels.map(|stage| stage.id.clone()).collect();
        if parallels.is_empty() {
            return;
        }
        let ways = Ways::new(self);
        let steps_max = share(parallels.len());
        let meet = |id: &StageId| {
            let targets: Vec<&StageId> = self.outgoing(id).map(|(_, edge)| &edge.to).collect();
            ways.meet(Some(id), &targets, steps_max).cloned()
        };
        let meets: Vec<Option<StageId>> = parallels.iter().map(meet).collect();
        for (id, meets) in parallels.iter().zip(meets) {
            let fan_out = self.stages.get_mut(id.as_str()).and_then(|s| s.fan_out.as_mut());
            if let Some(fan_out) = fan_out {
                fan_out.meets = meets;
            }
        }
    }
}

/// What each of some parallel stages may look at.
pub(crate) fn share(parallels: usize) -> usize {
    (MEET_STEPS_MAX / parallels.max(1)).max(MEET_STEPS_MIN)
}

/// Stages by position in id order, so that the least position is the least id.
pub(crate) struct Ways<'g> {
    ids: Vec<&'g StageId>,
    positions: HashMap<&'g str, usize>,
    /// What passing the stage does to the depth.
    turns: Vec<Turn>,
    forward: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Turn {
    None,
    Deeper,
    Back,
}

impl<'g> Ways<'g> {
    pub(crate) fn new(graph: &'g Graph) -> Self {
        let ids: Vec<&StageId> = graph.stages.keys().collect();
        let positions: HashMap<&str, usize> =
            ids.iter().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
        let turns = graph.stages.values().map(|stage| match stage.handler {
            Handler::Parallel => Turn::Deeper,
            Handler::FanIn => Turn::Back,
            _ => Turn::None,
        });
        let turns = turns.collect();
        let mut forward = vec![Vec::new(); ids.len()];
        for edge in graph.edges() {
            let ends = (positions.get(edge.from.as_str()), positions.get(edge.to.as_str()));
            if let (Some(from), Some(to)) = ends {
                forward[*from].push(*to);
            }
        }
        Self { ids, positions, turns, forward }
    }

    /// Where branches that begin at `targets` meet, without going through `parallel` again.
    pub(crate) fn meet(
        &self,
        parallel: Option<&StageId>,
        targets: &[&StageId],
        steps_max: usize,
    ) -> Option<&'g StageId> {
        let position = |id: &&StageId| self.positions.get(id.as_str()).copied();
        let starts: Vec<usize> = targets.iter().filter_map(position).collect();
        let parallel = parallel.as_ref().and_then(position);
        // Each branch begins somewhere, whatever a stage's share is.
        let steps_max = steps_max + 2 * starts.len();
        let found = self.fan_in(parallel, &starts, steps_max);
        found.or_else(|| self.common(parallel, &starts, steps_max)).map(|at| self.ids[at])
    }

    /// The nearest fan-in of the parallel stage itself. Breadth first over stages and depths.
    fn fan_in(&self, parallel: Option<usize>, starts: &[usize], steps_max: usize) -> Option<usize> {
        let mut level: Vec<(usize, u32)> = starts.iter().map(|target| (*target, 0)).collect();
        let mut seen: HashSet<(usize, u32)> = HashSet::new();
        while !level.is_empty() && seen.len() <= steps_max {
            level.retain(|step| Some(step.0) != parallel && seen.insert(*step));
            let own =
                level.iter().filter(|(at, depth)| *depth == 0 && self.turns[*at] == Turn::Back);
            if let Some((at, _)) = own.min() {
                return Some(*at);
            }
            let mut next = Vec::new();
            for (at, depth) in level {
                let depth = match self.turns[at] {
                    Turn::None => depth,
                    Turn::Deeper if depth == FORKS_MAX => continue,
                    Turn::Deeper => depth + 1,
                    // One at depth 0 has been found above.
                    Turn::Back => depth - 1,
                };
                next.extend(self.forward[at].iter().map(|target| (*target, depth)));
            }
            level = next;
        }
        None
    }

    /// The stage that all branches lead to: they go on in step, so that the first stage that all
    /// have come to is the one with the least greatest distance.
    fn common(&self, parallel: Option<usize>, starts: &[usize], steps_max: usize) -> Option<usize> {
        let mut level: Vec<(usize, usize)> =
            starts.iter().enumerate().map(|(branch, target)| (*target, branch)).collect();
        let mut seen: HashSet<(usize, usize)> = HashSet::new();
        let mut came: HashMap<usize, usize> = HashMap::new();
        let mut is_first = true;
        while !level.is_empty() && seen.len() <= steps_max {
            level.retain(|step| Some(step.0) != parallel && seen.insert(*step));
            for (at, _) in &level {
                *came.entry(*at).or_default() += 1;
            }
            // A branch that is alone does not meet itself where it begins.
            let is_alone = is_first && starts.len() == 1;
            is_first = false;
            let all = level.iter().map(|(at, _)| *at).filter(|at| came[at] == starts.len());
            if let Some(at) = all.min().filter(|_| !is_alone) {
                return Some(at);
            }
            let next = level
                .iter()
                .flat_map(|(at, branch)| self.forward[*at].iter().map(|target| (*target, *branch)));
            level = next.collect();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::parse;

    /// Where the branches of `p` meet.
    fn meet(edges: &str) -> Option<String> {
        let source = format!(
            "digraph g {{ start [shape=Mdiamond] exit [shape=Msquare]
             node [shape=component] p p1 p2 node [shape=tripleoctagon] j j1 j2 node [shape=box] {edges} }}"
        );
        let graph = parse("f", &source).graph.unwrap();
        graph.stages["p"].fan_out.as_ref().unwrap().meets.as_ref().map(ToString::to_string)
    }

    #[test]
    fn branches_meet_at_their_own_fan_in() {
        assert_eq!(meet("p -> a -> j p -> b -> c -> j").as_deref(), Some("j"));
        // The fan-in wins over a nearer stage that all lead to.
        assert_eq!(meet("p -> a -> x p -> b -> x x -> j").as_deref(), Some("j"));
        // Of two equally near ones the least by id.
        assert_eq!(meet("p -> a -> j2 p -> b -> j1").as_deref(), Some("j1"));
        assert_eq!(meet("p -> j p -> a -> j").as_deref(), Some("j"));
    }

    #[test]
    fn the_fan_in_of_an_inner_parallel_stage_is_passed() {
        let nested = "p -> p1 -> a -> j1 p1 -> b -> j1 j1 -> j p -> c -> d -> e -> f -> j";
        assert_eq!(meet(nested).as_deref(), Some("j"));
        let deeper = "p -> p1 -> p2 -> a -> j2 -> j1 -> x -> j p -> c -> j1x -> j";
        assert_eq!(meet(deeper).as_deref(), Some("j"));
        // Without a fan-in of its own the inner one takes the outer's.
        assert_eq!(meet("p -> p1 -> a -> j p1 -> b -> j p -> c -> x").as_deref(), None);
    }

    #[test]
    fn without_a_fan_in_they_meet_at_the_nearest_common_stage() {
        assert_eq!(meet("p -> a -> x p -> b -> y -> x x -> z y -> z").as_deref(), Some("x"));
        assert_eq!(meet("p -> a -> exit p -> b -> exit").as_deref(), Some("exit"));
        // A branch's own first stage, when another branch leads there.
        assert_eq!(meet("p -> a -> b p -> b -> exit").as_deref(), Some("b"));
        assert_eq!(meet("p -> a -> b -> exit").as_deref(), Some("b"));
        assert_eq!(meet("p -> a -> p p -> b -> p").as_deref(), None);
        assert_eq!(meet("p -> a p -> b").as_deref(), None);
        assert_eq!(meet("p").as_deref(), None);
    }

    #[test]
    fn loops_end_and_work_is_bounded() {
        assert_eq!(meet("p -> a -> p1 -> a p -> b -> b").as_deref(), None);
        let fans: String =
            (0..3000).map(|at| format!("p{at} [shape=component] p{at} -> a -> b -> a ")).collect();
        let ring: String = (0..3000).map(|at| format!("s{at} -> s{} ", (at + 1) % 3000)).collect();
        let source = format!("digraph g {{ {fans} {ring} b -> s0 }}");
        let graph = parse("f", &source).graph.unwrap();
        assert!(graph.stages.values().filter_map(|stage| stage.fan_out.as_ref()).count() == 3000);
    }
}
