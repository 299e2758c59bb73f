use aws_lc_rs::{encoding::AsDer as _, encoding::Pkcs8V1Der, signature::Ed25519KeyPair};
use coset::{CborSerializable as _, CoseSign1};
use model::{Timestamp, VehicleId, limits};
use proptest::{collection::vec, prelude::*};

use crate::*;

/// A key from a fixed seed, so that signatures are the same in every run.
pub(super) fn key(seed: u8) -> SigningKey {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    SigningKey::from_pkcs8(der.as_ref()).unwrap()
}

pub(super) fn envelope() -> Envelope {
    Envelope {
        kind: Kind::Consent,
        vehicle: VehicleId::from_bytes([7; 16]),
        version: 5,
        not_before: Timestamp(1_000),
        expires: Timestamp(2_000),
        payload: encode_consent(&super::documents::consent()),
    }
}

pub(super) fn expected() -> Expected {
    Expected { kind: Kind::Consent, vehicle: VehicleId::from_bytes([7; 16]), have: 4, now: Timestamp(1_500) }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Envelope, &mut Expected), error: EnvelopeError) {
    let (mut envelope, mut expected) = (envelope(), expected());
    change(&mut envelope, &mut expected);
    let keys = VerifyingKeys::new([*key(1).public_key()]);
    assert_eq!(keys.open(&key(1).sign(&envelope).unwrap(), &expected), Err(error));
}

#[test]
fn an_envelope_for_another_car_is_refused() {
    let ours = expected().vehicle;
    check(|envelope, _| envelope.vehicle = VehicleId::from_bytes([8; 16]), EnvelopeError::Vehicle { ours });
}

#[test]
fn an_envelope_of_another_kind_is_refused() {
    let error = EnvelopeError::Kind { got: "campaigns", expected: "consent" };
    check(|envelope, _| envelope.kind = Kind::Campaigns, error);
}

#[test]
fn an_old_version_is_refused() {
    check(|_, expected| expected.have = 5, EnvelopeError::Version { got: 5, have: 5 });
    check(|_, expected| expected.have = 6, EnvelopeError::Version { got: 5, have: 6 });
}

#[test]
fn an_envelope_out_of_its_time_is_refused() {
    check(|_, expected| expected.now = Timestamp(999), EnvelopeError::NotYetValid);
    check(|_, expected| expected.now = Timestamp(2_000), EnvelopeError::Expired);
}

#[test]
fn a_key_that_is_not_trusted_is_named() {
    let keys = VerifyingKeys::new([*key(2).public_key()]);
    let error = keys.open(&key(1).sign(&envelope()).unwrap(), &expected()).unwrap_err();
    assert_eq!(error, EnvelopeError::UnknownKey { kid: key(1).id().to_string() });
}

#[test]
fn both_keys_open_while_they_rotate() {
    let keys = VerifyingKeys::new([*key(1).public_key(), *key(2).public_key()]);
    for seed in [1, 2] {
        assert_eq!(keys.open(&key(seed).sign(&envelope()).unwrap(), &expected()), Ok(envelope()));
    }
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let sealed = key(1).sign(&envelope()).unwrap();
    let keys = VerifyingKeys::new([*key(1).public_key()]);
    for index in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[index] ^= 1;
        assert!(keys.open(&changed, &expected()).is_err(), "byte {index}");
    }
}

#[test]
fn what_is_not_signed_is_refused() {
    let mut signed = CoseSign1::from_slice(&key(1).sign(&envelope()).unwrap()).unwrap();
    signed.unprotected.content_type = Some(coset::ContentType::Text("text/plain".to_owned()));
    let keys = VerifyingKeys::new([*key(1).public_key()]);
    let error = keys.open(&signed.to_vec().unwrap(), &expected()).unwrap_err();
    assert_eq!(error, EnvelopeError::Malformed { problem: "it has unprotected headers" });
}

#[test]
fn an_oversized_envelope_is_not_read() {
    let huge = vec![0; limits::DOCUMENT_BYTES_MAX + 2_000];
    let opened = VerifyingKeys::default().open(&huge, &expected());
    assert!(matches!(opened, Err(EnvelopeError::TooLarge { .. })));
}

#[test]
fn a_secret_does_not_show_itself() {
    assert_eq!(format!("{:?}", key(1)), format!("SigningKey({})", key(1).id()));
}

proptest! {
    #[test]
    fn arbitrary_envelopes_do_no_harm(bytes in vec(any::<u8>(), 0..300)) {
        let keys = VerifyingKeys::new([*key(1).public_key()]);
        prop_assert!(keys.open(&bytes, &expected()).is_err());
    }
}
