//! What the twins of an intent are made of: packs of the factory's own, in `twins/NAME/`, before those
//! that come with the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use base::Diagnostic;
use intent::Interface;
use scenario::Packs;
use twin::Pack;

use crate::intents::IntentError;

/// The packs of the services that the interface declares; `root` is the factory's.
///
/// # Errors
/// A service without a pack, and a pack that cannot be read.
pub fn packs(interface: &Interface, root: Option<&Path>) -> Result<Packs, IntentError> {
    let mut own = BTreeMap::new();
    for name in interface.twins.keys() {
        let folder =
            root.map(|root| root.join("twins").join(name)).filter(|folder| folder.is_dir());
        if let Some(folder) = folder {
            own.insert(name.clone(), Arc::new(read(name, &folder)?));
        }
    }
    Packs::of(interface, &own).map_err(|error| malformed(base::chain(&error)))
}

fn read(name: &str, folder: &Path) -> Result<Pack, IntentError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| IntentError::Unreadable { path, source }
    };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file == "pack.toml" || file.ends_with(".star") {
            files.insert(file, fs::read_to_string(&path).map_err(unreadable(&path))?);
        }
    }
    let wrong = |why: String| malformed(format!("{}: {why}", folder.display()));
    let pack = Pack::read(&files).map_err(|error| wrong(base::chain(&error)))?;
    if pack.service() == name {
        return Ok(pack);
    }
    Err(wrong(format!("the pack is of `{}`, and the folder of `{name}`", pack.service())))
}

fn malformed(message: String) -> IntentError {
    IntentError::Malformed(vec![Diagnostic::error("bad-twin", message)])
}
