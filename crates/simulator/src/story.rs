//! What happened, without when: two schedules of one run must tell the same story.

use engine::Event;

/// An event as a line; nothing for one that speaks of time alone.
pub fn story(event: &Event) -> Option<String> {
    let line = match event {
        // How often a manager looks is a matter of time.
        Event::RunResumed { .. } | Event::ChildObserved { .. } => return None,
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
        Event::QuestionAnswered { stage, visit, attempt, choice, text, by, .. } => {
            let text = text.as_ref().map_or_else(String::new, |text| format!(": {text:?}"));
            format!("{stage} {visit}.{attempt} {by} says {choice:?}{text}")
        }
        Event::BranchesOpened { stage, visit, attempt, to, .. } => {
            let to: Vec<&str> = to.iter().map(base::StageId::as_str).collect();
            format!("{stage} {visit}.{attempt} opens {}", to.join(", "))
        }
        Event::BranchEnded { status, note, arrived, .. } => {
            let arrived = arrived.as_ref().map_or("nowhere", base::StageId::as_str);
            format!("ends at {arrived} {status}: {note}")
        }
        Event::RunEnded { ending, .. } => format!("{ending:?}"),
    };
    let branch = event.branch();
    Some(if branch.is_main() { line } else { format!("[{branch}] {line}") })
}
