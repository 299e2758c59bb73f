//! The API as clients meet it: a whole platform on a temporary folder, real SQLite, real log, real lake.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use cloud::{clock::Clock, config::Options, platform::Platform};
use model::{Brand, PersonId, Timestamp, VehicleId};
use store::{LinkRow, PersonRow, RoleRow, Store};

mod administration;
mod audit;
mod campaigns;
mod car;
mod est;
mod fleet;
mod gate;
mod oidc;
mod ownership;
mod people;
mod releases;
mod rules;
mod services;
mod streams;
mod vehicles;

/// A platform with somebody signed in.
struct Fixture {
    platform: Platform,
    /// Reads the audit log when the test ends.
    log: audit::Discreet,
    folder: TempDir,
    token: String,
}

/// What came back.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    /// Checks the status and gives the body.
    #[track_caller]
    fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// Checks that it is a problem of this kind, and gives its document.
    #[track_caller]
    fn problem(self, status: u16, kind: &str) -> Value {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.body);
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["type"], format!("urn:marque:problem:{kind}"), "{}", self.body);
        let id = self.headers["x-request-id"].to_str().unwrap();
        assert_eq!(self.body["instance"], format!("urn:marque:request:{id}"));
        assert!(self.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        self.body
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Fixture {
    async fn new() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap()).await
    }

    async fn in_folder(folder: TempDir) -> Self {
        let platform = start(&folder, |_| {}).await;
        Self::of(platform, folder).await
    }

    /// A platform that runs, with its operator signed in.
    async fn of(platform: Platform, folder: TempDir) -> Self {
        let token = sign_in(&platform.router(), &folder).await;
        let log = audit::Discreet { data: folder.path().join("data"), token: token.clone() };
        Self { platform, log, folder, token }
    }

    async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, None, &[]).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, Some(body), &[]).await
    }

    async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path, Some(body), &[]).await
    }

    /// By somebody else than the operator.
    async fn by(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Reply {
        let bearer = format!("Bearer {token}");
        call(&self.platform.router(), method, path, body, &[("authorization", &bearer)]).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = headers.to_vec();
        headers.push(("authorization", &bearer));
        call(&self.platform.router(), method, path, body, &headers).await
    }

    /// Registers and certifies cars with what their owners, who do not exist, grant.
    async fn enrol(&self, body: Value) -> Reply {
        let token = std::fs::read_to_string(self.folder.path().join("data/simulation-token")).unwrap();
        let bearer = format!("Bearer {}", token.trim());
        let headers = [("authorization", bearer.as_str())];
        call(&self.platform.router(), Method::POST, "/v1/vehicles/enrolments", Some(body), &headers).await
    }

    /// Proves again who the operator is.
    async fn step_up(&self) {
        let proof = json!({ "password": password(&self.folder) });
        self.post("/v1/session/step-up", proof).await.expect(200);
    }

    /// Registers a car; its id.
    async fn car(&self, number: u32, brand: &str, model: &str) -> String {
        let body = self.post("/v1/vehicles", new_vehicle(number, brand, model)).await.expect(201);
        body["vehicle_id"].as_str().unwrap().to_owned()
    }

    /// The same platform, as somebody else sees it. They have the operator's password.
    async fn signed_in_as(&self, name: &str, realm: &str, roles: &[(&str, &[Brand])]) -> Visitor<'_> {
        let store = self.store().await;
        let operator = store.person_named("operator").await.unwrap().unwrap();
        let mut letters = name.bytes();
        let id = PersonId::from_bytes(std::array::from_fn(|_| letters.next().unwrap_or(b'.')));
        let person = PersonRow { id, username: name.to_owned(), realm: realm.to_owned(), ..operator };
        let mut tx = store.begin().await.unwrap();
        assert!(tx.add_person(&person).await.unwrap());
        for (index, (function, brands)) in roles.iter().enumerate() {
            let role = RoleRow {
                id: format!("{name}-{index}"),
                person: id,
                function: (*function).to_owned(),
                brands: brands.to_vec(),
                region: "eu".parse().unwrap(),
                starts_at: Timestamp(0),
                ends_at: None,
                created_at: Timestamp(0),
                created_by: None,
            };
            tx.add_role(&role).await.unwrap();
        }
        tx.commit().await.unwrap();
        let token = sign_in_as(&self.platform.router(), name, &self.folder).await;
        Visitor { fixture: self, person: id, token }
    }

    /// Somebody who owns a car.
    async fn owner_of(&self, vehicle: &str) -> Visitor<'_> {
        let name = format!("{}-owner", vehicle.chars().take(8).collect::<String>());
        let roles: [(&str, &[Brand]); 2] = [("owner", &Brand::ALL), ("driver", &Brand::ALL)];
        let owner = self.signed_in_as(&name, "customer", &roles).await;
        owner.link(vehicle, "owner").await;
        owner
    }

    async fn store(&self) -> Store {
        Store::sqlite(&self.folder.path().join("data/marque.db")).await.unwrap()
    }

    async fn campaign(&self, name: &str) -> u64 {
        self.post("/v1/campaigns", campaign(name)).await.expect(201)["campaign_id"].as_u64().unwrap()
    }
}

/// Somebody else than the operator, signed in to a fixture's platform.
struct Visitor<'a> {
    fixture: &'a Fixture,
    person: PersonId,
    token: String,
}

impl Visitor<'_> {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        self.call_with(method, path, body, &[]).await
    }

    async fn call_with(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let headers: Vec<_> = headers.iter().copied().chain([("authorization", bearer.as_str())]).collect();
        call(&self.fixture.platform.router(), method, path, body, &headers).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, None).await
    }

    async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path, Some(body)).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn act(&self, path: &str) -> Reply {
        self.call(Method::POST, path, None).await
    }

    /// Ties them to a car.
    async fn link(&self, vehicle: &str, function: &str) {
        let store = self.fixture.store().await;
        let vehicle: VehicleId = vehicle.parse().unwrap();
        let link = LinkRow {
            id: format!("{}-{vehicle}-{function}", self.person),
            person: self.person,
            function: function.to_owned(),
            vehicle,
            brand: store.vehicle(vehicle).await.unwrap().brand,
            region: "eu".parse().unwrap(),
            starts_at: Timestamp(0),
            ends_at: None,
            categories: None,
        };
        let mut tx = store.begin().await.unwrap();
        tx.add_link(&link).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn start(folder: &TempDir, change: impl FnOnce(&mut Options)) -> Platform {
    start_at(folder, Clock::system(), change).await
}

async fn start_at(folder: &TempDir, clock: Clock, change: impl FnOnce(&mut Options)) -> Platform {
    let mut options = Options {
        data: folder.path().join("data"),
        http: "127.0.0.1:0".parse().unwrap(),
        mqtt: "127.0.0.1:0".parse().unwrap(),
        est: "127.0.0.1:0".parse().unwrap(),
        simulated_cars: true,
        ..Options::default()
    };
    change(&mut options);
    Platform::start(options.resolve().unwrap(), clock).await.unwrap()
}

fn password(folder: &TempDir) -> String {
    let file = folder.path().join("data/operator-password");
    std::fs::read_to_string(file).unwrap().trim().to_owned()
}

async fn sign_in(router: &Router, folder: &TempDir) -> String {
    sign_in_as(router, "operator", folder).await
}

async fn sign_in_as(router: &Router, name: &str, folder: &TempDir) -> String {
    let credentials = json!({ "username": name, "password": password(folder) });
    let reply = call(router, Method::POST, "/v1/session", Some(credentials), &[]).await;
    reply.expect(201)["token"].as_str().unwrap().to_owned()
}

async fn call(
    router: &Router,
    method: Method,
    path: &str,
    body: Option<Value>,
    headers: &[(&str, &str)],
) -> Reply {
    let body = body.map(|body| body.to_string());
    let kind = body.as_ref().map(|_| ("content-type", "application/json"));
    let headers: Vec<_> = kind.into_iter().chain(headers.iter().copied()).collect();
    send(router, method, path, body.map_or_else(Body::empty, Body::from), &headers).await
}

async fn send(router: &Router, method: Method, path: &str, body: Body, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder().method(method).uri(path).header("host", "marque.test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes).unwrap_or_else(|_| text())
    };
    Reply { status: parts.status, headers: parts.headers, body }
}

fn new_vehicle(number: u32, brand: &str, model: &str) -> Value {
    json!({
        "vin": format!("VF3CCHMZ0KT{number:06}"), "brand": brand, "model": model, "model_year": 2024,
        "architecture": "psa-aee2010", "region": "eu"
    })
}

fn campaign(name: &str) -> Value {
    json!({
        "name": name, "purpose": "fleet-management", "brands": Brand::ALL.map(Brand::slug),
        "groups": [{
            "signals": ["Vehicle.Speed", "Vehicle.CurrentLocation.Latitude", "Vehicle.CurrentLocation.Longitude"],
            "lane": "live", "every_ms": 1000, "flush_every_ms": 1000
        }]
    })
}

/// A new key and a request for a certificate for it.
fn csr() -> (rcgen::KeyPair, String) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    (key, request)
}
