use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_vehicle_is_registered_once_and_its_vin_never_comes_back() {
    let fixture = Fixture::new().await;
    let reply = fixture.post("/v1/vehicles", new_vehicle(1, "peugeot", "208")).await;
    let location = reply.header("location").to_owned();
    let vehicle = reply.expect(201);
    assert_eq!(location, format!("/v1/vehicles/{}", vehicle["vehicle_id"].as_str().unwrap()));
    assert_eq!((&vehicle["brand"], &vehicle["state"]), (&json!("peugeot"), &json!("offline")));
    assert_eq!((&vehicle["connected"], &vehicle["certificate"]), (&json!(false), &Value::Null));
    let again = fixture.post("/v1/vehicles", new_vehicle(1, "peugeot", "208")).await;
    let again = again.problem(409, "conflict");
    let search = fixture.post("/v1/vehicles/search", json!({ "vin": "VF3CCHMZ0KT000001" })).await.expect(200);
    assert_eq!(search["items"][0]["vehicle_id"], vehicle["vehicle_id"]);
    let nobody = fixture.post("/v1/vehicles/search", json!({ "vin": "VF3CCHMZ0KT000009" })).await.expect(200);
    assert_eq!(nobody["items"], json!([]));
    for body in [vehicle, again, search, fixture.get(&location).await.expect(200)] {
        assert!(!body.to_string().contains("VF3CCHMZ"), "{body}");
    }
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vehicle_that_cannot_be_is_refused_with_the_place() {
    let fixture = Fixture::new().await;
    let refused = async |field: &str, value: Value| {
        let mut vehicle = new_vehicle(1, "opel", "Corsa");
        vehicle[field] = value;
        let problem = fixture.post("/v1/vehicles", vehicle).await.problem(422, "unprocessable");
        assert_eq!(problem["errors"][0]["place"], field, "{problem}");
    };
    refused("vin", json!("TOO-SHORT")).await;
    refused("model", json!("")).await;
    refused("model", json!("a\u{7}")).await;
    refused("model_year", json!(1899)).await;
    // A region is a cell of its own.
    refused("region", json!("us")).await;
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_searched_and_paged() {
    let fixture = Fixture::new().await;
    for number in 0..7 {
        fixture.car(number, if number % 2 == 0 { "peugeot" } else { "opel" }, "Corsa").await;
    }
    let count = async |query: &str| {
        let page = fixture.get(&format!("/v1/vehicles?{query}")).await.expect(200);
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 7);
    assert_eq!(count("brand=opel").await, 3);
    assert_eq!(count("brand=opel&region=eu").await, 3);
    assert_eq!(count("q=PEUG").await, 4);
    assert_eq!(count("q=%25").await, 0);
    assert_eq!(count("state=offline").await, 7);
    assert_eq!(count("state=moving").await, 0);
    for query in ["limit=3", "limit=3&state=offline"] {
        let mut seen = std::collections::BTreeSet::new();
        let mut path = format!("/v1/vehicles?{query}");
        loop {
            let page = fixture.get(&path).await.expect(200);
            for item in page["items"].as_array().unwrap() {
                assert!(seen.insert(item["vehicle_id"].as_str().unwrap().to_owned()));
            }
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/v1/vehicles?{query}&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), 7, "{query}");
    }
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_has_not_changed_is_not_sent_again() {
    let fixture = Fixture::new().await;
    let path = format!("/v1/vehicles/{}", fixture.car(1, "jeep", "Avenger").await);
    let first = fixture.get(&path).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"'), "{tag}");
    let again = fixture.call(Method::GET, &path, None, &[("if-none-match", &tag)]).await;
    assert_eq!((again.status.as_u16(), again.body.clone()), (304, Value::Null));
    fixture.post(&format!("{path}/certificate"), json!({ "csr_pem": csr().1 })).await.expect(201);
    fixture.call(Method::GET, &path, None, &[("if-none-match", &tag)]).await.expect(200);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_of_a_state_and_its_coding() {
    let fixture = Fixture::new().await;
    let path = format!("/v1/campaigns/{}", fixture.campaign("Basics").await);
    let plain = fixture.get(&path).await.header("etag").to_owned();
    let packed = fixture.call(Method::GET, &path, None, &[("accept-encoding", "gzip")]).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let packed = packed.header("etag").to_owned();
    assert_eq!(packed, format!("{}-gzip\"", plain.trim_end_matches('"')));
    let weak = format!("W/{plain}");
    for tag in [&plain, &packed, &weak] {
        let headers = [("if-none-match", tag.as_str()), ("accept-encoding", "gzip")];
        let unchanged = fixture.call(Method::GET, &path, None, &headers).await;
        assert_eq!(unchanged.status, 304, "{tag}");
        assert_eq!(unchanged.header("etag"), tag.trim_start_matches("W/"));
    }
    let put = async |tag: &str| {
        let document = Some(campaign("Better"));
        fixture.call(Method::PUT, &path, document, &[("if-match", tag)]).await
    };
    put(&weak).await.problem(412, "precondition-failed");
    put("\"other\"").await.problem(412, "precondition-failed");
    put(&packed).await.expect(200);
    put(&plain).await.problem(412, "precondition-failed");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_may_be_repeated_with_its_key() {
    let fixture = Fixture::new().await;
    let create = async |number: u32, key: &str| {
        let body = Some(new_vehicle(number, "ram", "1500"));
        fixture.call(Method::POST, "/v1/vehicles", body, &[("idempotency-key", key)]).await
    };
    let first = create(1, "a").await;
    let again = create(1, "a").await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(first.expect(201), again.expect(201));
    create(2, "a").await.problem(422, "unprocessable");
    // A failure keeps no answer: the key may be used for the mended request.
    create(1, "b").await.problem(409, "conflict");
    create(3, "b").await.expect(201);
    create(4, "").await.problem(400, "bad-request");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_whose_client_went_away_is_done_once_and_answered_later() {
    let fixture = Fixture::new().await;
    let create = |number: u32| {
        let fixture = &fixture;
        async move {
            let key = format!("lost-{number}");
            let body = Some(new_vehicle(number, "opel", "Corsa"));
            fixture.call(Method::POST, "/v1/vehicles", body, &[("idempotency-key", &key)]).await
        }
    };
    // Lost at every place where the work can be.
    for number in 0..24 {
        let mut lost = Box::pin(create(number));
        for _ in 0..number {
            if futures::poll!(&mut lost).is_ready() {
                break;
            }
            fixture.get("/livez").await;
        }
        drop(lost);
        let answered = async {
            // As a client asks again; without a pause the limit of requests is met.
            let mut pause = tokio::time::interval(std::time::Duration::from_millis(10));
            loop {
                pause.tick().await;
                let reply = create(number).await;
                if reply.status != 409 {
                    return reply;
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), answered).await.unwrap().expect(201);
    }
    assert_eq!(fixture.get("/v1/fleet/summary").await.expect(200)["vehicles"], 24);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_a_crash_interrupted_is_not_done_twice() {
    let fixture = Fixture::new().await;
    let body = new_vehicle(1, "opel", "Corsa");
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        format!("POST /v1/vehicles\n{body}").as_bytes(),
    );
    let store = store::Store::sqlite(&fixture.folder.path().join("data/marque.db")).await.unwrap();
    let before = Clock::system().now() - model::Micros::HOUR;
    let operator = store.person_named("operator").await.unwrap().unwrap().id;
    store.claim_key(&operator.to_string(), "k", &hex::encode(digest), before).await.unwrap();
    let reply = fixture.call(Method::POST, "/v1/vehicles", Some(body), &[("idempotency-key", "k")]).await;
    let problem = reply.problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("look whether it was done"), "{problem}");
    assert_eq!(fixture.get("/v1/fleet/summary").await.expect(200)["vehicles"], 0);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_is_enrolled_at_once_and_again_without_harm() {
    let fixture = Fixture::new().await;
    let requests: Vec<String> = (0..62).map(|_| csr().1).collect();
    let request = |numbers: std::ops::Range<u32>| {
        let car = |number: u32| {
            json!({
                "vehicle": new_vehicle(number, "fiat", "500e"), "csr_pem": requests[number as usize],
                "grants": [{ "purpose": "fleet-management", "category": "driving", "granted": true }]
            })
        };
        json!({ "vehicles": numbers.map(car).collect::<Vec<_>>() })
    };
    let first = fixture.enrol(request(0..20)).await.expect(200);
    let again = fixture.enrol(request(10..30)).await.expect(200);
    assert_eq!(first["items"][15]["vehicle_id"], again["items"][5]["vehicle_id"]);
    assert_eq!(
        (&again["items"][5]["created"], &again["items"][15]["created"]),
        (&json!(false), &json!(true))
    );
    assert!(first["items"][0]["certificate_pem"].as_str().unwrap().contains("BEGIN CERTIFICATE"));
    assert_eq!(first["items"][15]["certificate_pem"], again["items"][5]["certificate_pem"]);
    let mut other = request(15..16);
    other["vehicles"][0]["csr_pem"] = json!(csr().1);
    let problem = fixture.enrol(other).await.problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("a VIN alone gives no other"), "{problem}");
    assert_eq!(fixture.get("/v1/fleet/summary").await.expect(200)["vehicles"], 30);
    let id = first["items"][0]["vehicle_id"].as_str().unwrap();
    let grants = fixture.get(&format!("/v1/vehicles/{id}/grants")).await.expect(200);
    assert_eq!((&grants["epoch"], &grants["grants"][0]["granted"]), (&json!(1), &json!(true)));

    let mut twice = request(40..41);
    let copy = twice["vehicles"][0].clone();
    twice["vehicles"].as_array_mut().unwrap().push(copy);
    let problem = fixture.enrol(twice).await.problem(422, "unprocessable");
    assert_eq!(problem["errors"][0]["place"], "vehicles[1].vehicle.vin");
    let mut broken = request(50..52);
    broken["vehicles"][1]["csr_pem"] = json!("nonsense");
    let problem = fixture.enrol(broken).await.problem(422, "unprocessable");
    assert_eq!(problem["errors"][0]["place"], "vehicles[1].csr_pem");
    let mut granted = request(60..62);
    let grants = granted["vehicles"][1]["grants"].as_array_mut().unwrap();
    grants.push(grants[0].clone());
    let repeated = format!("vehicles[1].grants[{}]", grants.len() - 1);
    let problem = fixture.enrol(granted).await.problem(422, "unprocessable");
    assert_eq!(problem["errors"][0]["place"], repeated);
    assert_eq!(
        fixture.get("/v1/vehicles?limit=500").await.expect(200)["items"].as_array().unwrap().len(),
        30
    );
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_needs_a_car_and_a_request() {
    let fixture = Fixture::new().await;
    let id = fixture.car(1, "ds", "DS 4").await;
    let path = format!("/v1/vehicles/{id}/certificate");
    let issued = fixture.post(&path, json!({ "csr_pem": csr().1 })).await.expect(201);
    assert_eq!(issued["desired_key"].as_str().unwrap().len(), 64);
    let vehicle = fixture.get(&format!("/v1/vehicles/{id}")).await.expect(200);
    assert_eq!(vehicle["certificate"]["not_after"], issued["not_after"]);
    fixture.post(&path, json!({ "csr_pem": "nonsense" })).await.problem(422, "unprocessable");
    let nobody = "/v1/vehicles/9f1c6a02d4e84b7f8a3d5c6e7f809112/certificate";
    fixture.post(nobody, json!({ "csr_pem": csr().1 })).await.problem(404, "not-found");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_replaced_as_a_whole() {
    let fixture = Fixture::new().await;
    let car = fixture.car(1, "lancia", "Ypsilon").await;
    let path = format!("/v1/vehicles/{car}/grants");
    let owner = fixture.owner_of(&car).await;
    let empty = owner.get(&path).await;
    let tag = empty.header("etag").to_owned();
    assert_eq!(empty.expect(200), json!({ "epoch": 1, "grants": [] }));
    let grant = |category: &str, granted: bool| json!({ "purpose": "fleet-management", "category": category, "granted": granted });
    let put = json!({ "grants": [grant("location", true), grant("driving", true)] });
    let set = owner.call_with(Method::PUT, &path, Some(put.clone()), &[("if-match", &tag)]).await.expect(200);
    assert_eq!((&set["epoch"], set["grants"].as_array().unwrap().len()), (&json!(2), 2));
    let stale = owner.call_with(Method::PUT, &path, Some(put), &[("if-match", &tag)]).await;
    stale.problem(412, "precondition-failed");
    // What is not listed any more is withdrawn.
    let set = owner.put(&path, json!({ "grants": [grant("driving", true)] })).await.expect(200);
    let location =
        set["grants"].as_array().unwrap().iter().find(|grant| grant["category"] == "location").unwrap();
    assert_eq!((&set["epoch"], &location["granted"]), (&json!(3), &json!(false)));
    let twice = json!({ "grants": [grant("driving", true), grant("driving", false)] });
    let problem = owner.put(&path, twice).await.problem(422, "unprocessable");
    assert_eq!(problem["errors"][0]["place"], "grants[1]");
    fixture.platform.stop().await;
}
