//! A world of real processes: every run in a fresh sandbox, over one working directory that lives as
//! long as the world does.
//!
//! A program sees its product read-only at `/product`, an empty writable directory as its working
//! directory, and nothing that tells a proof from any other run.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use intent::Interface;
use sandbox::{Access, Cancel, Command, Finished, Limits, Mount, Sandbox};
use tempfile::TempDir;

use crate::live::Live;
use crate::{Packs, Played, Services, Twins, World, WorldError};

/// Where programs see the product.
pub(crate) const PRODUCT: &str = "/product";

static NO_PACKS: Packs = Packs::none();

/// The most that is read of one file: what a program under test may sensibly write, and far less
/// than what would hurt us.
const FILE_BYTES_READ_MAX: u64 = 8 << 20;

/// What changes between plays of the same scenario, though no program may depend on it.
///
/// Seed 0 is the plain case. Others vary, independently of each other:
///
/// | what | among |
/// |---|---|
/// | `PYTHONHASHSEED` | numbers below 2³²: the order of Python's sets |
/// | `TZ` | UTC, behind it, ahead of it by a part of an hour, ahead by 14 hours |
/// | `LC_ALL` | unset, `C.UTF-8`; never a locale that the machine may lack |
/// | the working directory's name | short, long, with a dot, with a dash |
/// | `TERM`, `EDITOR` | what different people have |
///
/// What a scenario sets itself always wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstances {
    pub env: BTreeMap<String, String>,
    /// The name of the working directory.
    pub directory: &'static str,
}

impl Circumstances {
    /// The circumstances of a seed: the same on every machine.
    pub fn of(seed: u64) -> Self {
        let digest = base::Digest::of(format!("circumstances {seed}"));
        let bytes = if seed == 0 { &[0; 32] } else { digest.as_bytes() };
        let pick = |byte: usize, from: &[&'static str]| from[usize::from(bytes[byte]) % from.len()];
        let hash_seed = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let mut env = BTreeMap::new();
        env.insert("PYTHONHASHSEED".to_owned(), hash_seed.to_string());
        // POSIX rules rather than place names, which need a database that may not be there.
        env.insert(
            "TZ".to_owned(),
            pick(4, &["UTC0", "<-08>8", "<+0530>-5:30", "<+14>-14"]).to_owned(),
        );
        env.insert("TERM".to_owned(), pick(5, &["dumb", "xterm", "linux"]).to_owned());
        if bytes[6] % 2 == 1 {
            env.insert("LC_ALL".to_owned(), "C.UTF-8".to_owned());
        }
        if bytes[7] % 2 == 1 {
            env.insert("EDITOR".to_owned(), "vi".to_owned());
        }
        let directory =
            pick(8, &["work", "w", "my-files", "data.d", "a-rather-long-directory-name"]);
        Self { env, directory }
    }
}

/// One scenario's world: a working directory on disk, commands run in the sandbox.
pub struct SandboxWorld<'a> {
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) cancel: &'a Cancel,
    pub(crate) interface: &'a Interface,
    pub(crate) packs: &'a Packs,
    /// Of the universe.
    seed: u64,
    pub(crate) twins: Option<Twins>,
    pub(crate) live: Option<Live>,
    product: PathBuf,
    limits: Limits,
    circumstances: Circumstances,
    directory: Option<TempDir>,
}

impl<'a> SandboxWorld<'a> {
    /// A world with an empty working directory, in the circumstances of `seed`. `product` is the built
    /// product on the host.
    ///
    /// # Errors
    /// When the working directory cannot be made.
    pub fn new(
        sandbox: &'a Sandbox,
        cancel: &'a Cancel,
        product: &Path,
        interface: &'a Interface,
        limits: Limits,
        seed: u64,
    ) -> Result<Self, WorldError> {
        let directory = tempfile::Builder::new().prefix("dark-").tempdir();
        let directory = directory.map_err(|source| WorldError::Io {
            doing: "make a directory in",
            path: std::env::temp_dir().display().to_string(),
            source,
        })?;
        let product = product.to_owned();
        Ok(Self {
            sandbox,
            cancel,
            interface,
            packs: &NO_PACKS,
            seed,
            twins: None,
            live: None,
            product,
            limits,
            circumstances: Circumstances::of(seed),
            directory: Some(directory),
        })
    }

    /// With twins made of these, once a step needs them.
    pub fn with_packs(mut self, packs: &'a Packs) -> Self {
        self.packs = packs;
        self
    }

    fn host(&self) -> &Path {
        self.directory.as_ref().expect("it is taken only when the world is dropped").path()
    }

    fn inside(&self) -> PathBuf {
        Path::new("/work").join(self.circumstances.directory)
    }

    fn argv(&self, words: &[String]) -> Result<Vec<String>, WorldError> {
        let name = words.first().map_or("", String::as_str);
        let start = self
            .interface
            .commands
            .get(name)
            .ok_or_else(|| WorldError::UnknownCommand { name: name.to_owned() })?;
        let resolved = start.iter().map(|word| word.replace("$PRODUCT", PRODUCT));
        Ok(resolved.chain(words[1..].iter().cloned()).collect())
    }

    pub(crate) fn command(
        &self,
        argv: Vec<String>,
        stdin: &[u8],
        env: &BTreeMap<String, String>,
    ) -> Command {
        let mut all = self.circumstances.env.clone();
        all.insert("PRODUCT".to_owned(), PRODUCT.to_owned());
        all.extend(env.clone());
        Command {
            argv,
            cwd: self.inside(),
            env: all,
            stdin: stdin.to_owned(),
            mounts: vec![
                Mount {
                    host: self.product.clone(),
                    inside: PRODUCT.into(),
                    access: Access::ReadOnly,
                },
                Mount {
                    host: self.host().to_owned(),
                    inside: self.inside(),
                    access: Access::Writable,
                },
            ],
            limits: self.limits.clone(),
        }
    }

    /// Every regular file of the working directory by its path there: what a run left behind.
    /// Bounded: the first files in order of name, and no file larger than can be read.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn files(&mut self) -> Result<BTreeMap<String, Vec<u8>>, WorldError> {
        /// More entries than this are a program's litter; their first names tell it apart already.
        const ENTRIES_MAX: usize = 1000;
        let mut found = BTreeMap::new();
        let mut waiting = vec![PathBuf::new()];
        let mut visited = 0;
        while let Some(directory) = waiting.pop() {
            let Ok(entries) = fs::read_dir(self.host().join(&directory)) else { continue };
            let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
            names.sort();
            for name in names {
                visited += 1;
                if visited > ENTRIES_MAX {
                    return Ok(found);
                }
                let path = directory.join(&name);
                match fs::symlink_metadata(self.host().join(&path)) {
                    Ok(metadata) if metadata.is_dir() => waiting.push(path),
                    Ok(_) => {
                        let path = path.to_string_lossy().into_owned();
                        if let Some(content) = self.read_file(&path)? {
                            found.insert(path, content);
                        }
                    }
                    Err(_) => {}
                }
            }
        }
        Ok(found)
    }

    /// Where a path of the working directory lies on the host, if every directory on the way is a
    /// real one: a program may have left links there that point anywhere on the host.
    fn resolve(&self, path: &str) -> Result<Option<PathBuf>, WorldError> {
        let relative = inside(path)?;
        let mut host = self.host().to_owned();
        if let Some(parent) = relative.parent() {
            for part in parent.components() {
                host.push(part);
                match fs::symlink_metadata(&host) {
                    Ok(metadata) if metadata.is_dir() => {}
                    _ => return Ok(None),
                }
            }
        }
        Ok(relative.file_name().map(|name| host.join(name)))
    }
}

impl World for SandboxWorld<'_> {
    fn write_file(&mut self, path: &str, content: &[u8]) -> Result<(), WorldError> {
        let relative = inside(path)?;
        let in_the_way = || WorldError::InTheWay { path: path.to_owned() };
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::PermissionDenied => in_the_way(),
            _ => WorldError::Io { doing: "write", path: path.to_owned(), source },
        };
        // Component by component, since a run may have put a link in the way.
        let mut host = self.host().to_owned();
        for part in relative.parent().into_iter().flat_map(Path::components) {
            host.push(part);
            match fs::create_dir(&host) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if !fs::symlink_metadata(&host).is_ok_and(|metadata| metadata.is_dir()) {
                        return Err(in_the_way());
                    }
                }
                made => made.map_err(failed)?,
            }
        }
        let host = self.resolve(path)?.ok_or_else(in_the_way)?;
        if fs::symlink_metadata(&host).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(in_the_way());
        }
        fs::write(host, content).map_err(failed)
    }

    fn run(
        &mut self,
        words: &[String],
        stdin: &[u8],
        env: &BTreeMap<String, String>,
    ) -> Result<Finished, WorldError> {
        let command = self.command(self.argv(words)?, stdin, env);
        self.sandbox.run(&command, self.cancel).map_err(WorldError::Sandbox)
    }

    fn read_file(&mut self, path: &str) -> Result<Option<Vec<u8>>, WorldError> {
        let Some(host) = self.resolve(path)? else { return Ok(None) };
        // A pipe would block us, a link lead us out; nothing of the program runs any more, so that
        // what is checked is what is opened.
        if !fs::symlink_metadata(&host).is_ok_and(|metadata| metadata.is_file()) {
            return Ok(None);
        }
        let failed = |source| WorldError::Io { doing: "read", path: path.to_owned(), source };
        let mut content = Vec::new();
        match fs::File::open(&host) {
            Ok(file) => {
                file.take(FILE_BYTES_READ_MAX).read_to_end(&mut content).map_err(failed)?;
                Ok(Some(content))
            }
            // The program took its own right to read away: for us, too, there is nothing to read.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn services(&mut self) -> Result<&mut dyn Services, WorldError> {
        if self.interface.service.is_none() && self.interface.twins.is_empty() {
            return Err(WorldError::NoService);
        }
        if self.twins.is_none() {
            self.twins = Some(Twins::new(self.packs, self.seed)?);
        }
        Ok(self)
    }

    fn doubt(&mut self) -> Option<Played> {
        if self.was_exhausted() {
            return Some(Played::Undecided { reason: WorldError::Exhausted.to_string() });
        }
        self.twins.as_mut().and_then(Twins::doubt)
    }
}

impl Drop for SandboxWorld<'_> {
    /// Removes the working directory; what a program made unremovable for us, its own kind removes.
    fn drop(&mut self) {
        // Nothing writes there any more.
        self.live = None;
        let Some(directory) = self.directory.take() else { return };
        let path = directory.keep();
        if fs::remove_dir_all(&path).is_ok() {
            return;
        }
        let script = "chmod -R u+rwx . 2>/dev/null; find . -mindepth 1 -delete";
        let command = Command {
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            cwd: "/work".into(),
            env: BTreeMap::new(),
            stdin: Vec::new(),
            mounts: vec![Mount {
                host: path.clone(),
                inside: "/work".into(),
                access: Access::Writable,
            }],
            limits: Limits::default(),
        };
        // Best effort: a directory left in the temporary directory harms no later world.
        let _ = self.sandbox.run(&command, &Cancel::default());
        let _ = fs::remove_dir_all(&path);
    }
}

/// `path`, if it is relative and stays inside.
fn inside(path: &str) -> Result<&Path, WorldError> {
    let relative = Path::new(path);
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if plain && !path.is_empty() {
        Ok(relative)
    } else {
        Err(WorldError::PathOutside { path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circumstances_are_plain_for_seed_0_and_vary_with_others() {
        let plain = Circumstances::of(0);
        assert_eq!(plain.env["PYTHONHASHSEED"], "0");
        assert_eq!((plain.env["TZ"].as_str(), plain.directory), ("UTC0", "work"));
        assert!(!plain.env.contains_key("LC_ALL"));
        let zones: std::collections::BTreeSet<String> =
            (0..32).map(|seed| Circumstances::of(seed).env["TZ"].clone()).collect();
        assert_eq!(zones.len(), 4);
        assert_eq!(Circumstances::of(5), Circumstances::of(5));
        assert_ne!(Circumstances::of(5), Circumstances::of(6));
    }

    #[test]
    fn paths_stay_inside() {
        assert!(inside("a/b.txt").is_ok() && inside("..a").is_ok());
        for wrong in ["", "/etc/passwd", "../x", "a/../../x"] {
            assert!(inside(wrong).is_err(), "{wrong}");
        }
    }
}
