//! A repository: objects and refs under its name among the blobs of a twin.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::object::{Entry, read_tree, write_tree};
use super::{Commit, DEPTH_MAX, FILES_MAX, GitError, Id, Kind, Object, Result, Tag};
use crate::State;

/// Tags of tags that are looked through.
const PEEL_MAX: usize = 16;

/// The shortest start of an object's name that is looked up.
const SHORT_MIN: usize = 4;

pub(crate) struct Repo<'a> {
    state: &'a mut State,
    objects: String,
    refs: String,
}

/// What becomes of a path: an object of a mode, or nothing.
pub(crate) type Edit = Option<(u32, Id)>;

/// A file of a tree, with its path.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) path: String,
    pub(crate) mode: u32,
    pub(crate) kind: Kind,
    pub(crate) id: Id,
}

impl<'a> Repo<'a> {
    /// The repository of this name; one that nothing was put in is empty.
    pub(crate) fn new(state: &'a mut State, name: &str) -> Self {
        Self { state, objects: format!("git/{name}/"), refs: format!("refs/{name}/") }
    }

    pub(crate) fn put(&mut self, object: &Object) -> Id {
        let id = object.id();
        let name = format!("{}{id}", self.objects);
        if self.state.blob(&name).is_none() {
            let mut canonical = object.header().into_bytes();
            canonical.extend_from_slice(&object.content);
            self.state.put_blob(&name, canonical.into());
        }
        id
    }

    pub(crate) fn has(&self, id: Id) -> bool {
        self.state.blob(&format!("{}{id}", self.objects)).is_some()
    }

    pub(crate) fn get(&self, id: Id) -> Result<Object> {
        let canonical = self.state.blob(&format!("{}{id}", self.objects));
        parsed(canonical.ok_or(GitError::Missing(id))?)
    }

    fn of_kind(&self, id: Id, kind: Kind) -> Result<Bytes> {
        let object = self.get(id)?;
        match object.kind == kind {
            true => Ok(object.content),
            false => Err(GitError::Kind { id, wanted: kind.name() }),
        }
    }

    pub(crate) fn blob(&self, id: Id) -> Result<Bytes> {
        self.of_kind(id, Kind::Blob)
    }

    pub(crate) fn commit(&self, id: Id) -> Result<Commit> {
        Commit::read(&self.of_kind(id, Kind::Commit)?)
    }

    pub(crate) fn tag(&self, id: Id) -> Result<Tag> {
        Tag::read(&self.of_kind(id, Kind::Tag)?)
    }

    pub(crate) fn tree(&self, id: Id) -> Result<BTreeMap<String, Entry>> {
        Ok(read_tree(&self.of_kind(id, Kind::Tree)?)?.into_iter().collect())
    }

    /// The empty tree where there is none.
    pub(crate) fn tree_or_empty(&self, id: Option<Id>) -> Result<BTreeMap<String, Entry>> {
        id.map_or_else(|| Ok(BTreeMap::new()), |id| self.tree(id))
    }

    /// Everything of a tree, with directories before what they hold; only its first level unless `deep`.
    pub(crate) fn listing(&self, tree: Id, deep: bool) -> Result<Vec<Found>> {
        let mut all = Vec::new();
        self.list(tree, "", deep, 0, &mut all)?;
        Ok(all)
    }

    fn list(
        &self,
        tree: Id,
        under: &str,
        deep: bool,
        depth: usize,
        all: &mut Vec<Found>,
    ) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(GitError::TooMuch { what: "nested directories", max: DEPTH_MAX });
        }
        for (name, entry) in read_tree(&self.of_kind(tree, Kind::Tree)?)? {
            let path = format!("{under}{name}");
            let (mode, kind, id) = (entry.mode, entry.kind(), entry.id);
            all.push(Found { path: path.clone(), mode, kind, id });
            if all.len() > FILES_MAX {
                return Err(GitError::TooMuch { what: "files", max: FILES_MAX });
            }
            if deep && entry.is_tree() {
                self.list(id, &format!("{path}/"), deep, depth + 1, all)?;
            }
        }
        Ok(())
    }

    /// What lies at a path below a tree.
    pub(crate) fn at(&self, tree: Id, path: &str) -> Result<Option<Entry>> {
        let mut entry = Entry { mode: Entry::TREE, id: tree };
        for name in path.split('/').filter(|name| !name.is_empty()).take(DEPTH_MAX) {
            if !entry.is_tree() {
                return Ok(None);
            }
            match self.tree(entry.id)?.remove(name) {
                Some(found) => entry = found,
                None => return Ok(None),
            }
        }
        Ok(Some(entry))
    }

    /// The tree `base` with these paths changed; `None` when nothing is left in it.
    pub(crate) fn edit(
        &mut self,
        base: Option<Id>,
        edits: &[(&str, Edit)],
        depth: usize,
    ) -> Result<Option<Id>> {
        if depth > DEPTH_MAX {
            return Err(GitError::TooMuch { what: "nested directories", max: DEPTH_MAX });
        }
        let mut entries = self.tree_or_empty(base)?;
        let mut below: BTreeMap<&str, Vec<(&str, Edit)>> = BTreeMap::new();
        for (path, edit) in edits {
            let (name, rest) = path.split_once('/').map_or((*path, None), |(a, b)| (a, Some(b)));
            if matches!(name, "" | "." | ".." | ".git") || name.contains('\0') {
                return Err(GitError::Path((*path).to_owned()));
            }
            match (rest, edit) {
                (Some(rest), edit) => below.entry(name).or_default().push((rest, *edit)),
                (None, Some((mode, id))) => {
                    entries.insert(name.to_owned(), Entry { mode: *mode, id: *id });
                }
                (None, None) => drop(entries.remove(name)),
            }
        }
        for (name, edits) in below {
            let under = entries.get(name).filter(|entry| entry.is_tree()).map(|entry| entry.id);
            match self.edit(under, &edits, depth + 1)? {
                Some(id) => {
                    entries.insert(name.to_owned(), Entry { mode: Entry::TREE, id });
                }
                // A file in the place of the directory stays when nothing was put below it.
                None if under.is_some() => drop(entries.remove(name)),
                None => {}
            }
        }
        Ok((!entries.is_empty()).then(|| self.put(&write_tree(entries.iter()))))
    }

    pub(crate) fn put_tree(&mut self, entries: &BTreeMap<String, Entry>) -> Id {
        self.put(&write_tree(entries.iter()))
    }

    /// What a ref of this whole name points at.
    pub(crate) fn read_ref(&self, name: &str) -> Option<Id> {
        let text = self.state.blob(&format!("{}{name}", self.refs))?;
        Id::parse(std::str::from_utf8(text).ok()?)
    }

    /// Lets a ref point elsewhere; nowhere forgets it.
    pub(crate) fn set_ref(&mut self, name: &str, to: Option<Id>) {
        let key = format!("{}{name}", self.refs);
        match to {
            Some(id) => self.state.put_blob(&key, id.to_string().into()),
            None => drop(self.state.remove_blob(&key)),
        }
    }

    /// The refs whose names begin so, by name.
    pub(crate) fn refs(&self, prefix: &str) -> Vec<(String, Id)> {
        let from = format!("{}{prefix}", self.refs);
        let pair = |(name, text): (&str, &Bytes)| {
            let id = Id::parse(std::str::from_utf8(text).ok()?)?;
            Some((name[self.refs.len()..].to_owned(), id))
        };
        self.state.blobs(&from).filter_map(pair).collect()
    }

    /// The object behind any number of tags.
    pub(crate) fn peel(&self, mut id: Id) -> Result<Id> {
        for _ in 0..PEEL_MAX {
            match self.get(id)?.kind {
                Kind::Tag => id = self.tag(id)?.object,
                _ => return Ok(id),
            }
        }
        Err(GitError::TooMuch { what: "tags of tags", max: PEEL_MAX })
    }

    /// The commit that a branch, a tag, a whole ref, or an object's name or its start means.
    pub(crate) fn resolve(&self, revision: &str) -> Option<Id> {
        let names = [
            format!("refs/heads/{revision}"),
            format!("refs/tags/{revision}"),
            revision.to_owned(),
            format!("refs/{revision}"),
        ];
        let named = names.iter().find_map(|name| self.read_ref(name));
        let whole = || Id::parse(revision).filter(|id| self.has(*id));
        let found = named.or_else(whole).or_else(|| self.short(revision))?;
        let commit = self.peel(found).ok()?;
        (self.get(commit).ok()?.kind == Kind::Commit).then_some(commit)
    }

    /// The one object whose name begins so.
    fn short(&self, start: &str) -> Option<Id> {
        if start.len() < SHORT_MIN || !start.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let prefix = format!("{}{}", self.objects, start.to_ascii_lowercase());
        let mut found = self.state.blobs(&prefix).map(|(name, _)| &name[self.objects.len()..]);
        let only = Id::parse(found.next()?)?;
        found.next().is_none().then_some(only)
    }

    /// Copies everything of another repository that this one has not.
    pub(crate) fn take_all(&mut self, other: &str) {
        let from = format!("git/{other}/");
        let all: Vec<(String, Bytes)> =
            self.state.blobs(&from).map(|(name, bytes)| (name.to_owned(), bytes.clone())).collect();
        for (name, bytes) in all {
            let name = format!("{}{}", self.objects, &name[from.len()..]);
            self.state.put_blob(&name, bytes);
        }
    }

    /// Forgets the repository.
    pub(crate) fn forget(&mut self) {
        for prefix in [self.objects.clone(), self.refs.clone()] {
            let names: Vec<String> =
                self.state.blobs(&prefix).map(|(name, _)| name.to_owned()).collect();
            for name in names {
                self.state.remove_blob(&name);
            }
        }
    }
}

/// An object from its canonical form.
fn parsed(canonical: &Bytes) -> Result<Object> {
    const BAD: GitError = GitError::Malformed("an object");
    let end = canonical.iter().position(|byte| *byte == 0).ok_or(BAD)?;
    let header = std::str::from_utf8(&canonical[..end]).map_err(|_| BAD)?;
    let (kind, _) = header.split_once(' ').ok_or(BAD)?;
    let kind = Kind::read(kind).ok_or(BAD)?;
    Ok(Object { kind, content: canonical.slice(end + 1..) })
}
