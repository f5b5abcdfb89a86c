//! The Merkle tree of RFC 6962, section 2.1: leaf and node hashes, and the growing right edge.
//!
//! This module knows hashes and positions. It refuses to know what a leaf says and where nodes are
//! kept: whoever pushes a leaf is handed the perfect subtrees that it completed.
//!
//! Why not a crate: `ct-merkle` holds every leaf in memory and proves from there, and its present
//! version wants another `digest` than the rest of the workspace. What a stored log needs is the
//! frontier below and proofs that read a few stored hashes (`proof`), which is less code than an
//! adapter.

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash in the tree. Never the digest of a body: leaves and nodes are hashed under prefixes.
pub type Hash = [u8; 32];

/// The domain separators of RFC 6962, section 2.1: a node can never be passed off as a leaf.
const LEAF_PREFIX: u8 = 0;
const NODE_PREFIX: u8 = 1;

/// `SHA-256(0x00 || leaf)`.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([LEAF_PREFIX]).chain_update(leaf).finalize().into()
}

/// `SHA-256(0x01 || left || right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([NODE_PREFIX])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The hash of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root of adjacent perfect subtrees, the largest and leftmost first; `None` of none.
pub(crate) fn fold_peaks(peaks: &[Hash]) -> Option<Hash> {
    let (last, rest) = peaks.split_last()?;
    Some(rest.iter().rev().fold(*last, |right, left| node_hash(left, &right)))
}

/// A perfect subtree: `2^level` leaves, the first of them leaf `index * 2^level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) level: u32,
    pub(crate) index: u64,
}

/// The right edge of a tree: the roots of the perfect subtrees that its leaves fall into. It is all
/// that is needed to append and to know the root, in O(log n) space.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Frontier {
    size: u64,
    /// One for each bit that is set in `size`, the largest first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The edge of a tree of `size` leaves whose perfect subtrees have these roots.
    pub(crate) fn from_peaks(size: u64, peaks: Vec<Hash>) -> Self {
        assert_eq!(size.count_ones() as usize, peaks.len(), "one peak for each bit of the size");
        Self { size, peaks }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn root(&self) -> Hash {
        fold_peaks(&self.peaks).unwrap_or_else(empty_root)
    }

    /// Appends a leaf's hash; `completed` is told each perfect subtree of two leaves or more that
    /// the leaf completes, the smallest first.
    pub(crate) fn push(&mut self, leaf: Hash, mut completed: impl FnMut(Position, Hash)) {
        let mut hash = leaf;
        // Each trailing one of the old size is a peak of that level waiting for its right sibling.
        for level in 1..=self.size.trailing_ones() {
            let left = self.peaks.pop().expect("a peak for each bit of the size");
            hash = node_hash(&left, &hash);
            completed(Position { level, index: self.size >> level }, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }
}

/// The perfect subtrees that leaves `start..end` fall into, the largest first, when `start` is a
/// multiple of the largest (as every range in a proof is).
pub(crate) fn perfect_subtrees(start: u64, end: u64) -> Vec<Position> {
    let mut positions = Vec::new();
    let mut first = start;
    while first < end {
        let level = (end - first).ilog2();
        debug_assert_eq!(first % (1 << level), 0, "an aligned range");
        positions.push(Position { level, index: first >> level });
        first += 1 << level;
    }
    positions
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The leaves and roots of the Certificate Transparency reference implementation's own test.
    pub(crate) const LEAVES: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    pub(crate) const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn the_reference_trees_have_the_reference_roots() {
        let mut frontier = Frontier::default();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex::encode(frontier.root()), empty);
        for (leaf, root) in LEAVES.iter().zip(ROOTS) {
            frontier.push(leaf_hash(&hex::decode(leaf).unwrap()), |_, _| {});
            assert_eq!(hex::encode(frontier.root()), root, "size {}", frontier.size());
        }
    }

    #[test]
    fn each_perfect_subtree_is_told_once_when_it_is_complete() {
        let mut told = Vec::new();
        let mut frontier = Frontier::default();
        for leaf in 0..8u8 {
            frontier.push([leaf; 32], |position, _| told.push((position.level, position.index)));
        }
        assert_eq!(told, [(1, 0), (1, 1), (2, 0), (1, 2), (1, 3), (2, 1), (3, 0)]);
    }

    #[test]
    fn a_range_falls_into_the_subtrees_of_its_bits() {
        let positions = perfect_subtrees(8, 15);
        let pairs: Vec<_> = positions.iter().map(|p| (p.level, p.index)).collect();
        assert_eq!(pairs, [(2, 2), (1, 6), (0, 14)]);
        assert!(perfect_subtrees(8, 8).is_empty());
    }
}
