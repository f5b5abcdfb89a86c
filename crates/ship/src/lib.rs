//! Ship: what was proven becomes a signed commit on the product's branch, with its evidence.
//!
//! This crate moves branches and makes signatures; it refuses to know why something may ship. That
//! was decided before, and the caller shows it.

pub mod git;
mod repository;
pub mod ssh;

pub use git::{Git, GitError, ObjectId};
pub use repository::{Commit, File, Landed, Repository, RepositoryError, Tree};
