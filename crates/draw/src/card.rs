//! What is written on stages, edges and signposts, and how much room it takes.

use std::fmt::Write as _;

use pipeline::{Edge, Handler, Stage};

use crate::direction::Spot;
use crate::text::{Font, clean, excerpt};
use crate::{Mark, StageMark};

/// Pixels and lines that a text may take; what is longer is in the title.
const LABEL_WIDTH_MAX: f64 = 200.0;
const LABEL_LINES_MAX: usize = 3;
const ID_LINES_MAX: usize = 2;
const EDGE_WIDTH_MAX: f64 = 170.0;
const EDGE_LINES_MAX: usize = 3;

/// Characters of a text that are looked at before it is wrapped, and that a title has.
const LOOKED_AT_MAX: usize = 300;
const PROMPT_MAX: usize = 280;

/// The greatest count that is written; beyond it there is a plus sign.
const COUNT_MAX: u32 = 99;

/// A class of text, as `style.css` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Label,
    Small,
    Mono,
    Note,
    Edge,
    Badge,
}

impl Style {
    pub(crate) fn font(self) -> Font {
        let (size, stretch) = match self {
            Self::Label => (13.0, 1.0),
            Self::Small => (10.0, 0.92),
            Self::Mono => (10.5, 1.0),
            Self::Note | Self::Edge => (11.0, 0.92),
            Self::Badge => (10.0, 1.0),
        };
        Font { size, stretch, is_mono: self == Self::Mono }
    }

    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Small => "small",
            Self::Mono => "mono",
            Self::Note => "note",
            Self::Edge => "plain",
            Self::Badge => "state",
        }
    }
}

/// Lines of text, one under the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Card {
    pub(crate) lines: Vec<(Style, String)>,
}

impl Card {
    fn add(&mut self, style: Style, text: &str, width_max: f64, lines_max: usize) {
        let lines = style.font().wrap(&excerpt(text, LOOKED_AT_MAX), width_max, lines_max);
        self.lines.extend(lines.into_iter().map(|line| (style, line)));
    }

    pub(crate) fn size(&self) -> Spot {
        let widths = self.lines.iter().map(|(style, line)| style.font().width(line));
        let height = self.lines.iter().map(|(style, _)| style.font().line()).sum();
        Spot { x: widths.fold(0.0, f64::max), y: height }
    }
}

/// What performs a stage, in a word.
pub(crate) fn kind(handler: &Handler) -> String {
    let kind = match handler {
        Handler::Start => "start",
        Handler::Exit => "exit",
        Handler::Agent => "agent",
        Handler::Human => "human",
        Handler::Conditional => "conditional",
        Handler::Parallel => "parallel",
        Handler::FanIn => "fan-in",
        Handler::Tool => "tool",
        Handler::ManagerLoop => "manager",
        Handler::Wait => "wait",
        Handler::Check => "check",
        Handler::Prove => "prove",
        Handler::Attack => "attack",
        Handler::Ship => "ship",
        Handler::Custom(name) => return clean(name),
    };
    kind.to_owned()
}

/// What is written on a stage: its kind, its label, its id where the label is another, and a note.
pub(crate) fn of_stage(stage: &Stage, mark: Option<&StageMark>) -> Card {
    let mut card = Card::default();
    let id = stage.id.as_str();
    let kind = kind(&stage.handler);
    let label = if stage.label.trim().is_empty() { id } else { &stage.label };
    if !label.eq_ignore_ascii_case(&kind) {
        let gate = if stage.goal_gate { " · goal gate" } else { "" };
        card.add(Style::Small, &format!("{kind}{gate}"), LABEL_WIDTH_MAX, 1);
    }
    card.add(Style::Label, label, LABEL_WIDTH_MAX, LABEL_LINES_MAX);
    if !label.eq_ignore_ascii_case(id) {
        card.add(Style::Mono, id, LABEL_WIDTH_MAX, ID_LINES_MAX);
    }
    if let Some(mark) = mark {
        card.add(Style::Note, &mark.note, LABEL_WIDTH_MAX, 1);
    }
    card
}

/// The note at a manager's side: its child's name and size.
pub(crate) fn of_child(stage: &Stage) -> Option<Card> {
    let child = &stage.manager.as_ref()?.child;
    let mut card = Card::default();
    card.add(Style::Small, "watches", LABEL_WIDTH_MAX, 1);
    let name = if child.name.trim().is_empty() { "a pipeline" } else { &child.name };
    card.add(Style::Label, name, LABEL_WIDTH_MAX, 2);
    let count = child.stages.len();
    let stages = if count == 1 { "1 stage".to_owned() } else { format!("{count} stages") };
    card.add(Style::Small, &stages, LABEL_WIDTH_MAX, 1);
    Some(card)
}

/// What is written at an edge: its label, else its condition; nothing where it has neither.
pub(crate) fn of_edge(edge: &Edge) -> Card {
    let mut card = Card::default();
    if edge.label.trim().is_empty() {
        let condition = excerpt(&edge.condition, LOOKED_AT_MAX).replace("&&", " && ");
        card.add(Style::Mono, &condition, EDGE_WIDTH_MAX, EDGE_LINES_MAX);
    } else {
        card.add(Style::Edge, &edge.label, EDGE_WIDTH_MAX, EDGE_LINES_MAX);
    }
    card
}

pub(crate) fn of_signpost(edge: &Edge) -> Card {
    let mut card = Card::default();
    card.add(Style::Mono, &format!("→ {}", edge.to), LABEL_WIDTH_MAX, 1);
    card
}

/// A count as it stands at an edge: `3×`.
pub(crate) fn count(count: u32) -> String {
    if count > COUNT_MAX { format!("{COUNT_MAX}+×") } else { format!("{count}×") }
}

/// A state as it stands on a stage: `done ×3`.
pub(crate) fn badge(mark: &StageMark) -> String {
    let state = state(mark.mark);
    match mark.visits {
        0 => state.to_owned(),
        visits if visits > COUNT_MAX => format!("{state} ×{COUNT_MAX}+"),
        visits => format!("{state} ×{visits}"),
    }
}

/// The word for a mark, and its class.
pub(crate) fn state(mark: Mark) -> &'static str {
    match mark {
        Mark::Done => "done",
        Mark::Failed => "failed",
        Mark::Active => "active",
        Mark::Waiting => "waiting",
        Mark::Skipped => "skipped",
    }
}

/// All that a person can learn of a stage by pointing at it or having it read aloud.
pub(crate) fn stage_title(stage: &Stage, mark: Option<&StageMark>) -> String {
    let mut title = format!("{} ({})", excerpt(&stage.label, PROMPT_MAX), stage.id);
    // Writing to a string never fails.
    let _ = write!(title, ": {}", kind(&stage.handler));
    if stage.goal_gate {
        title.push_str(", goal gate");
    }
    if let Some(mark) = mark {
        let _ = write!(title, "; {}, {}", state(mark.mark), times("entered", mark.visits));
        if !mark.note.trim().is_empty() {
            let _ = write!(title, ", {}", excerpt(&mark.note, PROMPT_MAX));
        }
    }
    if let Some(manager) = &stage.manager {
        let child = &manager.child;
        let name = excerpt(&child.name, PROMPT_MAX);
        let _ = write!(title, "; watches the pipeline {name} of {} stages", child.stages.len());
    }
    if !stage.prompt.trim().is_empty() {
        let _ = write!(title, ". Prompt: {}", excerpt(&stage.prompt, PROMPT_MAX));
    }
    title
}

pub(crate) fn edge_title(edge: &Edge, taken: u32) -> String {
    let mut title = format!("{} to {}", edge.from, edge.to);
    for (word, text) in [("labelled", &edge.label), ("when", &edge.condition)] {
        if !text.trim().is_empty() {
            let _ = write!(title, ", {word} {}", excerpt(text, PROMPT_MAX));
        }
    }
    if taken > 0 {
        let _ = write!(title, "; {}", times("taken", taken));
    }
    title
}

fn times(word: &str, count: u32) -> String {
    match count {
        0 => format!("never {word}"),
        1 => format!("{word} once"),
        _ => format!("{word} {count} times"),
    }
}
