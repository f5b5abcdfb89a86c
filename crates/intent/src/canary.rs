//! Canaries: texts by which a scenario that got out is known again, and the search for them.
//!
//! A scenario has the canary that stands in a comment above it, which is drawn at random and stands
//! nowhere else; and its own wording, as far as it is too long to be met by accident and not in what a
//! builder may see. This module refuses to know who reads what it searches, and where chance comes from.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use base::{Diagnostic, ScenarioId};
use gherkin::{Feature, GherkinEnv};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::gherkin_text::{explain, skip_to, trimmed};
use crate::text::Doc;
use crate::{Scenario, Step};

/// The random bytes of a canary: 96 bits, so that no two are ever drawn alike.
pub const CANARY_BYTES: usize = 12;

/// Before the digits of every canary.
const PREFIX: &str = "dark-";

/// Shorter texts are met by accident.
const WORDING_CHARS_MIN: usize = 40;

/// A quoted value with fewer words may be data that any program of its kind is tried with.
const VALUE_WORDS_MIN: usize = 6;

/// A quoted value with fewer words that its builder may not see is put together from what it may: a message
/// whose halves stand apart in the intent, with a name in it.
const UNSEEN_WORDS_MIN: usize = 3;

/// What everybody tries programs with, in lower case.
const COMMONPLACES: [&str; 3] = ["quick brown fox", "lorem ipsum", "dolor sit amet"];

/// Longer lines of a scenario are recognised by their beginning, so that the search stays small.
const NEEDLE_CHARS_MAX: usize = 200;

/// What is searched for, of some scenarios.
pub struct Canaries {
    needles: Vec<(ScenarioId, CanaryKind)>,
    automaton: AhoCorasick,
}

/// By what a scenario was known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanaryKind {
    /// By the comment above it.
    Issued,
    /// By its wording.
    Wording,
}

/// A text that gives a scenario away. It names the scenario and repeats nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    pub scenario: ScenarioId,
    pub kind: CanaryKind,
}

impl Canaries {
    /// What gives `scenarios` away to somebody who may see `visible`: no wording that is found there
    /// counts, while an issued canary always does.
    pub fn of<'a>(
        scenarios: &[Scenario],
        visible: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, TooManyCanaries> {
        let mut texts: Vec<String> = Vec::new();
        let mut needles = Vec::new();
        let mut known = BTreeSet::new();
        let mut add = |text: String, scenario: &Scenario, kind| {
            if known.insert(text.clone()) {
                texts.push(text);
                needles.push((scenario.id.clone(), kind));
            }
        };
        for scenario in scenarios {
            if let Some(canary) = &scenario.canary {
                // The digits tell it, with whatever somebody writes before them.
                let digits = canary.strip_prefix(PREFIX).unwrap_or(canary);
                add(digits.to_owned(), scenario, CanaryKind::Issued);
            }
        }
        let worded = scenarios.iter().flat_map(|scenario| {
            let first = |text: String| text.chars().take(NEEDLE_CHARS_MAX).collect::<String>();
            wording(scenario)
                .into_iter()
                .map(move |line| (scenario, first(line.text), line.is_step))
        });
        let worded: Vec<(&Scenario, String, bool)> = worded.collect();
        let seen = Seen::of(worded.iter().map(|(_, text, _)| flat(text)), visible)?;
        for (index, (scenario, text, is_step)) in worded.into_iter().enumerate() {
            // Nobody writes steps by accident, whatever words they are made of.
            if !seen.texts.contains(&index) && (is_step || seen.unseen(&text) >= UNSEEN_WORDS_MIN) {
                add(flat(&text), scenario, CanaryKind::Wording);
            }
        }
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&texts);
        Ok(Self { needles, automaton: automaton.map_err(|_| TooManyCanaries)? })
    }

    /// The first scenario that `text` gives away, as it stands or with its lines put together.
    pub fn find(&self, text: &str) -> Option<Sighting> {
        let found = self.automaton.find(text).or_else(|| self.automaton.find(&unwrapped(text)))?;
        let (scenario, kind) = &self.needles[found.pattern().as_usize()];
        Some(Sighting { scenario: scenario.clone(), kind: *kind })
    }
}

/// The text as one line, without what begins and ends the lines of comments and of texts in programs.
fn unwrapped(text: &str) -> String {
    const AROUND: [char; 11] = ['#', '/', '*', '-', '>', '+', '\\', '"', '\'', '`', ';'];
    let lines = text
        .lines()
        .map(|line| line.trim().trim_matches(|c: char| AROUND.contains(&c) || c.is_whitespace()));
    flat(&lines.collect::<Vec<_>>().join(" "))
}

/// The scenarios hold more text than can be searched for at once.
#[derive(Debug, thiserror::Error)]
#[error("the scenarios are too large to be looked for in what a builder sees: split the intent")]
pub struct TooManyCanaries;

/// What a builder may see of some texts.
struct Seen {
    /// Which of them, whole.
    texts: BTreeSet<usize>,
    words: BTreeSet<String>,
}

impl Seen {
    /// Looks for all `texts`, which are [`flat`], in one pass.
    fn of<'a>(
        texts: impl Iterator<Item = String>,
        visible: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, TooManyCanaries> {
        let automaton = AhoCorasick::new(texts).map_err(|_| TooManyCanaries)?;
        let mut seen = Self { texts: BTreeSet::new(), words: BTreeSet::new() };
        for text in visible {
            let text = flat(text);
            let found = automaton.find_overlapping_iter(&text);
            seen.texts.extend(found.map(|one| one.pattern().as_usize()));
            for word in words(&text) {
                if !seen.words.contains(word) {
                    seen.words.insert(word.to_owned());
                }
            }
        }
        Ok(seen)
    }

    /// How many different words of `text` stand nowhere in it.
    fn unseen(&self, text: &str) -> usize {
        let text = text.to_ascii_lowercase();
        words(&text).filter(|word| !self.words.contains(*word)).collect::<BTreeSet<_>>().len()
    }
}

/// In lower case, each run of white space one space: how texts are compared whose lines were broken
/// elsewhere.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}

/// A line of a scenario, or of a value in it.
struct Line {
    text: String,
    is_step: bool,
}

/// The wording of a scenario that is found nowhere by accident.
fn wording(scenario: &Scenario) -> Vec<Line> {
    let long = |text: &str| text.chars().count() >= WORDING_CHARS_MIN;
    let line = |text: &str, is_step| Line { text: text.to_owned(), is_step };
    let mut found: Vec<Line> = Vec::new();
    if long(&scenario.name) && is_prose(&scenario.name) {
        found.push(line(&scenario.name, false));
    }
    for step in &scenario.steps {
        let text = without_keyword(step);
        found.extend(long(text).then(|| line(text, true)));
        if let Ok(value) = serde_json::to_value(&step.kind) {
            let mut texts = Vec::new();
            collect(&value, &mut texts);
            let lines = texts.iter().flat_map(|text| text.lines()).map(str::trim);
            let prose = lines.filter(|text| long(text) && is_prose(text));
            found.extend(prose.map(|text| line(text, false)));
        }
    }
    found
}

fn without_keyword(step: &Step) -> &str {
    step.text.split_once(' ').map_or("", |(_, text)| text)
}

/// Several different words, and none that everybody writes.
fn is_prose(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    words(&text).collect::<BTreeSet<_>>().len() >= VALUE_WORDS_MIN
        && !COMMONPLACES.iter().any(|common| text.contains(common))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| word.len() > 1)
}

/// Every text in a value.
fn collect<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, texts)),
        _ => {}
    }
}

/// The canary of the scenario whose own line has the byte `start`: in a comment right above it or
/// among its tags.
pub(crate) fn above(source: &str, start: usize) -> Option<String> {
    block(source, start).find_map(canary_in).map(str::to_owned)
}

/// The comments and tags right above a scenario, nearest first.
fn block(source: &str, start: usize) -> impl Iterator<Item = &str> {
    let begin = source[..start].rfind('\n').map_or(0, |at| at + 1);
    let lines = source[..begin].lines().rev().map(str::trim);
    lines.take_while(|line| line.starts_with(['@', '#']))
}

fn canary_in(line: &str) -> Option<&str> {
    let canary = line.strip_prefix('#')?.trim().strip_prefix("canary:")?.trim();
    let digits = canary.strip_prefix(PREFIX)?;
    let plain = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (digits.len() == 2 * CANARY_BYTES && digits.bytes().all(plain)).then_some(canary)
}

/// `source`, a feature, with a canary above each scenario that had none, and how many were written.
/// Nothing else changes but the numbers of lines, and with them the ids of scenarios.
///
/// # Errors
/// When the file is no Gherkin.
pub fn with_canaries(
    file: &str,
    source: &str,
    draw: &mut dyn FnMut() -> [u8; CANARY_BYTES],
) -> Result<(String, usize), Vec<Diagnostic>> {
    let read = trimmed(source);
    let feature = Feature::parse(&read, GherkinEnv::default())
        .map_err(|error| vec![explain(Doc { file, source: &read }, &error.to_string())])?;
    let inner = feature.rules.iter().flat_map(|rule| &rule.scenarios);
    let mut bare = BTreeSet::new();
    for scenario in feature.scenarios.iter().chain(inner) {
        let start = skip_to(&read, scenario.span.start);
        if above(&read, start).is_none() {
            let line = read[..start].matches('\n').count();
            bare.insert(line - block(&read, start).count());
        }
    }
    let mut out = String::with_capacity(source.len() + bare.len() * 64);
    for (index, line) in source.split_inclusive('\n').enumerate() {
        if bare.contains(&index) {
            let indent: String = line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
            let digits: String = draw().iter().map(|byte| format!("{byte:02x}")).collect();
            let end = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
            out.push_str(&format!("{indent}# canary: {PREFIX}{digits}{end}"));
        }
        out.push_str(line);
    }
    Ok((out, bare.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Intent, parse_feature};

    const FEATURE: &str = r#"@R1
Feature: Doors

  Scenario: it opens
    When I run "door 42"
    Then stdout is "open"

  # why it matters
  @R2
  @slow
  Scenario Outline: <n> is refused
    When I run "door <n>"
    Then stderr contains "every door of this house stays shut after nine at night"
    And stdout is:
      """
      Scenario: no scenario
      """

    Examples:
      | n |
      | 7 |
      | 8 |
"#;

    fn intent() -> Intent {
        let text = include_str!("../tests/roman.md").replace("roman N", "door N");
        let text = text.replace("command: `roman`", "command: `door`").replace("`roman", "`door");
        Intent::parse("intent.md", &text).unwrap().0
    }

    fn scenarios(source: &str) -> Vec<Scenario> {
        parse_feature("doors.feature", source, &intent().interface).unwrap()
    }

    fn issued(source: &str) -> (String, usize) {
        let mut n = 0_u8;
        let mut draw = || {
            n += 1;
            [n; CANARY_BYTES]
        };
        with_canaries("doors.feature", source, &mut draw).unwrap()
    }

    #[test]
    fn every_scenario_gets_one_above_its_tags_and_keeps_it() {
        let (text, count) = issued(FEATURE);
        assert_eq!(count, 2);
        let second = format!("  # canary: dark-{}\n  # why it matters\n  @R2", "02".repeat(12));
        assert!(text.contains(&second), "{text}");
        let canaries: Vec<_> = scenarios(&text).into_iter().map(|one| one.canary).collect();
        let both = ["01", "02", "02"].map(|pair| Some(format!("dark-{}", pair.repeat(12))));
        assert_eq!(canaries, both, "the rows of an outline share one");
        assert_eq!(issued(&text), (text.clone(), 0), "what has one gets none");
    }

    #[test]
    fn digits_alone_and_wrapped_lines_give_a_scenario_away() {
        let (text, _) = issued(FEATURE);
        let canaries = Canaries::of(&scenarios(&text), []).unwrap();
        let kind = |text: &str| canaries.find(text).map(|found| found.kind);
        assert_eq!(kind(&format!("x = '{}'", "02".repeat(12))), Some(CanaryKind::Issued));
        let comment = "# every door of this house\n    # stays shut after nine at night\n";
        assert_eq!(kind(comment), Some(CanaryKind::Wording));
        let split =
            "print(\"every door of this house \"\n      \"stays shut after nine at night\")";
        assert_eq!(kind(split), Some(CanaryKind::Wording));
        assert_eq!(kind("every door of this\nother house stays shut after nine at night"), None);
    }

    #[test]
    fn nothing_else_changes() {
        let (text, _) = issued(FEATURE);
        let kept: Vec<&str> =
            text.lines().filter(|line| canary_in(line.trim()).is_none()).collect();
        assert_eq!(kept, FEATURE.lines().collect::<Vec<_>>());
        let plain = |source: &str| -> Vec<_> {
            let all = scenarios(source).into_iter();
            all.map(|one| {
                (one.name, one.steps.into_iter().map(|step| step.kind).collect::<Vec<_>>())
            })
            .collect()
        };
        assert_eq!(plain(&text), plain(FEATURE));
        let (windows, _) = issued(&FEATURE.replace('\n', "\r\n"));
        assert_eq!(windows, text.replace('\n', "\r\n"));
    }

    #[test]
    fn what_is_issued_is_always_found_and_wording_only_where_it_is_held_out() {
        let (text, _) = issued(FEATURE);
        let scenarios = scenarios(&text);
        let find = |visible: &str, text: &str| {
            let canaries = Canaries::of(&scenarios, [visible]).unwrap();
            canaries.find(text).map(|found| (found.scenario.to_string(), found.kind))
        };
        let canary = scenarios[0].canary.clone().unwrap();
        let issued = Some((scenarios[0].id.to_string(), CanaryKind::Issued));
        assert_eq!(find("", &format!("x = '{canary}'")), issued);
        assert_eq!(find(&canary, &canary), issued, "even where it has been seen");
        let value = "Every door of this house stays shut after nine at night";
        let wording = Some((scenarios[1].id.to_string(), CanaryKind::Wording));
        assert_eq!(find("", &format!("echo '{value}.'")), wording);
        assert_eq!(find(&value.replace(" stays ", "\n  stays "), value), None);
        for harmless in ["42", "open", "door 42", "it opens", "dark-0101", "canary"] {
            assert_eq!(find("", harmless), None, "{harmless}");
        }
    }

    #[test]
    fn a_value_that_is_put_together_from_what_is_visible_is_no_canary() {
        let scenarios = scenarios(FEATURE);
        let find = |visible: &str| {
            let canaries = Canaries::of(&scenarios, [visible]).unwrap();
            canaries
                .find("say('every door of this house stays shut after nine at night')")
                .is_some()
        };
        assert!(find("say when it stays shut"));
        assert!(find("a door of the house stays shut"), "every, this, after, nine, night");
        assert!(!find(
            "it says `every door of this house` and then `stays shut after` and at an hour"
        ));
        // A step is known again, even one of visible words.
        let canaries = Canaries::of(&scenarios, ["every door of this house stays shut after nine"]);
        let step = r#"stderr contains "every door of this house stays shut after nine at night""#;
        assert!(canaries.unwrap().find(step).is_some());
    }

    #[test]
    fn data_that_everybody_uses_is_no_canary() {
        for common in [
            "The quick brown fox jumps over the lazy dog",
            "Lorem ipsum dolor sit amet, consectetur adipiscing elit",
            "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
            "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
            "a b a b a b a b a b a b a b a b a b a b a b a b a b a b",
        ] {
            assert!(!is_prose(common), "{common}");
        }
    }
}
