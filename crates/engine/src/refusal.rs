//! Why an input was not taken: what is wrong with it, and what to do instead.

use base::{ActionId, RunId, StageId};

/// An input that changed nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("run `{run}` has not started: start it first")]
    NotStarted { run: RunId },
    #[error(
        "run `{run}` has started with another intent, graph, seed or limits: start a new run for them"
    )]
    StartedOtherwise { run: RunId },
    #[error("action `{action}` belongs to another run than `{run}`: deliver it there")]
    OtherRun { action: ActionId, run: RunId },
    #[error("run `{}` never asked for action `{action}`: perform what is pending", action.run)]
    NeverAsked { action: ActionId },
    #[error("action `{action}` is a question: it is answered, not finished")]
    IsQuestion { action: ActionId },
    #[error("action `{action}` is work: it is finished, not answered")]
    IsWork { action: ActionId },
    #[error("`{choice}` is no choice of `{action}`: answer one of {}", list(.choices))]
    NoChoice { action: ActionId, choice: String, choices: Vec<String> },
    #[error("question `{action}` is closed: it was answered `{answer}`, which stands")]
    Closed { action: ActionId, answer: String },
    #[error("who {what} is missing: say by whom")]
    Nobody { what: &'static str },
    #[error(
        "stage `{stage}` is shipping, which cancelling does not undo: wait for its result, then cancel"
    )]
    Shipping { stage: StageId },
    #[error("pipeline cannot run: it has no start stage: give one stage the shape `Mdiamond`")]
    NoStart,
    #[error("pipeline cannot run: `{first}` and `{second}` both are start stages: keep one")]
    TwoStarts { first: StageId, second: StageId },
    #[error("pipeline cannot run: it has no exit stage: give one stage the shape `Msquare`")]
    NoExit,
    #[error("pipeline cannot run: edge `{from} -> {to}` names a stage that does not exist")]
    NoStage { from: StageId, to: StageId },
    #[error("pipeline cannot run: condition `{condition}` of edge `{from} -> {to}`: {reason}")]
    Condition { from: StageId, to: StageId, condition: String, reason: String },
    #[error(
        "pipeline cannot run: manager `{stage}` has no child: name a pipeline in \
         `stack.child_dotfile`"
    )]
    NoChild { stage: StageId },
    #[error("pipeline cannot run: stop condition `{condition}` of manager `{stage}`: {reason}")]
    StopCondition { stage: StageId, condition: String, reason: String },
    #[error(
        "pipeline cannot run: default choice `{choice}` of stage `{stage}` is no way out of it: \
         name the target of one of its edges"
    )]
    DefaultChoice { stage: StageId, choice: String },
    #[error(
        "pipeline cannot run: two ways out of `{stage}` are both called `{choice}`: rename one"
    )]
    SameChoice { stage: StageId, choice: String },
}

fn list(choices: &[String]) -> String {
    choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ")
}
