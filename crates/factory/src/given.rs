//! A build that is there already: the folder that `dark run --build` names, read once when the run is
//! opened. From there on the ledger has it, and the folder is never looked at again.

use std::fs;
use std::path::{Path, PathBuf};

use agent::Files;
use pipeline::{Graph, Value};
use ship::Tree;

use crate::factory::FactoryError;
use crate::hands::{AGENT, GIVEN};

/// Files of one build, and their bytes together: ten times what the builds of this factory's models have,
/// and few enough to be kept whole on the ledger.
const FILES_MAX: usize = 2_000;
const BYTES_MAX: u64 = 32 << 20;

/// What people's tools leave beside a build, which is no part of it.
const BESIDE: [&str; 3] = [".git", "__pycache__", "node_modules"];

/// The files of `folder`, which must all be texts within the write-set. What the product has already,
/// unchanged, may lie there too.
///
/// # Errors
/// When there is none, one lies outside of the write-set, is no text or cannot be read.
pub(crate) fn read(
    folder: &Path,
    write_set: &[String],
    product: &Tree,
) -> Result<Files, FactoryError> {
    let refuse = |reason: String| FactoryError::Given { folder: folder.to_owned(), reason };
    let mut files = Files::new();
    let mut bytes = 0;
    let mut waiting = vec![PathBuf::new()];
    while let Some(below) = waiting.pop() {
        let dir = folder.join(&below);
        let unreadable = |source| FactoryError::Unreadable { path: dir.clone(), source };
        for entry in fs::read_dir(&dir).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let path = below.join(&name);
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                if !BESIDE.iter().any(|beside| name == *beside) {
                    waiting.push(path);
                }
                continue;
            }
            let shown = path.display().to_string();
            if !kind.is_file() {
                return Err(refuse(format!("`{shown}` is no regular file")));
            }
            let host = folder.join(&path);
            let unreadable = |source| FactoryError::Unreadable { path: host.clone(), source };
            bytes += entry.metadata().map_err(unreadable)?.len();
            if files.len() >= FILES_MAX || bytes > BYTES_MAX {
                let most = format!("more than {FILES_MAX} files or {} MiB", BYTES_MAX >> 20);
                return Err(refuse(format!("it holds {most}: is it the right folder?")));
            }
            let content = fs::read(&host).map_err(unreadable)?;
            if product.get(&shown).is_some_and(|file| file.content == content) {
                continue;
            }
            if !write_set.iter().any(|pattern| proof::in_write_set(pattern, &shown)) {
                return Err(refuse(format!(
                    "`{shown}` is outside of the intent's write-set ({}): move it away, or let the intent name it",
                    write_set.join(", ")
                )));
            }
            let text = String::from_utf8(content)
                .map_err(|_| refuse(format!("`{shown}` is no text in UTF-8")))?;
            files.insert(shown, text);
        }
    }
    if files.is_empty() {
        return Err(refuse("it holds no file that the product does not have already".to_owned()));
    }
    Ok(files)
}

/// A pipeline without a stage that hands the build in would quietly build another.
///
/// # Errors
/// When there is no such stage.
pub(crate) fn expect_stage(graph: &Graph, folder: &Path) -> Result<(), FactoryError> {
    let hands_in = graph.stages.values().any(
        |stage| matches!(stage.attributes.get(AGENT), Some(Value::String(name)) if name == GIVEN),
    );
    if hands_in {
        return Ok(());
    }
    let reason = format!(
        "no stage of the pipeline hands it in: give one the attribute {AGENT}=\"{GIVEN}\", or leave --pipeline away"
    );
    Err(FactoryError::Given { folder: folder.to_owned(), reason })
}
