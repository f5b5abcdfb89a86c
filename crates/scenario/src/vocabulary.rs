//! Whether the twins have the words that scenarios use: operations, kinds of records, faults. A slip here
//! would leave a play undecided; it is told before anything is built.
//!
//! Names first; then each scenario is played once in memory, beside a service that does nothing.

use base::{Diagnostic, nearest};
use intent::{Interface, Judgement, Query, Row, Scenario, ServiceStep, StepKind, Subject};
use twin::Pack;

use crate::degenerate_service;
use crate::twins::{Packs, fault, plural, singular};

/// What no twin knows, with its place; where all is known, the scenarios that their twins cannot play.
pub fn unknown_words(
    interface: &Interface,
    scenarios: &[Scenario],
    packs: &Packs,
) -> Vec<Diagnostic> {
    let steps = scenarios.iter().flat_map(|scenario| &scenario.steps);
    let mut found: Vec<Diagnostic> = Vec::new();
    for step in steps {
        let unknown = match &step.kind {
            StepKind::Service(what) => unknown(what, packs),
            StepKind::Judged(Judgement { subject: Subject::Records(of), .. }) => {
                no_records(of, packs).into_iter().collect()
            }
            _ => continue,
        };
        for finding in unknown {
            let finding = finding.at(step.place.clone());
            // Rows of an outline share their steps.
            if !found.contains(&finding) {
                found.push(finding);
            }
        }
    }
    if found.is_empty() {
        let about_services: Vec<Scenario> =
            scenarios.iter().filter(|scenario| is_about_a_service(scenario)).cloned().collect();
        found = degenerate_service::undecided(interface, &about_services, packs);
    }
    found
}

fn is_about_a_service(scenario: &Scenario) -> bool {
    scenario.steps.iter().any(|step| matches!(step.kind, StepKind::Service(_)))
}

fn unknown(step: &ServiceStep, packs: &Packs) -> Vec<Diagnostic> {
    match step {
        ServiceStep::Within { step, .. } => unknown(step, packs),
        ServiceStep::Tell { service, kind, .. } => {
            let word = singular(kind);
            packs.pack(service).and_then(|pack| no_kind(pack, kind, &word)).into_iter().collect()
        }
        ServiceStep::Counts { of, .. } | ServiceStep::Are { of, .. } => {
            no_records(of, packs).into_iter().collect()
        }
        ServiceStep::Asked { service, operation, .. } => {
            let pack = packs.pack(service);
            pack.and_then(|pack| no_operation(pack, operation)).into_iter().collect()
        }
        ServiceStep::Fails { service, rules } => packs
            .pack(service)
            .map(|pack| rules.iter().filter_map(|row| no_rule(pack, service, row)).collect())
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn no_records(of: &Query, packs: &Packs) -> Option<Diagnostic> {
    let Query { service, kind, .. } = of;
    packs.pack(service).and_then(|pack| no_kind(pack, kind, &plural(kind)))
}

/// A value that was kept stands in the word's place, so that nobody can know it yet.
fn is_filled_later(word: &str) -> bool {
    word.contains('{')
}

fn no_operation(pack: &Pack, operation: &str) -> Option<Diagnostic> {
    if is_filled_later(operation) || pack.operations().any(|known| known == operation) {
        return None;
    }
    let service = pack.service();
    let message = format!("the {service} twin has no operation `{operation}`");
    Some(Diagnostic::error("unknown-operation", message).help(
        match nearest(operation, pack.operations()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`dark twin list {service}` names them"),
        },
    ))
}

fn no_kind(pack: &Pack, kind: &str, word: &str) -> Option<Diagnostic> {
    if is_filled_later(kind) || pack.step_words().any(|known| known == word) {
        return None;
    }
    let service = pack.service();
    let message = format!("the {service} twin knows no `{kind}` in a step");
    let known: Vec<&str> = pack.step_words().collect();
    Some(Diagnostic::error("unknown-kind", message).help(
        match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it knows {}", known.join(", ")),
        },
    ))
}

fn no_rule(pack: &Pack, service: &str, row: &Row) -> Option<Diagnostic> {
    if row.values().any(|cell| is_filled_later(cell)) {
        return None;
    }
    match fault(service, row) {
        Err(error) => Some(Diagnostic::error("bad-fault", base::chain(&error))),
        Ok(_) => row.get("operation").and_then(|operation| no_operation(pack, operation)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use intent::Interface;

    use super::*;

    fn told(steps: &str) -> Vec<String> {
        told_of(&[], steps)
    }

    fn told_of(variables: &[&str], steps: &str) -> Vec<String> {
        let own = BTreeMap::from([("slack".to_owned(), Pack::builtin("slack").unwrap())]);
        let (interface, scenarios) = read(variables, steps);
        let found = unknown_words(&interface, &scenarios, &Packs::made_of(own));
        found.iter().map(ToString::to_string).collect()
    }

    /// A scenario of these steps, about a service that is told these variables of its Slack twin.
    pub(crate) fn read(variables: &[&str], steps: &str) -> (Interface, Vec<Scenario>) {
        let text = format!("@R1\nFeature: f\n\n  Scenario: s\n{steps}");
        let service = intent::Service {
            name: "bot".to_owned(),
            start: vec!["sh".to_owned()],
            port: 8080,
            ready: "/".to_owned(),
        };
        let interface = Interface {
            commands: BTreeMap::new(),
            files: Vec::new(),
            build: None,
            service: Some(service),
            twins: BTreeMap::from([(
                "slack".to_owned(),
                variables.iter().map(|&name| name.to_owned()).collect(),
            )]),
            text: String::new(),
        };
        let scenarios = intent::parse_feature("f.feature", &text, &interface).unwrap();
        (interface, scenarios)
    }

    #[test]
    fn words_that_no_twin_has_are_named_with_their_place_and_what_was_meant() {
        let steps = "    Given slack loses the response to \"chat.postMesage\" number 1
    And the service is running
    When I POST \"/poll\"
    Then slack has 1 mesage in \"#a\"
    And slack was asked for \"chat.postMessage\" 1 times
";
        assert_eq!(
            told(steps),
            [
                "f.feature:5:5: error[unknown-operation]: the slack twin has no operation \
                 `chat.postMesage`\n    help: did you mean `chat.postMessage`?",
                "f.feature:8:5: error[unknown-kind]: the slack twin knows no `mesage` in a step\n    \
                 help: did you mean `messages`?",
            ]
        );
    }

    #[test]
    fn a_credential_that_the_twin_does_not_have_is_named_where_a_play_would_ask_for_it() {
        let steps = "    Given the service is running\n    When I POST \"/poll\"\n    Then the status is 200\n";
        assert_eq!(told_of(&["SLACK_URL", "SLACK_TOKEN"], steps), [""; 0]);
        let found = told_of(&["SLACK_URL", "SLACK_TOKN"], steps);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with(
                "f.feature:4:3: error[undecided-scenario]: `SLACK_TOKN` is no credential of slack's \
                 twin, which has: "
            ),
            "{found:?}"
        );
        assert!(found[0].contains(", token"), "{found:?}");
    }
}
