//! The files beside a pipeline: its children.

use std::path::Path;

/// Bytes of a file that a pipeline names: as many as a pipeline may have.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// Reads files that a pipeline names, relative to the folder that the pipeline lies in: what
/// [`pipeline::Options::files`] wants.
pub fn beside(pipeline: &Path) -> impl Fn(&str) -> Result<(String, String), String> {
    let folder = pipeline.parent().unwrap_or(Path::new("")).to_owned();
    move |name| {
        let path = folder.join(name);
        let shown = path.display().to_string();
        let wrong = |error: std::io::Error| format!("{shown}: {error}");
        let metadata = std::fs::metadata(&path).map_err(wrong)?;
        if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
            return Err(format!("{shown}: no file of at most {} MiB", FILE_BYTES_MAX >> 20));
        }
        let text = std::fs::read_to_string(&path).map_err(wrong)?;
        Ok((shown, text))
    }
}
