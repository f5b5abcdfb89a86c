//! `factory.toml`: what a factory's owner decides. Unknown keys are errors with a suggestion.

use std::collections::BTreeMap;

use base::{Diagnostic, LineId, Place, nearest};
use serde::Deserialize;

/// A factory's configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Config {
    pub factory: FactoryConfig,
    #[serde(default)]
    pub model: ModelConfig,
    #[serde(default)]
    pub sandbox: SandboxConfig,
    #[serde(default)]
    pub lines: BTreeMap<LineId, LineConfig>,
}

/// `[factory]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FactoryConfig {
    /// Names the ledger's origin and the author of commits.
    pub name: String,
}

/// `[model]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// As `--model` takes it.
    pub default: String,
    /// Who judges what scenarios leave to a judge: a model of another family than the builder's.
    pub judge: Option<String>,
    /// `[model.endpoints.NAME]`: how APIs are reached that are not where everybody's are.
    pub endpoints: BTreeMap<String, model::Endpoint>,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self { default: "local".to_owned(), judge: None, endpoints: BTreeMap::new() }
    }
}

/// `[sandbox]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct SandboxConfig {
    pub backend: BackendChoice,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self { backend: BackendChoice::Auto }
    }
}

/// Which sandbox to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendChoice {
    Auto,
    Bubblewrap,
    Namespaces,
}

/// `[lines.NAME]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LineConfig {
    /// The product's git repository: a path relative to the factory, or a URL.
    pub repo: String,
    #[serde(default = "main_branch")]
    pub branch: String,
    /// Relative to the factory; absent means the built-in pipeline.
    #[serde(default)]
    pub pipeline: Option<String>,
    /// Shell commands of the product's own that every build must pass, in a clean export.
    #[serde(default)]
    pub checks: Vec<String>,
    /// The most autonomy that the factory's policy allows this line: how far an error is bounded.
    #[serde(default = "level_max")]
    pub level_max: u8,
}

fn main_branch() -> String {
    "main".to_owned()
}

/// People approve each ship until the owner says otherwise.
fn level_max() -> u8 {
    4
}

const TOP: &[&str] = &["factory", "model", "sandbox", "lines"];
const FACTORY: &[&str] = &["name"];
const MODEL: &[&str] = &["default", "judge", "endpoints"];
const SANDBOX: &[&str] = &["backend"];
const LINE: &[&str] = &["repo", "branch", "pipeline", "checks", "level_max"];

impl Config {
    /// Reads `source`, the text of `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it, with places.
    pub fn parse(file: &str, source: &str) -> Result<Self, Vec<Diagnostic>> {
        let located = |message: &str, span: Option<std::ops::Range<usize>>| {
            let place = Place::at(file, source, span.map_or(0, |span| span.start));
            Diagnostic::error("factory-toml", message).at(place)
        };
        let document = toml::de::DeTable::parse(source)
            .map_err(|error| vec![located(error.message(), error.span())])?;
        let mut wrong = Vec::new();
        let mut refuse_unknown = |table: &toml::de::DeTable<'_>, known: &[&str], within: &str| {
            for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
                let name = key.get_ref();
                let what = located(&format!("unknown key `{name}` in {within}"), Some(key.span()));
                let help = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known keys: {}", known.join(", ")),
                };
                wrong.push(what.help(help));
            }
        };
        let root = document.get_ref();
        refuse_unknown(root, TOP, "factory.toml");
        for (name, known) in [("factory", FACTORY), ("model", MODEL), ("sandbox", SANDBOX)] {
            if let Some(table) = root.get(name).and_then(|value| value.get_ref().as_table()) {
                refuse_unknown(table, known, &format!("[{name}]"));
            }
        }
        if let Some(lines) = root.get("lines").and_then(|value| value.get_ref().as_table()) {
            for (name, line) in lines {
                if let Some(table) = line.get_ref().as_table() {
                    refuse_unknown(table, LINE, &format!("[lines.{}]", name.get_ref()));
                }
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let config: Self =
            toml::from_str(source).map_err(|error| vec![located(error.message(), error.span())])?;
        for (name, line) in &config.lines {
            if line.level_max > 5 {
                let message = format!("level_max of line `{name}` is {}", line.level_max);
                wrong.push(located(&message, None).help("levels go from 0 to 5"));
            }
        }
        if wrong.is_empty() { Ok(config) } else { Err(wrong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(source: &str) -> String {
        let found = Config::parse("factory.toml", source).unwrap_err();
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_line_has_defaults() {
        let source = "[factory]\nname = \"acme\"\n[lines.tools]\nrepo = \"products/tools.git\"\n";
        let config = Config::parse("factory.toml", source).unwrap();
        let line = &config.lines["tools"];
        assert_eq!((line.branch.as_str(), line.level_max), ("main", 4));
        assert_eq!(config.model.default, "local");
    }

    #[test]
    fn an_unknown_key_is_named_with_what_was_meant() {
        let source = "[factory]\nname = \"acme\"\n[lines.tools]\nrepo = \"x\"\nbrnch = \"main\"\n";
        assert_eq!(
            wrong(source),
            "factory.toml:5:1: error[factory-toml]: unknown key `brnch` in [lines.tools]\n    \
             help: did you mean `branch`?"
        );
    }

    #[test]
    fn broken_toml_has_a_place() {
        assert!(wrong("[factory]\nname = \n").starts_with("factory.toml:2:8: error[factory-toml]"));
    }

    #[test]
    fn a_level_past_five_is_refused() {
        let source = "[factory]\nname = \"a\"\n[lines.t]\nrepo = \"x\"\nlevel_max = 6\n";
        assert!(wrong(source).contains("levels go from 0 to 5"));
    }
}
