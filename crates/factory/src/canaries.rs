//! Canaries of held-out scenarios: issued before an intent is signed, and looked for in all that leaves
//! for a builder and all that one hands in.
//!
//! The search is `intent`'s. This module refuses to know what a pipeline does once something is found.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use base::ActionId;
use intent::{CANARY_BYTES, Canaries, CanaryKind, with_canaries};
use policy::Denied;
use runner::{HandError, Observation, Recorder};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::intents::{IntentError, Loaded, load};
use crate::opening::Opening;

/// The entry of a held-out text that was found where a builder could read it or had written it.
pub(crate) const CANARY_FOUND: &str = "canary.found";

/// What was found, on the ledger. The text itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CanaryFound {
    pub action: ActionId,
    /// `prompt`, or the path of a file.
    pub place: String,
    pub scenario: base::ScenarioId,
    pub kind: CanaryKind,
    /// The rule that forbids it.
    pub rule: String,
}

/// Looks for a run's held-out scenarios, for one action.
pub(crate) struct Watch<'a> {
    recorder: &'a Recorder,
    action: &'a ActionId,
    canaries: Canaries,
    /// The first refusal: what an agent makes of it changes nothing.
    pub(crate) denied: Option<Denied>,
}

impl<'a> Watch<'a> {
    /// A watch over what `loaded` holds out. What its builder may see is the intent, and the product as
    /// it was when the run was opened.
    ///
    /// # Errors
    /// When the ledger lost a body, or the scenarios are too large.
    pub(crate) fn new(
        recorder: &'a Recorder,
        action: &'a ActionId,
        loaded: &Loaded,
        opening: &Opening,
    ) -> Result<Self, HandError> {
        let product = opening.product(&recorder.ledger)?;
        let texts = product.values().filter_map(|file| std::str::from_utf8(&file.content).ok());
        let view = loaded.intent.builder_view();
        let visible = std::iter::once(view.as_str()).chain(texts);
        let canaries = Canaries::of(&loaded.scenarios, visible)?;
        Ok(Self { recorder, action, canaries, denied: None })
    }

    /// Refuses what gives a scenario away, and records where that was found.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn pass<'t>(
        &mut self,
        place: &str,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<(), Denied> {
        let Some(found) = texts.into_iter().find_map(|text| self.canaries.find(text)) else {
            return Ok(());
        };
        let denied = policy::held_out(&format!("`{place}` of {}", self.action));
        let body = CanaryFound {
            action: self.action.clone(),
            place: place.to_owned(),
            scenario: found.scenario,
            kind: found.kind,
            rule: denied.rule.to_owned(),
        };
        let observation = Observation {
            actor: "factory".to_owned(),
            name: CANARY_FOUND,
            body: json!(body),
            bodies: Vec::new(),
        };
        // A ledger that cannot take it ends the run by itself, at its next entry.
        let _ = self.recorder.observe(observation);
        self.denied.get_or_insert_with(|| denied.clone());
        Err(denied)
    }
}

/// Writes a canary above each scenario of the intent in `dir` that has none; gives how many.
///
/// # Errors
/// When the intent is malformed, or a file cannot be written.
pub fn issue(dir: &Path) -> Result<usize, IntentError> {
    let loaded = load(dir)?;
    let mut all = 0;
    for (name, bytes) in loaded.files.iter().filter(|(name, _)| name.ends_with(".feature")) {
        let path = dir.join(name);
        let shown = path.display().to_string();
        let source = String::from_utf8_lossy(bytes);
        let unwritable = |source| IntentError::Unwritable { path: path.clone(), source };
        let mut chance = chance(CANARY_BYTES * loaded.scenarios.len()).map_err(unwritable)?;
        let mut draw = || {
            let rest = chance.split_off(CANARY_BYTES);
            let drawn = std::mem::replace(&mut chance, rest);
            drawn.try_into().expect("it was split off at that length")
        };
        let (text, count) =
            with_canaries(&shown, &source, &mut draw).map_err(IntentError::Malformed)?;
        if count > 0 {
            fs::write(&path, text).map_err(unwritable)?;
        }
        all += count;
    }
    Ok(all)
}

/// So many bytes that nobody can foresee.
pub(crate) fn chance(bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut drawn = vec![0; bytes];
    fs::File::open("/dev/urandom")?.read_exact(&mut drawn)?;
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::Recording;

    fn examples() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
    }

    /// Every text file below a directory.
    fn texts(dir: &Path) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(texts(&path));
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push((path, text));
            }
        }
        found
    }

    fn canaries(loaded: &Loaded) -> Canaries {
        Canaries::of(&loaded.scenarios, [loaded.intent.builder_view().as_str()]).unwrap()
    }

    #[test]
    fn no_product_or_intent_of_the_examples_gives_a_scenario_away() {
        let folders = fs::read_dir(examples().join("intents")).unwrap();
        let mut intents: Vec<PathBuf> = folders.map(|entry| entry.unwrap().path()).collect();
        intents.push(examples().join("access-bot/intents/access-bot"));
        let products = texts(&examples().join("access-bot/builds"));
        assert!(products.len() > 6, "the builds have moved");
        let mut known = 0;
        for dir in intents {
            let loaded = load(&dir).unwrap();
            let canaries = canaries(&loaded);
            assert_eq!(canaries.find(&loaded.intent.builder_view()), None, "{}", dir.display());
            for (path, text) in &products {
                assert_eq!(canaries.find(text), None, "{} in {}", dir.display(), path.display());
            }
            let features = texts(&dir.join("scenarios"));
            known += features.iter().filter(|(_, text)| canaries.find(text).is_some()).count();
        }
        // Where all lines are short, only a canary that was issued tells.
        assert!(known > 1, "wording finds nothing any more");
    }

    #[test]
    fn no_prompt_or_build_of_the_recorded_run_gives_a_scenario_away() {
        let text = fs::read_to_string(examples().join("recordings/demo.json")).unwrap();
        let recording = Recording::parse(&text).unwrap();
        let opening = Opening::of_run(&recording.entries).unwrap();
        let files = opening.files.iter().map(|(path, digest)| {
            (path.clone(), recording.body(digest).expect("a recording is complete"))
        });
        let loaded = crate::intents::from_files("recorded", files.collect()).unwrap();
        let canaries = canaries(&loaded);
        let seen = ["model.called", "build.made"];
        let mut looked = 0;
        for entry in &recording.entries {
            if !seen.contains(&entry.record.event.name.as_str()) {
                continue;
            }
            for digest in &entry.record.bodies {
                let body = recording.body(digest).expect("a recording is complete");
                assert_eq!(canaries.find(&String::from_utf8_lossy(&body)), None, "{digest}");
                looked += 1;
            }
        }
        assert!(looked > 2, "nothing was looked at");
    }

    #[test]
    fn canaries_are_issued_once_and_no_two_are_alike() {
        let dir = tempfile::tempdir().unwrap();
        let from = examples().join("intents/roman");
        fs::create_dir(dir.path().join("scenarios")).unwrap();
        fs::copy(from.join("intent.md"), dir.path().join("intent.md")).unwrap();
        for (path, text) in texts(&from.join("scenarios")) {
            fs::write(dir.path().join("scenarios").join(path.file_name().unwrap()), text).unwrap();
        }
        let count = issue(dir.path()).unwrap();
        let loaded = load(dir.path()).unwrap();
        let all: std::collections::BTreeSet<String> =
            loaded.scenarios.iter().map(|one| one.canary.clone().unwrap()).collect();
        assert_eq!(all.len(), count);
        assert!(count > 1);
        assert_eq!(issue(dir.path()).unwrap(), 0);
        assert_eq!(load(dir.path()).unwrap().files, loaded.files);
        for canary in all {
            assert!(canaries(&loaded).find(&format!("print('{canary}')")).is_some());
        }
    }
}
