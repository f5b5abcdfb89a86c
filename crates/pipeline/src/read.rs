//! The doors of this crate: text in, graph and findings out.

use std::cell::Cell;

use base::{Diagnostic, Place};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::limits::{CHILD_DEPTH_MAX, CHILDREN_MAX, SOURCE_BYTES_MAX};
use crate::lint::{Rule, inspect};
use crate::lower::lower;
use crate::parser::parse_syntax;
use crate::report::Report;
use crate::text::Text;
use crate::{Dialect, Document, Graph, Options};

/// What became of a source text.
#[derive(Debug)]
pub struct Parsed {
    /// Absent when there are errors.
    pub graph: Option<Graph>,
    /// With errors, what could be read in spite of them, to be looked at and never to be run.
    pub fragment: Option<Graph>,
    pub document: Document,
    /// In the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a pipeline: its syntax, and what its attributes mean. What the graph as a whole must
/// satisfy is for [`crate::lint`].
///
/// Never fails and never panics: all that is wrong is in the diagnostics, at once. Takes time in
/// proportion to the source, which may have 32 MiB, 200,000 stages and a million edges.
pub fn parse(file: &str, source: &str) -> Parsed {
    Options::default().parse(file, source)
}

/// [`parse`] and then [`crate::lint`], so that one reading tells all that is wrong: what a pipeline
/// must pass before it may run. A text with syntax errors is not linted: its graph is not all there.
pub fn load(file: &str, source: &str) -> Parsed {
    Options::default().load(file, source)
}

/// [`load`], with rules of one's own.
pub fn load_with(file: &str, source: &str, rules: &[&dyn Rule]) -> Parsed {
    Options { rules, ..Options::default() }.load(file, source)
}

pub(crate) fn read_with(
    file: &str,
    source: &str,
    options: &Options<'_>,
    is_linted: bool,
) -> Parsed {
    let children_left = Cell::new(CHILDREN_MAX);
    Reading { options, is_linted, depth: 0, children_left: &children_left }.read(file, source)
}

impl Parsed {
    /// The graph, with the warnings about it (`validate_or_raise` of 7.3).
    ///
    /// # Errors
    /// All findings, when there are errors among them.
    pub fn into_graph(self) -> Result<(Graph, Vec<Diagnostic>), Vec<Diagnostic>> {
        match self.graph {
            Some(graph) => Ok((graph, self.diagnostics)),
            None => Err(self.diagnostics),
        }
    }
}

impl Serialize for Parsed {
    /// `{"dialect", "is_valid", "graph", "diagnostics"}`: the graph as it is stored, or what of it
    /// could be read, and all findings with their places.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_struct("Parsed", 4)?;
        shown.serialize_field("dialect", &self.document.dialect())?;
        shown.serialize_field("is_valid", &self.graph.is_some())?;
        shown.serialize_field("graph", &self.graph.as_ref().or(self.fragment.as_ref()))?;
        shown.serialize_field("diagnostics", &self.diagnostics)?;
        shown.end()
    }
}

/// The reading of one text, be it the pipeline or a child inside it.
pub(crate) struct Reading<'a> {
    pub(crate) options: &'a Options<'a>,
    is_linted: bool,
    depth: usize,
    children_left: &'a Cell<usize>,
}

impl Reading<'_> {
    fn read(&self, file: &str, source: &str) -> Parsed {
        let mut report = Report::default();
        let is_too_large = source.len() > SOURCE_BYTES_MAX;
        if is_too_large {
            let mib = SOURCE_BYTES_MAX >> 20;
            let error = Diagnostic::error("too-large", format!("more than {mib} MiB of source"));
            report.push(error.help("split the pipeline").at(Place::line(file, 1)));
        }
        let text = Text::new(file, if is_too_large { "" } else { source });
        let (syntax, is_whole) =
            if is_too_large { Default::default() } else { parse_syntax(&text, &mut report) };
        let (mut graph, sites) = lower(&text, &syntax, self, &mut report);
        drop(syntax);
        let mut document = Document { text, sites };
        for transform in self.options.transforms {
            let edges = graph.edges().to_vec();
            graph = transform.transform(graph);
            graph.find_meets();
            document.follow(&edges, graph.edges());
        }
        if is_whole && self.is_linted {
            inspect(&graph, Some(&document), self.options.rules, &mut report);
        }
        let (graph, fragment) =
            if report.has_errors() { (None, Some(graph)) } else { (Some(graph), None) };
        Parsed { graph, fragment, document, diagnostics: report.finish() }
    }

    /// Whose words the text is in, if the caller says so. A child is a text of its own.
    pub(crate) fn dialect(&self) -> Option<Dialect> {
        self.options.dialect.filter(|_| self.depth == 0)
    }

    /// Reads a pipeline inside this one.
    ///
    /// # Errors
    /// Why there is none: too many or too deep, or the first thing that is wrong with it.
    pub(crate) fn child(&self, file: &str, source: &str) -> Result<Graph, String> {
        if self.depth == CHILD_DEPTH_MAX {
            return Err(format!("children are more than {CHILD_DEPTH_MAX} deep inside each other"));
        }
        let Some(left) = self.children_left.get().checked_sub(1) else {
            return Err(format!("more than {CHILDREN_MAX} children in one pipeline"));
        };
        self.children_left.set(left);
        let inner = Reading { depth: self.depth + 1, ..*self };
        inner.read(file, source).into_graph().map(|(graph, _)| graph).map_err(|findings| {
            let first = findings.iter().find(|finding| finding.is_error());
            first.map_or_else(String::new, |finding| {
                let place = finding.place.as_ref().map(|place| format!("{place}: "));
                format!("{}[{}] {}", place.unwrap_or_default(), finding.rule, finding.message)
            })
        })
    }
}
