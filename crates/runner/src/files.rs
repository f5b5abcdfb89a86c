//! The files beside a pipeline: its children.

use std::path::Path;

/// Bytes of a file that a pipeline names: as many as a pipeline may have.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// Reads files that a pipeline names, in the folder that the pipeline lies in and below it: what
/// [`pipeline::Options::files`] wants. Nothing outside of that folder is read, by whatever name or
/// link: a pipeline from elsewhere must not carry a key or a held-out scenario into a prompt.
pub fn beside(pipeline: &Path) -> impl Fn(&str) -> Result<(String, String), String> {
    let folder = pipeline.parent().unwrap_or(Path::new("")).to_owned();
    move |name| {
        let path = folder.join(name);
        let shown = path.display().to_string();
        let wrong = |error: std::io::Error| format!("{shown}: {error}");
        let whole = |path: &Path| {
            let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            path.canonicalize()
        };
        let real = whole(&path).map_err(wrong)?;
        if !real.starts_with(whole(&folder).map_err(wrong)?) {
            return Err(format!("{shown}: it lies outside of the pipeline's own folder"));
        }
        let metadata = std::fs::metadata(&real).map_err(wrong)?;
        if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
            return Err(format!("{shown}: no file of at most {} MiB", FILE_BYTES_MAX >> 20));
        }
        let text = std::fs::read_to_string(&real).map_err(wrong)?;
        Ok((shown, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_of_the_pipelines_folder_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("pipelines");
        std::fs::create_dir_all(own.join("parts")).unwrap();
        std::fs::write(own.join("parts/child.dot"), "digraph {}").unwrap();
        std::fs::write(dir.path().join("secret"), "key").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), own.join("link")).unwrap();
        let line = own.join("line.dot");
        let read = beside(&line);
        assert_eq!(read("parts/child.dot").unwrap().1, "digraph {}");
        let absolute = dir.path().join("secret").display().to_string();
        for outside in ["../secret", "parts/../../secret", "link", &absolute] {
            assert!(read(outside).unwrap_err().contains("outside"), "{outside}");
        }
        assert!(read("absent.dot").is_err() && read("parts").is_err());
    }
}
