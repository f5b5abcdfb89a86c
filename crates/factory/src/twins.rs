//! What the twins of an intent are made of: packs of the factory's own, in `twins/NAME/`, before those
//! that come with the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use base::{Diagnostic, Digest, Place};
use fidelity::measured::{self, FIDELITY};
use intent::Interface;
use policy::TwinFidelity;
use scenario::Packs;
use twin::{Pack, PackError};

use crate::intents::IntentError;

/// Where a factory keeps twins of its own services.
pub const TWINS: &str = "twins";

/// Folders among a factory's own twins that are looked at: no universe has as many services.
const FOLDERS_MAX: usize = 1000;

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
    // One under another name would be passed over, and perhaps another taken in its place.
    for entry in fs::read_dir(root.join(TWINS)).into_iter().flatten().flatten().take(FOLDERS_MAX) {
        expect_named(&entry.path(), |of| interface.twins.contains_key(of))?;
    }
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
            return Err(misnamed(&folder, pack.service(), 1));
        }
        packs.insert(name.clone(), pack);
    }
    Packs::of(interface, &packs).map_err(|error| malformed(base::chain(&error)))
}

/// Expects that a folder among a factory's own twins is called as the service is that its pack is of, where that
/// is one of those that are `wanted`. What is no pack is none of its business.
///
/// # Errors
/// One that is called otherwise: it would be found by nobody.
pub fn expect_named(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<(), IntentError> {
    let Ok(text) = fs::read_to_string(folder.join("pack.toml")) else { return Ok(()) };
    let Ok(manifest) = toml::from_str::<toml::Table>(&text) else { return Ok(()) };
    let Some(service) = manifest.get("service").and_then(toml::Value::as_str) else {
        return Ok(());
    };
    if !wanted(service) || folder.file_name().is_some_and(|name| name == service) {
        return Ok(());
    }
    let at = text.lines().position(|line| line.trim_start().starts_with("service")).unwrap_or(0);
    Err(misnamed(folder, service, at + 1))
}

fn misnamed(folder: &Path, service: &str, line: usize) -> IntentError {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let message =
        format!("the folder `{name}` holds the pack of `{service}`, which is not found there");
    let file = folder.join("pack.toml").display().to_string();
    let found = Diagnostic::error("misnamed-pack", message)
        .at(Place::line(&file, u32::try_from(line).unwrap_or(u32::MAX)));
    let help = format!("call the folder `{service}`, or the service `{name}`");
    IntentError::Malformed(vec![found.help(help)])
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
