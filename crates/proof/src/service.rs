//! What the gate of strength knows of a build that is a service: what it does in each scenario, and how a
//! sabotaged copy is told from it.
//!
//! A copy does no harm if it asks the same of its twins in the same order, answers the same, and leaves the
//! same behind in every scenario, and under faults that no scenario plays, where code runs that none
//! reaches. It refuses to know what else could tell the two apart.

use base::RequirementId;
use intent::Scenario;
use scenario::{
    Call, Observation, Played, Player, ServiceStrength, Steadiness, Trajectory, TriedFault,
    side_by_side,
};

use crate::prove::{Advance, ProofError};

/// Faults under which a copy is compared: each is a play of every copy that nothing else told apart.
const PROBES_MAX: usize = 12;

/// The build's own plays, scenario by scenario.
pub(crate) struct Known {
    observations: Vec<Observation>,
    steady: Vec<Steadiness>,
    /// Plays that failed, though those before satisfied.
    failed: Vec<Trajectory>,
    /// And under faults that no scenario plays.
    probes: Vec<Probe>,
}

/// A scenario with a fault besides its own, and what the build does then every time.
struct Probe {
    /// Its index.
    scenario: usize,
    fault: TriedFault,
    steady: Steadiness,
}

impl Known {
    /// Plays every scenario twice: what the build itself does not do twice tells nothing of a copy.
    ///
    /// # Errors
    /// When a play is undecided: left out, it would make the build look as strong as the rest.
    pub(crate) fn of(
        player: &Player<'_>,
        scenarios: &[Scenario],
        seed: u64,
    ) -> Result<Self, ProofError> {
        let count = scenarios.len();
        let job = |index: usize| player.observed(&scenarios[index % count], seed);
        let mut first = side_by_side(count * 2, player.settings.threads, &job, &mut |_| ());
        let again = first.split_off(count);
        if player.cancel.is_pulled() {
            return Err(ProofError::Cancelled);
        }
        let mut failed = Vec::new();
        for Observation { trajectory, .. } in first.iter().chain(&again) {
            match &trajectory.played {
                Played::Satisfied => {}
                Played::Failed(_) | Played::Uncovered { .. } => failed.push(trajectory.clone()),
                Played::Undecided { reason } => {
                    let (scenario, reason) = (trajectory.scenario.to_string(), reason.clone());
                    return Err(ProofError::Undecided { scenario, reason });
                }
            }
        }
        let steady = first.iter().zip(&again).map(|(one, two)| one.steadiness(two)).collect();
        Ok(Self { observations: first, steady, failed, probes: Vec::new() })
    }

    /// What failed here after all scenarios were satisfied.
    pub(crate) fn failed(&self) -> &[Trajectory] {
        &self.failed
    }

    /// What would go unnoticed in the build. From then on copies are compared under its faults too.
    pub(crate) fn strength(
        &mut self,
        player: &Player<'_>,
        scenarios: &[Scenario],
        seed: u64,
        advance: Advance<'_>,
    ) -> Result<ServiceStrength, ProofError> {
        let found = player.service_strength(scenarios, seed, &self.observations, advance);
        let tried = found.unplayed().filter_map(|fault| {
            let trial = fault.tried.as_ref()?;
            let scenario = scenarios.iter().position(|one| one.id == trial.scenario)?;
            Some((scenario, fault.clone()))
        });
        let tried: Vec<(usize, TriedFault)> = tried.take(PROBES_MAX).collect();
        let job = |index: usize| {
            let (scenario, fault) = tried[index].clone();
            let play = || player.observed_under(&fault, &scenarios[scenario], seed);
            let (right, again) = (play()?, play()?);
            let steady = right.steadiness(&again);
            Some(Probe { scenario, fault, steady })
        };
        let probes = side_by_side(tried.len(), player.settings.threads, &job, &mut |_| ());
        self.probes = probes.into_iter().flatten().collect();
        if player.cancel.is_pulled() { Err(ProofError::Cancelled) } else { Ok(found) }
    }

    /// In what a copy that satisfies every scenario differs from the build, by a play of each scenario;
    /// `None` where it does not. A difference has to show twice: one that comes and goes is chance.
    pub(crate) fn difference(
        &self,
        player: &Player<'_>,
        scenarios: &[Scenario],
        seed: u64,
        plays: &[Observation],
    ) -> Option<Difference> {
        if self.steady.iter().all(|steady| steady.is_none()) {
            let requirements = scenarios.iter().flat_map(|one| one.requirements.clone()).collect();
            return Some(Difference { scenario: None, requirements, what: "nothing to compare" });
        }
        for (steady, (copy, scenario)) in self.steady.iter().zip(plays.iter().zip(scenarios)) {
            if copy.difference(steady).is_none() {
                continue;
            }
            let again = player.observed(scenario, seed);
            let what = match again.trajectory.played {
                Played::Satisfied => again.difference(steady),
                // It was satisfied a moment ago.
                Played::Failed(_) | Played::Uncovered { .. } => {
                    Some("what it does from one play to the next")
                }
                Played::Undecided { .. } => None,
            };
            if let Some(what) = what {
                let requirements = scenario.requirements.clone();
                return Some(Difference {
                    scenario: Some(scenario.id.clone()),
                    requirements,
                    what,
                });
            }
        }
        self.probes.iter().find_map(|probe| probe.difference(player, scenarios, seed))
    }
}

impl Probe {
    /// In what a copy differs from the build under the fault, twice.
    fn difference(
        &self,
        player: &Player<'_>,
        scenarios: &[Scenario],
        seed: u64,
    ) -> Option<Difference> {
        let scenario = &scenarios[self.scenario];
        let look = || {
            let copy = player.observed_under(&self.fault, scenario, seed)?;
            let decided = !matches!(copy.trajectory.played, Played::Undecided { .. });
            copy.difference(&self.steady).filter(|_| decided)
        };
        let what = look().and_then(|_| look())?;
        let requirements = scenario.requirements.clone();
        Some(Difference { scenario: Some(scenario.id.clone()), requirements, what })
    }
}

/// Where a copy differs from the build.
pub(crate) struct Difference {
    scenario: Option<base::ScenarioId>,
    pub(crate) requirements: Vec<RequirementId>,
    /// `what it answers`.
    what: &'static str,
}

impl Difference {
    /// As the call that shows it: the service, and in what it differs.
    pub(crate) fn call(&self, service: &str) -> Call {
        Call {
            scenario: self.scenario.clone(),
            requirements: self.requirements.clone(),
            words: vec![service.to_owned(), self.what.to_owned()],
            stdin: String::new(),
            files: Vec::new(),
            env: Vec::new(),
        }
    }
}
