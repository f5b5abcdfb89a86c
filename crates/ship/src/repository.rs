//! A line's product repository, through a bare mirror of our own: builds become trees and commits
//! there, and the product's branch moves only by compare-and-swap.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base::Timestamp;

use crate::git::{Git, GitError, ObjectId};

/// A product whose text does not fit a builder's context many times over is not what this is for;
/// the bound keeps one mistake (a checked-in data set) from filling memory.
const TREE_BYTES_MAX: u64 = 64 << 20;
/// As for bytes: enough for any product that a line builds, small enough to list.
const TREE_FILES_MAX: usize = 20_000;

/// A product repository cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    #[error(
        "there is no git repository at {0}: make one (`git init --bare {0}`) or correct `repo` in factory.toml"
    )]
    Missing(String),
    #[error(
        "{path} has uncommitted changes, which shipping would lose ({first}): commit or stash them"
    )]
    Dirty { path: String, first: String },
    #[error("the product is too large: more than {files} files or {bytes} bytes")]
    TooLarge { files: usize, bytes: u64 },
    #[error("`{path}` is a {what}, which a product may not contain")]
    Forbidden { path: String, what: &'static str },
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("failed to write the product's files at {path}")]
    Write { path: String, source: std::io::Error },
}

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub executable: bool,
    pub content: Vec<u8>,
}

/// Files by path.
pub type Tree = BTreeMap<String, File>;

/// What a commit is made of. The same parts give the same commit, on any machine, any number of
/// times: that is what makes shipping safe to repeat.
#[derive(Debug)]
pub struct Commit<'a> {
    pub parent: Option<&'a ObjectId>,
    pub tree: &'a ObjectId,
    pub message: &'a str,
    pub time: Timestamp,
    /// `Name <address>` of author and committer.
    pub author: (&'a str, &'a str),
    /// The private SSH key that signs it.
    pub key: &'a Path,
}

/// What became of a landing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landed {
    /// The branch moved from the parent to the commit.
    Now,
    /// The commit was there already: an earlier attempt had landed it.
    Already,
    /// The branch is no longer at the parent; nothing moved.
    Diverged { found: Option<ObjectId> },
}

/// A product repository and our mirror of it.
#[derive(Debug, Clone)]
pub struct Repository {
    mirror: Git,
    remote: String,
    branch: String,
}

impl Repository {
    /// Opens the repository at `remote` (a path or a URL), mirrored at `mirror`, which is made when
    /// it is not there.
    ///
    /// # Errors
    /// When there is no such repository, or its working tree has uncommitted changes.
    pub fn open(mirror: &Path, remote: &str, branch: &str) -> Result<Self, RepositoryError> {
        if !mirror.join("HEAD").exists() {
            std::fs::create_dir_all(mirror).map_err(|source| write_error(mirror, source))?;
            Git::new(mirror).run(&["init", "--quiet", "--bare"])?;
        }
        let repository =
            Self { mirror: Git::new(mirror), remote: remote.to_owned(), branch: branch.to_owned() };
        repository.refuse_unfit()?;
        Ok(repository)
    }

    fn refuse_unfit(&self) -> Result<(), RepositoryError> {
        if !self.mirror.try_run(&["ls-remote", "--quiet", &self.remote, "HEAD"])?.ok {
            return Err(RepositoryError::Missing(self.remote.clone()));
        }
        // A remote that is a local working tree: shipping updates its files, too.
        if Path::new(&self.remote).join(".git").exists() {
            let changes = Git::new(&self.remote).line(&["status", "--porcelain", "-uno"])?;
            if let Some(first) = changes.lines().next() {
                let path = self.remote.clone();
                return Err(RepositoryError::Dirty { path, first: first.trim().to_owned() });
            }
        }
        Ok(())
    }

    /// The mirror, for looking things up in.
    pub fn mirror(&self) -> &Git {
        &self.mirror
    }

    /// The branch that ships.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// Where the product lives, as the factory's configuration names it.
    pub fn remote(&self) -> &str {
        &self.remote
    }

    /// Fetches the branch and gives its tip; `None` while nothing was ever committed to it.
    ///
    /// # Errors
    /// When git fails.
    pub fn fetch(&self) -> Result<Option<ObjectId>, RepositoryError> {
        let reference = format!("refs/heads/{}", self.branch);
        let listed = self.mirror.line(&["ls-remote", &self.remote, &reference])?;
        let Some(tip) = listed.split_whitespace().next() else { return Ok(None) };
        let refspec = format!("+{reference}:refs/dark/upstream/{}", self.branch);
        self.mirror.run(&["fetch", "--quiet", "--no-tags", &self.remote, &refspec])?;
        Ok(Some(tip.parse()?))
    }

    /// Whether the mirror has this object.
    ///
    /// # Errors
    /// When git could not be run.
    pub fn has(&self, object: &str) -> Result<bool, RepositoryError> {
        Ok(self.mirror.try_run(&["cat-file", "-e", object])?.ok)
    }

    /// Writes the tree that `base` (a commit) becomes with `files` laid over it; files that exist
    /// keep their mode.
    ///
    /// # Errors
    /// When git fails.
    pub fn write_tree(
        &self,
        base: Option<&ObjectId>,
        files: &BTreeMap<String, String>,
    ) -> Result<ObjectId, RepositoryError> {
        let files = files.iter().map(|(path, text)| (path.as_str(), text.as_bytes(), None));
        self.write_over(base, files)
    }

    /// Writes a whole product as a tree.
    ///
    /// # Errors
    /// When git fails.
    pub fn write_product(&self, product: &Tree) -> Result<ObjectId, RepositoryError> {
        let files = product
            .iter()
            .map(|(path, file)| (path.as_str(), file.content.as_slice(), Some(file.executable)));
        self.write_over(None, files)
    }

    /// `(path, content, executable)`; without a word on the mode, a file keeps the one that it has.
    fn write_over<'f>(
        &self,
        base: Option<&ObjectId>,
        files: impl Iterator<Item = (&'f str, &'f [u8], Option<bool>)>,
    ) -> Result<ObjectId, RepositoryError> {
        let index = tempfile::tempdir();
        let index = index.map_err(|source| write_error(&std::env::temp_dir(), source))?;
        let git = self.mirror.clone().env("GIT_INDEX_FILE", index.path().join("index"));
        if let Some(base) = base {
            git.run(&["read-tree", base.as_str()])?;
        }
        let mut lines = Vec::new();
        for (path, content, executable) in files {
            let blob = git.feed(&["hash-object", "-w", "--stdin"], content)?;
            let executable = match executable {
                Some(executable) => executable,
                None => git.line(&["ls-files", "--stage", "--", path])?.starts_with("100755"),
            };
            let mode = if executable { "100755" } else { "100644" };
            let blob = String::from_utf8_lossy(&blob);
            lines.extend_from_slice(format!("{mode} {}\t{path}\0", blob.trim()).as_bytes());
        }
        git.feed(&["update-index", "-z", "--index-info"], &lines)?;
        Ok(git.line(&["write-tree"])?.parse()?)
    }

    /// All files of a tree or commit.
    ///
    /// # Errors
    /// When it holds a link or a submodule, or is too large.
    pub fn read(&self, treeish: &ObjectId) -> Result<Tree, RepositoryError> {
        let listed = self.mirror.run(&["ls-tree", "-r", "-z", "--long", treeish.as_str()])?;
        let mut tree = Tree::new();
        let mut wanted = Vec::new();
        let mut bytes = 0;
        for line in String::from_utf8_lossy(&listed).split_terminator('\0') {
            let (head, path) = line.split_once('\t').expect("ls-tree puts a tab before the path");
            let fields: Vec<&str> = head.split_whitespace().collect();
            let forbid = |what| Err(RepositoryError::Forbidden { path: path.to_owned(), what });
            match fields[0] {
                "120000" => return forbid("symbolic link"),
                "160000" => return forbid("submodule"),
                _ => {}
            }
            bytes += fields[3].parse::<u64>().unwrap_or(0);
            wanted.push((path.to_owned(), fields[0] == "100755", fields[2].to_owned()));
            if bytes > TREE_BYTES_MAX || wanted.len() > TREE_FILES_MAX {
                return Err(RepositoryError::TooLarge {
                    files: TREE_FILES_MAX,
                    bytes: TREE_BYTES_MAX,
                });
            }
        }
        let names: String = wanted.iter().map(|(_, _, blob)| format!("{blob}\n")).collect();
        let batch = self.mirror.feed(&["cat-file", "--batch"], names.as_bytes())?;
        let mut rest = &batch[..];
        for (path, executable, _) in wanted {
            let (content, after) = next_blob(rest).expect("cat-file answers each name in order");
            tree.insert(path, File { executable, content: content.to_vec() });
            rest = after;
        }
        Ok(tree)
    }

    /// Writes a tree's files into `dir`, byte by byte as committed: no attribute of the product can
    /// leave a file out or change it.
    ///
    /// # Errors
    /// As [`Repository::read`], or when writing fails.
    pub fn export(&self, treeish: &ObjectId, dir: &Path) -> Result<(), RepositoryError> {
        for (path, file) in self.read(treeish)? {
            let target = dir.join(&path);
            let parent = target.parent().expect("a file of a tree lies in a directory");
            std::fs::create_dir_all(parent)
                .and_then(|()| std::fs::write(&target, &file.content))
                .and_then(|()| {
                    let mode = if file.executable { 0o755 } else { 0o644 };
                    std::fs::set_permissions(&target, PermissionsExt::from_mode(mode))
                })
                .map_err(|source| write_error(&target, source))?;
        }
        Ok(())
    }

    /// Makes the commit, signed; it is not on any branch yet.
    ///
    /// # Errors
    /// When git or the key fails.
    pub fn commit(&self, commit: &Commit<'_>) -> Result<ObjectId, RepositoryError> {
        let date = format!("@{} +0000", commit.time.seconds());
        let (name, address) = commit.author;
        let git = self
            .mirror
            .clone()
            .env("GIT_AUTHOR_NAME", name)
            .env("GIT_AUTHOR_EMAIL", address)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_NAME", name)
            .env("GIT_COMMITTER_EMAIL", address)
            .env("GIT_COMMITTER_DATE", &date);
        let key = format!("user.signingkey={}", commit.key.display());
        let mut args = vec!["-c", "gpg.format=ssh", "-c", &key, "commit-tree", "-S", "-F", "-"];
        if let Some(parent) = commit.parent {
            args.extend(["-p", parent.as_str()]);
        }
        args.push(commit.tree.as_str());
        let id = git.feed(&args, commit.message.as_bytes())?;
        Ok(String::from_utf8_lossy(&id).trim().parse()?)
    }

    /// Makes the annotated tag `name` on `commit`, carrying `message`.
    ///
    /// # Errors
    /// When git fails.
    pub fn tag(
        &self,
        name: &str,
        commit: &ObjectId,
        message: &str,
        tagger: (&str, &str),
        time: Timestamp,
    ) -> Result<ObjectId, RepositoryError> {
        let (who, address) = tagger;
        let text = format!(
            "object {commit}\ntype commit\ntag {name}\ntagger {who} <{address}> {} +0000\n\n{message}",
            time.seconds()
        );
        let id = self.mirror.feed(&["mktag"], text.as_bytes())?;
        Ok(String::from_utf8_lossy(&id).trim().parse()?)
    }

    /// Moves the branch from `parent` to `commit` and publishes `tag` with it: both or neither, and
    /// only if the branch still is where the build began.
    ///
    /// # Errors
    /// When git fails for another reason than a branch that moved.
    pub fn land(
        &self,
        parent: Option<&ObjectId>,
        commit: &ObjectId,
        tag: (&str, &ObjectId),
    ) -> Result<Landed, RepositoryError> {
        let tip = self.fetch()?;
        if let Some(tip) = &tip {
            let args = ["merge-base", "--is-ancestor", commit.as_str(), tip.as_str()];
            if self.mirror.try_run(&args)?.ok {
                return Ok(Landed::Already);
            }
        }
        if tip.as_ref() != parent {
            return Ok(Landed::Diverged { found: tip });
        }
        let reference = format!("refs/heads/{}", self.branch);
        let expected = parent.map_or("", ObjectId::as_str);
        let lease = format!("--force-with-lease={reference}:{expected}");
        let (tag_name, tag_id) = tag;
        let branch_spec = format!("{commit}:{reference}");
        let tag_spec = format!("{tag_id}:refs/tags/{tag_name}");
        let pushed = self.mirror.try_run(&[
            "push",
            "--quiet",
            "--atomic",
            // A checked-out branch follows only when its working tree is clean.
            "--receive-pack=git -c receive.denyCurrentBranch=updateInstead receive-pack",
            &lease,
            &self.remote,
            &branch_spec,
            &tag_spec,
        ])?;
        if pushed.ok {
            // The mirror's own view of the branch, which lines are traced by.
            self.fetch()?;
            return Ok(Landed::Now);
        }
        let found = self.fetch()?;
        if found.as_ref() != parent {
            return Ok(Landed::Diverged { found });
        }
        Err(RepositoryError::Git(GitError::Failed {
            command: "push".to_owned(),
            dir: self.remote.clone(),
            reason: pushed.stderr.trim().replace('\n', "; "),
        }))
    }
}

/// The next answer of `git cat-file --batch`, and what follows it.
fn next_blob(batch: &[u8]) -> Option<(&[u8], &[u8])> {
    let newline = batch.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&batch[..newline]).ok()?;
    let size: usize = head.rsplit(' ').next()?.parse().ok()?;
    let content = batch.get(newline + 1..newline + 1 + size)?;
    Some((content, batch.get(newline + 2 + size..)?))
}

fn write_error(path: &Path, source: std::io::Error) -> RepositoryError {
    RepositoryError::Write { path: PathBuf::from(path).display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        dir: tempfile::TempDir,
        repository: Repository,
    }

    fn world() -> World {
        let dir = tempfile::tempdir().unwrap();
        let remote = dir.path().join("product.git");
        std::fs::create_dir(&remote).unwrap();
        Git::new(&remote).run(&["init", "--quiet", "--bare", "--initial-branch=main"]).unwrap();
        crate::ssh::generate(&dir.path().join("key"), "factory").unwrap();
        let remote = remote.display().to_string();
        let repository = Repository::open(&dir.path().join("mirror"), &remote, "main").unwrap();
        World { dir, repository }
    }

    impl World {
        fn build(&self, parent: Option<&ObjectId>, content: &str) -> ObjectId {
            let files = BTreeMap::from([("a/b.txt".to_owned(), content.to_owned())]);
            let tree = self.repository.write_tree(parent, &files).unwrap();
            let commit = Commit {
                parent,
                tree: &tree,
                message: "Build\n",
                time: Timestamp(1_700_000_000_000),
                author: ("Factory", "factory@example.com"),
                key: &self.dir.path().join("key"),
            };
            self.repository.commit(&commit).unwrap()
        }

        fn land(&self, parent: Option<&ObjectId>, commit: &ObjectId, tag: &str) -> Landed {
            let time = Timestamp(1_700_000_000_000);
            let id = self.repository.tag(tag, commit, "evidence\n", ("F", "f@e"), time).unwrap();
            self.repository.land(parent, commit, (tag, &id)).unwrap()
        }
    }

    #[test]
    fn landing_is_compare_and_swap_and_safe_to_repeat() {
        let world = world();
        let first = world.build(None, "one\n");
        assert_eq!(world.build(None, "one\n"), first, "the same build is the same commit");
        assert_eq!(world.land(None, &first, "dark/x-1"), Landed::Now);
        assert_eq!(world.land(None, &first, "dark/x-1"), Landed::Already);

        let second = world.build(Some(&first), "two\n");
        let rival = world.build(Some(&first), "three\n");
        assert_eq!(world.land(Some(&first), &second, "dark/x-2"), Landed::Now);
        let late = world.land(Some(&first), &rival, "dark/x-3");
        assert_eq!(late, Landed::Diverged { found: Some(second.clone()) });
        assert_eq!(world.land(Some(&first), &second, "dark/x-2"), Landed::Already);
        let tags = Git::new(world.repository.remote()).line(&["tag", "--list"]).unwrap();
        assert_eq!(tags, "dark/x-1\ndark/x-2", "a refused landing leaves no tag");
    }

    #[test]
    fn what_is_read_and_exported_is_what_was_committed() {
        let world = world();
        let first = world.build(None, "one\n");
        let tree = world.repository.read(&first).unwrap();
        assert_eq!(tree["a/b.txt"].content, b"one\n");
        let out = world.dir.path().join("out");
        world.repository.export(&first, &out).unwrap();
        assert_eq!(std::fs::read(out.join("a/b.txt")).unwrap(), b"one\n");
    }

    #[test]
    fn attributes_of_the_product_hide_nothing_from_an_export() {
        let world = world();
        let files = BTreeMap::from([
            (".gitattributes".to_owned(), "* export-ignore\n*.txt eol=crlf\n".to_owned()),
            ("x.txt".to_owned(), "line\n".to_owned()),
        ]);
        let tree = world.repository.write_tree(None, &files).unwrap();
        let out = world.dir.path().join("out");
        world.repository.export(&tree, &out).unwrap();
        assert_eq!(std::fs::read(out.join("x.txt")).unwrap(), b"line\n");
    }

    #[test]
    fn a_missing_and_a_dirty_repository_are_refused() {
        let world = world();
        let mirror = world.dir.path().join("mirror2");
        let missing = Repository::open(&mirror, "/nowhere/product", "main").unwrap_err();
        assert!(matches!(missing, RepositoryError::Missing(_)), "{missing}");

        let first = world.build(None, "one\n");
        world.land(None, &first, "dark/x-1");
        let clone = world.dir.path().join("clone");
        let remote = world.repository.remote();
        Git::new(world.dir.path()).run(&["clone", "--quiet", remote, "clone"]).unwrap();
        std::fs::write(clone.join("a/b.txt"), "changed\n").unwrap();
        let dirty = Repository::open(&mirror, &clone.display().to_string(), "main").unwrap_err();
        assert!(dirty.to_string().contains("a/b.txt"), "{dirty}");
    }
}
