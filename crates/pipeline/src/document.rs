//! Where everything in a pipeline's source stands, so that findings about the graph can say so.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use base::{Place, StageId};

use crate::Edge;
use crate::dialect::Dialect;
use crate::syntax::Attribute;
use crate::text::Text;

/// A source text and the places of what was read from it.
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) text: Text,
    pub(crate) sites: Sites,
}

/// Where the parts of a graph stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sites {
    pub(crate) dialect: Dialect,
    pub(crate) graph: Site,
    pub(crate) stages: HashMap<StageId, Site>,
    /// In the order of [`crate::Graph::edges`]; none for an edge that no text stands behind.
    pub(crate) edges: Vec<Option<Site>>,
}

/// Where one thing and its attributes stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Site {
    pub(crate) at: usize,
    /// A stage that only edges mention.
    pub(crate) is_implicit: bool,
    /// Offsets of keys and their values.
    attributes: Vec<(usize, usize)>,
}

/// Something in a pipeline that a finding can be about.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    Graph,
    Stage(&'a StageId),
    /// By its position in [`crate::Graph::edges`].
    Edge(usize),
}

impl Site {
    pub(crate) fn new(at: usize, is_implicit: bool, attributes: &[Rc<Attribute<'_>>]) -> Self {
        let attributes = attributes.iter().map(|a| (a.key_at, a.value_at)).collect();
        Self { at, is_implicit, attributes }
    }
}

impl Document {
    /// Whose words the text is in.
    pub fn dialect(&self) -> Dialect {
        self.sites.dialect
    }

    /// Where a thing is first declared.
    pub fn place(&self, subject: Subject<'_>) -> Option<Place> {
        self.site(subject).map(|site| self.text.place(site.at))
    }

    /// Where a thing's attribute is written, be it in a default block; the thing's own place for an
    /// attribute that is not written anywhere.
    pub fn place_of_key(&self, subject: Subject<'_>, key: &str) -> Option<Place> {
        let at = self.attribute(subject, key).map(|(key_at, _)| key_at);
        at.map(|at| self.text.place(at)).or_else(|| self.place(subject))
    }

    /// Where byte `index` of an attribute's text stands.
    pub fn place_in_value(&self, subject: Subject<'_>, key: &str, index: usize) -> Option<Place> {
        let at =
            self.attribute(subject, key).map(|(_, value_at)| self.text.inside(value_at, index));
        at.map(|at| self.text.place(at)).or_else(|| self.place(subject))
    }

    /// Whether a stage is mentioned by edges alone.
    pub fn is_implicit(&self, stage: &StageId) -> bool {
        self.sites.stages.get(stage).is_some_and(|site| site.is_implicit)
    }

    /// Keeps the places of edges right after a transform: an edge between the same stages as before
    /// stands where the first of them stood, a new one nowhere.
    pub(crate) fn follow(&mut self, before: &[Edge], after: &[Edge]) {
        let mut known: HashMap<(&StageId, &StageId), VecDeque<Site>> = HashMap::new();
        for (edge, site) in before.iter().zip(self.sites.edges.drain(..)) {
            known.entry((&edge.from, &edge.to)).or_default().extend(site);
        }
        self.sites.edges = after
            .iter()
            .map(|edge| known.get_mut(&(&edge.from, &edge.to)).and_then(VecDeque::pop_front))
            .collect();
    }

    fn site(&self, subject: Subject<'_>) -> Option<&Site> {
        match subject {
            Subject::Graph => Some(&self.sites.graph),
            Subject::Stage(id) => self.sites.stages.get(id),
            Subject::Edge(position) => self.sites.edges.get(position)?.as_ref(),
        }
    }

    fn attribute(&self, subject: Subject<'_>, key: &str) -> Option<(usize, usize)> {
        let written = |at: usize, key: &str| {
            let rest = self.text.source().get(at..).unwrap_or("");
            let after = rest.strip_prefix('"').unwrap_or(rest).strip_prefix(key);
            after.is_some_and(|after| {
                !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.')
            })
        };
        let attributes = &self.site(subject)?.attributes;
        let find = |key: &str| attributes.iter().rev().copied().find(|(at, _)| written(*at, key));
        find(key).or_else(|| self.dialect().spellings(key).find_map(find))
    }
}
