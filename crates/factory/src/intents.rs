//! An intent's directory: `intent.md`, `scenarios/*.feature`, the seal and its signature.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base::{Diagnostic, Digest};
use intent::{
    Intent, SIGNATURE_NAMESPACE, Scenario, Seal, SealBreak, SealBreakKind, parse_feature,
};
use ship::ssh;

/// The file that a person signs.
pub(crate) const SEAL_FILE: &str = "intent.seal";
/// The signature over it, beside it.
pub(crate) const SIGNATURE_FILE: &str = "intent.seal.sig";

/// An intent and all that its seal covers.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub intent: Intent,
    pub scenarios: Vec<Scenario>,
    /// The sealed files by path relative to the intent's directory.
    pub files: BTreeMap<String, Vec<u8>>,
    pub seal: Seal,
    /// What reading found to warn of.
    pub warnings: Vec<Diagnostic>,
}

/// An intent cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IntentError {
    #[error(
        "failed to read {path}: there is no such intent (an intent is a directory with an intent.md)"
    )]
    Missing { path: PathBuf },
    #[error("failed to read {path}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("failed to write {path}")]
    Unwritable { path: PathBuf, source: std::io::Error },
    #[error("{}", listed(.0))]
    Malformed(Vec<Diagnostic>),
    #[error("{dir} is not signed: read it, then `dark sign {dir}`")]
    Unsigned { dir: String },
    #[error(
        "{dir} was altered after it was signed ({what}): read it again, then `dark sign {dir}`"
    )]
    Altered { dir: String, what: String },
    #[error(
        "{dir}: the signature is not one that this factory trusts from {owner} ({reason}): see trust/people"
    )]
    Untrusted { dir: String, owner: String, reason: String },
    #[error(transparent)]
    Ssh(#[from] ssh::SshError),
}

/// What happened to one file since the signature.
fn broken(found: &SealBreak) -> String {
    let how = match found.kind {
        SealBreakKind::Altered => "was altered",
        SealBreakKind::Missing => "is missing",
        SealBreakKind::Added => "was added",
    };
    format!("{} {how}", found.path)
}

fn listed(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads the intent at `path`: its directory or its `intent.md`.
///
/// # Errors
/// When files are missing or malformed; all findings at once.
pub fn load(path: &Path) -> Result<Loaded, IntentError> {
    let dir = directory(path);
    let document = dir.join("intent.md");
    if !document.is_file() {
        return Err(IntentError::Missing { path: document });
    }
    let read =
        |path: PathBuf| fs::read(&path).map_err(|source| IntentError::Unreadable { path, source });
    let mut files = BTreeMap::from([("intent.md".to_owned(), read(document)?)]);
    let scenarios = dir.join("scenarios");
    if scenarios.is_dir() {
        let unreadable = |source| IntentError::Unreadable { path: scenarios.clone(), source };
        for item in fs::read_dir(&scenarios).map_err(unreadable)? {
            let item = item.map_err(unreadable)?;
            let name = item.file_name().to_string_lossy().into_owned();
            if name.ends_with(".feature") {
                files.insert(format!("scenarios/{name}"), read(item.path())?);
            }
        }
    }
    from_files(&dir.display().to_string(), files)
}

/// Reads an intent from its files, as [`load`] or the ledger has them; `shown` stands before their
/// names in messages.
///
/// # Errors
/// All that is malformed, at once.
pub(crate) fn from_files(
    shown: &str,
    files: BTreeMap<String, Vec<u8>>,
) -> Result<Loaded, IntentError> {
    let text = |path: &str, bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            let message = format!("{path} is not UTF-8 from byte {offset} on");
            IntentError::Malformed(vec![Diagnostic::error("utf-8", message)])
        })
    };
    let source = text("intent.md", files.get("intent.md").map_or(&[][..], Vec::as_slice))?;
    let (intent, warnings) =
        Intent::parse(&format!("{shown}/intent.md"), &source).map_err(IntentError::Malformed)?;
    let mut scenarios = Vec::new();
    let mut wrong = Vec::new();
    for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with(".feature")) {
        let source = text(path, bytes)?;
        match parse_feature(&format!("{shown}/{path}"), &source, &intent.interface) {
            Ok(found) => scenarios.extend(found),
            Err(found) => wrong.extend(found),
        }
    }
    if !wrong.is_empty() {
        return Err(IntentError::Malformed(wrong));
    }
    let seal = Seal::of(&files);
    Ok(Loaded { intent, scenarios, files, seal, warnings })
}

/// The directory of an intent that was named by it or by its `intent.md`.
pub fn directory(path: &Path) -> PathBuf {
    if path.file_name().is_some_and(|name| name == "intent.md") {
        path.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
    } else {
        path.to_path_buf()
    }
}

/// Seals what was loaded from `dir` and signs the seal with `key`; gives the intent's digest.
///
/// # Errors
/// When the key cannot be used or the files cannot be written.
pub fn sign(dir: &Path, loaded: &Loaded, key: &Path) -> Result<Digest, IntentError> {
    let text = loaded.seal.to_text();
    let signature = ssh::sign(key, SIGNATURE_NAMESPACE, text.as_bytes())?;
    for (name, content) in [(SEAL_FILE, &text), (SIGNATURE_FILE, &signature)] {
        let path = dir.join(name);
        fs::write(&path, content).map_err(|source| IntentError::Unwritable { path, source })?;
    }
    Ok(loaded.seal.digest())
}

/// Whether what was loaded from `dir` is what its owner signed; gives the signature.
///
/// # Errors
/// When it is unsigned, altered since, or signed by nobody whom `people` lists for the owner.
pub fn verify(dir: &Path, loaded: &Loaded, people: &Path) -> Result<String, IntentError> {
    let shown = dir.display().to_string();
    let read = |name| fs::read_to_string(dir.join(name)).ok();
    let (Some(sealed), Some(signature)) = (read(SEAL_FILE), read(SIGNATURE_FILE)) else {
        return Err(IntentError::Unsigned { dir: shown });
    };
    let altered = |what| IntentError::Altered { dir: shown.clone(), what };
    let seal = Seal::parse(&sealed).map_err(|error| altered(format!("{SEAL_FILE}: {error}")))?;
    let breaks = seal.compare(&loaded.seal);
    if !breaks.is_empty() {
        return Err(altered(breaks.iter().map(broken).collect::<Vec<_>>().join(", ")));
    }
    let owner = &loaded.intent.owner;
    match ssh::verify(people, owner, SIGNATURE_NAMESPACE, sealed.as_bytes(), &signature) {
        Ok(()) => Ok(signature),
        Err(ssh::SshError::Verify { reason, .. }) => {
            Err(IntentError::Untrusted { dir: shown, owner: owner.clone(), reason })
        }
        Err(other) => Err(other.into()),
    }
}
