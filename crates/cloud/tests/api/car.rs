//! A car from its enrolment to its history: the way of a sample through the whole platform.

use ::campaigns::{Column, ColumnData, RowGroup};
use link::{
    client::{Connection, Event, Options as LinkOptions},
    tls,
};
use model::{
    CampaignId, CampaignVersion, ConsentEpoch, Lane, Micros, Purpose, QueueEpoch, Seq, Timestamp, VehicleId,
};
use rustls::pki_types::ServerName;
use signals::Catalogue;
use wire::{BatchMeta, ClockState, topic::Topic};

use super::*;

const SPEED: &str = "Vehicle.Speed";
const LATITUDE: &str = "Vehicle.CurrentLocation.Latitude";
const LONGITUDE: &str = "Vehicle.CurrentLocation.Longitude";

/// An enrolled car that may connect.
pub(super) struct Car {
    pub(super) id: String,
    vehicle: VehicleId,
    identity: (String, String),
    ca: String,
    campaign: u64,
    /// As which it sends.
    pub(super) consent_epoch: u32,
    seq: u64,
}

impl Car {
    /// Enrols a car whose owner grants these categories, with a campaign for it.
    pub(super) async fn enrol(fixture: &Fixture, number: u32, granted: &[&str]) -> Self {
        let (key, csr) = csr();
        let grant =
            |category: &&str| json!({ "purpose": "fleet-management", "category": category, "granted": true });
        let body = json!({ "vehicles": [{
            "vehicle": new_vehicle(number, "peugeot", "e-208"), "csr_pem": csr,
            "grants": granted.iter().map(grant).collect::<Vec<_>>()
        }] });
        let enrolled = fixture.enrol(body).await.expect(200);
        let id = enrolled["items"][0]["vehicle_id"].as_str().unwrap().to_owned();
        let campaign = fixture.campaign("Basics").await;
        let assignments = format!("/v1/campaigns/{campaign}/assignments");
        fixture.post(&assignments, json!({ "vehicle_ids": [id] })).await.expect(200);
        Self {
            vehicle: id.parse().unwrap(),
            identity: (
                enrolled["items"][0]["certificate_pem"].as_str().unwrap().to_owned(),
                key.serialize_pem(),
            ),
            ca: enrolled["ca_pem"].as_str().unwrap().to_owned(),
            campaign,
            consent_epoch: 1,
            seq: 0,
            id,
        }
    }

    pub(super) async fn connect(&self, fixture: &Fixture) -> Result<Connection, link::Error> {
        let (chain, key) = &self.identity;
        let identity = tls::Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        let roots = tls::roots(&tls::certificates(self.ca.as_bytes()).unwrap()).unwrap();
        let config = tls::client_config(identity, roots).unwrap();
        let server = ServerName::try_from("localhost").unwrap();
        Connection::open(
            fixture.platform.mqtt_address(),
            server,
            config,
            self.vehicle,
            LinkOptions::default(),
        )
        .await
    }

    /// Sends one row a second of speed and position, and waits until it is acknowledged.
    pub(super) async fn send(&mut self, link: &mut Connection, from: Timestamp, speeds: &[f64]) {
        let refused = self.try_send(link, from, speeds).await;
        assert_eq!(refused, None);
    }

    /// The same, of rows that the platform does not take; why not.
    pub(super) async fn refused(&mut self, link: &mut Connection, from: Timestamp, speeds: &[f64]) -> String {
        self.try_send(link, from, speeds).await.unwrap()
    }

    async fn try_send(&mut self, link: &mut Connection, from: Timestamp, speeds: &[f64]) -> Option<String> {
        let catalogue = Catalogue::core();
        let column = |path: &str, value: &dyn Fn(usize) -> f64| {
            let leaf = catalogue.by_path(path).unwrap();
            let values = (0..speeds.len()).map(|row| leaf.scale.mantissa(value(row)).unwrap()).collect();
            Column { signal: leaf.id, data: ColumnData::Fixed(values), exceptions: Vec::new() }
        };
        let mut columns = vec![
            column(SPEED, &|row| speeds[row]),
            column(LATITUDE, &|row| 48.8566 + row as f64 * 0.001),
            column(LONGITUDE, &|_| 2.3522),
        ];
        columns.sort_by_key(|column| column.signal);
        let times = (0..speeds.len()).map(|row| from + Micros(row as i64 * 1_000_000)).collect();
        let meta = BatchMeta {
            epoch: QueueEpoch(1),
            seq: Seq(self.seq),
            lane: Lane::Live,
            campaign: CampaignId(self.campaign),
            version: CampaignVersion(1),
            purpose: Purpose::FleetManagement,
            consent_epoch: ConsentEpoch(self.consent_epoch),
            clock: ClockState::Synced,
            dropped: Vec::new(),
        };
        self.seq += 1;
        let batch = wire::encode_batch(&meta, &[RowGroup { times, columns }], &catalogue).unwrap();
        let id = link.publish(Topic::Up(Lane::Live), &batch).unwrap();
        loop {
            match link.next().await.unwrap() {
                Event::Taken { id: taken } if taken == id => return None,
                Event::Rejected { reason, text, .. } => return Some(format!("{reason}: {text}")),
                Event::Taken { .. } | Event::Down { .. } => {}
            }
        }
    }
}

pub(super) fn now() -> Timestamp {
    // To the millisecond, so that texts of times are easy to compare.
    Timestamp::from_millis(Clock::system().now().as_millis())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_goes_from_the_car_to_signals_map_and_history() {
    let fixture = Fixture::new().await;
    let mut car = Car::enrol(&fixture, 1, &["driving", "location"]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let from = now() - Micros::MINUTE;
    car.send(&mut link, from, &[10.0, 20.0, 30.0, 40.5]).await;
    fixture.platform.flush().await.unwrap();

    let signals = fixture.get(&format!("/v1/vehicles/{}/signals", car.id)).await.expect(200);
    assert_eq!(signals["withheld"], json!([]));
    let speed = signals["items"].as_array().unwrap().iter().find(|item| item["path"] == SPEED);
    let speed = speed.unwrap_or_else(|| panic!("{signals}"));
    assert_eq!(
        (&speed["value"], &speed["unit"], &speed["quality"]),
        (&json!(40.5), &json!("km/h"), &json!("good"))
    );
    let last = cloud::words::rfc3339(from + Micros(3_000_000));
    assert_eq!(speed["source_time"], last);

    let positions = fixture.get("/v1/fleet/positions?brand=peugeot").await.expect(200);
    let position = &positions["items"][0];
    assert_eq!((&position["vehicle_id"], &position["speed"]), (&json!(car.id), &json!(40.5)));
    assert_eq!((&position["state"], &position["latitude"]), (&json!("moving"), &json!(48.8596)));
    assert_eq!(fixture.get("/v1/fleet/positions?brand=opel").await.expect(200)["items"], json!([]));

    let vehicle = fixture.get(&format!("/v1/vehicles/{}", car.id)).await.expect(200);
    assert_eq!((&vehicle["connected"], &vehicle["state"]), (&json!(true), &json!("moving")));
    let moving = fixture.get("/v1/vehicles?state=moving").await.expect(200);
    assert_eq!(moving["items"][0]["vehicle_id"], car.id);
    let summary = fixture.get("/v1/fleet/summary").await.expect(200);
    assert_eq!((&summary["connected"], &summary["by_state"]["moving"]), (&json!(1), &json!(1)));

    let since = cloud::words::rfc3339(from);
    let path = format!("/v1/vehicles/{}/history?signals={SPEED},{LATITUDE}&from={since}", car.id);
    let page = fixture.get(&format!("{path}&limit=3")).await.expect(200);
    assert_eq!(page["columns"][0], json!({ "path": SPEED, "unit": "km/h", "reduce": null }));
    assert_eq!(page["rows"][0], json!([since, 10.0, 48.8566]));
    assert_eq!(page["rows"].as_array().unwrap().len(), 3);
    let next = page["next_cursor"].as_str().unwrap();
    let page = fixture.get(&format!("{path}&limit=3&cursor={next}")).await.expect(200);
    assert_eq!((page["rows"][0][1].clone(), &page["next_cursor"]), (json!(40.5), &Value::Null));
    let reduced = fixture.get(&format!("{path}&interval=PT24H&reduce=max,min")).await.expect(200);
    assert_eq!(reduced["columns"][0]["reduce"], "min");
    assert_eq!((&reduced["rows"][0][1], &reduced["rows"][0][2]), (&json!(10.0), &json!(40.5)));
    let status = fixture.get(&format!("/v1/campaigns/{}/status", car.campaign)).await.expect(200);
    assert_eq!(status["samples"], 12);
    link.close().await.unwrap();
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_never_came_are_told_with_the_epoch_of_the_queue() {
    let fixture = Fixture::new().await;
    let mut car = Car::enrol(&fixture, 1, &["driving"]).await;
    let path = format!("/v1/vehicles/{}", car.id);
    let before = fixture.get(&path).await.expect(200);
    assert_eq!((&before["queue_epoch"], &before["gaps"]), (&Value::Null, &json!([])));
    let mut link = car.connect(&fixture).await.unwrap();
    let from = now() - Micros::MINUTE;
    car.send(&mut link, from, &[50.0]).await;
    car.seq += 2;
    car.send(&mut link, from + Micros::from_secs(1), &[51.0]).await;
    fixture.platform.flush().await.unwrap();
    let after = fixture.get(&path).await.expect(200);
    assert_eq!(after["queue_epoch"], 1);
    let gap = json!({ "lane": "live", "queue_epoch": 1, "missing_batches": 2, "next_seq": 4 });
    assert_eq!(after["gaps"], json!([gap]));
    link.close().await.unwrap();
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_withheld_at_every_exit() {
    let fixture = Fixture::new().await;
    let mut car = Car::enrol(&fixture, 1, &["driving"]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let from = now() - Micros::MINUTE;
    car.send(&mut link, from, &[50.0]).await;
    fixture.platform.flush().await.unwrap();
    let since = cloud::words::rfc3339(from);
    let signals_of = format!("/v1/vehicles/{}/signals", car.id);
    let history_of = format!("/v1/vehicles/{}/history?signals={SPEED},{LATITUDE}&from={since}", car.id);

    let signals = fixture.get(&signals_of).await.expect(200);
    assert_eq!(signals["withheld"], json!(["location"]));
    assert!(!signals["items"].to_string().contains("CurrentLocation"));
    let page = fixture.get(&history_of).await.expect(200);
    assert_eq!((page["columns"].as_array().unwrap().len(), &page["withheld"]), (1, &json!(["location"])));
    assert_eq!(page["rows"][0], json!([since, 50.0]));
    assert_eq!(fixture.get("/v1/fleet/positions").await.expect(200)["items"], json!([]));
    // Another purpose was granted nothing.
    let other = fixture.get(&format!("{signals_of}?purpose=maintenance")).await.expect(200);
    assert_eq!((&other["items"], &other["withheld"]), (&json!([]), &json!(["location", "driving"])));
    let other = fixture.get(&format!("{history_of}&purpose=maintenance")).await.expect(200);
    assert_eq!((&other["columns"], &other["rows"]), (&json!([]), &json!([])));
    // All is withdrawn: what the car does is not known any more either.
    let owner = fixture.owner_of(&car.id).await;
    owner.put(&format!("/v1/vehicles/{}/grants", car.id), json!({ "grants": [] })).await.expect(200);
    assert_eq!(fixture.get(&signals_of).await.expect(200)["items"], json!([]));
    let summary = fixture.get("/v1/fleet/summary").await.expect(200);
    assert_eq!((&summary["by_state"]["unknown"], &summary["by_state"]["moving"]), (&json!(1), &json!(0)));
    let vehicle = fixture.get(&format!("/v1/vehicles/{}", car.id)).await.expect(200);
    assert_eq!(vehicle["state"], "unknown");
    drop(link);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_fetches_its_documents_and_its_report_shows() {
    let fixture = Fixture::new().await;
    let car = Car::enrol(&fixture, 1, &["driving"]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    link.publish(Topic::Fetch, &wire::encode_fetch(&wire::Fetch::default())).unwrap();
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        if let Event::Down { topic: Topic::Down(kind), payload } = link.next().await.unwrap() {
            assert!(!payload.is_empty());
            kinds.push(kind);
        }
    }
    kinds.sort_unstable();
    assert_eq!(kinds, wire::Kind::ALL);
    let report = wire::Report {
        at: now(),
        software: "test".to_owned(),
        catalogue: Catalogue::core().hash(),
        applied: vec![wire::Applied { kind: wire::Kind::Campaigns, version: 1, error: None }],
        not_available: vec!["Vehicle.Powertrain.FuelSystem.Level".to_owned()],
        queues: vec![wire::QueueReport {
            lane: Lane::Bulk,
            epoch: QueueEpoch(1),
            next_seq: Seq(7),
            pending_batches: 3,
            pending_bytes: 512,
            dropped_batches: 2,
            dropped: Vec::new(),
        }],
    };
    let id = link.publish(Topic::Report, &wire::encode_report(&report)).unwrap();
    while link.next().await.unwrap() != (Event::Taken { id }) {}
    let state = fixture.get(&format!("/v1/vehicles/{}/state", car.id)).await.expect(200);
    assert_eq!((&state["reported"][0]["version"], &state["reported"][0]["error"]), (&json!(1), &Value::Null));
    assert_eq!(state["not_available"], json!(["Vehicle.Powertrain.FuelSystem.Level"]));
    assert_eq!((&state["queue"]["batches"], &state["queue"]["dropped_batches"]), (&json!(3), &json!(2)));
    let status = fixture.get(&format!("/v1/campaigns/{}/status", car.campaign)).await.expect(200);
    assert_eq!((&status["applied"], &status["pending"]), (&json!(1), &json!(0)));

    // A change is hinted to the connected car.
    fixture.put(&format!("/v1/campaigns/{}", car.campaign), campaign("Better")).await.expect(200);
    loop {
        if let Event::Down { topic: Topic::Hint, .. } = link.next().await.unwrap() {
            break;
        }
    }
    drop(link);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_collected_before_a_campaign_ended_is_still_taken() {
    let mut fixture = Fixture::new().await;
    let mut car = Car::enrol(&fixture, 1, &["driving", "location"]).await;
    let path = format!("/v1/campaigns/{}", car.campaign);
    let mut link = car.connect(&fixture).await.unwrap();
    let from = now() - Micros::MINUTE;
    let one = json!({ "vehicle_ids": [car.id] });
    fixture.post(&format!("{path}/unassignments"), one).await.expect(200);
    car.send(&mut link, from, &[1.0]).await;
    fixture.call(Method::POST, &format!("{path}/end"), None, &[]).await.expect(200);
    car.send(&mut link, from + Micros::SECOND, &[2.0]).await;
    drop(link);
    let Fixture { platform, log, folder, token } = fixture;
    platform.stop().await;
    fixture = Fixture { platform: start(&folder, |_| {}).await, log, folder, token };
    let mut link = car.connect(&fixture).await.unwrap();
    car.send(&mut link, from + Micros::from_secs(2), &[3.0]).await;
    fixture.platform.flush().await.unwrap();
    let from = cloud::words::rfc3339(from);
    let history = fixture.get(&format!("/v1/vehicles/{}/history?signals={SPEED}&from={from}", car.id)).await;
    let speeds: Vec<_> =
        history.expect(200)["rows"].as_array().unwrap().iter().map(|row| row[1].clone()).collect();
    assert_eq!(speeds, [1.0, 2.0, 3.0]);
    drop(link);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_of_another_platform_is_turned_away() {
    let fixture = Fixture::new().await;
    let elsewhere = Fixture::new().await;
    let stranger = Car::enrol(&elsewhere, 1, &[]).await;
    let mut pretender = Car::enrol(&fixture, 1, &[]).await;
    pretender.identity = stranger.identity.clone();
    assert!(pretender.connect(&fixture).await.is_err(), "a foreign certificate was accepted");
    let summary = fixture.get("/v1/fleet/summary").await.expect(200);
    assert_eq!(summary["connected"], 0);
    fixture.platform.stop().await;
    elsewhere.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let fixture = Fixture::new().await;
    let mut car = Car::enrol(&fixture, 1, &["driving", "location"]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let from = now() - Micros::MINUTE;
    car.send(&mut link, from, &[1.0, 2.0]).await;
    drop(link);
    let Fixture { platform, log, folder, token } = fixture;
    platform.stop().await;
    let platform = start(&folder, |_| {}).await;
    let fixture = Fixture { platform, log, folder, token };
    let path =
        format!("/v1/vehicles/{}/history?signals={SPEED}&from={}", car.id, cloud::words::rfc3339(from));
    let page = fixture.get(&path).await.expect(200);
    assert_eq!(page["rows"].as_array().unwrap().len(), 2);
    let mut link = car.connect(&fixture).await.unwrap();
    // The same batch again is acknowledged and stored once.
    car.seq = 0;
    car.send(&mut link, from, &[1.0, 2.0]).await;
    fixture.platform.flush().await.unwrap();
    assert_eq!(fixture.get(&path).await.expect(200)["rows"].as_array().unwrap().len(), 2);
    assert_eq!(fixture.platform.twins().counts().duplicate_batches, 1);
    drop(link);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_that_cannot_be_asked_is_refused_with_the_place() {
    let fixture = Fixture::new().await;
    let id = fixture.car(1, "opel", "Astra").await;
    let refused = async |query: &str, place: &str, status: u16| {
        let problem = fixture.get(&format!("/v1/vehicles/{id}/history?{query}")).await;
        let kind = if status == 400 { "bad-request" } else { "unprocessable" };
        let problem = problem.problem(status, kind);
        assert_eq!(problem["errors"][0]["place"], place, "{query}");
    };
    let from = "from=2026-01-01T00:00:00Z";
    refused(&format!("signals=Vehicle.Sped&{from}"), "signals", 422).await;
    refused(&format!("signals=,&{from}"), "signals", 422).await;
    refused(&format!("signals={SPEED}&{from}&interval=fast"), "interval", 422).await;
    refused(&format!("signals={SPEED}&{from}&reduce=max"), "interval", 422).await;
    refused(&format!("signals={SPEED}&{from}&interval=10s&reduce=median"), "reduce", 422).await;
    refused(&format!("signals={SPEED}&{from}&limit=10001"), "limit", 400).await;
    refused(from, "signals", 400).await;
    refused(&format!("signals={SPEED}&{from}&limit=-1"), "limit", 400).await;
    let early = format!("/v1/vehicles/{id}/history?signals={SPEED}&{from}&to=2025-01-01T00:00:00Z");
    let early = fixture.get(&early).await.problem(422, "unprocessable");
    assert_eq!(early["detail"], "to: must be later than `from`");
    assert_eq!(early["errors"][0]["place"], "to");
    fixture.get(&format!("/v1/vehicles/{id}/history?signals={SPEED}&{from}&cursor=")).await.expect(200);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_car_is_sent_away_and_comes_back_with_a_new_certificate_only() {
    let fixture = Fixture::new().await;
    let mut car = Car::enrol(&fixture, 1, &["driving"]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let certificates = format!("/v1/vehicles/{}/certificates", car.id);
    let revoked = fixture.call(Method::DELETE, &certificates, None, &[]).await.expect(200);
    assert_eq!(revoked, json!({ "revoked": 1 }));
    let gone = loop {
        match link.next().await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(gone, link::Error::Disconnected { .. }), "{gone}");
    let refused = car.connect(&fixture).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("revoked"), "{refused}");
    let vehicle = fixture.get(&format!("/v1/vehicles/{}", car.id)).await.expect(200);
    assert_eq!(vehicle["certificate"], Value::Null);

    let (key, csr) = csr();
    let path = format!("/v1/vehicles/{}/certificate", car.id);
    let issued = fixture.post(&path, json!({ "csr_pem": csr })).await.expect(201);
    car.identity = (issued["certificate_pem"].as_str().unwrap().to_owned(), key.serialize_pem());
    let mut link = car.connect(&fixture).await.unwrap();
    car.send(&mut link, now() - Micros::MINUTE, &[10.0]).await;

    let again = fixture.call(Method::DELETE, &certificates, None, &[]).await.expect(200);
    assert_eq!(again, json!({ "revoked": 1 }));
    let unknown = "/v1/vehicles/00000000000000000000000000000000/certificates";
    fixture.call(Method::DELETE, unknown, None, &[]).await.problem(404, "not-found");
}
