//! Writes what happens to the ledger, charged to the run and its requirements, and tells whoever
//! watches once it is durable.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base::{Digest, RequirementId, RunId, Timestamp, canonical};
use engine::State;
use ledger::{Entry, Event, Ledger, LedgerError, Record};
use serde::Serialize;
use serde_json::Value;

use crate::watch::Watcher;

/// The clock of the hands: the one place of a run where time is asked for.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Applies an entry that the engine wrote as an event; all others are observations, and change nothing.
///
/// # Errors
/// Why it cannot be applied: a later version wrote it, or it cannot follow those before it.
pub fn follow(state: &mut State, entry: &Entry) -> Result<(), String> {
    if entry.record.actor != ENGINE {
        return Ok(());
    }
    let stored = &entry.record.event;
    let wrong = |why: &dyn std::fmt::Display| format!("entry {}: {why}", entry.sequence);
    let event = engine::Event::from_body(&stored.name, stored.version, &stored.body);
    let event = event.map_err(|unknown| wrong(&unknown))?;
    state.follow(&event).map_err(|misfit| wrong(&misfit))
}

/// Who is said to have written events.
const ENGINE: &str = "engine";

/// The ledger, as one run writes to it.
#[derive(Clone)]
pub struct Recorder {
    pub ledger: Ledger,
    pub run: RunId,
    /// What the run's work is charged to.
    pub requirements: Vec<RequirementId>,
    pub watcher: Arc<dyn Watcher>,
}

/// Something that a hand saw or did, to be recorded.
pub struct Observation {
    pub actor: String,
    /// Dotted, past tense.
    pub name: &'static str,
    pub body: Value,
    pub bodies: Vec<Digest>,
}

impl Recorder {
    /// Records the engine's events, all or none.
    ///
    /// # Errors
    /// When they could not be made durable.
    pub fn events(&self, events: &[engine::Event], time: Timestamp) -> Result<(), LedgerError> {
        let records = events.iter().map(|event| {
            let stored = Event {
                name: event.name().to_owned(),
                version: event.version(),
                body: event.to_body(),
            };
            self.record(time, ENGINE.to_owned(), stored, Vec::new())
        });
        self.append(&[], records.collect())
    }

    /// Records what a hand observed.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub fn observe(&self, observation: Observation) -> Result<(), LedgerError> {
        self.observe_all(vec![observation])
    }

    /// Records what a hand observed together with the bodies that it speaks of, in one commit.
    ///
    /// # Errors
    /// When they could not be made durable.
    pub fn observe_with(
        &self,
        bodies: &[&[u8]],
        observation: Observation,
    ) -> Result<(), LedgerError> {
        self.append(bodies, vec![self.observed(now(), observation)])
    }

    /// Records several observations in one commit.
    ///
    /// # Errors
    /// When they could not be made durable.
    pub fn observe_all(&self, observations: Vec<Observation>) -> Result<(), LedgerError> {
        let time = now();
        let records = observations.into_iter().map(|one| self.observed(time, one));
        self.append(&[], records.collect())
    }

    fn observed(&self, time: Timestamp, observation: Observation) -> Record {
        let event = Event { name: observation.name.to_owned(), version: 1, body: observation.body };
        self.record(time, observation.actor, event, observation.bodies)
    }

    /// Keeps a value's canonical JSON in the body store.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub fn keep<T: Serialize>(&self, value: &T) -> Result<Digest, LedgerError> {
        let bytes = canonical(value).expect("what the factory records has a JSON form");
        self.ledger.put_body(&bytes)
    }

    fn record(&self, time: Timestamp, actor: String, event: Event, bodies: Vec<Digest>) -> Record {
        let requirements = self.requirements.clone();
        Record { time, run: Some(self.run.clone()), actor, requirements, event, bodies }
    }

    fn append(&self, bodies: &[&[u8]], records: Vec<Record>) -> Result<(), LedgerError> {
        if records.is_empty() {
            return Ok(());
        }
        let entries: Vec<Entry> = self.ledger.append_with(bodies, records)?;
        for entry in &entries {
            self.watcher.entry(entry);
        }
        Ok(())
    }
}
