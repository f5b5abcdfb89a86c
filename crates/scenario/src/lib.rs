//! Scenarios at play: steps, trajectories, satisfaction, and how much a set of scenarios can catch.
//!
//! The same interpreter ([`play`]) drives a product in a sandbox ([`SandboxWorld`]) and a degenerate
//! program in memory ([`strength`]). This crate refuses to know who wrote a scenario, what a gate
//! decides from its trajectories, and where anything is recorded.

mod court;
mod degenerate;
mod degenerate_service;
mod expect;
mod expected;
mod http;
mod judge;
mod line;
mod live;
mod meddling;
mod play;
mod player;
mod sabotage;
mod satisfaction;
mod sequential;
mod service_faults;
mod service_strength;
mod services;
mod slips;
mod strength;
mod trajectory;
mod twins;
mod variant;
mod vocabulary;
mod world;

pub use court::{Court, JUDGED_CHARS_MAX, Prompt, Purpose, Reader, opinion_of};
pub use degenerate::Degenerate;
pub use http::{HttpRequest, HttpResponse};
pub use judge::{Calibration, Heard, Judge, JudgedSentence, Open, heard, settle};
pub use meddling::{Argument, Change, Observation, Part, Sabotage, Spot, Steadiness};
pub use play::{Failure, Played, World, WorldError, play, play_open, play_watched};
pub use player::{PlaySettings, Player, Watched, side_by_side};
pub use sabotage::{MUTANTS_MAX, Mutant, mutants};
pub use satisfaction::{CONFIDENCE, Satisfaction, SatisfactionReport, seeds_for};
pub use sequential::{DECISION_ERROR, Decision, LOOKS, Sequential};
pub use service_faults::{Trial, TriedFault, unplayed_faults};
pub use service_strength::{SABOTAGES_MAX, ServiceStrength, TriedSabotage};
pub use services::{Ending, Mishap, Services};
pub use slips::slips;
pub use strength::{Judged, Strength, Weakness, strength};
pub use trajectory::{Flake, Trajectory, disclosures, flakes};
pub use twins::{Packs, Twins};
pub use variant::{Call, VARIANTS_MAX, variants};
pub use vocabulary::unknown_words;
pub use world::{Circumstances, SandboxWorld};
