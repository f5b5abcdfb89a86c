//! `restart-in-branch`: a run is not begun anew out of one of its branches, while the others go on.

use base::Diagnostic;

use super::Inspection;
use crate::document::Subject;
use crate::report::Report;

pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for area in &on.areas {
        let parallel = &on.topology.stages[area.parallel].id;
        for stage in area.stages.iter().chain([&area.parallel]) {
            let ways = on.topology.forward[*stage].iter().filter_map(|way| way.edge);
            for position in ways.filter(|position| on.graph.edges()[*position].loop_restart) {
                let message = format!("a branch of `{parallel}` would begin the run anew");
                let error = Diagnostic::error("restart-in-branch", message);
                let help = "let the branches meet first, and restart from there";
                report.push(on.at_key(Subject::Edge(position), "loop_restart", error.help(help)));
            }
        }
    }
}
