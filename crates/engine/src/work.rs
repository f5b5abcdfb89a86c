//! What a state asks for.

use base::Timestamp;

use crate::lane::{Lane, Stand};
use crate::plan::Role;
use crate::state::State;
use crate::{Action, Question};

impl Lane {
    /// When time alone changes something.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        match &self.stand {
            Stand::Started { deadline } if self.role() == Role::Wait => {
                Some(deadline.unwrap_or(self.since))
            }
            Stand::Started { deadline }
            | Stand::Asked { deadline, .. }
            | Stand::Forked { deadline } => *deadline,
            Stand::Retrying { until } => Some(*until),
            Stand::Watching { until, deadline, .. } => {
                Some(deadline.map_or(*until, |deadline| deadline.min(*until)))
            }
            _ => None,
        }
    }
}

/// What must be performed now, in this order; nothing before the start and after the end. Asking
/// twice gives the same actions. At most one of them is a [`Action::Wait`], and it comes last.
pub fn pending(state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    if !state.is_started() || state.ending().is_some() {
        return actions;
    }
    let mut until = state.wall_deadline();
    for (branch, lane) in &state.lanes {
        let since = lane.since;
        match &lane.stand {
            Stand::Started { .. } if lane.role() == Role::Work => {
                let (id, handler) = (state.action(branch, lane), lane.step().handler.clone());
                actions.push(Action::Perform { id, handler, since });
            }
            Stand::Asked { question, .. } => {
                let (id, question) = (state.action(branch, lane), Question::clone(question));
                actions.push(Action::Ask { id, question, since });
            }
            _ => {}
        }
        // A batch of events was cut short: any input decides the rest.
        let rest = state.moves(branch, lane).then_some(state.latest());
        until = until.into_iter().chain(rest).chain(lane.until()).min();
    }
    actions.extend(until.map(|until| Action::Wait { until }));
    actions
}
