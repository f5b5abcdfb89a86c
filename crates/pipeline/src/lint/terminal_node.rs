//! `terminal-node`: exactly one exit; a dialect may have several.

use super::{Inspection, ends};
use crate::Handler;
use crate::report::Report;

/// Exactly one exit.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    let help = "add `exit [shape=Msquare]`";
    ends::exactly_one(on, report, &Handler::Exit, ("terminal-node", "exit"), help);
}
