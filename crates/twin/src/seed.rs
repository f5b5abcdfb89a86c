//! Seed files: what a universe holds when it begins, in the YAML of vercel-labs/emulate, extended.
//!
//! ```yaml
//! now: 2026-01-05T09:00:00Z        # ours: when the universe begins
//! faults:                          # ours: what goes wrong from the start
//!   - { service: slack, operation: chat.postMessage, nth: 1, fault: rate_limited, retry_after: 2 }
//! tokens:                          # every service is handed these
//!   my-token: { login: ada, scopes: [repo] }
//! slack:                           # one section a service: its pack says what it may hold
//!   users: [{ name: ada }]
//! ```

use std::sync::Arc;

use base::{Diagnostic, Timestamp, nearest};
use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::pack::{Kind, Pack, SeedKind, SeedShape};
use crate::universe::{Universe, UniverseError};
use crate::yaml::Yaml;

/// What a seed file says, checked against the packs.
#[derive(Debug, Clone, PartialEq)]
pub struct Seed {
    /// Each pack's service with its section; `{}` where the file has none.
    pub services: Vec<(String, Value)>,
    pub faults: Vec<Fault>,
    pub now: Option<Timestamp>,
}

impl Seed {
    /// A universe that begins like this.
    ///
    /// # Errors
    /// What the packs' own `seeded` find wrong, and too many faults.
    pub fn universe(&self, packs: &[Arc<Pack>], number: u64) -> Result<Universe, UniverseError> {
        let mut universe = Universe::new(packs, number)?;
        if let Some(now) = self.now {
            universe.set_clock(now);
        }
        for (service, data) in &self.services {
            universe.seed_service(service, data.clone())?;
        }
        // One file can serve several universes: rules on services that this one has not are another's.
        let here = |fault: &&Fault| {
            let service = fault.service.as_deref();
            service.is_none_or(|name| packs.iter().any(|pack| pack.service() == name))
        };
        universe.set_faults(self.faults.iter().filter(here).cloned().collect())?;
        Ok(universe)
    }
}

/// Keys that are no service.
const COMMON: [&str; 3] = ["faults", "now", "tokens"];

/// Reads a seed file's text. Sections of services that are not among `packs`, but that come with the
/// program, are passed over: one file can serve several universes.
///
/// # Errors
/// Everything that is wrong with it, each with its line.
pub fn read(file: &str, text: &str, packs: &[Arc<Pack>]) -> Result<Seed, Vec<Diagnostic>> {
    let yaml = Yaml::read(file, text).map_err(|found| vec![found])?;
    let mut check = Check { yaml: &yaml, found: Vec::new() };
    let empty = Map::new();
    let top = match &yaml.value {
        Value::Null => &empty,
        Value::Object(top) => top,
        other => {
            check.wrong("", format!("a seed is a mapping of services, not {}", kind_of(other)));
            return Err(check.found);
        }
    };
    let known = |name: &str| packs.iter().any(|pack| pack.service() == name);
    for name in top.keys().filter(|name| !COMMON.contains(&name.as_str()) && !known(name)) {
        if Pack::builtin_names().contains(&name.as_str()) {
            continue;
        }
        let names = packs.iter().map(|pack| pack.service()).chain(COMMON);
        let near = nearest(name, names).map(|near| format!("; did you mean `{near}`?"));
        let message = format!("`{name}` is no service here{}", near.unwrap_or_default());
        check.wrong(&format!("/{name}"), message);
    }
    let tokens = top.get("tokens");
    if let Some(other) = tokens.filter(|tokens| !tokens.is_object()) {
        check.wrong("/tokens", format!("a mapping of tokens is expected, not {}", kind_of(other)));
    }
    let mut services = Vec::new();
    for pack in packs {
        let mut section = check.section(pack, top.get(pack.service()));
        if let Some(tokens) = tokens {
            // A service that has tokens of its own means those.
            section.entry("tokens").or_insert_with(|| tokens.clone());
        }
        services.push((pack.service().to_owned(), Value::Object(section)));
    }
    let faults = check.faults(top.get("faults"));
    let now = check.now(top.get("now"));
    if check.found.is_empty() { Ok(Seed { services, faults, now }) } else { Err(check.found) }
}

struct Check<'a> {
    yaml: &'a Yaml,
    found: Vec<Diagnostic>,
}

impl Check<'_> {
    fn wrong(&mut self, pointer: &str, message: String) {
        self.found.push(Diagnostic::error("bad-seed", message).at(self.yaml.place(pointer)));
    }

    fn section(&mut self, pack: &Pack, section: Option<&Value>) -> Map<String, Value> {
        let at = format!("/{}", pack.service());
        let shapes = &pack.manifest().seed;
        let section = match section {
            None | Some(Value::Null) => return Map::new(),
            Some(Value::Object(section)) => section,
            Some(other) => {
                self.wrong(&at, format!("a mapping is expected, not {}", kind_of(other)));
                return Map::new();
            }
        };
        for (key, value) in section {
            let at = format!("{at}/{key}");
            match shapes.get(key) {
                Some(shape) => self.shape(&at, key, shape, value),
                None => {
                    let near = nearest(key, shapes.keys().map(String::as_str));
                    let near = near.map(|near| format!("; did you mean `{near}`?"));
                    let near = near.unwrap_or_else(|| {
                        let known: Vec<&str> = shapes.keys().map(String::as_str).collect();
                        format!("; there are {}", known.join(", "))
                    });
                    let service = pack.service();
                    self.wrong(&at, format!("a seed of {service} has no `{key}`{near}"));
                }
            }
        }
        section.clone()
    }

    fn shape(&mut self, at: &str, key: &str, shape: &SeedShape, value: &Value) {
        match (shape.kind, value) {
            (SeedKind::Any, _) | (_, Value::Null) => {}
            (SeedKind::List, Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.fields(&format!("{at}/{index}"), shape, item);
                }
            }
            (SeedKind::Map, Value::Object(items)) => {
                for (name, item) in items {
                    self.fields(&format!("{at}/{name}"), shape, item);
                }
            }
            (SeedKind::Object, Value::Object(_)) => self.fields(at, shape, value),
            (kind, other) => {
                let wanted = match kind {
                    SeedKind::List => "a list",
                    _ => "a mapping",
                };
                self.wrong(at, format!("{wanted} is expected as `{key}`, not {}", kind_of(other)));
            }
        }
    }

    fn fields(&mut self, at: &str, shape: &SeedShape, value: &Value) {
        if shape.fields.is_empty() {
            return;
        }
        let Value::Object(fields) = value else {
            self.wrong(at, format!("a mapping is expected, not {}", kind_of(value)));
            return;
        };
        for (name, wanted) in &shape.fields {
            let Some((kind, optional)) = Kind::read(wanted) else { continue };
            match fields.get(name) {
                None | Some(Value::Null) if optional => {}
                None | Some(Value::Null) => self.wrong(at, format!("`{name}` is missing")),
                Some(value) if kind.read_value(value.clone()).is_some() => {}
                Some(other) => {
                    let message = format!("`{name}` must be {wanted}, not {}", kind_of(other));
                    self.wrong(&format!("{at}/{name}"), message);
                }
            }
        }
        for name in fields.keys().filter(|name| !shape.fields.contains_key(*name)) {
            let near = nearest(name, shape.fields.keys().map(String::as_str));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            self.wrong(&format!("{at}/{name}"), format!("unknown key `{name}`{near}"));
        }
    }

    fn faults(&mut self, faults: Option<&Value>) -> Vec<Fault> {
        let rules = match faults {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(rules)) => rules,
            Some(other) => {
                self.wrong("/faults", format!("a list is expected, not {}", kind_of(other)));
                return Vec::new();
            }
        };
        let mut read = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            match Fault::read(rule.clone()) {
                Ok(fault) => read.push(fault),
                Err(cause) => self.wrong(&format!("/faults/{index}"), cause.to_string()),
            }
        }
        read
    }

    fn now(&mut self, now: Option<&Value>) -> Option<Timestamp> {
        let now = now?;
        let text = now.as_str().map_or_else(|| now.to_string(), str::to_owned);
        text.parse().map_err(|cause: base::TimeError| self.wrong("/now", cause.to_string())).ok()
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// An empty seed for these packs.
pub fn empty(packs: &[Arc<Pack>]) -> Seed {
    let services = packs.iter().map(|pack| (pack.service().to_owned(), json!({}))).collect();
    Seed { services, faults: Vec::new(), now: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let packs = [Pack::builtin("echo").unwrap()];
        let found = read("seed.yaml", text, &packs).unwrap_err();
        let told: Vec<String> = found
            .iter()
            .map(|one| format!("{} {}", one.place.as_ref().unwrap(), one.message))
            .collect();
        assert_eq!(told.join("\n"), expected);
    }

    #[test]
    fn a_seed_is_handed_over_by_service_with_the_common_tokens() {
        let packs = [Pack::builtin("echo").unwrap()];
        let text = "now: 2026-02-01T00:00:00Z\ntokens:\n  t: {login: ada}\necho:\n  users:\n  - {name: ada, token: t}\n\
            faults:\n- {fault: reset, operation: notes.*}\n";
        let seed = read("seed.yaml", text, &packs).unwrap();
        assert_eq!(seed.services[0].1["users"][0]["token"], "t");
        assert_eq!(seed.services[0].1["tokens"]["t"]["login"], "ada");
        assert_eq!(seed.now.unwrap().to_string(), "2026-02-01T00:00:00.000Z");
        assert_eq!(seed.faults.len(), 1);
        assert_eq!(read("seed.yaml", "", &packs).unwrap(), empty(&packs));
        let slack = [Pack::builtin("slack").unwrap()];
        let text = "tokens: {t: {login: ada}}\nslack: {tokens: [{token: xoxp-1}]}\n";
        let seed = read("seed.yaml", text, &slack).unwrap();
        assert_eq!(seed.services[0].1["tokens"][0]["token"], "xoxp-1");
    }

    #[test]
    fn each_mistake_is_told_with_its_line_and_what_was_expected() {
        check("echo: [", "seed.yaml:2:1 while parsing a node, did not find expected node content");
        check("- a", "seed.yaml:1:1 a seed is a mapping of services, not a list");
        check("ecko: {}", "seed.yaml:1:7 `ecko` is no service here; did you mean `echo`?");
        check(
            "echo:\n  user: []",
            "seed.yaml:2:9 a seed of echo has no `user`; did you mean `users`?",
        );
        check("echo:\n  users: {}", "seed.yaml:2:10 a list is expected as `users`, not a mapping");
        check("echo:\n  users:\n  - name: ada", "seed.yaml:3:5 `token` is missing");
        check(
            "echo:\n  users:\n  - name: ada\n    token: [1]\n    tokn: x",
            "seed.yaml:4:12 `token` must be string, not a list\nseed.yaml:5:11 unknown key `tokn`; did you mean `token`?",
        );
        check(
            "faults:\n- {fault: explode}",
            "seed.yaml:2:3 this is no fault: unknown variant `explode`, expected one of `latency`, `rate_limited`, `server_error`, `reset`, `lost_response`, `truncated`, `duplicate_webhook`, `delayed_webhook`, `clock_jump`",
        );
        check(
            "now: tomorrow",
            "seed.yaml:1:6 `tomorrow` is not a time such as 2026-01-05T09:00:00Z",
        );
    }
}
