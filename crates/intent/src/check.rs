//! `check`: what is weak in an intent and its scenarios, before anything is built.
//!
//! It judges what was read, by fixed rules, without a model. It refuses to know how strong the
//! scenarios are against a wrong program: that takes playing them.

use std::collections::{BTreeMap, BTreeSet};

use base::{Diagnostic, Place, RequirementId, Severity};
use regex::Regex;

use crate::call::{Call, Demand, calls, contradict, describe};
use crate::text::list;
use crate::wording::{bare_number, vague_words};
use crate::{Intent, Requirement, Scenario, ServiceStep, StepKind};

/// What the check is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckMode {
    /// Still being written: what is not there yet is a warning.
    Draft,
    /// About to be built: what is not there is an error.
    Build,
}

impl CheckMode {
    /// A finding that something is not there yet.
    fn absent(self, rule: &str, message: String) -> Diagnostic {
        match self {
            Self::Draft => Diagnostic::warning(rule, message),
            Self::Build => Diagnostic::error(rule, message),
        }
    }
}

/// The findings about an intent and all of its scenarios, in the order of their places.
pub fn check(intent: &Intent, scenarios: &[Scenario], mode: CheckMode) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    coverage(intent, scenarios, mode, &mut found);
    for scenario in scenarios {
        found.extend(tags(intent, scenario));
        found.extend(expectations(scenario));
        found.extend(crate::judged::findings(scenario));
    }
    doubles(scenarios, &mut found);
    contradictions(intent, scenarios, &mut found);
    repeats(intent, scenarios, &mut found);
    for item in intent.requirements.iter().chain(&intent.constraints) {
        wording(item, &mut found);
    }
    found.extend(bad_input(intent, scenarios, mode));
    found.sort_by(|a, b| a.place.cmp(&b.place));
    found
}

fn coverage(intent: &Intent, scenarios: &[Scenario], mode: CheckMode, found: &mut Vec<Diagnostic>) {
    let proved: BTreeSet<&RequirementId> =
        scenarios.iter().flat_map(|scenario| &scenario.requirements).collect();
    let unproved = |items: &'_ [Requirement]| -> Vec<Requirement> {
        items.iter().filter(|item| !proved.contains(&item.id)).cloned().collect()
    };
    for item in unproved(&intent.requirements) {
        let message = format!("no scenario proves {}", item.id);
        let uncovered = mode.absent("uncovered-requirement", message).at(item.place);
        found.push(uncovered.help(format!("write one and tag it `@{}`", item.id)));
    }
    for item in unproved(&intent.constraints) {
        let message = format!("no scenario proves {}", item.id);
        let info = Diagnostic { severity: Severity::Info, ..Diagnostic::warning("", message) };
        let untested = Diagnostic { rule: "untested-constraint".to_owned(), ..info };
        let help =
            format!("tag one `@{}` if a call can show it; reviews see it otherwise", item.id);
        found.push(untested.at(item.place).help(help));
    }
}

fn tags(intent: &Intent, scenario: &Scenario) -> Vec<Diagnostic> {
    let items =
        || intent.requirements.iter().chain(&intent.constraints).map(|item| item.id.as_str());
    let known = || format!("the intent has {}", list(items()));
    if scenario.requirements.is_empty() {
        let message = format!("the scenario \"{}\" proves no requirement", scenario.name);
        let untagged = Diagnostic::error("untagged-scenario", message).at(scenario.place.clone());
        return vec![untagged.help(format!("tag it with what it proves, as `@R1`; {}", known()))];
    }
    let unknown = scenario.requirements.iter().filter(|id| items().all(|item| item != id.as_str()));
    let findings = unknown.map(|id| {
        let message = format!("the scenario is tagged `@{id}`, which the intent does not have");
        let unknown = Diagnostic::error("unknown-requirement", message);
        unknown.at(scenario.place.clone()).help(known())
    });
    findings.collect()
}

fn expectations(scenario: &Scenario) -> Option<Diagnostic> {
    let expects = |kind: &StepKind| matches!(kind, StepKind::Service(step) if step.expects());
    // A judge can only fail: what passes without one must be wrong for some program.
    let judged = scenario.judgements().next().is_some();
    let scenario = &scenario.unjudged();
    if scenario.steps.iter().any(|step| expects(&step.kind)) {
        return None;
    }
    let steps = scenario.steps.iter().map(|step| (&step.place, &step.kind));
    if calls(steps).iter().any(|(_, demands)| !demands.is_empty()) {
        return None;
    }
    let but = if judged { " but what a judge is asked" } else { "" };
    let message = format!("the scenario \"{}\" expects nothing{but}", scenario.name);
    let empty = Diagnostic::error("no-expectation", message).at(scenario.place.clone());
    Some(empty.help("end it with `Then …`: an exit code, an output, a file"))
}

fn doubles(scenarios: &[Scenario], found: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<&str, &Place> = BTreeMap::new();
    for scenario in scenarios {
        let Some(other) = first.insert(scenario.id.as_str(), &scenario.place) else { continue };
        let message = format!("two scenarios are `{}`: the other is at {other}", scenario.id);
        let double = Diagnostic::error("duplicate-id", message).at(scenario.place.clone());
        found.push(double.help("give each feature file its own name"));
    }
}

/// Same call, different results: no program can satisfy both.
fn contradictions(intent: &Intent, scenarios: &[Scenario], found: &mut Vec<Diagnostic>) {
    let mut demands: BTreeMap<Call, Vec<Demand<'_>>> = BTreeMap::new();
    for (call, wanted) in example_calls(intent) {
        demands.entry(call).or_default().extend(wanted);
    }
    for scenario in scenarios {
        for (call, wanted) in calls(scenario.steps.iter().map(|step| (&step.place, &step.kind))) {
            demands.entry(call).or_default().extend(wanted);
        }
    }
    for (call, wanted) in &demands {
        // Equal demands contradict the same others; each kind is looked at once.
        let mut distinct: Vec<Demand<'_>> = Vec::new();
        for demand in wanted {
            if distinct.iter().any(|other| other.kind == demand.kind) {
                continue;
            }
            let other = distinct.iter().find(|other| contradict(other.kind, demand.kind));
            found.extend(other.map(|other| contradiction(call, *other, *demand)));
            distinct.push(*demand);
        }
    }
}

fn contradiction(call: &Call, first: Demand<'_>, second: Demand<'_>) -> Diagnostic {
    let (wanted, other) = (describe(second.kind), describe(first.kind));
    let message = format!("`{}`: {wanted} here, but {other} at {}", call.shown(), first.place);
    let help = "no program can do both: correct one of them";
    Diagnostic::error("contradiction", message).at(second.place.clone()).help(help)
}

fn example_calls(intent: &Intent) -> Vec<(Call, Vec<Demand<'_>>)> {
    let items = intent.requirements.iter().chain(&intent.constraints);
    let examples = items.flat_map(|item| &item.examples);
    let all =
        examples.flat_map(|example| calls(example.steps.iter().map(|kind| (&example.place, kind))));
    all.collect()
}

/// A held-out scenario that makes only calls whose results the builder has read.
fn repeats(intent: &Intent, scenarios: &[Scenario], found: &mut Vec<Diagnostic>) {
    let public: BTreeSet<Call> = example_calls(intent).into_iter().map(|(call, _)| call).collect();
    for scenario in scenarios {
        let made = calls(scenario.steps.iter().map(|step| (&step.place, &step.kind)));
        let known = !made.is_empty() && made.iter().all(|(call, _)| public.contains(call));
        if known {
            let shown = made.last().map(|(call, _)| call.shown()).unwrap_or_default();
            let message = format!("`{shown}` is a public example: playing it proves nothing new");
            let repeat = Diagnostic::warning("repeats-example", message);
            found.push(repeat.at(scenario.place.clone()).help("use another input of its kind"));
        }
    }
}

fn wording(item: &Requirement, found: &mut Vec<Diagnostic>) {
    for vague in vague_words(&item.text) {
        let message =
            format!("{} says `{}`: two people would check it differently", item.id, { vague.word });
        let warning = Diagnostic::warning("vague-word", message).at(item.place.clone());
        found.push(warning.help(vague.instead));
    }
    if let Some(quantity) = bare_number(&item.text) {
        let message = format!("{} says `{quantity}` without saying of what", item.id);
        let warning = Diagnostic::warning("bare-number", message).at(item.place.clone());
        found.push(warning.help("add the unit: seconds, bytes, lines, …"));
    }
}

/// Software that people use gets input that it cannot take; an intent that says nothing about it
/// leaves the builder to guess.
fn bad_input(intent: &Intent, scenarios: &[Scenario], mode: CheckMode) -> Option<Diagnostic> {
    let fails = |kind: &StepKind| match kind {
        StepKind::ExitIs { code } => *code != 0,
        StepKind::ExitIsFailure => true,
        StepKind::Service(ServiceStep::Status { code }) => (400..500).contains(code),
        _ => false,
    };
    let said = Regex::new(
        r"(?i)\b(fails|non-?zero)\b|\bexit(s|ed)?( code| status)?( with| is| of)?( code| status)? `?[1-9]|\b4\d\d\b",
    )
    .expect("a constant that a test compiles");
    let steps = scenarios.iter().flat_map(|scenario| &scenario.steps);
    let items = || intent.requirements.iter().chain(&intent.constraints);
    let told = steps.map(|step| &step.kind).any(fails)
        || items().flat_map(|item| &item.examples).flat_map(|e| &e.steps).any(fails)
        || items().any(|item| said.is_match(&item.text));
    if told {
        return None;
    }
    let message = "nothing says what happens on bad input".to_owned();
    let silent = mode.absent("no-bad-input", message).help(
        "add a requirement such as: Anything else exits 2, prints nothing on stdout and a message \
         on stderr.",
    );
    Some(match intent.requirements.last() {
        Some(last) => silent.at(last.place.clone()),
        None => silent,
    })
}
