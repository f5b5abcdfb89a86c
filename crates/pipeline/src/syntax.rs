//! The document as written: statements in their order, each with the byte offset where it stands.

use std::rc::Rc;

use base::StageId;

use crate::Value;

/// `key = value`, shared by all the stages that a default reaches.
#[derive(Debug)]
pub(crate) struct Attribute<'s> {
    pub(crate) key: &'s str,
    pub(crate) key_at: usize,
    pub(crate) value: Value,
    pub(crate) value_at: usize,
}

pub(crate) type Attributes<'s> = Vec<Rc<Attribute<'s>>>;

/// A stage's id and where it is written.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) id: StageId,
    pub(crate) at: usize,
}

#[derive(Debug)]
pub(crate) enum Statement<'s> {
    /// `graph [..]` or `key = value`, of the graph or of the subgraph around it.
    Graph(Attributes<'s>),
    NodeDefaults(Attributes<'s>),
    EdgeDefaults(Attributes<'s>),
    Stage {
        name: Name,
        attributes: Attributes<'s>,
    },
    /// `a -> b -> c [..]`: at least two names.
    Path {
        names: Vec<Name>,
        attributes: Attributes<'s>,
    },
    Subgraph(Vec<Statement<'s>>),
}

/// A whole file.
#[derive(Debug, Default)]
pub(crate) struct Syntax<'s> {
    /// Empty for a graph without a name.
    pub(crate) name: String,
    /// Where the graph begins.
    pub(crate) at: usize,
    pub(crate) statements: Vec<Statement<'s>>,
}
