//! Kilroy's loops: two stages with the same `loop_id`, between which a run goes round until the second
//! finds that the loop is over. Here the second leads back by an edge, as the specification wants it.

use std::collections::HashMap;

use base::StageId;

use crate::dialect::LOOP_SHAPES;
use crate::document::Sites;
use crate::{Edge, Graph, Handler, Stage, Value};

const IS_OVER: &str = "outcome=success";
const GOES_ON: &str = "outcome!=success";

/// Adds the ways back, and lets the other ways out of a loop's end wait until it is over.
pub(super) fn close(graph: Graph, sites: &mut Sites) -> Graph {
    let [begin, end] = LOOP_SHAPES;
    let begins: HashMap<String, &StageId> = graph
        .stages
        .values()
        .filter(|stage| is_shaped(stage, begin))
        .filter_map(|stage| Some((loop_id(stage)?, &stage.id)))
        .collect();
    let decides = |stage: &Stage| {
        let says = stage.attributes.get("loop_while_outcome").and_then(Value::as_str);
        stage.handler == Handler::Tool || says == Some("fail")
    };
    let ends: HashMap<&StageId, &StageId> = graph
        .stages
        .values()
        .filter(|stage| is_shaped(stage, end) && decides(stage))
        .filter_map(|stage| Some((&stage.id, *begins.get(&loop_id(stage)?)?)))
        .collect();
    if ends.is_empty() {
        return graph;
    }
    let conditional =
        |condition: &str| ("condition".to_owned(), Value::String(condition.to_owned()));
    let mut edges = graph.edges().to_vec();
    for edge in &mut edges {
        if ends.contains_key(&edge.from) && edge.condition.trim().is_empty() {
            edge.condition = IS_OVER.to_owned();
            edge.attributes.extend([conditional(IS_OVER)]);
        }
    }
    // By id, so that the same text always gives the same graph.
    for stage in graph.stages.values() {
        let Some(begin) = ends.get(&stage.id) else { continue };
        edges.push(Edge {
            from: stage.id.clone(),
            to: (*begin).clone(),
            label: String::new(),
            condition: GOES_ON.to_owned(),
            weight: 0,
            loop_restart: false,
            freeform: false,
            attributes: [conditional(GOES_ON)].into(),
        });
        sites.edges.push(sites.stages.get(&stage.id).cloned());
    }
    drop((begins, ends));
    Graph::new(graph.name, graph.goal, graph.attributes, graph.stages, edges)
}

fn is_shaped(stage: &Stage, shape: &str) -> bool {
    stage.attributes.get("shape").and_then(Value::as_str) == Some(shape)
}

fn loop_id(stage: &Stage) -> Option<String> {
    stage.attributes.get("loop_id").map(ToString::to_string)
}
