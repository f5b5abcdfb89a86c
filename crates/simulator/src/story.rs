//! What happened, without when: two schedules of one run must tell the same story.

use engine::Event;

/// An event as a line; nothing for one that speaks of time alone.
pub fn story(event: &Event) -> Option<String> {
    Some(match event {
        Event::RunResumed { .. } => return None,
        Event::RunStarted { seed, .. } => format!("started with seed {seed}"),
        Event::StageStarted { stage, visit, attempt, .. } => {
            format!("{stage} {visit}.{attempt} starts")
        }
        Event::StageFinished { stage, visit, attempt, outcome, refused, .. } => {
            let refused = if refused.is_empty() { String::new() } else { format!(" -{refused:?}") };
            format!("{stage} {visit}.{attempt} {}: {}{refused}", outcome.status, outcome.note)
        }
        Event::RetryScheduled { stage, visit, attempt, .. } => {
            format!("{stage} {visit}.{attempt} is scheduled")
        }
        Event::EdgeTaken { from, to, why, restart, .. } => {
            let restart = if *restart { ", from scratch" } else { "" };
            format!("{from} -> {to} by {why:?}{restart}")
        }
        Event::QuestionAsked { stage, visit, attempt, question, .. } => {
            format!("{stage} {visit}.{attempt} asks {:?} {:?}", question.text, question.choices)
        }
        Event::QuestionAnswered { stage, visit, attempt, choice, by, .. } => {
            format!("{stage} {visit}.{attempt} {by} says {choice:?}")
        }
        Event::RunEnded { ending, .. } => format!("{ending:?}"),
    })
}
