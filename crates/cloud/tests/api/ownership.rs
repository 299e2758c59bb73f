//! Who owns, drives and may see a car: from the code on its screen to what its people see.

use link::client::{Connection, Event};
use possession::{Code, CodeKind, Salt};
use wire::{AccessNotice, AccessNoticeKind, Fetch, LinkCode, topic::Topic};

use super::{car::Car, *};

/// A code that nobody drew.
pub(super) const UNKNOWN: &str = "2345-6789";
const EVERYWHERE: [(&str, &[Brand]); 2] = [("owner", &Brand::ALL), ("driver", &Brand::ALL)];

/// The car shows a code; the platform has heard of it.
pub(super) async fn show(link: &mut Connection, kind: CodeKind, random: u8) -> String {
    let code = Code::from_random([random; 5]);
    let hash = code.hash(Salt::of_region(&"eu".parse().unwrap()), kind);
    let until = Timestamp(i64::MAX);
    let message = wire::encode_link_code(&LinkCode { kind, hash, until });
    publish(link, Topic::LinkCode, &message).await;
    code.to_string()
}

/// Sends a message; what came down before it was taken.
async fn publish(link: &mut Connection, topic: Topic, payload: &[u8]) -> Vec<(Topic, Vec<u8>)> {
    let id = link.publish(topic, payload).unwrap();
    let mut down = Vec::new();
    loop {
        match link.next().await.unwrap() {
            Event::Taken { id: taken } if taken == id => return down,
            Event::Taken { .. } => {}
            Event::Rejected { reason, text, .. } => panic!("{reason}: {text}"),
            Event::Down { topic, payload } => down.push((topic, payload.to_vec())),
        }
    }
}

/// Waits until the platform says that there is something newer, and fetches it.
pub(super) async fn access_notices(link: &mut Connection, have: u64) -> Vec<AccessNotice> {
    let fetch = wire::encode_fetch(&Fetch { have: Vec::new(), access: Some(have) });
    let down = publish(link, Topic::Fetch, &fetch).await;
    let notices = down.iter().find(|(topic, _)| *topic == Topic::Access);
    notices.map(|(_, payload)| wire::decode_access_notices(payload).unwrap()).unwrap_or_default()
}

pub(super) async fn customer<'a>(fixture: &'a Fixture, name: &str) -> Visitor<'a> {
    fixture.signed_in_as(name, "customer", &EVERYWHERE).await
}

impl Visitor<'_> {
    pub(super) async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, None).await
    }

    /// Becomes the owner of a car.
    pub(super) async fn own(&self, link: &mut Connection, random: u8) {
        let code = show(link, CodeKind::Owner, random).await;
        self.post("/v1/links", json!({ "code": code })).await.expect(201);
    }

    /// Grants these categories of their car, and no others; the new consent epoch.
    async fn grant(&self, path: &str, categories: &[&str]) -> u32 {
        let grant =
            |category: &&str| json!({ "purpose": "fleet-management", "category": category, "granted": true });
        let grants: Vec<Value> = categories.iter().map(grant).collect();
        let put = self.put(&format!("{path}/grants"), json!({ "grants": grants })).await.expect(200);
        put["epoch"].as_u64().unwrap().try_into().unwrap()
    }

    /// The kinds of the notices to them, the newest first.
    pub(super) async fn told(&self) -> Vec<String> {
        let notices = self.get("/v1/notices").await.expect(200);
        let kinds = notices["items"].as_array().unwrap().iter();
        kinds.map(|notice| notice["kind"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_becomes_somebodys_by_the_code_that_it_shows() {
    let fixture = Fixture::new().await;
    let car = Car::enrol(&fixture, 1, &[]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let (anna, ben) = (customer(&fixture, "anna").await, customer(&fixture, "ben").await);
    let path = format!("/v1/vehicles/{}", car.id);
    anna.get(&format!("{path}/people")).await.problem(404, "not-found");

    let code = show(&mut link, CodeKind::Owner, 7).await;
    let linked = anna.post("/v1/links", json!({ "code": code.to_lowercase() })).await.expect(201);
    assert_eq!(linked["vehicle_id"], car.id);
    let people = anna.get(&format!("{path}/people")).await.expect(200);
    assert_eq!((&people["owner"]["username"], &people["drivers"]), (&json!("anna"), &json!([])));
    assert_eq!(anna.get("/v1/vehicles").await.expect(200)["items"][0]["vehicle_id"], car.id);
    ben.get(&path).await.problem(404, "not-found");

    let again = ben.post("/v1/links", json!({ "code": code })).await;
    again.problem(403, "code-refused");
    let code = show(&mut link, CodeKind::Owner, 8).await;
    ben.post("/v1/links", json!({ "code": code })).await.problem(409, "conflict");
    assert_eq!(anna.told().await, ["owner-linked"]);
    let notices = access_notices(&mut link, 0).await;
    assert_eq!(
        notices.iter().map(|notice| notice.kind).collect::<Vec<_>>(),
        [AccessNoticeKind::Got(CodeKind::Owner)]
    );
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_owner_begins_anew() {
    let fixture = Fixture::new().await;
    let mut car = Car::enrol(&fixture, 1, &["driving"]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    car.send(&mut link, car::now() - model::Micros::MINUTE, &[10.0]).await;
    fixture.platform.flush().await.unwrap();
    let path = format!("/v1/vehicles/{}", car.id);
    let signals = format!("{path}/signals?purpose=fleet-management");
    assert_ne!(fixture.get(&signals).await.expect(200)["items"], json!([]));

    let anna = customer(&fixture, "anna").await;
    anna.own(&mut link, 1).await;
    assert_eq!(anna.get(&format!("{path}/grants")).await.expect(200)["grants"], json!([]));
    let refused = car.refused(&mut link, car::now(), &[20.0]).await;
    assert!(refused.contains("former owner"), "{refused}");
    car.consent_epoch = anna.grant(&path, &["driving"]).await;
    for who in [anna.get(&signals).await, fixture.get(&signals).await] {
        assert_eq!(who.expect(200)["items"], json!([]), "what was before is nobody's");
    }
    car.send(&mut link, car::now(), &[30.0]).await;
    fixture.platform.flush().await.unwrap();
    assert_ne!(anna.get(&signals).await.expect(200)["items"], json!([]));
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_wrong_codes_are_answered_the_same_and_guessing_is_slow() {
    let fixture = Fixture::new().await;
    let car = Car::enrol(&fixture, 1, &[]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let anna = customer(&fixture, "anna").await;
    let for_a_driver = show(&mut link, CodeKind::Driver, 7).await;
    let mut answers = Vec::new();
    for code in [UNKNOWN, for_a_driver.as_str(), "no code at all", ""] {
        let answer = anna.post("/v1/links", json!({ "code": code })).await.problem(403, "code-refused");
        answers.push(answer["detail"].clone());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    anna.post("/v1/links", json!({ "code": UNKNOWN })).await.problem(403, "code-refused");
    let code = show(&mut link, CodeKind::Owner, 8).await;
    let reply = anna.post("/v1/links", json!({ "code": code })).await;
    assert!(!reply.header("retry-after").is_empty());
    reply.problem(429, "too-many-requests");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_needs_the_owners_word_and_the_cars_code() {
    let fixture = Fixture::new().await;
    let car = Car::enrol(&fixture, 1, &[]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let (anna, ben) = (customer(&fixture, "anna").await, customer(&fixture, "ben").await);
    anna.own(&mut link, 1).await;
    let path = format!("/v1/vehicles/{}", car.id);
    ben.act(&format!("{path}/drivers")).await.problem(404, "not-found");
    let invitation = anna.act(&format!("{path}/drivers")).await.expect(201)["invitation_id"].clone();
    let accept =
        |code: String| ben.post("/v1/driver-links", json!({ "invitation": invitation, "code": code }));
    accept(UNKNOWN.to_owned()).await.problem(403, "code-refused");
    let code = show(&mut link, CodeKind::Driver, 2).await;
    let body = json!({ "invitation": "00", "code": code });
    ben.post("/v1/driver-links", body).await.problem(422, "unprocessable");
    let accepted = accept(code).await.expect(201);
    assert_eq!(
        ben.get("/v1/vehicles?purpose=connected-services").await.expect(200)["items"][0]["vehicle_id"],
        car.id
    );
    ben.get(&format!("{path}/people")).await.problem(404, "not-found");
    assert_eq!(anna.told().await, ["driver-linked", "owner-linked"]);
    let people = anna.get(&format!("{path}/people")).await.expect(200);
    assert_eq!(people["drivers"][0]["username"], "ben");
    assert_eq!(people["invitations"], json!([]), "an invitation counts once");

    let own = format!("{path}/drivers/{}", accepted["driver_link_id"].as_str().unwrap());
    customer(&fixture, "carl").await.delete(&own).await.problem(404, "not-found");
    assert_eq!(ben.delete(&own).await.status, 204);
    assert_eq!(ben.get("/v1/vehicles?purpose=connected-services").await.expect(200)["items"], json!([]));
    assert_eq!(anna.told().await[0], "driver-link-ended");
    anna.delete(&own).await.problem(404, "not-found");
    let invitation = anna.act(&format!("{path}/drivers")).await.expect(201)["invitation_id"].clone();
    let open = format!("{path}/drivers/{}", invitation.as_str().unwrap());
    ben.delete(&open).await.problem(404, "not-found");
    assert_eq!(anna.delete(&open).await.status, 204);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_sees_nothing_of_the_seller_and_the_seller_nothing_of_the_buyer() {
    let fixture = Fixture::new().await;
    let mut car = Car::enrol(&fixture, 1, &[]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let (anna, ben) = (customer(&fixture, "anna").await, customer(&fixture, "ben").await);
    anna.own(&mut link, 1).await;
    let path = format!("/v1/vehicles/{}", car.id);
    car.consent_epoch = anna.grant(&path, &["driving", "location"]).await;
    car.send(&mut link, car::now() - model::Micros::MINUTE, &[10.0, 20.0]).await;
    fixture.platform.flush().await.unwrap();
    let signals = format!("{path}/signals?purpose=fleet-management");
    assert_ne!(anna.get(&signals).await.expect(200)["items"], json!([]));

    let code = show(&mut link, CodeKind::Owner, 2).await;
    ben.post("/v1/transfers", json!({ "code": code })).await.problem(409, "conflict");
    anna.act(&format!("{path}/transfer")).await.expect(201);
    anna.post("/v1/transfers", json!({ "code": code })).await.problem(409, "conflict");
    let until = anna.get(&format!("{path}/people")).await.expect(200)["offered_until"].clone();
    assert!(until.is_string(), "{until}");
    assert_eq!(ben.post("/v1/transfers", json!({ "code": code })).await.expect(201)["vehicle_id"], car.id);

    for gone in [path.as_str(), signals.as_str()] {
        anna.get(gone).await.problem(404, "not-found");
    }
    assert_eq!(anna.told().await[0], "ownership-ended");
    assert_eq!(ben.told().await, ["owner-linked"]);
    assert_eq!(ben.get(&signals).await.expect(200)["items"], json!([]));
    let grants = ben.get(&format!("{path}/grants")).await.expect(200);
    assert_eq!(grants["grants"], json!([]));
    let notices = access_notices(&mut link, 1).await;
    assert_eq!(
        notices.iter().map(|notice| (notice.number, notice.kind)).collect::<Vec<_>>(),
        [(2, AccessNoticeKind::Got(CodeKind::Owner))]
    );

    // What the car still had in its queue of the seller's time is nobody's.
    ben.grant(&path, &["driving"]).await;
    let refused = car.refused(&mut link, car::now(), &[50.0]).await;
    assert!(refused.contains("former owner"), "{refused}");
    assert_eq!(ben.get(&signals).await.expect(200)["items"], json!([]));
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_can_be_taken_back_and_a_car_given_up() {
    let fixture = Fixture::new().await;
    let car = Car::enrol(&fixture, 1, &[]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let (anna, ben) = (customer(&fixture, "anna").await, customer(&fixture, "ben").await);
    anna.own(&mut link, 1).await;
    let path = format!("/v1/vehicles/{}", car.id);
    anna.delete(&format!("{path}/transfer")).await.problem(404, "not-found");
    anna.act(&format!("{path}/transfer")).await.expect(201);
    assert_eq!(anna.delete(&format!("{path}/transfer")).await.status, 204);
    let code = show(&mut link, CodeKind::Owner, 2).await;
    ben.post("/v1/transfers", json!({ "code": code })).await.problem(409, "conflict");
    ben.delete(&format!("{path}/owner")).await.problem(404, "not-found");
    assert_eq!(anna.delete(&format!("{path}/owner")).await.status, 204);
    anna.get(&path).await.problem(404, "not-found");
    ben.post("/v1/links", json!({ "code": code })).await.problem(403, "code-refused");
    ben.own(&mut link, 3).await;
    fixture.platform.stop().await;
}

/// They belong to a fleet or a dealership from now on, and have a function there.
async fn join(fixture: &Fixture, partner: &Visitor<'_>, organisation: &str, function: &str) {
    let path = format!("/v1/people/{}", partner.person);
    let body = json!({ "organisation_id": organisation });
    let joined = fixture.call(Method::PATCH, &path, Some(body), &[]).await.expect(200);
    assert_eq!(joined["organisation_id"], organisation);
    assert_eq!(joined["roles"], json!([]), "what they were told to do was for elsewhere");
    let slugs: Vec<_> = Brand::ALL.iter().map(|brand| brand.slug()).collect();
    let role = json!({ "function": function, "brands": slugs });
    fixture.post(&format!("{path}/roles"), role).await.expect(201);
}

/// A dealership of these brands, and a dealer of it.
async fn dealer<'a>(fixture: &'a Fixture, name: &str, brands: &[Brand]) -> (String, Visitor<'a>) {
    let slugs: Vec<_> = brands.iter().map(|brand| brand.slug()).collect();
    let body = json!({ "kind": "dealership", "name": name, "brands": slugs });
    let made = fixture.post("/v1/organisations", body).await.expect(201);
    let id = made["organisation_id"].as_str().unwrap().to_owned();
    let dealer = fixture.signed_in_as(name, "partner", &[("dealer", &Brand::ALL)]).await;
    join(fixture, &dealer, &id, "dealer").await;
    (id, dealer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dealership_sees_what_the_owner_gave_it_until_it_ends() {
    let fixture = Fixture::new().await;
    let car = Car::enrol(&fixture, 1, &[]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let anna = customer(&fixture, "anna").await;
    anna.own(&mut link, 1).await;
    let (garage, dealer) = dealer(&fixture, "garage", &[Brand::Peugeot]).await;
    let (path, grants) =
        (format!("/v1/vehicles/{}", car.id), format!("/v1/vehicles/{}/access-grants", car.id));
    let read = format!("{path}?purpose=maintenance");
    dealer.get(&read).await.problem(404, "not-found");
    let choice = anna.get("/v1/dealerships").await.expect(200);
    assert_eq!(choice["items"][0]["dealership_id"], garage);
    let until = |days: i64| cloud::words::rfc3339(car::now() + model::Micros(days * model::Micros::DAY.0));
    let wanted = |categories: Value, days| json!({ "dealership_id": garage, "categories": categories, "until": until(days) });
    for wrong in [wanted(json!(["location"]), 1), wanted(json!([]), 1), wanted(json!(["tyres"]), 31)] {
        anna.post(&grants, wrong).await.problem(422, "unprocessable");
    }
    let made = anna.post(&grants, wanted(json!(["tyres", "diagnostics"]), 7)).await.expect(201);
    dealer.get(&read).await.expect(200);
    // What the grant does not name is withheld, also what the owner has granted for the purpose.
    let signals = "Vehicle.Speed,Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure";
    let granted: Vec<_> = ["driving", "tyres"]
        .map(|category| json!({ "purpose": "maintenance", "category": category, "granted": true }))
        .into();
    anna.put(&format!("{path}/grants"), json!({ "grants": granted })).await.expect(200);
    let history = format!("{path}/history?purpose=maintenance&from=2026-01-01T00:00:00Z&signals={signals}");
    let seen = dealer.get(&history).await.expect(200);
    assert_eq!(seen["withheld"], json!(["driving"]), "{seen}");
    assert_eq!(anna.get(&history).await.expect(200)["withheld"], json!([]));
    assert_eq!(dealer.get("/v1/access-grants").await.expect(200)["items"], json!([made]));
    assert_eq!(anna.get(&grants).await.expect(200)["items"], json!([made]));
    assert_eq!(
        (dealer.told().await, &anna.told().await[0]),
        (vec!["access-granted".to_owned()], &"access-granted".to_owned())
    );
    let notices = access_notices(&mut link, 1).await;
    assert_eq!(notices[0].kind, AccessNoticeKind::Got(CodeKind::Workshop));
    let one = format!("{grants}/{}", made["access_grant_id"].as_str().unwrap());
    assert_eq!(anna.delete(&one).await.status, 204);
    dealer.get(&read).await.problem(404, "not-found");
    anna.delete(&one).await.problem(404, "not-found");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dealer_redeems_a_code_and_the_owner_is_told_and_may_end_it() {
    let fixture = Fixture::new().await;
    let car = Car::enrol(&fixture, 1, &[]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let anna = customer(&fixture, "anna").await;
    anna.own(&mut link, 1).await;
    let (garage, peugeot) = dealer(&fixture, "garage", &[Brand::Peugeot]).await;
    let (_, opel) = dealer(&fixture, "opel-garage", &[Brand::Opel]).await;
    let loner = fixture.signed_in_as("loner", "partner", &[("dealer", &Brand::ALL)]).await;
    let code = show(&mut link, CodeKind::Workshop, 2).await;
    let body = json!({ "code": code, "categories": ["diagnostics"] });
    for stranger in [&opel, &loner] {
        stranger.post("/v1/access-grants", body.clone()).await.problem(403, "forbidden");
    }
    let made = peugeot.post("/v1/access-grants", body.clone()).await.expect(201);
    assert_eq!((&made["by_code"], &made["dealership_id"]), (&json!(true), &json!(garage)));
    peugeot.post("/v1/access-grants", body).await.problem(403, "code-refused");
    assert_eq!(anna.told().await[0], "access-redeemed");
    let path = format!("/v1/vehicles/{}/access-grants/{}", car.id, made["access_grant_id"].as_str().unwrap());
    opel.delete(&path).await.problem(404, "not-found");
    assert_eq!(peugeot.delete(&path).await.status, 204);
    assert_eq!(anna.told().await[0], "access-ended");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_organisation_sees_no_car_any_more() {
    let fixture = Fixture::new().await;
    let car = Car::enrol(&fixture, 1, &[]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let anna = customer(&fixture, "anna").await;
    anna.own(&mut link, 1).await;
    let body = json!({ "kind": "fleet", "name": "Taxis", "brands": ["peugeot"] });
    let fleet = fixture.post("/v1/organisations", body).await.expect(201)["organisation_id"].clone();
    let keeper = fixture.signed_in_as("keeper", "partner", &[("fleet-customer", &Brand::ALL)]).await;
    join(&fixture, &keeper, fleet.as_str().unwrap(), "fleet-customer").await;
    let path = format!("/v1/vehicles/{}/fleet", car.id);
    anna.put(&path, json!({ "fleet_id": fleet })).await.expect(204);
    anna.put(&path, json!({ "fleet_id": fleet })).await.expect(204);
    assert_eq!(keeper.get("/v1/vehicles").await.expect(200)["items"][0]["vehicle_id"], car.id);
    assert_eq!(keeper.told().await, ["fleet-joined"]);
    assert_eq!(keeper.delete(&path).await.status, 204);
    assert_eq!(keeper.get("/v1/vehicles").await.expect(200)["items"], json!([]));
    anna.put(&path, json!({ "fleet_id": fleet })).await.expect(204);
    let disable = format!("/v1/organisations/{}/disable", fleet.as_str().unwrap());
    assert_eq!(fixture.call(Method::POST, &disable, None, &[]).await.status, 204);
    assert_eq!(keeper.get("/v1/vehicles").await.expect(200)["items"], json!([]));
    anna.put(&path, json!({ "fleet_id": fleet })).await.problem(422, "unprocessable");
    let all = fixture.get("/v1/organisations").await.expect(200);
    assert_eq!((&all["items"][0]["name"], &all["items"][0]["enabled"]), (&json!("Taxis"), &json!(false)));
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_are_marked_by_whom_they_are_for() {
    let fixture = Fixture::new().await;
    let car = Car::enrol(&fixture, 1, &[]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let (anna, ben) = (customer(&fixture, "anna").await, customer(&fixture, "ben").await);
    anna.own(&mut link, 1).await;
    let notice = anna.get("/v1/notices").await.expect(200)["items"][0].clone();
    assert_eq!((&notice["vehicle_id"], &notice["acknowledged_at"]), (&json!(car.id), &Value::Null));
    let path = format!("/v1/notices/{}/acknowledgement", notice["notice_id"].as_str().unwrap());
    ben.act(&path).await.problem(404, "not-found");
    assert_eq!(anna.act(&path).await.status, 204);
    let notice = anna.get("/v1/notices").await.expect(200)["items"][0].clone();
    assert!(notice["acknowledged_at"].is_string());
    fixture.platform.stop().await;
}
