//! What a playing left behind, and what may be told of it.

use std::collections::{BTreeMap, BTreeSet};

use base::{RequirementId, ScenarioId};
use policy::{Disclosure, FailureKind};
use serde::{Deserialize, Serialize};

use crate::Played;

/// One observed playing of one scenario with one seed. Held out, as its scenario is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trajectory {
    pub scenario: ScenarioId,
    /// What the scenario is tagged with.
    pub requirements: Vec<RequirementId>,
    pub seed: u64,
    pub played: Played,
    pub wall_ms: u64,
}

impl Trajectory {
    /// Whether it was broken off from outside, so that it tells nothing at all.
    pub fn was_cancelled(&self) -> bool {
        self.played == Played::cancelled()
    }
}

/// What a builder may learn of some trajectories: coarse, each thing once, sorted, so that neither
/// the number nor the order of failures leaks.
pub fn disclosures(trajectories: &[Trajectory]) -> Vec<Disclosure> {
    let mut told = BTreeSet::new();
    for trajectory in trajectories {
        let kind = match &trajectory.played {
            Played::Failed(failure) => failure.kind,
            Played::Uncovered { .. } => FailureKind::Uncovered,
            Played::Satisfied | Played::Undecided { .. } => continue,
        };
        for requirement in &trajectory.requirements {
            told.insert(Disclosure { requirement: requirement.clone(), kind });
        }
    }
    told.into_iter().collect()
}

/// A scenario that came out differently with different seeds: the program depends on something that
/// it should not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flake {
    pub scenario: ScenarioId,
    pub satisfied: Vec<u64>,
    pub failed: Vec<u64>,
}

/// The scenarios whose verdict depends on the seed.
pub fn flakes(trajectories: &[Trajectory]) -> Vec<Flake> {
    let mut by_scenario: BTreeMap<&ScenarioId, (Vec<u64>, Vec<u64>)> = BTreeMap::new();
    for trajectory in trajectories {
        let seeds = by_scenario.entry(&trajectory.scenario).or_default();
        match &trajectory.played {
            Played::Satisfied => seeds.0.push(trajectory.seed),
            Played::Failed(_) => seeds.1.push(trajectory.seed),
            Played::Uncovered { .. } | Played::Undecided { .. } => {}
        }
    }
    by_scenario
        .into_iter()
        .filter(|(_, (satisfied, failed))| !satisfied.is_empty() && !failed.is_empty())
        .map(|(id, (satisfied, failed))| Flake { scenario: id.clone(), satisfied, failed })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CONFIDENCE, Failure, SatisfactionReport};

    fn trajectory(
        scenario: &str,
        tags: &[&str],
        seed: u64,
        kind: Option<FailureKind>,
    ) -> Trajectory {
        let played = kind.map_or(Played::Satisfied, |kind| {
            let text = || "SECRET".to_owned();
            Played::Failed(Failure { step: 1, kind, expected: text(), actual: text() })
        });
        Trajectory {
            scenario: scenario.parse().unwrap(),
            requirements: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
            seed,
            played,
            wall_ms: 1,
        }
    }

    #[test]
    fn disclosures_are_coarse_sorted_and_told_once() {
        let trajectories = [
            trajectory("b:9", &["R2", "R1"], 0, Some(FailureKind::WrongExit)),
            trajectory("b:9", &["R2", "R1"], 1, Some(FailureKind::WrongExit)),
            trajectory("a:3", &["R1"], 0, Some(FailureKind::WrongStdout)),
            trajectory("a:3", &["R3"], 1, None),
        ];
        let told = disclosures(&trajectories);
        let told: Vec<String> =
            told.iter().map(|one| format!("{} {}", one.requirement, one.kind)).collect();
        assert_eq!(told, ["R1 wrong standard output", "R1 wrong exit code", "R2 wrong exit code"]);
    }

    #[test]
    fn a_flake_is_named_with_its_seeds_and_steady_failure_is_none() {
        let trajectories = [
            trajectory("a:1", &["R1"], 0, None),
            trajectory("a:1", &["R1"], 1, Some(FailureKind::WrongStdout)),
            trajectory("b:1", &["R1"], 0, Some(FailureKind::WrongStdout)),
            trajectory("b:1", &["R1"], 1, Some(FailureKind::WrongStdout)),
        ];
        let found = flakes(&trajectories);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].scenario.as_str(), &found[0].failed), ("a:1", &vec![1]));
    }

    #[test]
    fn a_scenario_counts_once_however_many_seeds_it_was_played_with() {
        let trajectories = [
            trajectory("a:1", &["R1"], 0, None),
            trajectory("a:1", &["R1"], 1, Some(FailureKind::WrongStdout)),
            trajectory("b:1", &["R1", "R2"], 0, None),
            trajectory("b:1", &["R1", "R2"], 1, None),
        ];
        let report = SatisfactionReport::of(&trajectories, CONFIDENCE);
        assert_eq!((report.overall.satisfied, report.overall.n), (3, 4));
        assert_eq!((report.scenarios.satisfied, report.scenarios.n), (1, 2));
        let by: Vec<(u64, u64)> =
            report.requirements.values().map(|one| (one.satisfied, one.n)).collect();
        assert_eq!(by, [(3, 4), (2, 2)]);
    }
}
