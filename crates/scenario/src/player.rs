//! Plays many scenarios with many seeds side by side, and hands the trajectories back in order.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use intent::{Interface, Scenario, Step};
use sandbox::{Cancel, Limits, Sandbox};
use twin::Exchange;

use crate::degenerate::kinds;
use crate::{
    Decision, Judge, LOOKS, Open, Packs, Played, SandboxWorld, Sequential, Trajectory, World,
    WorldError, play_open, settle,
};

/// More threads than this only wait for each other, whatever the machine.
const THREADS_MAX: usize = 64;

/// How plays are run.
#[derive(Debug, Clone)]
pub struct PlaySettings {
    /// Plays at once; clamped to 1 ..= 64.
    pub threads: usize,
    /// Of each run of a program.
    pub limits: Limits,
    /// Who is asked about judged sentences.
    pub judge: Option<Arc<dyn Judge>>,
}

impl Default for PlaySettings {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads, limits: Limits::default(), judge: None }
    }
}

/// Plays scenarios on a built product.
#[derive(Debug, Clone, Copy)]
pub struct Player<'a> {
    pub sandbox: &'a Sandbox,
    pub cancel: &'a Cancel,
    /// The built product on the host; only ever read.
    pub product: &'a Path,
    pub interface: &'a Interface,
    /// What the twins that the interface declares are made of.
    pub packs: &'a Packs,
    pub settings: &'a PlaySettings,
}

/// What happens in a play that somebody watches.
pub enum Watched<'a> {
    /// A step is about to be performed.
    Step(&'a Step),
    /// The program asked a twin, or was told by one.
    Exchange(&'a Exchange),
}

impl<'a> Player<'a> {
    /// A fresh world on the product, in the circumstances of `seed`.
    ///
    /// # Errors
    /// When its working directory cannot be made.
    pub fn world(&self, seed: u64) -> Result<SandboxWorld<'a>, WorldError> {
        SandboxWorld::new(
            self.sandbox,
            self.cancel,
            self.product,
            self.interface,
            self.settings.limits.clone(),
            seed,
        )
        .map(|world| world.with_packs(self.packs))
    }

    /// Plays every scenario with every seed: scenario by scenario, seeds within. `progress` is told
    /// of each trajectory as it ends; the order of the result does not depend on that.
    ///
    /// Once the cord is pulled, what is left is `Undecided`.
    pub fn play_all(
        &self,
        scenarios: &[Scenario],
        seeds: &[u64],
        progress: &mut dyn FnMut(&Trajectory),
    ) -> Vec<Trajectory> {
        let count = scenarios.len() * seeds.len();
        let job = |index: usize| {
            self.trajectory(&scenarios[index / seeds.len()], seeds[index % seeds.len()])
        };
        side_by_side(count, self.settings.threads, &job, progress)
    }

    /// Plays every scenario with one seed after the other, from `first`, until `test` decides or has
    /// looked for the last time; the trajectories in the order of [`Player::play_all`].
    ///
    /// Once the cord is pulled, nothing is decided, and plays that it broke off are left out.
    pub fn play_until(
        &self,
        scenarios: &[Scenario],
        first: u64,
        test: &Sequential,
        progress: &mut dyn FnMut(&Trajectory),
    ) -> (Vec<Trajectory>, Option<Decision>) {
        let seeds: Vec<u64> = (0..1 << (LOOKS - 1)).map(|n| first.wrapping_add(n)).collect();
        let mut decision = None;
        let mut look = |played: &[Trajectory]| {
            let satisfied = played.iter().filter(|one| one.played.is_satisfied()).count();
            decision = test.decide(satisfied as u64, played.len() as u64);
            decision.is_some()
        };
        let mut played = self.play_rounds(scenarios, &seeds, &mut look, progress);
        if self.cancel.is_pulled() {
            played.retain(|one| !one.was_cancelled());
            decision = None;
        }
        (played, decision)
    }

    /// Plays every scenario in rounds, each with one of `seeds`: one round, and then as many as there
    /// were before. After each time `enough` looks at all that was played, and says whether to stop.
    /// The trajectories are in the order of [`Player::play_all`].
    pub fn play_rounds(
        &self,
        scenarios: &[Scenario],
        seeds: &[u64],
        enough: &mut dyn FnMut(&[Trajectory]) -> bool,
        progress: &mut dyn FnMut(&Trajectory),
    ) -> Vec<Trajectory> {
        let mut played: Vec<Trajectory> = Vec::new();
        let mut rounds = 0;
        while rounds < seeds.len() {
            let end = (rounds * 2).clamp(1, seeds.len());
            played.extend(self.play_all(scenarios, &seeds[rounds..end], progress));
            rounds = end;
            if self.cancel.is_pulled() || enough(&played) {
                break;
            }
        }
        played.sort_by_key(|one| {
            let at = scenarios.iter().position(|scenario| scenario.id == one.scenario);
            (at, seeds.iter().position(|seed| *seed == one.seed))
        });
        played
    }

    /// Plays one scenario with one seed.
    pub fn trajectory(&self, scenario: &Scenario, seed: u64) -> Trajectory {
        self.watched(scenario, seed, &mut |_| ())
    }

    /// Plays one scenario with one seed, and tells of each step and exchange as they happen.
    pub fn watched(
        &self,
        scenario: &Scenario,
        seed: u64,
        watch: &mut dyn FnMut(Watched<'_>),
    ) -> Trajectory {
        let mut look = |index: usize, world: &mut dyn World| {
            if let Ok(services) = world.services() {
                for exchange in services.twins().news() {
                    watch(Watched::Exchange(&exchange));
                }
            }
            if let Some(step) = scenario.steps.get(index) {
                watch(Watched::Step(step));
            }
        };
        self.timed(scenario, seed, &mut |mut world| {
            play_open(kinds(scenario), &mut world, &mut look)
        })
    }

    /// What `play` makes of a fresh world, unless the cord was pulled before it ended.
    pub(crate) fn timed(
        &self,
        scenario: &Scenario,
        seed: u64,
        play: &mut dyn FnMut(SandboxWorld<'a>) -> (Played, Vec<Open>),
    ) -> Trajectory {
        let started = Instant::now();
        let mut play = || match self.world(seed) {
            Ok(world) => play(world),
            Err(error) => (Played::Undecided { reason: base::chain(&error) }, Vec::new()),
        };
        let played = (!self.cancel.is_pulled()).then(&mut play);
        // What a judge takes is none of the program's time.
        let wall = started.elapsed();
        let judge = self.settings.judge.as_deref();
        let played = played.map(|(played, open)| settle(played, &open, judge));
        // Whatever it seems to have come to: what pulled the cord may have ended the program too.
        let whole = |played: &Played| !self.cancel.is_pulled() || played.is_satisfied();
        let played = played.filter(whole).unwrap_or_else(Played::cancelled);
        Trajectory {
            scenario: scenario.id.clone(),
            requirements: scenario.requirements.clone(),
            seed,
            played,
            wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Performs jobs `0..count` on a number of threads; results come back in order.
///
/// `progress` runs on the calling thread, once for each result, in the order in which they end.
pub fn side_by_side<T: Send>(
    count: usize,
    threads: usize,
    job: &(dyn Fn(usize) -> T + Sync),
    progress: &mut dyn FnMut(&T),
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let mut slots: Vec<Option<T>> = (0..count).map(|_| None).collect();
    std::thread::scope(|scope| {
        let (done, results) = mpsc::channel();
        for _ in 0..threads.clamp(1, THREADS_MAX).min(count) {
            let (done, next) = (done.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count || done.send((index, job(index))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        for (index, result) in results {
            progress(&result);
            slots[index] = Some(result);
        }
    });
    slots.into_iter().map(|slot| slot.expect("every index was taken by one thread")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order_whatever_the_number_of_threads() {
        for threads in [0, 1, 3, 1000] {
            let mut told = 0;
            let squares = side_by_side(40, threads, &|n| n * n, &mut |_| told += 1);
            assert_eq!(squares, (0..40).map(|n| n * n).collect::<Vec<_>>());
            assert_eq!(told, 40);
        }
        assert!(side_by_side(0, 2, &|n| n, &mut |_| ()).is_empty());
    }
}
