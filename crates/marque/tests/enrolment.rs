//! A car and a platform: enrolled over EST, renewed without a gap, with a key that never left the car.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::{sync::Arc, time::Duration};

use brain::{
    Brain, Config, Renewal, TlsConnect,
    enrolment::{EnrolError, EstClient, Identity, LinkIdentity},
    keystore::{KeyStore, SoftKeyStore},
};
use cloud::{clock::Clock, config::Options, platform::Platform};
use model::{Micros, VehicleId};
use serde_json::{Value, json};
use signals::Catalogue;
use sim::{
    FleetOptions,
    run::{Login, Progress, RunOptions},
};
use tempfile::TempDir;

/// So short that the car of the test renews while one looks.
const VALIDITY: Micros = Micros::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(30);

struct Cell {
    platform: Platform,
    folder: TempDir,
    http: reqwest::Client,
    token: String,
}

impl Cell {
    async fn start() -> Self {
        Self::of(false).await
    }

    async fn of(simulated_cars: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let any_port = "127.0.0.1:0".parse().unwrap();
        let options = Options {
            data: folder.path().join("cloud"),
            http: any_port,
            mqtt: any_port,
            est: any_port,
            car_validity: VALIDITY,
            simulated_cars,
            ..Options::default()
        };
        let platform = Platform::start(options.resolve().unwrap(), Clock::system()).await.unwrap();
        let password = std::fs::read_to_string(folder.path().join("cloud/operator-password")).unwrap();
        let mut cell = Self { platform, folder, http: reqwest::Client::new(), token: String::new() };
        let session = json!({ "username": "operator", "password": password.trim() });
        cell.token = cell.post("/v1/session", session).await["token"].as_str().unwrap().to_owned();
        cell
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.platform.url())).json(&body);
        let request = if self.token.is_empty() { request } else { request.bearer_auth(&self.token) };
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
        response.json().await.unwrap()
    }

    /// A car that is registered, and its credential.
    async fn register(&self) -> (VehicleId, String) {
        let car = json!({
            "vin": "VF3CCHMZ0KT000001", "brand": "peugeot", "model": "e-208", "model_year": 2024,
            "architecture": "psa-aee2010", "region": "eu"
        });
        let id = self.post("/v1/vehicles", car).await["vehicle_id"].as_str().unwrap().to_owned();
        let drawn = self.post(&format!("/v1/vehicles/{id}/enrolment-credential"), json!({})).await;
        (id.parse().unwrap(), drawn["credential"].as_str().unwrap().to_owned())
    }

    fn est(&self) -> EstClient {
        EstClient::new(&format!("https://localhost:{}", self.platform.est_address().port())).unwrap()
    }

    fn ca(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("cloud/pki/eu/ca.pem")).unwrap()
    }

    fn identity(&self) -> Identity {
        let folder = self.folder.path().join("car/identity");
        let keys: Arc<dyn KeyStore> = Arc::new(SoftKeyStore::open(folder.join("keys")).unwrap());
        Identity::new(folder, keys)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_renews_while_it_drives_and_is_never_without_a_connection() {
    let cell = Cell::start().await;
    let (vehicle, credential) = cell.register().await;
    let (identity, est) = (cell.identity(), cell.est());
    let first = identity.enrol(&est, vehicle, &credential, &cell.ca()).await.unwrap();
    assert_eq!(first.urn.vehicle, vehicle);
    let again = identity.enrol(&est, vehicle, &credential, &cell.ca()).await.unwrap_err();
    assert!(matches!(again, EnrolError::Enrolled), "{again}");

    let link = LinkIdentity::new(first.link_config().unwrap());
    let mut config = Config::new(vehicle, cell.folder.path().join("car"), Catalogue::core());
    config.backoff.min = Micros::from_millis(50);
    let stats = Arc::clone(&config.shared);
    let address = format!("localhost:{}", cell.platform.mqtt_address().port());
    let connect =
        TlsConnect::new(&address, Arc::clone(&link), vehicle, link::client::Options::default()).unwrap();
    let (_feed, provider) = brain::provider::channel(8);
    let car = Brain::open(config, Some(connect), provider).unwrap();
    let renewal = Renewal { identity, est, link, clock: brain::clock::system };
    let watch = async {
        // Past the end of the first certificate and of the second.
        let mut look = tokio::time::interval(Duration::from_millis(100));
        while brain::clock::system() < first.not_after + VALIDITY {
            look.tick().await;
        }
        let snapshot = stats.stats.snapshot().to_string();
        assert!(stats.stats.connects.get() >= 3, "{snapshot}");
        assert_eq!(stats.stats.connect_failures.get(), 0, "{snapshot}");
    };
    let run = car.run(std::future::pending());
    tokio::time::timeout(PATIENCE, async {
        tokio::select! {
            () = watch => {}
            () = renewal.run(first.clone()) => {}
            ended = run => panic!("{ended:?}"),
        }
    })
    .await
    .unwrap();
    let now = cell.identity().current().unwrap().unwrap();
    assert!(now.not_after > first.not_after + VALIDITY);
    // Keys of certificates that are no longer used are gone, but for the one before.
    cell.identity().tidy().unwrap();
    let keys = std::fs::read_dir(cell.folder.path().join("car/identity/keys")).unwrap().count();
    assert_eq!(keys, 1);
    cell.platform.stop().await;
}

/// The keys that the fleet's state folder has, and how old the certificates are.
fn fleet_keys(state: &std::path::Path) -> Vec<String> {
    let file: Value = serde_json::from_slice(&std::fs::read(state.join("fleet.json")).unwrap()).unwrap();
    let cars = file["cars"].as_array().unwrap();
    cars.iter().map(|car| car["key_pem"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn simulated_cars_renew_while_they_drive_and_are_never_without_a_connection() {
    let cell = Cell::of(true).await;
    let data = cell.folder.path().join("cloud");
    let read = |name: &str| std::fs::read_to_string(data.join(name)).unwrap().trim().to_owned();
    let state = cell.folder.path().join("fleet");
    let password = read("operator-password");
    let options = RunOptions {
        fleet: FleetOptions::new(2),
        cloud: cell.platform.url(),
        mqtt: cell.platform.mqtt_address().to_string(),
        est: Some(format!("https://{}", cell.platform.est_address())),
        login: Login::Password { username: "operator".to_owned(), password },
        simulation_token: Some(read("simulation-token")),
        api_ca: None,
        region: RunOptions::REGION.to_owned(),
        state: state.clone(),
        step: RunOptions::STEP,
        frame_interval_min: RunOptions::FRAME_INTERVAL_MIN,
        grace: RunOptions::GRACE,
        connects_per_s: RunOptions::CONNECTS_PER_S,
        probes: 0,
        journal: None,
    };
    let first = std::sync::Mutex::new(Vec::new());
    let progress = |progress: Progress| match progress {
        Progress::Enrolled { .. } => *first.lock().unwrap() = fleet_keys(&state),
        Progress::Enrolling { .. }
        | Progress::Starting { .. }
        | Progress::Ready { .. }
        | Progress::Running { .. }
        | Progress::Published { .. }
        | Progress::Stopping => {}
    };
    // Until each car has come back by another certificate, beside its first connection.
    let over = async {
        let mut look = tokio::time::interval(Duration::from_millis(100));
        while cell.platform.gateway_metrics().connects < 4 {
            look.tick().await;
        }
    };
    let report = tokio::time::timeout(PATIENCE * 2, sim::run::run(options, progress, over)).await.unwrap();
    report.unwrap();
    let (first, last) = (first.into_inner().unwrap(), fleet_keys(&state));
    assert!(first.iter().zip(&last).all(|(first, last)| first != last), "each car has a new key");
    // Each old connection gave way to its next one, and nobody was turned away.
    let metrics = cell.platform.gateway_metrics();
    assert!(metrics.connects >= 4, "{metrics:?}");
    assert_eq!(
        (metrics.connects_refused, metrics.takeovers, metrics.suspicions, metrics.clones),
        (0, 0, 0, 0)
    );
    cell.platform.stop().await;
}
