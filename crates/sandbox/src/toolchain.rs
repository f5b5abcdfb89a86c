//! Which languages' toolchains the machine has outside the system's own directories.
//!
//! Only known layouts are mounted, and of those only the toolchain: a directory on the `PATH` may
//! sit in a home, beside credentials, or in a repository, beside what a program must not see. It
//! refuses to run anything to find out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A toolchain that programs see, read-only, where it is on the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Toolchain {
    /// What manages it: `rustup`, `pyenv`, `nvm`, …
    pub kind: &'static str,
    /// The directory that is mounted.
    pub root: PathBuf,
    /// Its directory on the `PATH` inside.
    pub bin: PathBuf,
}

/// What the host's `PATH` leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Toolchains {
    /// In the order of the `PATH`.
    pub found: Vec<Toolchain>,
    /// Directories of the host's `PATH` that programs do not see, since no known toolchain owns them.
    pub left_out: Vec<PathBuf>,
    /// The `PATH` inside, before the standard directories.
    pub(crate) path: Vec<PathBuf>,
}

/// Layouts whose root is a fixed number of levels below a marker, with programs in `bin`:
/// (kind, marker as path components, levels from marker to root).
const LAYOUTS: &[(&str, &[&str], usize)] = &[
    ("rustup", &[".rustup", "toolchains"], 1),
    ("pyenv", &[".pyenv", "versions"], 1),
    ("rbenv", &[".rbenv", "versions"], 1),
    ("nodenv", &[".nodenv", "versions"], 1),
    ("nvm", &[".nvm", "versions", "node"], 1),
    ("fnm", &["fnm", "node-versions"], 2),
    ("asdf", &[".asdf", "installs"], 2),
    ("mise", &["mise", "installs"], 2),
    ("sdkman", &[".sdkman", "candidates"], 2),
    ("deno", &[".deno"], 0),
    ("bun", &[".bun"], 0),
    ("linuxbrew", &["linuxbrew", ".linuxbrew"], 0),
];

/// Version managers whose `shims` are scripts that need the manager itself.
const SHIMS: &[(&str, &str)] = &[("pyenv", ".pyenv"), ("rbenv", ".rbenv"), ("nodenv", ".nodenv")];

/// Follows each directory of the host's `PATH` to the toolchain that owns it.
pub(crate) fn detect(path: &[PathBuf], home: Option<&Path>) -> Toolchains {
    let mut all = Toolchains::default();
    let mut seen = BTreeSet::new();
    for directory in path {
        // A relative entry means something else in every working directory.
        if !directory.is_absolute() || !seen.insert(directory.clone()) || !directory.is_dir() {
            continue;
        }
        let owners = owners(directory, home);
        if of_the_system(directory) {
            // After the toolchain, whose proxies it may hold (`/usr/local/cargo/bin`).
            all.path.extend(owners.into_iter().map(|toolchain| toolchain.bin));
            all.path.push(directory.clone());
            continue;
        }
        if owners.is_empty() {
            all.left_out.push(directory.clone());
        }
        for toolchain in owners {
            if !all.found.contains(&toolchain) {
                all.path.push(toolchain.bin.clone());
                all.found.push(toolchain);
            }
        }
    }
    all
}

fn of_the_system(directory: &Path) -> bool {
    ["/usr", "/bin", "/sbin", "/nix/store"].iter().any(|system| directory.starts_with(system))
}

fn owners(directory: &Path, home: Option<&Path>) -> Vec<Toolchain> {
    if directory.join("rustup").is_file() {
        return rustup(directory, home).into_iter().collect();
    }
    for (kind, marker) in SHIMS {
        let manager = directory.parent().filter(|manager| manager.ends_with(marker));
        if let Some(manager) = manager.filter(|_| directory.ends_with("shims")) {
            return versions_of(kind, manager);
        }
    }
    if of_the_system(directory) {
        return Vec::new();
    }
    let Ok(real) = directory.canonicalize() else {
        return Vec::new();
    };
    if of_the_system(&real) {
        // `/run/current-system/sw/bin` and its like: the link is not mounted, what it names is.
        return vec![Toolchain { kind: "system", root: real.clone(), bin: real }];
    }
    known_layout(&real).into_iter().collect()
}

/// The chosen toolchain of rustup: the programs beside `rustup` are proxies that need its settings.
fn rustup(proxies: &Path, home: Option<&Path>) -> Option<Toolchain> {
    let cargo = proxies.parent()?;
    let places = [
        std::env::var_os("RUSTUP_HOME").map(PathBuf::from),
        Some(cargo.with_file_name(".rustup")),
        Some(cargo.with_file_name("rustup")),
        home.map(|home| home.join(".rustup")),
    ];
    let manager = places.into_iter().flatten().find(|place| place.join("toolchains").is_dir())?;
    let settings = fs::read_to_string(manager.join("settings.toml")).unwrap_or_default();
    let default = settings.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "default_toolchain").then(|| value.trim().trim_matches('"').to_owned())
    });
    let name = std::env::var("RUSTUP_TOOLCHAIN").ok().or(default)?;
    installed("rustup", &rustup_toolchain(&manager.join("toolchains"), &name)?)
}

/// `stable` stands for `stable-x86_64-unknown-linux-gnu`; a custom toolchain may be any path.
fn rustup_toolchain(toolchains: &Path, name: &str) -> Option<PathBuf> {
    let exact = toolchains.join(name);
    if exact.is_dir() {
        return Some(exact);
    }
    let of_host = format!("{name}-{}-", std::env::consts::ARCH);
    let mut all: Vec<PathBuf> =
        fs::read_dir(toolchains).ok()?.flatten().map(|entry| entry.path()).collect();
    all.sort();
    all.into_iter().find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&of_host))
    })
}

/// The versions that a manager's `version` file names, in its order.
fn versions_of(kind: &'static str, manager: &Path) -> Vec<Toolchain> {
    let chosen = fs::read_to_string(manager.join("version")).unwrap_or_default();
    chosen
        .split_whitespace()
        .filter(|name| !name.contains('/') && !name.starts_with('.'))
        .filter_map(|name| installed(kind, &manager.join("versions").join(name)))
        .collect()
}

fn installed(kind: &'static str, root: &Path) -> Option<Toolchain> {
    let root = root.canonicalize().ok()?;
    let bin = root.join("bin");
    bin.is_dir().then_some(Toolchain { kind, root, bin })
}

fn known_layout(bin: &Path) -> Option<Toolchain> {
    let parts: Vec<_> = bin.components().map(|part| part.as_os_str()).collect();
    for (kind, marker, levels) in LAYOUTS {
        let at = parts
            .windows(marker.len())
            .position(|window| window.iter().zip(*marker).all(|(part, name)| *part == *name));
        let root_parts = at.map(|at| at + marker.len() + levels);
        if let Some(count) = root_parts.filter(|&count| count < parts.len()) {
            return Some(Toolchain {
                kind,
                root: parts[..count].iter().collect(),
                bin: bin.to_owned(),
            });
        }
    }
    // `/opt/<package>/…/bin`: packages that came with their own tree.
    let package = bin.strip_prefix("/opt").ok()?.components().next()?;
    let root = Path::new("/opt").join(package);
    (root != bin).then(|| Toolchain { kind: "opt", root, bin: bin.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(directories: &[&str], files: &[(&str, &str)]) -> tempfile::TempDir {
        let home = tempfile::tempdir().expect("a temporary directory");
        for directory in directories {
            fs::create_dir_all(home.path().join(directory)).expect("a directory");
        }
        for (file, text) in files {
            fs::write(home.path().join(file), text).expect("a file");
        }
        home
    }

    #[test]
    fn shims_lead_to_the_version_that_they_would_run() {
        let home = tree(
            &[
                ".pyenv/shims",
                ".pyenv/bin",
                ".pyenv/versions/3.11.7/bin",
                ".pyenv/versions/3.6.1/bin",
            ],
            &[(".pyenv/version", "3.11.7\n")],
        );
        let at = |path: &str| home.path().canonicalize().unwrap().join(path);
        let found = detect(&[at(".pyenv/shims"), at(".pyenv/bin")], Some(home.path()));
        assert_eq!(found.path, [at(".pyenv/versions/3.11.7/bin")]);
        assert_eq!(found.found[0].root, at(".pyenv/versions/3.11.7"));
        assert_eq!(found.left_out, [at(".pyenv/bin")]);
    }

    #[test]
    fn a_directory_of_a_home_or_repository_stays_outside() {
        let home = tree(&["repo/bin", ".local/bin"], &[]);
        let at = |path: &str| home.path().join(path);
        let path = [at("repo/bin"), at(".local/bin"), PathBuf::from("bin")];
        let found = detect(&path, Some(home.path()));
        assert!(found.found.is_empty() && found.path.is_empty());
        assert_eq!(found.left_out, path[..2]);
    }

    #[test]
    fn nvm_and_opt_are_mounted_whole_and_nothing_above_them() {
        let nvm = Path::new("/home/a/.nvm/versions/node/v24.1.0/bin");
        let found = known_layout(nvm).expect("a known layout");
        assert_eq!(found.root, Path::new("/home/a/.nvm/versions/node/v24.1.0"));
        let go = known_layout(Path::new("/opt/go/bin")).expect("a known layout");
        assert_eq!(go.root, Path::new("/opt/go"));
        assert_eq!(known_layout(Path::new("/opt/bin")), None);
    }
}
