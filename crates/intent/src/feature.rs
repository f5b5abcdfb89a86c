//! `parse_feature`: Gherkin to scenarios.
//!
//! Crate `gherkin` reads the file; this module gives places, expands outlines, prepends
//! backgrounds, and reads each step by the library. It refuses to know what the requirements are.

use base::{Diagnostic, RequirementId, ScenarioId};
use gherkin::{Feature, GherkinEnv};

use crate::args::Attached;
use crate::canary;
use crate::gherkin_text::{
    Outline, cell_slip, doc_string, explain, foreign_language, skip_to, swallowed, tag_offset,
    trimmed,
};
use crate::steps::{StepKeyword, read_step};
use crate::text::{Doc, Slip};
use crate::{Interface, Scenario, ServiceStep, Step, StepKind, Subject};

/// Larger than any feature that a person writes, in bytes and in lines, and small enough that a
/// parser whose time grows with their square stays quick.
pub const FEATURE_BYTES_MAX: usize = 128 * 1024;
/// See [`FEATURE_BYTES_MAX`].
pub const FEATURE_LINES_MAX: usize = 5000;

/// Each scenario is played several times, each time in a fresh sandbox; a table that asks for more
/// than this is a generator's, not a person's.
pub const SCENARIOS_MAX: usize = 1000;

/// Reads a feature file. `file` is its path, for places and ids.
///
/// # Errors
/// Every error of the file at once, in the order of their places.
pub fn parse_feature(
    file: &str,
    source: &str,
    interface: &Interface,
) -> Result<Vec<Scenario>, Vec<Diagnostic>> {
    let doc = Doc { file, source };
    if source.len() > FEATURE_BYTES_MAX || source.lines().count() > FEATURE_LINES_MAX {
        let message = format!(
            "a feature has at most {FEATURE_BYTES_MAX} bytes and {FEATURE_LINES_MAX} lines"
        );
        return Err(vec![doc.error(0, "too-large", message).help("split it into several files")]);
    }
    let source = trimmed(source);
    let doc = Doc { file, source: &source };
    if let Some(foreign) = foreign_language(doc) {
        return Err(vec![foreign]);
    }
    let feature = match Feature::parse(&source, GherkinEnv::default()) {
        Ok(feature) => feature,
        Err(error) => return Err(vec![explain(doc, &error.to_string())]),
    };
    let mut reader = Reader { doc, interface, found: Vec::new(), scenarios: Vec::new() };
    reader.feature(&feature);
    let Reader { mut found, scenarios, .. } = reader;
    found.extend(swallowed(doc, &feature));
    let silent = found.is_empty();
    if silent
        && feature.scenarios.is_empty()
        && feature.rules.iter().all(|rule| rule.scenarios.is_empty())
    {
        let empty = doc.error(feature.span.start, "no-scenario", "the feature has no scenario");
        found.push(empty.help("add a line `Scenario: …` and its steps below it"));
    }
    found.sort_by(|a, b| (&a.place, &a.message).cmp(&(&b.place, &b.message)));
    found.dedup();
    if found.is_empty() { Ok(scenarios) } else { Err(found) }
}

struct Reader<'a> {
    doc: Doc<'a>,
    interface: &'a Interface,
    found: Vec<Diagnostic>,
    scenarios: Vec<Scenario>,
}

/// The tags and background steps that a scenario inherits, outermost first.
#[derive(Clone, Default)]
struct Inherited<'f> {
    tags: Vec<RequirementId>,
    steps: Vec<&'f gherkin::Step>,
}

impl<'f> Inherited<'f> {
    fn with(&self, tags: Vec<RequirementId>, background: Option<&'f gherkin::Background>) -> Self {
        let mut inner = self.clone();
        for tag in tags {
            if !inner.tags.contains(&tag) {
                inner.tags.push(tag);
            }
        }
        inner.steps.extend(background.iter().flat_map(|background| &background.steps));
        inner
    }
}

impl Reader<'_> {
    fn feature(&mut self, feature: &Feature) {
        let tags = self.tags(&feature.tags, feature.span.start);
        let outer = Inherited::default().with(tags, feature.background.as_ref());
        for scenario in &feature.scenarios {
            self.scenario(scenario, &outer);
        }
        for rule in &feature.rules {
            let tags = self.tags(&rule.tags, rule.span.start);
            let inner = outer.with(tags, rule.background.as_ref());
            for scenario in &rule.scenarios {
                self.scenario(scenario, &inner);
            }
        }
    }

    /// The requirements among the tags that stand before byte `before`. Other tags are free, but for
    /// those that look like a requirement and are none.
    fn tags(&mut self, tags: &[String], before: usize) -> Vec<RequirementId> {
        let mut ids = Vec::new();
        for tag in tags {
            if let Ok(id) = RequirementId::new(tag) {
                ids.push(id);
                continue;
            }
            let digits = tag.strip_prefix(['R', 'r', 'C', 'c']).unwrap_or("");
            if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
                let offset = tag_offset(self.doc.source, before, tag);
                let message = format!("`@{tag}` is no requirement");
                let wrong = self.doc.error(offset, "bad-tag", message);
                self.found.push(wrong.help("write the id as the intent does: `@R1`, `@C1`"));
            }
        }
        ids
    }

    fn scenario(&mut self, scenario: &gherkin::Scenario, outer: &Inherited<'_>) {
        let start = skip_to(self.doc.source, scenario.span.start);
        let tags = self.tags(&scenario.tags, start);
        let inherited = outer.with(tags, None);
        let steps: Vec<_> = inherited.steps.iter().copied().chain(&scenario.steps).collect();
        if scenario.steps.is_empty() {
            let empty = self.doc.error(start, "no-step", "the scenario has no step");
            self.found.push(empty.help("write `When I run \"…\"` and `Then …` below it"));
            return;
        }
        let outlined = scenario.keyword.contains(' ');
        if scenario.examples.is_empty() {
            if outlined {
                let none = self.doc.error(start, "no-examples", "the outline has no `Examples:`");
                self.found.push(none.help("add a table of values below it"));
                return;
            }
            self.one(scenario, start, &inherited.tags, &steps, None);
            return;
        }
        for examples in &scenario.examples {
            let at = skip_to(self.doc.source, examples.span.start);
            let tags = self.tags(&examples.tags, at);
            let tagged = inherited.with(tags, None).tags;
            let rows = examples.table.as_ref().filter(|table| table.rows.len() > 1);
            let Some(table) = rows else {
                let none = self.doc.error(at, "no-examples", "the examples have no row");
                self.found.push(none.help("write a header row and one row for each case"));
                continue;
            };
            if let Some(slip) = cell_slip(self.doc, table) {
                self.found.push(slip);
                continue;
            }
            for outline in Outline::rows(self.doc.source, table) {
                self.one(scenario, outline.offset, &tagged, &steps, Some(&outline));
            }
        }
    }

    /// One scenario or one row of an outline, whose line stands at `offset`.
    fn one(
        &mut self,
        scenario: &gherkin::Scenario,
        offset: usize,
        tags: &[RequirementId],
        steps: &[&gherkin::Step],
        row: Option<&Outline>,
    ) {
        if self.scenarios.len() >= SCENARIOS_MAX {
            let message = format!("more than {SCENARIOS_MAX} scenarios in one file");
            let many = self.doc.error(0, "too-large", message);
            self.found.push(many.help("keep those that prove something new"));
            return;
        }
        let place = self.doc.at(offset);
        let stem = self.doc.file.rsplit(['/', '\\']).next().unwrap_or_default();
        let stem = stem.strip_suffix(".feature").unwrap_or(stem);
        let id = match ScenarioId::new(&format!("{stem}:{}", place.line)) {
            Ok(id) => id,
            Err(error) => {
                let wrong = self.doc.error(0, "bad-file-name", error.to_string());
                self.found.push(wrong.help("give the file a short name that ends in `.feature`"));
                return;
            }
        };
        let name = match row {
            Some(row) => row.fill(&scenario.name),
            None => scenario.name.clone(),
        };
        let steps = self.steps(steps, row);
        let own_line = skip_to(self.doc.source, scenario.span.start);
        let canary = canary::above(self.doc.source, own_line);
        self.scenarios.push(Scenario {
            id,
            name,
            requirements: tags.to_vec(),
            steps,
            place,
            canary,
        });
    }

    fn steps(&mut self, steps: &[&gherkin::Step], row: Option<&Outline>) -> Vec<Step> {
        let mut read: Vec<Step> = Vec::new();
        let mut keyword = StepKeyword::Given;
        let mut before = Before::default();
        // A step that could not be read may have been the run that others wait for.
        let mut unread = false;
        for step in steps {
            keyword = keyword_of(step, keyword);
            let start = skip_to(self.doc.source, step.span.start);
            let line = &self.doc.source[start..step.span.end.max(start)];
            let value_at = start + line.trim_end().len().saturating_sub(step.value.len());
            let kinds = match self.step(keyword, step, row) {
                Ok(kinds) => kinds,
                Err(slip) => {
                    self.slip(slip.moved(value_at));
                    unread = true;
                    continue;
                }
            };
            let text = row.map_or_else(|| step.value.clone(), |row| row.fill_step(&step.value));
            let place = self.doc.at(start);
            let written = format!("{} {text}", step.keyword.trim());
            for kind in kinds {
                if let Some(slip) = out_of_order(&kind, &before).filter(|_| !unread) {
                    self.slip(slip.moved(start));
                }
                before.then(&kind);
                read.push(Step { place: place.clone(), text: written.clone(), kind });
            }
        }
        read
    }

    /// What one step means; a slip's offset is one into its text as it stands in the file.
    fn step(
        &self,
        keyword: StepKeyword,
        step: &gherkin::Step,
        row: Option<&Outline>,
    ) -> Result<Vec<StepKind>, Slip> {
        let attached = self.attached(step, row);
        let Some(row) = row else {
            return read_step(keyword, &step.value, &attached, self.interface);
        };
        if let Some(slip) = row.unknown_placeholder(&step.value) {
            return Err(slip);
        }
        let text = row.fill_step(&step.value);
        // Offsets into a filled text are none into the file.
        let read = read_step(keyword, &text, &attached, self.interface);
        read.map_err(|slip| Slip { offset: 0, ..slip })
    }

    fn attached(&self, step: &gherkin::Step, row: Option<&Outline>) -> Attached {
        let fill = |text: &str| row.map_or_else(|| text.to_owned(), |row| row.fill(text));
        if let Some(read) = &step.docstring {
            let exact = doc_string(self.doc.source, step.span.end);
            return Attached::DocString(fill(exact.as_deref().unwrap_or(read)));
        }
        let Some(table) = &step.table else { return Attached::None };
        let rows = table.rows.iter().map(|row| row.iter().map(|cell| fill(cell)).collect());
        Attached::Table(rows.collect())
    }

    fn slip(&mut self, slip: Slip) {
        let Slip { offset, rule, message, help } = slip;
        self.found.push(self.doc.error(offset, rule, message).help(help));
    }
}

/// The keyword that counts for a step; crate `gherkin` takes every `*` for a `Given`.
fn keyword_of(step: &gherkin::Step, previous: StepKeyword) -> StepKeyword {
    match step.keyword.trim() {
        "Given" => StepKeyword::Given,
        "When" => StepKeyword::When,
        "Then" => StepKeyword::Then,
        _ => previous,
    }
}

/// What has happened before a step, as far as it matters to those that follow.
#[derive(Default)]
struct Before {
    ran: bool,
    served: bool,
    requested: bool,
}

impl Before {
    fn then(&mut self, kind: &StepKind) {
        match kind {
            StepKind::Run { .. } => self.ran = true,
            StepKind::Service(step) => {
                self.served |= step.starts();
                self.requested |= matches!(step, ServiceStep::Request { .. });
            }
            _ => {}
        }
    }
}

/// Expectations are about a run or a response, and files are there before the first of them.
fn out_of_order(kind: &StepKind, before: &Before) -> Option<Slip> {
    let missing =
        |message: &str, help: &str| Some(Slip::new(0, "expects-before-run", message, help));
    match kind {
        StepKind::GivenFile { .. } if before.ran || before.served => Some(Slip::new(
            0,
            "late-file",
            "a file is given after a run",
            "files are there before anything runs: move the step up",
        )),
        StepKind::GivenFile { .. }
        | StepKind::GivenStdin { .. }
        | StepKind::GivenEnv { .. }
        | StepKind::Run { .. } => None,
        StepKind::Service(step) if step.is_about_response() && !before.requested => missing(
            "nothing was requested that this could be about",
            "write `When I GET \"…\"` above it",
        ),
        StepKind::Service(ServiceStep::Request { .. }) if !before.served => missing(
            "the service has not been started",
            "write `Given the service is running` above it",
        ),
        StepKind::Service(_) => None,
        StepKind::Judged(judgement) => match judgement.subject {
            Subject::Response | Subject::Json { .. } if !before.requested => missing(
                "nothing was requested that this could be about",
                "write `When I GET \"…\"` above it",
            ),
            Subject::Output { .. } if !before.ran => missing(
                "nothing has run that this could be about",
                "write `When I run \"…\"` above it",
            ),
            Subject::File { .. } if !before.ran && !before.served => missing(
                "nothing has run that this could be about",
                "write `When I run \"…\"` above it",
            ),
            _ => None,
        },
        StepKind::File { .. } if before.ran || before.served => None,
        _ if before.ran => None,
        _ => {
            missing("nothing has run that this could be about", "write `When I run \"…\"` above it")
        }
    }
}
