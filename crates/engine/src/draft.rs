//! Events in the making, and the state as it will be once they are applied.

use base::{Branch, StageId, Timestamp};

use crate::lane::Lane;
use crate::plan::Step;
use crate::state::{State, apply};
use crate::{Ending, Event};

/// A state that moves ahead with each event. Copying the state for it is cheap: what grows with the
/// pipeline is shared until it is written.
pub(crate) struct Draft {
    pub(crate) state: State,
    pub(crate) events: Vec<Event>,
    pub(crate) now: Timestamp,
}

impl Draft {
    pub(crate) fn new(state: &State, now: Timestamp) -> Self {
        // A clock that was set back must not put events before those that they follow.
        let now = Timestamp(now.0.min(crate::guard::EXACT_MAX)).max(state.latest());
        Self { state: state.clone(), events: Vec::new(), now }
    }

    pub(crate) fn push(&mut self, event: Event) {
        apply(&mut self.state, &event);
        self.events.push(event);
    }

    pub(crate) fn lane(&self, branch: &Branch) -> &Lane {
        &self.state.lanes[branch]
    }

    pub(crate) fn step(&self, branch: &Branch) -> &Step {
        self.lane(branch).step()
    }

    pub(crate) fn stage(&self, branch: &Branch) -> StageId {
        self.step(branch).id.clone()
    }

    /// Ends the run where a branch cannot go on: with the main line if it is that one, and otherwise
    /// only the branch.
    pub(crate) fn give_up(&mut self, branch: &Branch, reason: String) {
        if branch.is_main() {
            return self.hold(reason);
        }
        let (branch, at) = (branch.clone(), self.now);
        let status = crate::Status::Fail;
        self.push(Event::BranchEnded { branch, status, note: reason, arrived: None, at });
    }

    /// Ends the run: nothing in it may go on.
    pub(crate) fn hold(&mut self, reason: String) {
        let at = self.now;
        self.push(Event::RunEnded { ending: Ending::Held { reason }, at });
    }
}
