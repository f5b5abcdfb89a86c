//! What whoever reads a pipeline brings along: rules, transforms, handlers of their own, files. This
//! crate opens no file itself.

use crate::lint::Rule;
use crate::{Dialect, Graph, Parsed};

/// How a pipeline is read. The default reads like [`crate::parse`] and [`crate::load`]: nothing but
/// what comes with the crate, and no file beside the pipeline's own.
///
/// ```
/// let options = pipeline::Options { handlers: &["deploy"], ..Default::default() };
/// let source = "digraph g { start -> ship -> exit  ship [type=deploy] }";
/// let (graph, _) = options.load("g.dot", source).into_graph().unwrap();
/// assert_eq!(graph.stages["ship"].handler, pipeline::Handler::Custom("deploy".to_owned()));
/// ```
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Run after the built-in rules, in their order (7.4).
    pub rules: &'a [&'a dyn Rule],
    /// Applied after what is built in and before the rules, in their order (9.3).
    pub transforms: &'a [&'a dyn Transform],
    /// Values of `type` that are registered (4.12); any other unknown one falls back to the shape.
    pub handlers: &'a [&'a str],
    /// Whose words the pipeline is in; as its own words tell where this is absent, and in children.
    pub dialect: Option<Dialect>,
    /// Names and values that goal and prompts may mention as `$name`, beside `$goal`. What is not
    /// among them stays as it is written.
    pub variables: &'a [(&'a str, &'a str)],
    /// Reads a file that the pipeline names, such as a manager's child.
    pub files: &'a Files<'a>,
}

/// Gives, for a path as the pipeline writes it, the name to show for the file and its text, or why
/// it cannot be read. Whoever gives it decides what a relative path is relative to, and which files
/// a pipeline may read at all.
pub type Files<'a> = dyn Fn(&str) -> Result<(String, String), String> + 'a;

/// Rewrites a graph before it is linted (9.1).
pub trait Transform {
    /// Builds another graph; [`Graph::new`] makes one from parts. Where branches meet is found anew
    /// afterwards.
    fn transform(&self, graph: Graph) -> Graph;
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            rules: &[],
            transforms: &[],
            handlers: &[],
            dialect: None,
            variables: &[],
            files: &no_files,
        }
    }
}

impl Options<'_> {
    /// [`crate::parse`], with these options.
    pub fn parse(&self, file: &str, source: &str) -> Parsed {
        crate::read::read_with(file, source, self, false)
    }

    /// [`crate::load`], with these options.
    pub fn load(&self, file: &str, source: &str) -> Parsed {
        crate::read::read_with(file, source, self, true)
    }
}

fn no_files(_: &str) -> Result<(String, String), String> {
    Err("no files are read here".to_owned())
}
