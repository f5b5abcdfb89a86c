//! Stages without anybody who performs them: each succeeds, by the word that brings the run on.

use engine::{Outcome, Status};
use pipeline::{Condition, Graph, Handler, Key, Stage, Test};

use super::{Job, PipelineHands};
use crate::driver::outcome;

impl PipelineHands {
    /// The outcome of a simulated stage. Where none of its ways is open to a success, it is one of the
    /// pipeline's own words that some way asks for, drawn from the run's seed.
    pub(super) fn simulated(&self, job: &Job<'_>) -> Outcome {
        let stage = &job.stage.id;
        let mut done = outcome(Status::Success, format!("simulated: {stage}"));
        let graph = job.state.graph_of(&job.id.branch);
        let words = words(graph, job.stage);
        if !words.is_empty() {
            let drawn = job.seed() % words.len() as u64;
            let word = words[usize::try_from(drawn).unwrap_or(0)].clone();
            done.custom = Some(word);
        }
        let response = format!("[Simulated] Response for stage: {stage}");
        done.context.insert("last_response".to_owned(), response);
        done
    }
}

/// The words of its own that a stage's ways ask for, if a plain success would get nowhere.
fn words(graph: &Graph, stage: &Stage) -> Vec<String> {
    let mut words = Vec::new();
    for (_, edge) in graph.outgoing(&stage.id) {
        let Ok(condition) = Condition::parse(&edge.condition) else { continue };
        let clauses = condition.clauses();
        let plain = condition.evaluate(|key| (key == "outcome").then_some("success"));
        let decides =
            graph.stages.get(&edge.to).is_some_and(|to| to.handler == Handler::Conditional);
        if plain && !decides {
            return Vec::new();
        }
        words.extend(clauses.iter().filter_map(|clause| match (&clause.key, &clause.test) {
            (Key::Outcome, Test::Equals(word)) if is_custom(word) => Some(word.clone()),
            _ => None,
        }));
        if decides {
            let Some(to) = graph.stages.get(&edge.to) else { continue };
            for (_, edge) in graph.outgoing(&to.id) {
                let Ok(condition) = Condition::parse(&edge.condition) else { continue };
                words.extend(condition.clauses().iter().filter_map(|clause| {
                    match (&clause.key, &clause.test) {
                        (Key::Outcome, Test::Equals(word)) if is_custom(word) => Some(word.clone()),
                        _ => None,
                    }
                }));
            }
        }
    }
    words.sort();
    words.dedup();
    words
}

fn is_custom(word: &str) -> bool {
    !["success", "partial_success", "retry", "fail", "skipped"].contains(&word)
}
