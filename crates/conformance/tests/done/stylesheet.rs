//! 11.10: the model stylesheet.

use pipeline::Stage;

use crate::play::graph;

/// The stages of a pipeline with this stylesheet.
fn stage(sheet: &str, id: &str) -> Stage {
    let source = format!(
        "digraph {{ model_stylesheet=\"{}\" start [shape=Mdiamond]
            plan [label=l, shape=box] code [label=l, shape=box, class=\"fast\"]
            review [label=l, shape=box, class=\"fast\"] gate [shape=diamond]
            own [label=l, class=\"fast\", llm_model=mine] e [shape=Msquare]
            start -> plan -> code -> review -> gate -> own -> e }}",
        sheet.replace('"', "\\\"")
    );
    graph(&source).stages[id].clone()
}

fn model(sheet: &str, id: &str) -> String {
    let stage = stage(sheet, id);
    stage.attributes.get("llm_model").map_or_else(String::new, ToString::to_string)
}

/// Definition of Done 11.10: Stylesheet is parsed from the graph's `model_stylesheet` attribute.
#[test]
fn the_graph_has_the_stylesheet() {
    let sheet =
        "* { llm_model: claude-sonnet-4-5; llm_provider: anthropic; reasoning_effort: low; }";
    let attributes = stage(sheet, "plan").attributes;
    assert_eq!(attributes["llm_model"].to_string(), "claude-sonnet-4-5");
    assert_eq!(attributes["llm_provider"].to_string(), "anthropic");
    assert_eq!(attributes["reasoning_effort"].to_string(), "low");
    let broken = "digraph g { model_stylesheet=\"* { llm_model \" start -> a -> exit a [label=l] }";
    let found = pipeline::load("f", broken).into_graph().unwrap_err();
    assert_eq!(found[0].rule, "stylesheet-syntax");
}

/// Definition of Done 11.10: Selectors by shape name work (e.g., `box { llm_model: "claude-opus-4-6" }`).
/// Definition of Done 11.12: Stylesheet applies model override to nodes by shape.
#[test]
fn a_shape_selects() {
    let sheet = "box { llm_model: \"claude-opus-4-6\" }";
    assert_eq!(model(sheet, "plan"), "claude-opus-4-6");
    assert_eq!(model(sheet, "gate"), "");
}

/// Definition of Done 11.10: Selectors by class name work (e.g., `.fast { llm_model:
/// "gemini-3-flash-preview" }`).
#[test]
fn a_class_selects() {
    let sheet = ".fast { llm_model: \"gemini-3-flash-preview\" }";
    assert_eq!(model(sheet, "code"), "gemini-3-flash-preview");
    assert_eq!(model(sheet, "plan"), "");
}

/// Definition of Done 11.10: Selectors by node ID work (e.g., `#review { reasoning_effort: "high" }`).
#[test]
fn an_id_selects() {
    let sheet = "#review { reasoning_effort: \"high\" }";
    assert_eq!(stage(sheet, "review").attributes["reasoning_effort"].to_string(), "high");
    assert!(!stage(sheet, "code").attributes.contains_key("reasoning_effort"));
}

/// Definition of Done 11.10: Specificity order: universal < shape < class < ID.
#[test]
fn the_more_specific_selector_wins_wherever_it_stands() {
    let sheet = "#review { llm_model: id } .fast { llm_model: class } \
                 box { llm_model: shape } * { llm_model: any }";
    for (id, expected) in [("gate", "any"), ("plan", "shape"), ("code", "class"), ("review", "id")]
    {
        assert_eq!(model(sheet, id), expected);
    }
    assert_eq!(model("* { llm_model: a } * { llm_model: b }", "plan"), "b", "the later of equals");
}

/// Definition of Done 11.10: Stylesheet properties are overridden by explicit node attributes.
#[test]
fn what_the_node_says_overrides_the_stylesheet() {
    assert_eq!(model("* { llm_model: any } #own { llm_model: id }", "own"), "mine");
}
