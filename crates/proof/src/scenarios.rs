//! The gate of held-out scenarios: every one, with seed after seed, until that is decided.
//!
//! One failure decides against a build. Without any, enough has been played when satisfaction's lower
//! bound reaches what the intent wants *and* a product that satisfies less would have got so far with a
//! chance of [`DECISION_ERROR`] at the most. Since a failure at any look ends everything, only one look
//! can ever accept, and looking before it costs nothing of the error: see `docs/intent-format.md`.

use base::ScenarioId;
use scenario::{
    CONFIDENCE, DECISION_ERROR, Flake, JudgedSentence, Played, Player, SatisfactionReport,
    Sequential, Trajectory, flakes, heard,
};
use serde::{Deserialize, Serialize};

use crate::gate::GateEvidence;
use crate::prove::{Advance, Bench, Finding, ProofError};

/// Rounds that are played in any case, of those that were planned: fewer would not vary the
/// circumstances (time zones, hash seeds, …) on which no program may depend.
const ROUNDS_MIN: usize = 3;

/// What was played. Held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioEvidence {
    pub trajectories: Vec<Trajectory>,
    pub satisfaction: SatisfactionReport,
    /// What the lower bound had to reach.
    pub wanted: f64,
    /// Scenarios that failed with some seeds only.
    pub flakes: Vec<Flake>,
    /// How long was played, and why no longer. Proofs of before played everything, and do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopping: Option<Stopping>,
    /// What judges were asked, and how well they were calibrated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judged: Vec<JudgedSentence>,
}

/// When playing stopped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stopping {
    /// Rounds that were played, each of one seed over all scenarios.
    pub rounds: usize,
    /// Rounds that there were seeds for.
    pub planned: usize,
    /// The most that accepting a product may be likely that satisfies less than is wanted.
    pub error: f64,
    /// How likely it is after so many plays.
    pub chance: f64,
    pub because: Because,
}

/// Why no more was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// A play failed, which no other makes up for.
    Failed,
    /// What is wanted is reached, at the stated error.
    Reached,
    /// No seed is left.
    Spent,
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
    let (scenarios, planned) = (input.scenarios.len(), input.settings.seeds.len());
    let least = scenarios * ROUNDS_MIN.min(planned);
    let wanted = input.intent.satisfaction;
    let mut decided = None;
    let mut look = |played: &[Trajectory]| {
        decided = because(played, wanted, least);
        decided.is_some()
    };
    let mut done = 0;
    let mut progress = |_: &Trajectory| {
        done += 1;
        advance(done, scenarios * planned);
    };
    let seeds = &input.settings.seeds;
    let trajectories = player.play_rounds(input.scenarios, seeds, &mut look, &mut progress);
    if bench.workshop.cancel.is_pulled() {
        return Err(ProofError::Cancelled);
    }
    // A failure needs nobody's judgement, and decides; so does a call that no twin covers, which the
    // next try would make again.
    let decides =
        |one: &Trajectory| matches!(one.played, Played::Failed(_) | Played::Uncovered { .. });
    let failed = trajectories.iter().any(decides);
    if !failed && let Some((id, reason)) = trajectories.iter().find_map(undecided) {
        return Err(ProofError::Undecided { scenario: id.to_string(), reason: reason.clone() });
    }
    let stopping = Stopping {
        rounds: trajectories.len() / scenarios.max(1),
        planned,
        error: DECISION_ERROR,
        chance: told(test(wanted).flawless_chance(trajectories.len() as u64)),
        because: decided.unwrap_or(Because::Spent),
    };
    let judged = heard(input.scenarios, input.settings.play.judge.as_deref());
    let mut found = judge(trajectories, wanted, stopping);
    if let GateEvidence::Scenarios(evidence) = &mut found.evidence {
        evidence.judged = judged;
    }
    Ok(found)
}

fn test(wanted: f64) -> Sequential {
    Sequential { wanted, error: DECISION_ERROR }
}

/// Why to stop after these plays, if there is a reason. What could not be decided is one: it is the end
/// of the proof.
fn because(played: &[Trajectory], wanted: f64, least: usize) -> Option<Because> {
    let plays = played.len() as u64;
    if played.iter().any(|one| !one.played.is_satisfied()) {
        return Some(Because::Failed);
    }
    let bound = SatisfactionReport::of(played, CONFIDENCE).overall.lower;
    let enough = played.len() >= least && bound >= wanted;
    (enough && plays >= test(wanted).flawless_needed()).then_some(Because::Reached)
}

fn undecided(trajectory: &Trajectory) -> Option<(&ScenarioId, &String)> {
    match &trajectory.played {
        Played::Undecided { reason } => Some((&trajectory.scenario, reason)),
        _ => None,
    }
}

/// A chance in millionths, never made smaller: its last bits depend on how numbers are read and written.
fn told(chance: f64) -> f64 {
    (chance * 1e6).ceil() / 1e6
}

/// Any failed trajectory fails the gate: satisfaction says how much was shown, and excuses nothing.
fn judge(trajectories: Vec<Trajectory>, wanted: f64, stopping: Stopping) -> Finding {
    let satisfaction = SatisfactionReport::of(&trajectories, CONFIDENCE);
    let flakes = flakes(&trajectories);
    let overall = satisfaction.overall;
    let failed = overall.n - overall.satisfied;
    let reached = overall.lower >= wanted && stopping.chance <= stopping.error;
    let mut summary = match (failed, reached) {
        (0, true) => format!("all {} plays satisfied: {overall}", overall.n),
        (0, false) => format!(
            "all {} plays satisfied, but {overall} does not reach {wanted}: add scenarios or seeds",
            overall.n
        ),
        _ => format!("{failed} of {} plays failed: {overall}", overall.n),
    };
    let Stopping { rounds, planned, .. } = stopping;
    let uncovered = |one: &&Trajectory| matches!(one.played, Played::Uncovered { .. });
    let uncovered = trajectories.iter().filter(uncovered).count();
    if uncovered > 0 {
        summary.push_str(&format!("; {uncovered} of them asked for what no twin covers"));
    }
    if failed > 0 && rounds < planned {
        summary.push_str(&format!("; stopped after {rounds} of {planned} rounds"));
    }
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
            stopping: Some(stopping),
            judged: Vec::new(),
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

    fn found(trajectories: Vec<Trajectory>, wanted: f64) -> Finding {
        let chance = test(wanted).flawless_chance(trajectories.len() as u64);
        let (error, because) = (DECISION_ERROR, Because::Spent);
        let stopping = Stopping { rounds: 1, planned: 3, error, chance, because };
        judge(trajectories, wanted, stopping)
    }

    #[test]
    fn one_failure_fails_whatever_the_interval_says() {
        let found = found(trajectories(100, &[7]), 0.5);
        assert!(!found.passed);
        assert_eq!(
            found.summary,
            "1 of 100 plays failed: 99/100 = 0.990 [0.946, 0.998]; stopped after 1 of 3 rounds; \
             1 of the scenarios fail with some seeds only"
        );
        assert!(!found.summary.contains("HELD OUT"));
        assert_eq!(found.disclosures.len(), 1);
    }

    #[test]
    fn too_few_plays_show_too_little() {
        let few = found(trajectories(10, &[]), 0.9);
        assert!(!few.passed && few.disclosures.is_empty());
        assert!(found(trajectories(35, &[]), 0.9).passed);
    }

    #[test]
    fn playing_stops_at_a_failure_or_when_bound_error_and_rounds_are_reached() {
        let why = |n, fails: &[u64], wanted, least| because(&trajectories(n, fails), wanted, least);
        assert_eq!(why(2, &[1], 0.9, 99), Some(Because::Failed));
        // Wilson's lower bound reaches 0.9 with 35 plays, 0.5 with 4; 0.5 to the power of 4 is above 5%.
        assert_eq!((why(34, &[], 0.9, 1), why(35, &[], 0.9, 1)), (None, Some(Because::Reached)));
        assert_eq!((why(4, &[], 0.5, 1), why(5, &[], 0.5, 1)), (None, Some(Because::Reached)));
        assert_eq!(why(35, &[], 0.9, 36), None, "circumstances have not been varied enough");
    }

    #[test]
    fn whenever_playing_stops_as_reached_the_report_says_so_too() {
        for wanted in [0.5, 0.7, 0.8, 0.9, 0.95, 0.99] {
            let reached = |n: &u64| because(&trajectories(*n, &[]), wanted, 1).is_some();
            let plays = (1..1000).find(reached).unwrap();
            let found = found(trajectories(plays, &[]), wanted);
            let GateEvidence::Scenarios(evidence) = &found.evidence else { panic!() };
            assert!(found.passed && evidence.satisfaction.overall.lower >= wanted, "{wanted}");
        }
    }

    #[test]
    fn evidence_of_before_playing_stopped_early_is_still_read() {
        let found = found(trajectories(5, &[]), 0.5);
        let GateEvidence::Scenarios(evidence) = &found.evidence else { panic!() };
        let mut stored = serde_json::to_value(evidence).unwrap();
        stored.as_object_mut().unwrap().remove("stopping").unwrap();
        let read: ScenarioEvidence = serde_json::from_value(stored).unwrap();
        assert_eq!((read.stopping, read.trajectories.len()), (None, 5));
    }
}
