//! One command, one file. What several of them need is here.

pub(crate) mod answer;
pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod lights;
pub(crate) mod model;
pub(crate) mod pipeline;
pub(crate) mod replay;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod scenario;
pub(crate) mod show;
pub(crate) mod sign;
pub(crate) mod trace;
pub(crate) mod twin;
pub(crate) mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::model::{Model, ModelError, ModelErrorKind, Status};
use factory::Config;
use intent::Scenario;
use serde::Serialize;

use crate::failure::Failure;

/// Prints one JSON object on a line of its own.
pub(crate) fn print_json<T: Serialize>(value: &T) {
    println!("{}", serde_json::to_string(value).expect("what is printed has a JSON form"));
}

/// Where local models lie: `DARK_MODELS`, else the user's cache directory.
pub(crate) fn models_dir() -> Result<PathBuf, Failure> {
    let set =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("DARK_MODELS")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("dark-factory/models")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/dark-factory/models")))
        .ok_or_else(|| Failure::environment("no place for models: set DARK_MODELS or HOME"))
}

/// Where models lie and how hosted ones are reached.
pub(crate) fn model_options(config: Option<&Config>) -> Result<::model::Options, Failure> {
    let endpoints = config.map(|config| config.model.endpoints.clone()).unwrap_or_default();
    Ok(::model::Options { models: models_dir()?, endpoints })
}

/// What a person named by its path is there, or nothing is done: whoever reads it later may not tell a slip of the
/// pen from a broken disk.
pub(crate) fn named<'a>(what: &str, path: &'a Path) -> Result<&'a Path, Failure> {
    match path.try_exists() {
        Ok(true) => Ok(path),
        Ok(false) => Err(Failure::usage(format!("there is no {what} at {}", path.display()))),
        Err(error) => {
            Err(Failure::environment(format!("failed to look at {}: {error}", path.display())))
        }
    }
}

/// The same of the folder that a file is to be written to.
pub(crate) fn writable<'a>(what: &str, file: &'a Path) -> Result<&'a Path, Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    named(&format!("folder for the {what}"), folder.unwrap_or(Path::new(".")))?;
    Ok(file)
}

/// Opens the model that a person named.
pub(crate) fn open_model(name: &str, config: Option<&Config>) -> Result<Arc<dyn Model>, Failure> {
    let options = model_options(config)?;
    let opened = ::model::open(name, &options).map_err(|error: ModelError| match error.kind {
        ModelErrorKind::Rejected => Failure::usage(base::chain(&error)),
        _ => Failure::of(&error),
    })?;
    Ok(Arc::from(opened))
}

/// Opens the judge that a person named, or factory.toml does, where a sentence of `scenarios` is judged.
pub(crate) fn open_judge(
    named: Option<&str>,
    scenarios: &[Scenario],
    config: Option<&Config>,
) -> Result<Option<Arc<dyn Model>>, Failure> {
    if scenarios.iter().all(|one| one.judgements().next().is_none()) {
        return Ok(None);
    }
    let named = named.or_else(|| config?.model.judge.as_deref());
    named.map(|name| open_model(name, config)).transpose()
}

/// The person's SSH key: the one named, else the first of the usual ones that is there.
pub(crate) fn person_key(key: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(key) = key {
        named("key", &key)?;
        return Ok(key);
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    ["id_ed25519", "id_ecdsa", "id_rsa"]
        .iter()
        .map(|name| home.join(".ssh").join(name))
        .find(|key| key.is_file())
        .ok_or_else(|| {
            Failure::usage(
                "no SSH key found in ~/.ssh: name one with --key, or make one with \
                 `ssh-keygen -t ed25519`",
            )
        })
}

/// Whether the local model is here, and in words.
pub(crate) fn local_model() -> Result<(bool, String), Failure> {
    let told = |bytes: u64| format!("{:.2} GB", bytes as f64 / 1e9);
    Ok(match ::model::status(&models_dir()?) {
        Status::Installed { path, bytes } => (true, format!("{}, {}", path.display(), told(bytes))),
        Status::Partial { bytes, bytes_total } => {
            let (here, all) = (told(bytes), told(bytes_total));
            (false, format!("{here} of {all} are here; go on with: dark model pull"))
        }
        Status::Wrong { path } => (
            false,
            format!("{} is another file: move it away, then dark model pull", path.display()),
        ),
        Status::Missing => (false, "not here yet: dark model pull".to_owned()),
    })
}

/// A path as a person would write it from here.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(&here).unwrap_or(path);
    path.display().to_string()
}
