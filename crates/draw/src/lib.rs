//! A pipeline as a picture: an SVG document that a person can read, with a run's state painted on
//! it if there is one.
//!
//! This crate refuses to know how a run came to its state, where the picture is shown, and what
//! fonts are there.

mod card;
mod direction;
mod layout;
mod render;
mod shape;
mod text;

use std::collections::BTreeMap;

use base::StageId;
use pipeline::Graph;

/// The most stages that are drawn. What is larger is no picture that anybody reads, and takes
/// seconds to make.
pub const STAGES_MAX: usize = 2_000;

/// The most edges that are drawn: five out of every one of the most stages.
pub const EDGES_MAX: usize = 10_000;

/// What is known of a stage in a run. A stage that was never reached has no mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    Done,
    Failed,
    /// Being performed now.
    Active,
    /// Entered, and waiting for a person or for time to pass.
    Waiting,
    Skipped,
}

/// How one stage is painted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageMark {
    pub mark: Mark,
    /// How often the run entered the stage; shown from 1.
    pub visits: u32,
    /// One line under the stage's label, shortened there and whole in its title; may be empty.
    /// It is text: markup in it is shown, not obeyed.
    pub note: String,
}

/// A run's state, to be painted on its pipeline. What the pipeline does not have is not painted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paint {
    pub stages: BTreeMap<StageId, StageMark>,
    /// How often the run went from one stage to another. Several edges between the same two stages
    /// are all painted: a run's way does not say which of them it was.
    pub edges_taken: BTreeMap<(StageId, StageId), u32>,
}

/// Why a pipeline is not drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrawError {
    #[error(
        "cannot draw {stages} stages, {max} at the most: draw a part of the pipeline, or move parts \
         into pipelines of their own that manager stages watch"
    )]
    TooManyStages { stages: usize, max: usize },
    #[error(
        "cannot draw {edges} edges, {max} at the most: draw a part of the pipeline, or let stages \
         with the same edges share a conditional stage"
    )]
    TooManyEdges { edges: usize, max: usize },
}

/// The pipeline as a complete SVG document, the same for the same arguments.
///
/// Layers run as the graph's `rankdir` says (`TB`, `BT`, `LR`, `RL`), top-down without one. Its
/// style follows the reader's colour scheme, and needs no background; rules and classes begin with
/// `.dark-factory`, and there are no ids, so that several may stand in one page. Stages carry
/// `data-stage`, edges `data-from` and `data-to`. All text is escaped and without control
/// characters; there are no scripts, links or outside references. An edge to a stage that the graph
/// does not have is left out. Lines that would pass too many layers of a large pipeline end in a
/// signpost with the target's id.
///
/// # Errors
/// [`DrawError`] when there are more than [`STAGES_MAX`] stages or [`EDGES_MAX`] edges.
pub fn svg(graph: &Graph, paint: Option<&Paint>) -> Result<String, DrawError> {
    let stages = graph.stages.len();
    if stages > STAGES_MAX {
        return Err(DrawError::TooManyStages { stages, max: STAGES_MAX });
    }
    let edges = graph.edges().len();
    if edges > EDGES_MAX {
        return Err(DrawError::TooManyEdges { edges, max: EDGES_MAX });
    }
    Ok(render::render(graph, paint))
}
