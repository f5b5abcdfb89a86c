//! What a stage's model is told of what came before (5.4): by fidelity, from the state alone.

use base::Branch;
use engine::{Outcome, State};
use pipeline::{Fidelity, Stage};

/// Bytes of a preamble at each fidelity: about four to a token, the budgets of 5.4.
const fn bytes_max(fidelity: Fidelity) -> usize {
    match fidelity {
        Fidelity::Full | Fidelity::Truncate => 1_000,
        Fidelity::SummaryLow => 2_400,
        Fidelity::SummaryMedium => 6_000,
        Fidelity::Compact => 8_000,
        Fidelity::SummaryHigh => 12_000,
    }
}

/// Keys that tell of the engine's own bookkeeping, and nothing to a model.
const HIDDEN: [&str; 5] =
    ["graph.", "internal.", "current_node", "parallel.results", "stack.steer"];

/// The text that goes before a stage's prompt. At `full` fidelity the conversation itself is carried
/// over, and only what a manager says is added; whoever begins a conversation asks for another.
pub fn preamble(state: &State, branch: &Branch, fidelity: Fidelity) -> String {
    let graph = state.graph_of(branch);
    let context = state.context_of(branch);
    let mut text = String::new();
    if fidelity != Fidelity::Full {
        if !graph.goal.is_empty() {
            text.push_str(&format!("Goal: {}\n", graph.goal));
        }
        text.push_str(&format!("Run: {}\n", state.run()));
    }
    let stages: Vec<_> = state.recent(branch).collect();
    match fidelity {
        Fidelity::Full | Fidelity::Truncate => {}
        Fidelity::Compact => {
            list_stages(&mut text, &stages, usize::MAX, 200);
            list_context(&mut text, context, 200);
        }
        Fidelity::SummaryLow => {
            let failed = stages.iter().filter(|(_, outcome)| !outcome.status.passes()).count();
            let done = stages.len();
            text.push_str(&format!("So far {done} stages have ended, {failed} of them failed.\n"));
            list_stages(&mut text, &stages, 1, 200);
        }
        Fidelity::SummaryMedium => {
            list_stages(&mut text, &stages, 5, 300);
            list_context(&mut text, context, 300);
        }
        Fidelity::SummaryHigh => {
            list_stages(&mut text, &stages, usize::MAX, 1_000);
            list_context(&mut text, context, 1_000);
        }
    }
    cut(&mut text, bytes_max(fidelity));
    if let Some(steer) = context.get(engine::STEER) {
        text.push_str(&format!("Instruction from the manager of this pipeline: {steer}\n"));
    }
    text
}

/// The fidelity and the thread of a stage that a branch is at, by the precedence of 5.4.
pub fn session(state: &State, branch: &Branch, stage: &Stage) -> (Fidelity, String) {
    let graph = state.graph_of(branch);
    let (previous, edge) = state.came_by(branch).unzip();
    let edge = edge.flatten().map(|position| &graph.edges()[position]);
    let fidelity = pipeline::fidelity(graph, edge, stage);
    (fidelity, pipeline::thread(graph, edge, stage, previous))
}

fn list_stages(
    text: &mut String,
    stages: &[(&base::StageId, &Outcome)],
    count_max: usize,
    note_max: usize,
) {
    let from = stages.len().saturating_sub(count_max);
    if from < stages.len() {
        text.push_str("Stages so far:\n");
    }
    for (stage, outcome) in &stages[from..] {
        let note = shortened(&outcome.note, note_max);
        let between = if note.is_empty() { "" } else { ": " };
        text.push_str(&format!("- {stage}: {}{between}{note}\n", outcome.word()));
    }
}

fn list_context(text: &mut String, context: &engine::Context, value_max: usize) {
    let shown = context.iter().filter(|(key, _)| !HIDDEN.iter().any(|h| key.starts_with(h)));
    let mut lines =
        shown.map(|(key, value)| format!("- {key} = {}\n", shortened(value, value_max))).peekable();
    if lines.peek().is_some() {
        text.push_str("Context:\n");
    }
    text.extend(lines);
}

fn shortened(text: &str, bytes_max: usize) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&mut line, bytes_max);
    line
}

fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        let mut end = bytes_max;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("…\n");
    }
}
