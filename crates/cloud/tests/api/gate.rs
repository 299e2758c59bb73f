use super::*;
use crate::car::Car;

const PEUGEOT: &[Brand] = &[Brand::Peugeot];

#[tokio::test(flavor = "multi_thread")]
async fn who_works_for_a_brand_sees_no_other() {
    let fixture = Fixture::new().await;
    let own = fixture.car(1, "peugeot", "208").await;
    let foreign = fixture.car(2, "opel", "Corsa").await;
    let person = fixture.signed_in_as("operations", "staff", &[("operations", PEUGEOT)]).await;
    let list = person.get("/v1/vehicles").await.expect(200);
    let ids: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| &item["vehicle_id"]).collect();
    assert_eq!(ids, [&own]);
    person.get("/v1/vehicles?brand=opel").await.problem(403, "forbidden");
    person.get(&format!("/v1/vehicles/{own}")).await.expect(200);
    for path in ["", "/signals", "/state", "/history?signals=Vehicle.Speed&from=2026-01-01T00:00:00Z"] {
        let refused = person.get(&format!("/v1/vehicles/{foreign}{path}")).await.problem(404, "not-found");
        let missing = person.get(&format!("/v1/vehicles/{:032x}{path}", 7)).await.problem(404, "not-found");
        assert_eq!(refused["detail"], missing["detail"]);
    }
    let summary = person.get("/v1/fleet/summary").await.expect(200);
    assert_eq!((&summary["vehicles"], &summary["samples_per_s"]), (&json!(1), &Value::Null));
    assert_eq!(summary["by_brand"].as_array().unwrap().len(), 1);
    let facets = person.get("/v1/facets").await.expect(200);
    assert_eq!(facets["brands"], json!([{ "slug": "peugeot", "name": "Peugeot" }]));
    let search = json!({ "vin": "VF3CCHMZ0KT000002" });
    let found = person.call(Method::POST, "/v1/vehicles/search", Some(search)).await.expect(200);
    assert_eq!(found["items"], json!([]));
    person
        .call(Method::POST, "/v1/vehicles", Some(new_vehicle(3, "opel", "Corsa")))
        .await
        .problem(403, "forbidden");
    person.call(Method::POST, "/v1/vehicles", Some(new_vehicle(3, "peugeot", "208"))).await.expect(201);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_purpose_for_all() {
    let fixture = Fixture::new().await;
    let car = Car::enrol(&fixture, 1, &["driving"]).await;
    let person = fixture.signed_in_as("operations", "staff", &[("operations", PEUGEOT)]).await;
    let signals = format!("/v1/vehicles/{}/signals", car.id);
    person.get(&signals).await.expect(200);
    // Operations may not name it, wherever in the query it stands.
    for query in [
        "purpose=connected-services",
        "purpose=&purpose=connected-services",
        "purpose=connected-services&purpose=",
    ] {
        person.get(&format!("{signals}?{query}")).await.problem(403, "forbidden");
    }
    for query in ["purpose=operation&purpose=maintenance", "purpose=fun"] {
        person.get(&format!("{signals}?{query}")).await.problem(400, "bad-request");
    }
    // An entry is of the brand that was asked for.
    person.get("/v1/vehicles?brand=&brand=peugeot").await.expect(200);
    let found = fixture.get("/v1/audit/entries?action=vehicle.list").await.expect(200);
    assert_eq!(found["items"][0]["brand"], "peugeot");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_tells_nothing_of_what_is_out_of_reach() {
    let fixture = Fixture::new().await;
    fixture.car(1, "abarth", "500e").await;
    fixture.car(2, "opel", "Corsa").await;
    let person = fixture.signed_in_as("support", "staff", &[("support", &[Brand::Abarth])]).await;
    let find = async |number: u32, query: &str| {
        let search = json!({ "vin": format!("VF3CCHMZ0KT{number:06}") });
        person.call(Method::POST, &format!("/v1/vehicles/search{query}"), Some(search)).await
    };
    // Without a purpose that support may name: the same for the own, another brand's, and one that nobody has.
    let mut answers = Vec::new();
    for number in [1, 2, 3] {
        answers.push(find(number, "").await.problem(403, "forbidden")["detail"].clone());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(find(1, "?purpose=operation").await.expect(200)["items"].as_array().unwrap().len(), 1);
    for number in [2, 3] {
        assert_eq!(find(number, "?purpose=operation").await.expect(200)["items"], json!([]));
    }
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enrolling_gives_nobody_a_key_of_a_car_that_exists() {
    let fixture = Fixture::new().await;
    let foreign = new_vehicle(1, "fiat", "600e");
    fixture.post("/v1/vehicles", foreign.clone()).await.expect(201);
    fixture.car(2, "opel", "Corsa").await;
    let person = fixture.signed_in_as("operations", "staff", &[("operations", &[Brand::Opel])]).await;
    let enrol = async |vehicle: Value, csr: Option<String>| {
        let body = json!({ "vehicles": [{ "vehicle": vehicle, "csr_pem": csr, "grants": [] }] });
        person.call(Method::POST, "/v1/vehicles/enrolments", Some(body)).await
    };
    // With the brand of who asks, and the VIN of another's car.
    let mut taken = foreign;
    taken["brand"] = json!("opel");
    for csr in [None, Some(csr().1)] {
        let problem = enrol(taken.clone(), csr).await.problem(409, "conflict");
        assert!(!problem.to_string().contains("vehicle_id\":"), "{problem}");
    }
    // A car of the own brand that has no certificate yet.
    let own = new_vehicle(2, "opel", "Corsa");
    enrol(own.clone(), Some(csr().1)).await.problem(409, "conflict");
    enrol(own.clone(), None).await.expect(200);
    enrol(new_vehicle(3, "opel", "Corsa"), Some(csr().1)).await.expect(200);
    // Who guards identities may; what they did has an entry of its own.
    let body = json!({ "vehicles": [{ "vehicle": own, "csr_pem": csr().1, "grants": [] }] });
    fixture.post("/v1/vehicles/enrolments", body).await.expect(200);
    let found = fixture.get("/v1/audit/entries?action=certificate.issue").await.expect(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_where_a_car_is_leaves_an_entry_of_that() {
    let fixture = Fixture::new().await;
    let car = Car::enrol(&fixture, 1, &["driving", "location"]).await;
    let shy = Car::enrol(&fixture, 2, &["driving"]).await;
    let count = async |action: &str| {
        let found = fixture.get(&format!("/v1/audit/entries?action={action}")).await.expect(200);
        found["items"].as_array().unwrap().len()
    };
    for id in [&car.id, &shy.id] {
        fixture.get(&format!("/v1/vehicles/{id}/signals")).await.expect(200);
    }
    assert_eq!((count("vehicle.signals.read").await, count("vehicle.location.read").await), (2, 1));
    let history =
        |signal: &str| format!("/v1/vehicles/{}/history?signals={signal}&from=2026-01-01T00:00:00Z", car.id);
    fixture.get(&history("Vehicle.Speed")).await.expect(200);
    assert_eq!(count("vehicle.location_history.read").await, 0);
    fixture.get(&history("Vehicle.CurrentLocation.Latitude")).await.expect(200);
    assert_eq!(count("vehicle.location_history.read").await, 1);
    // Grants that came with a simulated car do so too.
    assert_eq!(count("consent.import").await, 2);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reaches_for_another_brands_car_is_found_in_the_audit() {
    let fixture = Fixture::new().await;
    let foreign = fixture.car(1, "fiat", "600e").await;
    let person = fixture.signed_in_as("security", "staff", &[("security", &[Brand::Opel])]).await;
    let path = format!("/v1/vehicles/{foreign}/certificates");
    person.call(Method::DELETE, &path, None).await.problem(404, "not-found");
    let found = fixture.get("/v1/audit/entries?outcome=denied").await.expect(200);
    assert_eq!(found["items"][0]["action"], "certificate.revoke", "{found}");
    assert_eq!(found["items"][0]["brand"], "fiat");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_does_what_it_is_for_and_nothing_else() {
    let fixture = Fixture::new().await;
    let car = fixture.car(1, "peugeot", "208").await;
    let support = fixture.signed_in_as("support", "staff", &[("support", &Brand::ALL)]).await;
    support.get("/v1/vehicles").await.problem(403, "forbidden");
    support.get(&format!("/v1/vehicles/{car}/signals")).await.problem(403, "forbidden");
    support.get(&format!("/v1/vehicles/{car}/grants")).await.expect(200);
    let privacy = fixture.signed_in_as("privacy", "staff", &[("privacy", PEUGEOT)]).await;
    privacy.get("/v1/audit/entries?brand=opel").await.problem(403, "forbidden");
    privacy.get("/v1/audit/entries").await.expect(200);
    privacy.get("/v1/audit/log/tile/entries/000.p/1").await.problem(403, "forbidden");
    let nobody = fixture.signed_in_as("nobody", "staff", &[]).await;
    nobody.get("/v1/account").await.expect(200);
    nobody.get("/v1/vehicles").await.problem(403, "forbidden");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_sees_the_own_car_and_decides_about_it() {
    let fixture = Fixture::new().await;
    let own = fixture.car(1, "peugeot", "208").await;
    let foreign = fixture.car(2, "peugeot", "208").await;
    let owner = fixture.owner_of(&own).await;
    let list = owner.get("/v1/vehicles").await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["vehicle_id"], own);
    owner.get(&format!("/v1/vehicles/{foreign}")).await.problem(404, "not-found");
    let grants =
        json!({ "grants": [{ "purpose": "fleet-management", "category": "driving", "granted": true }] });
    owner.put(&format!("/v1/vehicles/{own}/grants"), grants.clone()).await.expect(200);
    owner.put(&format!("/v1/vehicles/{foreign}/grants"), grants.clone()).await.problem(404, "not-found");
    fixture.put(&format!("/v1/vehicles/{own}/grants"), grants).await.problem(403, "forbidden");
    owner.get(&format!("/v1/vehicles/{own}/audit")).await.expect(200);
    owner.get("/v1/fleet/summary").await.problem(403, "forbidden");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_listed_by_brand_and_state_and_by_car() {
    let fixture = Fixture::new().await;
    let (one, other) = (fixture.car(1, "peugeot", "208").await, fixture.car(2, "opel", "Corsa").await);
    for car in [&one, &other] {
        let path = format!("/v1/vehicles/{car}/certificate");
        fixture.post(&path, json!({ "csr_pem": csr().1 })).await.expect(201);
    }
    fixture.call(Method::DELETE, &format!("/v1/vehicles/{other}/certificates"), None, &[]).await.expect(200);
    let cars = async |query: &str| {
        let page = fixture.get(&format!("/v1/certificates{query}")).await.expect(200);
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["vehicle_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(cars("").await.len(), 2);
    assert_eq!(cars("?brand=opel").await, [other.as_str()]);
    assert_eq!(cars("?state=valid").await, [one.as_str()]);
    assert_eq!(cars("?state=revoked").await, [other.as_str()]);
    assert!(cars("?state=expired").await.is_empty());
    let security = fixture.signed_in_as("security", "staff", &[("security", PEUGEOT)]).await;
    let page = security.get("/v1/certificates").await.expect(200);
    assert_eq!((page["items"].as_array().unwrap().len(), &page["items"][0]["vehicle_id"]), (1, &json!(one)));
    let path = format!("/v1/vehicles/{one}/certificates");
    let found = security.get(&path).await.expect(200);
    assert_eq!(
        (&found["certificates"][0]["state"], &found["enrolment_credential"]),
        (&json!("valid"), &Value::Null)
    );
    security.get(&format!("/v1/vehicles/{other}/certificates")).await.problem(404, "not-found");
    fixture.platform.stop().await;
}
