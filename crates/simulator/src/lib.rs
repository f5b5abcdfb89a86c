//! Drives the pure engine from a seed on one thread: random pipelines, random outcomes, and a log
//! that loses whatever was not durable when the process dies.
//!
//! For development only. Everything comes from the seed, so that a failing schedule is told by one
//! number. The simulator refuses to know real hands, clocks and disks.

mod draw;
mod machine;
mod pipelines;
mod story;
mod world;

pub use draw::{Draw, Listed};
pub use machine::{Chaos, Defect, Run, Violation, check_schedule, simulate};
pub use pipelines::{is_forked, is_ordered, linear, looping, pipeline};
pub use story::story;
pub use world::{LIMITS, World, start};
