//! The doors of this crate: text in, graph and findings out.

use base::{Diagnostic, Place};

use crate::limits::SOURCE_BYTES_MAX;
use crate::lint::{Rule, inspect};
use crate::lower::lower;
use crate::parser::parse_syntax;
use crate::report::Report;
use crate::text::Text;
use crate::{Document, Graph};

/// What became of a source text.
#[derive(Debug)]
pub struct Parsed {
    /// Absent when there are errors.
    pub graph: Option<Graph>,
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
    read(file, source).into()
}

/// [`parse`] and then [`crate::lint`], so that one reading tells all that is wrong: what a pipeline
/// must pass before it may run. A text with syntax errors is not linted: its graph is not all there.
pub fn load(file: &str, source: &str) -> Parsed {
    load_with(file, source, &[])
}

/// [`load`], with rules of one's own.
pub fn load_with(file: &str, source: &str, rules: &[&dyn Rule]) -> Parsed {
    let mut read = read(file, source);
    if read.is_whole {
        inspect(&read.graph, Some(&read.document), rules, &mut read.report);
    }
    read.into()
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

impl From<Read> for Parsed {
    fn from(read: Read) -> Self {
        let graph = (!read.report.has_errors()).then_some(read.graph);
        Self { graph, document: read.document, diagnostics: read.report.finish() }
    }
}

/// A text that was read, errors or not.
struct Read {
    graph: Graph,
    document: Document,
    report: Report,
    /// Whether the graph is all that the text says: without syntax errors.
    is_whole: bool,
}

fn read(file: &str, source: &str) -> Read {
    let mut report = Report::default();
    let is_too_large = source.len() > SOURCE_BYTES_MAX;
    if is_too_large {
        let mib = SOURCE_BYTES_MAX >> 20;
        let error = Diagnostic::error("too-large", format!("more than {mib} MiB of source"));
        report.push(error.help("split the pipeline").at(Place::line(file, 1)));
    }
    let text = Text::new(file, if is_too_large { "" } else { source });
    let (syntax, is_valid) =
        if is_too_large { Default::default() } else { parse_syntax(&text, &mut report) };
    let (graph, sites) = lower(&text, &syntax, &mut report);
    drop(syntax);
    Read { graph, document: Document { text, sites }, report, is_whole: is_valid }
}
