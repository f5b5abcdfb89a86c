//! Which faults scenarios play, and what becomes of a product under those that none plays.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base::{Diagnostic, ScenarioId};
use intent::{Intent, Scenario, ServiceStep, StepKind};
use policy::FailureKind;
use serde::{Deserialize, Serialize};
use twin::Fault;
use twin::fault::Effect;

use crate::meddling::{Meddler, Observation, SeenCall};
use crate::service_strength::Seen;
use crate::{Played, Player, side_by_side};

/// Faults that are tried in all: each is a play.
const FAULTS_MAX: usize = 64;

/// A fault that could strike an operation which the product uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedFault {
    pub service: String,
    pub operation: String,
    /// As rules name it: `rate_limited`, `reset`, ….
    pub fault: String,
    /// The first scenario in which it strikes this operation.
    pub played_by: Option<ScenarioId>,
    /// Where no scenario plays it: what became of one in which it struck the first such call.
    pub tried: Option<Trial>,
}

/// A scenario that was played with a fault of which it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    pub scenario: ScenarioId,
    /// How it failed; `None`: it was satisfied all the same.
    pub failed: Option<FailureKind>,
}

impl TriedFault {
    /// `a reset connection`.
    pub fn words(&self) -> &str {
        words(&self.fault)
    }

    /// How the product failed under it and in which scenario, if it did.
    pub fn falls(&self) -> Option<(FailureKind, &ScenarioId)> {
        let trial = self.tried.as_ref()?;
        trial.failed.map(|kind| (kind, &trial.scenario))
    }
}

impl fmt::Display for TriedFault {
    /// `slack chat.postMessage: a reset connection`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.service, self.operation, self.words())
    }
}

/// A fault as rules name it, in words, and what strikes where it is tried. Delays are long enough to
/// be seen, and short enough to be waited for.
const FAULTS: [(&str, &str, Effect); 8] = [
    ("rate_limited", "a refusal for too many calls (429)", Effect::RateLimited { retry_after: 1 }),
    ("server_error", "an error of the server's (5xx)", Effect::ServerError { status: 503 }),
    ("reset", "a reset connection", Effect::Reset),
    ("lost_response", "a lost response", Effect::LostResponse),
    ("truncated", "an answer that breaks off", Effect::Truncated { bytes: 1 }),
    ("latency", "a late answer", Effect::Latency { ms: 1000 }),
    ("duplicate_webhook", "webhooks that arrive twice", Effect::DuplicateWebhook),
    ("delayed_webhook", "webhooks that arrive late", Effect::DelayedWebhook { ms: 1000 }),
];

fn words(fault: &str) -> &str {
    FAULTS.iter().find(|(name, ..)| *name == fault).map_or(fault, |(_, words, _)| words)
}

/// Whether a fault makes a difference to such a call that others do not make.
fn fits(fault: &str, call: &SeenCall) -> bool {
    match fault {
        "lost_response" => call.changing,
        "duplicate_webhook" | "delayed_webhook" => call.sets_off,
        _ => true,
    }
}

/// All faults that could strike what the product does, those that no scenario plays tried.
pub(crate) fn tried(
    player: &Player<'_>,
    seen: &Seen<'_>,
    seed: u64,
    progress: &mut dyn FnMut(usize, usize),
) -> Vec<TriedFault> {
    let mut found = faults(seen);
    let wanted: Vec<usize> = (0..found.len()).filter(|at| found[*at].played_by.is_none()).collect();
    let wanted: Vec<usize> = wanted.into_iter().take(FAULTS_MAX).collect();
    let job = |index: usize| trial(player, seen, &found[wanted[index]], seed);
    let mut done = 0;
    let trials = side_by_side(wanted.len(), player.settings.threads, &job, &mut |_| {
        done += 1;
        progress(done, wanted.len());
    });
    for (at, trial) in wanted.into_iter().zip(trials) {
        found[at].tried = trial;
    }
    found
}

fn faults(seen: &Seen<'_>) -> Vec<TriedFault> {
    let mut calls: BTreeMap<(&str, &str), Vec<(&ScenarioId, &SeenCall)>> = BTreeMap::new();
    for (scenario, observation, _) in &seen.plays {
        for call in observation.log.calls.iter().filter(|call| !call.operation.is_empty()) {
            let of = calls.entry((&call.service, &call.operation)).or_default();
            of.push((&scenario.id, call));
        }
    }
    let mut found = Vec::new();
    for ((service, operation), calls) in calls {
        for (fault, ..) in FAULTS {
            if !calls.iter().any(|(_, call)| fits(fault, call)) {
                continue;
            }
            let struck = |(_, call): &&(_, &SeenCall)| call.faults.iter().any(|name| name == fault);
            let played_by = calls.iter().find(struck).map(|(id, _)| (*id).clone());
            let (service, operation) = (service.to_owned(), operation.to_owned());
            let fault = fault.to_owned();
            found.push(TriedFault { service, operation, fault, played_by, tried: None });
        }
    }
    found
}

/// Plays the quickest scenario that makes such a call, one without faults of its own if there is one.
fn trial(player: &Player<'_>, seen: &Seen<'_>, wanted: &TriedFault, seed: u64) -> Option<Trial> {
    let is_such = |call: &SeenCall| {
        call.service == wanted.service
            && call.operation == wanted.operation
            && fits(&wanted.fault, call)
    };
    let such = seen.plays.iter().filter(|(_, one, _)| one.log.calls.iter().any(is_such));
    let calm = |calls: &[SeenCall]| calls.iter().all(|call| call.faults.is_empty());
    let (scenario, ..) = such.min_by_key(|(_, one, _)| !calm(&one.log.calls))?;
    let failed = match player.observed_under(wanted, scenario, seed)?.trajectory.played {
        Played::Satisfied => None,
        Played::Failed(failure) => Some(failure.kind),
        Played::Uncovered { .. } => Some(FailureKind::Uncovered),
        Played::Undecided { .. } => return None,
    };
    Some(Trial { scenario: scenario.id.clone(), failed })
}

impl Player<'_> {
    /// Plays one scenario with a fault besides its own, which strikes the first such call, and keeps
    /// what passed. `None` for a fault that there is not.
    pub fn observed_under(
        &self,
        fault: &TriedFault,
        scenario: &Scenario,
        seed: u64,
    ) -> Option<Observation> {
        let (_, _, effect) = FAULTS.iter().find(|(name, ..)| *name == fault.fault)?;
        let rule = Fault {
            service: Some(fault.service.clone()),
            operation: Some(fault.operation.clone()),
            actor: None,
            nth: 1,
            times: 1,
            effect: effect.clone(),
        };
        Some(self.meddled(scenario, seed, Meddler::injecting(rule)))
    }
}

/// The faults that scenarios never speak of, for each twin that an intent declares: what can be said
/// without playing. Faults of webhooks are left out: who sends any shows only in a play.
pub fn unplayed_faults(intent: &Intent, scenarios: &[Scenario]) -> Vec<Diagnostic> {
    if intent.interface.service.is_none() {
        return Vec::new();
    }
    let mut played: BTreeMap<&str, BTreeSet<&str>> =
        intent.interface.twins.keys().map(|name| (name.as_str(), BTreeSet::new())).collect();
    for step in scenarios.iter().flat_map(|scenario| &scenario.steps) {
        let StepKind::Service(ServiceStep::Fails { service, rules }) = &step.kind else { continue };
        let of = played.entry(service).or_default();
        of.extend(rules.iter().filter_map(|rule| rule.get("fault").map(String::as_str)));
    }
    let mut found = Vec::new();
    for (service, played) in played {
        let missing = FAULTS
            .iter()
            .filter(|(name, ..)| !name.ends_with("_webhook") && !played.contains(name));
        let missing: Vec<&str> = missing.map(|(_, words, _)| *words).collect();
        if !missing.is_empty() {
            let message =
                format!("no scenario plays these faults of {service}: {}", missing.join(", "));
            let help = format!(
                "add a scenario with `{service} has the faults:`, or leave it: nothing is promised of them"
            );
            found.push(Diagnostic::warning("fault-unplayed", message).help(help));
        }
    }
    found
}
