//! Cars' certificates over EST, as clients meet it: real TLS, our own client and curl with openssl.

use std::{
    net::IpAddr,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use link::{client::Connection, est, tls};
use model::{Micros, Timestamp, VehicleId};
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use reqwest::{Client, Response};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use super::*;

/// "Within seconds": what the issue asks for, and CI machines are slow.
const SENT_AWAY: Duration = Duration::from_secs(5);

/// A platform, a car, and what its factory knows.
struct Factory {
    fixture: Fixture,
    ca: String,
    vehicle: String,
    credential: String,
    /// How far the platform's clock is ahead, in microseconds.
    ahead: Arc<AtomicI64>,
}

impl Factory {
    async fn new(validity: Micros) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ahead = Arc::new(AtomicI64::new(0));
        let offset = Arc::clone(&ahead);
        let clock = Clock::from_fn(move || Clock::system().now() + Micros(offset.load(Ordering::Relaxed)));
        let platform = start_at(&folder, clock, |options| options.car_validity = validity).await;
        let ca = std::fs::read_to_string(folder.path().join("data/pki/eu/ca.pem")).unwrap();
        let fixture = Fixture::of(platform, folder).await;
        let vehicle = fixture.car(1, "peugeot", "e-208").await;
        let credential = draw(&fixture, &vehicle).await;
        Self { fixture, ca, vehicle, credential, ahead }
    }

    async fn month() -> Self {
        Self::new(Options::CAR_VALIDITY).await
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{}/{path}", self.fixture.platform.est_address().port(), est::PATH)
    }

    /// A client; with a certificate and its key if they are given.
    fn client(&self, identity: Option<&(String, KeyPair)>) -> Client {
        self.client_from([127, 0, 0, 1], identity)
    }

    /// The same from an address of this machine, which all of 127/8 are.
    fn client_from(&self, from: [u8; 4], identity: Option<&(String, KeyPair)>) -> Client {
        let authority = reqwest::Certificate::from_pem(self.ca.as_bytes()).unwrap();
        let mut builder = Client::builder().tls_certs_only([authority]).local_address(IpAddr::from(from));
        if let Some((certificate, key)) = identity {
            let pem = format!("{certificate}{}", key.serialize_pem());
            builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        builder.build().unwrap()
    }

    async fn enrol_with(&self, vehicle: &str, credential: &str, csr: &[u8]) -> Response {
        self.enrol_from([127, 0, 0, 1], vehicle, credential, csr).await
    }

    async fn enrol_from(&self, from: [u8; 4], vehicle: &str, credential: &str, csr: &[u8]) -> Response {
        let request = self.client_from(from, None).post(self.url("simpleenroll"));
        let request = request.basic_auth(vehicle, Some(credential));
        request.header("content-type", est::PKCS10).body(est::to_body(csr)).send().await.unwrap()
    }

    async fn enrol(&self, csr: &[u8]) -> Response {
        self.enrol_with(&self.vehicle, &self.credential, csr).await
    }

    /// A car with its first certificate.
    async fn enrolled(&self) -> (String, KeyPair) {
        let (key, csr) = plain();
        (pem(&certificate(self.enrol(&csr).await).await), key)
    }

    async fn renew(&self, client: &Client, csr: &[u8]) -> Result<Response, reqwest::Error> {
        let request = client.post(self.url("simplereenroll")).header("content-type", est::PKCS10);
        request.body(est::to_body(csr)).send().await
    }

    fn tls(&self, (certificate, key): &(String, KeyPair)) -> Arc<rustls::ClientConfig> {
        let identity =
            tls::Identity::from_pem(certificate.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
        let roots = tls::roots(&tls::certificates(self.ca.as_bytes()).unwrap()).unwrap();
        tls::client_config(identity, roots).unwrap()
    }

    async fn connect(&self, config: &Arc<rustls::ClientConfig>) -> Result<Connection, link::Error> {
        let vehicle: VehicleId = self.vehicle.parse().unwrap();
        let server = ServerName::try_from("localhost").unwrap();
        let address = self.fixture.platform.mqtt_address();
        Connection::open(address, server, Arc::clone(config), vehicle, link::client::Options::default()).await
    }

    async fn revoke(&self) {
        let path = format!("/v1/vehicles/{}/certificates", self.vehicle);
        self.fixture.call(Method::DELETE, &path, None, &[]).await.expect(200);
    }
}

async fn start_at(folder: &TempDir, clock: Clock, change: impl FnOnce(&mut Options)) -> Platform {
    let any_port = "127.0.0.1:0".parse().unwrap();
    let mut options = Options {
        data: folder.path().join("data"),
        http: any_port,
        mqtt: any_port,
        est: any_port,
        ..Options::default()
    };
    change(&mut options);
    Platform::start(options.resolve().unwrap(), clock).await.unwrap()
}

async fn draw(fixture: &Fixture, vehicle: &str) -> String {
    let path = format!("/v1/vehicles/{vehicle}/enrolment-credential");
    fixture.step_up().await;
    let drawn = fixture.post(&path, json!({})).await.expect(201);
    assert_eq!(drawn["vehicle_id"], vehicle);
    drawn["credential"].as_str().unwrap().to_owned()
}

/// A key, and a request (DER) that names nobody.
fn plain() -> (KeyPair, Vec<u8>) {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let csr = request_of(&key, |_| {});
    (key, csr)
}

fn request_of(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::default();
    change(&mut params);
    params.serialize_request(key).unwrap().der().to_vec()
}

async fn certificate(response: Response) -> CertificateDer<'static> {
    assert_eq!(response.status(), 200, "{:?}", response.text().await);
    assert_eq!(response.headers()["content-type"], est::CERTS_ONLY);
    let message = est::from_body(&response.bytes().await.unwrap()).unwrap();
    est::certificates_of(&message).unwrap().remove(0)
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    cloud::pki::pem(certificate)
}

/// The gateway ends the connection within this time; hints may come before.
async fn sent_away(link: &mut Connection, within: Duration) {
    let gone = tokio::time::timeout(within, async {
        loop {
            if let Err(error) = link.next().await {
                return error;
            }
        }
    });
    let gone = gone.await.unwrap();
    assert!(matches!(gone, link::Error::Disconnected { .. }), "{gone}");
}

async fn refused(response: Response, status: u16) -> String {
    assert_eq!(response.status(), status, "{response:?}");
    response.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn est_gives_the_authorities_and_says_which_keys_it_wants() {
    let factory = Factory::month().await;
    let client = factory.client(None);
    let answer = client.get(factory.url("cacerts")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], est::PKCS7);
    assert_eq!(answer.headers()["content-transfer-encoding"], "base64");
    let message = est::from_body(&answer.bytes().await.unwrap()).unwrap();
    let authorities = tls::certificates(factory.ca.as_bytes()).unwrap();
    assert_eq!(est::certificates_of(&message).unwrap(), authorities);
    let answer = client.get(factory.url("csrattrs")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], est::CSR_ATTRIBUTES);
    let attributes = est::from_body(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(attributes, est::csr_attributes());
    // There is one authority: a label names none.
    for (path, status) in [("eu/cacerts", 404), ("", 404), ("serverkeygen", 404), ("simpleenroll", 405)] {
        refused(client.get(factory.url(path)).send().await.unwrap(), status).await;
    }
    factory.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn est_takes_a_car_from_its_credential_to_its_second_key_without_a_gap() {
    let factory = Factory::month().await;
    let first = factory.enrolled().await;
    let leaf = tls::certificates(first.0.as_bytes()).unwrap().remove(0);
    let facts = est::facts(&leaf).unwrap();
    let days = facts.not_after.since(facts.not_before).0 / Micros::DAY.0;
    assert_eq!(days, 30);
    let mut link = factory.connect(&factory.tls(&first)).await.unwrap();
    let (key, csr) = plain();
    let renewed = factory.renew(&factory.client(Some(&first)), &csr).await.unwrap();
    let second = (pem(&certificate(renewed).await), key);
    assert_ne!(first.0, second.0);
    // The old one goes on until the new one waits at the door, and then gives way to it.
    link.hand_over();
    let gives_way = async move { while link.next().await.is_ok() {} };
    let config = factory.tls(&second);
    let (next, ()) = tokio::join!(factory.connect(&config), gives_way);
    drop(next.unwrap());
    drop(factory.connect(&factory.tls(&first)).await.unwrap());
    // The same key may be certified again.
    let same = request_of(&second.1, |_| {});
    certificate(factory.renew(&factory.client(Some(&second)), &same).await.unwrap()).await;
    factory.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn est_answers_every_credential_that_lets_nobody_in_alike() {
    let factory = Factory::month().await;
    let (key, csr) = plain();
    let first = certificate(factory.enrol(&csr).await).await;
    // The answer was lost: the same key hears it again, for ten minutes.
    assert_eq!(certificate(factory.enrol(&csr).await).await, first);
    assert_eq!(certificate(factory.enrol(&request_of(&key, |_| {})).await).await, first);
    let mut answers = vec![factory.enrol(&plain().1).await];
    factory.ahead.store(11 * Micros::MINUTE.0, Ordering::Relaxed);
    answers.push(factory.enrol(&csr).await);
    let other = factory.fixture.car(2, "opel", "Astra").await;
    answers.push(factory.enrol_with(&other, &factory.credential, &csr).await);
    let voided = draw(&factory.fixture, &other).await;
    let path = format!("/v1/vehicles/{other}/enrolment-credential");
    let void = factory.fixture.call(Method::DELETE, &path, None, &[]).await.expect(200);
    assert_eq!(void, json!({ "revoked": true }));
    answers.push(factory.enrol_with(&other, &voided, &plain().1).await);
    let replaced = draw(&factory.fixture, &other).await;
    let current = draw(&factory.fixture, &other).await;
    answers.push(factory.enrol_with(&other, &replaced, &plain().1).await);
    answers.push(factory.enrol_with(&other, "", &plain().1).await);
    answers.push(factory.enrol_with(&"0".repeat(32), &current, &plain().1).await);
    answers.push(factory.enrol_with("no vehicle", &current, &plain().1).await);
    answers.push(factory.enrol_with(&other, &replaced, b"no request").await);
    factory.ahead.store(91 * Micros::DAY.0, Ordering::Relaxed);
    answers.push(factory.enrol_with(&other, &current, &plain().1).await);
    let mut texts = std::collections::BTreeSet::new();
    for answer in answers {
        assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic realm="));
        texts.insert(refused(answer, 401).await);
    }
    assert_eq!(texts.len(), 1, "{texts:?}");
    factory.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn est_gives_one_of_many_who_race_with_a_credential_its_certificate() {
    let factory = Arc::new(Factory::month().await);
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let factory = Arc::clone(&factory);
            tokio::spawn(async move { factory.enrol(&plain().1).await.status().as_u16() })
        })
        .collect();
    let mut answers = Vec::new();
    for racer in racers {
        answers.push(racer.await.unwrap());
    }
    answers.sort_unstable();
    assert_eq!(answers, [200, 401, 401, 401, 401, 401, 401, 401]);
}

#[tokio::test(flavor = "multi_thread")]
async fn est_refuses_requests_that_name_another_car_or_a_vin_and_keeps_the_credential() {
    let factory = Factory::month().await;
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let foreign = "cd".repeat(16);
    let named = |name: &str| {
        request_of(&key, |params| params.distinguished_name.push(DnType::CommonName, name.to_owned()))
    };
    let also = |name: String| {
        request_of(&key, |params| params.subject_alt_names = vec![SanType::URI(name.try_into().unwrap())])
    };
    for (csr, word) in [
        (named("VF3CCHMZ0KT000001"), "VIN"),
        (named(&foreign), "another car"),
        (also(format!("urn:marque:vehicle:eu:{foreign}")), "another car"),
        (also(format!("urn:marque:vehicle:us:{}", factory.vehicle)), "another car"),
        (also("https://cars.example/VF3CCHMZ0KT000001".to_owned()), "VIN"),
    ] {
        let text = refused(factory.enrol(&csr).await, 400).await;
        assert!(text.contains(word) && !text.contains("VF3"), "{text}");
    }
    // What agrees with the car, and what names nothing of ours, is passed over.
    let own = format!("urn:marque:vehicle:eu:{}", factory.vehicle);
    let agreeing = request_of(&key, |params| {
        params.distinguished_name.push(DnType::CommonName, "telematics unit 7".to_owned());
        params.subject_alt_names = vec![SanType::URI(own.try_into().unwrap())];
    });
    let enrolled = (pem(&certificate(factory.enrol(&agreeing).await).await), key);
    let stranger = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let csr = request_of(&stranger, |params| {
        params.distinguished_name.push(DnType::CommonName, foreign);
    });
    let client = factory.client(Some(&enrolled));
    refused(factory.renew(&client, &csr).await.unwrap(), 400).await;
    factory.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn est_refuses_what_is_no_request() {
    let factory = Factory::month().await;
    let client = factory.client(None);
    let (_, csr) = plain();
    let send = async |kind: &str, body: Vec<u8>| {
        let request = client.post(factory.url("simpleenroll")).header("content-type", kind);
        let request = request.basic_auth(&factory.vehicle, Some(&factory.credential));
        request.body(body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(send("application/json", est::to_body(&csr).into_bytes()).await, 415);
    assert_eq!(send(est::PKCS10, vec![b'A'; est::BODY_BYTES_MAX + 1]).await, 413);
    assert_eq!(send(est::PKCS10, Vec::new()).await, 400);
    assert_eq!(send(est::PKCS10, csr.clone()).await, 400);
    assert_eq!(send(est::PKCS10, est::to_body(&csr[..csr.len() - 1]).into_bytes()).await, 400);
    let mut forged = csr.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(send(est::PKCS10, est::to_body(&forged).into_bytes()).await, 400);
    let mut longer = csr.clone();
    longer.push(0);
    assert_eq!(send(est::PKCS10, est::to_body(&longer).into_bytes()).await, 400);
    let rsa = KeyPair::from_pem(RSA_KEY).unwrap();
    assert_eq!(send(est::PKCS10, est::to_body(&request_of(&rsa, |_| {})).into_bytes()).await, 400);
    // Without credentials the client hears how to sign in.
    let request = client.post(factory.url("simpleenroll")).header("content-type", est::PKCS10);
    refused(request.body(est::to_body(&csr)).send().await.unwrap(), 401).await;
    assert_eq!(send("application/pkcs10; charset=utf-8", est::to_body(&csr).into_bytes()).await, 200);
    factory.fixture.platform.stop().await;
}

/// Made for this test (`openssl genrsa 2048`, PKCS#8).
const RSA_KEY: &str = include_str!("rsa-key.pem");

#[tokio::test(flavor = "multi_thread")]
async fn est_slows_down_who_guesses() {
    let factory = Factory::month().await;
    guess(&factory, [127, 0, 0, 1]).await;
    let answer = factory.enrol_with(&factory.vehicle, "wrong", &plain().1).await;
    assert!(answer.headers().contains_key("retry-after"));
    factory.fixture.platform.stop().await;
}

/// Somebody guesses the car's credential until the address hears no more.
async fn guess(factory: &Factory, from: [u8; 4]) {
    let (_, csr) = plain();
    let mut last = 0;
    for _ in 0..60 {
        last = factory.enrol_from(from, &factory.vehicle, "wrong", &csr).await.status().as_u16();
        if last == 429 {
            return;
        }
    }
    panic!("{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_crowd_of_guessers_the_log_has_few_entries_and_names_none_for_all() {
    let factory = Factory::month().await;
    let (_, csr) = plain();
    for network in 0..140 {
        refused(factory.enrol_from([127, 0, network, 1], &factory.vehicle, "wrong", &csr).await, 401).await;
    }
    let told = audit::told(&factory.fixture);
    let told = told.iter().filter(|(action, ..)| action == "certificate.enrol").map(|(.., reason)| reason);
    let (apart, crowd): (Vec<_>, Vec<_>) = told.partition(|reason| reason.starts_with("credential"));
    assert_eq!((apart.len(), crowd.as_slice()), (128, &[&"crowd".to_owned()][..]));
    factory.fixture.platform.stop().await;
}

/// The vehicle's id is in every URL.
#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_keeps_no_car_from_enrolling_and_none_from_renewing() {
    let factory = Factory::month().await;
    guess(&factory, [127, 0, 0, 2]).await;
    let enrolled = factory.enrolled().await;
    // From the car's own address, too, as behind a carrier's NAT.
    guess(&factory, [127, 0, 0, 1]).await;
    certificate(factory.renew(&factory.client(Some(&enrolled)), &plain().1).await.unwrap()).await;
    factory.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn est_renews_one_car_so_often_and_another_all_the_same() {
    let factory = Factory::month().await;
    let enrolled = factory.enrolled().await;
    let client = factory.client(Some(&enrolled));
    let csr = plain().1;
    let mut last = 0;
    for _ in 0..60 {
        last = factory.renew(&client, &csr).await.unwrap().status().as_u16();
        if last == 429 {
            break;
        }
    }
    assert_eq!(last, 429);
    let other = factory.fixture.car(2, "opel", "Astra").await;
    let credential = draw(&factory.fixture, &other).await;
    certificate(factory.enrol_with(&other, &credential, &plain().1).await).await;
    factory.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn est_keeps_first_and_next_certificates_apart() {
    let factory = Factory::month().await;
    let (_, csr) = plain();
    refused(factory.renew(&factory.client(None), &csr).await.unwrap(), 403).await;
    let enrolled = factory.enrolled().await;
    let path = format!("/v1/vehicles/{}/enrolment-credential", factory.vehicle);
    factory.fixture.post(&path, json!({})).await.problem(409, "conflict");
    let replacement = factory.fixture.post(&format!("{path}/replacement"), json!({})).await.expect(201);
    let credential = replacement["credential"].as_str().unwrap();
    let with_both = factory.client(Some(&enrolled)).post(factory.url("simpleenroll"));
    let with_both = with_both.basic_auth(&factory.vehicle, Some(credential));
    let with_both = with_both.header("content-type", est::PKCS10).body(est::to_body(&csr));
    refused(with_both.send().await.unwrap(), 403).await;
    // A replacement takes back what the car had, also on its live connection.
    let mut link = factory.connect(&factory.tls(&enrolled)).await.unwrap();
    certificate(factory.enrol_with(&factory.vehicle, credential, &csr).await).await;
    sent_away(&mut link, SENT_AWAY).await;
    assert!(factory.renew(&factory.client(Some(&enrolled)), &plain().1).await.is_err());
    factory.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn est_lets_no_key_be_two_cars_and_none_that_was_taken_back() {
    let factory = Factory::month().await;
    let (key, csr) = plain();
    let first = (pem(&certificate(factory.enrol(&csr).await).await), key);
    let other = factory.fixture.car(2, "opel", "Astra").await;
    let credential = draw(&factory.fixture, &other).await;
    // The request was recorded on the first car's line, and is replayed for another.
    let text = refused(factory.enrol_with(&other, &credential, &csr).await, 400).await;
    assert!(text.contains("another car"), "{text}");
    factory.revoke().await;
    let path = format!("/v1/vehicles/{}/enrolment-credential/replacement", factory.vehicle);
    let again = factory.fixture.post(&path, json!({})).await.expect(201);
    let answer = factory.enrol_with(&factory.vehicle, again["credential"].as_str().unwrap(), &csr).await;
    let text = refused(answer, 400).await;
    assert!(text.contains("taken back"), "{text}");
    drop(first);
    factory.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn est_ends_with_revocation_at_the_handshake_and_on_a_live_connection() {
    let factory = Factory::month().await;
    let enrolled = factory.enrolled().await;
    let client = factory.client(Some(&enrolled));
    certificate(factory.renew(&client, &plain().1).await.unwrap()).await;
    factory.revoke().await;
    // The client keeps its connection: no handshake stands between.
    let live = factory.renew(&client, &plain().1).await.unwrap();
    refused(live, 403).await;
    let anew = factory.client(Some(&enrolled));
    assert!(factory.renew(&anew, &plain().1).await.is_err());
    assert!(anew.get(factory.url("cacerts")).send().await.is_err());
    factory.fixture.platform.stop().await;
}

/// Sends a request over a connection that stays open, and gives the answer's status.
async fn exchange(
    stream: &mut BufReader<tokio_rustls::client::TlsStream<TcpStream>>,
    method: &str,
    path: &str,
    body: &str,
) -> u16 {
    let request = format!(
        "{method} {}/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n{body}",
        est::PATH,
        est::PKCS10,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest.split(' ').next().unwrap().parse().unwrap();
        } else if let Some(rest) = line.strip_prefix("content-length:") {
            length = rest.trim().parse().unwrap();
        } else if line.is_empty() {
            break;
        }
    }
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn est_takes_no_certificate_that_has_expired() {
    let factory = Factory::new(Micros::from_secs(3)).await;
    let enrolled = factory.enrolled().await;
    // One connection, whose certificate ends while it is open.
    let tcp = TcpStream::connect(factory.fixture.platform.est_address()).await.unwrap();
    let mut config = Arc::unwrap_or_clone(factory.tls(&enrolled));
    config.alpn_protocols.clear();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let server = ServerName::try_from("localhost").unwrap();
    let mut stream = BufReader::new(connector.connect(server, tcp).await.unwrap());
    assert_eq!(exchange(&mut stream, "GET", "cacerts", "").await, 200);
    factory.ahead.store(4 * Micros::SECOND.0, Ordering::Relaxed);
    let body = est::to_body(&plain().1);
    assert_eq!(exchange(&mut stream, "POST", "simplereenroll", &body).await, 403);
    assert!(factory.renew(&factory.client(Some(&enrolled)), &plain().1).await.is_err());
    factory.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_connection_ends_with_its_certificate_and_comes_back_by_no_handshake() {
    let factory = Factory::month().await;
    let enrolled = factory.enrolled().await;
    let config = factory.tls(&enrolled);
    let mut link = factory.connect(&config).await.unwrap();
    factory.revoke().await;
    sent_away(&mut link, SENT_AWAY).await;
    // With the ticket of the first connection, then without.
    for config in [config, factory.tls(&enrolled)] {
        let refused = factory.connect(&config).await.map(drop).unwrap_err();
        assert!(refused.to_string().contains("revoked"), "{refused}");
    }
    factory.fixture.platform.stop().await;

    let factory = Factory::new(Micros::from_secs(2)).await;
    let enrolled = factory.enrolled().await;
    let config = factory.tls(&enrolled);
    let mut link = factory.connect(&config).await.unwrap();
    let end = est::facts(&tls::certificates(enrolled.0.as_bytes()).unwrap()[0]).unwrap().not_after;
    let left: Timestamp = Clock::system().now();
    let patience = end.since(left).to_duration() + SENT_AWAY;
    sent_away(&mut link, patience).await;
    for config in [config, factory.tls(&enrolled)] {
        assert!(factory.connect(&config).await.is_err());
    }
    factory.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vin_alone_certifies_no_other_key() {
    let fixture = Fixture::new().await;
    let enrol = async |number: u32, csr: Option<&str>| {
        let vehicle = json!({ "vehicle": new_vehicle(number, "peugeot", "208"), "csr_pem": csr });
        fixture.post("/v1/vehicles/enrolments", json!({ "vehicles": [vehicle] })).await
    };
    let (_, first) = csr();
    let enrolled = enrol(1, Some(&first)).await.expect(200);
    let again = enrol(1, Some(&first)).await.expect(200);
    assert_eq!(again["items"][0]["certificate_pem"], enrolled["items"][0]["certificate_pem"]);
    assert_eq!(again["items"][0]["created"], false);
    let (_, other) = csr();
    let problem = enrol(1, Some(&other)).await.problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("EST"), "{problem}");
    // Without a request it only says which car it is.
    let named = enrol(1, None).await.expect(200);
    assert_eq!(named["items"][0]["vehicle_id"], enrolled["items"][0]["vehicle_id"]);
    assert_eq!(named["items"][0]["certificate_pem"], Value::Null);
    // Registered without a certificate: the first is given.
    enrol(2, None).await.expect(200);
    enrol(2, Some(&other)).await.expect(200);
    enrol(3, Some(&other)).await.problem(409, "conflict");
    // Also when all of them were taken back.
    let id = enrolled["items"][0]["vehicle_id"].as_str().unwrap();
    let path = format!("/v1/vehicles/{id}/certificates");
    fixture.call(Method::DELETE, &path, None, &[]).await.expect(200);
    for request in [&first, &csr().1] {
        enrol(1, Some(request)).await.problem(409, "conflict");
    }
    let certificate = format!("/v1/vehicles/{id}/certificate");
    fixture.post(&certificate, json!({ "csr_pem": first })).await.problem(409, "conflict");
    fixture.post(&certificate, json!({ "csr_pem": csr().1 })).await.expect(201);
    fixture.platform.stop().await;
}

/// Runs a line in a shell in a folder; what it printed.
fn sh(folder: &Path, line: &str) -> String {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", line])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{line}: {text} {}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn strongswan_enrols_and_renews_a_car() {
    if Command::new("pki").arg("--version").output().is_err() {
        println!("skipped: pki is not installed (apt-get install strongswan-pki)");
        return;
    }
    let factory = Factory::month().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("ca.pem"), &factory.ca).unwrap();
    std::fs::write(file("strongswan.conf"), "pki { tls { version_max = 1.3 } }\n").unwrap();
    let url = factory.url("").replace(&format!("{}/", est::PATH), "");
    let credential = format!("{}:{}", factory.vehicle, factory.credential);
    let run = |line: &str| {
        let line = line.replace("EST", &url).replace("CREDENTIAL", &credential);
        let line = format!("export STRONGSWAN_CONF=strongswan.conf; {line}");
        let folder = folder.path().to_owned();
        tokio::task::spawn_blocking(move || sh(&folder, &line))
    };
    let request = |name: &str, dn: &str| {
        format!(
            "pki --gen --type ecdsa --size 256 --outform pem > {name}.key && \
             pki --req --type ecdsa --in {name}.key --dn '{dn}' --outform der > {name}.csr"
        )
    };
    let est = "pki --est --url EST --cacert ca.pem --outform pem";
    run(&request("car", "CN=car")).await.unwrap();
    run(&format!("{est} --userpass CREDENTIAL --in car.csr > car.pem")).await.unwrap();
    let named =
        run("openssl verify -CAfile ca.pem car.pem; openssl x509 -in car.pem -noout -ext subjectAltName");
    let named = named.await.unwrap();
    assert!(named.contains(&format!("URI:urn:marque:vehicle:eu:{}", factory.vehicle)), "{named}");
    assert!(named.contains("car.pem: OK"), "{named}");

    run(&request("new", "CN=car")).await.unwrap();
    run(&format!("{est} --cert car.pem --key car.key --in new.csr > new.pem")).await.unwrap();
    run("openssl verify -CAfile ca.pem new.pem").await.unwrap();
    run("cmp <(openssl x509 -in new.pem -noout -pubkey) <(openssl pkey -in new.key -pubout)").await.unwrap();

    run(&request("other", "CN=car")).await.unwrap();
    let used = run(&format!("! {est} --userpass CREDENTIAL --in other.csr 2>&1 >other.pem")).await.unwrap();
    assert!(used.contains("401"), "{used}");
    run(&request("foreign", "CN=VF3CCHMZ0KT000001")).await.unwrap();
    let foreign = format!("! {est} --cert new.pem --key new.key --in foreign.csr 2>&1 >foreign.pem");
    let foreign = run(&foreign).await.unwrap();
    assert!(foreign.contains("400"), "{foreign}");
    factory.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_and_openssl_enrol_and_renew_a_car() {
    let there = |name: &str| Command::new(name).arg("version").output().is_ok();
    if !there("curl") || !there("openssl") {
        println!("skipped: curl and openssl are not installed (apt-get install curl openssl)");
        return;
    }
    let factory = Factory::month().await;
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let line = line
            .replace("EST", &factory.url(""))
            .replace("CREDENTIAL", &format!("{}:{}", factory.vehicle, factory.credential));
        let folder = folder.path().to_owned();
        tokio::task::spawn_blocking(move || sh(&folder, &line))
    };
    std::fs::write(folder.path().join("ca.pem"), &factory.ca).unwrap();
    let curl = "curl -sS --tlsv1.3 --cacert ca.pem";
    let key = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -outform DER";
    let read = "openssl base64 -d -A | openssl pkcs7 -inform DER -print_certs";
    let post =
        "-H 'content-type: application/pkcs10' -H 'content-transfer-encoding: base64' --data-binary @-";
    let authorities = run(&format!("{curl} -f ESTcacerts | {read}")).await.unwrap();
    assert!(authorities.contains("Marque eu CA"), "{authorities}");
    let attributes =
        run(&format!("{curl} -f ESTcsrattrs | openssl base64 -d -A | openssl asn1parse -inform DER"));
    assert!(attributes.await.unwrap().contains("prime256v1"));
    let enrol = format!("{curl} -u CREDENTIAL {post} -f ESTsimpleenroll | {read} -out car.pem");
    run(&format!("{key} -subj / -keyout car.key | openssl base64 | {enrol}")).await.unwrap();
    let text =
        run("openssl verify -CAfile ca.pem car.pem; openssl x509 -in car.pem -noout -ext subjectAltName");
    let text = text.await.unwrap();
    assert!(text.contains(&format!("URI:urn:marque:vehicle:eu:{}", factory.vehicle)), "{text}");
    assert!(text.contains("car.pem: OK"), "{text}");
    let renew =
        format!("{curl} --cert car.pem --key car.key {post} -f ESTsimplereenroll | {read} -out new.pem");
    run(&format!("{key} -subj / -keyout new.key | openssl base64 | {renew}")).await.unwrap();
    run("openssl verify -CAfile ca.pem new.pem").await.unwrap();
    run("cmp <(openssl x509 -in new.pem -noout -pubkey) <(openssl pkey -in new.key -pubout)").await.unwrap();
    let status = "-o /dev/null -w '%{http_code}'";
    let used = format!("{curl} -u CREDENTIAL {post} {status} ESTsimpleenroll");
    assert_eq!(
        run(&format!("{key} -subj / -keyout other.key | openssl base64 | {used}")).await.unwrap(),
        "401"
    );
    let foreign = format!("{curl} --cert new.pem --key new.key {post} {status} ESTsimplereenroll");
    let foreign = format!("{key} -subj /CN=VF3CCHMZ0KT000001 -keyout other.key | openssl base64 | {foreign}");
    assert_eq!(run(&foreign).await.unwrap(), "400");
    factory.fixture.platform.stop().await;
}
