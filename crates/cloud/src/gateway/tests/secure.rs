//! What mutual TLS adds: who a car is comes from its certificate, at every connection anew.

use std::sync::Arc;

use link::{Error as LinkError, ReasonCode, client, tls};
use model::{Lane, VehicleId};
use proptest::prelude::*;
use rcgen::{CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use wire::topic::Topic;

use super::fakes::{Stage, batch, vehicle};
use crate::gateway::{
    Denial, Transport,
    tls::{Read, Tls, TlsError, vehicle_of},
};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    roots: Arc<RootCertStore>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, "authority");
        params.distinguished_name = name;
        let certificate = params.self_signed(&key).unwrap();
        let roots = tls::roots(&[certificate.der().clone()]).unwrap();
        Self { issuer: Issuer::new(params, key), roots }
    }

    fn identity(&self, names: Vec<SanType>) -> tls::Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        tls::Identity { chain: vec![certificate.der().clone()], key }
    }

    fn car(&self, urns: &[String]) -> Arc<ClientConfig> {
        let names = urns.iter().map(|urn| SanType::URI(urn.as_str().try_into().unwrap())).collect();
        tls::client_config(self.identity(names), Arc::clone(&self.roots)).unwrap()
    }

    fn stage(&self) -> Stage {
        let server = self.identity(vec![SanType::DnsName("localhost".try_into().unwrap())]);
        let config = tls::server_config(server, Arc::clone(&self.roots)).unwrap();
        Stage::with(|settings| settings.transport = Transport::Tls(config))
    }
}

fn urn(number: u8) -> String {
    format!("urn:marque:vehicle:eu:{}", vehicle(number))
}

/// Connects with a certificate under a client identifier.
#[expect(clippy::unwrap_in_result, reason = "the name is valid; the result is the connection's")]
fn open(stage: &Stage, config: &Arc<ClientConfig>, id: VehicleId) -> Result<client::Connection, LinkError> {
    let name = ServerName::try_from("localhost").expect("it is a name");
    let address = stage.gateway.address();
    let options = client::Options::default();
    stage.runtime.block_on(client::Connection::open(address, name, Arc::clone(config), id, options))
}

#[track_caller]
fn check_refused(result: Result<client::Connection, LinkError>, expected: ReasonCode) {
    match result {
        Err(LinkError::Refused { reason, .. }) => assert_eq!(reason, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_car_is_its_certificate_and_its_batches_are_taken() {
    let authority = Authority::new();
    let stage = authority.stage();
    let config = authority.car(&[urn(1)]);
    for resumed in [false, true] {
        let mut car = open(&stage, &config, vehicle(1)).unwrap();
        assert_eq!(car.is_resumed(), resumed);
        let mut ids = Vec::new();
        for seq in 0..20 {
            ids.push(car.publish(Topic::Up(Lane::Live), &batch(seq)).unwrap());
        }
        for id in ids {
            let event = stage.runtime.block_on(car.next()).unwrap();
            assert_eq!(event, client::Event::Taken { id });
        }
        stage.runtime.block_on(car.close()).unwrap();
    }
    let metrics = stage.gateway.metrics();
    assert_eq!((metrics.handshakes_full, metrics.handshakes_resumed), (1, 1));
}

#[test]
fn the_client_identifier_may_not_be_another_cars() {
    let authority = Authority::new();
    let stage = authority.stage();
    let result = open(&stage, &authority.car(&[urn(1)]), vehicle(2));
    check_refused(result, ReasonCode::ClientIdentifierNotValid);
}

#[test]
fn a_car_of_another_region_is_sent_home() {
    let authority = Authority::new();
    let stage = authority.stage();
    let config = authority.car(&[format!("urn:marque:vehicle:us:{}", vehicle(1))]);
    check_refused(open(&stage, &config, vehicle(1)), ReasonCode::NotAuthorized);
}

#[test]
fn a_revoked_certificate_is_refused_also_when_the_session_is_resumed() {
    let authority = Authority::new();
    let stage = authority.stage();
    let config = authority.car(&[urn(1)]);
    stage.runtime.block_on(open(&stage, &config, vehicle(1)).unwrap().close()).unwrap();
    stage.registry.deny(Some(Denial::Revoked));
    check_refused(open(&stage, &config, vehicle(1)), ReasonCode::Banned);
    assert_eq!(stage.gateway.metrics().handshakes_resumed, 1);
}

#[test]
fn a_certificate_that_names_no_vehicle_or_two_ends_the_connection() {
    let authority = Authority::new();
    let stage = authority.stage();
    for urns in [vec!["urn:marque:charger:eu:1".to_owned()], vec![urn(1), urn(2)]] {
        let result = open(&stage, &authority.car(&urns), vehicle(1));
        assert!(matches!(result, Err(LinkError::Closed | LinkError::Io(_))), "{result:?}");
    }
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let stage = ours.stage();
    let stranger = theirs.identity(vec![SanType::URI(urn(1).as_str().try_into().unwrap())]);
    let config = tls::client_config(stranger, Arc::clone(&ours.roots)).unwrap();
    let result = open(&stage, &config, vehicle(1));
    assert!(matches!(result, Err(LinkError::Io(_))), "{result:?}");
    assert_eq!(stage.gateway.metrics().handshakes_failed, 1);
}

#[test]
fn a_handshake_that_hangs_is_closed() {
    let authority = Authority::new();
    let server = authority.identity(vec![SanType::DnsName("localhost".try_into().unwrap())]);
    let config = tls::server_config(server, Arc::clone(&authority.roots)).unwrap();
    let stage = Stage::with(|settings| {
        settings.transport = Transport::Tls(config);
        settings.handshake_timeout = std::time::Duration::from_millis(50);
    });
    assert_eq!(stage.phone().hear(), "end");
}

#[test]
fn plain_bytes_to_a_tls_listener_disturb_nobody() {
    let authority = Authority::new();
    let stage = authority.stage();
    let mut stray = stage.phone();
    stray.send_bytes(b"GET / HTTP/1.1\r\n\r\n");
    let config = authority.car(&[urn(1)]);
    assert!(open(&stage, &config, vehicle(1)).is_ok());
}

#[test]
fn the_certificates_vehicle_is_read_from_its_one_uri() {
    let authority = Authority::new();
    let leaf = |names| -> CertificateDer<'static> { authority.identity(names).chain.remove(0) };
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let found = vehicle_of(&leaf(vec![uri(&urn(3))])).unwrap();
    assert_eq!(found.vehicle, vehicle(3));
    for names in [Vec::new(), vec![uri("urn:x:y")], vec![uri(&urn(1)), uri(&urn(2))]] {
        assert!(vehicle_of(&leaf(names)).is_err());
    }
}

/// Both ends of TLS without a socket: the client's bytes reach ours in pieces.
fn handshake(pieces: usize) -> (Tls, rustls::ClientConnection) {
    let authority = Authority::new();
    let server = authority.identity(vec![SanType::DnsName("localhost".try_into().unwrap())]);
    let mut ours = Tls::new(tls::server_config(server, Arc::clone(&authority.roots)).unwrap()).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut theirs = rustls::ClientConnection::new(authority.car(&[urn(1)]), name).unwrap();
    while theirs.is_handshaking() || ours.is_handshaking() {
        let mut bytes = Vec::new();
        while theirs.wants_write() {
            theirs.write_tls(&mut bytes).unwrap();
        }
        let (mut plain, mut cipher) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(pieces) {
            deliver(&mut ours, piece, &mut plain, &mut cipher).unwrap();
        }
        let mut rest = cipher.as_slice();
        while !rest.is_empty() {
            theirs.read_tls(&mut rest).unwrap();
            theirs.process_new_packets().unwrap();
        }
    }
    (ours, theirs)
}

fn deliver(
    ours: &mut Tls,
    piece: &[u8],
    plain: &mut Vec<u8>,
    cipher: &mut Vec<u8>,
) -> Result<Read, TlsError> {
    let mut buffer = vec![0; 100_000 + piece.len()];
    let held = ours.restore(&mut buffer);
    buffer[held..held + piece.len()].copy_from_slice(piece);
    ours.read(&mut buffer[..held + piece.len()], plain, cipher)
}

#[test]
fn a_handshake_in_any_pieces_is_the_same() {
    for pieces in [1, 7, 100, 5_000] {
        let (mut ours, mut theirs) = handshake(pieces);
        let (urn, _) = ours.identity().unwrap();
        assert_eq!(urn.vehicle, vehicle(1));
        std::io::Write::write_all(&mut theirs.writer(), &[7; 50_000]).unwrap();
        let mut bytes = Vec::new();
        while theirs.wants_write() {
            theirs.write_tls(&mut bytes).unwrap();
        }
        let (mut plain, mut cipher) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(pieces.max(50)) {
            // Also writing between the pieces of a record loses nothing.
            deliver(&mut ours, piece, &mut plain, &mut cipher).unwrap();
            ours.write(b"x", &mut cipher).unwrap();
        }
        assert_eq!(plain, [7; 50_000]);
        let mut rest = cipher.as_slice();
        let mut heard = 0;
        while !rest.is_empty() {
            theirs.read_tls(&mut rest).unwrap();
            heard += theirs.process_new_packets().unwrap().plaintext_bytes_to_read();
            std::io::copy(&mut theirs.reader(), &mut std::io::sink()).ok();
        }
        assert_eq!(heard, bytes.chunks(pieces.max(50)).count());
    }
}

proptest! {
    #[test]
    fn hostile_bytes_never_make_tls_panic(
        first in proptest::collection::vec(any::<u8>(), 0..300),
        kind in 20_u8..25,
        cut in 1_usize..40,
        secured: bool,
    ) {
        let mut ours = if secured {
            handshake(10_000).0
        } else {
            let authority = Authority::new();
            let server = authority.identity(vec![SanType::DnsName("localhost".try_into().unwrap())]);
            Tls::new(tls::server_config(server, Arc::clone(&authority.roots)).unwrap()).unwrap()
        };
        let mut record = vec![kind, 3, 3];
        record.extend_from_slice(&u16::try_from(first.len()).unwrap().to_be_bytes());
        record.extend_from_slice(&first);
        let (mut plain, mut cipher) = (Vec::new(), Vec::new());
        for piece in record.chunks(cut).chain(record.chunks(cut)) {
            if let Err(error) = deliver(&mut ours, piece, &mut plain, &mut cipher) {
                let panicked = matches!(error, TlsError::Panicked);
                prop_assert!(!panicked);
                break;
            }
            // Also answering in the middle of a record must not.
            drop(ours.write(b"x", &mut cipher));
        }
        drop(ours.close(&mut cipher));
        prop_assert!(plain.is_empty());
    }
}
