//! A judged fan-in (4.9): a model names the best of the candidates.

use engine::{BEST, Candidate, Outcome, RESULTS, Status};
use model::{Message, Role};

use super::{HandError, Job, PipelineHands};
use crate::driver::outcome;

/// What a judge is asked of these candidates; nothing where none is left to judge.
pub fn question(instruction: &str, candidates: &[Candidate]) -> Option<String> {
    let passed = candidates.iter().filter(|candidate| candidate.outcome != Status::Fail);
    let listed: Vec<String> = passed.map(|one| format!("- {}: {}\n", one.id, one.notes)).collect();
    let ask = "Answer with the id of the best candidate on a line of its own.\n";
    (!listed.is_empty())
        .then(|| format!("{instruction}\n\nCandidates:\n{}\n{ask}", listed.concat()))
}

/// What a judge's response comes to. The engine takes it only for a candidate that passed.
pub fn verdict(response: &str, candidates: &[Candidate]) -> Outcome {
    match chosen(response, candidates) {
        Some(candidate) => named(&candidate.id, "judged the best"),
        None => outcome(Status::Retry, "the judge named no candidate"),
    }
}

impl PipelineHands {
    pub(super) fn judge(&self, job: &Job<'_>) -> Result<Outcome, HandError> {
        let context = job.state.context_of(&job.id.branch);
        let candidates = Candidate::list(context.get(RESULTS));
        let Some(prompt) = question(job.stage.instruction(), &candidates) else {
            return Ok(nobody());
        };
        let Some(model) = self.models.of(job)? else {
            let first = candidates.iter().find(|candidate| candidate.outcome != Status::Fail);
            return Ok(first.map_or_else(nobody, |first| named(&first.id, "simulated judgement")));
        };
        let (response, spend) = match self.performed_before(job)? {
            Some(before) => before,
            None => {
                let messages = vec![Message { role: Role::User, text: prompt.clone() }];
                match self.call(job, model.as_ref(), messages)? {
                    Ok((response, spend)) => {
                        self.record(job, None, (&prompt, &response), Vec::new(), spend)?;
                        (response, spend)
                    }
                    Err(failed) => return Ok(failed),
                }
            }
        };
        let mut judged = verdict(&response, &candidates);
        judged.spend = spend;
        Ok(judged)
    }
}

/// All candidates failed, or there are none.
pub fn nobody() -> Outcome {
    let mut failed = outcome(Status::Fail, "no candidate is left to judge");
    failed.permanent = true;
    failed
}

fn named(id: &str, note: &str) -> Outcome {
    let mut judged = outcome(Status::Success, note);
    judged.context.insert(BEST.to_owned(), id.to_owned());
    judged
}

/// The candidate that a response names: alone on a line, else the only one that it names at all.
fn chosen<'c>(response: &str, candidates: &'c [Candidate]) -> Option<&'c Candidate> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let bare = |line: &str| line.trim_matches(|c: char| !is_word(c) || c == '.').to_owned();
    let alone = response
        .lines()
        .rev()
        .map(bare)
        .find_map(|line| candidates.iter().find(|candidate| candidate.id == line));
    // An id may have a point inside, and a sentence has one at its end.
    let words = response.split(|c| !is_word(c)).map(|word| word.trim_end_matches('.'));
    let words: Vec<&str> = words.collect();
    let mut mentioned = candidates.iter().filter(|c| words.contains(&c.id.as_str()));
    let only = mentioned.next().filter(|_| mentioned.next().is_none());
    alone.or(only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_may_say_it_in_words_or_alone_on_a_line() {
        let candidate = |id: &str| Candidate {
            id: id.to_owned(),
            index: 0,
            outcome: Status::Success,
            notes: String::new(),
            score: None,
            context: [].into(),
        };
        let both = [candidate("a"), candidate("ab")];
        let id = |response| chosen(response, &both).map(|candidate| candidate.id.as_str());
        assert_eq!(id("a is fine, but ab is better:\n**ab**\n"), Some("ab"));
        assert_eq!(id("I take ab."), Some("ab"));
        assert_eq!(id("a or ab"), None);
        assert_eq!(id("neither"), None);
    }
}
