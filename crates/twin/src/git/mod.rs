//! Git: objects named by the digest of their canonical form, refs, packs, the smart HTTP protocol, histories,
//! differences and merges, all over the blobs of a twin's [`State`](crate::State).
//!
//! It refuses to know services and their rules: who may push what is a pack's business. Everything that
//! comes from outside is bounded in size and number, and nothing here runs the `git` program.

mod diff;
mod merge;
mod object;
mod pack;
mod store;
mod walk;
mod wire;

pub(crate) use diff::{FileDiff, files, unified};
pub(crate) use merge::merge_commits;
pub(crate) use object::{Commit, Id, Kind, Object, Person, Tag};
pub(crate) use store::{Edit, Repo};
pub(crate) use walk::{History, ahead, history, is_ancestor, merge_base};
pub(crate) use wire::{Command, Push, advertise, read_push, report, upload_pack};

/// One object, unpacked: what the real service takes.
const OBJECT_BYTES_MAX: usize = 100 << 20;

/// All objects of one pack, unpacked: a universe is held in memory.
const PACK_BYTES_MAX: usize = 512 << 20;

/// Objects of one pack.
const PACK_OBJECTS_MAX: usize = 200_000;

/// Commits that one question about a history looks at.
const COMMITS_MAX: usize = 100_000;

/// How deep directories may nest: a path of 4,096 bytes nests no deeper than this in practice.
const DEPTH_MAX: usize = 128;

/// Files of one tree with everything below it.
const FILES_MAX: usize = 100_000;

/// Why something cannot be read from, or done to, a repository.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("{0} is malformed")]
    Malformed(&'static str),
    #[error("no object {0}")]
    Missing(Id),
    #[error("object {id} is no {wanted}")]
    Kind { id: Id, wanted: &'static str },
    #[error("more than {max} {what}")]
    TooMuch { what: &'static str, max: usize },
    #[error("`{0}` is no path of a file")]
    Path(String),
}

type Result<T, E = GitError> = std::result::Result<T, E>;
