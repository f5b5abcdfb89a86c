//! The gate that asks what else would have passed: degenerate programs, and sabotaged copies of this
//! very build.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use base::{RequirementId, ScenarioId};
use intent::Scenario;
use sandbox::Exit;
use scenario::{
    Call, Mutant, Observation, PlaySettings, Played, Player, ServiceStrength, Strength, Trajectory,
    World, mutants, play, side_by_side, variants,
};
use serde::{Deserialize, Serialize};

use crate::export::ExportError;
use crate::gate::GateEvidence;
use crate::in_write_set;
use crate::integrity::is_test;
use crate::prove::{Advance, Bench, Finding, ProofError};
use crate::service::Known;

/// A proof that lets more than half of what harms a build pass shows nothing by passing it. Higher
/// levels of autonomy ask for more; this is what no build ships below.
pub const CAUGHT_SHARE_MIN: f64 = 0.5;

/// What was tried against the scenarios.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrengthEvidence {
    pub degenerates: Strength,
    pub mutants: Vec<TriedMutant>,
    /// Mutants that a scenario or visible check caught.
    pub caught: usize,
    /// Mutants that behave differently, on a generated call or, of a service, in a scenario, and that
    /// nothing caught.
    pub survived: usize,
    /// Mutants that nothing tells from the build; in neither number.
    pub equivalent: usize,
    /// Mutants that did not build; in neither number.
    pub not_built: usize,
    /// Mutants that broke what they were tried in; in neither number.
    #[serde(default, skip_serializing_if = "is_none")]
    pub undecided: usize,
    /// Of a build that is a service: what could be wrong in what it answers and does without anybody
    /// noticing, and the faults that no scenario plays.
    #[serde(default, skip_serializing_if = "ServiceStrength::is_empty")]
    pub service: ServiceStrength,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

impl StrengthEvidence {
    /// How much of what harms the build was caught, and of how much: of sabotaged copies or of a
    /// service's sabotaged doings, whichever are caught less. They are not added up, since many plain
    /// sabotages that anything catches would hide a few copies that nothing does.
    pub fn weaker(&self) -> (usize, usize) {
        let copies = (self.caught, self.caught + self.survived);
        let doings = self.service.caught();
        match (copies, doings) {
            (copies, (_, 0)) => copies,
            ((_, 0), doings) => doings,
            (copies, doings) if copies.0 * doings.1 <= doings.0 * copies.1 => copies,
            (_, doings) => doings,
        }
    }
}

/// A sabotaged copy and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedMutant {
    pub mutant: Mutant,
    pub fate: Fate,
}

/// What became of a sabotaged copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    CaughtByScenario {
        scenario: ScenarioId,
    },
    /// By an example of the intent or a check of the line, which the builder can see too.
    CaughtByCheck {
        check: String,
    },
    NotBuilt,
    /// It broke a twin, or used up what a play has, so that nobody knows whether it would pass.
    Undecided {
        reason: String,
    },
    Equivalent,
    /// `call` shows the difference (of a service: the scenario in which it shows, and in what); a
    /// scenario on these requirements would have caught it.
    Survived {
        call: Call,
        requirements: Vec<RequirementId>,
    },
}

pub(crate) fn gate(
    bench: &Bench<'_>,
    slowest_ms: u64,
    advance: Advance<'_>,
) -> Result<Finding, ProofError> {
    let input = bench.input;
    let degenerates = scenario::strength(input.intent, input.scenarios, input.packs);
    let mut saboteur = Saboteur::new(bench, slowest_ms)?;
    let failed = saboteur.known.as_ref().map_or(&[][..], Known::failed);
    if !failed.is_empty() {
        return Ok(unsteady(degenerates, failed));
    }
    let mutants = mutants(
        &targets(bench),
        input.settings.seeds.first().copied().unwrap_or(0),
        input.settings.mutants,
    );
    let service = saboteur.service(advance)?;
    let tried = saboteur.try_all(mutants, advance)?;
    Ok(judge(degenerates, tried, service))
}

/// What is sabotaged: the program files that this build changed and was allowed to; where it changed
/// none, all that it was allowed to.
fn targets(bench: &Bench<'_>) -> BTreeMap<String, String> {
    let changed: BTreeSet<String> = bench.product.changed_since(&bench.base).into_iter().collect();
    let own = |only_changed: bool| -> BTreeMap<String, String> {
        let files = bench.product.entries.iter();
        files
            .filter(|(path, _)| !only_changed || changed.contains(*path))
            .filter(|(path, _)| {
                let allowed = &bench.input.intent.interface.files;
                allowed.iter().any(|pattern| in_write_set(pattern, path)) && !is_test(path)
            })
            .filter_map(|(path, entry)| Some((path.clone(), entry.text.clone()?)))
            .collect()
    };
    let changed = own(true);
    if changed.is_empty() { own(false) } else { changed }
}

fn judge(degenerates: Strength, mutants: Vec<TriedMutant>, service: ServiceStrength) -> Finding {
    let count = |wanted: fn(&Fate) -> bool| mutants.iter().filter(|one| wanted(&one.fate)).count();
    let caught =
        count(|fate| matches!(fate, Fate::CaughtByScenario { .. } | Fate::CaughtByCheck { .. }));
    let survived = count(|fate| matches!(fate, Fate::Survived { .. }));
    let equivalent = count(|fate| matches!(fate, Fate::Equivalent));
    let not_built = count(|fate| matches!(fate, Fate::NotBuilt));
    let undecided = count(|fate| matches!(fate, Fate::Undecided { .. }));
    let alive: Vec<&str> = degenerates.survivors().map(|one| one.name.as_str()).collect();
    let (stopped, programs) = degenerates.caught();
    let harmful = caught + survived;
    let (noticed, doings) = service.caught();
    let weak = is_weak(caught, harmful) || is_weak(noticed, doings);
    let mut summary = format!(
        "{stopped} of {programs} degenerate programs and {caught} of {harmful} sabotaged builds caught"
    );
    if equivalent > 0 {
        summary.push_str(&format!(" ({equivalent} more did no harm)"));
    }
    if doings > 0 {
        summary
            .push_str(&format!("; {noticed} of {doings} sabotaged doings of the service noticed"));
    }
    if !alive.is_empty() {
        summary.push_str(&format!("; `{}` would pass", alive.join("`, `")));
    }
    if weak {
        summary.push_str("; more than half of what harms it would pass: add scenarios");
    }
    Finding {
        passed: alive.is_empty() && !weak,
        summary,
        disclosures: Vec::new(),
        feedback: Vec::new(),
        evidence: GateEvidence::Strength(StrengthEvidence {
            degenerates,
            mutants,
            caught,
            survived,
            equivalent,
            not_built,
            undecided,
            service,
        }),
    }
}

/// What a build comes to that failed when it was played once more: any failure does, in whatever gate.
fn unsteady(degenerates: Strength, failed: &[Trajectory]) -> Finding {
    let mut found = judge(degenerates, Vec::new(), ServiceStrength::default());
    found.passed = false;
    let n = failed.len();
    found.summary = format!("{n} more plays of the build itself failed: it satisfies now and then");
    found.disclosures = scenario::disclosures(failed);
    found
}

/// Whether so many tell that too few are caught.
fn is_weak(caught: usize, harmful: usize) -> bool {
    let enough = harmful >= policy::SABOTAGED_MIN as usize;
    enough && (caught as f64) < CAUGHT_SHARE_MIN * harmful as f64
}

/// Tries sabotaged copies of one build.
struct Saboteur<'a> {
    bench: &'a Bench<'a>,
    play: PlaySettings,
    seed: u64,
    /// Where the build is a service.
    known: Option<Known>,
}

/// What can be observed of one call. The wording of messages is the builder's own.
type Behaviour = (Exit, Vec<u8>, bool, BTreeMap<String, Vec<u8>>);

impl<'a> Saboteur<'a> {
    fn new(bench: &'a Bench<'a>, slowest_ms: u64) -> Result<Self, ProofError> {
        /// Times slower than the build's slowest play before a copy counts as hanging: copies that
        /// loop for ever are common, and each would cost the whole limit.
        const SLOWER_MAX: u64 = 20;
        /// A busy machine can stop any program for this long.
        const WALL_MIN: Duration = Duration::from_secs(2);
        let mut play = bench.input.settings.play.clone();
        let patience = Duration::from_millis(slowest_ms.saturating_mul(SLOWER_MAX)).max(WALL_MIN);
        play.limits.wall = play.limits.wall.min(patience);
        let seed = bench.input.settings.seeds.first().copied().unwrap_or(0);
        let mut saboteur = Self { bench, play, seed, known: None };
        let input = bench.input;
        if input.intent.interface.service.is_some() {
            // With the patience of the scenarios' gate: this is the build itself.
            let settings = &input.settings.play;
            let player = Player { settings, ..saboteur.player(bench.built()) };
            saboteur.known = Some(Known::of(&player, input.scenarios, seed)?);
        }
        Ok(saboteur)
    }

    /// What would go unnoticed of what a service does.
    fn service(&mut self, advance: Advance<'_>) -> Result<ServiceStrength, ProofError> {
        let Some(mut known) = self.known.take() else { return Ok(ServiceStrength::default()) };
        let player = self.player(self.bench.built());
        let found = known.strength(&player, self.bench.input.scenarios, self.seed, advance);
        self.known = Some(known);
        found
    }

    fn try_all(
        &self,
        mutants: Vec<Mutant>,
        advance: Advance<'_>,
    ) -> Result<Vec<TriedMutant>, ProofError> {
        let calls = self.calls()?;
        let total = mutants.len();
        let mut done = 0;
        let job = |index: usize| self.fate(&mutants[index], &calls);
        let fates = side_by_side(total, self.play.threads, &job, &mut |_| {
            done += 1;
            advance(done, total);
        });
        if self.bench.workshop.cancel.is_pulled() {
            return Err(ProofError::Cancelled);
        }
        let fates: Result<Vec<Fate>, ProofError> = fates.into_iter().collect();
        let tried = mutants.iter().cloned().zip(fates?);
        Ok(tried.map(|(mutant, fate)| TriedMutant { mutant, fate }).collect())
    }

    fn player<'p>(&'p self, product: &'p Path) -> Player<'p> {
        Player {
            sandbox: self.bench.workshop.sandbox,
            cancel: self.bench.workshop.cancel,
            product,
            interface: &self.bench.input.intent.interface,
            packs: self.bench.input.packs,
            settings: &self.play,
        }
    }

    /// Generated calls, with what the build itself does on each; those on which it does not do the
    /// same twice are left out.
    fn calls(&self) -> Result<Vec<(Call, Behaviour)>, ProofError> {
        let input = self.bench.input;
        let calls = variants(input.intent, input.scenarios, self.seed, input.settings.variants);
        let player = self.player(self.bench.built());
        let job = |index: usize| {
            let first = self.behaviour(&player, &calls[index], 0)?;
            let second = self.behaviour(&player, &calls[index], 1)?;
            Ok((first == second).then_some(first))
        };
        let seen = side_by_side(calls.len(), self.play.threads, &job, &mut |_| ());
        let seen: Result<Vec<Option<Behaviour>>, ProofError> = seen.into_iter().collect();
        Ok(calls
            .iter()
            .cloned()
            .zip(seen?)
            .filter_map(|(call, seen)| Some((call, seen?)))
            .collect())
    }

    fn behaviour(
        &self,
        player: &Player<'_>,
        call: &Call,
        seed: u64,
    ) -> Result<Behaviour, ProofError> {
        let mut world = player.world(seed).map_err(ProofError::World)?;
        for (path, content) in &call.files {
            world.write_file(path, content.as_bytes()).map_err(ProofError::World)?;
        }
        let env = call.env.iter().cloned().collect();
        let finished =
            world.run(&call.words, call.stdin.as_bytes(), &env).map_err(ProofError::World)?;
        if finished.exit == Exit::Cancelled {
            return Err(ProofError::Cancelled);
        }
        let files = world.files().map_err(ProofError::World)?;
        Ok((finished.exit, finished.stdout, finished.stderr.is_empty(), files))
    }

    fn fate(&self, mutant: &Mutant, calls: &[(Call, Behaviour)]) -> Result<Fate, ProofError> {
        let input = self.bench.input;
        let stage = self.bench.workshop.stage(input.product)?;
        let file = stage.path().join(&mutant.file);
        std::fs::write(&file, &mutant.content).map_err(ExportError::io("write", &file))?;
        if let Some(build) = &input.intent.interface.build
            && !self.bench.workshop.run(stage.path(), build)?.passed
        {
            return Ok(Fate::NotBuilt);
        }
        let player = self.player(stage.path());
        let mut plays: Vec<Observation> = Vec::new();
        for scenario in input.scenarios {
            let played = match &self.known {
                None => player.trajectory(&scenario.unjudged(), self.seed).played,
                Some(_) => {
                    plays.push(player.observed(scenario, self.seed));
                    plays[plays.len() - 1].trajectory.played.clone()
                }
            };
            match played {
                Played::Satisfied => {}
                Played::Failed(_) | Played::Uncovered { .. } => {
                    return Ok(Fate::CaughtByScenario { scenario: scenario.id.clone() });
                }
                Played::Undecided { reason } => return self.undecided(scenario, reason),
            }
        }
        if let Some(check) = self.failed_example(&player)? {
            return Ok(Fate::CaughtByCheck { check });
        }
        for (call, right) in calls {
            if self.behaviour(&player, call, 0)? != *right {
                return self.harmful(stage.path(), call);
            }
        }
        match self.call_of_service(&player, &plays) {
            Some(call) => self.harmful(stage.path(), &call),
            None => Ok(Fate::Equivalent),
        }
    }

    /// Where a copy of a service differs from it, after a play of each scenario.
    fn call_of_service(&self, player: &Player<'_>, plays: &[Observation]) -> Option<Call> {
        let input = self.bench.input;
        let service = input.intent.interface.service.as_ref()?;
        let known = self.known.as_ref()?;
        let found = known.difference(player, input.scenarios, self.seed, plays)?;
        Some(found.call(&service.name))
    }

    fn failed_example(&self, player: &Player<'_>) -> Result<Option<String>, ProofError> {
        let intent = self.bench.input.intent;
        let stated = intent.requirements.iter().chain(&intent.constraints);
        for example in stated.flat_map(|requirement| &requirement.examples) {
            let mut world = player.world(0).map_err(ProofError::World)?;
            match play(&example.steps, &mut world) {
                Played::Satisfied => {}
                Played::Failed(_) | Played::Uncovered { .. } => {
                    return Ok(Some(example.text.clone()));
                }
                Played::Undecided { reason } => {
                    let scenario = example.text.clone();
                    return Err(ProofError::Undecided { scenario, reason });
                }
            }
        }
        Ok(None)
    }

    /// A copy that does harm, unless a check of the line, the dearest judge, sees it.
    fn harmful(&self, product: &Path, call: &Call) -> Result<Fate, ProofError> {
        for check in self.bench.input.checks {
            if !self.bench.workshop.run(product, check)?.passed {
                return Ok(Fate::CaughtByCheck { check: check.clone() });
            }
        }
        Ok(Fate::Survived { call: call.clone(), requirements: call.requirements.clone() })
    }

    /// A copy that broke what it was tried in, if the build itself does not do so: a machine on which
    /// nothing can be played must not pass for a proof that catches all.
    fn undecided(&self, scenario: &Scenario, reason: String) -> Result<Fate, ProofError> {
        let own = self.player(self.bench.built()).trajectory(&scenario.unjudged(), self.seed);
        if self.bench.workshop.cancel.is_pulled() {
            return Err(ProofError::Cancelled);
        }
        match own.played {
            Played::Undecided { reason } => {
                Err(ProofError::Undecided { scenario: scenario.id.to_string(), reason })
            }
            _ => Ok(Fate::Undecided { reason }),
        }
    }
}

#[cfg(test)]
#[path = "strength_tests.rs"]
mod tests;
