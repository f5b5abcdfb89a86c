//! Intents and their scenarios: read, check, seal.
//!
//! An intent says what correct looks like; scenarios, which a builder never sees, prove it. This
//! crate reads both from text and finds what is weak in them before anything is built. It refuses to
//! know the file system, who may sign, and how a scenario is played.

mod args;
mod call;
mod canary;
mod check;
mod document;
mod example;
mod expect;
mod feature;
mod front;
mod gherkin_text;
mod interface;
mod json_path;
mod judged;
mod markdown;
mod model;
mod seal;
mod service;
mod service_steps;
mod steps;
mod text;
mod view;
mod wording;

pub use canary::{CANARY_BYTES, Canaries, CanaryKind, Sighting, TooManyCanaries, with_canaries};
pub use check::{CheckMode, check};
pub use document::INTENT_BYTES_MAX;
pub use example::EXAMPLE_FORMS;
pub use feature::{FEATURE_BYTES_MAX, FEATURE_LINES_MAX, SCENARIOS_MAX, parse_feature};
pub use json_path::{JsonPath, JsonPathError};
pub use judged::{CALIBRATION_MAX, Calibrated, Judgement, Subject};
pub use model::*;
pub use seal::{SIGNATURE_NAMESPACE, SealBreak, SealBreakKind, SealError};
pub use service::{Body, JsonExpect, Query, Row, Service, ServiceStep};
pub use steps::{StepForm, StepKeyword, step_forms};
pub use view::VisibleCheck;
pub use wording::{VAGUE_WORDS, VagueWord};
