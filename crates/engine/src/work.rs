//! What a state asks for.

use crate::plan::Role;
use crate::state::{Stand, State};
use crate::{Action, Question};

/// What must be performed now, in this order; nothing before the start and after the end. Asking
/// twice gives the same actions.
pub fn pending(state: &State) -> Vec<Action> {
    let cursor = &state.cursor;
    let since = cursor.since;
    let mut actions = Vec::new();
    let stage_until = match &cursor.stand {
        Stand::New | Stand::Ended(_) => return actions,
        Stand::Started { deadline } if state.role() == Role::Work => {
            let handler = state.plan.steps[cursor.at].handler.clone();
            actions.push(Action::Perform { id: state.action(), handler, since });
            *deadline
        }
        Stand::Asked { question, deadline } => {
            let question = Question::clone(question);
            actions.push(Action::Ask { id: state.action(), question, since });
            *deadline
        }
        Stand::Retrying { until } => Some(*until),
        // A batch of events was cut short: any input decides the rest.
        Stand::Entering
        | Stand::Started { .. }
        | Stand::Answered { .. }
        | Stand::Finished { .. } => Some(cursor.latest),
    };
    let until = stage_until.into_iter().chain(cursor.wall_deadline(&state.plan)).min();
    actions.extend(until.map(|until| Action::Wait { until }));
    actions
}
