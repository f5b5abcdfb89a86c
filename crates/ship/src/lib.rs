//! Ship: what was proven becomes a signed commit on the product's branch, with its evidence.
//!
//! This crate moves branches, makes signatures and verifies them; it refuses to know why something
//! may ship. That was decided before, and the caller shows it.

mod beside;
mod evidence;
pub mod git;
mod repository;
pub mod ssh;
mod verify;

pub use beside::{Beside, beside};
pub use evidence::{BUILD_TYPE, Evidence, Facts, tag_name};
pub use git::{Git, GitError, ObjectId};
pub use repository::{Commit, File, Landed, Repository, RepositoryError, Tree};
pub use verify::{Check, Shipped, Trust, VerifyError, verify_shipped};
