use proptest::prelude::*;

use super::*;
use crate::{
    TREE_SIZE_MAX, Tree,
    tests::{Log, path, subproof},
    verify,
};

fn prove(plan: &ProofPlan, log: &Log) -> Vec<Hash> {
    // Nothing but what the plan names is there.
    let files: std::collections::BTreeMap<LogPath, Vec<u8>> =
        plan.reads().into_iter().map(|path| (path, log.files[&path].clone())).collect();
    plan.prove(&files).unwrap()
}

#[test]
fn every_entry_and_every_size_of_small_trees_is_proven_as_in_the_rfc() {
    for size in 1..40_u32 {
        let log = Log::numbered(size);
        let (leaves, root) = (log.leaves(), log.tree.head().root);
        for index in 0..size {
            let at = usize::try_from(index).unwrap();
            let proof = prove(&ProofPlan::inclusion(index.into(), size.into()).unwrap(), &log);
            assert_eq!(proof, path(at, &leaves));
            verify::inclusion(leaves[at], index.into(), size.into(), root, &proof).unwrap();
            let proof = prove(&ProofPlan::consistency((index + 1).into(), size.into()).unwrap(), &log);
            assert_eq!(proof, subproof(at + 1, &leaves, true));
        }
    }
}

#[test]
fn nothing_is_needed_to_prove_growth_from_nothing() {
    for (old, new) in [(0, 0), (0, 300), (300, 300)] {
        let plan = ProofPlan::consistency(old, new).unwrap();
        assert_eq!((plan.reads(), plan.ranges), (Vec::new(), Vec::new()));
    }
}

#[test]
fn what_is_not_there_cannot_be_planned() {
    assert!(matches!(ProofPlan::inclusion(5, 5), Err(Error::NoSuchEntry { index: 5, size: 5 })));
    assert!(matches!(ProofPlan::consistency(6, 5), Err(Error::NoSuchEntry { index: 6, size: 5 })));
    assert!(matches!(ProofPlan::inclusion(0, u64::MAX), Err(Error::TreeSize)));
}

#[test]
fn the_largest_tree_can_be_planned() {
    let plan = ProofPlan::inclusion(TREE_SIZE_MAX - 1, TREE_SIZE_MAX).unwrap();
    assert_eq!((plan.ranges.len(), plan.reads().len()), (62, 8));
    assert_eq!(ProofPlan::inclusion(0, TREE_SIZE_MAX).unwrap().ranges.len(), 63);
    assert!(ProofPlan::consistency(1, TREE_SIZE_MAX).unwrap().reads().len() <= 16);
    assert!(ProofPlan::consistency(TREE_SIZE_MAX - 1, TREE_SIZE_MAX).unwrap().ranges.len() <= 64);
}

#[test]
fn a_missing_or_damaged_tile_is_named() {
    let mut log = Log::numbered(300);
    let plan = ProofPlan::inclusion(299, 300).unwrap();
    let path = plan.reads()[0];
    log.files.get_mut(&path).unwrap().pop();
    assert!(matches!(plan.prove(&log.files), Err(Error::Malformed { path: bad }) if bad == path));
    log.files.remove(&path);
    assert!(matches!(plan.prove(&log.files), Err(Error::Missing { path: bad }) if bad == path));
}

#[test]
fn a_partial_tile_that_was_cleared_away_is_read_from_the_full_one() {
    let small = Log::numbered(300);
    let (plan, proof) = (ProofPlan::inclusion(299, 300).unwrap(), path(299, &small.leaves()));
    let mut log = Log::numbered(600);
    // Of those above it there is no full one yet, so that the partial one must still be there.
    let above = "tile/1/000.p/1".parse().unwrap();
    log.files.insert(above, small.files[&above].clone());
    assert_eq!(plan.prove(&log.files).unwrap(), proof);
    let full = "tile/0/001".parse().unwrap();
    log.files.get_mut(&full).unwrap().truncate(40);
    assert!(matches!(plan.prove(&log.files), Err(Error::Malformed { path }) if path == full));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn proofs_from_tiles_verify(size in 1_u32..140_000, picks in prop::collection::vec(any::<prop::sample::Index>(), 8)) {
        let mut log = Log::default();
        for start in (0..size).step_by(50_000) {
            log.append(crate::tests::numbers(start..size.min(start + 50_000)));
        }
        let head = log.tree.head();
        for pick in picks {
            let index = pick.index(usize::try_from(size).unwrap());
            let leaf = Hash::of_leaf(&log.entries[index]);
            let proof = prove(&ProofPlan::inclusion(index as u64, head.size).unwrap(), &log);
            prop_assert_eq!(verify::inclusion(leaf, index as u64, head.size, head.root, &proof), Ok(()));

            let old = Tree::EMPTY.append(&log.entries[..index.min(crate::BATCH_ENTRIES_MAX)]).unwrap().tree.head();
            let proof = prove(&ProofPlan::consistency(old.size, head.size).unwrap(), &log);
            prop_assert_eq!(verify::consistency(old.size, old.root, head.size, head.root, &proof), Ok(()));
        }
    }
}
