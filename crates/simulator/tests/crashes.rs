//! Thousands of schedules with crashes, repeats and late arrivals, and the mistakes that they find.

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::Ending;
use simulator::{Defect, check_schedule};

/// Schedules that a plain test run plays: what two cores play in a few seconds without
/// optimisation. `DARK_SIMULATOR_SCHEDULES` plays more, from `DARK_SIMULATOR_SEED` on.
const SCHEDULES: u64 = 10_000;

/// Schedules within which each planted mistake must be found.
const SCHEDULES_TO_FIND: u64 = 3_000;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn a_run_ends_as_it_would_have_whatever_is_killed_and_whenever() {
    let first = number("DARK_SIMULATOR_SEED", 0);
    let count = number("DARK_SIMULATOR_SCHEDULES", SCHEDULES);
    let (mut completed, mut deaths) = (0, 0);
    for seed in first..first + count {
        let run = catch_unwind(|| check_schedule(seed, Defect::None));
        let run = run.unwrap_or_else(|_| panic!("DARK_SIMULATOR_SEED={seed} panicked"));
        let run = run.unwrap_or_else(|found| panic!("DARK_SIMULATOR_SEED={seed}: {}", found.0));
        completed += u64::from(run.state.ending() == Some(&Ending::Completed));
        deaths += u64::from(run.deaths);
    }
    println!("{count} schedules: {completed} completed, {deaths} deaths");
    // A simulator in which nothing completes or nothing dies shows nothing.
    assert!(completed * 10 > count && deaths > count, "{completed} completed, {deaths} deaths");
}

#[test]
fn every_planted_mistake_is_found() {
    for defect in [
        Defect::DropEvent,
        Defect::PerformBeforeAppend,
        Defect::ApplyTwice,
        Defect::ShipWithoutSwap,
    ] {
        let found = (0..SCHEDULES_TO_FIND).find(|seed| {
            let check = AssertUnwindSafe(|| check_schedule(*seed, defect).is_err());
            catch_unwind(check).unwrap_or(true)
        });
        assert!(found.is_some(), "{defect:?} was not found");
    }
}
