use super::*;
use crate::{
    Checkpoint,
    tests::{Log, log_signer, numbers},
};

/// Two logs under one key that differ from an entry on.
fn faces(size: u32, common: u32, other_size: u32) -> (Log, Log) {
    let mut other = Log::numbered(common);
    other.append(numbers(1_000_000 + common..1_000_000 + other_size));
    (Log::numbered(size), other)
}

#[test]
fn a_log_that_grew_proves_it() {
    let (short, long) = (Log::numbered(300), Log::numbered(1_000));
    let (seen, now) = (short.checkpoint(), long.checkpoint());
    let Follow::Longer(plan) = follow(&seen, &now).unwrap() else { panic!("it grew") };
    let proof = plan.prove(&long.files).unwrap();
    assert_eq!(prove_growth(&seen, &now, &proof), Ok(()));
    assert_eq!(follow(&now, &now).unwrap(), Follow::Same);
}

#[test]
fn two_roots_for_one_size_are_a_split_view() {
    let (one, other) = faces(300, 299, 300);
    assert_eq!(follow(&one.checkpoint(), &other.checkpoint()).unwrap(), Follow::SplitView);
}

#[test]
fn two_faces_of_different_size_have_no_proof_between_them() {
    for (size, common, other_size) in [(300, 299, 301), (256, 0, 512), (300, 100, 1_000), (1, 0, 2)] {
        let (one, other) = faces(size, common, other_size);
        let (seen, now) = (one.checkpoint(), other.checkpoint());
        let Follow::Longer(plan) = follow(&seen, &now).unwrap() else { panic!("it is longer") };
        for files in [&other.files, &Log::numbered(other_size).files] {
            let proof = plan.prove(files).unwrap();
            assert_eq!(prove_growth(&seen, &now, &proof), Err(ProofError::Inconsistent), "{size}");
        }
    }
}

#[test]
fn a_log_that_lost_its_end_is_told_from_one_that_was_rewritten() {
    let (seen, now) = (Log::numbered(1_000), Log::numbered(300));
    let (kept, shown) = (seen.checkpoint(), now.checkpoint());
    let Follow::Shorter(plan) = follow(&kept, &shown).unwrap() else { panic!("it is shorter") };
    let proof = plan.prove(&seen.files).unwrap();
    assert_eq!(prove_growth(&kept, &shown, &proof), Ok(()));
    let rewritten = faces(300, 200, 300).1.checkpoint();
    assert_eq!(prove_growth(&kept, &rewritten, &proof), Err(ProofError::Inconsistent));
}

#[test]
fn checkpoints_of_two_logs_are_not_compared() {
    let log = Log::numbered(3);
    let other = crate::SoftwareSigner::from_seed("audit.example/us".parse().unwrap(), &[1; 32]).unwrap();
    let note = Checkpoint::new("audit.example/us", log.tree.head()).unwrap().sign(&[&other]).unwrap();
    let policy = crate::Policy::of_log(crate::verifier_key(&other, crate::Algorithm::Ed25519));
    let foreign = policy.verify(&note.to_string()).unwrap();
    assert!(matches!(follow(&log.checkpoint(), &foreign), Err(Error::Origin { .. })));
    assert_ne!(crate::Signer::name(&log_signer()).as_str(), policy.origin());
}
