//! Makes a factory directory: configuration, keys, a product repository, a working example.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use ledger::{KeyError, Ledger, LedgerError, LedgerKey};
use ship::{Git, GitError, ssh};

use crate::examples::Example;
use crate::layout::Layout;

/// What a new factory needs to know.
#[derive(Debug, Clone)]
pub struct Init {
    /// Names the ledger's origin and the author of commits.
    pub name: String,
    /// The owner's principal, an e-mail address.
    pub owner: String,
    /// The owner's public SSH key, if they have one.
    pub owner_key: Option<PathBuf>,
    /// What it comes with.
    pub example: &'static Example,
}

/// A factory could not be made; what was there before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("{0} is a factory already")]
    Exists(PathBuf),
    #[error("failed to write {path}")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("failed to draw a key: /dev/urandom cannot be read")]
    Random(#[source] std::io::Error),
    #[error(transparent)]
    Ssh(#[from] ssh::SshError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Makes a factory at `root`.
///
/// # Errors
/// When there is one already, or something cannot be written.
pub fn init(root: &Path, options: &Init) -> Result<Layout, InitError> {
    let layout = Layout::new(root);
    if layout.config().exists() {
        return Err(InitError::Exists(root.to_path_buf()));
    }
    for dir in [layout.trust(), layout.dark().join("keys"), layout.work(), layout.intents()] {
        make_dir(&dir)?;
    }
    fs::set_permissions(layout.dark(), std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .map_err(|source| InitError::Write { path: layout.dark(), source })?;
    keys(&layout, options)?;
    let example = options.example;
    product(&root.join(format!("products/{}.git", example.line)), options)?;
    for (path, content) in example.files {
        let content = content.replace("ada@example.com", &options.owner);
        write(&root.join(path), &content)?;
    }
    write(&root.join(".gitignore"), "/.dark/\n")?;
    // Last: a directory with a factory.toml is a factory.
    let config = include_str!("../templates/factory.toml")
        .replace("NAME", &options.name)
        .replace("LINE", example.line);
    write(&layout.config(), &config)?;
    Ok(layout)
}

fn keys(layout: &Layout, options: &Init) -> Result<(), InitError> {
    let mut random = [0; 32];
    let mut source = fs::File::open("/dev/urandom").map_err(InitError::Random)?;
    source.read_exact(&mut random).map_err(InitError::Random)?;
    let key = LedgerKey::generate(&options.name, random)?;
    if !layout.ledger_key().exists() {
        key.save(&layout.ledger_key())?;
        // An empty ledger: a new factory has no runs, which is no error.
        Ledger::open(&layout.ledger(), key.clone())?;
        write(&layout.evidence_key(), &format!("{}\n", key.verifier()))?;
        write(&layout.evidence_pem(), &key.public_pem())?;
    }
    if !layout.ship_key().exists() {
        ssh::generate(&layout.ship_key(), &format!("dark factory {}", options.name))?;
    }
    let public = read_key(&layout.ship_key().with_extension("pub"))?;
    let shipper = format!("factory@{}.invalid namespaces=\"git\" {public}\n", options.name);
    write(&layout.shippers(), &shipper)?;
    let mut people = String::from(
        "# Who may sign intents and answers here: one `address key` a line (ssh-keygen(1), ALLOWED\n\
         # SIGNERS). Whoever can write this file decides whom the factory trusts.\n",
    );
    if let Some(key) = &options.owner_key {
        people.push_str(&format!("{} {}\n", options.owner, read_key(key)?));
    }
    write(&layout.people(), &people)
}

fn read_key(path: &Path) -> Result<String, InitError> {
    ssh::public_key(path).map_err(|source| InitError::Write { path: path.to_path_buf(), source })
}

/// A bare repository for the example's product, with nothing in it but what it is.
fn product(path: &Path, options: &Init) -> Result<(), InitError> {
    if path.exists() {
        return Ok(());
    }
    make_dir(path)?;
    let git = Git::new(path)
        .env("GIT_AUTHOR_NAME", &options.owner)
        .env("GIT_AUTHOR_EMAIL", &options.owner)
        .env("GIT_COMMITTER_NAME", &options.owner)
        .env("GIT_COMMITTER_EMAIL", &options.owner);
    git.run(&["init", "--quiet", "--bare", "--initial-branch=main"])?;
    let readme = format!("# {}\n\nWhat a dark factory builds.\n", options.example.line);
    let blob = git.feed(&["hash-object", "-w", "--stdin"], readme.as_bytes())?;
    let blob = String::from_utf8_lossy(&blob).trim().to_owned();
    let entry = format!("100644 blob {blob}\tREADME.md\n");
    let tree = git.feed(&["mktree"], entry.as_bytes())?;
    let tree = String::from_utf8_lossy(&tree).trim().to_owned();
    let commit = git.line(&["commit-tree", "-m", "Begin", &tree])?;
    git.run(&["update-ref", "refs/heads/main", &commit])?;
    Ok(())
}

fn make_dir(path: &Path) -> Result<(), InitError> {
    fs::create_dir_all(path).map_err(|source| InitError::Write { path: path.to_path_buf(), source })
}

fn write(path: &Path, content: &str) -> Result<(), InitError> {
    if let Some(parent) = path.parent() {
        make_dir(parent)?;
    }
    fs::write(path, content).map_err(|source| InitError::Write { path: path.to_path_buf(), source })
}
