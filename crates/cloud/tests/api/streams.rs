//! Streams over a real socket.

use futures::StreamExt;
use model::{Micros, Timestamp};

use super::{car::Car, *};

/// The events of a stream, one after the other.
struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    async fn open(fixture: &Fixture, path: &str) -> Self {
        let url = format!("{}{path}", fixture.platform.url());
        let client = reqwest::Client::builder().build().unwrap();
        let response = client.get(url).bearer_auth(&fixture.token).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event that is not a comment; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                if let (Some(name), Some(data)) = (field("event:"), field("data:")) {
                    return Some((name.to_owned(), serde_json::from_str(data).unwrap()));
                }
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event of this name.
    async fn find(&mut self, name: &str) -> Value {
        loop {
            let (found, data) = self.next().await.expect("the stream has ended");
            if found == name {
                return data;
            }
        }
    }
}

fn now() -> Timestamp {
    Clock::system().now()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_is_followed_live() {
    let fixture = Fixture::new().await;
    let mut car = Car::enrol(&fixture, 1, &["driving"]).await;
    let mut events = Events::open(&fixture, &format!("/v1/vehicles/{}/signals/events", car.id)).await;
    assert_eq!(events.find("snapshot").await, json!({ "items": [], "withheld": [] }));
    let mut link = car.connect(&fixture).await.unwrap();
    assert_eq!(events.find("connectivity").await["items"][0]["connected"], true);
    car.send(&mut link, now(), &[33.0]).await;
    let changes = events.find("signals").await;
    assert_eq!(changes["items"].as_array().unwrap().len(), 1, "the location is withheld: {changes}");
    assert_eq!(
        (&changes["items"][0]["path"], &changes["items"][0]["value"]),
        (&json!("Vehicle.Speed"), &json!(33.0))
    );
    // A new grant shows what was withheld.
    let grants = ["driving", "location"]
        .map(|category| json!({ "purpose": "fleet-management", "category": category, "granted": true }));
    let owner = fixture.owner_of(&car.id).await;
    owner.put(&format!("/v1/vehicles/{}/grants", car.id), json!({ "grants": grants })).await.expect(200);
    // At once: a parked car sends nothing that could carry it.
    let snapshot = events.find("snapshot").await;
    assert_eq!((snapshot["items"].as_array().unwrap().len(), &snapshot["withheld"]), (3, &json!([])));
    car.send(&mut link, now() + Micros::SECOND, &[34.0]).await;
    assert_eq!(events.find("signals").await["items"].as_array().unwrap().len(), 3);
    drop(link);
    assert_eq!(events.find("connectivity").await["items"][0]["connected"], false);
    fixture.platform.stop().await;
    while events.next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_is_followed_live() {
    let fixture = Fixture::new().await;
    let mut car = Car::enrol(&fixture, 1, &["driving", "location"]).await;
    let mut events = Events::open(&fixture, "/v1/fleet/events").await;
    assert_eq!(events.find("summary").await["connected"], 0);
    assert_eq!(events.find("positions").await, json!({ "items": [], "complete": true }));
    let mut link = car.connect(&fixture).await.unwrap();
    car.send(&mut link, now(), &[60.0]).await;
    let summary = events.find("summary").await;
    assert_eq!(summary["connected"], 1);
    let mut moved = events.find("positions").await;
    while moved["items"][0]["speed"] != 60.0 {
        moved = events.find("positions").await;
    }
    assert_eq!((&moved["items"][0]["vehicle_id"], &moved["complete"]), (&json!(car.id), &json!(false)));
    // What the car does was granted for one purpose.
    for (purpose, state) in [("fleet-management", "moving"), ("maintenance", "unknown")] {
        let path = format!("/v1/vehicles?purpose={purpose}");
        assert_eq!(fixture.get(&path).await.expect(200)["items"][0]["state"], state);
        let path = format!("/v1/vehicles/{}?purpose={purpose}", car.id);
        assert_eq!(fixture.get(&path).await.expect(200)["state"], state);
        let path = format!("/v1/fleet/summary?purpose={purpose}");
        assert_eq!(fixture.get(&path).await.expect(200)["by_state"][state], 1);
        let path = format!("/v1/vehicles?state=moving&purpose={purpose}");
        let found = fixture.get(&path).await.expect(200)["items"].as_array().unwrap().len();
        assert_eq!(found == 1, state == "moving");
    }
    // The owner withdraws the location: the car is gone from the map.
    let owner = fixture.owner_of(&car.id).await;
    owner.put(&format!("/v1/vehicles/{}/grants", car.id), json!({ "grants": [] })).await.expect(200);
    let mut all = events.find("positions").await;
    while all["complete"] != true {
        all = events.find("positions").await;
    }
    assert_eq!(all["items"], json!([]));
    drop(link);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_others_reach_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let platform = start(&folder, |options| options.http = "0.0.0.0:0".parse().unwrap()).await;
    let ca = std::fs::read(folder.path().join("data/pki/eu/ca.pem")).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/livez", platform.http_address().port());
    let response = client.get(&url).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.headers().contains_key("strict-transport-security")),
        (204, true)
    );
    assert!(client.get(url.replace("https", "http")).send().await.is_err());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_bounded() {
    let fixture = Fixture::new().await;
    let open = async || {
        let reply = Request::get("/v1/fleet/events")
            .header("authorization", format!("Bearer {}", fixture.token))
            .body(Body::empty())
            .unwrap();
        fixture.platform.router().oneshot(reply).await.unwrap()
    };
    let mut streams = Vec::new();
    for _ in 0..cloud::http::STREAMS_MAX {
        let response = open().await;
        assert_eq!(response.status(), 200);
        let mut body = response.into_body().into_data_stream();
        // Begun, so that it holds its place.
        assert!(body.next().await.is_some());
        streams.push(body);
    }
    fixture.get("/v1/fleet/events").await.problem(503, "unavailable");
    streams.pop();
    assert_eq!(open().await.status(), 200);
    drop(streams);
    fixture.platform.stop().await;
}
