//! The gate of held-out scenarios: every one, with every seed.

use base::ScenarioId;
use scenario::{CONFIDENCE, Flake, Played, Player, SatisfactionReport, Trajectory, flakes};
use serde::{Deserialize, Serialize};

use crate::gate::GateEvidence;
use crate::prove::{Advance, Bench, Finding, ProofError};

/// What was played. Held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioEvidence {
    pub trajectories: Vec<Trajectory>,
    pub satisfaction: SatisfactionReport,
    /// What the lower bound had to reach.
    pub wanted: f64,
    /// Scenarios that failed with some seeds only.
    pub flakes: Vec<Flake>,
}

pub(crate) fn gate(bench: &mut Bench<'_>, advance: Advance<'_>) -> Result<Finding, ProofError> {
    let input = bench.input;
    let player = Player {
        sandbox: bench.workshop.sandbox,
        cancel: bench.workshop.cancel,
        product: bench.built(),
        interface: &input.intent.interface,
        packs: input.packs,
        settings: &input.settings.play,
    };
    let total = input.scenarios.len() * input.settings.seeds.len();
    let mut done = 0;
    let trajectories = player.play_all(input.scenarios, &input.settings.seeds, &mut |_| {
        done += 1;
        advance(done, total);
    });
    if bench.workshop.cancel.is_pulled() {
        return Err(ProofError::Cancelled);
    }
    if let Some((id, reason)) = trajectories.iter().find_map(undecided) {
        return Err(ProofError::Undecided { scenario: id.to_string(), reason: reason.clone() });
    }
    Ok(judge(trajectories, input.intent.satisfaction))
}

fn undecided(trajectory: &Trajectory) -> Option<(&ScenarioId, &String)> {
    match &trajectory.played {
        Played::Undecided { reason } => Some((&trajectory.scenario, reason)),
        _ => None,
    }
}

/// Any failed trajectory fails the gate: satisfaction says how much was shown, and excuses nothing.
fn judge(trajectories: Vec<Trajectory>, wanted: f64) -> Finding {
    let satisfaction = SatisfactionReport::of(&trajectories, CONFIDENCE);
    let flakes = flakes(&trajectories);
    let overall = satisfaction.overall;
    let failed = overall.n - overall.satisfied;
    let reached = overall.lower >= wanted;
    let mut summary = match (failed, reached) {
        (0, true) => format!("all {} plays satisfied: {overall}", overall.n),
        (0, false) => format!(
            "all {} plays satisfied, but {overall} does not reach {wanted}: add scenarios or seeds",
            overall.n
        ),
        _ => format!("{failed} of {} plays failed: {overall}", overall.n),
    };
    if !flakes.is_empty() {
        summary.push_str(&format!("; {} of the scenarios fail with some seeds only", flakes.len()));
    }
    Finding {
        passed: failed == 0 && reached,
        summary,
        disclosures: scenario::disclosures(&trajectories),
        feedback: Vec::new(),
        evidence: GateEvidence::Scenarios(ScenarioEvidence {
            trajectories,
            satisfaction,
            wanted,
            flakes,
        }),
    }
}

#[cfg(test)]
mod tests {
    use policy::FailureKind;
    use scenario::Failure;

    use super::*;

    fn trajectories(n: u64, fails: &[u64]) -> Vec<Trajectory> {
        let failure = || {
            let text = || "HELD OUT".to_owned();
            let kind = FailureKind::WrongStdout;
            Played::Failed(Failure { step: 1, kind, expected: text(), actual: text() })
        };
        (0..n)
            .map(|seed| Trajectory {
                scenario: "a:1".parse().unwrap(),
                requirements: vec!["R1".parse().unwrap()],
                seed,
                played: if fails.contains(&seed) { failure() } else { Played::Satisfied },
                wall_ms: 1,
            })
            .collect()
    }

    #[test]
    fn one_failure_fails_whatever_the_interval_says() {
        let found = judge(trajectories(100, &[7]), 0.5);
        assert!(!found.passed);
        assert!(
            found.summary.contains("1 of the scenarios fail with some seeds only"),
            "{}",
            found.summary
        );
        assert!(!found.summary.contains("HELD OUT"));
        assert_eq!(found.disclosures.len(), 1);
    }

    #[test]
    fn too_few_plays_show_too_little() {
        let found = judge(trajectories(10, &[]), 0.9);
        assert!(!found.passed && found.disclosures.is_empty());
        assert!(judge(trajectories(35, &[]), 0.9).passed);
    }
}
