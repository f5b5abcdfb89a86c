//! A judged fan-in (4.9): a model names the best of the candidates.

use engine::{BEST, Candidate, Outcome, RESULTS, Status};
use model::{Message, Role};

use super::{HandError, Job, PipelineHands};
use crate::driver::outcome;

impl PipelineHands {
    pub(super) fn judge(&self, job: &Job<'_>) -> Result<Outcome, HandError> {
        let context = job.state.context_of(&job.id.branch);
        let candidates = Candidate::list(context.get(RESULTS));
        let passed: Vec<&Candidate> =
            candidates.iter().filter(|candidate| candidate.outcome != Status::Fail).collect();
        let Some(first) = passed.first() else {
            let mut failed = outcome(Status::Fail, "no candidate is left to judge");
            failed.permanent = true;
            return Ok(failed);
        };
        let Some(model) = &self.model else {
            return Ok(named(&first.id, "simulated judgement"));
        };
        let mut prompt = format!("{}\n\nCandidates:\n", job.stage.instruction());
        for candidate in &passed {
            prompt.push_str(&format!("- {}: {}\n", candidate.id, candidate.notes));
        }
        prompt.push_str("\nAnswer with the id of the best candidate on a line of its own.\n");
        let response = match self.performed_before(job)? {
            Some(response) => Ok((response, base::Spend::default())),
            None => {
                let messages = vec![Message { role: Role::User, text: prompt.clone() }];
                self.call(job, model.as_ref(), messages)?
            }
        };
        let (response, spend) = match response {
            Ok(response) => response,
            Err(failed) => return Ok(failed),
        };
        self.record(job, None, (&prompt, &response), Vec::new())?;
        let mut judged = match chosen(&response, &passed) {
            Some(candidate) => named(&candidate.id, "judged the best"),
            None => outcome(Status::Retry, "the judge named no candidate"),
        };
        judged.spend = spend;
        Ok(judged)
    }
}

fn named(id: &str, note: &str) -> Outcome {
    let mut judged = outcome(Status::Success, note);
    judged.context.insert(BEST.to_owned(), id.to_owned());
    judged
}

/// The candidate that a response names: alone on a line, else the only one that it names at all.
fn chosen<'c>(response: &str, candidates: &[&'c Candidate]) -> Option<&'c Candidate> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let bare = |line: &str| line.trim_matches(|c: char| !is_word(c)).to_owned();
    let alone = response
        .lines()
        .rev()
        .map(bare)
        .find_map(|line| candidates.iter().find(|candidate| candidate.id == line));
    let words: Vec<&str> = response.split(|c| !is_word(c)).collect();
    let mut mentioned = candidates.iter().filter(|c| words.contains(&c.id.as_str()));
    let only = mentioned.next().filter(|_| mentioned.next().is_none());
    alone.or(only).copied()
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
        let (a, ab) = (candidate("a"), candidate("ab"));
        let both = [&a, &ab];
        let id = |response| chosen(response, &both).map(|candidate| candidate.id.as_str());
        assert_eq!(id("a is fine, but ab is better:\n**ab**\n"), Some("ab"));
        assert_eq!(id("I take ab."), Some("ab"));
        assert_eq!(id("a or ab"), None);
        assert_eq!(id("neither"), None);
    }
}
