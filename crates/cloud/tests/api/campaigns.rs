use model::Timestamp;
use wire::{Expected, Kind, VerifyingKeys};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_created_changed_and_listed() {
    let fixture = Fixture::new().await;
    let reply = fixture.post("/v1/campaigns", campaign("Basics")).await;
    let path = reply.header("location").to_owned();
    let created = reply.expect(201);
    assert_eq!((&created["version"], &created["assigned"]), (&json!(1), &json!(0)));
    let read = fixture.get(&path).await;
    let tag = read.header("etag").to_owned();
    assert_eq!(read.expect(200), created);
    let changed = fixture.call(Method::PUT, &path, Some(campaign("Better")), &[("if-match", &tag)]).await;
    let changed = changed.expect(200);
    assert_eq!((&changed["version"], &changed["name"]), (&json!(2), &json!("Better")));
    let stale = fixture.call(Method::PUT, &path, Some(campaign("Worse")), &[("if-match", &tag)]).await;
    stale.problem(412, "precondition-failed");
    fixture.campaign("Second").await;
    let page = fixture.get("/v1/campaigns?limit=1").await.expect(200);
    assert_eq!((&page["items"][0]["name"], &page["items"][0]["signals"]), (&json!("Second"), &json!(3)));
    assert!(page["items"][0].get("groups").is_none(), "a page holds whole documents");
    let next = page["next_cursor"].as_str().unwrap();
    let page = fixture.get(&format!("/v1/campaigns?limit=1&cursor={next}")).await.expect(200);
    assert_eq!((&page["items"][0]["name"], &page["next_cursor"]), (&json!("Better"), &Value::Null));
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_cannot_be_is_refused_with_every_place() {
    let fixture = Fixture::new().await;
    let mut broken = campaign("x");
    broken["groups"][0]["signals"] = json!(["Vehicle.Sped", "Vehicle.Speed", "Vehicle.Nothing"]);
    let problem = fixture.post("/v1/campaigns", broken).await.problem(422, "unprocessable");
    let places: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["place"].clone()).collect();
    assert_eq!(places, ["groups[0].signals[0]", "groups[0].signals[2]"]);
    let mut fast = campaign("x");
    fast["groups"][0]["every_ms"] = json!(1);
    let problem = fixture.post("/v1/campaigns", fast).await.problem(422, "unprocessable");
    assert_eq!(problem["errors"][0]["place"], "groups[0].every_ms");
    let mut vin = campaign("x");
    vin["groups"][0]["signals"] = json!(["Vehicle.VehicleIdentification.VIN"]);
    fixture.post("/v1/campaigns", vin).await.problem(422, "unprocessable");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_gives_each_matched_car_a_signed_document() {
    let fixture = Fixture::new().await;
    let cars = [
        fixture.car(1, "peugeot", "208").await,
        fixture.car(2, "peugeot", "3008").await,
        fixture.car(3, "opel", "Corsa").await,
    ];
    let id = fixture.campaign("Basics").await;
    let path = format!("/v1/campaigns/{id}/assignments");
    let assigned = fixture.post(&path, json!({ "brands": ["peugeot"] })).await.expect(200);
    assert_eq!((&assigned["matched"], &assigned["assigned"]), (&json!(2), &json!(2)));
    let again = fixture.post(&path, json!({ "regions": ["eu"] })).await.expect(200);
    assert_eq!((&again["matched"], &again["assigned"]), (&json!(3), &json!(1)));
    fixture.post(&path, json!({})).await.problem(422, "unprocessable");
    let many: Vec<_> = (0..40_000).map(|number| number.to_string()).collect();
    let problem = fixture.post(&path, json!({ "models": many })).await.problem(422, "unprocessable");
    assert_eq!(problem["errors"][0]["place"], "models");
    fixture
        .post("/v1/campaigns/99/assignments", json!({ "brands": ["opel"] }))
        .await
        .problem(404, "not-found");

    let second = fixture.campaign("More").await;
    let path = format!("/v1/campaigns/{second}/assignments");
    fixture.post(&path, json!({ "vehicle_ids": [cars[0]] })).await.expect(200);
    let keys = desired_keys(&fixture, &cars[0]).await;
    let store = store::Store::sqlite(&fixture.folder.path().join("data/marque.db")).await.unwrap();
    for (car, version, campaigns) in [(&cars[0], 2, vec![id, second]), (&cars[2], 1, vec![id])] {
        let vehicle = car.parse().unwrap();
        let (stored, bytes) = store.desired_envelope(vehicle, "campaigns").await.unwrap().unwrap();
        assert_eq!(stored, version);
        let now = Clock::system().now();
        let expected = Expected { kind: Kind::Campaigns, vehicle, have: 0, now };
        let envelope = keys.open(&bytes, &expected).unwrap();
        let document = wire::decode_campaigns(&envelope.payload).unwrap();
        assert_eq!(document.iter().map(|campaign| campaign.id.0).collect::<Vec<_>>(), campaigns);
        let replay = Expected { have: version, ..expected };
        assert!(keys.open(&bytes, &replay).is_err(), "an old version was taken again");
        assert!(envelope.expires > now && envelope.not_before < now && envelope.not_before > Timestamp(0));
    }
    let state = fixture.get(&format!("/v1/vehicles/{}/state", cars[0])).await.expect(200);
    assert_eq!(
        state["desired"][0],
        json!({
            "kind": "campaigns", "version": 2, "created_at": state["desired"][0]["created_at"]
        })
    );
    let vehicle = fixture.get(&format!("/v1/vehicles/{}", cars[0])).await.expect(200);
    assert_eq!(
        (&vehicle["campaigns"][1]["name"], &vehicle["campaigns"][1]["applied"]),
        (&json!("More"), &json!(false))
    );
    let status = fixture.get(&format!("/v1/campaigns/{id}/status")).await.expect(200);
    assert_eq!((&status["assigned"], &status["pending"]), (&json!(3), &json!(3)));
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_names_what_it_does_not_know() {
    let fixture = Fixture::new().await;
    let car = fixture.car(1, "peugeot", "208").await;
    let id = fixture.campaign("Basics").await;
    let unknown = "0".repeat(32);
    for route in ["assignments", "unassignments"] {
        let path = format!("/v1/campaigns/{id}/{route}");
        let body = json!({ "vehicle_ids": [car, unknown], "models": ["208", "2O8"] });
        let answer = fixture.post(&path, body).await.expect(200);
        assert_eq!(answer["matched"], 1);
        assert_eq!(answer["unknown_vehicle_ids"], json!([unknown]));
        assert_eq!(answer["unknown_models"], json!(["2O8"]));
        fixture.post(&path, json!({})).await.problem(422, "unprocessable");
        let elsewhere = fixture.post(&path, json!({ "regions": ["eu", "atlantis"] })).await;
        let elsewhere = elsewhere.problem(422, "unprocessable");
        assert_eq!(elsewhere["errors"][0]["place"], "regions[1]");
        assert!(elsewhere["detail"].as_str().unwrap().contains("must be `eu`"), "{elsewhere}");
    }
    fixture.platform.stop().await;
}

/// What cars check desired state with.
async fn desired_keys(fixture: &Fixture, car: &str) -> VerifyingKeys {
    let path = format!("/v1/vehicles/{car}/certificate");
    let issued = fixture.post(&path, json!({ "csr_pem": csr().1 })).await.expect(201);
    let mut public = [0; 32];
    hex::decode_to_slice(issued["desired_key"].as_str().unwrap(), &mut public).unwrap();
    VerifyingKeys::new([public])
}

/// The version and the campaigns that a car is to have.
async fn desired(store: &store::Store, keys: &VerifyingKeys, car: &str) -> (u64, Vec<u64>) {
    let vehicle = car.parse().unwrap();
    let (version, bytes) = store.desired_envelope(vehicle, "campaigns").await.unwrap().unwrap();
    let expected = Expected { kind: Kind::Campaigns, vehicle, have: version - 1, now: Clock::system().now() };
    let envelope = keys.open(&bytes, &expected).unwrap();
    let document = wire::decode_campaigns(&envelope.payload).unwrap();
    (version, document.iter().map(|campaign| campaign.id.0).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_taken_from_cars_and_ends() {
    let fixture = Fixture::new().await;
    let cars = [fixture.car(1, "peugeot", "208").await, fixture.car(2, "opel", "Corsa").await];
    let (id, other) = (fixture.campaign("Basics").await, fixture.campaign("More").await);
    for campaign in [id, other] {
        let path = format!("/v1/campaigns/{campaign}/assignments");
        fixture.post(&path, json!({ "regions": ["eu"] })).await.expect(200);
    }
    let store = store::Store::sqlite(&fixture.folder.path().join("data/marque.db")).await.unwrap();
    let keys = desired_keys(&fixture, &cars[0]).await;
    assert_eq!(desired(&store, &keys, &cars[0]).await, (2, vec![id, other]));
    let path = format!("/v1/campaigns/{id}/unassignments");
    let taken = fixture.post(&path, json!({ "brands": ["peugeot"] })).await.expect(200);
    assert_eq!((&taken["matched"], &taken["unassigned"]), (&json!(1), &json!(1)));
    let again = fixture.post(&path, json!({ "brands": ["peugeot"] })).await.expect(200);
    assert_eq!((&again["matched"], &again["unassigned"]), (&json!(1), &json!(0)));
    assert_eq!(desired(&store, &keys, &cars[0]).await, (3, vec![other]));
    assert_eq!(desired(&store, &keys, &cars[1]).await, (2, vec![id, other]));

    let end = format!("/v1/campaigns/{other}/end");
    let ended = fixture.call(Method::POST, &end, None, &[]).await.expect(200);
    assert_eq!((&ended["assigned"], ended["ended_at"].is_string()), (&json!(0), true));
    assert_eq!(desired(&store, &keys, &cars[0]).await, (4, vec![]));
    assert_eq!(desired(&store, &keys, &cars[1]).await, (3, vec![id]));
    let vehicle = fixture.get(&format!("/v1/vehicles/{}", cars[0])).await.expect(200);
    assert_eq!(vehicle["campaigns"], json!([]));
    let listed = fixture.get("/v1/campaigns").await.expect(200);
    assert_eq!(
        (&listed["items"][0]["ended_at"], &listed["items"][1]["ended_at"]),
        (&ended["ended_at"], &json!(null))
    );
    let same = fixture.call(Method::POST, &end, None, &[]).await.expect(200);
    assert_eq!(same, ended, "it ended twice");
    let path = format!("/v1/campaigns/{other}");
    fixture.put(&path, campaign("Anew")).await.problem(409, "conflict");
    let all = json!({ "regions": ["eu"] });
    fixture.post(&format!("{path}/assignments"), all.clone()).await.problem(409, "conflict");
    fixture.post(&format!("{path}/unassignments"), all.clone()).await.problem(409, "conflict");
    fixture.call(Method::POST, "/v1/campaigns/99/end", None, &[]).await.problem(404, "not-found");
    fixture.post("/v1/campaigns/99/unassignments", all).await.problem(404, "not-found");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn catalogues_are_listed_read_and_added() {
    let fixture = Fixture::new().await;
    let shipped = fixture.get("/v1/catalogues").await.expect(200)["items"][0].clone();
    let path = format!("/v1/catalogues/{}", shipped["hash"].as_str().unwrap());
    let reply = fixture.get(&path).await;
    let tag = reply.header("etag").to_owned();
    let catalogue = reply.expect(200);
    assert_eq!(catalogue["leaves"].as_array().unwrap().len() as u64, shipped["leaf_count"].as_u64().unwrap());
    let speed =
        catalogue["leaves"].as_array().unwrap().iter().find(|leaf| leaf["path"] == "Vehicle.Speed").unwrap();
    assert_eq!((&speed["unit"], &speed["category"]), (&json!("km/h"), &json!("driving")));
    let unchanged = fixture.call(Method::GET, &path, None, &[("if-none-match", &tag)]).await;
    assert_eq!(unchanged.status, 304);

    let vspec = json!({ "Vehicle": { "type": "branch", "description": "A car", "children": {
        "Speed": { "type": "sensor", "datatype": "float", "unit": "km/h", "description": "Speed" },
        "Sparkle": { "type": "sensor", "datatype": "uint8", "description": "How it shines" }
    } } });
    let reply = fixture.post("/v1/catalogues", vspec.clone()).await;
    let location = reply.header("location").to_owned();
    let added = reply.expect(201);
    assert_eq!(fixture.post("/v1/catalogues", vspec).await.expect(200), added);
    let mut with_added = campaign("Sparkling");
    with_added["groups"][0]["signals"] = json!(["Vehicle.Sparkle", "Vehicle.Speed"]);
    fixture.post("/v1/campaigns", with_added).await.expect(201);
    let leaves = fixture.get(&location).await.expect(200)["leaves"].clone();
    assert!(leaves.as_array().unwrap().iter().any(|leaf| leaf["path"] == "Vehicle.Sparkle"));
    fixture.post("/v1/catalogues", json!([1])).await.problem(422, "unprocessable");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_of_its_brands() {
    let fixture = Fixture::new().await;
    let (peugeot, opel) = (fixture.car(1, "peugeot", "208").await, fixture.car(2, "opel", "Corsa").await);
    let operations: &[Brand] = &[Brand::Peugeot];
    let one = fixture.signed_in_as("one", "staff", &[("operations", operations)]).await;
    let both = fixture.campaign("Of all").await;
    fixture
        .post(&format!("/v1/campaigns/{both}/assignments"), json!({ "regions": ["eu"] }))
        .await
        .expect(200);

    // Who has one brand writes for that one, and for no other.
    one.post("/v1/campaigns", campaign("For all")).await.problem(403, "forbidden");
    let mut nobodys = campaign("Nobody's");
    nobodys["brands"] = json!([]);
    let problem = one.post("/v1/campaigns", nobodys).await.problem(422, "unprocessable");
    assert_eq!(problem["errors"][0]["place"], "brands");
    let mut own = campaign("Own");
    own["brands"] = json!(["peugeot"]);
    let made = one.post("/v1/campaigns", own.clone()).await.expect(201);
    assert_eq!(made["brands"], json!(["peugeot"]));
    let path = format!("/v1/campaigns/{}", made["campaign_id"]);
    let assigned = one.post(&format!("{path}/assignments"), json!({ "regions": ["eu"] })).await.expect(200);
    assert_eq!((&assigned["matched"], &assigned["assigned"]), (&json!(1), &json!(1)));
    let foreign =
        fixture.post(&format!("{path}/assignments"), json!({ "brands": ["peugeot", "opel"] })).await;
    assert_eq!(foreign.problem(422, "unprocessable")["errors"][0]["place"], "brands[1]");
    let chosen = json!({ "vehicle_ids": [peugeot, opel] });
    let assigned = fixture.post(&format!("{path}/assignments"), chosen).await.expect(200);
    assert_eq!((&assigned["matched"], &assigned["unknown_vehicle_ids"]), (&json!(1), &json!([opel])));

    // Brands stay; a change may leave them out.
    let mut changed = own.clone();
    changed["brands"] = json!(["peugeot", "opel"]);
    let problem = fixture.put(&path, changed.clone()).await.problem(422, "unprocessable");
    assert_eq!(problem["errors"][0]["place"], "brands");
    drop(changed.as_object_mut().unwrap().remove("brands"));
    assert_eq!(one.put(&path, changed).await.expect(200)["brands"], json!(["peugeot"]));
    assert_eq!(one.put(&path, own).await.expect(200)["version"], 3);

    // What is of several brands is read by those of one, in theirs; what is of others is not there.
    let all = format!("/v1/campaigns/{both}");
    assert_eq!(one.get(&all).await.expect(200)["assigned"], 1);
    assert_eq!(one.get(&format!("{all}/status")).await.expect(200)["assigned"], 1);
    assert_eq!(fixture.get(&all).await.expect(200)["assigned"], 2);
    one.act(&format!("{all}/end")).await.problem(403, "forbidden");
    one.put(&all, campaign("Mine now")).await.problem(403, "forbidden");
    let mut opels = campaign("Opel's");
    opels["brands"] = json!(["opel"]);
    let opels = fixture.post("/v1/campaigns", opels).await.expect(201)["campaign_id"].clone();
    for hidden in [format!("/v1/campaigns/{opels}"), format!("/v1/campaigns/{opels}/status")] {
        one.get(&hidden).await.problem(404, "not-found");
    }
    one.act(&format!("/v1/campaigns/{opels}/end")).await.problem(404, "not-found");
    let listed = one.get("/v1/campaigns").await.expect(200);
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
    assert_eq!(names, ["Own", "Of all"]);
    fixture.platform.stop().await;
}
