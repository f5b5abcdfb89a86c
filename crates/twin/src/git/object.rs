//! The four kinds of objects and their canonical forms.

use std::fmt;

use bytes::Bytes;
use sha1::{Digest as _, Sha1};

use super::{FILES_MAX, GitError, Result};

/// The name of an object: the SHA-1 of its canonical form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(pub(crate) [u8; 20]);

impl Id {
    /// What stands for "no object" where refs change.
    pub(crate) const ZERO: Self = Self([0; 20]);

    pub(crate) fn parse(hex: &str) -> Option<Self> {
        let mut bytes = [0; 20];
        hex::decode_to_slice(hex, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    pub(crate) fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }

    pub(crate) fn read(name: &str) -> Option<Self> {
        [Self::Commit, Self::Tree, Self::Blob, Self::Tag]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// Its number in a pack.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Commit => 1,
            Self::Tree => 2,
            Self::Blob => 3,
            Self::Tag => 4,
        }
    }
}

/// An object, whole.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    pub(crate) content: Bytes,
}

impl Object {
    pub(crate) fn new(kind: Kind, content: impl Into<Bytes>) -> Self {
        Self { kind, content: content.into() }
    }

    pub(crate) fn id(&self) -> Id {
        let mut hash = Sha1::new();
        hash.update(self.header());
        hash.update(&self.content);
        Id(hash.finalize().into())
    }

    /// `blob 5` and a zero byte.
    pub(super) fn header(&self) -> String {
        format!("{} {}\0", self.kind.name(), self.content.len())
    }
}

/// One line of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) mode: u32,
    pub(crate) id: Id,
}

impl Entry {
    pub(crate) const TREE: u32 = 0o040_000;
    pub(crate) const SUBMODULE: u32 = 0o160_000;

    pub(crate) fn is_tree(&self) -> bool {
        self.mode == Self::TREE
    }

    /// What the entry points at.
    pub(crate) fn kind(&self) -> Kind {
        match self.mode {
            Self::TREE => Kind::Tree,
            Self::SUBMODULE => Kind::Commit,
            _ => Kind::Blob,
        }
    }
}

/// The lines of a tree, with their names.
pub(crate) fn read_tree(mut content: &[u8]) -> Result<Vec<(String, Entry)>> {
    const BAD: GitError = GitError::Malformed("a tree");
    let mut entries = Vec::new();
    while !content.is_empty() {
        let space = content.iter().position(|byte| *byte == b' ').ok_or(BAD)?;
        let end = content.iter().position(|byte| *byte == 0).ok_or(BAD)?;
        if end < space || content.len() < end + 21 {
            return Err(BAD);
        }
        let mode = std::str::from_utf8(&content[..space]).map_err(|_| BAD)?;
        let mode = u32::from_str_radix(mode, 8).map_err(|_| BAD)?;
        let name = std::str::from_utf8(&content[space + 1..end])
            .map_err(|_| GitError::Malformed("a file name that is no UTF-8"))?;
        let id: [u8; 20] = content[end + 1..end + 21].try_into().map_err(|_| BAD)?;
        entries.push((name.to_owned(), Entry { mode, id: Id(id) }));
        if entries.len() > FILES_MAX {
            return Err(GitError::TooMuch { what: "files in a tree", max: FILES_MAX });
        }
        content = &content[end + 21..];
    }
    Ok(entries)
}

/// A tree of these lines: git sorts directories as if their names ended in a slash.
pub(crate) fn write_tree<'a>(entries: impl Iterator<Item = (&'a String, &'a Entry)>) -> Object {
    let mut sorted: Vec<(String, &String, &Entry)> = entries
        .map(|(name, entry)| {
            let slash = if entry.is_tree() { "/" } else { "" };
            (format!("{name}{slash}"), name, entry)
        })
        .collect();
    sorted.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let mut content = Vec::new();
    for (_, name, entry) in sorted {
        content.extend_from_slice(format!("{:o} {name}\0", entry.mode).as_bytes());
        content.extend_from_slice(&entry.id.0);
    }
    Object::new(Kind::Tree, content)
}

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) seconds: i64,
    /// `+0100`.
    pub(crate) offset: String,
}

impl Person {
    fn read(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once('<')?;
        let (email, rest) = rest.split_once('>')?;
        let (seconds, offset) = rest.trim().split_once(' ')?;
        let [name, email, offset] = [name.trim(), email, offset].map(str::to_owned);
        Some(Self { name, email, seconds: seconds.parse().ok()?, offset })
    }

    fn write(&self) -> String {
        // What would end the line or the field is left out, as git does.
        let clean = |text: &str| text.replace(['<', '>', '\n', '\0'], "");
        let (name, email) = (clean(&self.name), clean(&self.email));
        format!("{name} <{email}> {} {}", self.seconds, self.offset)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) tree: Id,
    pub(crate) parents: Vec<Id>,
    pub(crate) author: Person,
    pub(crate) committer: Person,
    pub(crate) message: String,
    /// The text of `gpgsig`, and what it signs, where there is one.
    pub(crate) signature: Option<String>,
}

impl Commit {
    pub(crate) fn read(content: &[u8]) -> Result<Self> {
        const BAD: GitError = GitError::Malformed("a commit");
        let text = String::from_utf8_lossy(content);
        let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
        let (mut tree, mut parents, mut people, mut signature) =
            (None, Vec::new(), [None, None], None);
        for line in headers(head) {
            let (name, value) = line.split_once(' ').unwrap_or((&line, ""));
            match name {
                "tree" => tree = Id::parse(value),
                "parent" => parents.push(Id::parse(value).ok_or(BAD)?),
                "author" => people[0] = Person::read(value),
                "committer" => people[1] = Person::read(value),
                "gpgsig" => signature = Some(value.to_owned()),
                _ => {}
            }
        }
        let [Some(author), Some(committer)] = people else { return Err(BAD) };
        let (tree, message) = (tree.ok_or(BAD)?, message.to_owned());
        Ok(Self { tree, parents, author, committer, message, signature })
    }

    pub(crate) fn write(&self) -> Object {
        let mut text = format!("tree {}\n", self.tree);
        for parent in &self.parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        text.push_str(&format!("author {}\n", self.author.write()));
        text.push_str(&format!("committer {}\n", self.committer.write()));
        if let Some(signature) = &self.signature {
            text.push_str(&format!("gpgsig {}\n", signature.trim_end().replace('\n', "\n ")));
        }
        text.push('\n');
        text.push_str(&self.message.replace('\0', ""));
        Object::new(Kind::Commit, text)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Tag {
    pub(crate) object: Id,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) tagger: Option<Person>,
    pub(crate) message: String,
}

impl Tag {
    pub(crate) fn read(content: &[u8]) -> Result<Self> {
        const BAD: GitError = GitError::Malformed("a tag");
        let text = String::from_utf8_lossy(content);
        let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
        let (mut object, mut kind, mut name, mut tagger) = (None, None, None, None);
        for line in headers(head) {
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("object", value) => object = Id::parse(value),
                ("type", value) => kind = Kind::read(value),
                ("tag", value) => name = Some(value.to_owned()),
                ("tagger", value) => tagger = Person::read(value),
                _ => {}
            }
        }
        let (Some(object), Some(kind), Some(name)) = (object, kind, name) else { return Err(BAD) };
        Ok(Self { object, kind, name, tagger, message: message.to_owned() })
    }

    pub(crate) fn write(&self) -> Object {
        let name = self.name.replace(['\n', '\0'], "");
        let mut text = format!("object {}\ntype {}\ntag {name}\n", self.object, self.kind.name());
        if let Some(tagger) = &self.tagger {
            text.push_str(&format!("tagger {}\n", tagger.write()));
        }
        text.push('\n');
        text.push_str(&self.message.replace('\0', ""));
        Object::new(Kind::Tag, text)
    }
}

/// Header lines, those that go on in the next line (which then begins with a space) put together.
fn headers(head: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in head.split('\n') {
        match (line.strip_prefix(' '), lines.last_mut()) {
            (Some(more), Some(last)) => {
                last.push('\n');
                last.push_str(more);
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}
