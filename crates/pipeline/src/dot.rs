//! A graph as canonical DOT: one stage and one edge a line, attributes by name, every default
//! spelled out. Reading it gives the same graph again.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::value::quote;
use crate::{Graph, Value};

/// Writes a graph as DOT, from its attributes (fields that no attribute stands behind, such as those
/// that a transform has set, are not written).
///
/// `parse` of the result gives back a graph equal to one that `parse` made, with [`crate::Dialect::Spec`]:
/// whatever dialect the graph was read from, it is written in the specification's words.
pub fn to_dot(graph: &Graph) -> String {
    let mut dot = String::from("digraph ");
    if is_identifier(&graph.name) {
        dot.push_str(&graph.name);
        dot.push(' ');
    } else if !graph.name.is_empty() {
        dot.push_str(&quote(&graph.name));
        dot.push(' ');
    }
    dot.push_str("{\n");
    if !graph.attributes.is_empty() {
        dot.push_str("    graph");
        write_attributes(&mut dot, &graph.attributes);
        dot.push('\n');
    }
    for stage in graph.stages.values() {
        // Writing to a string never fails.
        let _ = write!(dot, "    {}", stage.id);
        write_attributes(&mut dot, &stage.attributes);
    }
    if !graph.edges().is_empty() {
        dot.push('\n');
    }
    for edge in graph.edges() {
        let _ = write!(dot, "    {} -> {}", edge.from, edge.to);
        write_attributes(&mut dot, &edge.attributes);
    }
    dot.push_str("}\n");
    dot
}

/// ` [a=1, b="2"]` and the end of the line; without attributes the latter alone.
fn write_attributes(dot: &mut String, attributes: &BTreeMap<String, Value>) {
    let mut separator = " [";
    for (key, value) in attributes {
        let _ = write!(dot, "{separator}{key}={}", value.to_dot());
        separator = ", ";
    }
    dot.push_str(if attributes.is_empty() { "\n" } else { "]\n" });
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
