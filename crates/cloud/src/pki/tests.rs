use std::os::unix::fs::PermissionsExt;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, UnixTime, pem::PemObject},
    server::WebPkiClientVerifier,
};
use x509_parser::prelude::*;

use super::*;

const VALIDITY: Micros = Micros(30 * Micros::DAY.0);
const NOW: Timestamp = Timestamp(1_763_885_730_000_000);

fn region() -> Region {
    "eu".parse().unwrap()
}

fn open(folder: &Path) -> Pki {
    Pki::open(folder, &region(), &["fleet.example".to_owned(), "192.0.2.7".to_owned()], VALIDITY, NOW)
        .unwrap()
}

fn csr(common_name: &str) -> String {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::new(vec!["evil.example".to_owned()]).unwrap();
    params.distinguished_name = name(common_name);
    params.serialize_request(&key).unwrap().pem().unwrap()
}

fn issue(pki: &Pki, vehicle: VehicleId, csr_pem: &str) -> Result<Issued, PkiError> {
    pki.issue(vehicle, &Request::from_pem(csr_pem)?, NOW)
}

#[test]
fn a_car_is_named_by_the_registry_and_not_by_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let pki = open(folder.path());
    let vehicle = VehicleId::from_bytes([7; 16]);
    let issued = issue(&pki, vehicle, &csr("urn:marque:vehicle:eu:00")).unwrap();
    let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
    assert_eq!(issued.certificate.record.fingerprint, fingerprint(&der));
    let (_, certificate) = X509Certificate::from_der(&der).unwrap();
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    let urn = format!("urn:marque:vehicle:eu:{vehicle}");
    assert_eq!(names.value.general_names, [GeneralName::URI(&urn)]);
    assert_eq!(certificate.subject().to_string(), format!("CN={vehicle}"));
    assert!(!certificate.is_ca());
    assert_eq!(
        certificate.validity().not_after.timestamp(),
        issued.certificate.record.not_after.0 / 1_000_000
    );
}

#[test]
fn a_gateway_accepts_the_certificate_while_it_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let pki = open(folder.path());
    let issued = issue(&pki, VehicleId::from_bytes([1; 16]), &csr("x")).unwrap();
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
    assert!(at(NOW + VALIDITY + Micros::SECOND).is_err());
    assert!(at(NOW - Micros::DAY).is_err());
}

#[test]
fn keys_survive_a_restart_and_only_their_owner_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let second = open(folder.path());
    assert_eq!(first.ca_pem(), second.ca_pem());
    assert_eq!(first.server().chain(), second.server().chain());
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
    let renamed = Pki::open(folder.path(), &region(), &[], VALIDITY, NOW).unwrap();
    assert_ne!(first.server().chain(), renamed.server().chain());
    let later = NOW + Micros(70 * Micros::DAY.0);
    let renewed = Pki::open(folder.path(), &region(), &[], VALIDITY, later).unwrap();
    assert_ne!(renamed.server().chain(), renewed.server().chain());
    assert_eq!(first.ca_pem(), renewed.ca_pem());
}

/// The leaf that a client of this moment is shown.
fn presented(config: &Arc<rustls::ServerConfig>, pki: &Pki) -> CertificateDer<'static> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pki.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = rustls::ServerConnection::new(Arc::clone(config)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        bytes.clear();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    client.peer_certificates().unwrap()[0].clone()
}

#[test]
fn a_running_listener_presents_the_renewed_certificate() {
    let folder = tempfile::tempdir().unwrap();
    // The client of this test reads the machine's clock.
    let now = crate::clock::Clock::system().now();
    let pki = Pki::open(folder.path(), &region(), &[], VALIDITY, now).unwrap();
    let identity: Arc<ServerIdentity> = Arc::clone(pki.server());
    let config = crate::http::server::tls_config(identity, false).unwrap();
    let first = presented(&config, &pki);
    assert!(!pki.renew_server(now + Micros(59 * Micros::DAY.0)).unwrap());
    assert_eq!(presented(&config, &pki), first);
    assert!(pki.renew_server(now + Micros(61 * Micros::DAY.0)).unwrap());
    let second = pki.server().chain().remove(0);
    assert_ne!(second, first);
    let reopened =
        Pki::open(folder.path(), &region(), &[], VALIDITY, now + Micros(61 * Micros::DAY.0)).unwrap();
    assert_eq!(reopened.server().chain()[0], second);
}

#[test]
fn a_server_key_without_its_certificate_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let other = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    std::fs::write(folder.path().join("server-key.pem"), other.serialize_pem()).unwrap();
    assert_ne!(open(folder.path()).server().chain(), first.server().chain());
}

#[test]
fn a_ca_without_its_certificate_keeps_its_key_and_the_trust_of_its_cars() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let key = std::fs::read(folder.path().join("ca-key.pem")).unwrap();
    std::fs::remove_file(folder.path().join("ca.pem")).unwrap();
    let second = open(folder.path());
    assert_eq!(std::fs::read(folder.path().join("ca-key.pem")).unwrap(), key);
    let vehicle = VehicleId::from_bytes([1; 16]);
    for (issuer, trusted) in [(&first, &second), (&second, &first)] {
        let issued = issue(issuer, vehicle, &csr("x")).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(trusted.ca_pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
        let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_micros(NOW.0.unsigned_abs()));
        verifier.verify_client_cert(&der, &[], now).unwrap();
    }
}

#[test]
fn a_ca_whose_key_is_gone_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let pki = open(folder.path());
    std::fs::remove_file(folder.path().join("ca-key.pem")).unwrap();
    let error = Pki::open(folder.path(), &region(), &[], VALIDITY, NOW).unwrap_err();
    assert!(matches!(error, PkiError::Missing { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(folder.path().join("ca.pem")).unwrap(), pki.ca_pem());
    assert!(!folder.path().join("ca-key.pem").exists());
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
        let error = issue(&pki, vehicle, bad).unwrap_err();
        assert!(matches!(error, PkiError::Csr), "{error}");
    }
}

#[test]
fn a_damaged_key_is_never_replaced_silently() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    std::fs::write(folder.path().join("ca-key.pem"), "x").unwrap();
    let error = Pki::open(folder.path(), &region(), &[], VALIDITY, NOW).unwrap_err();
    assert!(matches!(error, PkiError::Damaged { .. }), "{error}");
}
