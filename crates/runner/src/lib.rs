//! Drives one run: inputs to the engine, its events to the ledger, its actions to whoever performs
//! them. And performs the stages of a pipeline that stands for itself, without a factory around it:
//! a model or none, tools in the sandbox, people who answer in whatever way.
//!
//! This crate decides nothing, and refuses to know of intents, proofs and ships.

mod driver;
mod export;
mod files;
mod hands;
mod interview;
mod preamble;
mod recorder;
mod solo;
mod status;
mod watch;

/// Judged fan-ins (4.9), for hands that ask a model in their own way.
pub mod judge {
    pub use crate::hands::{nobody, question, verdict};
}

pub use driver::{DriveError, HandError, Hands, Stand, drive, outcome, step};
pub use export::{ExportError, export};
pub use files::beside;
pub use hands::{
    CustomHandler, HandlerFunction, Job, Models, PipelineHands, STAGE_PERFORMED, StageModels,
    StagePerformed, ToolDone, Tools, record as record_stage,
};
pub use interview::{
    AutoApprove, Callback, Console, Declined, Interviewer, Queue, RecordedAnswers, Reply,
};
pub use preamble::{preamble, session};
pub use recorder::{Observation, Recorder, follow, now};
pub use solo::{NewRun, PIPELINE_OPENED, PipelineOpened, Solo, SoloError, SoloOptions};
pub use status::{StatusError, parse as parse_status};
pub use watch::{Nobody, Notice, Watcher};
