//! How strong a set of scenarios is, found out without running anything: which degenerate programs
//! it lets pass, overall and requirement by requirement.

use base::{Diagnostic, Place, RequirementId, ScenarioId};
use intent::{Intent, Scenario, StepKind};
use serde::{Deserialize, Serialize};

use crate::degenerate::{Flaw, Kind, MemoryWorld, kinds};
use crate::degenerate_service as services;
use crate::expected::{Expected, expected};
use crate::{Degenerate, Packs};

/// What the scenarios of one intent catch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strength {
    /// Every degenerate program that differs from a right one, and what became of it.
    pub programs: Vec<Judged>,
    /// At most one for each requirement: the plainest program that passes all of its scenarios.
    pub weaknesses: Vec<Weakness>,
}

/// What became of one degenerate program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    pub name: String,
    pub description: String,
    /// The first scenario that it fails; `None`: it survived them all.
    pub caught_by: Option<ScenarioId>,
    /// For a survivor: the scenarios in which it misbehaved and nobody looked.
    pub should_have_caught: Vec<ScenarioId>,
    /// What to add to one of them.
    pub advice: String,
}

/// A requirement whose scenarios all pass on a program that does not meet it. Other requirements
/// catch the program, but nothing proves this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weakness {
    pub requirement: RequirementId,
    /// The name of the degenerate program.
    pub program: String,
    pub description: String,
    /// The scenario that should have caught it.
    pub scenario: ScenarioId,
    pub advice: String,
}

/// Plays every scenario against every degenerate program, in memory: those about commands against
/// commands, those about a service against services, with twins made of `packs`.
pub fn strength(intent: &Intent, scenarios: &[Scenario], packs: &Packs) -> Strength {
    let (served, called): (Vec<Scenario>, Vec<Scenario>) =
        // No model is asked here: what a judge would catch counts as not caught.
        scenarios.iter().map(Scenario::unjudged).partition(is_served);
    let mut found = called_strength(intent, &called);
    found.programs.extend(services::judged(&served, packs));
    found
}

fn is_served(scenario: &Scenario) -> bool {
    scenario.steps.iter().any(|step| matches!(step.kind, StepKind::Service(_)))
}

fn called_strength(intent: &Intent, scenarios: &[Scenario]) -> Strength {
    if scenarios.is_empty() && intent.interface.service.is_some() {
        return Strength { programs: Vec::new(), weaknesses: Vec::new() };
    }
    let stories: Vec<Story> = scenarios.iter().map(Story::new).collect();
    let programs = Degenerate::all(intent, scenarios);
    let grid: Vec<Vec<Showing>> = programs
        .iter()
        .map(|program| stories.iter().map(|story| story.show(&program.kind)).collect())
        .collect();
    let judged =
        programs.iter().zip(&grid).filter_map(|(program, row)| judge(program, &stories, row));
    let requirements = intent.requirements.iter().chain(&intent.constraints);
    Strength {
        programs: judged.collect(),
        weaknesses: requirements
            .filter_map(|requirement| weakness(&requirement.id, &programs, &grid, &stories))
            .collect(),
    }
}

impl Strength {
    /// The programs that every scenario lets pass.
    pub fn survivors(&self) -> impl Iterator<Item = &Judged> {
        self.programs.iter().filter(|program| program.caught_by.is_none())
    }

    /// How many of the programs are caught, of how many.
    pub fn caught(&self) -> (u64, u64) {
        let survived = self.survivors().count();
        ((self.programs.len() - survived) as u64, self.programs.len() as u64)
    }

    /// The findings for whoever writes the scenarios: a survivor is an error, a requirement that
    /// proves nothing on its own a warning.
    pub fn diagnostics(&self, scenarios: &[Scenario]) -> Vec<Diagnostic> {
        let place = |id: &ScenarioId| -> Option<Place> {
            scenarios
                .iter()
                .find(|scenario| scenario.id == *id)
                .map(|scenario| scenario.place.clone())
        };
        let mut found = Vec::new();
        for program in self.survivors() {
            let mut finding = Diagnostic::error(
                "degenerate-survives",
                format!("a program that {} passes every scenario", program.description),
            );
            finding.place = program.should_have_caught.first().and_then(place);
            found.push(finding.help(program.advice.clone()));
        }
        for weakness in &self.weaknesses {
            let Weakness { requirement, description, .. } = weakness;
            let mut finding = Diagnostic::warning(
                "weak-requirement",
                format!("a program that {description} passes every scenario of {requirement}"),
            );
            finding.place = place(&weakness.scenario);
            found.push(finding.help(weakness.advice.clone()));
        }
        found
    }
}

/// A scenario and what a right program does in it.
struct Story<'a> {
    scenario: &'a Scenario,
    expected: Vec<Expected>,
    right: Showing,
}

/// What a program did in one scenario.
struct Showing {
    passed: bool,
    trace: Trace,
}

type Trace = Vec<(sandbox::Finished, std::collections::BTreeMap<String, Vec<u8>>)>;

impl<'a> Story<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let expected = expected(kinds(scenario));
        let right = show(&Kind::Right(Flaw::None), scenario, &expected);
        Self { scenario, expected, right }
    }

    fn show(&self, kind: &Kind) -> Showing {
        show(kind, self.scenario, &self.expected)
    }

    /// Whether the scenario can only be satisfied by failing, in each of its runs.
    fn only_fails(&self) -> bool {
        self.expected.iter().all(|outcome| outcome.fails)
    }
}

fn show(kind: &Kind, scenario: &Scenario, expected: &[Expected]) -> Showing {
    let mut world = MemoryWorld::new(kind, expected);
    let passed = world.play(scenario).is_satisfied();
    Showing { passed, trace: world.trace }
}

/// `None` for a program that nothing can be said about: it is no different from a right one, or what
/// a right one would do could not be worked out from the scenarios.
fn judge(program: &Degenerate, stories: &[Story<'_>], row: &[Showing]) -> Option<Judged> {
    let known = |story: &Story<'_>| !program.knows_the_answer() || story.right.passed;
    let pairs = || stories.iter().zip(row);
    let caught_by = pairs()
        .find(|(story, showing)| known(story) && !showing.passed)
        .map(|(story, _)| story.scenario.id.clone());
    let mut should_have_caught = Vec::new();
    if caught_by.is_none() {
        let differs = pairs().filter(|(story, showing)| story.right.trace != showing.trace);
        should_have_caught.extend(differs.map(|(story, _)| story.scenario.id.clone()));
        if program.knows_the_answer() {
            let all_known = stories.iter().all(known);
            if !all_known || should_have_caught.is_empty() {
                return None;
            }
        } else if should_have_caught.is_empty() {
            should_have_caught.extend(stories.iter().map(|story| story.scenario.id.clone()));
        }
    }
    Some(Judged {
        name: program.name.clone(),
        description: program.description.clone(),
        caught_by,
        should_have_caught,
        advice: program.advice.to_owned(),
    })
}

/// The plainest program that passes all scenarios of a requirement.
///
/// Where a requirement is about failing alone, a program that always fails is no finding: the
/// requirements that want success catch it, and no scenario of this one could.
fn weakness(
    requirement: &RequirementId,
    programs: &[Degenerate],
    grid: &[Vec<Showing>],
    stories: &[Story<'_>],
) -> Option<Weakness> {
    let own: Vec<usize> = (0..stories.len())
        .filter(|story| stories[*story].scenario.requirements.contains(requirement))
        .collect();
    if own.is_empty() {
        // Nothing proves it, which is a finding of its own; or scenarios about a service do.
        return None;
    }
    let only_fails = own.iter().all(|story| stories[*story].only_fails());
    let (program, row) = programs.iter().zip(grid).find(|(program, row)| {
        let no_finding = program.knows_the_answer() || (only_fails && program.always_fails());
        !no_finding && own.iter().all(|story| row[*story].passed)
    })?;
    let differs = own.iter().find(|story| stories[**story].right.trace != row[**story].trace);
    let scenario = differs.or(own.first())?;
    Some(Weakness {
        requirement: requirement.clone(),
        program: program.name.clone(),
        description: program.description.clone(),
        scenario: stories[*scenario].scenario.id.clone(),
        advice: program.advice.to_owned(),
    })
}
