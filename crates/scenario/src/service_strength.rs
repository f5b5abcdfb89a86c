//! How strong scenarios about a service are, found out on a build that satisfies them: what could be
//! wrong in what it answers and does without any of them noticing, and which faults none of them plays.
//!
//! It refuses to know what follows from that, and how a sabotage is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{RequirementId, ScenarioId};
use intent::{Scenario, StepKind};
use serde::{Deserialize, Serialize};

use crate::degenerate::kinds;
use crate::meddling::{Change, MeddledWorld, Meddler, Observation, Sabotage, Spot};
use crate::service_faults::{self, TriedFault};
use crate::{Played, Player, play, side_by_side};

/// Sabotages that are tried in all. Each is a play, and a survivor one of every scenario that it comes
/// up in: at some hundred milliseconds each, more would make a proof wait for minutes.
pub const SABOTAGES_MAX: usize = 48;

/// Of those, plain ones; the rest is left to finer ones.
const PLAIN_MAX: usize = 32;

/// Waves of sabotages, each finer than the one before: a body, a field of it, a value of that.
const WAVES: usize = 3;

/// What would go unnoticed in a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStrength {
    /// Those that made a difference in at least one play.
    pub sabotages: Vec<TriedSabotage>,
    /// For each operation that the service asks of its twins, each fault that could strike it.
    pub faults: Vec<TriedFault>,
}

/// A sabotage and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedSabotage {
    pub sabotage: Sabotage,
    /// The first scenario that noticed; `None`: it survived them all.
    pub caught_by: Option<ScenarioId>,
    /// For a survivor: the scenarios in which it was done and nobody noticed.
    pub unnoticed_in: Vec<ScenarioId>,
    /// What those are about.
    pub requirements: Vec<RequirementId>,
}

impl ServiceStrength {
    /// Whether nothing was tried.
    pub fn is_empty(&self) -> bool {
        self.sabotages.is_empty() && self.faults.is_empty()
    }

    /// How many sabotages were noticed, of how many.
    pub fn caught(&self) -> (usize, usize) {
        (self.sabotages.len() - self.survivors().count(), self.sabotages.len())
    }

    /// The sabotages that nobody noticed.
    pub fn survivors(&self) -> impl Iterator<Item = &TriedSabotage> {
        self.sabotages.iter().filter(|tried| tried.caught_by.is_none())
    }

    /// The faults that no scenario plays.
    pub fn unplayed(&self) -> impl Iterator<Item = &TriedFault> {
        self.faults.iter().filter(|fault| fault.played_by.is_none())
    }
}

impl Player<'_> {
    /// Plays one scenario with one seed, and keeps what passed between the service and all others.
    pub fn observed(&self, scenario: &Scenario, seed: u64) -> Observation {
        self.meddled(scenario, seed, Meddler::default())
    }

    pub(crate) fn meddled(&self, scenario: &Scenario, seed: u64, meddler: Meddler) -> Observation {
        let meddler = Arc::new(meddler);
        let mut left = BTreeMap::new();
        let trajectory = self.timed(scenario, seed, &mut |world| {
            let mut world = MeddledWorld::new(world, meddler.clone());
            // No model is asked here: what a judge would catch counts as not caught.
            let decided = kinds(scenario).filter(|kind| !matches!(kind, StepKind::Judged(_)));
            let played = play(decided, &mut world);
            // What cannot be read is not there to compare.
            left = world.left().unwrap_or_default();
            (played, Vec::new())
        });
        let log = meddler.log().clone();
        Observation::new(trajectory, log, left)
    }

    /// Tries what would go unnoticed, on a product of which there is an observation for each of
    /// `scenarios`, in order. Scenarios that it does not satisfy say nothing, and are left out.
    ///
    /// `progress` is told how much is done, of how much so far. Once the cord is pulled, the rest is
    /// left out: ask the cord.
    pub fn service_strength(
        &self,
        scenarios: &[Scenario],
        seed: u64,
        observations: &[Observation],
        progress: &mut dyn FnMut(usize, usize),
    ) -> ServiceStrength {
        let seen = Seen::new(scenarios, observations);
        let all: BTreeSet<Sabotage> = seen.plays.iter().flat_map(|one| one.1.sabotages()).collect();
        let (mut sabotages, mut room) = (Vec::new(), SABOTAGES_MAX);
        let mut done = 0;
        for wave in 0..WAVES {
            let ready = all.iter().filter(|one| is_ready(one, wave, &sabotages)).cloned().collect();
            let now = dealt(ready, if wave == 0 { PLAIN_MAX } else { room });
            room -= now.len();
            let job = |index: usize| self.try_sabotage(&now[index], &seen, seed);
            let total = done + now.len();
            let tried = side_by_side(now.len(), self.settings.threads, &job, &mut |_| {
                done += 1;
                progress(done, total);
            });
            sabotages.extend(tried.into_iter().flatten());
        }
        sabotages.sort_by(|a, b| a.sabotage.cmp(&b.sabotage));
        let faults = service_faults::tried(self, &seen, seed, progress);
        ServiceStrength { sabotages, faults }
    }

    /// `None` where it never made a difference.
    fn try_sabotage(
        &self,
        sabotage: &Sabotage,
        seen: &Seen<'_>,
        seed: u64,
    ) -> Option<TriedSabotage> {
        let mut tried = TriedSabotage {
            sabotage: sabotage.clone(),
            caught_by: None,
            unnoticed_in: Vec::new(),
            requirements: Vec::new(),
        };
        let mut about = BTreeSet::new();
        for (scenario, _, spots) in &seen.plays {
            if !spots.contains(&sabotage.spot) {
                continue;
            }
            let wrong = self.meddled(scenario, seed, Meddler::with(sabotage.clone()));
            match wrong.trajectory.played {
                _ if wrong.log.applied == 0 => {}
                Played::Failed(_) => {
                    tried.unnoticed_in.clear();
                    tried.caught_by = Some(scenario.id.clone());
                    return Some(tried);
                }
                Played::Satisfied => {
                    tried.unnoticed_in.push(scenario.id.clone());
                    about.extend(scenario.requirements.iter().cloned());
                }
                Played::Uncovered { .. } | Played::Undecided { .. } => {}
            }
        }
        tried.requirements = about.into_iter().collect();
        (!tried.unnoticed_in.is_empty()).then_some(tried)
    }
}

/// The right build's plays, the quick ones first: most that is wrong shows in any of them.
pub(crate) struct Seen<'a> {
    pub(crate) plays: Vec<(&'a Scenario, &'a Observation, BTreeSet<Spot>)>,
}

impl<'a> Seen<'a> {
    fn new(scenarios: &'a [Scenario], observations: &'a [Observation]) -> Self {
        let pairs = scenarios.iter().zip(observations);
        let satisfied = pairs.filter(|(_, one)| one.trajectory.played.is_satisfied());
        let mut plays: Vec<_> = satisfied
            .map(|(scenario, one)| {
                (scenario, one, one.sabotages().into_iter().map(|sabotage| sabotage.spot).collect())
            })
            .collect();
        // By whole seconds: finer times are chance, and the order should not be.
        plays.sort_by_key(|(_, one, _)| one.trajectory.wall_ms / 1000);
        Self { plays }
    }
}

/// Whether a sabotage belongs to a wave, and the wholes of which it does a part were noticed: where nobody
/// noticed that all of a text was gone, nobody notices that some of it is, and that is one finding.
fn is_ready(sabotage: &Sabotage, wave: usize, tried: &[TriedSabotage]) -> bool {
    let wholes: Vec<Change> =
        std::iter::successors(sabotage.change.whole(), Change::whole).collect();
    let unnoticed = |one: &TriedSabotage| {
        let same = one.sabotage.spot == sabotage.spot && wholes.contains(&one.sabotage.change);
        same && one.caught_by.is_none()
    };
    wholes.len() == wave && !tried.iter().any(unnoticed)
}

/// At most `max`, one of each spot in turn.
fn dealt(sabotages: BTreeSet<Sabotage>, max: usize) -> Vec<Sabotage> {
    let mut turns: BTreeMap<Spot, usize> = BTreeMap::new();
    let mut numbered: Vec<(usize, Sabotage)> = sabotages
        .into_iter()
        .map(|one| {
            let turn = turns.entry(one.spot.clone()).or_default();
            *turn += 1;
            (*turn, one)
        })
        .collect();
    numbered.sort();
    numbered.into_iter().map(|(_, one)| one).take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sabotage(path: &str, change: Change) -> Sabotage {
        Sabotage { spot: Spot::answer("GET", path), change }
    }

    #[test]
    fn every_spot_has_its_turn() {
        let many = ["/a", "/a", "/a", "/b"].iter().zip(["1", "2", "3", "4"]);
        let field = |field: &str| Change::FieldDropped { field: field.to_owned() };
        let all: BTreeSet<_> = many.map(|(path, name)| sabotage(path, field(name))).collect();
        let told: Vec<String> = dealt(all, 3).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "the answer to GET /a: its field `1` dropped",
                "the answer to GET /b: its field `4` dropped",
                "the answer to GET /a: its field `2` dropped",
            ]
        );
    }

    #[test]
    fn a_part_is_tried_unless_nobody_missed_the_whole() {
        let tried = |path: &str, caught: bool| TriedSabotage {
            sabotage: sabotage(path, Change::BodyEmptied),
            caught_by: caught.then(|| "a:1".parse().unwrap()),
            unnoticed_in: Vec::new(),
            requirements: Vec::new(),
        };
        let all = [tried("/a", true), tried("/b", false)];
        let ready = |path: &&str| is_ready(&sabotage(path, Change::BodyHalved), 1, &all);
        let ready: Vec<&str> = ["/a", "/b", "/c"].into_iter().filter(ready).collect();
        assert_eq!(ready, ["/a", "/c"]);
        let field = || "/x".to_owned();
        let value = |path| sabotage(path, Change::FieldChanged { field: field() });
        assert!(is_ready(&value("/a"), 2, &all) && !is_ready(&value("/b"), 2, &all));
        assert!(is_ready(&sabotage("/b", Change::Refused), 0, &all));
    }
}
