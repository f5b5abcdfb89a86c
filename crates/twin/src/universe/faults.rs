//! What goes wrong in a universe: the rules that it has, and which of them strike a call.
//!
//! What an effect does to an answer is the universe's own business.

use std::time::Duration;

use imbl::OrdMap;

use super::{Universe, UniverseError};
use crate::fault::{Call, Effect, FAULTS_MAX, Fault};

impl Universe {
    /// The rules of what goes wrong from now on; their counts begin anew.
    ///
    /// # Errors
    /// More rules than [`FAULTS_MAX`], and rules on services and operations that there are not.
    pub fn set_faults(&mut self, faults: Vec<Fault>) -> Result<(), UniverseError> {
        if faults.len() > FAULTS_MAX {
            return Err(UniverseError::TooManyFaults { count: faults.len() });
        }
        self.check_faults(&faults)?;
        (self.faults, self.struck) = (faults.into(), OrdMap::new());
        Ok(())
    }

    /// More rules beside those that there are, whose counts go on.
    ///
    /// # Errors
    /// More rules than [`FAULTS_MAX`] in all.
    pub fn add_faults(&mut self, faults: Vec<Fault>) -> Result<(), UniverseError> {
        let count = self.faults.len() + faults.len();
        if count > FAULTS_MAX {
            return Err(UniverseError::TooManyFaults { count });
        }
        self.check_faults(&faults)?;
        self.faults = self.faults.iter().cloned().chain(faults).collect::<Vec<_>>().into();
        Ok(())
    }

    /// Refuses rules that can never strike: a slip in a name would make a test of nothing.
    fn check_faults(&self, faults: &[Fault]) -> Result<(), UniverseError> {
        for fault in faults {
            if let Some(service) = &fault.service {
                self.twin(service)?;
            }
            let Some(operation) = &fault.operation else { continue };
            let (start, any_rest) = match operation.strip_suffix('*') {
                Some(start) => (start, true),
                None => (operation.as_str(), false),
            };
            let packs = self.twins.iter().map(|twin| &twin.pack);
            let meant = packs.filter(|pack| {
                fault.service.as_deref().is_none_or(|service| service == pack.service())
            });
            let names: Vec<&str> = meant.flat_map(|pack| pack.operations()).collect();
            let fits =
                |name: &&str| if any_rest { name.starts_with(start) } else { *name == start };
            if !names.iter().any(fits) {
                let near =
                    base::nearest(start, names).map(|near| format!("; did you mean `{near}`?"));
                let (operation, near) = (operation.clone(), near.unwrap_or_default());
                return Err(UniverseError::UnknownOperation { operation, near });
            }
        }
        Ok(())
    }

    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

/// What becomes of the webhooks that a call sets off.
#[derive(Debug, Default)]
pub(super) struct WebhookFaults {
    pub(super) twice: bool,
    pub(super) later: Duration,
}

/// What strikes a call; counts are kept in `struck`.
pub(super) fn strike(
    faults: &[Fault],
    struck: &mut OrdMap<usize, u64>,
    call: Call<'_>,
) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (index, fault) in faults.iter().enumerate() {
        if fault.matches(call) {
            let count = struck.get(&index).copied().unwrap_or(0) + 1;
            struck.insert(index, count);
            if fault.strikes(count) {
                effects.push(fault.effect.clone());
            }
        }
    }
    effects
}
