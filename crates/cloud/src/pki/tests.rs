use std::os::unix::fs::PermissionsExt;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, UnixTime, pem::PemObject},
    server::WebPkiClientVerifier,
};
use x509_parser::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_763_885_730_000_000);

fn region() -> Region {
    "eu".parse().unwrap()
}

fn open(folder: &Path) -> Pki {
    Pki::open(folder, &region(), &["fleet.example".to_owned(), "192.0.2.7".to_owned()], NOW).unwrap()
}

fn csr(common_name: &str) -> String {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::new(vec!["evil.example".to_owned()]).unwrap();
    params.distinguished_name = name(common_name);
    params.serialize_request(&key).unwrap().pem().unwrap()
}

#[test]
fn a_car_is_named_by_the_registry_and_not_by_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let pki = open(folder.path());
    let vehicle = VehicleId::from_bytes([7; 16]);
    let issued = pki.issue(vehicle, &csr("urn:marque:vehicle:eu:00"), NOW).unwrap();
    let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
    assert_eq!(issued.record.fingerprint, fingerprint(&der));
    let (_, certificate) = X509Certificate::from_der(&der).unwrap();
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    let urn = format!("urn:marque:vehicle:eu:{vehicle}");
    assert_eq!(names.value.general_names, [GeneralName::URI(&urn)]);
    assert_eq!(certificate.subject().to_string(), format!("CN={vehicle}"));
    assert!(!certificate.is_ca());
    assert_eq!(certificate.validity().not_after.timestamp(), issued.record.not_after.0 / 1_000_000);
}

#[test]
fn a_gateway_accepts_the_certificate_while_it_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let pki = open(folder.path());
    let issued = pki.issue(VehicleId::from_bytes([1; 16]), &csr("x"), NOW).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pki.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
    let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
    let at = |time: Timestamp| {
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_micros(time.0.unsigned_abs()));
        verifier.verify_client_cert(&der, &[], time)
    };
    assert!(at(NOW).is_ok());
    assert!(at(NOW + CAR_VALIDITY + Micros::SECOND).is_err());
    assert!(at(NOW - Micros::DAY).is_err());
}

#[test]
fn keys_survive_a_restart_and_only_their_owner_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let second = open(folder.path());
    assert_eq!(first.ca_pem(), second.ca_pem());
    assert_eq!(first.server_chain_pem(), second.server_chain_pem());
    assert_eq!(first.desired_key().public_key(), second.desired_key().public_key());
    for file in ["ca-key.pem", "server-key.pem", "desired-key.p8"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn the_server_certificate_is_made_anew_for_new_names_and_before_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let renamed = Pki::open(folder.path(), &region(), &[], NOW).unwrap();
    assert_ne!(first.server_chain_pem(), renamed.server_chain_pem());
    let later = NOW + Micros(70 * Micros::DAY.0);
    let renewed = Pki::open(folder.path(), &region(), &[], later).unwrap();
    assert_ne!(renamed.server_chain_pem(), renewed.server_chain_pem());
    assert_eq!(first.ca_pem(), renewed.ca_pem());
}

#[test]
fn a_request_that_is_not_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pki = open(folder.path());
    let vehicle = VehicleId::from_bytes([7; 16]);
    // A few bits of the key, so that the request's own signature does not hold.
    let mut lines: Vec<String> = csr("x").lines().map(str::to_owned).collect();
    let flipped: String = lines[3].chars().rev().collect();
    lines[3] = flipped;
    let tampered = lines.join("\n");
    for bad in
        ["", "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n", &tampered]
    {
        let error = pki.issue(vehicle, bad, NOW).unwrap_err();
        assert!(matches!(error, PkiError::Csr), "{error}");
    }
}

#[test]
fn a_damaged_key_is_never_replaced_silently() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    std::fs::write(folder.path().join("ca-key.pem"), "x").unwrap();
    let error = Pki::open(folder.path(), &region(), &[], NOW).unwrap_err();
    assert!(matches!(error, PkiError::Damaged { .. }), "{error}");
}
