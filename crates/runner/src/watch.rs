//! What somebody who watches a run is told: the ledger's own entries as they become durable, and
//! fleeting notices about work that has not ended yet. There is no second event format.

use base::ActionId;
use ledger::Entry;

/// A watcher is called from the threads that perform actions and must return quickly.
pub trait Watcher: Send + Sync {
    /// An entry of the run is durable.
    fn entry(&self, entry: &Entry);

    /// Something is going on.
    fn notice(&self, notice: &Notice<'_>);
}

/// What goes on between two entries. Nothing depends on a notice; none is kept.
#[derive(Debug, Clone)]
pub enum Notice<'a> {
    /// Work on a stage begins, or goes on in a resumed run; `visits_max` bounds its visits.
    Began { action: &'a ActionId, visits_max: u32 },
    /// Tokens of a model call so far.
    Tokens { action: &'a ActionId, progress: model::Progress },
    /// One line for a person.
    Line { action: &'a ActionId, text: &'a str },
    /// A bounded piece of work: `done` of `total`.
    Step { action: &'a ActionId, what: &'a str, done: usize, total: usize },
}

/// Watches nothing.
pub struct Nobody;

impl Watcher for Nobody {
    fn entry(&self, _: &Entry) {}
    fn notice(&self, _: &Notice<'_>) {}
}
