//! `dark lights`: which level the evidence of each line supports, and which term binds.

use base::{LineId, RunId};
use policy::LevelDecision;
use serde::Serialize;

use crate::factory::{Factory, FactoryError};
use crate::hands::{PROOF_MADE, ProofMade, last};
use crate::opening::Opening;

/// What speaks for a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Light {
    pub line: LineId,
    /// What the factory's policy allows.
    pub level_max: u8,
    /// The newest proof on the line.
    pub last: Option<Proven>,
}

/// The level that one run's proof supported.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proven {
    pub run: RunId,
    pub decision: LevelDecision,
}

/// The lights of every line, or of one.
///
/// # Errors
/// When there is no such line, or the ledger cannot be read.
pub fn lights(factory: &Factory, only: Option<&str>) -> Result<Vec<Light>, FactoryError> {
    let mut lights: Vec<Light> = Vec::new();
    for (line, config) in &factory.config.lines {
        if only.is_none_or(|only| only == line.as_str()) {
            lights.push(Light { line: line.clone(), level_max: config.level_max, last: None });
        }
    }
    if let (Some(only), true) = (only, lights.is_empty()) {
        let near = base::nearest(only, factory.config.lines.keys().map(LineId::as_str));
        let near = near.map(str::to_owned);
        return Err(FactoryError::NoLine { line: only.to_owned(), near });
    }
    for run in factory.ledger.runs()? {
        let entries = factory.ledger.run(&run)?;
        let Some(opening) = Opening::of_run(&entries) else { continue };
        let Some(light) = lights.iter_mut().find(|light| light.line == opening.line) else {
            continue;
        };
        if let Some(proven) = last::<ProofMade>(&entries, PROOF_MADE, |_| true) {
            light.last = Some(Proven { run, decision: proven.decision });
        }
    }
    Ok(lights)
}
