//! What a run was opened with: everything that decides what it does, by digest, so that the ledger
//! alone can resume it, replay it and show what it was about.

use std::collections::BTreeMap;
use std::path::Path;

use base::{Digest, IntentId, LineId};
use intent::Interface;
use policy::TwinFidelity;
use scenario::Packs;
use serde::{Deserialize, Serialize};
use ship::{File, ObjectId, Tree};

use crate::intents::{self, IntentError, Loaded};
use crate::twins::{self, PackFiles};
use ledger::{Entry, Ledger, LedgerError};
use runner::Recorder;

/// The name of the entry that an opening is stored in, the first of every run.
pub const RUN_OPENED: &str = "run.opened";

/// The facts that a run starts from. Digests name bodies in the ledger's store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    pub intent_id: IntentId,
    /// Of the seal: the intent's digest.
    pub intent: Digest,
    /// Path relative to the intent's directory -> body.
    pub files: BTreeMap<String, Digest>,
    /// The owner's signature over the seal.
    pub signature: Digest,
    /// The people who were trusted to sign, as `ssh-keygen` reads them.
    pub people: Digest,
    pub line: LineId,
    /// The pipeline's source.
    pub pipeline: Digest,
    /// The graph that it was lowered to: what replays, whatever later versions read in the source.
    pub graph: Digest,
    /// As factory.toml names it, so that a factory can be moved.
    pub remote: String,
    pub branch: String,
    /// The branch's tip when the run was opened.
    pub base: Option<ObjectId>,
    /// The product at that tip.
    pub product: BTreeMap<String, ProductFile>,
    /// Twins of the factory's own, as they were: service -> file of its pack -> text. Others come with
    /// the program, whose version stands below.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub twins: BTreeMap<String, BTreeMap<String, Digest>>,
    /// How like their services the twins were known to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fidelity: Vec<TwinFidelity>,
    /// The build that was handed in: path -> text. Empty where agents are to write it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub build: BTreeMap<String, Digest>,
    /// The line's own check commands.
    pub checks: Vec<String>,
    /// What the factory's policy allowed the line.
    pub level_max: u8,
    pub model: String,
    /// Who judges what scenarios leave to a judge, as factory.toml or a person named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
    pub seed: u64,
    /// Of the factory that opened it.
    pub version: String,
}

/// A file of the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductFile {
    pub content: Digest,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

impl Opening {
    /// Every body that the opening speaks of.
    pub fn bodies(&self) -> Vec<Digest> {
        let fixed = [self.signature, self.people, self.pipeline, self.graph];
        let files = self.files.values().copied();
        let product = self.product.values().map(|file| file.content);
        let twins = self.twins.values().flat_map(BTreeMap::values).copied();
        let build = self.build.values().copied();
        fixed.into_iter().chain(files).chain(product).chain(twins).chain(build).collect()
    }

    /// The opening of a run, from its entries.
    pub fn of_run(entries: &[Entry]) -> Option<Self> {
        let first = entries.iter().find(|entry| entry.record.event.name == RUN_OPENED)?;
        serde_json::from_value(first.record.event.body.clone()).ok()
    }

    /// The intent and the scenarios, as they were signed.
    ///
    /// # Errors
    /// When the ledger lost a body, or this version cannot read the documents any more.
    pub fn load(&self, ledger: &Ledger) -> Result<Loaded, OpeningError> {
        let mut files = BTreeMap::new();
        for (path, digest) in &self.files {
            files.insert(path.clone(), ledger.body(digest)?);
        }
        Ok(intents::from_files(&format!("intent {}", self.intent_id), files)?)
    }

    /// What the twins of an interface are made of, as it was when the run was opened.
    ///
    /// # Errors
    /// When the ledger lost a body, or this version cannot read a pack any more.
    pub fn packs(&self, ledger: &Ledger, interface: &Interface) -> Result<Packs, OpeningError> {
        let mut own = BTreeMap::new();
        for (service, files) in &self.twins {
            let mut texts = PackFiles::new();
            for (path, digest) in files {
                let text = String::from_utf8_lossy(&ledger.body(digest)?).into_owned();
                texts.insert(path.clone(), text);
            }
            own.insert(service.clone(), texts);
        }
        let folder = format!("run {}", self.intent_id);
        Ok(twins::packs_of(interface, Path::new(&folder), &own)?)
    }

    /// The product that the run started from.
    ///
    /// # Errors
    /// When the ledger lost a body.
    pub fn product(&self, ledger: &Ledger) -> Result<Tree, LedgerError> {
        let mut tree = Tree::new();
        for (path, file) in &self.product {
            let content = ledger.body(&file.content)?;
            tree.insert(path.clone(), File { executable: file.executable, content });
        }
        Ok(tree)
    }
}

/// Keeps a tree's files in the body store.
///
/// # Errors
/// When they could not be made durable.
pub(crate) fn keep_product(
    ledger: &Ledger,
    tree: &Tree,
) -> Result<BTreeMap<String, ProductFile>, LedgerError> {
    let mut product = BTreeMap::new();
    for (path, file) in tree {
        let content = ledger.put_body(&file.content)?;
        product.insert(path.clone(), ProductFile { content, executable: file.executable });
    }
    Ok(product)
}

/// Records the opening: from here on the run exists.
///
/// # Errors
/// When it could not be made durable.
pub(crate) fn record(recorder: &Recorder, opening: &Opening) -> Result<(), LedgerError> {
    recorder.observe(runner::Observation {
        actor: "factory".to_owned(),
        name: RUN_OPENED,
        body: serde_json::to_value(opening).expect("an opening has a JSON form"),
        bodies: opening.bodies(),
    })
}

/// A run's opening cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpeningError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("failed to read the run's own documents")]
    Intent(#[from] IntentError),
}
