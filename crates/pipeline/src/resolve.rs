//! What attributes mean: handlers, retries, bounds, times, models. Every default of the dialect is
//! applied here, and nothing downstream reads an attribute that has a field.

mod handlers;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

use base::{Diagnostic, StageId, nearest};

use crate::dialect::Dialect;
use crate::fidelity::SUBGRAPH_CLASS;
use crate::limits::{EXPANDED_BYTES_MAX, NUMBER_MAX, RETRIES_MAX, VISITS_DEFAULT, VISITS_MAX};
use crate::read::Reading;
use crate::report::Report;
use crate::stylesheet::{PROPERTIES, Stylesheet};
use crate::syntax::{Attribute, Attributes, Name};
use crate::text::Text;
use crate::vocabulary::{handler_of_shape, handler_of_type};
use crate::{Backoff, Edge, Handler, Retry, Stage, Value};
pub(crate) use handlers::CHILD_KEYS;
use handlers::{Child, Particulars};

/// The presets of 3.6: name, attempts, first delay in milliseconds, factor.
const POLICIES: [(&str, u32, u64, f64); 5] = [
    ("none", 1, 200, 2.0),
    ("standard", 5, 200, 2.0),
    ("aggressive", 5, 500, 2.0),
    ("linear", 3, 500, 1.0),
    ("patient", 3, 2000, 3.0),
];

/// The cap on a delay (3.6).
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// What the graph says for stages that say nothing.
pub(crate) struct GraphDefaults {
    pub(crate) goal: String,
    attempts_max: Option<u32>,
    policy: Retry,
    visits_max: u32,
    stylesheet: Stylesheet,
    models: [Option<String>; PROPERTIES.len()],
    /// The child of managers that name none of their own.
    child: Option<Child>,
}

impl GraphDefaults {
    pub(crate) fn read(
        resolver: &mut Resolver<'_>,
        written: &[Rc<Attribute<'_>>],
        attributes: &BTreeMap<String, Value>,
    ) -> Self {
        let text = |key: &str| attributes.get(key).map(ToString::to_string);
        let goal = text("goal").map(|goal| resolver.expand(goal)).unwrap_or_default();
        let retries = resolver
            .integer(written, "default_max_retries", 0..=RETRIES_MAX)
            .or_else(|| resolver.integer(written, "default_max_retry", 0..=RETRIES_MAX));
        let policy = resolver.policy(written, "default_retry_policy");
        // A stylesheet that does not parse is for lint to tell; here it gives nothing.
        let stylesheet = text("model_stylesheet").map(|sheet| Stylesheet::parse(&sheet));
        Self {
            goal,
            attempts_max: retries.map(attempts),
            policy: policy.unwrap_or_else(|| preset(POLICIES[0])),
            visits_max: resolver.visits(written, "default_max_visits").unwrap_or(VISITS_DEFAULT),
            stylesheet: stylesheet.and_then(Result::ok).unwrap_or_default(),
            models: PROPERTIES.map(text),
            child: Child::find(written),
        }
    }
}

/// What the attributes that are being read belong to.
enum About {
    Graph,
    Stage(StageId),
    Edge(StageId, StageId),
}

/// Reads attributes as what they are for, and reports those that are something else.
pub(crate) struct Resolver<'a> {
    text: &'a Text,
    reading: &'a Reading<'a>,
    report: &'a mut Report,
    dialect: Dialect,
    about: About,
    bytes_left: usize,
    is_too_large: bool,
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(
        text: &'a Text,
        reading: &'a Reading<'a>,
        report: &'a mut Report,
        dialect: Dialect,
    ) -> Self {
        let bytes_left = EXPANDED_BYTES_MAX;
        Self {
            text,
            reading,
            report,
            dialect,
            about: About::Graph,
            bytes_left,
            is_too_large: false,
        }
    }

    /// Attributes as a graph holds them.
    pub(crate) fn copy(&mut self, written: &[Rc<Attribute<'_>>]) -> BTreeMap<String, Value> {
        let bytes = written.iter().map(|a| a.key.len() + a.value.text_bytes()).sum();
        let at = written.first().map_or(0, |attribute| attribute.key_at);
        if !self.charge(bytes, at) {
            return BTreeMap::new();
        }
        written.iter().map(|a| (a.key.to_owned(), a.value.clone())).collect()
    }

    pub(crate) fn stage(
        &mut self,
        name: &Name,
        written: &[Rc<Attribute<'_>>],
        derived_classes: Vec<String>,
        defaults: &GraphDefaults,
    ) -> Stage {
        let id = &name.id;
        self.about = About::Stage(id.clone());
        let mut attributes = self.copy(written);
        if let Some(class) = derived_classes.last() {
            let class = Value::String(class.clone());
            attributes.insert(SUBGRAPH_CLASS.to_owned(), class);
        }
        let classes = classes(attributes.get("class"), derived_classes);
        if classes.is_empty() {
            attributes.remove("class");
        } else {
            attributes.insert("class".to_owned(), Value::String(classes.join(",")));
        }
        let shape = attributes.get("shape").map_or_else(|| "box".to_owned(), ToString::to_string);
        self.apply_models(id, &classes, &shape, &mut attributes, defaults);
        let handler = handler(&attributes, &shape, self.reading.options.handlers);
        let Particulars { fan_out, manager, pause, gate } =
            self.particulars(id, &handler, written, defaults);
        Stage {
            id: id.clone(),
            label: label(&attributes).unwrap_or_else(|| id.to_string()),
            handler,
            prompt: self.prompt(written, &defaults.goal),
            retry: self.retry(written, defaults),
            visits_max: self.visits(written, "max_visits").unwrap_or(defaults.visits_max),
            goal_gate: self.boolean(written, "goal_gate"),
            retry_target: self.target(written, "retry_target"),
            fallback_retry_target: self.target(written, "fallback_retry_target"),
            timeout: self.duration(written, "timeout"),
            allow_partial: self.boolean(written, "allow_partial"),
            auto_status: self.boolean(written, "auto_status"),
            fan_out,
            manager,
            pause,
            gate,
            classes,
            attributes,
        }
    }

    /// The edges of a chain (2.9): the attributes after it are those of each.
    pub(crate) fn edges(&mut self, names: &[Name], written: &[Rc<Attribute<'_>>]) -> Vec<Edge> {
        self.about = About::Edge(names[0].id.clone(), names[1].id.clone());
        let weight = self.integer(written, "weight", -NUMBER_MAX..=NUMBER_MAX).unwrap_or(0);
        let loop_restart = self.boolean(written, "loop_restart");
        let freeform = self.boolean(written, "freeform");
        let mut edges = Vec::with_capacity(names.len() - 1);
        for pair in names.windows(2) {
            let attributes = self.copy(written);
            edges.push(Edge {
                from: pair[0].id.clone(),
                to: pair[1].id.clone(),
                label: label(&attributes).unwrap_or_default(),
                condition: attributes.get("condition").map(ToString::to_string).unwrap_or_default(),
                weight,
                loop_restart,
                freeform,
                attributes,
            });
        }
        edges
    }

    /// Sets what neither the stage nor its defaults say: by stylesheet, then by the graph (8.5).
    fn apply_models(
        &mut self,
        id: &StageId,
        classes: &[String],
        shape: &str,
        attributes: &mut BTreeMap<String, Value>,
        defaults: &GraphDefaults,
    ) {
        let styled = defaults.stylesheet.resolve(id.as_str(), classes, shape);
        for (at, property) in PROPERTIES.into_iter().enumerate() {
            let Some(value) = styled[at].or(defaults.models[at].as_deref()) else { continue };
            if !attributes.contains_key(property) && self.charge(value.len(), 0) {
                attributes.insert(property.to_owned(), Value::String(value.to_owned()));
            }
        }
    }

    /// Attributes with the prompt that stands in a file of its own, as some dialects have it
    /// (`@path`), put in its place.
    pub(crate) fn inline_prompt<'s>(&mut self, mut written: Attributes<'s>) -> Attributes<'s> {
        if self.dialect == Dialect::Spec {
            return written;
        }
        let Some(at) = written.iter().position(|attribute| attribute.key == "prompt") else {
            return written;
        };
        let Attribute { key, key_at, value_at, .. } = *written[at];
        let prompt = written[at].value.to_string();
        // A path has no white space; a prompt that begins with a mention of somebody has.
        let path = prompt.strip_prefix('@').filter(|path| !path.contains(char::is_whitespace));
        let Some(path) = path.filter(|path| !path.is_empty()) else { return written };
        match (self.reading.options.files)(path) {
            Ok((_, text)) => {
                let value = Value::String(text);
                written[at] = Rc::new(Attribute { key, key_at, value, value_at });
            }
            Err(reason) => {
                let message = format!("cannot read the prompt `{path}`: {reason}");
                let warning = Diagnostic::warning("prompt-file", message);
                let warning = warning.help("the agent is told the path instead");
                self.report.push(warning.at(self.text.place(value_at)));
            }
        }
        written
    }

    /// The prompt with `$goal` replaced (4.5): plain replacement, no template language.
    fn prompt(&mut self, written: &[Rc<Attribute<'_>>], goal: &str) -> String {
        let Some(attribute) = find(written, "prompt") else { return String::new() };
        let prompt = self.expand(attribute.value.to_string());
        let copies = prompt.matches("$goal").count();
        let bytes = prompt.len().saturating_add(copies.saturating_mul(goal.len()));
        if !self.charge(bytes, attribute.value_at) {
            return String::new();
        }
        if copies == 0 { prompt } else { prompt.replace("$goal", goal) }
    }

    /// A text with the caller's variables in it: `$name`, and as Fabro writes it `{{ inputs.name }}`.
    fn expand(&self, mut text: String) -> String {
        for (name, value) in self.reading.options.variables {
            if !text.contains(name) {
                continue;
            }
            for braces in [format!("{{{{ inputs.{name} }}}}"), format!("{{{{ {name} }}}}")] {
                text = text.replace(&braces, value);
            }
            text = replace_variable(&text, name, value);
        }
        text
    }

    /// How often a stage is tried (3.5): its own number, its own policy, the graph's number, the
    /// graph's policy, once. The delays are those of the nearest policy.
    fn retry(&mut self, written: &[Rc<Attribute<'_>>], defaults: &GraphDefaults) -> Retry {
        let number = self.integer(written, "max_retries", 0..=RETRIES_MAX).map(attempts);
        match self.policy(written, "retry_policy") {
            Some(policy) => Retry { attempts_max: number.unwrap_or(policy.attempts_max), ..policy },
            None => Retry {
                attempts_max: number
                    .or(defaults.attempts_max)
                    .unwrap_or(defaults.policy.attempts_max),
                ..defaults.policy.clone()
            },
        }
    }

    fn policy(&mut self, written: &[Rc<Attribute<'_>>], key: &str) -> Option<Retry> {
        let attribute = find(written, key)?;
        let name = attribute.value.to_string();
        let policy = POLICIES.into_iter().find(|(known, ..)| *known == name).map(preset);
        if policy.is_none() {
            let names = POLICIES.map(|(known, ..)| known);
            let help = match nearest(&name, names) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the policies are {}", names.join(", ")),
            };
            self.wrong(attribute, format!("`{name}` is no retry policy"), help);
        }
        policy
    }

    fn visits(&mut self, written: &[Rc<Attribute<'_>>], key: &str) -> Option<u32> {
        let visits = self.integer(written, key, 0..=VISITS_MAX)?;
        Some(match u32::try_from(visits) {
            Ok(visits) if visits > 0 => visits,
            _ => Stage::VISITS_UNLIMITED,
        })
    }

    fn target(&mut self, written: &[Rc<Attribute<'_>>], key: &str) -> Option<StageId> {
        let attribute = find(written, key)?;
        let text = attribute.value.to_string();
        if text.is_empty() {
            return None;
        }
        let id = StageId::new(&text);
        if let Err(error) = &id {
            let help = "name a stage of this pipeline";
            self.wrong(attribute, format!("`{key}`: {error}"), help);
        }
        id.ok()
    }

    /// A bare number is taken as seconds, and told about.
    fn duration(&mut self, written: &[Rc<Attribute<'_>>], key: &str) -> Option<Duration> {
        let attribute = find(written, key)?;
        let found = &attribute.value;
        if let Some(seconds) = found.integer().and_then(|number| u64::try_from(number).ok()) {
            let message = format!("`{key}` without a unit, taken as {seconds} seconds");
            let warning = Diagnostic::warning("duration-unit", message);
            let warning = warning.help(format!("write `{key}={seconds}s`"));
            self.note(warning, attribute.value_at);
            return Some(Duration::from_secs(seconds));
        }
        let duration = found.duration();
        if duration.is_none() {
            let message = format!("`{key}` is a duration, found `{}`", excerpt(found));
            self.wrong(attribute, message, "write a number and `ms`, `s`, `m`, `h` or `d`: `15m`");
        }
        duration
    }

    fn boolean(&mut self, written: &[Rc<Attribute<'_>>], key: &str) -> bool {
        let Some(attribute) = find(written, key) else { return false };
        let boolean = attribute.value.boolean();
        if boolean.is_none() {
            let found = excerpt(&attribute.value);
            let message = format!("`{key}` is true or false, found `{found}`");
            self.wrong(attribute, message, format!("write `{key}=true` or leave it out"));
        }
        boolean.unwrap_or(false)
    }

    fn integer(
        &mut self,
        written: &[Rc<Attribute<'_>>],
        key: &str,
        range: RangeInclusive<i64>,
    ) -> Option<i64> {
        let attribute = find(written, key)?;
        let number = attribute.value.integer().filter(|number| range.contains(number));
        if number.is_none() {
            let found = excerpt(&attribute.value);
            let message = format!("`{key}` is a whole number, found `{found}`");
            let help = format!("write a number from {} to {}", range.start(), range.end());
            self.wrong(attribute, message, help);
        }
        number
    }

    /// [`Self::integer`], in a range within that of the type.
    fn count(
        &mut self,
        written: &[Rc<Attribute<'_>>],
        key: &str,
        range: RangeInclusive<i64>,
    ) -> Option<u32> {
        self.integer(written, key, range).and_then(|number| u32::try_from(number).ok())
    }

    fn wrong(&mut self, attribute: &Attribute<'_>, message: String, help: impl Into<String>) {
        let error = Diagnostic::error("attribute-type", message).help(help);
        self.note(error, attribute.value_at);
    }

    /// Tells of something about what is being read.
    pub(crate) fn note(&mut self, finding: Diagnostic, at: usize) {
        let finding = match &self.about {
            _ if finding.stage.is_some() => finding,
            About::Graph => finding,
            About::Stage(id) => finding.of_stage(id.as_str()),
            About::Edge(from, to) => finding.of_edge(from.as_str(), to.as_str()),
        };
        self.report.push(finding.at(self.text.place(at)));
    }

    /// Takes room for a copy; `false`, told once, when there is none left.
    fn charge(&mut self, bytes: usize, at: usize) -> bool {
        let fits = bytes <= self.bytes_left;
        if fits {
            self.bytes_left -= bytes;
        } else if !self.is_too_large {
            self.is_too_large = true;
            let message = "defaults and `$goal` make this pipeline too large";
            let error = Diagnostic::error("too-large", message);
            let help = "shorten the goal or the text in default blocks";
            self.report.push(error.help(help).at(self.text.place(at)));
        }
        fits
    }
}

/// `$name` replaced, where no longer name begins so.
fn replace_variable(text: &str, name: &str, value: &str) -> String {
    let marked = format!("${name}");
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&marked) {
        let (before, after) = (&rest[..at], &rest[at + marked.len()..]);
        replaced.push_str(before);
        let is_longer = after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        replaced.push_str(if is_longer { &marked } else { value });
        rest = after;
    }
    replaced + rest
}

/// Without a stage of the shape or type, ids name the ends (3.2, 7.2): `start` and `Start`, `exit`
/// and `end`.
pub(crate) fn claim_ends_by_id(stages: &mut BTreeMap<StageId, Stage>) {
    let ends = [
        (Handler::Start, ["start", "Start"]),
        (Handler::Exit, ["exit", "end"]),
        // Not in the specification; where nothing else can be meant.
        (Handler::Exit, ["Exit", "End"]),
    ];
    for (handler, ids) in ends {
        if stages.values().any(|stage| stage.handler == handler) {
            continue;
        }
        for id in ids {
            if let Some(stage) = stages.get_mut(id)
                && explicit_type(&stage.attributes).is_none_or(|t| handler_of_type(&t).is_none())
                && !matches!(stage.handler, Handler::Custom(_))
            {
                stage.handler = handler.clone();
            }
        }
    }
}

/// What performs a stage (4.2): a known or registered type, else the shape, else an agent.
fn handler(attributes: &BTreeMap<String, Value>, shape: &str, registered: &[&str]) -> Handler {
    explicit_type(attributes)
        .and_then(|name| match registered.contains(&name.as_str()) {
            true => Some(Handler::Custom(name)),
            false => handler_of_type(&name),
        })
        .or_else(|| handler_of_shape(shape))
        .unwrap_or(Handler::Agent)
}

fn explicit_type(attributes: &BTreeMap<String, Value>) -> Option<String> {
    attributes.get("type").map(ToString::to_string).filter(|name| !name.is_empty())
}

fn label(attributes: &BTreeMap<String, Value>) -> Option<String> {
    attributes.get("label").map(ToString::to_string).filter(|label| !label.is_empty())
}

/// The classes of the `class` attribute and then those of the subgraphs around, each once.
fn classes(written: Option<&Value>, derived: Vec<String>) -> Vec<String> {
    let written = written.map(ToString::to_string).unwrap_or_default();
    let own = written.split([',', ' ']).filter(|class| !class.is_empty()).map(str::to_owned);
    let mut classes: Vec<String> = Vec::new();
    for class in own.chain(derived) {
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    classes
}

fn find<'w, 's>(written: &'w [Rc<Attribute<'s>>], key: &str) -> Option<&'w Attribute<'s>> {
    written.iter().find(|attribute| attribute.key == key).map(Rc::as_ref)
}

/// `max_retries` counts those after the first (3.5). The range was checked when it was read.
fn attempts(retries: i64) -> u32 {
    u32::try_from(retries).unwrap_or(0).saturating_add(1)
}

fn preset((_, attempts_max, initial_ms, factor): (&str, u32, u64, f64)) -> Retry {
    let initial = Duration::from_millis(initial_ms);
    Retry { attempts_max, backoff: Backoff { initial, factor, max: BACKOFF_MAX, jitter: true } }
}

/// A value, short enough for a message.
fn excerpt(value: &Value) -> String {
    let length_max = 40;
    let text = value.to_string();
    match text.char_indices().nth(length_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
