//! The case: a proof written up for the person who answers for shipping what it speaks of.
//!
//! It names scenarios and quotes none of them: what is held out stays so, though the case itself
//! belongs to the compartment `holdout`. It refuses to argue beyond its evidence: what was not shown
//! has a section of its own.

mod service;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use intent::Intent;
use policy::{FailureKind, LevelDecision};
use scenario::{Heard, JudgedSentence, Played, Satisfaction};
use serde::Serialize;
use serde_json::{Value, json};

use crate::gate::{GateEvidence, Proof, RequirementProof};
use crate::scenarios::{Because, Stopping};
use crate::strength::Fate;

/// What the case says beyond the proof.
#[derive(Debug, Clone, Copy)]
pub struct CaseFacts<'a> {
    pub intent: &'a Intent,
    /// Who signed the intent.
    pub signer: &'a str,
    /// The run that built it.
    pub run: &'a str,
    /// The level and the terms that led to it, where it was decided.
    pub decision: Option<&'a LevelDecision>,
}

/// A case in both of its forms.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub markdown: String,
    pub json: Value,
}

/// Writes up a proof.
pub fn case(proof: &Proof, facts: &CaseFacts<'_>) -> Case {
    Case { markdown: markdown(proof, facts), json: structured(proof, facts) }
}

/// Writing to a `String` cannot fail; this keeps the text readable.
macro_rules! line {
    ($out:expr) => { $out.push('\n') };
    ($out:expr, $($format:tt)*) => {{
        let _ = writeln!($out, $($format)*);
    }};
}

fn markdown(proof: &Proof, facts: &CaseFacts<'_>) -> String {
    let mut out = String::new();
    let verdict = if proof.passed() { "every gate passed" } else { "it must not ship" };
    line!(out, "# Case for {}: {verdict}\n", facts.intent.title);
    line!(out, "> Confidential: `holdout`. Keep it from builders: it names what judges them.\n");
    line!(out, "| | |\n|---|---|");
    line!(out, "| intent | `{}` {} |", proof.intent, proof.intent_digest);
    line!(out, "| signed by | {} |", facts.signer);
    line!(out, "| run | `{}` |", facts.run);
    line!(out, "| product | `{}`, files {} |", proof.subject, proof.tree);
    if let Some(decision) = facts.decision {
        line!(out, "| level | {} |", decision.level.number());
    }
    line!(out);
    if let Some(failed) = proof.failed() {
        line!(out, "**Held at the gate `{}`:** {}\n", failed.gate, failed.summary);
    }
    for flake in proof.scenarios().into_iter().flat_map(|played| &played.flakes) {
        let seeds: Vec<String> = flake.failed.iter().map(u64::to_string).collect();
        line!(
            out,
            "* `{}` fails with seed {} and not with others.\n",
            flake.scenario,
            seeds.join(", ")
        );
    }
    claims(&mut out, proof, facts.intent);
    gates(&mut out, proof);
    judged(&mut out, proof);
    strength(&mut out, proof);
    level(&mut out, facts.decision);
    limits(&mut out, proof, facts.intent);
    verify(&mut out, proof, facts);
    out
}

fn claims(out: &mut String, proof: &Proof, intent: &Intent) {
    line!(out, "## What is claimed, and why to believe it\n");
    for (requirement, shown) in intent.requirements.iter().zip(&proof.requirements) {
        line!(out, "### {}: {}\n", requirement.id, requirement.text);
        line!(out, "* Claim: the product meets {}.", requirement.id);
        line!(out, "* Argument: {}", argument(shown));
        line!(out, "* Evidence: {}", evidence(shown));
        for weakness in weaknesses(proof, shown) {
            line!(out, "* Against it: {weakness}");
        }
        line!(out, "* Conclusion: {}", conclusion(proof, shown));
        line!(out);
    }
}

fn conclusion(proof: &Proof, shown: &RequirementProof) -> String {
    let played = proof.scenarios().into_iter().flat_map(|played| &played.trajectories);
    let about = played.filter(|trajectory| trajectory.requirements.contains(&shown.id));
    let kinds: BTreeSet<FailureKind> = about
        .filter_map(|trajectory| match &trajectory.played {
            Played::Failed(failure) => Some(failure.kind),
            _ => None,
        })
        .collect();
    match &shown.satisfaction {
        Some(_) if kinds.is_empty() => "the evidence supports the claim.".to_owned(),
        Some(_) => {
            let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
            format!("**refuted**: {}.", kinds.join(", "))
        }
        None => "**not shown.**".to_owned(),
    }
}

fn argument(shown: &RequirementProof) -> String {
    match shown.scenarios.len() {
        0 => "none: no scenario is about it.".to_owned(),
        n => format!(
            "{}, written by people and never seen by the builder, would fail if it did not.",
            counted(n, "end-to-end scenario")
        ),
    }
}

fn evidence(shown: &RequirementProof) -> String {
    let ids: Vec<String> = shown.scenarios.iter().map(|id| format!("`{id}`")).collect();
    match &shown.satisfaction {
        Some(satisfaction) => format!("{}: {}", ids.join(", "), told(satisfaction)),
        None if ids.is_empty() => "none.".to_owned(),
        None => format!("{}: not played.", ids.join(", ")),
    }
}

fn told(satisfaction: &Satisfaction) -> String {
    let Satisfaction { satisfied, n, lower, upper, confidence, .. } = satisfaction;
    format!(
        "{satisfied} of {n} plays satisfied; at {:.0}% confidence between {:.1}% and {:.1}%.",
        confidence * 100.0,
        lower * 100.0,
        upper * 100.0
    )
}

fn weaknesses<'a>(
    proof: &'a Proof,
    shown: &'a RequirementProof,
) -> impl Iterator<Item = String> + 'a {
    let weak = proof.strength().into_iter().flat_map(|found| &found.degenerates.weaknesses);
    let weak = weak.filter(|weakness| weakness.requirement == shown.id).map(|weakness| {
        format!(
            "taken alone, its scenarios would also pass a program that {}.",
            weakness.description
        )
    });
    let survivors = proof.strength().into_iter().flat_map(|found| &found.mutants);
    let survivors = survivors.filter_map(|tried| match &tried.fate {
        Fate::Survived { requirements, .. } if requirements.contains(&shown.id) => Some(format!(
            "nothing noticed when `{}:{}` was sabotaged ({}).",
            tried.mutant.file, tried.mutant.line, tried.mutant.what
        )),
        _ => None,
    });
    let doings = proof.strength().into_iter().flat_map(|found| found.service.survivors());
    let doings = doings
        .filter(|survivor| survivor.requirements.contains(&shown.id))
        .map(|survivor| format!("nobody would notice {}.", service::told(survivor)));
    weak.chain(survivors).chain(doings)
}

fn gates(out: &mut String, proof: &Proof) {
    line!(out, "## Gates\n\n| gate | verdict | what was found | ms |\n|---|---|---|---|");
    for verdict in &proof.verdicts {
        let passed = if verdict.passed { "passed" } else { "**failed**" };
        let summary = verdict.summary.replace('|', "\\|").replace('\n', " ");
        line!(out, "| {} | {passed} | {summary} | {} |", verdict.gate, verdict.wall_ms);
    }
    let ran: Vec<_> = proof.verdicts.iter().map(|verdict| verdict.gate).collect();
    for gate in crate::Gate::ALL.iter().filter(|gate| !ran.contains(gate)) {
        line!(out, "| {gate} | not run | an earlier gate failed | |");
    }
    line!(out);
}

/// Which sentences a model judged: by their places, since their wording is held out.
fn judged(out: &mut String, proof: &Proof) {
    let judged = proof.scenarios().map_or(&[][..], |played| &played.judged);
    if judged.is_empty() {
        return;
    }
    line!(out, "## What a model judged\n");
    line!(out, "It can only have failed the build: every rule held before it was asked.\n");
    for JudgedSentence { scenario, line, heard } in judged {
        let Heard { model, family, calibration, agreed, disagreed } = heard;
        line!(
            out,
            "* `{scenario}`, line {line}: by {model} (family `{family}`), which told {} of {} of its \
             person's examples right; it agreed with {agreed} of {} texts.",
            calibration.right,
            calibration.examples,
            agreed + disagreed
        );
    }
    line!(out);
}

fn strength(out: &mut String, proof: &Proof) {
    let Some(found) = proof.strength() else { return };
    line!(out, "## What else would have passed\n");
    let (caught, all) = found.degenerates.caught();
    line!(out, "* {caught} of {all} degenerate programs fail at least one scenario.");
    for survivor in found.degenerates.survivors() {
        line!(out, "  * **Would pass:** a program that {}.", survivor.description);
    }
    let harmful = found.caught + found.survived;
    line!(
        out,
        "* {} of {} that change what the product does were caught.",
        found.caught,
        counted(harmful, "sabotaged copy")
    );
    for tried in &found.mutants {
        if let Fate::Survived { requirements, .. } = &tried.fate {
            let about: Vec<&str> = requirements.iter().map(|id| id.as_str()).collect();
            line!(
                out,
                "  * **Not caught:** `{}:{}`, {}; more scenarios about {} would catch it.",
                tried.mutant.file,
                tried.mutant.line,
                tried.mutant.what,
                if about.is_empty() { "it".to_owned() } else { about.join(", ") }
            );
        }
    }
    if found.equivalent + found.not_built + found.undecided > 0 {
        line!(
            out,
            "* Not counted: {} that nothing told from the product, {} that did not build, {} that broke what they were tried in.",
            found.equivalent,
            found.not_built,
            found.undecided
        );
    }
    out.push_str(&service::lines(&found.service));
    line!(out);
}

fn level(out: &mut String, decision: Option<&LevelDecision>) {
    let Some(decision) = decision else { return };
    line!(out, "## Level {}\n", decision.level.number());
    line!(out, "| term | allows | found | what would raise it |\n|---|---|---|---|");
    for term in &decision.terms {
        let binds = if decision.binding.contains(&term.name) { " (binds)" } else { "" };
        let next = term.next.as_deref().unwrap_or("");
        line!(
            out,
            "| {}{binds} | {} | {} | {next} |",
            name(&term.name),
            term.level.number(),
            term.value
        );
    }
    line!(out);
}

/// The name under which a value is stored.
fn name<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name.replace('_', " "),
        _ => String::new(),
    }
}

fn limits(out: &mut String, proof: &Proof, intent: &Intent) {
    line!(out, "## What is not proven\n");
    if let Some(played) = proof.scenarios() {
        let overall = &played.satisfaction.overall;
        let by_scenario = &played.satisfaction.scenarios;
        line!(
            out,
            "* Overall {} The interval takes plays to be independent. If a scenario's seeds tell nothing \
             new, only {} count, and the lower bound is {:.1}%.",
            told(overall),
            counted(usize::try_from(by_scenario.n).unwrap_or(usize::MAX), "scenario"),
            by_scenario.lower * 100.0
        );
        played.stopping.iter().for_each(|stopping| stopped(out, stopping, played.wanted));
    }
    let unproven = proof.requirements.iter().filter(|shown| shown.scenarios.is_empty());
    for shown in unproven {
        line!(out, "* {}: no scenario is about it.", shown.id);
    }
    for constraint in &intent.constraints {
        if constraint.examples.is_empty() {
            line!(out, "* {}: {} No gate checks this sentence.", constraint.id, constraint.text);
        }
    }
    line!(out, "* Inputs unlike those of the scenarios; other machines, versions and loads.");
    line!(out, "* That the scenarios say what people want: whoever signed them answers for that.");
    line!(out, "* That the sandbox held, beyond its self-test on this machine.\n");
}

fn stopped(out: &mut String, stopping: &Stopping, wanted: f64) {
    let Stopping { rounds, planned, error, chance, because } = stopping;
    let of = format!("after {} of {planned}", counted(*rounds, "round"));
    match because {
        Because::Failed => line!(
            out,
            "* Playing stopped {of}, with a failure: whether more seeds fail was not asked."
        ),
        Because::Reached => line!(
            out,
            "* Playing stopped {of}: a product that satisfies less than {wanted} gets so far in {:.1}% \
             of cases at the most (allowed: {:.0}%).",
            chance * 100.0,
            error * 100.0
        ),
        Because::Spent => line!(out, "* Playing stopped {of}: there were no more seeds."),
    }
}

fn verify(out: &mut String, proof: &Proof, facts: &CaseFacts<'_>) {
    line!(out, "## How to verify\n");
    line!(out, "* `dark verify` on a clone of the product or on the ledger, offline.");
    line!(out, "* `dark show {}` for every event, `dark trace FILE:LINE` for any line.", facts.run);
    line!(out, "* The intent's digest above is that of the seal that {} signed.", facts.signer);
    line!(
        out,
        "* Export `{}` and play again: the same seeds give the same verdicts.",
        proof.subject
    );
}

fn counted(n: usize, what: &str) -> String {
    match (n, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{n} {stem}ies"),
        (_, None) => format!("{n} {what}s"),
    }
}

/// The same facts for machines. Quotes no scenario, as the Markdown does not.
fn structured(proof: &Proof, facts: &CaseFacts<'_>) -> Value {
    let verdicts: Vec<Value> = proof
        .verdicts
        .iter()
        .map(|verdict| {
            json!({
                "gate": verdict.gate,
                "passed": verdict.passed,
                "summary": verdict.summary,
                "wall_ms": verdict.wall_ms,
                "disclosures": verdict.disclosures,
            })
        })
        .collect();
    json!({
        "format": "dark-case-v1",
        "confidentiality": ["holdout"],
        "passed": proof.passed(),
        "complete": proof.complete,
        "title": facts.intent.title,
        "intent": { "id": proof.intent, "digest": proof.intent_digest, "signed_by": facts.signer },
        "run": facts.run,
        "product": { "subject": proof.subject, "tree": proof.tree },
        "requirements": proof.requirements,
        "gates": verdicts,
        "satisfaction": proof.scenarios().map(|played| &played.satisfaction),
        "judged": proof.scenarios().map(|played| &played.judged),
        "stopping": proof.scenarios().and_then(|played| played.stopping),
        "strength": proof.strength().map(strength_numbers),
        "changed": changed(proof),
        "evidence": proof.evidence,
        "level": facts.decision,
    })
}

fn strength_numbers(found: &crate::StrengthEvidence) -> Value {
    let (caught, all) = found.degenerates.caught();
    let survivors: Vec<&str> = found.degenerates.survivors().map(|one| one.name.as_str()).collect();
    let mutants = found.mutants.iter().filter(|one| matches!(one.fate, Fate::Survived { .. }));
    let mutants: Vec<Value> = mutants
        .map(|one| json!({ "file": one.mutant.file, "line": one.mutant.line, "what": one.mutant.what }))
        .collect();
    json!({
        "degenerates": { "caught": caught, "total": all, "survivors": survivors },
        "sabotaged": {
            "caught": found.caught,
            "survived": found.survived,
            "equivalent": found.equivalent,
            "not_built": found.not_built,
            "undecided": found.undecided,
            "survivors": mutants,
        },
        "service": service::numbers(&found.service),
    })
}

fn changed(proof: &Proof) -> Option<&Vec<String>> {
    proof.verdicts.iter().find_map(|verdict| match &verdict.evidence {
        GateEvidence::Integrity(evidence) => Some(&evidence.changed),
        _ => None,
    })
}
