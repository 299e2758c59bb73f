use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};

use super::*;

fn certificate() -> (KeyPair, CertificateDer<'static>) {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2026, 2, 28);
    params.not_after = rcgen::date_time_ymd(2051, 3, 1);
    let certificate = params.self_signed(&key).unwrap().der().clone();
    (key, certificate)
}

#[test]
fn certificates_come_out_of_a_message_as_they_went_in() {
    let all = [certificate().1, certificate().1];
    let message = certs_only(&all);
    assert_eq!(certificates_of(&message).unwrap(), all);
    assert_eq!(certificates_of(&from_body(to_body(&message).as_bytes()).unwrap()).unwrap(), all);
    for cut in 0..message.len() {
        assert!(certificates_of(&message[..cut]).is_err());
    }
    assert_eq!(certificates_of(&certs_only(&[])), Err(Malformed));
}

/// SEQUENCE { signedData, [0] { SEQUENCE { 1, SET {}, SEQUENCE { data }, [0] {}, SET {} } } }
#[test]
fn an_empty_message_has_the_bytes_of_the_standard() {
    let hex: String = certs_only(&[]).iter().map(|byte| format!("{byte:02x}")).collect();
    let expected =
        "3025 0609 2a864886f70d010702 a018 3016 020101 3100 300b 0609 2a864886f70d010701 a000 3100";
    assert_eq!(hex, expected.replace(' ', ""));
}

#[test]
fn the_facts_of_a_certificate_are_read() {
    let (key, certificate) = certificate();
    let facts = facts(&certificate).unwrap();
    assert_eq!(facts.not_before, Timestamp(1_772_236_800_000_000));
    assert_eq!(facts.not_after, Timestamp(2_561_241_600_000_000));
    assert_eq!(facts.renew_at(), Timestamp(2_298_240_000_000_000));
    assert_eq!(facts.public_key, key.subject_public_key_info());
    assert_eq!(p256_public_key(key.der_bytes()), key.subject_public_key_info());
}

#[test]
fn attributes_name_curve_and_signature() {
    let hex: String = csr_attributes().iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = "3021 3015 0607 2a8648ce3d0201 310a 0608 2a8648ce3d030107 0608 2a8648ce3d040302";
    assert_eq!(hex, expected.replace(' ', ""));
}

#[test]
fn texts_of_certificates_have_short_lines() {
    let (_, certificate) = certificate();
    let pem = to_pem(&certificate);
    assert!(pem.lines().all(|line| line.len() <= PEM_LINE_BYTES));
    assert_eq!(crate::tls::certificates(pem.as_bytes()).unwrap(), [certificate]);
}

#[test]
fn bodies_are_base64_and_nothing_else() {
    let body = to_body(&[7; 100]);
    assert_eq!((body.lines().count(), body.ends_with('\n')), (1, true));
    let (first, rest) = body.split_at(60);
    assert_eq!(from_body(format!("{first} \r\n{rest}").as_bytes()).unwrap(), [7; 100]);
    assert_eq!(from_body(b"AA==\n").unwrap(), [0]);
    for bad in [&b""[..], b"\n", b"A", b"-----BEGIN", &[b'A'; BODY_BYTES_MAX + 4]] {
        assert_eq!(from_body(bad), Err(Malformed));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop((certificates_of(&bytes), facts(&bytes).map(drop), from_body(&bytes)));
    }
}
