//! The part of a case that is about a service: what it could do wrong without anybody noticing, and the
//! faults that no scenario plays.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use scenario::{ServiceStrength, TriedFault, TriedSabotage};
use serde_json::{Value, json};

/// Scenarios that are named of those in which nobody noticed.
const NAMED_MAX: usize = 3;

/// The lines of the case; nothing where nothing was tried.
pub(super) fn lines(found: &ServiceStrength) -> String {
    let mut out = String::new();
    let (caught, all) = found.caught();
    if all > 0 {
        let _ = writeln!(
            out,
            "* {caught} of {all} things that the service does or answers were noticed when they were made wrong, one at a time."
        );
    }
    for survivor in found.survivors() {
        let _ = writeln!(out, "  * **Nobody noticed:** {}.", told(survivor));
    }
    let mut unplayed: BTreeMap<(&str, &str), Vec<&TriedFault>> = BTreeMap::new();
    for fault in found.unplayed() {
        unplayed.entry((&fault.service, &fault.operation)).or_default().push(fault);
    }
    if !unplayed.is_empty() {
        let _ = writeln!(out, "* Faults that no scenario plays, though they can strike:");
    }
    for ((service, operation), faults) in unplayed {
        let words: Vec<&str> = faults.iter().map(|fault| fault.words()).collect();
        let _ = writeln!(out, "  * {service} {operation}: {}.", words.join(", "));
        for fault in faults {
            if let Some((kind, scenario)) = fault.falls() {
                let words = fault.words();
                let _ =
                    writeln!(out, "    * **Does not stand** {words}: `{scenario}` fails ({kind}).");
            }
        }
    }
    out
}

/// A survivor, where, and about what.
pub(super) fn told(survivor: &TriedSabotage) -> String {
    let named = survivor.unnoticed_in.iter().take(NAMED_MAX).map(|id| format!("`{id}`"));
    let mut named = named.collect::<Vec<_>>().join(", ");
    let more = survivor.unnoticed_in.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        let _ = write!(named, " and {more} more");
    }
    let about: Vec<&str> = survivor.requirements.iter().map(|id| id.as_str()).collect();
    let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
    format!("{}, in {named}{about}", survivor.sabotage)
}

/// The same for machines.
pub(super) fn numbers(found: &ServiceStrength) -> Option<Value> {
    if found.is_empty() {
        return None;
    }
    let (caught, all) = found.caught();
    let survivors: Vec<Value> = found
        .survivors()
        .map(|one| {
            json!({
                "sabotage": one.sabotage.to_string(),
                "scenarios": one.unnoticed_in,
                "requirements": one.requirements,
            })
        })
        .collect();
    let unplayed: Vec<Value> = found
        .unplayed()
        .map(|fault| {
            json!({
                "service": fault.service,
                "operation": fault.operation,
                "fault": fault.fault,
                "fails": fault.falls().map(|(kind, _)| kind),
            })
        })
        .collect();
    Some(json!({
        "caught": caught,
        "total": all,
        "survivors": survivors,
        "faults": found.faults.len(),
        "unplayed": unplayed,
    }))
}

#[cfg(test)]
mod tests {
    use policy::FailureKind;
    use scenario::{Change, Sabotage, Spot, Trial};

    use super::*;

    fn found() -> ServiceStrength {
        let spot = Spot::Call { service: "slack".to_owned(), operation: "post".to_owned() };
        let sabotage = |change, caught: Option<&str>| TriedSabotage {
            sabotage: Sabotage { spot: spot.clone(), change },
            caught_by: caught.map(|id| id.parse().unwrap()),
            unnoticed_in: ["a:1", "a:2", "a:3", "b:4"].map(|id| id.parse().unwrap()).to_vec(),
            requirements: vec!["R1".parse().unwrap()],
        };
        let fault = |name: &str, played: bool, failed| TriedFault {
            service: "slack".to_owned(),
            operation: "post".to_owned(),
            fault: name.to_owned(),
            played_by: played.then(|| "a:1".parse().unwrap()),
            tried: (!played).then(|| Trial { scenario: "a:2".parse().unwrap(), failed }),
        };
        ServiceStrength {
            sabotages: vec![sabotage(Change::Undone, Some("a:1")), sabotage(Change::Doubled, None)],
            faults: vec![
                fault("reset", true, None),
                fault("latency", false, None),
                fault("truncated", false, Some(FailureKind::Crashed)),
            ],
        }
    }

    #[test]
    fn survivors_unplayed_faults_and_falls_are_told() {
        let told = lines(&found());
        let told: Vec<&str> = told.lines().collect();
        assert_eq!(
            told,
            [
                "* 1 of 2 things that the service does or answers were noticed when they were made wrong, one at a time.",
                "  * **Nobody noticed:** slack post: done twice, in `a:1`, `a:2`, `a:3` and 1 more (R1).",
                "* Faults that no scenario plays, though they can strike:",
                "  * slack post: a late answer, an answer that breaks off.",
                "    * **Does not stand** an answer that breaks off: `a:2` fails (crashed).",
            ]
        );
        let numbers = numbers(&found()).unwrap();
        assert_eq!((&numbers["caught"], &numbers["total"]), (&json!(1), &json!(2)));
        assert_eq!(numbers["unplayed"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn nothing_is_said_of_what_was_not_tried() {
        let nothing = ServiceStrength::default();
        assert_eq!((lines(&nothing), super::numbers(&nothing)), (String::new(), None));
    }
}
