//! Threat: a car's key was copied, and two are that car. The platform notices it by the second connection while the
//! first answers, or by a queue that forks, and lets neither in until somebody who guards identities has lifted it.

use axum::http::Method;
use link::client::{Connection, Event};
use model::Micros;
use serde_json::{Value, json};

use super::cell::{Car, Cell, Identity, WITHIN, request, sent_away};

/// The original drives and answers; the copy comes from another network. Both hear that they are in quarantine.
async fn clash(cell: &Cell, car: &Car, identity: &Identity) {
    let config = cell.tls(identity);
    let mut original = cell.connect_with(car.id, &config, [127, 0, 0, 1].into()).await.unwrap();
    let copy = cell.tls(identity);
    let copy = cell.connect_with(car.id, &copy, [127, 0, 9, 1].into());
    let (gone, refused) = tokio::join!(sent_away(&mut original, WITHIN), copy);
    assert!(gone.contains("quarantine"), "{gone}");
    let refused = refused.map(drop).unwrap_err();
    assert!(refused.to_string().contains("quarantine"), "{refused}");
}

/// The quarantine is on disk a moment after the connections have ended.
async fn quarantine(cell: &Cell, car: &Car) -> Value {
    let path = format!("/v1/vehicles/{}/quarantine", car.id);
    let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
    tokio::time::timeout(WITHIN, async {
        loop {
            look.tick().await;
            let (status, found) = cell.ask(Method::GET, &path, None).await;
            if status == 200 {
                return found;
            }
        }
    })
    .await
    .unwrap()
}

async fn refused(cell: &Cell, car: &Car, identity: &Identity) {
    let refused = cell.connect(car.id, identity).await.map(drop).unwrap_err();
    let link::Error::Refused { reason, ref text } = refused else { panic!("{refused}") };
    assert_eq!(reason, link::ReasonCode::NotAuthorized);
    assert!(text.contains("quarantine"), "{text}");
}

async fn fetch(link: &mut Connection) {
    let id = link.publish(wire::topic::Topic::Fetch, &wire::encode_fetch(&wire::Fetch::default())).unwrap();
    while link.next().await.unwrap() != (Event::Taken { id }) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_key_is_noticed_and_worth_nothing_from_then_on() {
    let cell = Cell::new().await;
    let ((car, identity), (other, own)) = (cell.enrolled(1).await, cell.enrolled(2).await);
    let mut neighbour = cell.connect(other.id, &own).await.unwrap();
    clash(&cell, &car, &identity).await;
    let found = quarantine(&cell, &car).await;
    assert_eq!((&found["reason"], &found["brand"]), (&json!("two-places"), &json!("peugeot")));
    assert_eq!(found["networks"], json!(["127.0.0.0/24", "127.0.9.0/24"]));
    let list = cell.get("/v1/quarantines").await;
    assert_eq!(list["items"], json!([found]));
    // Where a car was is personal: who read it, of one or of many, is recorded.
    let read = ("allowed".to_owned(), String::new());
    assert_eq!(cell.recorded("quarantine.list").await, [read.clone(), read]);
    let summary = json!({ "since": found["since"], "reason": "two-places" });
    let path = format!("/v1/vehicles/{}", car.id);
    assert_eq!(cell.get(&path).await["quarantine"], summary);
    let vehicles = cell.get("/v1/vehicles").await;
    let shown: Vec<&Value> =
        vehicles["items"].as_array().unwrap().iter().map(|item| &item["quarantine"]).collect();
    assert!(shown.contains(&&summary) && shown.contains(&&Value::Null), "{vehicles}");
    let put = ["two-places", "begun"].map(|reason| ("allowed".to_owned(), reason.to_owned()));
    assert_eq!(cell.recorded_soon("quarantine.create", put.len()).await, put);
    // Nobody gets in, nobody renews; the rest of the fleet does not notice.
    refused(&cell, &car, &identity).await;
    let (status, text) = cell.simplereenroll(Some(&identity), &request().1).await;
    assert_eq!(status, 403);
    assert!(text.contains("quarantine"), "{text}");
    let credential = cell.draw(&car.id.to_string(), "/replacement").await;
    let (status, text) = cell.simpleenroll(&car.id.to_string(), &credential, &request().1).await;
    assert_eq!(status, 403, "{text}");
    let denied = ("denied".to_owned(), "quarantined".to_owned());
    assert!(cell.recorded("certificate.renew").await.contains(&denied));
    assert!(cell.recorded("certificate.enrol").await.contains(&denied));
    fetch(&mut neighbour).await;
    // A restart forgets no quarantine.
    let cell = cell.restarted().await;
    refused(&cell, &car, &identity).await;
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lifted_quarantine_asks_for_a_new_key() {
    let cell = Cell::new().await;
    let (car, identity) = cell.enrolled(1).await;
    let mut link = cell.connect(car.id, &identity).await.unwrap();
    let path = format!("/v1/vehicles/{}/quarantine", car.id);
    assert_eq!(cell.ask(Method::DELETE, &path, None).await.0, 404);
    // By hand; twice is once.
    let (status, first) = cell.ask(Method::PUT, &path, None).await;
    assert_eq!((status, &first["reason"], &first["networks"]), (200, &json!("by-hand"), &json!([])));
    sent_away(&mut link, WITHIN).await;
    cell.pass(Micros::MINUTE);
    assert_eq!(cell.ask(Method::PUT, &path, None).await.1, first);
    let id = car.id.to_string();
    let drawn = cell.draw(&id, "/replacement").await;
    let (status, lifted) = cell.ask(Method::DELETE, &path, None).await;
    assert_eq!((status, lifted), (200, json!({ "revoked": 1 })));
    assert_eq!(cell.get(&format!("/v1/vehicles/{id}")).await["quarantine"], Value::Null);
    // The old key is worth nothing, nor is a credential of before.
    let refused = cell.connect(car.id, &identity).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("revoked"), "{refused}");
    assert_eq!(cell.simpleenroll(&id, &drawn, &request().1).await.0, 401);
    let credential = cell.draw(&id, "/replacement").await;
    let old = super::cell::request_of(&identity.1, |_| {});
    assert_eq!(cell.simpleenroll(&id, &credential, &old).await.0, 400);
    let car = Car { credential, ..car };
    let identity = cell.enrol(&car).await;
    let mut link = cell.connect(car.id, &identity).await.unwrap();
    fetch(&mut link).await;
    let ends = ["quarantine.create", "quarantine.release"];
    for action in ends {
        let recorded = cell.recorded(action).await;
        assert!(recorded.contains(&("allowed".to_owned(), String::new())), "{action}: {recorded:?}");
    }
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_with_two_connections_in_one_network_keeps_its_first() {
    let cell = Cell::new().await;
    let (car, identity) = cell.enrolled(1).await;
    let mut first = cell.connect(car.id, &identity).await.unwrap();
    let second = cell.connect(car.id, &identity);
    let refused = tokio::select! {
        refused = second => refused.map(drop).unwrap_err(),
        event = first.next() => panic!("{event:?}"),
    };
    assert!(refused.to_string().contains("alive"), "{refused}");
    fetch(&mut first).await;
    let recorded = cell.recorded_soon("link.connect", 1).await;
    assert_eq!(recorded, [("denied".to_owned(), "second-connection".to_owned())]);
    assert_eq!(cell.get("/v1/quarantines").await["items"], json!([]));
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_that_hands_over_from_one_network_to_another_is_one_car() {
    let cell = Cell::new().await;
    let (car, identity) = cell.enrolled(1).await;
    let config = cell.tls(&identity);
    let mut old = cell.connect_with(car.id, &config, [127, 0, 0, 1].into()).await.unwrap();
    old.hand_over();
    let gives_way = async move {
        loop {
            if let Err(gone) = old.next().await {
                return gone.to_string();
            }
        }
    };
    let next = cell.connect_with(car.id, &config, [127, 0, 9, 1].into());
    let both = tokio::time::timeout(WITHIN, async { tokio::join!(gives_way, next) });
    let (gone, next) = both.await.unwrap();
    assert!(gone.contains("takes over"), "{gone}");
    let mut next = next.unwrap();
    fetch(&mut next).await;
    assert_eq!(cell.get("/v1/quarantines").await["items"], json!([]));
    cell.platform.stop().await;
}
