//! A factory is a directory: where everything in it lies.

use std::path::{Path, PathBuf};

use base::{IntentId, LineId};

/// The paths of one factory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The factory at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The factory that `start` lies in: the nearest directory above that has a `factory.toml`.
    pub fn find(start: &Path) -> Option<Self> {
        start.ancestors().find(|dir| dir.join("factory.toml").is_file()).map(Self::new)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn config(&self) -> PathBuf {
        self.root.join("factory.toml")
    }

    pub fn intents(&self) -> PathBuf {
        self.root.join("intents")
    }

    pub fn intent(&self, id: &IntentId) -> PathBuf {
        self.intents().join(id.as_str())
    }

    /// What a third party needs in order to trust: public keys only, safe to publish.
    pub fn trust(&self) -> PathBuf {
        self.root.join("trust")
    }

    /// The people who may sign, as `ssh-keygen` reads it.
    pub fn people(&self) -> PathBuf {
        self.trust().join("people")
    }

    /// The key that signs commits, as `git verify-commit` and `ssh-keygen` read it.
    pub fn shippers(&self) -> PathBuf {
        self.trust().join("shippers")
    }

    /// The key that signs the ledger and attestations, as C2SP writes verifier keys.
    pub fn evidence_key(&self) -> PathBuf {
        self.trust().join("evidence.vkey")
    }

    /// The same key, as `openssl` reads it.
    pub fn evidence_pem(&self) -> PathBuf {
        self.trust().join("evidence.pem")
    }

    /// The factory's own things; nothing in it is for people to edit.
    pub fn dark(&self) -> PathBuf {
        self.root.join(".dark")
    }

    pub fn ledger(&self) -> PathBuf {
        self.dark().join("ledger")
    }

    pub fn ship_key(&self) -> PathBuf {
        self.dark().join("keys/ship")
    }

    pub fn ledger_key(&self) -> PathBuf {
        self.dark().join("keys/ledger.pem")
    }

    pub fn mirror(&self, line: &LineId) -> PathBuf {
        self.dark().join(format!("products/{line}.git"))
    }

    /// Where exports and workspaces are made, one fresh directory each, gone afterwards.
    pub fn work(&self) -> PathBuf {
        self.dark().join("work")
    }
}
