//! Judged sentences: what no fixed rule can look for, asked of a model that was calibrated first.
//!
//! The sentence and the examples by which a judge is calibrated were written and signed by the person
//! who wrote the scenario. This module refuses to know models, and how a judge is asked.

use base::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::args::Args;
use crate::steps::{StepForm, StepKeyword, form};
use crate::{JsonPath, Query, Scenario, StepKind, Stream};

/// Each example is a question to a model, asked before the judge is believed once.
pub const CALIBRATION_MAX: usize = 16;

/// A sentence that a judge agrees with, or not: it can fail a play, and never satisfies one by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// What is judged.
    pub subject: Subject,
    /// Values that were kept are not put into it, since it would not be the calibrated one.
    pub sentence: String,
    /// What a judge must tell apart before it is believed.
    pub calibration: Vec<Calibrated>,
}

/// An answer of which a person has said whether the sentence is true of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calibrated {
    pub answer: String,
    pub agrees: bool,
}

/// The text that is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Output {
        stream: Stream,
    },
    File {
        path: String,
    },
    /// The body of the last response.
    Response,
    /// One value of it.
    Json {
        path: JsonPath,
    },
    /// What a twin tells, a record to a line.
    Records(Query),
}

impl Judgement {
    /// Why no judge can be calibrated by its examples, if so.
    pub fn uncalibrated(&self) -> Option<String> {
        let [yes, no] = [true, false].map(|wanted| {
            let some = self.calibration.iter().filter(move |one| one.agrees == wanted);
            some.map(|one| one.answer.as_str()).collect::<Vec<_>>()
        });
        if self.calibration.len() > CALIBRATION_MAX {
            let count = self.calibration.len();
            return Some(format!("the judge has {count} examples, and at most {CALIBRATION_MAX}"));
        }
        if yes.is_empty() || no.is_empty() {
            let missing = if yes.is_empty() { "yes" } else { "no" };
            return Some(format!("the judge has no example whose verdict is `{missing}`"));
        }
        let both = yes.iter().find(|answer| no.contains(answer))?;
        Some(format!("the judge is told both yes and no of `{both}`"))
    }
}

impl Scenario {
    /// Its judged sentences.
    pub fn judgements(&self) -> impl Iterator<Item = (&base::Place, &Judgement)> {
        self.steps.iter().filter_map(|step| match &step.kind {
            StepKind::Judged(judgement) => Some((&step.place, judgement)),
            _ => None,
        })
    }

    /// The same without its judged sentences: what is decided without a model.
    #[must_use]
    pub fn unjudged(&self) -> Self {
        let mut plain = self.clone();
        plain.steps.retain(|step| !matches!(step.kind, StepKind::Judged(_)));
        plain
    }
}

/// The findings about a scenario's judged sentences.
pub(crate) fn findings(scenario: &Scenario) -> impl Iterator<Item = Diagnostic> {
    scenario.judgements().filter_map(|(place, judgement)| {
        let found = Diagnostic::error("uncalibrated-judge", judgement.uncalibrated()?);
        let help = "give it answers of both kinds, each with one verdict: `| Locked. | no |`";
        Some(found.at(place.clone()).help(help))
    })
}

const fn judged(
    pattern: &'static str,
    doc: &'static str,
    build: fn(&mut Args) -> Vec<StepKind>,
) -> StepForm {
    StepForm { table: Some(["answer", "verdict"]), ..form(StepKeyword::Then, pattern, doc, build) }
}

#[rustfmt::skip]
pub(crate) const JUDGED_FORMS: &[StepForm] = &[
    judged(r#"a judge agrees about stdout|stderr that "SENTENCE":"#, "a model finds the sentence true of the output; the table calibrates it",
        |a| a.judgement(Args::stream)),
    judged(r#"a judge agrees about the file "PATH" that "SENTENCE":"#, "the same of a file",
        |a| a.judgement(|a| Subject::File { path: a.text() })),
    judged(r#"a judge agrees about the response that "SENTENCE":"#, "the same of the body of the last response",
        |a| a.judgement(|_| Subject::Response)),
    judged(r#"a judge agrees about the JSON at "JSONPATH" that "SENTENCE":"#, "the same of one value of the response",
        |a| a.judgement(|a| Subject::Json { path: a.json_path() })),
    judged(r#"a judge agrees about the KIND of SERVICE that "SENTENCE":"#, "the same of what a twin tells, a record to a line",
        |a| a.judgement(|a| a.records_of(false))),
    judged(r#"a judge agrees about the KIND of SERVICE in|for "WHERE" that "SENTENCE":"#, "the same of one place or person",
        |a| a.judgement(|a| a.records_of(true))),
];

impl Args {
    fn stream(&mut self) -> Subject {
        let stream = if self.text() == "stderr" { Stream::Stderr } else { Stream::Stdout };
        Subject::Output { stream }
    }

    fn records_of(&mut self, placed: bool) -> Subject {
        let (kind, service) = (self.text(), self.text());
        let place = placed.then(|| (self.text(), self.text()));
        Subject::Records(Query { service, kind, place })
    }

    fn judgement(&mut self, subject: fn(&mut Self) -> Subject) -> Vec<StepKind> {
        let subject = subject(self);
        let sentence = self.text();
        let examples = self.pairs().into_iter();
        let calibration =
            examples.map(|(answer, verdict)| Calibrated { answer, agrees: verdict == "yes" });
        vec![StepKind::Judged(Judgement { subject, sentence, calibration: calibration.collect() })]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgement(examples: &[(&str, bool)]) -> Judgement {
        let calibration = examples
            .iter()
            .map(|(answer, agrees)| Calibrated { answer: (*answer).to_owned(), agrees: *agrees });
        Judgement {
            subject: Subject::Response,
            sentence: "it is polite".to_owned(),
            calibration: calibration.collect(),
        }
    }

    #[test]
    fn a_judge_needs_examples_of_both_kinds_that_do_not_contradict() {
        let told = |examples: &[(&str, bool)]| judgement(examples).uncalibrated();
        assert_eq!(told(&[("Please wait.", true), ("No.", false)]), None);
        assert!(told(&[("Please wait.", true)]).unwrap().contains("`no`"));
        assert!(told(&[("No.", false)]).unwrap().contains("`yes`"));
        assert!(told(&[("No.", false), ("No.", true)]).unwrap().contains("both"));
        let many: Vec<(String, bool)> =
            (0..=CALIBRATION_MAX).map(|n| (n.to_string(), n % 2 == 0)).collect();
        let many: Vec<(&str, bool)> =
            many.iter().map(|(text, yes)| (text.as_str(), *yes)).collect();
        assert!(told(&many).unwrap().contains("at most"));
    }
}
