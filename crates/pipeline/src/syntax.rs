//! The document as written: statements in their order, each with the byte offset where it stands.

use std::rc::Rc;

use base::StageId;

use crate::Value;

/// `key = value`, shared by all the stages that a default reaches.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) key: String,
    pub(crate) key_at: usize,
    pub(crate) value: Value,
    pub(crate) value_at: usize,
}

pub(crate) type Attributes = Vec<Rc<Attribute>>;

/// A stage's id and where it is written.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) id: StageId,
    pub(crate) at: usize,
}

#[derive(Debug)]
pub(crate) enum Statement {
    /// `graph [..]` or `key = value`, of the graph or of the subgraph around it.
    Graph(Attributes),
    NodeDefaults(Attributes),
    EdgeDefaults(Attributes),
    Stage {
        name: Name,
        attributes: Attributes,
    },
    /// `a -> b -> c [..]`: at least two names.
    Path {
        names: Vec<Name>,
        attributes: Attributes,
    },
    Subgraph(Vec<Statement>),
}

/// A whole file.
#[derive(Debug, Default)]
pub(crate) struct Syntax {
    /// Empty for a graph without a name.
    pub(crate) name: String,
    /// Where the graph begins.
    pub(crate) at: usize,
    pub(crate) statements: Vec<Statement>,
}
