//! Slips in scenarios that can be seen without playing them: values that nobody kept, waits that outlast the service.
//!
//! Braces stand for many things, in JSON, paths and patterns, so a name between them is told of only where it can
//! hardly be meant as it is written.

use std::collections::BTreeMap;
use std::time::Duration;

use base::{Diagnostic, Place, nearest};
use intent::{Scenario, ServiceStep, Step, StepKind};
use sandbox::Limits;
use serde_json::Value;

use crate::live::LONGER;

/// What looks like a slip, with its place.
pub fn slips(scenarios: &[Scenario]) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    for scenario in scenarios {
        for slip in unkept(&scenario.steps).into_iter().chain(long_waits(&scenario.steps)) {
            // Rows of an outline share their steps.
            if !found.contains(&slip) {
                found.push(slip);
            }
        }
    }
    found
}

/// A `{NAME}` that is kept only later, or under nearly that name, or that stands in the path of a request, where no
/// brace can.
fn unkept(steps: &[Step]) -> Vec<Diagnostic> {
    let mut later: BTreeMap<&str, &Place> = BTreeMap::new();
    for step in steps.iter().rev() {
        later.extend(kept(step).map(|name| (name, &step.place)));
    }
    let mut known: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for step in steps {
        for name in named(&step.kind) {
            if known.contains(&name.as_str()) {
                continue;
            }
            let help = match (later.get(name.as_str()), nearest(&name, known.iter().copied())) {
                (Some(place), _) => format!("it is kept at {place}, which comes after"),
                (None, Some(near)) => format!("did you mean `{{{near}}}`?"),
                (None, None) if in_target(&step.kind, &name) => {
                    "keep it above: `I keep the JSON at \"JSONPATH\" as \"NAME\"`".to_owned()
                }
                (None, None) => continue,
            };
            let message =
                format!("no step above keeps `{name}`, so that `{{{name}}}` stays as it is");
            let one = Diagnostic::warning("unkept-value", message).help(help);
            found.push(one.at(step.place.clone()));
        }
        known.extend(kept(step));
    }
    found
}

fn kept(step: &Step) -> Option<&str> {
    match &step.kind {
        StepKind::Service(
            ServiceStep::KeepJson { name, .. } | ServiceStep::KeepHeader { name, .. },
        ) => Some(name),
        _ => None,
    }
}

fn in_target(step: &StepKind, name: &str) -> bool {
    match step {
        StepKind::Service(ServiceStep::Request { target, .. }) => {
            target.contains(&format!("{{{name}}}"))
        }
        _ => false,
    }
}

/// The words in braces of all texts that values are put into.
fn named(step: &StepKind) -> Vec<String> {
    let filled = match step {
        // The sentence and its examples are what was signed.
        StepKind::Judged(judgement) => serde_json::to_value(&judgement.subject),
        step => serde_json::to_value(step),
    };
    let mut found = Vec::new();
    if let Ok(filled) = filled {
        words(&filled, &mut found);
    }
    found
}

fn words(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            for piece in text.split('{').skip(1) {
                let Some((word, _)) = piece.split_once('}') else { continue };
                let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                let begins = word.starts_with(|c: char| c.is_alphabetic() || c == '_');
                if begins && word.chars().all(is_name) && !found.iter().any(|one| one == word) {
                    found.push(word.to_owned());
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| words(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| words(field, found)),
        _ => {}
    }
}

/// The step by which a scenario has waited longer than a service may run.
fn long_waits(steps: &[Step]) -> Option<Diagnostic> {
    let limit = Limits::default().wall * LONGER;
    // Since the service was started; nothing while it does not run.
    let mut waited: Option<Duration> = None;
    for step in steps {
        let StepKind::Service(kind) = &step.kind else { continue };
        match kind {
            ServiceStep::Running => waited = waited.or(Some(Duration::ZERO)),
            ServiceStep::Starts | ServiceStep::Restarts => waited = Some(Duration::ZERO),
            ServiceStep::Stops | ServiceStep::Killed => waited = None,
            ServiceStep::Waits { time } => {
                waited = waited.map(|waited| waited.saturating_add(*time))
            }
            _ => {}
        }
        if waited.is_some_and(|waited| waited >= limit) {
            let seconds = limit.as_secs();
            let message = format!(
                "by this step the service has run for more than {seconds} s, and is stopped"
            );
            let help =
                "let the twins' clock move instead (`TIME passes`), or start the service anew";
            let found = Diagnostic::warning("long-wait", message).help(help);
            return Some(found.at(step.place.clone()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::tests::read;

    fn check(steps: &str, expected: &[&str]) {
        let (_, scenarios) = read(&[], steps);
        let found: Vec<String> = slips(&scenarios).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_value_that_nobody_kept_is_told_of_where_it_can_be_meant_as_nothing_else() {
        let unkept = |line: u32, name: &str, help: &str| {
            format!(
                "f.feature:{line}:5: warning[unkept-value]: no step above keeps `{name}`, so that `{{{name}}}` stays \
                 as it is\n    help: {help}"
            )
        };
        check(
            "    Given the service is running
    When I GET \"/jobs/{job}\"
    And I POST \"/jobs\" with the JSON:
      \"\"\"
      {\"name\": \"{name}\", \"of\": {\"a\": 1}}
      \"\"\"
    And I keep the JSON at \"$.id\" as \"job_id\"
    And I GET \"/jobs/{job_id}\"
    And I GET \"/jobs?of={jobid}\"
    And I keep the JSON at \"$.owner\" as \"owner\"
    Then the response contains \"{name} {ownr} {owner} {job_id} {}\"
",
            &[
                &unkept(6, "job", "keep it above: `I keep the JSON at \"JSONPATH\" as \"NAME\"`"),
                &unkept(13, "jobid", "did you mean `{job_id}`?"),
                &unkept(15, "ownr", "did you mean `{owner}`?"),
            ],
        );
        check(
            "    Given the service is running
    When I GET \"/\"
    Then the response contains \"{id}\"
    And I keep the JSON at \"$.id\" as \"id\"
",
            &[&unkept(7, "id", "it is kept at f.feature:8:5, which comes after")],
        );
    }

    #[test]
    fn waits_that_a_service_does_not_live_to_see_are_told_of() {
        let told = |line: u32| {
            format!(
                "f.feature:{line}:5: warning[long-wait]: by this step the service has run for more than 120 s, and is \
                 stopped\n    help: let the twins' clock move instead (`TIME passes`), or start the service anew"
            )
        };
        let end = "    Then the service is running\n";
        let waits = |first: &str, between: &str, second: &str| {
            format!(
                "    Given the service is running\n    When I wait {first}\n{between}    And I wait {second}\n{end}"
            )
        };
        check(&waits("1m", "", "59s"), &[]);
        check(&waits("1m", "", "1m"), &[&told(7)]);
        check(&waits("1m", "    And the service restarts\n", "1m"), &[]);
        check(&waits("1m", "    And the service stops\n", "10m"), &[]);
        check(&waits("2m", "", "1m"), &[&told(6)]);
    }
}
