//! The gate of what a builder could have checked itself: does it build, does its service start, do
//! the intent's examples hold, do the line's own checks pass, in a clean export, outside of any builder's workspace.

use serde::{Deserialize, Serialize};

use crate::gate::GateEvidence;
use crate::prove::{Advance, Bench, Finding, ProofError};
use intent::VisibleCheck;
use scenario::{Played, Player, play};

/// What was built and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckEvidence {
    /// The build command, examples and check commands, in order, up to the first failed build.
    pub results: Vec<CheckResult>,
}

/// What one check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The command, or the example as the intent writes it.
    pub check: String,
    pub passed: bool,
    /// What happened instead; empty when it passed.
    pub detail: String,
}

/// Failed checks that a builder is told of at once: more would drown the first, which is often the
/// cause of the rest.
const FEEDBACK_MAX: usize = 8;

pub(crate) fn gate(bench: &mut Bench<'_>, advance: Advance<'_>) -> Result<Finding, ProofError> {
    let interface = &bench.input.intent.interface;
    let built = bench.workshop.stage(bench.input.product)?;
    let mut results = Vec::new();
    if let Some(build) = &interface.build {
        let ran = bench.workshop.run(built.path(), build)?;
        let passed = ran.passed;
        results.push(CheckResult { check: build.clone(), passed, detail: ran.tail });
        if !passed {
            return Ok(finding("it does not build".to_owned(), results));
        }
    }
    let visible = bench.input.intent.visible_checks();
    let total = results.len() + visible.len() + bench.input.checks.len();
    let player = Player {
        sandbox: bench.workshop.sandbox,
        cancel: bench.workshop.cancel,
        product: built.path(),
        interface,
        packs: bench.input.packs,
        settings: &bench.input.settings.play,
    };
    for VisibleCheck { text, steps } in visible {
        let mut world = player.world(0).map_err(ProofError::World)?;
        let detail = match play(&steps, &mut world) {
            Played::Satisfied => String::new(),
            Played::Failed(failure) => {
                format!("expected {}, got {}", failure.expected, failure.actual)
            }
            Played::Uncovered { call } => format!("it asked for what no twin covers: {call}"),
            Played::Undecided { reason } => return Err(undecided(bench, &text, reason)),
        };
        let passed = detail.is_empty();
        results.push(CheckResult { check: text, passed, detail });
        advance(results.len(), total);
    }
    if !bench.input.checks.is_empty() {
        // A copy of its own, so that what the checks leave behind does not reach the scenarios.
        let stage = bench.workshop.stage(built.path())?;
        for check in bench.input.checks {
            let ran = bench.workshop.run(stage.path(), check)?;
            results.push(CheckResult {
                check: check.clone(),
                passed: ran.passed,
                detail: ran.tail,
            });
            advance(results.len(), total);
        }
    }
    bench.built = Some(built);
    let failed = results.iter().filter(|result| !result.passed).count();
    let summary = match failed {
        0 => format!("all {} visible checks pass in a clean export", results.len()),
        _ => format!("{failed} of {} visible checks fail", results.len()),
    };
    Ok(finding(summary, results))
}

fn undecided(bench: &Bench<'_>, what: &str, reason: String) -> ProofError {
    if bench.workshop.cancel.is_pulled() {
        return ProofError::Cancelled;
    }
    ProofError::Undecided { scenario: what.to_owned(), reason }
}

fn finding(summary: String, results: Vec<CheckResult>) -> Finding {
    let failed = results.iter().filter(|result| !result.passed);
    Finding {
        passed: results.iter().all(|result| result.passed),
        summary,
        disclosures: Vec::new(),
        feedback: failed
            .take(FEEDBACK_MAX)
            .map(|result| format!("{}: {}", result.check, result.detail))
            .collect(),
        evidence: GateEvidence::Checks(CheckEvidence { results }),
    }
}
