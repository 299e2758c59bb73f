//! Verification of Merkle proofs, small enough to be audited alone (RFC 9162 section 2.1.3.2 and
//! 2.1.4.2; the trees are those of RFC 6962).
//!
//! It knows nothing of how proofs are made, of tiles or of storage: numbers and hashes come in, a yes
//! or a reason comes out. It never panics, and its work is bounded by the length of the proof.

use crate::Hash;

/// Nodes in a proof at most: a tree of 2^63 - 1 leaves is 63 levels high. A consistency proof names one
/// more.
pub const PROOF_NODES_MAX: usize = 64;

/// Why a proof does not prove what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("there is no entry {index} in a tree of {size}")]
    OutsideOfTree { index: u64, size: u64 },
    #[error("a tree of {new_size} is no later state of a tree of {old_size}")]
    Backwards { old_size: u64, new_size: u64 },
    #[error("the proof has {nodes} nodes, which cannot be right for a tree of this size")]
    Length { nodes: usize },
    #[error("the proof leads to another root: the entry is not in this tree")]
    OtherRoot,
    #[error(
        "the older tree is not the beginning of the newer one: the log was rewritten, or showed two faces"
    )]
    Inconsistent,
}

/// Proves that `leaf` stands at `index` (from 0) in the tree of `size` leaves with `root`.
///
/// `path` begins with the leaf's sibling and ends below the root.
pub fn inclusion(leaf: Hash, index: u64, size: u64, root: Hash, path: &[Hash]) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutsideOfTree { index, size });
    }
    let wrong_length = ProofError::Length { nodes: path.len() };
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in path {
        if last == 0 {
            return Err(wrong_length);
        }
        if node & 1 == 1 || node == last {
            hash = Hash::of_node(*sibling, hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::of_node(hash, *sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    if hash == root { Ok(()) } else { Err(ProofError::OtherRoot) }
}

/// Proves that the tree of `old_size` leaves with `old_root` is the beginning of the tree of `new_size`
/// with `new_root`: nothing was changed or taken away.
///
/// The proof between a tree and itself, and from the empty tree, is empty.
pub fn consistency(
    old_size: u64,
    old_root: Hash,
    new_size: u64,
    new_root: Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::Backwards { old_size, new_size });
    }
    let wrong_length = ProofError::Length { nodes: proof.len() };
    if old_size == 0 || old_size == new_size {
        let same = old_size == 0 && old_root == Hash::of_empty() || old_size != 0 && old_root == new_root;
        // Between two empty trees the new root must be that of nothing too.
        let empty = new_size != 0 || new_root == Hash::of_empty();
        return match (proof.is_empty(), same && empty) {
            (false, _) => Err(wrong_length),
            (true, true) => Ok(()),
            (true, false) => Err(ProofError::Inconsistent),
        };
    }
    // A full tree is a node of every later one, which the proof then leaves out.
    let (start, rest) = if old_size.is_power_of_two() {
        (old_root, proof)
    } else {
        let (first, rest) = proof.split_first().ok_or(wrong_length)?;
        (*first, rest)
    };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (start, start);
    for hash in rest {
        if last == 0 {
            return Err(wrong_length);
        }
        if node & 1 == 1 || node == last {
            old_hash = Hash::of_node(*hash, old_hash);
            new_hash = Hash::of_node(*hash, new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = Hash::of_node(new_hash, *hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    if old_hash == old_root && new_hash == new_root { Ok(()) } else { Err(ProofError::Inconsistent) }
}

#[cfg(test)]
mod tests;
