//! The values: an intent, its requirements and examples, and scenarios as steps.
//!
//! Plain data that other crates match on. It refuses to know how any of it was written down.

use std::collections::BTreeMap;
use std::time::Duration;

use base::{Digest, IntentId, LineId, MicroUsd, Place, RequirementId, ScenarioId, Tokens};
use serde::{Deserialize, Serialize};

use crate::{Judgement, Service, ServiceStep};

/// An intent document, read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intent {
    pub id: IntentId,
    /// What a person calls it; not empty.
    pub title: String,
    /// The line that builds it.
    pub line: LineId,
    /// Who answers for it: the principal in the factory's allowed signers, an e-mail address.
    pub owner: String,
    /// The autonomy asked for, 0 to 5.
    pub level: u8,
    /// What a run of it may spend.
    pub budget: Budget,
    /// What satisfaction's lower bound must reach, in (0, 1).
    pub satisfaction: f64,
    /// What it is for, in prose.
    pub goal: String,
    /// `R1…`, in order.
    pub requirements: Vec<Requirement>,
    /// `C1…`, in order.
    pub constraints: Vec<Requirement>,
    pub interface: Interface,
}

/// What a run may spend at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// Money, above 0.
    pub cost: MicroUsd,
    /// Tokens read and written, above 0.
    pub tokens: Tokens,
    /// Time on the clock from start to end, above 0.
    pub wall: Duration,
}

/// One numbered, checkable sentence, with the examples that the builder may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requirement {
    pub id: RequirementId,
    pub text: String,
    pub place: Place,
    /// Nested list items of the form "`slug Hello` prints `hello`": public, and so only ever checked,
    /// never proof.
    pub examples: Vec<Example>,
}

/// One call and what it does, in the words of the intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    pub place: Place,
    /// As written, for prompts.
    pub text: String,
    pub steps: Vec<StepKind>,
}

/// How the software is started and spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Command name -> the words that start it; `$PRODUCT` in a word is the product's directory.
    pub commands: BTreeMap<String, Vec<String>>,
    /// The write-set: the only paths, relative to the product, that a builder may write.
    pub files: Vec<String>,
    /// What must run once in a clean export before the commands work, if anything.
    pub build: Option<String>,
    /// The service that it is, if it is one.
    pub service: Option<Service>,
    /// The services that it uses, which are twins while it is proved -> the environment variables by
    /// which it learns where they are and how it may speak to them. The first is the base URL.
    pub twins: BTreeMap<String, Vec<String>>,
    /// The whole section, for prompts.
    pub text: String,
}

/// An end-to-end user story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    pub id: ScenarioId,
    /// Its title, placeholders filled.
    pub name: String,
    /// From its tags and its feature's.
    pub requirements: Vec<RequirementId>,
    /// Background steps first.
    pub steps: Vec<Step>,
    /// Its line, or its row's in an outline.
    pub place: Place,
    /// A text that stands nowhere else, from the comment above it: who has it has read the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<String>,
}

/// One line of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub place: Place,
    /// As written, with its keyword.
    pub text: String,
    pub kind: StepKind,
}

/// What a step does or expects; expectations are about the last `Run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// A file in the working directory, before anything runs. `path` is relative and stays inside.
    GivenFile { path: String, content: String },
    /// What the next run reads on standard input.
    GivenStdin { content: String },
    /// The next runs see this variable.
    GivenEnv { name: String, value: String },
    /// Run a declared command: its name, then arguments.
    Run { words: Vec<String> },
    /// The exit code, 0 to 255.
    ExitIs { code: i32 },
    /// Any code but 0.
    ExitIsFailure,
    /// What the run wrote.
    Output { stream: Stream, expect: Expect },
    /// What the run left in the working directory.
    File { path: String, expect: FileExpect },
    /// The last run took no longer than this.
    Within { limit: Duration },
    /// About a service and its twins.
    Service(ServiceStep),
    /// What a judge is asked once everything else held.
    Judged(Judgement),
}

/// Where a run writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    Stdout,
    Stderr,
}

/// `Is` ignores one trailing newline on either side; the others look at the text as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    Is {
        text: String,
    },
    Contains {
        text: String,
    },
    Lacks {
        text: String,
    },
    /// A regular expression (crate `regex`), found anywhere; checked when the scenario is read.
    Matches {
        pattern: String,
    },
    Empty,
    NotEmpty,
}

/// What is expected of a file after a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileExpect {
    Exists,
    Missing,
    Content(Expect),
}

/// What a person signs: the digests of the intent and of each scenario file, so that neither can be
/// altered, added or removed afterwards. Its text is what `sha256sum -c` reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seal {
    /// Path relative to the intent's directory -> digest; `intent.md` among them.
    pub files: BTreeMap<String, Digest>,
}
