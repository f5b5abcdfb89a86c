//! The doors of this crate: text in, graph and findings out.

use base::{Diagnostic, Place};

use crate::limits::SOURCE_BYTES_MAX;
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
    let read = read(file, source);
    let graph = (!read.report.has_errors()).then_some(read.graph);
    Parsed { graph, document: read.document, diagnostics: read.report.finish() }
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
    let (graph, document) = lower(text, &syntax, &mut report);
    Read { graph, document, report, is_whole: is_valid }
}
