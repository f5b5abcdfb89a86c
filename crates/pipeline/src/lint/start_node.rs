//! `start-node`: exactly one start.

use super::{Inspection, ends};
use crate::Handler;
use crate::report::Report;

/// Exactly one start.
pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    let help = "add `start [shape=Mdiamond]`";
    ends::exactly_one(on, report, &Handler::Start, ("start-node", "start"), help);
}
