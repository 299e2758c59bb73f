use proptest::prelude::*;

use super::*;
use crate::tests::{CT_ROOTS, ct_leaves, hash, mth, path, subproof};

fn hashes(list: &[&str]) -> Vec<Hash> {
    list.iter().map(|text| hash(text)).collect()
}

fn root(size: u64) -> Hash {
    hash(CT_ROOTS[usize::try_from(size - 1).unwrap()])
}

/// Vectors of Certificate Transparency's merkle_tree_test; their leaves count from 1.
#[test]
fn known_inclusion_proofs_verify() {
    let check = |leaf: u64, size: u64, proof: &[&str]| {
        let leaf_hash = ct_leaves()[usize::try_from(leaf - 1).unwrap()];
        assert_eq!(
            inclusion(leaf_hash, leaf - 1, size, root(size), &hashes(proof)),
            Ok(()),
            "{leaf} of {size}"
        );
    };
    check(1, 1, &[]);
    check(
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    );
    check(
        6,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    );
    check(3, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]);
    check(
        2,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    );
}

#[test]
fn known_consistency_proofs_verify() {
    let check = |old: u64, new: u64, proof: &[&str]| {
        assert_eq!(consistency(old, root(old), new, root(new), &hashes(proof)), Ok(()), "{old} to {new}");
    };
    check(1, 1, &[]);
    check(
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    );
    check(
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    );
    check(
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    );
}

#[test]
fn the_empty_tree_is_the_beginning_of_every_tree() {
    let empty = Hash::of_empty();
    assert_eq!(consistency(0, empty, 5, root(5), &[]), Ok(()));
    assert_eq!(consistency(0, empty, 0, empty, &[]), Ok(()));
    assert_eq!(consistency(0, empty, 0, root(1), &[]), Err(ProofError::Inconsistent));
    assert_eq!(consistency(0, root(1), 5, root(5), &[]), Err(ProofError::Inconsistent));
    assert_eq!(consistency(0, empty, 5, root(5), &[empty]), Err(ProofError::Length { nodes: 1 }));
}

#[test]
fn trees_of_one_size_have_one_root() {
    assert_eq!(consistency(5, root(5), 5, root(5), &[]), Ok(()));
    assert_eq!(consistency(5, root(5), 5, root(6), &[]), Err(ProofError::Inconsistent));
    assert_eq!(consistency(5, root(5), 5, root(5), &[root(1)]), Err(ProofError::Length { nodes: 1 }));
}

#[test]
fn what_is_outside_of_the_tree_cannot_be_proven() {
    let outside = ProofError::OutsideOfTree { index: 5, size: 5 };
    assert_eq!(inclusion(root(1), 5, 5, root(5), &[]), Err(outside));
    assert_eq!(
        inclusion(root(1), 0, 0, Hash::of_empty(), &[]),
        Err(ProofError::OutsideOfTree { index: 0, size: 0 })
    );
    let backwards = ProofError::Backwards { old_size: 6, new_size: 5 };
    assert_eq!(consistency(6, root(6), 5, root(5), &[]), Err(backwards));
}

#[test]
fn the_largest_numbers_are_refused_like_others() {
    let (one, max) = (root(1), u64::MAX);
    assert!(inclusion(one, max - 1, max, one, &[one; PROOF_NODES_MAX + 10]).is_err());
    assert!(inclusion(one, 0, max, one, &[one; 3]).is_err());
    assert!(consistency(1 << 63, one, max, one, &[one; PROOF_NODES_MAX + 10]).is_err());
    assert!(consistency(max - 1, one, max, one, &[]).is_err());
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|number| Hash::of_leaf(&number.to_be_bytes())).collect()
}

/// Every proof between two sizes that is not the right one.
fn mutations(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for place in 0..proof.len() {
        let mut bytes = *proof[place].as_bytes();
        bytes[place % 32] ^= 1;
        let mut flipped = proof.to_vec();
        flipped[place] = Hash::from_bytes(bytes);
        let mut without = proof.to_vec();
        without.remove(place);
        all.extend([flipped, without]);
    }
    all.push([proof, &[Hash::of_empty()]].concat());
    all.push([&[Hash::of_empty()], proof].concat());
    all
}

proptest! {
    #[test]
    fn the_rfcs_inclusion_proofs_verify_and_no_others(size in 1_usize..300, pick in any::<prop::sample::Index>()) {
        let (leaves, index) = (leaves(size), pick.index(size));
        let (root, proof) = (mth(&leaves), path(index, &leaves));
        let verify = |index: usize, proof: &[Hash]| {
            inclusion(leaves[index], index as u64, size as u64, root, proof)
        };
        prop_assert_eq!(verify(index, &proof), Ok(()));
        for other in mutations(&proof) {
            prop_assert!(verify(index, &other).is_err());
        }
        let other = (index + 1) % size;
        prop_assert!(other == index || inclusion(leaves[index], other as u64, size as u64, root, &proof).is_err());
        prop_assert!(inclusion(root, index as u64, size as u64, root, &proof).is_err() || size == 1);
    }

    #[test]
    fn the_rfcs_consistency_proofs_verify_and_no_others(size in 1_usize..300, pick in any::<prop::sample::Index>()) {
        let (leaves, old) = (leaves(size), pick.index(size) + 1);
        let (old_root, root, proof) = (mth(&leaves[..old]), mth(&leaves), subproof(old, &leaves, true));
        let verify = |old_root: Hash, root: Hash, proof: &[Hash]| {
            consistency(old as u64, old_root, size as u64, root, proof)
        };
        prop_assert_eq!(verify(old_root, root, &proof), Ok(()));
        for other in mutations(&proof) {
            prop_assert!(verify(old_root, root, &other).is_err());
        }
        prop_assert!(verify(Hash::of_empty(), root, &proof).is_err());
        prop_assert!(verify(old_root, Hash::of_empty(), &proof).is_err());
    }

    #[test]
    fn any_proof_is_taken_or_refused(
        index in any::<u64>(), size in any::<u64>(), nodes in prop::collection::vec(any::<[u8; 32]>(), 0..80),
    ) {
        let nodes: Vec<Hash> = nodes.into_iter().map(Hash::from_bytes).collect();
        prop_assert!(inclusion(Hash::of_empty(), index, size, Hash::of_empty(), &nodes).is_err());
        let same = index == size && nodes.is_empty();
        let result = consistency(index, Hash::of_empty(), size, Hash::of_empty(), &nodes);
        prop_assert!(result.is_err() || same || index == 0 && nodes.is_empty());
    }
}
