//! A graph in the specification's words: nodes, edges, attributes.

use std::collections::BTreeMap;

use pipeline::{Edge, Graph, Handler, Stage};
use serde_json::{Map, Value, json};

/// The types of 2.8, and Fabro's pause, which every pipeline may use. The factory's own are left out:
/// they are performed for a signed intent alone.
pub(crate) const HANDLERS: [&str; 10] = [
    "start",
    "exit",
    "codergen",
    "wait.human",
    "conditional",
    "parallel",
    "parallel.fan_in",
    "tool",
    "stack.manager_loop",
    "wait",
];

/// `{"name", "goal", "graph_attrs", "nodes", "edges"}`, nodes by id and edges in the order of the text.
/// Defaults, classes of subgraphs and the stylesheet are applied; prompts are as written.
pub(crate) fn told(graph: &Graph) -> Value {
    json!({
        "name": graph.name,
        "goal": graph.goal,
        "graph_attrs": attributes(&graph.attributes),
        "nodes": graph.stages.values().map(node).collect::<Vec<_>>(),
        "edges": graph.edges().iter().map(edge).collect::<Vec<_>>(),
    })
}

fn node(stage: &Stage) -> Value {
    let shape = stage.attributes.get("shape").map_or_else(|| "box".to_owned(), ToString::to_string);
    json!({
        "id": stage.id,
        "label": stage.label,
        "shape": shape,
        "type": type_of(&stage.handler),
        "attributes": attributes(&stage.attributes),
    })
}

fn edge(edge: &Edge) -> Value {
    let mut told = json!({
        "from": edge.from,
        "to": edge.to,
        "weight": edge.weight,
        "attributes": attributes(&edge.attributes),
    });
    for (key, text) in [("label", &edge.label), ("condition", &edge.condition)] {
        if !text.is_empty() {
            told[key] = text.clone().into();
        }
    }
    told
}

fn attributes(attributes: &BTreeMap<String, pipeline::Value>) -> Value {
    let told = attributes.iter().map(|(key, value)| {
        let value = match value {
            pipeline::Value::Boolean(boolean) => (*boolean).into(),
            pipeline::Value::Integer(integer) => (*integer).into(),
            pipeline::Value::Float(float) => (*float).into(),
            text => text.to_string().into(),
        };
        (key.clone(), value)
    });
    Value::Object(told.collect::<Map<_, _>>())
}

fn type_of(handler: &Handler) -> &str {
    match handler {
        Handler::Start => "start",
        Handler::Exit => "exit",
        Handler::Agent => "codergen",
        Handler::Human => "wait.human",
        Handler::Conditional => "conditional",
        Handler::Parallel => "parallel",
        Handler::FanIn => "parallel.fan_in",
        Handler::Tool => "tool",
        Handler::ManagerLoop => "stack.manager_loop",
        Handler::Wait => "wait",
        Handler::Check => "factory.check",
        Handler::Prove => "factory.prove",
        Handler::Attack => "factory.attack",
        Handler::Ship => "factory.ship",
        Handler::Custom(name) => name,
    }
}
