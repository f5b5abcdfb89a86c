//! Inclusion and consistency proofs: RFC 6962, sections 2.1.1 and 2.1.2, verified as RFC 9162,
//! sections 2.1.3.2 and 2.1.4.2, tell it.
//!
//! Proving needs only somebody who knows the hashes of perfect subtrees; verifying needs nothing but
//! the proof. This module refuses to know where hashes are kept.

use crate::tree::{Hash, Position, fold_peaks, node_hash, perfect_subtrees};

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf lies outside the tree, or the older tree is larger than the newer.
    #[error("the proof is for a place outside the tree")]
    Outside,
    /// The proof has more or fewer hashes than the sizes demand.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the root")]
    Root,
}

/// The hashes that lead from leaf `index` to the root of the first `size` leaves, the leaf's sibling
/// first. `node` knows the hashes of perfect subtrees. The caller has checked `index < size`.
pub(crate) fn prove_inclusion<E>(
    index: u64,
    size: u64,
    node: &mut impl FnMut(Position) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    // Halves at each step: at most 64 rounds.
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range_hash(middle, end, node)?);
            end = middle;
        } else {
            path.push(range_hash(start, middle, node)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The hashes that show that the first `old` leaves of a tree of `new` leaves are the old tree.
/// Empty when the sizes are equal or the old tree is empty. The caller has checked `old <= new`.
pub(crate) fn prove_consistency<E>(
    old: u64,
    new: u64,
    node: &mut impl FnMut(Position) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut path = Vec::new();
    if old == 0 {
        return Ok(path);
    }
    let (mut start, mut end) = (0, new);
    // While the old tree ends inside `start..end`: at most 64 rounds.
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(range_hash(middle, end, node)?);
            end = middle;
        } else {
            path.push(range_hash(start, middle, node)?);
            start = middle;
        }
    }
    // A subtree that begins at leaf 0 is the old root itself, which the verifier already has.
    if start != 0 {
        path.push(range_hash(start, end, node)?);
    }
    path.reverse();
    Ok(path)
}

/// Checks that the leaf with this hash is leaf `index` of the tree of `size` leaves under `root`.
///
/// # Errors
/// When it is not, or the proof is no proof of that.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Outside);
    }
    let (mut place, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    match last {
        0 if hash == *root => Ok(()),
        0 => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// Checks that the tree of `new` leaves under `new_root` begins with the `old` leaves under `old_root`.
///
/// # Errors
/// When it does not, or the proof is no proof of that.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Outside);
    }
    if old == new || old == 0 {
        let same = if old == new { old_root == new_root } else { *old_root == crate::empty_root() };
        return match (path.is_empty(), same) {
            (false, _) => Err(ProofError::Length),
            (true, false) => Err(ProofError::Root),
            (true, true) => Ok(()),
        };
    }
    // A whole old tree is its own first hash, and is left out of the proof.
    let whole = old.is_power_of_two().then_some(*old_root);
    let mut hashes = whole.into_iter().chain(path.iter().copied());
    let first = hashes.next().ok_or(ProofError::Length)?;
    let (mut place, mut last) = (old - 1, new - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in hashes {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if place & 1 == 1 || place == last {
            old_hash = node_hash(&sibling, &old_hash);
            new_hash = node_hash(&sibling, &new_hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, &sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    match last {
        0 if old_hash == *old_root && new_hash == *new_root => Ok(()),
        0 => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// The largest power of two below `leaves`: where RFC 6962 splits a tree of two leaves or more.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

fn range_hash<E>(
    start: u64,
    end: u64,
    node: &mut impl FnMut(Position) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let peaks: Vec<Hash> =
        perfect_subtrees(start, end).into_iter().map(node).collect::<Result<_, E>>()?;
    Ok(fold_peaks(&peaks).expect("no range in a proof is empty"))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::tree::{Frontier, leaf_hash};

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn root(leaves: &[Hash]) -> Hash {
        let mut frontier = Frontier::default();
        leaves.iter().for_each(|leaf| frontier.push(*leaf, |_, _| {}));
        frontier.root()
    }

    /// Knows every node by hashing its leaves.
    fn nodes(leaves: &[Hash]) -> impl FnMut(Position) -> Result<Hash, Infallible> {
        move |Position { level, index }| {
            let start = (index << level) as usize;
            Ok(root(&leaves[start..start + (1 << level)]))
        }
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proved() {
        for size in 1..=33 {
            let leaves = leaves(size);
            for index in 0..size {
                let Ok(path) = prove_inclusion(index, size, &mut nodes(&leaves));
                let leaf = &leaves[index as usize];
                assert_eq!(verify_inclusion(leaf, index, size, &path, &root(&leaves)), Ok(()));
            }
        }
    }

    #[test]
    fn every_pair_of_small_trees_is_consistent() {
        let leaves = leaves(33);
        for new in 0..=33 {
            for old in 0..=new {
                let Ok(path) = prove_consistency(old, new, &mut nodes(&leaves));
                let (a, b) = (root(&leaves[..old as usize]), root(&leaves[..new as usize]));
                assert_eq!(verify_consistency(old, &a, new, &b, &path), Ok(()), "{old} in {new}");
            }
        }
    }

    proptest! {
        #[test]
        fn an_altered_inclusion_proof_fails(size in 1..300u64, pick: u64, bit in 0..256usize, part: usize) {
            let leaves = leaves(size);
            let index = pick % size;
            let Ok(mut path) = prove_inclusion(index, size, &mut nodes(&leaves));
            let (mut leaf, mut root) = (leaves[index as usize], root(&leaves));
            let hash = match part % (path.len() + 2) {
                0 => &mut leaf,
                1 => &mut root,
                n => &mut path[n - 2],
            };
            hash[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify_inclusion(&leaf, index, size, &path, &root).is_err());
        }

        #[test]
        fn an_inclusion_proof_holds_nowhere_else(size in 2..300u64, pick: u64, other: u64) {
            let leaves = leaves(size);
            let (index, other) = (pick % size, other % size);
            prop_assume!(index != other);
            let Ok(path) = prove_inclusion(index, size, &mut nodes(&leaves));
            let (leaf, root) = (&leaves[index as usize], root(&leaves));
            prop_assert!(verify_inclusion(leaf, other, size, &path, &root).is_err());
            prop_assert!(verify_inclusion(leaf, size, size, &path, &root).is_err());
            prop_assert!(verify_inclusion(leaf, index, size, &path[1..], &root).is_err());
        }

        #[test]
        fn an_altered_consistency_proof_fails(new in 2..300u64, pick: u64, bit in 0..256usize, part: usize) {
            let leaves = leaves(new);
            let old = 1 + pick % (new - 1);
            let Ok(mut path) = prove_consistency(old, new, &mut nodes(&leaves));
            let (mut a, mut b) = (root(&leaves[..old as usize]), root(&leaves));
            let hash = match part % (path.len() + 2) {
                0 => &mut a,
                1 => &mut b,
                n => &mut path[n - 2],
            };
            hash[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify_consistency(old, &a, new, &b, &path).is_err());
        }
    }
}
