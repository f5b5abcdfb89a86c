//! `unproven-ship`: nothing ships without a proof of exactly what ships: a rule about every way to a `factory.ship`
//! stage. The hand that ships checks again; this tells before anything is spent.

use base::Diagnostic;

use super::Inspection;
use super::topology::Way;
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

/// A way longer than this is shown in part.
const SHOWN_STAGES_MAX: usize = 12;

/// Every way to a ship stage passes a `factory.prove` goal gate, leaves it on success alone, and
/// meets nothing after it that could change what was proven.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    let stages = &on.topology.stages;
    // Backward from all ship stages at once. `next` is one step of the way from a stage to a ship.
    let mut next: Vec<Option<usize>> = vec![None; stages.len()];
    let mut todo: Vec<usize> = on.topology.of_handler(&Handler::Ship).collect();
    let mut is_seen = vec![false; stages.len()];
    for ship in &todo {
        is_seen[*ship] = true;
    }
    while let Some(at) = todo.pop() {
        for way in &on.topology.backward[at] {
            let from = stages[way.stage];
            if from.handler == Handler::Prove && from.goal_gate && needs_success(on, *way) {
                continue;
            }
            if !changes_nothing(&from.handler) {
                report.push(finding(on, *way, at, &next));
            } else if !std::mem::replace(&mut is_seen[way.stage], true) {
                next[way.stage] = Some(at);
                todo.push(way.stage);
            }
        }
    }
}

fn needs_success(on: &Inspection<'_>, way: Way) -> bool {
    let condition = way.edge.and_then(|position| on.conditions[position].as_ref().ok());
    condition.is_some_and(|condition| condition.requires_outcome("success"))
}

/// Whether what was proven before such a stage is still what stands after it.
fn changes_nothing(handler: &Handler) -> bool {
    matches!(
        handler,
        Handler::Conditional | Handler::Human | Handler::Check | Handler::Attack | Handler::Ship
    )
}

fn finding(on: &Inspection<'_>, way: Way, to: usize, next: &[Option<usize>]) -> Diagnostic {
    let stages = &on.topology.stages;
    let rest = std::iter::successors(Some(to), |at| next[*at]).map(|at| stages[at].id.as_str());
    let mut names = vec![stages[way.stage].id.as_str()];
    names.extend(rest.take(SHOWN_STAGES_MAX));
    let message = format!("what ships may be unproven on the way {}", names.join(" -> "));
    let help = "lead there only from a `factory.prove` stage with `goal_gate=true`, by an edge with \
                `condition=\"outcome=success\"`";
    let error = Diagnostic::error("unproven-ship", message).help(help);
    match way.edge {
        Some(position) => on.at(Subject::Edge(position), error),
        None => on.at_key(Subject::Stage(&stages[way.stage].id), "retry_target", error),
    }
}
