//! What the twins of an intent are made of: packs of the factory's own, in `twins/NAME/`, before those
//! that come with the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use base::{Diagnostic, Digest};
use fidelity::measured::{self, FIDELITY};
use intent::Interface;
use policy::TwinFidelity;
use scenario::Packs;
use twin::{Pack, PackError};

use crate::intents::IntentError;

/// Where a factory keeps twins of its own services.
pub const TWINS: &str = "twins";

/// Files of one pack's folder that are looked at.
const FILES_MAX: usize = 200;

/// The files of one pack by name: `pack.toml`, its scripts, and what was measured of it.
pub(crate) type PackFiles = BTreeMap<String, String>;

/// The packs of the services that the interface declares; `root` is the factory's.
///
/// # Errors
/// A service without a pack, and a pack that cannot be read.
pub fn packs(interface: &Interface, root: Option<&Path>) -> Result<Packs, IntentError> {
    let Some(root) = root else { return packs_of(interface, Path::new(""), &BTreeMap::new()) };
    packs_of(interface, &root.join(TWINS), &own(interface, root)?)
}

/// The files of the factory's own packs among the services that the interface declares.
///
/// # Errors
/// When one cannot be read.
pub(crate) fn own(
    interface: &Interface,
    root: &Path,
) -> Result<BTreeMap<String, PackFiles>, IntentError> {
    let mut own = BTreeMap::new();
    for name in interface.twins.keys() {
        let folder = root.join(TWINS).join(name);
        if folder.is_dir() {
            own.insert(name.clone(), read_files(&folder)?);
        }
    }
    Ok(own)
}

/// The packs for an interface, of files that were read before; `folder` is what mistakes call their
/// place.
///
/// # Errors
/// A service without a pack, and every mistake in a pack.
pub(crate) fn packs_of(
    interface: &Interface,
    folder: &Path,
    own: &BTreeMap<String, PackFiles>,
) -> Result<Packs, IntentError> {
    let mut packs = BTreeMap::new();
    for (name, files) in own {
        let folder = folder.join(name);
        let pack = parse(&folder, files)?;
        if pack.service() != name {
            let (folder, service) = (folder.display(), pack.service());
            return Err(malformed(format!(
                "{folder}: the pack is of `{service}`, and the folder of `{name}`"
            )));
        }
        packs.insert(name.clone(), pack);
    }
    Packs::of(interface, &packs).map_err(|error| malformed(base::chain(&error)))
}

/// Reads the pack in a folder.
///
/// # Errors
/// Files that cannot be read, and every mistake in them, with its place.
pub fn read_pack(folder: &Path) -> Result<Arc<Pack>, IntentError> {
    parse(folder, &read_files(folder)?)
}

/// The digest of the pack in a folder, by which what was measured of it is known.
///
/// # Errors
/// Files that cannot be read.
pub fn pack_digest(folder: &Path) -> Result<Digest, IntentError> {
    let files = read_files(folder)?;
    Ok(measured::digest(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))))
}

/// How like their services the twins of an interface were measured to be.
pub(crate) fn fidelity(
    interface: &Interface,
    own: &BTreeMap<String, PackFiles>,
) -> Vec<TwinFidelity> {
    let of = |service: &String| {
        let found = match own.get(service) {
            Some(files) => measured::own(files),
            None => measured::builtin(service),
        };
        let held = found.map(|found| found.held).unwrap_or_default();
        TwinFidelity { service: service.clone(), passed: held.passed, of: held.of }
    };
    interface.twins.keys().map(of).collect()
}

fn read_files(folder: &Path) -> Result<PackFiles, IntentError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| IntentError::Unreadable { path, source }
    };
    let mut files = PackFiles::new();
    for entry in fs::read_dir(folder).map_err(unreadable(folder))?.take(FILES_MAX) {
        let path = entry.map_err(unreadable(folder))?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file == "pack.toml" || file.ends_with(".star") || file == FIDELITY {
            files.insert(file, fs::read_to_string(&path).map_err(unreadable(&path))?);
        }
    }
    Ok(files)
}

fn parse(folder: &Path, files: &PackFiles) -> Result<Arc<Pack>, IntentError> {
    Pack::read(files).map(Arc::new).map_err(|error| match error {
        PackError::Mistakes(mut found) => {
            // Where in the pack is known; where the pack is, the reader wants to know too.
            for place in found.iter_mut().filter_map(|one| one.place.as_mut()) {
                place.file = folder.join(&place.file).display().to_string();
            }
            IntentError::Malformed(found)
        }
        error => malformed(format!("{}: {}", folder.display(), base::chain(&error))),
    })
}

fn malformed(message: String) -> IntentError {
    IntentError::Malformed(vec![Diagnostic::error("bad-twin", message)])
}
