//! Which model performs agent stages (4.5): none, unless the environment says so.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use model::{Endpoint, Model, Options};

use crate::Failure;

/// The contract's mock backend, by the variables that its runner sets, and what it is asked for.
const MOCKS: [(&str, &str, &str); 2] = [
    ("anthropic", "ANTHROPIC_BASE_URL", "anthropic/claude-sonnet-4-20250514"),
    ("openai", "OPENAI_BASE_URL", "openai/gpt-4o"),
];

/// `ATTRACTOR_MODEL` names a model. Without it, a backend that the usual variables place on this very
/// machine is the contract's mock; nobody else's is called unasked, for that may cost money.
///
/// # Errors
/// When the model that is named cannot be had.
pub(crate) fn open(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Arc<dyn Model>>, Failure> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut endpoints = BTreeMap::new();
    let mut mock = None;
    for (provider, base_url, spec) in MOCKS {
        let Some(url) = set(base_url) else { continue };
        if is_local(&url) {
            mock = mock.or(Some(spec));
        }
        let base_url = Some(versioned(&url));
        endpoints.insert(provider.to_owned(), Endpoint { base_url, ..Endpoint::default() });
    }
    let Some(spec) = set("ATTRACTOR_MODEL").or_else(|| mock.map(str::to_owned)) else {
        return Ok(None);
    };
    let models = set("DARK_MODELS").map(PathBuf::from).unwrap_or_default();
    let opened = model::open(&spec, &Options { models, endpoints });
    opened.map(|model| Some(Arc::from(model))).map_err(|error| Failure::new(base::chain(&error)))
}

fn is_local(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|local| {
        host.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    })
}

/// With the API's version behind it, which some providers' variables leave out.
fn versioned(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let path = url.split_once("://").map_or(url, |(_, rest)| rest).split_once('/');
    if path.is_some() { url.to_owned() } else { format!("{url}/v1") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(variables: &[(&str, &str)]) -> Option<String> {
        let find = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        open(find).ok().expect("it opens").map(|model| model.name().to_owned())
    }

    #[test]
    fn nothing_is_called_that_nobody_asked_for() {
        assert_eq!(name(&[]), None);
        assert_eq!(name(&[("OPENAI_BASE_URL", "")]), None);
        assert_eq!(name(&[("OPENAI_BASE_URL", "https://api.openai.com/v1")]), None);
        assert_eq!(name(&[("OPENAI_BASE_URL", "http://localhost.example.com/v1")]), None);
    }

    #[test]
    fn a_backend_on_this_machine_is_the_mock_and_a_name_comes_first() {
        let openai = ("OPENAI_BASE_URL", "http://localhost:9999/v1");
        let anthropic = ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9999");
        assert_eq!(name(&[openai]).as_deref(), Some("openai/gpt-4o"));
        let both = name(&[openai, anthropic]);
        assert_eq!(both.as_deref(), Some("anthropic/claude-sonnet-4-20250514"));
        let named = name(&[openai, ("ATTRACTOR_MODEL", "gemini/gemini-2.5-pro")]);
        assert_eq!(named.as_deref(), Some("gemini/gemini-2.5-pro"));
    }

    #[test]
    fn versions_are_put_behind_bare_hosts() {
        assert_eq!(versioned("http://localhost:9999"), "http://localhost:9999/v1");
        assert_eq!(versioned("http://localhost:9999/v1/"), "http://localhost:9999/v1");
    }
}
