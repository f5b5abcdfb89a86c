//! `ship-in-branch`: what is proven and shipped is what all branches became, not one of them.

use base::Diagnostic;

use super::Inspection;
use crate::Handler;
use crate::document::Subject;
use crate::report::Report;

pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for area in &on.areas {
        let parallel = &on.topology.stages[area.parallel].id;
        for stage in area.stages.iter().map(|at| on.topology.stages[*at]) {
            let does = match stage.handler {
                Handler::Ship => "ships",
                Handler::Prove => "proves",
                _ => continue,
            };
            let message = format!("`{}` {does} inside a branch of `{parallel}`", stage.id);
            let error = Diagnostic::error("ship-in-branch", message);
            let error = error.help("put it after the stage where the branches meet");
            report.push(on.at(Subject::Stage(&stage.id), error));
        }
    }
}
