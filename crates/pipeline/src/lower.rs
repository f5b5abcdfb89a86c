//! Statements to a graph: scopes, defaults, chains and subgraphs are unfolded here (2.9 to 2.12),
//! and [`crate::resolve`] gives the attributes their meaning.

mod implicit;
mod loops;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use base::{Diagnostic, StageId, nearest};

use crate::dialect::{Carrier, Dialect};
use crate::document::{Site, Sites};
use crate::limits::{ATTRIBUTES_MAX, EDGES_MAX, STAGES_MAX};
use crate::read::Reading;
use crate::report::Report;
use crate::resolve::{GraphDefaults, Resolver, claim_ends_by_id};
use crate::syntax::{Attribute, Attributes, Name, Statement, Syntax};
use crate::text::Text;
use crate::{Ask, Edge, Graph, Stage};

/// Lowers a document. What is wrong is reported, and left at its default in the graph.
pub(crate) fn lower(
    text: &Text,
    syntax: &Syntax<'_>,
    reading: &Reading<'_>,
    report: &mut Report,
) -> (Graph, Sites) {
    let mut lowering = Lowering::default();
    let mut context = Context { text, report };
    lowering.statements(&syntax.statements, &Scope::default(), true, &mut context);
    let (mut graph, sites) = lowering.resolve(text, syntax, reading, report);
    graph.find_meets();
    infer_freeform(&mut graph);
    (graph, sites)
}

/// What is being lowered, one statement after the other.
#[derive(Default)]
struct Lowering<'s> {
    graph: Attributes<'s>,
    drafts: Vec<Draft<'s>>,
    by_id: HashMap<&'s str, usize>,
    paths: Vec<Path<'s>>,
    edges_count: usize,
    is_too_large: bool,
}

struct Context<'a> {
    text: &'a Text,
    report: &'a mut Report,
}

/// What default blocks and subgraphs say about the statements after them.
#[derive(Clone, Default)]
struct Scope<'s> {
    node: Rc<Attributes<'s>>,
    edge: Rc<Attributes<'s>>,
    classes: Rc<Vec<String>>,
}

/// A stage whose attributes are still being collected.
struct Draft<'s> {
    name: &'s Name,
    /// Whether a statement of its own declares it; edges alone make a stage too, as in Graphviz.
    is_declared: bool,
    /// The defaults where it was declared.
    defaults: Rc<Attributes<'s>>,
    explicit: Attributes<'s>,
    classes: Vec<String>,
}

struct Path<'s> {
    names: &'s [Name],
    attributes: Attributes<'s>,
}

impl<'s> Lowering<'s> {
    /// Depth is bounded by the parser.
    fn statements(
        &mut self,
        statements: &'s [Statement<'s>],
        outer: &Scope<'s>,
        is_top: bool,
        context: &mut Context<'_>,
    ) {
        let mut scope = outer.clone();
        if let Some(class) = subgraph_class(statements).filter(|_| !is_top) {
            Rc::make_mut(&mut scope.classes).push(class);
        }
        for statement in statements {
            match statement {
                Statement::Graph(attributes) if is_top => {
                    merge(&mut self.graph, attributes, context);
                }
                Statement::Graph(_) => {}
                Statement::NodeDefaults(attributes) => {
                    merge(Rc::make_mut(&mut scope.node), attributes, context);
                }
                Statement::EdgeDefaults(attributes) => {
                    merge(Rc::make_mut(&mut scope.edge), attributes, context);
                }
                Statement::Stage { name, attributes } => {
                    self.declare(name, attributes, &scope, context);
                }
                Statement::Path { names, attributes } => {
                    for name in names {
                        self.mention(name, &scope, context);
                    }
                    let mut merged = (*scope.edge).clone();
                    merge(&mut merged, attributes, context);
                    self.edges_count += names.len() - 1;
                    if self.edges_count > EDGES_MAX {
                        self.refuse(names[0].at, "edges", EDGES_MAX, context);
                    } else {
                        self.paths.push(Path { names, attributes: merged });
                    }
                }
                Statement::Subgraph(statements) => {
                    self.statements(statements, &scope, false, context);
                }
            }
        }
    }

    /// A stage's own statement. Declared again, its attributes are added to (as in Graphviz).
    fn declare(
        &mut self,
        name: &'s Name,
        attributes: &[Rc<Attribute<'s>>],
        scope: &Scope<'s>,
        context: &mut Context<'_>,
    ) {
        let Some(draft) = self.mention(name, scope, context) else { return };
        if !draft.is_declared {
            draft.is_declared = true;
            draft.name = name;
            draft.defaults = Rc::clone(&scope.node);
        }
        for class in scope.classes.iter() {
            if !draft.classes.contains(class) {
                draft.classes.push(class.clone());
            }
        }
        merge(&mut draft.explicit, attributes, context);
    }

    fn mention(
        &mut self,
        name: &'s Name,
        scope: &Scope<'s>,
        context: &mut Context<'_>,
    ) -> Option<&mut Draft<'s>> {
        let position = match self.by_id.get(name.id.as_str()) {
            Some(position) => *position,
            None if self.drafts.len() == STAGES_MAX => {
                self.refuse(name.at, "stages", STAGES_MAX, context);
                return None;
            }
            None => {
                self.by_id.insert(name.id.as_str(), self.drafts.len());
                self.drafts.push(Draft {
                    name,
                    is_declared: false,
                    defaults: Rc::clone(&scope.node),
                    explicit: Vec::new(),
                    classes: scope.classes.to_vec(),
                });
                self.drafts.len() - 1
            }
        };
        Some(&mut self.drafts[position])
    }

    /// Tells once that the graph is larger than anything that people write.
    fn refuse(&mut self, at: usize, what: &str, max: usize, context: &mut Context<'_>) {
        if !self.is_too_large {
            self.is_too_large = true;
            let error = Diagnostic::error("too-large", format!("more than {max} {what}"));
            let help = "split the pipeline";
            context.report.push(error.help(help).at(context.text.place(at)));
        }
    }

    fn resolve(
        self,
        text: &Text,
        syntax: &Syntax<'_>,
        reading: &Reading<'_>,
        report: &mut Report,
    ) -> (Graph, Sites) {
        let dialect = self.dialect(text, reading, report);
        let mut resolver = Resolver::new(text, reading, report, dialect);
        let graph = dialect.translate(Carrier::Graph, self.graph);
        let attributes = resolver.copy(&graph);
        let defaults = GraphDefaults::read(&mut resolver, &graph, &attributes);
        let graph_site = Site::new(syntax.at, false, &graph);

        let mut stages: Vec<(StageId, Stage)> = Vec::with_capacity(self.drafts.len());
        let mut stage_sites = HashMap::with_capacity(self.drafts.len());
        for draft in self.drafts {
            let merged = overlay(&draft.defaults, &draft.explicit);
            let merged = resolver.inline_prompt(dialect.translate(Carrier::Stage, merged));
            let stage = resolver.stage(draft.name, &merged, draft.classes, &defaults);
            let site = Site::new(draft.name.at, !draft.is_declared, &merged);
            stage_sites.insert(stage.id.clone(), site);
            stages.push((stage.id.clone(), stage));
        }
        let mut stages = BTreeMap::from_iter(stages);
        claim_ends_by_id(&mut stages);

        let mut edges: Vec<Edge> = Vec::with_capacity(self.edges_count);
        let mut edge_sites = Vec::with_capacity(self.edges_count);
        for path in self.paths {
            let written = dialect.translate(Carrier::Edge, path.attributes);
            edges.extend(resolver.edges(path.names, &written));
            let sites = path.names[1..].iter().zip(path.names);
            edge_sites.extend(sites.map(|(_, from)| Some(Site::new(from.at, false, &written))));
        }
        let mut sites =
            Sites { dialect, graph: graph_site, stages: stage_sites, edges: edge_sites };
        let goal = defaults.goal.clone();
        let mut graph = Graph::new(syntax.name.clone(), goal, attributes, stages, edges);
        if dialect == Dialect::Kilroy {
            graph = loops::close(graph, &mut sites);
        }
        if dialect.fans_out() {
            graph = implicit::insert(&mut resolver, &defaults, graph, &mut sites);
        }
        (graph, sites)
    }

    /// Whose words the text is in: as the caller says, as the text says, as its words tell.
    fn dialect(&self, text: &Text, reading: &Reading<'_>, report: &mut Report) -> Dialect {
        if let Some(dialect) = reading.dialect() {
            return dialect;
        }
        if let Some(said) = self.graph.iter().find(|attribute| attribute.key == "dialect") {
            let name = said.value.to_string();
            let names = || Dialect::ALL.into_iter().map(Dialect::name);
            if let Some(dialect) = Dialect::ALL.into_iter().find(|d| d.name() == name) {
                return dialect;
            }
            let error = Diagnostic::error("attribute-type", format!("`{name}` is no dialect"));
            let help = match nearest(&name, names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the dialects are {}", names().collect::<Vec<_>>().join(", ")),
            };
            report.push(error.help(help).at(text.place(said.value_at)));
            return Dialect::Spec;
        }
        let Some((dialect, clue)) = self.clue() else {
            let is_fabro = text.file().ends_with(".fabro");
            return if is_fabro { Dialect::Fabro } else { Dialect::Spec };
        };
        let name = dialect.name();
        let message = format!("read in the dialect `{name}`, for its `{}`", clue.key);
        let note = Diagnostic::info("dialect", message);
        let note = note.help("`graph [dialect=spec]` reads it by the specification alone");
        report.push(note.at(text.place(clue.key_at)));
        dialect
    }

    /// The first attribute that only the foremost dialect among all attributes has.
    fn clue(&self) -> Option<(Dialect, &Attribute<'s>)> {
        let stages = self.drafts.iter().map(|draft| &draft.explicit);
        let defaults = self.drafts.iter().map(|draft| &*draft.defaults);
        let edges = self.paths.iter().map(|path| &path.attributes);
        let all = std::iter::once(&self.graph).chain(stages).chain(defaults).chain(edges).flatten();
        let clues = all.filter_map(|written| Some((Dialect::of(written)?, &**written)));
        clues.min_by_key(|(dialect, written)| (*dialect, written.key_at))
    }
}

/// A person who can only write is asked for text, unless the pipeline says otherwise.
fn infer_freeform(graph: &mut Graph) {
    let is_freeform = |stage: &Stage| {
        let mut edges = graph.outgoing(&stage.id).peekable();
        let says = ["human.type", "question_type"];
        !says.iter().any(|key| stage.attributes.contains_key(*key))
            && edges.peek().is_some()
            && edges.all(|(_, edge)| edge.freeform)
    };
    let gates = graph.stages.values().filter(|stage| stage.gate.is_some());
    let freeform: Vec<StageId> =
        gates.filter(|stage| is_freeform(stage)).map(|stage| stage.id.clone()).collect();
    for id in freeform {
        if let Some(gate) = graph.stages.get_mut(&id).and_then(|stage| stage.gate.as_mut()) {
            gate.kind = Ask::Freeform;
        }
    }
}

/// The class that a subgraph's label gives to its stages (2.10).
fn subgraph_class(statements: &[Statement]) -> Option<String> {
    let label = statements.iter().rev().find_map(|statement| match statement {
        Statement::Graph(attributes) => attributes.iter().rev().find(|a| a.key == "label"),
        _ => None,
    })?;
    let class: String = label
        .value
        .to_string()
        .to_lowercase()
        .chars()
        .map(|c| if c == ' ' { '-' } else { c })
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    Some(class).filter(|class| !class.is_empty())
}

/// Adds attributes, the later ones in place of the earlier.
fn merge<'s>(into: &mut Attributes<'s>, more: &[Rc<Attribute<'s>>], context: &mut Context<'_>) {
    for attribute in more {
        match into.iter().position(|known| known.key == attribute.key) {
            Some(known) => into[known] = Rc::clone(attribute),
            None if into.len() < ATTRIBUTES_MAX => into.push(Rc::clone(attribute)),
            None => {
                let message = format!("more than {ATTRIBUTES_MAX} attributes in one place");
                let error = Diagnostic::error("too-large", message);
                let help = "move data into files or the context";
                let place = context.text.place(attribute.key_at);
                return context.report.push(error.help(help).at(place));
            }
        }
    }
}

/// Defaults, with what is explicit in their place.
fn overlay<'s>(defaults: &[Rc<Attribute<'s>>], explicit: &[Rc<Attribute<'s>>]) -> Attributes<'s> {
    let overridden =
        |known: &Rc<Attribute<'s>>| explicit.iter().any(|attribute| attribute.key == known.key);
    let mut merged: Attributes<'s> =
        defaults.iter().filter(|known| !overridden(known)).map(Rc::clone).collect();
    merged.extend(explicit.iter().map(Rc::clone));
    merged
}
