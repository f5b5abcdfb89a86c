//! Stages without anybody who performs them: each succeeds, by a word or a label that some way asks
//! for where the pipeline has such.

use std::collections::BTreeSet;

use engine::{Outcome, Status};
use pipeline::{Condition, Graph, Handler, Key, Stage, Test};

use super::{Job, PipelineHands};
use crate::driver::outcome;

/// What a simulated stage may say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    /// Success, and nothing else.
    Plain,
    /// A custom outcome.
    Word(String),
    /// Success, with a preferred label.
    Label(String),
}

impl PipelineHands {
    /// The outcome of a simulated stage. Where its ways ask for words or labels of the pipeline's own,
    /// one of them is drawn from the run's seed, another one at each visit, so that loops end.
    pub(super) fn simulated(&self, job: &Job<'_>) -> Outcome {
        let stage = &job.stage.id;
        let mut done = outcome(Status::Success, format!("simulated: {stage}"));
        let graph = job.state.graph_of(&job.id.branch);
        let mut choices = BTreeSet::new();
        collect(graph, job.stage, &mut choices);
        let choices: Vec<Said> = choices.into_iter().collect();
        let drawn = job.seed() % (choices.len().max(1) as u64);
        match choices.get(usize::try_from(drawn).unwrap_or(0)) {
            Some(Said::Word(word)) => done.custom = Some(word.clone()),
            Some(Said::Label(label)) => done.preferred_label = Some(label.clone()),
            Some(Said::Plain) | None => {}
        }
        let response = format!("[Simulated] Response for stage: {stage}");
        done.context.insert("last_response".to_owned(), response);
        done
    }
}

/// What the ways out of a stage ask for, those of a conditional stage behind it included.
fn collect(graph: &Graph, stage: &Stage, choices: &mut BTreeSet<Said>) {
    for (_, edge) in graph.outgoing(&stage.id) {
        let Ok(condition) = Condition::parse(&edge.condition) else { continue };
        let before = choices.len();
        choices.extend(asked(&condition));
        let next = graph.stages.get(&edge.to);
        match next.filter(|next| next.handler == Handler::Conditional && next.id != stage.id) {
            Some(decides) if condition.clauses().is_empty() => {
                collect_once(graph, decides, choices);
            }
            // A way that success alone opens.
            _ if choices.len() == before
                && condition.evaluate(|key| (key == "outcome").then_some("success")) =>
            {
                choices.insert(Said::Plain);
            }
            _ => {}
        }
    }
}

/// A conditional stage behind another one is not looked through: what it asks for is drawn when its
/// own turn comes.
fn collect_once(graph: &Graph, decides: &Stage, choices: &mut BTreeSet<Said>) {
    for (_, edge) in graph.outgoing(&decides.id) {
        let Ok(condition) = Condition::parse(&edge.condition) else { continue };
        let before = choices.len();
        choices.extend(asked(&condition));
        if choices.len() == before
            && condition.evaluate(|key| (key == "outcome").then_some("success"))
        {
            choices.insert(Said::Plain);
        }
    }
}

/// The words and labels of the pipeline's own that a condition asks for.
fn asked(condition: &Condition) -> impl Iterator<Item = Said> {
    condition.clauses().iter().filter_map(|clause| match (&clause.key, &clause.test) {
        (Key::Outcome, Test::Equals(word)) if is_custom(word) => Some(Said::Word(word.clone())),
        (Key::PreferredLabel, Test::Equals(label)) => Some(Said::Label(label.clone())),
        _ => None,
    })
}

fn is_custom(word: &str) -> bool {
    !["success", "partial_success", "retry", "fail", "skipped"].contains(&word)
}
