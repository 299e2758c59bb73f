use super::*;
use crate::tests::{event, word};

/// Computed with coreutils: `printf '...' | sha256sum`.
#[test]
fn a_commitment_is_the_hash_that_the_page_describes() {
    let opening = Opening::new(Label::Actor, Salt::from_bytes([0; 16]), word("op-31"));
    assert_eq!(
        hex::encode(opening.commitment().as_bytes()),
        "740f11e3178c934103e53472aa9e05514d477c46a5359377d798d961917f5626"
    );
}

#[test]
fn salt_label_and_value_all_count() {
    let base = Opening::new(Label::Actor, Salt::from_bytes([1; 16]), word("x"));
    let others = [
        Opening { label: Label::Resource, ..base.clone() },
        Opening { salt: Salt::from_bytes([2; 16]), ..base.clone() },
        Opening { value: word("y"), ..base.clone() },
    ];
    assert!(others.iter().all(|other| other.commitment() != base.commitment()));
}

#[test]
fn an_opening_fits_its_own_field_only() {
    let (event, openings) = event(1);
    for opening in &openings {
        assert!(event.check_opening(opening).is_ok());
        for label in Label::ALL {
            let moved = Opening { label, ..opening.clone() };
            assert_eq!(event.check_opening(&moved).is_ok(), label == opening.label());
        }
    }
}

#[test]
fn a_plain_field_has_no_opening() {
    let opening = Opening::new(Label::Address, Salt::from_bytes([0; 16]), word("192.0.2.0/24"));
    assert!(matches!(event(1).0.check_opening(&opening), Err(Error::OtherOpening { label: "address" })));
}

#[test]
fn an_opening_is_read_from_its_parts() {
    let (_, openings) = event(1);
    for opening in openings {
        let (label, salt, value) =
            (opening.label().slug(), opening.salt().as_bytes(), opening.value().as_str());
        assert_eq!(Opening::from_parts(label, salt, value).unwrap(), opening);
    }
    for (label, salt, value) in [("x", &[0; 16][..], "v"), ("actor", &[0; 15], "v"), ("actor", &[0; 16], "")]
    {
        assert!(Opening::from_parts(label, salt, value).is_err());
    }
}

#[test]
fn what_is_personal_does_not_show_in_a_log() {
    let (event, openings) = event(0);
    let shown = format!("{event:?} {openings:?}");
    assert!(!shown.contains("op-31") && !shown.contains("192.0.2"), "{shown}");
    assert!(shown.contains("Salt(..)") && shown.contains("Word(..)"), "{shown}");
}
