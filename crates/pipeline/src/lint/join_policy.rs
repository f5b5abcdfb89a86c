//! `join-policy`: what a parallel stage wants of its branches can come true.

use base::Diagnostic;

use super::{Inspection, stages_of};
use crate::document::Subject;
use crate::report::Report;
use crate::{Handler, Join};

pub(super) fn check(on: &Inspection<'_>, report: &mut Report) {
    for stage in stages_of(on, &Handler::Parallel) {
        let Some(fan_out) = &stage.fan_out else { continue };
        let subject = Subject::Stage(&stage.id);
        let branches = on.graph.outgoing(&stage.id).count();
        if branches == 1 {
            let message = format!("parallel stage `{}` has a single branch", stage.id);
            let warning = Diagnostic::warning("join-policy", message);
            let warning = warning.help("add an edge for every branch, or leave the stage out");
            report.push(on.at(subject, warning));
        }
        match fan_out.join {
            Join::KOfN(k) if k as usize > branches => {
                let message = format!("{k} of {branches} branches can never succeed");
                let error = Diagnostic::error("join-policy", message);
                let error = error.help(format!("write `k` from 1 to {branches}"));
                report.push(on.at_key(subject, "k", error));
            }
            Join::WaitAll | Join::FirstSuccess | Join::KOfN(_) | Join::Quorum(_) => {}
        }
        let idle = |key: &str, is_used: bool| {
            let is_idle = !is_used && stage.attributes.contains_key(key);
            is_idle.then(|| key.to_owned())
        };
        let is_k = matches!(fan_out.join, Join::KOfN(_));
        let is_quorum = matches!(fan_out.join, Join::Quorum(_));
        let idle = [
            (idle("k", is_k), "k_of_n"),
            (idle("join_k", is_k), "k_of_n"),
            (idle("quorum", is_quorum), "quorum"),
            (idle("quorum_fraction", is_quorum), "quorum"),
        ];
        for (key, policy) in idle.into_iter().filter_map(|(key, policy)| Some((key?, policy))) {
            let message = format!("`{key}` has no effect with this `join_policy`");
            let warning = Diagnostic::warning("join-policy", message);
            let warning = warning.help(format!("add `join_policy={policy}`"));
            report.push(on.at_key(subject, &key, warning));
        }
    }
}
