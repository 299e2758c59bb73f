//! A platform, its operator, and cars that enrol as cars do: over EST, with a one-time credential.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{Method, Request},
};
use cloud::{clock::Clock, config::Options, platform::Platform};
use link::{
    client::{Connection, Options as LinkOptions},
    est, tls,
};
use model::{Micros, VehicleId};
use rcgen::{CertificateParams, Issuer, KeyPair, SanType};
use rustls::{ClientConfig, pki_types::ServerName};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::ServiceExt as _;

/// What the issue asks for is "within seconds"; machines that run tests are slow.
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// A certificate (PEM) and its key.
pub(super) type Identity = (String, KeyPair);

pub(super) struct Cell {
    pub(super) platform: Platform,
    folder: TempDir,
    token: String,
    password: String,
    pub(super) ca: String,
    /// How far the platform's clock is ahead, in microseconds.
    ahead: Arc<AtomicI64>,
}

/// A car that is registered.
pub(super) struct Car {
    pub(super) id: VehicleId,
    pub(super) credential: String,
}

impl Cell {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::in_folder(folder, change).await
    }

    async fn in_folder(folder: TempDir, change: impl FnOnce(&mut Options)) -> Self {
        let ahead = Arc::new(AtomicI64::new(0));
        let offset = Arc::clone(&ahead);
        let clock = Clock::from_fn(move || Clock::system().now() + Micros(offset.load(Ordering::Relaxed)));
        let any_port = "127.0.0.1:0".parse().unwrap();
        let mut options = Options {
            data: folder.path().join("data"),
            http: any_port,
            mqtt: any_port,
            est: any_port,
            ..Options::default()
        };
        change(&mut options);
        let platform = Platform::start(options.resolve().unwrap(), clock).await.unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join("data").join(name)).unwrap();
        let (ca, password) = (read("pki/eu/ca.pem"), read("operator-password"));
        let password = password.trim().to_owned();
        let mut cell = Self { platform, folder, token: String::new(), password, ca, ahead };
        let session = json!({ "username": "operator", "password": cell.password });
        cell.token = cell.post("/v1/session", session).await["token"].as_str().unwrap().to_owned();
        cell.step_up().await;
        cell
    }

    /// The platform anew, on what the one before left.
    pub(super) async fn restarted(self) -> Self {
        self.platform.stop().await;
        Self::in_folder(self.folder, |_| {}).await
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    /// The folder of the platform's data.
    pub(super) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Proves again who the operator is.
    pub(super) async fn step_up(&self) {
        self.post("/v1/session/step-up", json!({ "password": self.password })).await;
    }

    pub(super) fn pass(&self, time: Micros) {
        self.ahead.fetch_add(time.0, Ordering::Relaxed);
    }

    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path).header("host", "marque.test");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self.platform.router().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(Method::POST, path, Some(body)).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// The same as [`Self::recorded`], of something that the platform does when it gets to it.
    pub(super) async fn recorded_soon(&self, action: &str, entries: usize) -> Vec<(String, String)> {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        let recorded = tokio::time::timeout(WITHIN, async {
            loop {
                look.tick().await;
                let recorded = self.recorded(action).await;
                if recorded.len() >= entries {
                    return recorded;
                }
            }
        });
        recorded.await.unwrap()
    }

    /// What the audit log has of an action, the newest first: outcome and reason.
    pub(super) async fn recorded(&self, action: &str) -> Vec<(String, String)> {
        let entries = self.get(&format!("/v1/audit/entries?action={action}&limit=100")).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let items = entries["items"].as_array().unwrap();
        items.iter().map(|item| (text(&item["outcome"]), text(&item["reason"]))).collect()
    }

    pub(super) async fn register(&self, number: u32) -> Car {
        let car = json!({
            "vin": vin(number), "brand": "peugeot", "model": "e-208", "model_year": 2024,
            "architecture": "psa-aee2010", "region": "eu"
        });
        let id = self.post("/v1/vehicles", car).await["vehicle_id"].as_str().unwrap().to_owned();
        let credential = self.draw(&id, "").await;
        Car { id: id.parse().unwrap(), credential }
    }

    /// A new credential; of a car that was certified before with `/replacement`.
    pub(super) async fn draw(&self, vehicle: &str, kind: &str) -> String {
        self.step_up().await;
        let path = format!("/v1/vehicles/{vehicle}/enrolment-credential{kind}");
        self.post(&path, json!({})).await["credential"].as_str().unwrap().to_owned()
    }

    /// A car with its first certificate.
    pub(super) async fn enrolled(&self, number: u32) -> (Car, Identity) {
        let car = self.register(number).await;
        let identity = self.enrol(&car).await;
        (car, identity)
    }

    pub(super) async fn enrol(&self, car: &Car) -> Identity {
        let (key, csr) = request();
        let (status, answer) = self.simpleenroll(&car.id.to_string(), &car.credential, &csr).await;
        assert_eq!(status, 200, "{answer}");
        (answer, key)
    }

    /// Asks for a first certificate; the status, and the certificate or the refusal's text.
    pub(super) async fn simpleenroll(&self, user: &str, credential: &str, csr: &[u8]) -> (u16, String) {
        let request = self.client(None).post(self.est("simpleenroll")).basic_auth(user, Some(credential));
        answer(request.header("content-type", est::PKCS10).body(est::to_body(csr)).send().await).await
    }

    /// Asks for the next certificate; status 0 when there is not even a connection.
    pub(super) async fn simplereenroll(&self, identity: Option<&Identity>, csr: &[u8]) -> (u16, String) {
        let request = self.client(identity).post(self.est("simplereenroll"));
        answer(request.header("content-type", est::PKCS10).body(est::to_body(csr)).send().await).await
    }

    fn est(&self, path: &str) -> String {
        format!("https://localhost:{}{}/{path}", self.platform.est_address().port(), est::PATH)
    }

    fn client(&self, identity: Option<&Identity>) -> reqwest::Client {
        let authority = reqwest::Certificate::from_pem(self.ca.as_bytes()).unwrap();
        let mut builder = reqwest::Client::builder().tls_certs_only([authority]);
        if let Some((certificate, key)) = identity {
            let pem = format!("{certificate}{}", key.serialize_pem());
            builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        builder.build().unwrap()
    }

    /// The region's authority, as whoever stole its key would have it.
    pub(super) fn stolen_authority(&self) -> Issuer<'static, KeyPair> {
        let key = std::fs::read_to_string(self.folder.path().join("data/pki/eu/ca-key.pem")).unwrap();
        Issuer::from_ca_cert_pem(&self.ca, KeyPair::from_pem(&key).unwrap()).unwrap()
    }

    pub(super) fn tls(&self, (certificate, key): &Identity) -> Arc<ClientConfig> {
        let identity =
            tls::Identity::from_pem(certificate.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
        let roots = tls::roots(&tls::certificates(self.ca.as_bytes()).unwrap()).unwrap();
        tls::client_config(identity, roots).unwrap()
    }

    pub(super) async fn connect(
        &self,
        id: VehicleId,
        identity: &Identity,
    ) -> Result<Connection, link::Error> {
        self.connect_with(id, &self.tls(identity), [127, 0, 0, 1].into()).await
    }

    /// Connects from an address of this machine, which all of 127/8 are.
    pub(super) async fn connect_with(
        &self,
        id: VehicleId,
        config: &Arc<ClientConfig>,
        from: IpAddr,
    ) -> Result<Connection, link::Error> {
        let stream = self.dial(config, from).await?;
        Connection::start(stream, id, LinkOptions::default()).await
    }

    /// As far as TLS goes.
    pub(super) async fn dial(
        &self,
        config: &Arc<ClientConfig>,
        from: IpAddr,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from, 0))?;
        let tcp = socket.connect(self.platform.mqtt_address()).await?;
        let name = ServerName::try_from("localhost").expect("it is a name");
        TlsConnector::from(Arc::clone(config)).connect(name, tcp).await
    }
}

async fn answer(response: Result<reqwest::Response, reqwest::Error>) -> (u16, String) {
    let Ok(response) = response else { return (0, String::new()) };
    let status = response.status().as_u16();
    let bytes = response.bytes().await.unwrap();
    if status != 200 {
        return (status, String::from_utf8_lossy(&bytes).into_owned());
    }
    let message = est::from_body(&bytes).unwrap();
    (status, est::to_pem(&est::certificates_of(&message).unwrap().remove(0)))
}

pub(super) fn vin(number: u32) -> String {
    format!("VF3CCHMZ0KT{number:06}")
}

/// A key, and a request (DER) that names nobody.
pub(super) fn request() -> (KeyPair, Vec<u8>) {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let csr = request_of(&key, |_| {});
    (key, csr)
}

pub(super) fn request_of(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::default();
    change(&mut params);
    params.serialize_request(key).unwrap().der().to_vec()
}

/// A certificate of any authority for any names.
pub(super) fn forged(
    issuer: &Issuer<'_, KeyPair>,
    urns: &[String],
    change: impl FnOnce(&mut CertificateParams),
) -> Identity {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    let name = |urn: &String| SanType::URI(urn.as_str().try_into().unwrap());
    params.subject_alt_names = urns.iter().map(name).collect();
    change(&mut params);
    (params.signed_by(&key, issuer).unwrap().pem(), key)
}

/// The gateway ends the connection within this time; what comes before is passed over.
pub(super) async fn sent_away(link: &mut Connection, within: Duration) -> String {
    let gone = tokio::time::timeout(within, async {
        loop {
            if let Err(error) = link.next().await {
                return error;
            }
        }
    });
    let gone = gone.await.unwrap();
    assert!(matches!(gone, link::Error::Disconnected { .. }), "{gone}");
    gone.to_string()
}
