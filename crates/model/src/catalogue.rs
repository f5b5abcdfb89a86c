//! From a name to a model: what `--model` takes, and what there is to choose from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::hosted::{Api, Hosted, Key, Target};
use crate::store::{self, Status};
use crate::{
    Absent, CONTEXT_TOKENS_MAX, Local, Model, ModelError, ModelErrorKind, Price, Scripted, price,
};

/// What a name needs to become a model.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where the local model's file lies, or will: the directory that [`crate::pull`] was given.
    pub models: PathBuf,
    /// Endpoints by name. `compatible/NAME` is the one called `NAME`; those called `openai`, `anthropic` and
    /// `gemini` say what differs from the provider's own.
    pub endpoints: BTreeMap<String, Endpoint>,
}

/// How an API is reached: a table of `factory.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Endpoint {
    /// Up to and with the version: `http://127.0.0.1:8080/v1/`.
    pub base_url: Option<String>,
    /// The environment variable that holds the key. Without it, a provider's usual one, or none.
    pub key_env: Option<String>,
    /// What the endpoint calls the model; without it, the name of the endpoint.
    pub model: Option<String>,
    /// The lineage; without it, as the model's name begins.
    pub family: Option<String>,
    /// Without it, the price is not known.
    pub price: Option<Price>,
}

/// A model that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As `--model` takes it.
    pub name: String,
    pub family: String,
    /// `None` when it is not known; a local model costs nothing.
    pub price: Option<Price>,
    /// Tokens of prompt and answer together.
    pub context_tokens: Option<u32>,
    pub state: State,
}

/// Whether a model could answer now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The local model, and what there is of it.
    Local(Status),
    /// A hosted model whose key is set, or which needs none.
    Ready,
    /// A hosted model whose key's environment variable is not set.
    KeyMissing(String),
}

/// The model that `spec` names: `local`, `none`, `openai/NAME`, `anthropic/NAME`, `gemini/NAME`, `compatible/NAME`
/// or `scripted:FILE`. Cheap: nothing is loaded or sent before the first request.
///
/// # Errors
/// When there is no such model, or its file is not there.
pub fn open(spec: &str, options: &Options) -> Result<Box<dyn Model>, ModelError> {
    let failed = |kind, reason| ModelError { model: spec.to_owned(), kind, reason };
    if spec == "local" {
        let path = installed(&options.models)
            .map_err(|reason| failed(ModelErrorKind::NotInstalled, reason))?;
        return Ok(Box::new(Local::new(path)));
    }
    if spec == Absent::NAME {
        return Ok(Box::new(Absent));
    }
    if let Some(file) = spec.strip_prefix("scripted:") {
        return Ok(Box::new(Scripted::open(Path::new(file))?));
    }
    let known = "expected local, openai/NAME, anthropic/NAME, gemini/NAME, compatible/NAME or scripted:FILE";
    let rejected = |reason| failed(ModelErrorKind::Rejected, reason);
    let (provider, name) = spec
        .split_once('/')
        .filter(|(_, name)| !name.is_empty())
        .ok_or_else(|| rejected(known.to_owned()))?;
    let target = target(spec, provider, name, options)
        .ok_or_else(|| rejected(known.to_owned()))?
        .map_err(rejected)?;
    Ok(Box::new(Hosted::new(target)?))
}

/// The models that there are: the local one, the endpoints of `options`, and the hosted ones with a known
/// price.
pub fn list(options: &Options) -> Vec<Entry> {
    let local = Entry {
        name: "local".to_owned(),
        family: "qwen".to_owned(),
        price: Some(Price::default()),
        context_tokens: u32::try_from(CONTEXT_TOKENS_MAX).ok(),
        state: State::Local(store::status(&options.models)),
    };
    let own = options.endpoints.keys().filter(|name| api(name).is_none());
    let own = own.map(|name| (format!("compatible/{name}"), "compatible", name.as_str(), None));
    let hosted = price::LISTED.iter().map(|listed| {
        let name = format!("{}/{}", listed.provider, listed.model);
        (name, listed.provider, listed.model, Some(listed.context))
    });
    let hosted = own.chain(hosted).filter_map(|(spec, provider, name, context_tokens)| {
        let target = target(&spec, provider, name, options)?.ok()?;
        let state = match target.key {
            Key::Missing(variable) => State::KeyMissing(variable),
            Key::Given(_) | Key::None => State::Ready,
        };
        Some(Entry {
            name: spec,
            family: target.family,
            price: target.price,
            context_tokens,
            state,
        })
    });
    std::iter::once(local).chain(hosted).collect()
}

fn installed(directory: &Path) -> Result<PathBuf, String> {
    match store::status(directory) {
        Status::Installed { path, .. } => Ok(path),
        Status::Partial { bytes, bytes_total } => Err(format!(
            "only {bytes} of {bytes_total} bytes are here; fetch the rest with `dark model pull`"
        )),
        Status::Wrong { path } => Err(format!(
            "{} is not the known model; move it away and run `dark model pull`",
            path.display()
        )),
        Status::Missing => Err(format!(
            "it is not in {}; fetch it with `dark model pull` (1.1 GB)",
            directory.display()
        )),
    }
}

fn api(provider: &str) -> Option<(Api, &'static str)> {
    match provider {
        "openai" => Some((Api::OpenAi, "OPENAI_API_KEY")),
        "anthropic" => Some((Api::Anthropic, "ANTHROPIC_API_KEY")),
        "gemini" => Some((Api::Gemini, "GEMINI_API_KEY")),
        _ => None,
    }
}

/// `None` when there is no such provider, an error when an endpoint lacks something.
fn target(
    spec: &str,
    provider: &str,
    name: &str,
    options: &Options,
) -> Option<Result<Target, String>> {
    let (api, endpoint, key_env) = match api(provider) {
        Some((api, usual_key)) => {
            let endpoint = options.endpoints.get(provider).cloned().unwrap_or_default();
            let key_env = Some(endpoint.key_env.clone().unwrap_or_else(|| usual_key.to_owned()));
            (api, endpoint, key_env)
        }
        None if provider == "compatible" => {
            let Some(endpoint) = options.endpoints.get(name).cloned() else {
                return Some(Err(format!(
                    "no endpoint is called `{name}`; add it to the configuration"
                )));
            };
            if endpoint.base_url.is_none() {
                return Some(Err(format!("the endpoint `{name}` has no base_url")));
            }
            let key_env = endpoint.key_env.clone();
            (Api::OpenAi, endpoint, key_env)
        }
        None => return None,
    };
    let model = match provider {
        "compatible" => endpoint.model.unwrap_or_else(|| name.to_owned()),
        _ => name.to_owned(),
    };
    let key = match key_env {
        None => Key::None,
        Some(variable) => match std::env::var(&variable) {
            Ok(key) if !key.is_empty() => Key::Given(key),
            _ => Key::Missing(variable),
        },
    };
    let slashed = |url: String| if url.ends_with('/') { url } else { format!("{url}/") };
    Some(Ok(Target {
        name: spec.to_owned(),
        family: endpoint.family.unwrap_or_else(|| family(&model)),
        api,
        price: endpoint.price.or_else(|| price::find(provider, &model)),
        base_url: endpoint.base_url.map(slashed),
        model,
        key,
    }))
}

/// The lineage that a model's name shows: its first letters, by which everybody names their models.
/// OpenAI's `o3` and the like are of the `gpt` family.
fn family(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let letters: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
    match letters.as_str() {
        "o" | "chatgpt" | "codex" => "gpt".to_owned(),
        "" => name,
        _ => letters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        let endpoint = Endpoint {
            base_url: Some("http://127.0.0.1:1/v1".to_owned()),
            model: Some("Qwen/Qwen3-Coder".to_owned()),
            ..Endpoint::default()
        };
        Options {
            models: PathBuf::from("/nonexistent"),
            endpoints: BTreeMap::from([("mine".to_owned(), endpoint)]),
        }
    }

    #[test]
    fn a_name_that_is_none_says_what_is_one() {
        for (spec, part) in [
            ("gpt-5", "expected local"),
            ("openai/", "expected local"),
            ("azure/gpt-5", "expected local"),
            ("compatible/other", "no endpoint is called `other`"),
            ("local", "dark model pull"),
            ("scripted:/nonexistent", "cannot be read"),
        ] {
            let error = open(spec, &options()).err().expect(spec);
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn an_endpoint_of_the_persons_own_is_a_model() {
        let model = open("compatible/mine", &options()).unwrap();
        assert_eq!((model.name(), model.family()), ("compatible/mine", "qwen"));
        assert_eq!(model.price(), None, "its price is not known");
    }

    #[test]
    fn the_list_has_the_local_model_first_and_no_name_twice() {
        let entries = list(&options());
        assert_eq!(entries[0].state, State::Local(Status::Missing));
        assert_eq!(entries[1].name, "compatible/mine");
        let mut names: Vec<_> = entries.iter().map(|entry| &entry.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), entries.len());
    }

    #[test]
    fn families_follow_names() {
        for (model, want) in [
            ("claude-opus-4-5", "claude"),
            ("o3-mini", "gpt"),
            ("gpt-5", "gpt"),
            ("Qwen/Qwen2.5-Coder-7B", "qwen"),
            ("gemini-2.5-pro", "gemini"),
        ] {
            assert_eq!(family(model), want);
        }
    }
}
