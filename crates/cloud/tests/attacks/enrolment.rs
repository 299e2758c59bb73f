//! Threat: somebody who has no car gets its certificate: with a credential that was used, guessed, has expired or is
//! of another car, with a request that was recorded on another's line, with a VIN, or with the name of another car.

use model::Micros;
use rcgen::{DnType, SanType};
use serde_json::json;

use super::cell::{Cell, request, request_of, vin};

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_enrolment_gives_nothing_to_who_replays_it() {
    let cell = Cell::new().await;
    let car = cell.register(1).await;
    let (_, csr) = request();
    let id = car.id.to_string();
    let (status, first) = cell.simpleenroll(&id, &car.credential, &csr).await;
    assert_eq!(status, 200);
    // The same request hears the same certificate for a while, whose key stays in the car.
    assert_eq!(cell.simpleenroll(&id, &car.credential, &csr).await, (200, first));
    assert_eq!(cell.simpleenroll(&id, &car.credential, &request().1).await.0, 401);
    cell.pass(Micros(11 * Micros::MINUTE.0));
    assert_eq!(cell.simpleenroll(&id, &car.credential, &csr).await.0, 401);
    // For another car: the key is this one's.
    let other = cell.register(2).await;
    let (status, text) = cell.simpleenroll(&other.id.to_string(), &other.credential, &csr).await;
    assert_eq!(status, 400);
    assert!(text.contains("another car"), "{text}");
    let recorded = cell.recorded("certificate.enrol").await;
    let said = |outcome: &str, reason: &str| {
        recorded.iter().filter(|entry| **entry == (outcome.to_owned(), reason.to_owned())).count()
    };
    assert_eq!((said("allowed", "begun"), said("allowed", "")), (4, 2), "{recorded:?}");
    assert_eq!((said("denied", "credential"), said("denied", "key-of-another-car")), (2, 1), "{recorded:?}");
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_has_expired_or_is_another_cars_or_is_guessed_gives_nothing() {
    let cell = Cell::new().await;
    let (car, other) = (cell.register(1).await, cell.register(2).await);
    let csr = request().1;
    let id = car.id.to_string();
    assert_eq!(cell.simpleenroll(&id, &other.credential, &csr).await.0, 401);
    assert_eq!(cell.simpleenroll(&id, &"0".repeat(48), &csr).await.0, 401);
    assert_eq!(cell.simpleenroll(&"0".repeat(32), &car.credential, &csr).await.0, 401);
    assert_eq!(cell.simpleenroll(&vin(1), &car.credential, &csr).await.0, 401);
    cell.pass(Micros(91 * Micros::DAY.0));
    assert_eq!(cell.simpleenroll(&id, &car.credential, &csr).await.0, 401);
    let mut status = 0;
    for _ in 0..40 {
        status = cell.simpleenroll(&id, "guess", &csr).await.0;
        if status == 429 {
            break;
        }
    }
    assert_eq!(status, 429);
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_fills_no_audit_log() {
    let cell = Cell::new().await;
    let car = cell.register(1).await;
    let csr = request().1;
    let id = car.id.to_string();
    for _ in 0..5 {
        assert_eq!(cell.simpleenroll(&id, "guess", &csr).await.0, 401);
    }
    let denied = |reason: &str| ("denied".to_owned(), reason.to_owned());
    assert_eq!(cell.recorded("certificate.enrol").await, [denied("credential")]);
    cell.pass(Micros::MINUTE);
    assert_eq!(cell.simpleenroll(&id, "guess", &csr).await.0, 401);
    assert_eq!(cell.recorded("certificate.enrol").await, [denied("credential-x5"), denied("credential")]);
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_names_another_car_or_a_vin_is_refused_and_recorded_without_it() {
    let cell = Cell::new().await;
    let (car, other) = (cell.register(1).await, cell.register(2).await);
    let (key, _) = request();
    let id = car.id.to_string();
    let named =
        |name: String| request_of(&key, |params| params.distinguished_name.push(DnType::CommonName, name));
    let urn = format!("urn:marque:vehicle:eu:{}", other.id);
    let also =
        request_of(&key, |params| params.subject_alt_names = vec![SanType::URI(urn.try_into().unwrap())]);
    for csr in [named(vin(2)), named(other.id.to_string()), also] {
        assert_eq!(cell.simpleenroll(&id, &car.credential, &csr).await.0, 400);
    }
    // It keeps its credential, and renews as nobody else either.
    let identity = cell.enrol(&car).await;
    assert_eq!(cell.simplereenroll(Some(&identity), &named(vin(2))).await.0, 400);
    assert_eq!(cell.simplereenroll(None, &request().1).await.0, 403);
    let enrolled = cell.recorded("certificate.enrol").await;
    let denied = |reason: &str| ("denied".to_owned(), reason.to_owned());
    assert!(enrolled.contains(&denied("names-a-vin")), "{enrolled:?}");
    assert!(enrolled.contains(&denied("names-another-car")), "{enrolled:?}");
    assert!(cell.recorded("certificate.renew").await.contains(&denied("names-a-vin")));
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vin_is_no_proof_of_having_the_car() {
    let cell = Cell::new().await;
    let (car, identity) = cell.enrolled(1).await;
    let (key, _) = request();
    let csr_pem = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    let vehicle = json!({
        "vin": vin(1), "brand": "peugeot", "model": "e-208", "model_year": 2024,
        "architecture": "psa-aee2010", "region": "eu"
    });
    let asked = json!({ "vehicles": [{ "vehicle": vehicle, "csr_pem": csr_pem }] });
    let (status, _) = cell.ask(axum::http::Method::POST, "/v1/vehicles/enrolments", Some(asked)).await;
    assert_eq!(status, 409);
    drop(cell.connect(car.id, &identity).await.unwrap());
    cell.platform.stop().await;
}
