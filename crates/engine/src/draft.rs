//! Events in the making: the state as it will be once they are applied, without copying it.

use std::sync::Arc;

use base::{StageId, Timestamp};

use crate::plan::{Plan, Step};
use crate::state::{Cursor, State, context_changes, is_recorded};
use crate::{Ending, Event, Outcome};

/// The cursor moves ahead with each event; counters and context are read through the events.
pub(crate) struct Draft<'s> {
    pub(crate) state: &'s State,
    pub(crate) plan: &'s Plan,
    pub(crate) cursor: Cursor,
    pub(crate) events: Vec<Event>,
    pub(crate) now: Timestamp,
}

impl<'s> Draft<'s> {
    pub(crate) fn new(state: &'s State, now: Timestamp) -> Self {
        let cursor = state.cursor.clone();
        // A clock that was set back must not put events before those that they follow.
        let now = Timestamp(now.0.min(crate::guard::EXACT_MAX)).max(cursor.latest);
        Self { state, plan: &state.plan, cursor, events: Vec::new(), now }
    }

    pub(crate) fn push(&mut self, event: Event) {
        self.cursor.apply(self.plan, &event);
        self.events.push(event);
    }

    pub(crate) fn step(&self) -> &'s Step {
        &self.plan.steps[self.cursor.at]
    }

    pub(crate) fn stage(&self) -> StageId {
        self.step().id.clone()
    }

    pub(crate) fn hold(&mut self, reason: String) {
        let at = self.now;
        self.push(Event::RunEnded { ending: Ending::Held { reason }, at });
    }

    /// The latest visit and attempt of a stage.
    pub(crate) fn reached(&self, stage: usize) -> (u32, u32) {
        let id = &self.plan.steps[stage].id;
        let drafted = self.events.iter().rev().find_map(|event| match event {
            Event::StageStarted { stage, visit, attempt, .. }
            | Event::QuestionAsked { stage, visit, attempt, .. }
                if stage == id =>
            {
                Some((*visit, *attempt))
            }
            _ => None,
        });
        let record = &self.state.records[stage];
        drafted.unwrap_or((record.visits, record.attempt))
    }

    /// The last outcome that a stage recorded.
    pub(crate) fn outcome(&self, stage: usize) -> Option<&Arc<Outcome>> {
        let id = &self.plan.steps[stage].id;
        for event in self.events.iter().rev() {
            match event {
                Event::EdgeTaken { restart: true, .. } => return None,
                Event::StageFinished { stage, outcome, .. }
                    if stage == id && is_recorded(outcome.status) =>
                {
                    return Some(outcome);
                }
                _ => {}
            }
        }
        self.state.records[stage].outcome.as_ref()
    }

    /// A value of the context.
    pub(crate) fn context(&self, key: &str) -> Option<&str> {
        for event in self.events.iter().rev() {
            if matches!(event, Event::EdgeTaken { restart: true, .. } | Event::RunStarted { .. }) {
                return self.plan.initial.get(key).map(String::as_str);
            }
            let mut written = None;
            context_changes(self.plan, self.cursor.at, event, &mut |name, value| {
                if name == key {
                    written = Some(value);
                }
            });
            if let Some(value) = written {
                return value;
            }
        }
        self.state.context.get(key).map(String::as_str)
    }
}
