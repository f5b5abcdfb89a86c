//! The door for transforms (9.1 to 9.3): in order, after what is built in, before lint.

use std::collections::BTreeMap;

use base::StageId;
use pipeline::{Edge, Graph, Handler, Options, Transform};

/// Puts a tool stage before the exit.
struct Audit;

impl Transform for Audit {
    fn transform(&self, graph: Graph) -> Graph {
        let id = StageId::new("audit").unwrap();
        let mut audit = graph.stages["work"].clone();
        audit.id = id.clone();
        audit.handler = Handler::Tool;
        let command = pipeline::Value::String("audit".to_owned());
        audit.attributes = BTreeMap::from([("tool_command".to_owned(), command)]);
        let mut stages = graph.stages.clone();
        stages.insert(id.clone(), audit);
        let mut edges: Vec<Edge> = Vec::new();
        for edge in graph.edges() {
            match edge.to.as_str() {
                "exit" => {
                    edges.push(Edge { to: id.clone(), ..edge.clone() });
                    let plain = Edge { attributes: BTreeMap::new(), ..edge.clone() };
                    edges.push(Edge { from: id.clone(), condition: String::new(), ..plain });
                }
                _ => edges.push(edge.clone()),
            }
        }
        Graph::new(graph.name, graph.goal, graph.attributes, stages, edges)
    }
}

/// Says in every prompt what was there before.
struct Sign(&'static str);

impl Transform for Sign {
    fn transform(&self, mut graph: Graph) -> Graph {
        for stage in graph.stages.values_mut() {
            stage.prompt = format!("{}|{}", stage.prompt, self.0);
        }
        graph
    }
}

/// Loses a stage.
struct Lose(&'static str);

impl Transform for Lose {
    fn transform(&self, mut graph: Graph) -> Graph {
        graph.stages.remove(self.0);
        graph
    }
}

const SOURCE: &str = "digraph g { goal=it
    start -> fan fan -> work fan -> other
    work -> exit
    other -> exit [weight=1]
    fan [shape=component] work [prompt=\"do $goal\"] other [prompt=x]
}";

#[test]
fn transforms_are_applied_in_order_to_what_is_built_in() {
    let transforms: [&dyn Transform; 3] = [&Audit, &Sign("a"), &Sign("b")];
    let options = Options { transforms: &transforms, ..Options::default() };
    let (graph, findings) = options.load("f", SOURCE).into_graph().unwrap();
    assert_eq!(findings, []);
    assert_eq!(graph.stages["work"].prompt, "do it|a|b");
    // Where branches meet is found anew.
    let meets = graph.stages["fan"].fan_out.as_ref().unwrap().meets.as_ref();
    assert_eq!(meets.map(StageId::as_str), Some("audit"));
}

#[test]
fn what_a_transform_breaks_is_told_where_it_stands() {
    let transforms: [&dyn Transform; 1] = [&Lose("work")];
    let options = Options { transforms: &transforms, ..Options::default() };
    let findings = options.load("f", SOURCE).into_graph().unwrap_err();
    let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(shown[0].starts_with("f:2:18: error[edge-target-exists]"), "{shown:#?}");
    assert_eq!(findings[0].edge, Some(("fan".to_owned(), "work".to_owned())));
}

#[test]
fn edges_keep_their_places_through_a_transform() {
    /// Puts the last edge first.
    struct Turn;
    impl Transform for Turn {
        fn transform(&self, graph: Graph) -> Graph {
            let mut edges = graph.edges().to_vec();
            edges.rotate_right(1);
            Graph::new(graph.name, graph.goal, graph.attributes, graph.stages, edges)
        }
    }
    let source = SOURCE.replace("weight=1", "condition=\"a ~ b\"");
    let transforms: [&dyn Transform; 1] = [&Turn];
    let options = Options { transforms: &transforms, ..Options::default() };
    let findings = options.load("f", &source).into_graph().unwrap_err();
    assert!(
        findings[0].to_string().starts_with("f:4:33: error[condition-syntax]"),
        "{findings:#?}"
    );
}
