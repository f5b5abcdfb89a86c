//! What suites found, counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::suite::{Expectation, Source};

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub passed: u64,
    pub of: u64,
}

impl Tally {
    pub fn add(&mut self, ok: bool) {
        self.passed += u64::from(ok);
        self.of += 1;
    }

    /// From 0 to 1; nothing of nothing is 0.
    pub fn share(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.passed as f64 / self.of as f64 }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} ({:.1}%)", self.passed, self.of, self.share() * 100.0)
    }
}

/// The score of one server in one service's suites.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Score {
    /// Expectations that a recording of the real service, its SDK or its specification bears out: the
    /// headline.
    pub headline: Tally,
    /// Everything, the documentation's prose and our beliefs with it.
    pub all: Tally,
    pub kinds: BTreeMap<String, Tally>,
    pub sources: BTreeMap<String, Tally>,
    pub languages: BTreeMap<String, Tally>,
}

impl Score {
    /// Counts expectations, each with the language of its suite.
    pub fn of<'a>(found: impl Iterator<Item = (&'a str, &'a Expectation)>) -> Self {
        let mut score = Self::default();
        for (language, one) in found {
            score.all.add(one.ok);
            if matches!(one.source, Source::Recording | Source::Sdk) {
                score.headline.add(one.ok);
            }
            score.kinds.entry(one.kind.name().to_owned()).or_default().add(one.ok);
            score.sources.entry(one.source.name().to_owned()).or_default().add(one.ok);
            score.languages.entry(language.to_owned()).or_default().add(one.ok);
        }
        score
    }

    /// The headline above the share that a stateless stub reaches: 0 for the stub, 1 for the service.
    pub fn above(&self, floor: &Self) -> f64 {
        let (ours, floor) = (self.headline.share(), floor.headline.share());
        if floor >= 1.0 { 0.0 } else { (ours - floor) / (1.0 - floor) }
    }
}

/// Scores as a table in Markdown: a row each with its name.
pub fn table(rows: &[(String, Score)], floor: Option<&Score>) -> String {
    let kinds = ["shape", "state", "error", "protocol", "event"];
    let mut text = format!(
        "| | recording, SDK, spec | above the stub | all | {} |\n|---|---|---|---|{}\n",
        kinds.join(" | "),
        "---|".repeat(kinds.len())
    );
    for (name, score) in rows {
        let above =
            floor.map_or("-".to_owned(), |floor| format!("{:.1}%", score.above(floor) * 100.0));
        let by_kind: Vec<String> = kinds
            .iter()
            .map(|kind| score.kinds.get(*kind).map_or("-".to_owned(), ToString::to_string))
            .collect();
        let (headline, all) = (score.headline, score.all);
        text.push_str(&format!(
            "| {name} | {headline} | {above} | {all} | {} |\n",
            by_kind.join(" | ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Kind;

    fn found(source: Source, kind: Kind, ok: bool) -> Expectation {
        let (operation, check) = ("a".to_owned(), "b".to_owned());
        Expectation { operation, check, kind, source, ok, detail: String::new() }
    }

    #[test]
    fn the_headline_counts_what_others_bear_out_above_the_stub() {
        let ours = [
            found(Source::Sdk, Kind::Shape, true),
            found(Source::Recording, Kind::State, true),
            found(Source::Recording, Kind::Error, false),
            found(Source::Sdk, Kind::Shape, true),
            found(Source::Belief, Kind::Event, false),
        ];
        let stub = ours.clone().map(|one| Expectation { ok: one.kind == Kind::Shape, ..one });
        let score = |all: &[Expectation]| Score::of(all.iter().map(|one| ("node", one)));
        let (ours, stub) = (score(&ours), score(&stub));
        assert_eq!((ours.headline.passed, ours.headline.of, ours.all.of), (3, 4, 5));
        assert_eq!(ours.above(&stub), 0.5);
        assert_eq!(stub.above(&stub), 0.0);
        let table = table(&[("ours".to_owned(), ours)], Some(&stub));
        assert!(
            table.contains("| ours | 3/4 (75.0%) | 50.0% | 3/5 (60.0%) | 2/2 (100.0%) |"),
            "{table}"
        );
    }
}
