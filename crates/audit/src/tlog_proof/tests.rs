use proptest::prelude::*;

use super::*;
use crate::{
    Opening,
    tests::{Log, event, policy},
};

fn log() -> Log {
    Log::of((0..9).map(|number| event(number).0.encode()))
}

fn proof(number: u8, openings: Vec<Opening>) -> TlogProof {
    let log = log();
    let evidence = Evidence::new(log.entries[usize::from(number)].clone(), openings).unwrap();
    TlogProof::build(evidence, number.into(), &log.checkpoint(), &log.files).unwrap()
}

#[test]
fn an_owner_verifies_an_entry_with_the_logs_key_alone() {
    let text = proof(4, event(4).1).to_string();
    let proof: TlogProof = text.parse().unwrap();
    assert_eq!(proof.verify(&policy()).unwrap().head().size, 9);
    let evidence = proof.evidence.unwrap();
    assert_eq!(evidence.event().unwrap().action.as_str(), "vehicle.history.read");
    assert_eq!(evidence.openings()[0].value().as_str(), "op-31");
}

#[test]
fn an_entry_whose_openings_were_deleted_still_proves_and_says_nothing() {
    let text = proof(4, Vec::new()).to_string();
    let proof: TlogProof = text.parse().unwrap();
    assert!(proof.verify(&policy()).is_ok());
    let evidence = proof.evidence.unwrap();
    let bytes = evidence.entry().windows(5).any(|part| part == b"op-31");
    assert!(!bytes && evidence.openings().is_empty());
}

#[test]
fn a_proof_without_evidence_verifies_for_whoever_has_the_entry() {
    let stripped = TlogProof { evidence: None, ..proof(4, Vec::new()) };
    let proof: TlogProof = stripped.to_string().parse().unwrap();
    assert!(matches!(proof.verify(&policy()), Err(Error::TlogProof(_))));
    assert!(proof.verify_entry(&log().entries[4], &policy()).is_ok());
    assert!(matches!(proof.verify_entry(&log().entries[5], &policy()), Err(Error::Proof(_))));
}

#[test]
fn the_proof_of_the_only_entry_has_no_hashes() {
    let log = Log::of([event(0).0.encode()]);
    let evidence = Evidence::new(log.entries[0].clone(), Vec::new()).unwrap();
    let proof = TlogProof::build(evidence, 0, &log.checkpoint(), &log.files).unwrap();
    let read: TlogProof = proof.to_string().parse().unwrap();
    assert_eq!((&read, read.path.len()), (&proof, 0));
    assert!(read.verify(&policy()).is_ok());
}

#[test]
fn no_wrong_proof_is_built() {
    let mut log = log();
    let evidence = Evidence::new(log.entries[4].clone(), Vec::new()).unwrap();
    let other = TlogProof::build(evidence.clone(), 5, &log.checkpoint(), &log.files);
    assert!(matches!(other, Err(Error::Proof(_))));
    let checkpoint = log.checkpoint();
    log.files.get_mut(&"tile/0/000.p/9".parse().unwrap()).unwrap()[0] ^= 1;
    assert!(matches!(TlogProof::build(evidence, 4, &checkpoint, &log.files), Err(Error::Proof(_))));
}

#[test]
fn evidence_with_a_foreign_opening_fails() {
    let mut proof = proof(4, event(4).1);
    let foreign =
        Evidence::decode(&Evidence::new(event(5).0.encode(), event(5).1).unwrap().encode()).unwrap();
    proof.evidence = Some(foreign);
    assert!(matches!(proof.verify(&policy()), Err(Error::Proof(_))));
}

#[test]
fn every_flipped_bit_of_a_proof_is_noticed() {
    let good = proof(4, event(4).1).to_string().into_bytes();
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let result = text.parse::<TlogProof>().and_then(|proof| proof.verify(&policy()));
        assert!(result.is_err(), "bit {bit}");
    }
}

#[test]
fn malformed_proofs_are_refused() {
    let good = proof(4, event(4).1).to_string();
    let path = proof(4, Vec::new()).path[0].to_string();
    for bad in [
        String::new(),
        good.replace("@v1", "@v2"),
        good.replace("index 4", "index 04"),
        good.replace("index 4", "index"),
        good.replace("index 4\n", ""),
        good.replace("index 4\n", "index 4\nindex 4\n"),
        good.replace("extra ", "extra  "),
        good.replace(&path, &format!("{path} ")),
        good.replace(&path, &path.repeat(2)),
        good.replace(&path, &format!("{path}\n").repeat(PROOF_NODES_MAX + 1)),
        good.replace("\n\n", "\n"),
        format!("{good}\n"),
        "x".repeat(PROOF_BYTES_MAX + 1),
    ] {
        assert!(bad.parse::<TlogProof>().is_err(), "{:?}", bad.chars().take(200).collect::<String>());
    }
}

proptest! {
    #[test]
    fn any_text_is_a_proof_or_refused(place in any::<prop::sample::Index>(), other in "[ -~\n]{0,3}") {
        let good = proof(4, event(4).1).to_string();
        let mut chars: Vec<char> = good.chars().collect();
        let place = place.index(chars.len());
        chars.splice(place..=place, other.chars());
        let text: String = chars.into_iter().collect();
        if let Ok(proof) = text.parse::<TlogProof>() {
            prop_assert_eq!(proof.to_string(), text);
        }
    }
}
