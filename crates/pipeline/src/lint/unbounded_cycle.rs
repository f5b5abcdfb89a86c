//! `unbounded-cycle`: every loop has a bound.

use base::Diagnostic;

use super::Inspection;
use super::topology::Topology;
use crate::Stage;
use crate::document::Subject;
use crate::report::Report;

/// A cycle longer than this is shown in part.
const SHOWN_STAGES_MAX: usize = 12;

/// In every cycle some stage limits its visits.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for cycle in unlimited_cycles(&on.topology) {
        let names = cycle.iter().map(|at| on.topology.stages[*at].id.as_str());
        let mut shown: Vec<&str> = names.take(SHOWN_STAGES_MAX).collect();
        if cycle.len() > SHOWN_STAGES_MAX {
            shown.push("…");
        }
        let first = &on.topology.stages[cycle[0]].id;
        shown.push(first.as_str());
        let message = format!("this loop may go round for ever: {}", shown.join(" -> "));
        let error = Diagnostic::error("unbounded-cycle", message);
        let error = error.help("give one of its stages a `max_visits` above 0");
        report.push(on.at_key(Subject::Stage(first), "max_visits", error));
    }
}

/// A cycle of stages without a limit for every search that meets one. Depth first, with a stack of
/// its own.
fn unlimited_cycles(topology: &Topology<'_>) -> Vec<Vec<usize>> {
    let is_unlimited = |at: usize| topology.stages[at].visits_max == Stage::VISITS_UNLIMITED;
    let mut seen = vec![false; topology.stages.len()];
    // The position on the path of the search, for the stages that are on it.
    let mut on_path: Vec<Option<usize>> = vec![None; topology.stages.len()];
    let mut cycles = Vec::new();
    for root in (0..topology.stages.len()).filter(|at| is_unlimited(*at)) {
        if seen[root] {
            continue;
        }
        seen[root] = true;
        on_path[root] = Some(0);
        let mut path = vec![(root, 0)];
        let mut cycle: Option<Vec<usize>> = None;
        while let Some((stage, next)) = path.last_mut() {
            let Some(way) = topology.forward[*stage].get(*next) else {
                on_path[*stage] = None;
                path.pop();
                continue;
            };
            *next += 1;
            if !is_unlimited(way.stage) {
                continue;
            }
            if let Some(from) = on_path[way.stage] {
                cycle.get_or_insert_with(|| path[from..].iter().map(|(at, _)| *at).collect());
            } else if !std::mem::replace(&mut seen[way.stage], true) {
                on_path[way.stage] = Some(path.len());
                path.push((way.stage, 0));
            }
        }
        cycles.extend(cycle);
    }
    cycles
}
