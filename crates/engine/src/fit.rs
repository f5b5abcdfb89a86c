//! Whether an event can follow a state: asked of ledgers and recordings that somebody else may have
//! written, or altered.

use base::{Branch, StageId};

use crate::Event;
use crate::lane::{Lane, Stand};
use crate::state::{State, apply};

/// An event that cannot follow the state: no engine wrote this course of events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event `{event}` cannot follow those before it: {why}")]
pub struct Misfit {
    event: &'static str,
    why: &'static str,
}

impl State {
    /// [`apply`], for an event that may not fit.
    ///
    /// # Errors
    /// When it cannot follow; the state is as it was then.
    pub fn follow(&mut self, event: &Event) -> Result<(), Misfit> {
        self.fits(event).map_err(|why| Misfit { event: event.name(), why })?;
        apply(self, event);
        Ok(())
    }

    fn fits(&self, event: &Event) -> Result<(), &'static str> {
        require(self.ending().is_none(), "the run has ended")?;
        require(event.at() >= self.latest(), "it happened before them")?;
        let starts = matches!(event, Event::RunStarted { .. });
        require(starts != self.is_started(), "a run starts once, and first")?;
        let lane = self.lanes.get(event.branch()).ok_or("its branch is not open")?;
        require(!lane.is_over(), "its branch has ended")?;
        match event {
            Event::RunStarted { .. } | Event::RunResumed { .. } | Event::RunEnded { .. } => Ok(()),
            Event::StageStarted { stage, .. } | Event::QuestionAsked { stage, .. } => {
                at_stage(lane, stage)
            }
            Event::StageFinished { stage, visit, attempt, .. } => {
                at_attempt(lane, stage, *visit, Some(*attempt))
            }
            Event::QuestionAnswered { stage, visit, attempt, choice, .. } => {
                at_attempt(lane, stage, *visit, Some(*attempt))?;
                require(matches!(lane.stand, Stand::Asked { .. }), "nobody was asked")?;
                let offered = lane.step().ways.iter().any(|way| way.name == *choice);
                require(*attempt == 0 || offered, "the answer is none of the choices")
            }
            Event::RetryScheduled { stage, visit, attempt, .. } => {
                at_attempt(lane, stage, *visit, attempt.checked_sub(1))
            }
            Event::EdgeTaken { from, to, .. } => {
                at_stage(lane, from)?;
                require(lane.plan.number(to).is_some(), "it leads to no stage")
            }
            Event::BranchesOpened { branch, stage, visit, attempt, to, .. } => {
                at_attempt(lane, stage, *visit, Some(*attempt))?;
                opens(lane, branch, to)
            }
            Event::BranchEnded { branch, arrived, .. } => {
                require(!branch.is_main(), "the main line ends with its run")?;
                let known = arrived.as_ref().is_none_or(|stage| lane.plan.number(stage).is_some());
                require(known, "it arrives at no stage")
            }
            Event::ChildObserved { stage, visit, attempt, .. } => {
                at_attempt(lane, stage, *visit, Some(*attempt))?;
                require(matches!(lane.stand, Stand::Watching { .. }), "nobody watches a child")
            }
        }
    }
}

fn opens(lane: &Lane, branch: &Branch, to: &[StageId]) -> Result<(), &'static str> {
    require(matches!(lane.stand, Stand::Started { .. }), "its stage has not started")?;
    let step = lane.step();
    let plan = step.watch.as_ref().map_or(&lane.plan, |watch| &watch.child);
    require(step.watch.is_some() || step.fork.is_some(), "its stage opens no branches")?;
    require(to.iter().all(|stage| plan.number(stage).is_some()), "a branch starts nowhere")?;
    let ways = if step.watch.is_some() { 1 } else { step.ways.len() };
    require(to.len() == ways, "its stage has another number of branches")?;
    let fork = base::Fork { stage: step.id.clone(), visit: 0, attempt: 0, index: 0 };
    require(branch.fork(fork).is_some(), "branches are too deep inside each other")
}

fn at_stage(lane: &Lane, stage: &StageId) -> Result<(), &'static str> {
    require(lane.step().id == *stage, "its stage is not the current one")
}

fn at_attempt(
    lane: &Lane,
    stage: &StageId,
    visit: u32,
    attempt: Option<u32>,
) -> Result<(), &'static str> {
    at_stage(lane, stage)?;
    require(
        (visit, attempt) == (lane.visit, Some(lane.attempt)),
        "its attempt is not the current one",
    )
}

fn require(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}
