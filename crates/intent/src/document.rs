//! `Intent::parse`: front matter and sections put together, all findings at once.
//!
//! It reads one document and judges only its form; whether the intent is strong enough is for
//! [`crate::check`].

use std::collections::BTreeMap;

use base::{Diagnostic, RequirementId};

use crate::front::{self, Front};
use crate::markdown::{Item, Line, Section, items, lines, sections};
use crate::text::{Doc, did_you_mean};
use crate::{Example, Intent, Interface, Requirement, example, interface};

/// A longer intent than this is no intent: it goes into every prompt of its run, whole.
pub const INTENT_BYTES_MAX: usize = 256 * 1024;

const FENCE: &str = "+++";
const SECTIONS: [&str; 4] = ["Goal", "Requirements", "Constraints", "Interface"];
const REQUIREMENT: &str = "- R1: `roman 14` prints `XIV`.";
const CONSTRAINT: &str = "- C1: Only the standard library.";

impl Intent {
    /// Reads an intent document. `file` is its name in places. Ok carries the warnings.
    ///
    /// # Errors
    /// Every error of the document at once, with the warnings, in the order of their places.
    pub fn parse(file: &str, source: &str) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let doc = Doc { file, source };
        let mut found = Vec::new();
        if source.len() > INTENT_BYTES_MAX {
            let message =
                format!("{} bytes, and an intent has at most {INTENT_BYTES_MAX}", source.len());
            let help = "split it into several intents";
            return Err(vec![doc.error(0, "too-large", message).help(help)]);
        }
        let intent = match front_matter(doc, &mut found) {
            (front, Some(body)) => body_of(doc, body, front, &mut found),
            (_, None) => None,
        };
        found.sort_by(|a, b| a.place.cmp(&b.place));
        match intent {
            Some(intent) if !found.iter().any(Diagnostic::is_error) => Ok((intent, found)),
            _ => Err(found),
        }
    }
}

/// The front matter, and where the Markdown below it starts; nowhere, when the front matter never
/// ends: to miss every section then would help nobody.
fn front_matter(doc: Doc<'_>, found: &mut Vec<Diagnostic>) -> (Option<Front>, Option<usize>) {
    let first = if doc.source.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut all = lines(doc.source, first);
    if all.next().is_none_or(|line| line.text.trim_end() != FENCE) {
        let missing = doc.error(first, "no-front-matter", "the front matter is missing");
        found.push(missing.help(front::example()));
        return (None, Some(first));
    }
    let start = doc.source[first..].find('\n').map_or(doc.source.len(), |end| first + end + 1);
    let Some(close) = all.find(|line| line.text.trim_end() == FENCE) else {
        let open = doc.error(first, "no-front-matter", "the front matter is never closed");
        found.push(open.help("end it with a line of its own: `+++`"));
        return (None, None);
    };
    let body =
        doc.source[close.offset..].find('\n').map_or(doc.source.len(), |n| close.offset + n + 1);
    (front::read(doc, start, close.offset, found), Some(body))
}

fn body_of(
    doc: Doc<'_>,
    start: usize,
    front: Option<Front>,
    found: &mut Vec<Diagnostic>,
) -> Option<Intent> {
    let (before, sections) = sections(doc.source, start);
    strays(doc, &before, "it stands before the first section", found);
    let known = known_sections(doc, &sections, found);
    let goal = known.get("Goal").map(|section| section.text()).unwrap_or_default();
    if known.get("Goal").is_some_and(|_| goal.is_empty()) {
        let empty = doc.error(known["Goal"].offset, "empty-section", "the goal is empty");
        found.push(empty.help("say in a few sentences what it is for and for whom"));
    }
    let interface = known.get("Interface").map(|section| interface::read(doc, section, found));
    let interface = interface.unwrap_or_else(interface::none);
    let requirements = known.get("Requirements");
    let requirements = requirements.map(|section| numbered(doc, section, 'R', &interface, found));
    let constraints = known.get("Constraints");
    let constraints = constraints.map(|section| numbered(doc, section, 'C', &interface, found));
    let front = front?;
    Some(Intent {
        id: front.id,
        title: front.title,
        line: front.line,
        owner: front.owner,
        level: front.level,
        budget: front.budget,
        satisfaction: front.satisfaction,
        goal,
        requirements: requirements?,
        constraints: constraints.unwrap_or_default(),
        interface,
    })
}

/// The sections by name; unknown, doubled and missing ones become findings.
fn known_sections<'a>(
    doc: Doc<'_>,
    sections: &'a [Section<'a>],
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<&'static str, &'a Section<'a>> {
    let mut known = BTreeMap::new();
    for section in sections {
        let Some(name) = SECTIONS.into_iter().find(|name| *name == section.name) else {
            let message = format!("unknown section `{}`: no builder reads it", section.name);
            let unknown = doc.warning(section.offset, "unknown-section", message);
            found.push(unknown.help(did_you_mean(section.name, SECTIONS)));
            continue;
        };
        if known.insert(name, section).is_some() {
            let message = format!("a second section `{name}`");
            let second = doc.error(section.offset, "duplicate-section", message);
            found.push(second.help("join the two"));
        }
    }
    let examples = [
        ("Goal", "What it is for, in prose."),
        ("Requirements", REQUIREMENT),
        ("Interface", "- command: `roman` = `python3 $PRODUCT/roman.py`"),
    ];
    for (name, example) in examples.into_iter().filter(|(name, _)| !known.contains_key(name)) {
        let message = format!("the section `## {name}` is missing");
        let missing = doc.error(doc.source.len(), "missing-section", message);
        found.push(missing.help(format!("add `## {name}` and below it a line such as: {example}")));
    }
    known
}

/// Prose where only numbered items are read: allowed, and told, since nobody would act on it.
fn strays(doc: Doc<'_>, lines: &[Line<'_>], why: &str, found: &mut Vec<Diagnostic>) {
    let mut last_line = 0;
    for line in lines.iter().filter(|line| !line.text.trim().is_empty()) {
        let place = doc.at(line.offset);
        let follows = place.line == last_line + 1;
        last_line = place.line;
        if line.text.starts_with('#') || follows {
            continue;
        }
        let message = format!("no builder reads this text: {why}");
        let stray = doc.warning(line.offset, "stray-text", message);
        found.push(stray.help("move it to `## Goal`, or make it part of a numbered item"));
    }
}

/// The items `R1: …` or `C1: …` of a section.
fn numbered(
    doc: Doc<'_>,
    section: &Section<'_>,
    letter: char,
    interface: &Interface,
    found: &mut Vec<Diagnostic>,
) -> Vec<Requirement> {
    let (items, loose) = items(section);
    strays(doc, &loose, "it belongs to no numbered item", found);
    let mut read: Vec<Requirement> = Vec::new();
    // After an item that cannot be read, the next number is anybody's guess.
    let mut previous = Some(0);
    for item in &items {
        let Some((requirement, number)) = requirement(doc, item, letter, interface, found) else {
            previous = None;
            continue;
        };
        let at = item.text.start();
        if let Some(first) = read.iter().find(|other| other.id == requirement.id) {
            let message = format!("`{}` is already at line {}", requirement.id, first.place.line);
            let again = doc.error(at, "duplicate-id", message);
            found.push(again.help("give it the next free number"));
            previous = None;
            continue;
        }
        if let Some(last) = previous.filter(|last| number != last + 1) {
            let expected = format!("{letter}{}", last + 1);
            let message = format!("`{}` where `{expected}` was expected", requirement.id);
            let gap = doc.warning(at, "numbering-gap", message);
            found.push(gap.help("number them in order, unless a number was given up on purpose"));
        }
        previous = Some(number);
        read.push(requirement);
    }
    if items.is_empty() && letter == 'R' {
        let none = doc.error(section.offset, "no-requirement", "there is no requirement");
        found.push(none.help(format!("add a line such as: {REQUIREMENT}")));
    }
    read
}

fn requirement(
    doc: Doc<'_>,
    item: &Item,
    letter: char,
    interface: &Interface,
    found: &mut Vec<Diagnostic>,
) -> Option<(Requirement, u32)> {
    let whole = item.text.text.as_str();
    let form = if letter == 'R' { REQUIREMENT } else { CONSTRAINT };
    let head = whole.split_once(':').and_then(|(id, text)| {
        let id = RequirementId::new(id).ok().filter(|id| id.as_str().starts_with(letter))?;
        let number = id.as_str()[1..].parse::<u32>().ok()?;
        Some((id, number, text.trim()))
    });
    let Some((id, number, text)) = head.filter(|(_, _, text)| !text.is_empty()) else {
        let message = format!("expected `- {letter}N: ` and a sentence");
        let wrong = doc.error(item.text.start(), "bad-item", message);
        found.push(wrong.help(format!("as in: {form}")));
        return None;
    };
    let mut examples = Vec::new();
    for nested in &item.nested {
        match example::read(&nested.text, interface) {
            Ok(steps) => examples.push(Example {
                place: doc.at(nested.start()),
                text: nested.text.clone(),
                steps,
            }),
            Err(slip) => {
                let offset = nested.source(slip.offset);
                found.push(doc.error(offset, slip.rule, slip.message).help(slip.help));
            }
        }
    }
    let place = doc.at(item.text.start());
    Some((Requirement { id, text: text.to_owned(), place, examples }, number))
}
