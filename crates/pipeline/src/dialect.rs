//! Dialects: what public pipelines write beside the specification, translated into its words. Nothing
//! after this knows which dialect a text was in, except lint, which knows which words are no slips.

mod fabro;
mod kilroy;
mod strongdm;

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::syntax::{Attribute, Attributes};
use crate::{Condition, Test, Value};
pub(crate) use kilroy::LOOP_SHAPES;

/// Whose words a pipeline uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// The specification's, and ours.
    #[default]
    Spec,
    /// Those of the pipelines that StrongDM published.
    StrongDm,
    /// Those of fabro-sh/fabro.
    Fabro,
    /// Those of danshapiro/kilroy.
    Kilroy,
}

/// What a dialect has beside the specification.
struct Words {
    /// The word for it on a pipeline, as `dialect=…` writes it.
    name: &'static str,
    /// Attributes of the graph that the specification or we have by another name.
    graph: &'static [(&'static str, &'static str)],
    /// Those of stages.
    stage: &'static [(&'static str, &'static str)],
    /// Attributes that are known and have no effect here.
    idle: &'static [&'static str],
    /// Shapes, and the types that they name.
    shapes: &'static [(&'static str, &'static str)],
    /// Types by another name.
    types: &'static [(&'static str, &'static str)],
    /// Outcomes by another name.
    outcomes: &'static [(&'static str, &'static str)],
    /// Attributes that nobody else writes.
    clues: &'static [&'static str],
    /// Edges of equal condition out of one stage are branches.
    fans_out: bool,
    /// A pipeline may have several exits.
    has_exits: bool,
}

/// What carries attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Graph,
    Stage,
    Edge,
}

const SPEC: Words = Words {
    name: "spec",
    graph: &[],
    stage: &[],
    idle: &[],
    shapes: &[],
    types: &[],
    outcomes: &[],
    clues: &[],
    fans_out: false,
    has_exits: false,
};

/// Attributes whose bare numbers are seconds to every dialect but the specification's.
const DURATIONS: [&str; 3] = ["duration", "manager.poll_interval", "timeout"];

impl Dialect {
    /// All of them, and of those that a text gives clues of, the earlier is what it is in: StrongDM's
    /// pipelines were taken over by the others, with some of their own words put in.
    pub const ALL: [Self; 4] = [Self::StrongDm, Self::Fabro, Self::Kilroy, Self::Spec];

    /// As `dialect=…` on a pipeline writes it.
    pub fn name(self) -> &'static str {
        self.words().name
    }

    fn words(self) -> &'static Words {
        match self {
            Self::Spec => &SPEC,
            Self::StrongDm => &strongdm::WORDS,
            Self::Fabro => &fabro::WORDS,
            Self::Kilroy => &kilroy::WORDS,
        }
    }

    /// Whether edges of equal condition out of one stage are branches.
    pub(crate) fn fans_out(self) -> bool {
        self.words().fans_out
    }

    /// Whether a pipeline may have several exits.
    pub(crate) fn has_exits(self) -> bool {
        self.words().has_exits
    }

    /// Whether an attribute is known to a dialect and has no effect here. They take over each other's
    /// pipelines, and so each other's words.
    pub(crate) fn is_idle(self, key: &str) -> bool {
        self != Self::Spec && Self::ALL.iter().any(|dialect| dialect.words().idle.contains(&key))
    }

    /// Other words for an attribute.
    pub(crate) fn spellings(self, key: &str) -> impl Iterator<Item = &'static str> {
        let names = [self.words().graph, self.words().stage].into_iter().flatten();
        let key = key.to_owned();
        names.filter(move |(_, meant)| *meant == key).map(|(theirs, _)| *theirs)
    }

    /// The specification's word for somebody's attribute, and whose it is.
    pub(crate) fn meaning(key: &str) -> Option<(Self, &'static str)> {
        Self::ALL.into_iter().find_map(|dialect| {
            let words = dialect.words();
            let mut names = [words.graph, words.stage].into_iter().flatten();
            names.find(|(theirs, _)| *theirs == key).map(|(_, meant)| (dialect, *meant))
        })
    }

    /// Whose an attribute is, if it is a clue.
    pub(crate) fn of(attribute: &Attribute<'_>) -> Option<Self> {
        let others = [Self::StrongDm, Self::Fabro, Self::Kilroy];
        match attribute.key {
            "shape" => {
                let shape = attribute.value.as_str()?;
                let names = |list: &[(&str, &str)]| list.iter().any(|(known, _)| *known == shape);
                // A circle is drawn by many; it is a start only beside other clues.
                let names_one = |d: &Self| *d != Self::StrongDm && names(d.words().shapes);
                others.into_iter().find(names_one)
            }
            "condition" => {
                let text = attribute.value.as_str()?;
                let is_fabro = || fabro::OUTCOMES.iter().any(|(word, _)| text.contains(word));
                if text.starts_with("outcome") && is_fabro() {
                    Some(Self::Fabro)
                } else {
                    text.contains("context.failure_class").then_some(Self::Kilroy)
                }
            }
            "model_stylesheet" => {
                let text = attribute.value.as_str()?;
                let mut words = text.split([' ', '{', ';', '\n', '\t']);
                words.any(|word| word.trim_end() == "model:").then_some(Self::Fabro)
            }
            // Most attributes are one of these.
            "label" | "prompt" | "timeout" => None,
            key => others.into_iter().find(|d| d.words().clues.contains(&key)),
        }
    }

    /// Attributes in the specification's words.
    pub(crate) fn translate<'s>(
        self,
        carrier: Carrier,
        mut written: Attributes<'s>,
    ) -> Attributes<'s> {
        if self == Self::Spec {
            return written;
        }
        let words = self.words();
        let names = match carrier {
            Carrier::Graph => words.graph,
            Carrier::Stage => words.stage,
            Carrier::Edge => &[],
        };
        for at in 0..written.len() {
            let meant = names.iter().find(|(theirs, _)| *theirs == written[at].key);
            let is_free = |key: &str| !written.iter().any(|attribute| attribute.key == key);
            let key = meant.map(|(_, key)| *key).filter(|key| is_free(key));
            let key = key.unwrap_or(written[at].key);
            let value = words.value(key, &written[at].value);
            if key != written[at].key || value.is_some() {
                let Attribute { key_at, value_at, .. } = *written[at];
                let value = value.unwrap_or_else(|| written[at].value.clone());
                written[at] = Rc::new(Attribute { key, key_at, value, value_at });
            }
        }
        if carrier == Carrier::Stage {
            if self == Self::Kilroy {
                kilroy::write_loop(&mut written);
            }
            words.name_type(&mut written);
        }
        written
    }
}

impl Words {
    /// A value in the specification's words, if it is another.
    fn value(&self, key: &str, value: &Value) -> Option<Value> {
        let renamed = |names: &[(&str, &'static str)], word: &str| {
            names.iter().find(|(theirs, _)| *theirs == word).map(|(_, meant)| *meant)
        };
        match key {
            "type" => {
                renamed(self.types, value.as_str()?).map(|name| Value::String(name.to_owned()))
            }
            "condition" | "manager.stop_condition" => {
                let condition = Condition::parse(value.as_str()?).ok()?;
                let meant = condition.clone().with_outcomes(|word| renamed(self.outcomes, word));
                (meant != condition).then(|| Value::String(meant.to_string()))
            }
            "prompt" | "goal" => {
                let text = value.as_str()?;
                let is_template = text.contains("{{ goal }}") || text.contains("{{goal}}");
                let goal =
                    |text: &str| text.replace("{{ goal }}", "$goal").replace("{{goal}}", "$goal");
                is_template.then(|| Value::String(goal(text)))
            }
            key if DURATIONS.contains(&key) => {
                let ms = u64::try_from(value.integer()?).ok()?.checked_mul(1000)?;
                Some(Value::Duration { ms })
            }
            _ => None,
        }
    }

    /// Says with a type what a shape of the dialect means.
    fn name_type(&self, written: &mut Attributes<'_>) {
        let find = |key: &str| written.iter().find(|attribute| attribute.key == key);
        if find("type").is_some_and(|attribute| attribute.value.as_str() != Some("")) {
            return;
        }
        let Some(shape) = find("shape") else { return };
        let named = self.shapes.iter().find(|(known, _)| Some(*known) == shape.value.as_str());
        if let Some((_, name)) = named {
            let Attribute { key_at, value_at, .. } = **shape;
            let value = Value::String((*name).to_owned());
            written.retain(|attribute| attribute.key != "type");
            written.push(Rc::new(Attribute { key: "type", key_at, value, value_at }));
        }
    }
}

impl Condition {
    /// The same condition, with other words for outcomes.
    fn with_outcomes(mut self, meant: impl Fn(&str) -> Option<&'static str>) -> Self {
        for clause in self.clauses_mut().filter(|clause| clause.key == crate::Key::Outcome) {
            if let Test::Equals(word) | Test::Differs(word) = &mut clause.test
                && let Some(meant) = meant(word)
            {
                meant.clone_into(word);
            }
        }
        self
    }
}
