use proptest::prelude::*;

use super::*;
use crate::{
    Hash,
    key::verifier_key,
    tests::{Log, log_signer, policy, witness},
};

/// A checkpoint of a public Certificate Transparency log, with the cosignatures of public witnesses.
const PUBLIC: &str = include_str!("../../testdata/public-checkpoint.txt");
/// The log's key, then those of four witnesses.
const PUBLIC_KEYS: &str = include_str!("../../testdata/public-keys.txt");

fn public_policy(min: usize) -> Policy {
    let mut keys = PUBLIC_KEYS.lines().map(|key| key.parse().unwrap());
    Policy::of_log(keys.next().unwrap()).with_witnesses(keys.collect(), min)
}

#[test]
fn a_public_logs_checkpoint_and_its_witnesses_verify() {
    let checkpoint = public_policy(4).verify(PUBLIC).unwrap();
    assert_eq!(checkpoint.head().size, 1_432_088_532);
    assert_eq!(checkpoint.witnesses().len(), 4);
    assert!(checkpoint.witnesses().iter().all(|signed| signed.cosigned_at_s == Some(0x6a12_2120)));
    assert_eq!(checkpoint.note().to_string(), PUBLIC);
    assert!(matches!(public_policy(5).verify(PUBLIC), Err(Error::Witnesses { found: 4, wanted: 5 })));
}

#[test]
fn another_size_fails_every_signature() {
    let changed = PUBLIC.replace("1432088532", "1432088533");
    assert!(matches!(public_policy(0).verify(&changed), Err(Error::Signature { .. })));
}

#[test]
fn what_no_key_of_the_log_signed_is_refused() {
    let other = Policy::of_log(verifier_key(&log_signer(), Algorithm::Ed25519));
    assert!(matches!(other.verify(PUBLIC), Err(Error::Unsigned)));
    // A witness's word is not the log's.
    let log = Log::numbered(3);
    let mut note = Note::new(log.note().text().to_owned()).unwrap();
    note.cosign(&log_signer(), 1).unwrap();
    let key = verifier_key(&log_signer(), Algorithm::Cosignature);
    assert!(matches!(Policy::of_log(key).verify(&note.to_string()), Err(Error::Unsigned)));
}

#[test]
fn a_key_speaks_for_its_own_log_only() {
    let checkpoint = Checkpoint::new("audit.example/us", Log::numbered(1).tree.head()).unwrap();
    let note = checkpoint.sign(&[&log_signer()]).unwrap();
    assert!(
        matches!(policy().verify(&note.to_string()), Err(Error::Origin { expected }) if expected == "audit.example/eu")
    );
}

#[test]
fn during_a_rotation_either_key_is_enough() {
    let (old, new) = (
        log_signer(),
        crate::SoftwareSigner::from_seed("audit.example/eu".parse().unwrap(), &[2; 32]).unwrap(),
    );
    let head = Log::numbered(2).tree.head();
    let note = Checkpoint::new("audit.example/eu", head).unwrap().sign(&[&old, &new]).unwrap().to_string();
    let key = |signer| verifier_key(signer, Algorithm::Ed25519);
    for policy in [
        Policy::of_log(key(&old)),
        Policy::of_log(key(&new)),
        Policy::of_log(key(&old)).with_log_key(key(&new)),
    ] {
        assert_eq!(policy.verify(&note).unwrap().head(), head);
    }
}

#[test]
fn too_few_witnesses_are_told() {
    let mut note = Log::numbered(2).note();
    note.cosign(&witness(1), 5).unwrap();
    let keys = [1, 2].map(|number| verifier_key(&witness(number), Algorithm::Cosignature)).to_vec();
    let policy = policy().with_witnesses(keys, 2);
    assert!(matches!(policy.verify(&note.to_string()), Err(Error::Witnesses { found: 1, wanted: 2 })));
    note.cosign(&witness(2), 6).unwrap();
    assert_eq!(policy.verify(&note.to_string()).unwrap().witnesses().len(), 2);
}

#[test]
fn extension_lines_are_kept() {
    let text = format!("a\n0\n{}\nmore\nand more\n", Hash::of_empty());
    let checkpoint: Checkpoint = text.parse().unwrap();
    assert_eq!((checkpoint.extensions().len(), checkpoint.to_string()), (2, text));
}

#[test]
fn malformed_checkpoints_are_refused() {
    let root = Hash::of_empty();
    for bad in [
        String::new(),
        "a\n0\n".to_owned(),
        format!("\n0\n{root}\n"),
        format!("a\n\n{root}\n"),
        format!("a\n00\n{root}\n"),
        format!("a\n+1\n{root}\n"),
        format!("a\n-1\n{root}\n"),
        format!("a\n 1\n{root}\n"),
        format!("a\n9223372036854775808\n{root}\n"),
        format!("a\n18446744073709551616\n{root}\n"),
        format!("a\n1\n{root}"),
        format!("a\n1\n{root}\n\n"),
        format!("a\n1\n{root}=\n"),
        "a\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n".to_owned(),
        "a\n1\n47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=\n".to_owned(),
        "a\n1\nAAAA\n".to_owned(),
        format!("{}\n1\n{root}\n", "x".repeat(256)),
    ] {
        assert!(bad.parse::<Checkpoint>().is_err(), "{bad:?}");
    }
}

#[test]
fn every_flipped_bit_of_a_checkpoint_is_noticed() {
    let mut note = Log::numbered(300).note();
    note.cosign(&witness(1), 5).unwrap();
    let policy = policy().with_witnesses(vec![verifier_key(&witness(1), Algorithm::Cosignature)], 1);
    let good = note.to_string().into_bytes();
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let noticed = String::from_utf8(bytes).map_or(true, |text| policy.verify(&text).is_err());
        assert!(noticed, "bit {bit}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_checkpoint_or_refused(text in "[a-z ]{0,4}\n[0-9+]{0,21}\n([A-Za-z0-9+/]{43}=|.{0,9})\n?(x\n){0,2}") {
        if let Ok(checkpoint) = text.parse::<Checkpoint>() {
            prop_assert_eq!(checkpoint.to_string(), text);
        }
    }
}
