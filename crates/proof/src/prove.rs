//! The whole proof of one build: gates in order, the first failure stops the rest.

use std::path::Path;
use std::time::Instant;

use base::Digest;
use intent::{Intent, Scenario};
use sandbox::{Cancel, Sandbox, SandboxError};
use scenario::{Packs, PlaySettings, SatisfactionReport, WorldError};
use tempfile::TempDir;

use crate::export::{Export, ExportError};
use crate::gate::{
    Gate, GateEvidence, GateProgress, ProgressEvent, Proof, RequirementProof, Verdict,
};
use crate::{StrengthEvidence, Workshop, checks, integrity, scenarios, strength};

/// What is proved, and against what.
#[derive(Debug, Clone, Copy)]
pub struct ProveInput<'a> {
    pub intent: &'a Intent,
    /// Of the signed intent and its scenarios.
    pub intent_digest: Digest,
    /// Held out.
    pub scenarios: &'a [Scenario],
    /// The product before the build; `None`: there was none.
    pub base: Option<&'a Path>,
    /// A clean export of the build; never written to.
    pub product: &'a Path,
    /// The build's commit or tree, to be named in the proof.
    pub subject: &'a str,
    /// The line's check commands, run by `sh -c` in the product.
    pub checks: &'a [String],
    /// What the twins that the intent declares are made of.
    pub packs: &'a Packs,
    /// How like their services these are.
    pub twins: &'a [policy::TwinFidelity],
    pub settings: &'a ProveSettings,
}

/// How much is played.
#[derive(Debug, Clone)]
pub struct ProveSettings {
    /// Of every scenario; [`scenario::seeds_for`] gives as many as the intent's bound needs.
    pub seeds: Vec<u64>,
    /// Sabotaged copies of the build.
    pub mutants: usize,
    /// Generated calls on which a surviving copy is compared with the build.
    pub variants: usize,
    pub play: PlaySettings,
}

impl ProveSettings {
    /// Settings for an intent: what its satisfaction needs, from `seed` on; three seeds at the least,
    /// so that what depends on circumstances shows.
    pub fn for_intent(intent: &Intent, scenarios: usize, seed: u64) -> Self {
        Self {
            seeds: scenario::seeds_for(scenarios, intent.satisfaction, seed, 3),
            // A build per mutant is dear where something must be compiled.
            mutants: if intent.interface.build.is_some() { 8 } else { 16 },
            variants: 24,
            play: PlaySettings::default(),
        }
    }
}

/// Why a build could not be judged. Nothing here is the build's fault.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("the sandbox failed")]
    Sandbox(#[source] SandboxError),
    #[error("failed to play")]
    World(#[source] WorldError),
    #[error("scenario {scenario} could not be decided: {reason}")]
    Undecided { scenario: String, reason: String },
    #[error(transparent)]
    Canaries(#[from] intent::TooManyCanaries),
}

/// Proves a build.
///
/// # Errors
/// [`ProofError`] when it could not be judged. A build that is not good enough is a [`Proof`] that
/// did not pass.
pub fn prove(
    input: &ProveInput<'_>,
    sandbox: &Sandbox,
    cancel: &Cancel,
    progress: &mut dyn FnMut(GateProgress),
) -> Result<Proof, ProofError> {
    let product = Export::read(input.product)?;
    let base = input.base.map(Export::read).transpose()?.unwrap_or_default();
    let workshop = Workshop { sandbox, cancel };
    let mut bench = Bench { input, workshop, base, product, built: None, verdicts: Vec::new() };
    for gate in Gate::ALL {
        if cancel.is_pulled() {
            return Err(ProofError::Cancelled);
        }
        progress(GateProgress { gate, event: ProgressEvent::Began });
        let started = Instant::now();
        let mut advance = |done, total| {
            progress(GateProgress { gate, event: ProgressEvent::Advanced { done, total } });
        };
        let found = bench.run(gate, &mut advance)?;
        let wall_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Finding { passed, summary, evidence, disclosures, feedback } = found;
        let event = ProgressEvent::Ended { passed, summary: summary.clone(), wall_ms };
        progress(GateProgress { gate, event });
        let verdict = Verdict { gate, passed, summary, evidence, disclosures, feedback, wall_ms };
        bench.verdicts.push(verdict);
        if !passed {
            break;
        }
    }
    Ok(bench.proof())
}

/// A gate's verdict before it is timed.
pub(crate) struct Finding {
    pub(crate) passed: bool,
    pub(crate) summary: String,
    pub(crate) evidence: GateEvidence,
    pub(crate) disclosures: Vec<policy::Disclosure>,
    pub(crate) feedback: Vec<String>,
}

/// Told how many parts of a gate's work are done, of how many.
pub(crate) type Advance<'a> = &'a mut dyn FnMut(usize, usize);

/// What the gates work on.
pub(crate) struct Bench<'a> {
    pub(crate) input: &'a ProveInput<'a>,
    pub(crate) workshop: Workshop<'a>,
    pub(crate) base: Export,
    pub(crate) product: Export,
    /// The built product, once the checks have built it.
    pub(crate) built: Option<TempDir>,
    verdicts: Vec<Verdict>,
}

impl Bench<'_> {
    fn run(&mut self, gate: Gate, advance: Advance<'_>) -> Result<Finding, ProofError> {
        match gate {
            Gate::Integrity => integrity::gate(self),
            Gate::Checks => checks::gate(self, advance),
            Gate::Scenarios => scenarios::gate(self, advance),
            Gate::Strength => strength::gate(self, self.slowest_ms(), advance),
        }
    }

    /// The built product on the host.
    pub(crate) fn built(&self) -> &Path {
        self.built.as_ref().expect("the checks, which build it, passed").path()
    }

    fn slowest_ms(&self) -> u64 {
        let played = self.verdicts.iter().filter_map(|verdict| match &verdict.evidence {
            GateEvidence::Scenarios(evidence) => Some(&evidence.trajectories),
            _ => None,
        });
        played.flatten().map(|trajectory| trajectory.wall_ms).max().unwrap_or(0)
    }

    fn proof(self) -> Proof {
        let complete = self.verdicts.len() == Gate::ALL.len();
        let mut proof = Proof {
            intent: self.input.intent.id.clone(),
            intent_digest: self.input.intent_digest,
            subject: self.input.subject.to_owned(),
            tree: self.product.digest(),
            verdicts: self.verdicts,
            complete,
            evidence: policy::Evidence {
                requirements_total: 0,
                requirements_covered: 0,
                degenerates_total: 0,
                degenerates_caught: 0,
                sabotaged_total: 0,
                sabotaged_caught: 0,
                satisfaction: None,
                satisfaction_wanted: self.input.intent.satisfaction,
                twins: self.input.twins.to_vec(),
            },
            requirements: Vec::new(),
        };
        let report = proof.scenarios().map(|evidence| evidence.satisfaction.clone());
        proof.requirements = requirements(self.input, report.as_ref());
        proof.evidence = evidence(&proof, report.as_ref());
        proof
    }
}

fn requirements(
    input: &ProveInput<'_>,
    report: Option<&SatisfactionReport>,
) -> Vec<RequirementProof> {
    let of = |id: &base::RequirementId| RequirementProof {
        id: id.clone(),
        scenarios: input
            .scenarios
            .iter()
            .filter(|scenario| scenario.requirements.contains(id))
            .map(|scenario| scenario.id.clone())
            .collect(),
        satisfaction: report.and_then(|report| report.requirements.get(id).copied()),
    };
    input.intent.requirements.iter().map(|requirement| of(&requirement.id)).collect()
}

fn evidence(proof: &Proof, report: Option<&SatisfactionReport>) -> policy::Evidence {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let strength = proof.strength();
    let (caught, degenerates) = strength.map_or((0, 0), |found| found.degenerates.caught());
    let (killed, harmful) = strength.map_or((0, 0), StrengthEvidence::weaker);
    let covered = proof.requirements.iter().filter(|one| !one.scenarios.is_empty()).count();
    policy::Evidence {
        requirements_total: count(proof.requirements.len()),
        requirements_covered: count(covered),
        degenerates_total: narrow(degenerates),
        degenerates_caught: narrow(caught),
        sabotaged_total: count(harmful),
        sabotaged_caught: count(killed),
        satisfaction: report.map(|report| policy::Satisfaction {
            point: report.overall.point,
            lower: report.overall.lower,
            upper: report.overall.upper,
            n: narrow(report.overall.n),
        }),
        satisfaction_wanted: proof.evidence.satisfaction_wanted,
        twins: proof.evidence.twins.clone(),
    }
}
