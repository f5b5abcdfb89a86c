//! The factory: where actions are performed.
//!
//! The engine says what is to be done, hands do it, the ledger remembers it. Nothing in this crate
//! decides what happens next, and nothing in it draws on a terminal: whoever watches is told.

mod answers;
mod canaries;
mod config;
mod examine;
mod examples;
mod factory;
mod given;
mod hands;
mod init;
mod intents;
mod layout;
mod lights;
mod opening;
mod replay;
mod story;
mod trace;
mod twins;

pub use answers::{ANSWER_NAMESPACE, AnswerError, AnswerSigned, sign as sign_answer};
pub use canaries::issue as issue_canaries;
pub use config::{BackendChoice, Config, FactoryConfig, LineConfig, ModelConfig, SandboxConfig};
pub use examine::{Examined, examine};
pub use examples::{EXAMPLES, Example};
pub use factory::{
    DEFAULT_PIPELINE, Factory, FactoryError, Models, Run, Start, load_pipeline,
    replay as replay_events,
};
pub use hands::{Hands, judge_by_hand};
pub use init::{Init, InitError, init};
pub use intents::{
    IntentError, Loaded, directory as intent_directory, load as load_intent, sign as sign_intent,
    verify as verify_intent,
};
pub use layout::Layout;
pub use lights::{Light, Proven, lights};
pub use opening::{Opening, RUN_OPENED};
pub use replay::{Recording, RecordingError, ReplayError, Replayed, record as record_run, replay};
pub use runner::{DriveError, Nobody, Notice, Recorder, Stand, Watcher};
pub use story::{Summary, case_of, ending_in_words, story, summary};
pub use trace::{Call, Line, Trace, TraceError, trace};
pub use twins::{TWINS, expect_named, pack_digest, packs, read_pack};

/// The run that a person named.
///
/// # Errors
/// When it is no run's name at all.
pub fn run_id(text: &str) -> Result<base::RunId, FactoryError> {
    base::RunId::new(text).map_err(|_| FactoryError::NoRun { run: text.to_owned() })
}
