//! What requests leave in the audit log, and that it can be verified.

use std::{fs, path::PathBuf};

use ::audit::{Auditor, Event, Field, LogPath, Outcome, Policy, TlogProof, VerifierKey, entries_of};
use cloud::audit::{Folder, LogFiles as _, log_folder};
use model::Vin;

use super::{car::Car, *};

/// Looks, at the end of every test of the API, through all entries that it wrote: none tells a VIN, a place, a
/// token, or an id of a person or a car.
pub(super) struct Discreet {
    pub(super) data: PathBuf,
    pub(super) token: String,
}

impl Drop for Discreet {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let entries = entries(&self.data);
        assert!(!entries.is_empty(), "signing in is recorded");
        for entry in &entries {
            assert!(!holds(entry, self.token.as_bytes()), "a token is in the log");
            let event = Event::decode(entry).unwrap();
            let named = event.actor.kind.as_str() == "operator";
            assert!(!named || matches!(event.actor.id, Field::Committed(_)), "{event:?}");
            let is_car = event.resource.kind.as_str() == "vehicle" && plain(&event.resource.id).is_empty();
            let is_thing = ["assignment", "organisation", "service"].contains(&event.resource.kind.as_str());
            assert!(is_car || is_thing || !is_vehicle_id(plain(&event.resource.id)), "{event:?}");
            assert!(event.address.as_ref().is_none_or(|field| plain(field).is_empty()), "{event:?}");
            texts(&event).into_iter().for_each(check_text);
        }
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn is_vehicle_id(text: &str) -> bool {
    text.parse::<model::VehicleId>().is_ok()
}

fn plain(field: &Field) -> &str {
    match field {
        Field::Plain(word) => word.as_str(),
        Field::Committed(_) => "",
    }
}

fn texts(event: &Event) -> Vec<&str> {
    vec![
        event.actor.kind.as_str(),
        plain(&event.actor.id),
        event.action.as_str(),
        event.resource.kind.as_str(),
        plain(&event.resource.id),
        event.reason.as_ref().map_or("", |reason| reason.as_str()),
        event.request.as_ref().map_or("", |request| request.as_str()),
    ]
}

fn check_text(text: &str) {
    // Of random ids one in some millions has seventeen digits in a row.
    let is_id = |part: &&str| part.len() == 32 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts = || text.split(|c: char| !c.is_ascii_alphanumeric());
    if let Some(id) = parts().find(is_id) {
        return check_text(&text.replace(id, "-"));
    }
    let windows = text.as_bytes().windows(17).filter_map(|window| std::str::from_utf8(window).ok());
    for window in windows {
        assert!(window.parse::<Vin>().is_err(), "`{text}` holds a VIN");
    }
    // A place is a fraction of a degree; actions have no digits behind their dots.
    let fraction = text.split('.').skip(1).any(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    assert!(!fraction, "`{text}` looks like a place");
}

/// The bytes of all entries in a data folder.
fn entries(data: &std::path::Path) -> Vec<Vec<u8>> {
    let files = Folder::open(&log_folder(&data.join("audit"))).unwrap();
    let paths: Vec<LogPath> = files.list().unwrap().iter().map(|path| path.parse().unwrap()).collect();
    let mut newest: std::collections::BTreeMap<LogPath, LogPath> = std::collections::BTreeMap::new();
    for path in paths.into_iter().filter(|path| matches!(path, LogPath::Entries { .. })) {
        let widest = newest.entry(path.full()).or_insert(path);
        *widest = path.max(*widest);
    }
    let mut all = Vec::new();
    for path in newest.into_values() {
        let bytes = files.read(path).unwrap().unwrap();
        all.extend(entries_of(path, &bytes).unwrap().into_iter().map(<[u8]>::to_vec));
    }
    all
}

/// Action, outcome and reason of each entry, the oldest first.
pub(super) fn told(fixture: &Fixture) -> Vec<(String, Outcome, String)> {
    let entries = entries(&fixture.folder.path().join("data"));
    let event = |entry: Vec<u8>| {
        let event = Event::decode(&entry).unwrap();
        let reason = event.reason.as_ref().map_or_else(String::new, ToString::to_string);
        (event.action.to_string(), event.outcome, reason)
    };
    entries.into_iter().map(event).collect()
}

fn check_told(fixture: &Fixture, from: usize, expected: &[(&str, Outcome, &str)]) {
    let told = told(fixture);
    let told: Vec<(&str, Outcome, &str)> = told[from..]
        .iter()
        .map(|(action, outcome, reason)| (action.as_str(), *outcome, reason.as_str()))
        .collect();
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_sees_who_read_what_of_the_car_and_verifies_it() {
    let fixture = Fixture::new().await;
    let car = Car::enrol(&fixture, 1, &["driving"]).await;
    let other = fixture.car(2, "opel", "Corsa").await;
    let read = format!("/v1/vehicles/{}/history?signals=Vehicle.Speed&from=2026-01-01T00:00:00Z", car.id);
    fixture.get(&format!("{read}&purpose=maintenance")).await.expect(200);
    fixture.get(&format!("/v1/vehicles/{other}")).await.expect(200);
    let owner = fixture.owner_of(&car.id).await;
    let found = owner.get(&format!("/v1/vehicles/{}/audit", car.id)).await.expect(200);
    let items = found["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{found}");
    let item = &items[0];
    assert_eq!((&item["action"], &item["outcome"]), (&json!("vehicle.history.read"), &json!("allowed")));
    assert_eq!((&item["purpose"], &item["brand"]), (&json!("maintenance"), &json!("peugeot")));
    let operator = fixture.get("/v1/account").await.expect(200)["person_id"].clone();
    assert_eq!((&item["actor"]["kind"], &item["actor"]["id"]["value"]), (&json!("person"), &operator));
    assert_eq!(item["resource"]["id"]["value"], car.id.as_str());

    let text = owner.get(item["proof"].as_str().unwrap()).await.expect(200);
    let proof: TlogProof = text.as_str().unwrap().parse().unwrap();
    let key = fs::read_to_string(fixture.folder.path().join("data/audit/verifier-key")).unwrap();
    let key: VerifierKey = key.trim().parse().unwrap();
    let checkpoint = proof.verify(&Policy::of_log(key)).unwrap();
    assert!(checkpoint.head().size > item["index"].as_u64().unwrap());
    let evidence = proof.evidence.unwrap();
    let labels: Vec<&str> = evidence.openings().iter().map(|opening| opening.label().slug()).collect();
    assert_eq!(labels, ["actor", "resource", "address"]);
    assert_eq!(evidence.openings()[1].value().as_str(), car.id);
    // Looking into the audit is an access to personal data too.
    let found = owner.get(&format!("/v1/vehicles/{}/audit", car.id)).await.expect(200);
    assert_eq!(found["items"][0]["action"], "audit.read_own_car");
    // An entry of another car is as one that is not there.
    let others = fixture.get(&format!("/v1/audit/entries?vehicle_id={other}")).await.expect(200);
    let index = &others["items"][0]["index"];
    let path = format!("/v1/vehicles/{}/audit/{index}/proof", car.id);
    owner.get(&path).await.problem(404, "not-found");
    fixture.get(&format!("/v1/vehicles/{}/audit", car.id)).await.problem(403, "forbidden");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_searched_by_who_what_when_and_whose() {
    let fixture = Fixture::new().await;
    let id = fixture.car(1, "opel", "Corsa").await;
    fixture.car(2, "jeep", "Avenger").await;
    fixture.get("/v1/vehicles?brand=opel").await.expect(200);
    let vin = json!({ "vin": "VF3CCHMZ0KT000001" });
    fixture.post("/v1/vehicles/search", vin).await.expect(200);
    let found = |query: String| {
        let fixture = &fixture;
        async move {
            let body = fixture.get(&format!("/v1/audit/entries?{query}")).await.expect(200);
            let items = body["items"].as_array().unwrap().clone();
            items.iter().map(|item| item["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        }
    };
    let operator = fixture.get("/v1/account").await.expect(200)["person_id"].clone();
    let operator = operator.as_str().unwrap();
    assert_eq!(
        found(format!("vehicle_id={id}&actor={operator}")).await,
        ["vehicle.find_by_vin", "vehicle.create"]
    );
    assert_eq!(found("brand=opel&action=vehicle.list".to_owned()).await, ["vehicle.list"]);
    assert_eq!(found("brand=jeep".to_owned()).await, ["vehicle.create"]);
    assert!(found("actor=nobody".to_owned()).await.is_empty());
    assert!(found("outcome=denied".to_owned()).await.is_empty());
    assert!(found("to=2020-01-01T00:00:00Z".to_owned()).await.is_empty());
    let page = fixture.get("/v1/audit/entries?action=vehicle.create&limit=3").await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    let next = page["next_cursor"].as_str().unwrap();
    let rest = fixture.get(&format!("/v1/audit/entries?action=vehicle.create&limit=3&cursor={next}")).await;
    assert_eq!(rest.expect(200)["items"].as_array().unwrap().len(), 1, "each has a begin and an end");
    let list = fixture.get("/v1/audit/entries?action=vehicle.list").await.expect(200);
    let resource = &list["items"][0]["resource"];
    assert_eq!((&resource["kind"], &resource["id"]["value"]), (&json!("tenant"), &json!("count:1")));
    fixture.get("/v1/audit/entries/1000/proof").await.problem(404, "not-found");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_is_recorded_before_it_is_done_and_when_it_has_ended() {
    let fixture = Fixture::new().await;
    let (allowed, failed, denied) = (Outcome::Allowed, Outcome::Failed, Outcome::Denied);
    check_told(&fixture, 0, &[("session.create", allowed, "")]);
    let id = fixture.car(1, "opel", "Corsa").await;
    let grants = format!("/v1/vehicles/{id}/grants");
    let owner = fixture.owner_of(&id).await;
    owner.put(&grants, json!({ "grants": [] })).await.expect(200);
    owner.put(&grants, json!({ "grants": [{ "purpose": "fun" }] })).await.problem(422, "unprocessable");
    // The certificate that is not there is one too.
    fixture.call(Method::DELETE, &format!("/v1/vehicles/{id}/certificates"), None, &[]).await.expect(200);
    check_told(
        &fixture,
        1,
        &[
            ("vehicle.create", allowed, "begun"),
            ("vehicle.create", allowed, ""),
            ("session.create", allowed, ""),
            ("consent.write", allowed, "begun"),
            ("consent.write", allowed, ""),
            ("consent.write", allowed, "begun"),
            ("consent.write", failed, "unprocessable"),
            ("certificate.revoke", allowed, "begun"),
            ("certificate.revoke", allowed, ""),
        ],
    );
    // In the person's session, but not by the person.
    let cookie = format!("marque_session={}", fixture.token);
    let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    let router = fixture.platform.router();
    let refused = call(&router, Method::DELETE, "/v1/session", None, &headers).await;
    refused.problem(403, "forbidden");
    for username in ["operator", "somebody"] {
        let wrong = json!({ "username": username, "password": "wrong" });
        call(&router, Method::POST, "/v1/session", Some(wrong), &[]).await.problem(401, "sign-in-refused");
    }
    fixture.call(Method::DELETE, "/v1/session", None, &[]).await.expect(204);
    check_told(
        &fixture,
        10,
        &[
            ("session.end_own", denied, "forbidden"),
            ("session.create", denied, "sign-in-refused"),
            ("session.create", denied, "sign-in-refused"),
            ("session.end_own", allowed, "begun"),
            ("session.end_own", allowed, ""),
        ],
    );
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_is_not_done_and_not_shown() {
    let fixture = Fixture::new().await;
    let id = fixture.car(1, "opel", "Corsa").await;
    fixture.platform.audit().stop().await;
    fixture.post("/v1/campaigns", campaign("Basics")).await.problem(503, "unavailable");
    fixture.get(&format!("/v1/vehicles/{id}")).await.problem(503, "unavailable");
    let credentials = json!({ "username": "operator", "password": password(&fixture.folder) });
    let router = fixture.platform.router();
    call(&router, Method::POST, "/v1/session", Some(credentials), &[]).await.problem(503, "unavailable");
    assert_eq!(fixture.get("/v1/campaigns").await.expect(200)["items"], json!([]));
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_recorded_when_it_begins_and_when_it_ends() {
    let fixture = Fixture::new().await;
    let id = fixture.car(1, "opel", "Corsa").await;
    let request = Request::get(format!("/v1/vehicles/{id}/signals/events"))
        .header("authorization", format!("Bearer {}", fixture.token))
        .body(Body::empty())
        .unwrap();
    let response = fixture.platform.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    drop(response);
    // What is recorded later stands behind it.
    fixture.get(&format!("/v1/vehicles/{id}")).await.expect(200);
    let signals = "vehicle.signals.read";
    let allowed = Outcome::Allowed;
    let expected = [(signals, allowed, "begun"), (signals, allowed, "ended"), ("vehicle.read", allowed, "")];
    check_told(&fixture, 3, &expected);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_client_of_tiles_reads_the_log() {
    let fixture = Fixture::new().await;
    for number in 1..=3 {
        fixture.car(number, "opel", "Corsa").await;
    }
    let note = fixture.get("/v1/audit/log/checkpoint").await.expect(200);
    let policy = Policy::of_log(fixture.platform.audit().verifier_key().clone());
    let head = policy.verify(note.as_str().unwrap()).unwrap().head();
    assert_eq!(head.size, 7);
    let mut auditor = Auditor::new(head).unwrap();
    while let Some(path) = auditor.poll_read() {
        let bearer = format!("Bearer {}", fixture.token);
        let request = Request::get(format!("/v1/audit/log/{path}")).header("authorization", bearer);
        let response = fixture.platform.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let bytes = axum::body::to_bytes(response.into_body(), path.bytes_max()).await.unwrap();
        auditor.handle_read(Some(&bytes)).unwrap();
    }
    let report = auditor.finish().unwrap();
    assert!(report.is_intact(), "{report:?}");
    for path in ["tile/0/001", "tile/entries/x000/000", "tile/0/%2e%2e/checkpoint", "tile/9/000"] {
        fixture.get(&format!("/v1/audit/log/{path}")).await.problem(404, "not-found");
    }
    fixture.platform.stop().await;
}
