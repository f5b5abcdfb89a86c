//! What happened in a run: the only thing that changes a state, and what the ledger keeps.
//!
//! A name and its meaning are never reused. When the shape of a body changes, its version goes up
//! and [`Event::from_body`] keeps reading the old one.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Branch, Digest, StageId, Timestamp};
use serde::de::value::{BorrowedStrDeserializer, MapDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};
use serde_json::Value;

use crate::{Ending, Outcome, Question, RunLimits, Status};

/// One fact about a run. Visits and attempts count from 1; an attempt 0 is the question before the
/// first. Each carries when it happened; times never go back within a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", content = "body")]
pub enum Event {
    #[serde(rename = "run.started")]
    RunStarted {
        intent: Digest,
        graph: Digest,
        /// As text: canonical JSON has no whole numbers of 64 bits.
        #[serde(with = "as_text")]
        seed: u64,
        limits: RunLimits,
        at: Timestamp,
    },
    /// The run goes on after `away_ms` in which nobody was there to act.
    #[serde(rename = "run.resumed")]
    RunResumed { away_ms: u64, at: Timestamp },
    /// An attempt begins; after `deadline` it has timed out.
    #[serde(rename = "stage.started")]
    StageStarted {
        #[serde(default, skip_serializing_if = "Branch::is_main")]
        branch: Branch,
        stage: StageId,
        visit: u32,
        attempt: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        at: Timestamp,
    },
    /// An attempt ended. The outcome is as the run takes it: keys that its handler may not write are
    /// left out of the context and named in `refused`.
    #[serde(rename = "stage.finished")]
    StageFinished {
        #[serde(default, skip_serializing_if = "Branch::is_main")]
        branch: Branch,
        stage: StageId,
        visit: u32,
        attempt: u32,
        outcome: Arc<Outcome>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        refused: Vec<String>,
        at: Timestamp,
    },
    /// Attempt `attempt` of the stage will start at `until`.
    #[serde(rename = "retry.scheduled")]
    RetryScheduled {
        #[serde(default, skip_serializing_if = "Branch::is_main")]
        branch: Branch,
        stage: StageId,
        visit: u32,
        attempt: u32,
        until: Timestamp,
        at: Timestamp,
    },
    /// The run goes from one stage to another. `restart` clears context and outcomes; visits and
    /// spend stay.
    #[serde(rename = "edge.taken")]
    EdgeTaken {
        #[serde(default, skip_serializing_if = "Branch::is_main")]
        branch: Branch,
        from: StageId,
        to: StageId,
        why: Why,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        restart: bool,
        at: Timestamp,
    },
    /// A person is asked; after `deadline` the default choice is taken.
    #[serde(rename = "question.asked")]
    QuestionAsked {
        #[serde(default, skip_serializing_if = "Branch::is_main")]
        branch: Branch,
        stage: StageId,
        visit: u32,
        attempt: u32,
        question: Arc<Question>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        at: Timestamp,
    },
    /// The answer, as one of the question's choices.
    #[serde(rename = "question.answered")]
    QuestionAnswered {
        #[serde(default, skip_serializing_if = "Branch::is_main")]
        branch: Branch,
        stage: StageId,
        visit: u32,
        attempt: u32,
        choice: String,
        /// What a person wrote who took none of the choices.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        by: String,
        at: Timestamp,
    },
    /// A parallel stage runs its branches, one for each of `to`; or a manager its child, whose start
    /// is the only one of them. They are [`base::Fork`]s of `branch`, numbered in this order.
    #[serde(rename = "branches.opened")]
    BranchesOpened {
        #[serde(default, skip_serializing_if = "Branch::is_main")]
        branch: Branch,
        stage: StageId,
        visit: u32,
        attempt: u32,
        to: Vec<StageId>,
        at: Timestamp,
    },
    /// A branch has come to its end: at the stage where it meets the others, or before it.
    #[serde(rename = "branch.ended")]
    BranchEnded {
        branch: Branch,
        status: Status,
        note: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arrived: Option<StageId>,
        at: Timestamp,
    },
    /// A manager has looked at its child for the `cycle`-th time, and will again at `until`.
    #[serde(rename = "child.observed")]
    ChildObserved {
        #[serde(default, skip_serializing_if = "Branch::is_main")]
        branch: Branch,
        stage: StageId,
        visit: u32,
        attempt: u32,
        cycle: u32,
        /// What the manager's context takes over from the child.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        context: BTreeMap<String, String>,
        /// What the child is told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steer: Option<String>,
        until: Timestamp,
        at: Timestamp,
    },
    #[serde(rename = "run.ended")]
    RunEnded { ending: Ending, at: Timestamp },
}

/// Which rule chose the next stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The edge's condition held (3.3, step 1).
    Condition(String),
    /// The outcome preferred the edge's label (step 2).
    Label(String),
    /// The outcome suggested the stage (step 3).
    Suggested,
    /// The only or the best unconditional edge (steps 4 and 5).
    Weight,
    /// A person chose it (4.6).
    Choice(String),
    /// The branches of a parallel stage have met here (4.8).
    Joined,
    /// The stage failed and names this as its retry target (3.7).
    RetryTarget,
    /// The exit was reached, and this goal gate is not passed (3.4).
    GoalGate(StageId),
}

/// An entry that this version cannot read as an event.
#[derive(Debug, thiserror::Error)]
pub enum UnknownEvent {
    #[error(
        "event `{name}` version {version} is newer than this program or not an event: \
         read it with the version that wrote it"
    )]
    Name { name: String, version: u32 },
    #[error("body of event `{name}` version {version} is not as that version wrote it")]
    Body {
        name: String,
        version: u32,
        #[source]
        source: serde_json::Error,
    },
}

impl Event {
    /// The names of all events, in the order in which a run would first have them.
    pub const NAMES: [&'static str; 12] = [
        "run.started",
        "run.resumed",
        "stage.started",
        "stage.finished",
        "retry.scheduled",
        "edge.taken",
        "question.asked",
        "question.answered",
        "branches.opened",
        "branch.ended",
        "child.observed",
        "run.ended",
    ];

    /// The stable name under which the ledger keeps it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => Self::NAMES[0],
            Self::RunResumed { .. } => Self::NAMES[1],
            Self::StageStarted { .. } => Self::NAMES[2],
            Self::StageFinished { .. } => Self::NAMES[3],
            Self::RetryScheduled { .. } => Self::NAMES[4],
            Self::EdgeTaken { .. } => Self::NAMES[5],
            Self::QuestionAsked { .. } => Self::NAMES[6],
            Self::QuestionAnswered { .. } => Self::NAMES[7],
            Self::BranchesOpened { .. } => Self::NAMES[8],
            Self::BranchEnded { .. } => Self::NAMES[9],
            Self::ChildObserved { .. } => Self::NAMES[10],
            Self::RunEnded { .. } => Self::NAMES[11],
        }
    }

    /// Which branch it happened in; of what happens to a run as a whole, the main line.
    pub const fn branch(&self) -> &Branch {
        match self {
            Self::RunStarted { .. } | Self::RunResumed { .. } | Self::RunEnded { .. } => {
                &Branch::MAIN
            }
            Self::StageStarted { branch, .. }
            | Self::StageFinished { branch, .. }
            | Self::RetryScheduled { branch, .. }
            | Self::EdgeTaken { branch, .. }
            | Self::QuestionAsked { branch, .. }
            | Self::QuestionAnswered { branch, .. }
            | Self::BranchesOpened { branch, .. }
            | Self::BranchEnded { branch, .. }
            | Self::ChildObserved { branch, .. } => branch,
        }
    }

    /// The version of the body that [`Self::to_body`] writes: 2 in a branch, so that a program which
    /// knows no branches refuses it instead of taking it for the main line's.
    pub const fn version(&self) -> u32 {
        if self.branch().is_main() { 1 } else { 2 }
    }

    /// When it happened.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::RunStarted { at, .. }
            | Self::RunResumed { at, .. }
            | Self::StageStarted { at, .. }
            | Self::StageFinished { at, .. }
            | Self::RetryScheduled { at, .. }
            | Self::EdgeTaken { at, .. }
            | Self::QuestionAsked { at, .. }
            | Self::QuestionAnswered { at, .. }
            | Self::BranchesOpened { at, .. }
            | Self::BranchEnded { at, .. }
            | Self::ChildObserved { at, .. }
            | Self::RunEnded { at, .. } => *at,
        }
    }

    /// The body that goes into the ledger beside name and version.
    pub fn to_body(&self) -> Value {
        let mut named = serde_json::to_value(self).expect("events hold only text keys and numbers");
        named["body"].take()
    }

    /// The event that some version of this program wrote.
    ///
    /// # Errors
    /// When the name or the version is unknown, or the body is not of that version's shape.
    pub fn from_body(name: &str, version: u32, body: &Value) -> Result<Self, UnknownEvent> {
        if !(1..=2).contains(&version) || !Self::NAMES.contains(&name) {
            return Err(UnknownEvent::Name { name: name.to_owned(), version });
        }
        let parts = [("name", Part::Name(name)), ("body", Part::Body(body))];
        Self::deserialize(MapDeserializer::new(parts.into_iter()))
            .map_err(|source| UnknownEvent::Body { name: name.to_owned(), version, source })
    }
}

/// A name and a body as the two halves of one event, without a copy of either: a resumed run reads
/// all of its events.
#[derive(Clone, Copy)]
enum Part<'de> {
    Name(&'de str),
    Body(&'de Value),
}

impl<'de> IntoDeserializer<'de, serde_json::Error> for Part<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Part<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self {
            Self::Name(name) => visitor.visit_borrowed_str(name),
            Self::Body(body) => body.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self {
            Self::Name(text) => {
                BorrowedStrDeserializer::new(text).deserialize_enum(name, variants, visitor)
            }
            Self::Body(body) => body.deserialize_enum(name, variants, visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
