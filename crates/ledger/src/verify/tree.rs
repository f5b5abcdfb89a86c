//! Puts the leaves' hashes in order, and compares what they come to with what was stored and signed.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Findings, Tampering};
use super::scope::Scope;
use crate::Checkpoint;
use crate::rows::STORED_LEVELS;
use crate::tree::{Frontier, Hash};

pub(super) struct Assembly<'a> {
    scope: &'a Scope,
    frontier: Frontier,
    /// Blocks that came before their turn, by their first sequence.
    early: BTreeMap<u64, Vec<Hash>>,
    checkpoints: std::slice::Iter<'a, Checkpoint>,
    /// The next checkpoint that the tree will reach.
    next: Option<&'a Checkpoint>,
    confirmed: BTreeSet<(u32, u64)>,
}

impl<'a> Assembly<'a> {
    pub(super) fn new(scope: &'a Scope) -> Self {
        let mut checkpoints = scope.checkpoints.iter();
        let next = checkpoints.next();
        let (frontier, early, confirmed) = Default::default();
        Self { scope, frontier, early, checkpoints, next, confirmed }
    }

    /// Takes the hashes of the block that begins at `first`, in whatever order blocks come.
    pub(super) fn add(&mut self, first: u64, hashes: Vec<Hash>, findings: &mut Findings) {
        self.early.insert(first, hashes);
        while let Some(hashes) = self.early.remove(&self.frontier.size()) {
            for hash in hashes {
                self.check_roots(findings);
                self.push(hash, findings);
            }
        }
    }

    /// What can be said only at the end: of the head, and of what was left over.
    pub(super) fn finish(mut self, findings: &mut Findings) {
        self.check_roots(findings);
        let len = self.frontier.size();
        for Checkpoint { size, .. } in self.next.into_iter().chain(self.checkpoints) {
            findings.add(Tampering::Truncated { size: *size, len });
        }
        for (level, place) in self.scope.nodes.keys() {
            if !self.confirmed.contains(&(*level, *place)) {
                findings.add(Tampering::StrayHash { level: *level, place: *place });
            }
        }
    }

    fn push(&mut self, leaf: Hash, findings: &mut Findings) {
        let Self { scope, frontier, confirmed, .. } = self;
        frontier.push(leaf, |position, hash| {
            if position.level % STORED_LEVELS != 0 {
                return;
            }
            let key = (position.level, position.index);
            confirmed.insert(key);
            if scope.nodes.get(&key) != Some(&hash) {
                let first = position.index << position.level;
                let last = first + (1 << position.level) - 1;
                findings.add(Tampering::Subtree { first, last });
            }
        });
    }

    /// Compares the root with that of each checkpoint at the present size.
    fn check_roots(&mut self, findings: &mut Findings) {
        while let Some(Checkpoint { size, root, .. }) = self.next
            && *size == self.frontier.size()
        {
            if *root != self.frontier.root() {
                findings.add(Tampering::CheckpointRoot { size: *size });
            }
            self.next = self.checkpoints.next();
        }
    }
}
