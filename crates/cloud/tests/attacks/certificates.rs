//! Threat: somebody connects with a certificate that is not good: of an authority of their own, of another region,
//! expired, not yet valid, never issued here, taken back; or goes on with one after its end.

use model::Micros;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use time::{Duration as Span, OffsetDateTime};

use super::cell::{Cell, WITHIN, forged, request, sent_away};

/// The connection does not even come to MQTT, or the gateway refuses it with words.
#[track_caller]
fn check_refused(result: Result<link::client::Connection, link::Error>, word: &str) {
    let refused = result.map(drop).unwrap_err();
    if let link::Error::Refused { text, .. } = &refused {
        return assert!(!word.is_empty() && text.contains(word), "{refused}");
    }
    assert_eq!(word, "", "{refused}");
    assert!(matches!(refused, link::Error::Io(_) | link::Error::Closed), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_not_good_let_nobody_in() {
    let cell = Cell::new().await;
    let (car, _) = cell.enrolled(1).await;
    let own = [format!("urn:marque:vehicle:eu:{}", car.id)];
    let foreign = [format!("urn:marque:vehicle:us:{}", car.id)];
    let two = [own[0].clone(), format!("urn:marque:vehicle:eu:{}", "cd".repeat(16))];
    let now = OffsetDateTime::now_utc();
    let stolen = cell.stolen_authority();
    let elsewhere = {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Marque eu CA");
        Issuer::new(params, key)
    };
    let none = |_: &mut CertificateParams| {};
    let expired = |params: &mut CertificateParams| {
        (params.not_before, params.not_after) = (now - Span::days(9), now - Span::days(1));
    };
    let early = |params: &mut CertificateParams| {
        (params.not_before, params.not_after) = (now + Span::days(1), now + Span::days(9));
    };
    // Who has stolen the authority's key still has no certificate that the registry knows.
    for (identity, word) in [
        (forged(&elsewhere, &own, none), ""),
        (forged(&stolen, &own, none), "never issued"),
        (forged(&stolen, &foreign, none), "another region"),
        (forged(&stolen, &own, expired), ""),
        (forged(&stolen, &own, early), ""),
        (forged(&stolen, &two, none), ""),
        (forged(&stolen, &[], none), ""),
    ] {
        check_refused(cell.connect(car.id, &identity).await, word);
        let (status, text) = cell.simplereenroll(Some(&identity), &request().1).await;
        assert!([0, 403].contains(&status), "{status} {text}");
    }
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_one_car_is_no_other_car() {
    let cell = Cell::new().await;
    let ((_, identity), (victim, _)) = (cell.enrolled(1).await, cell.enrolled(2).await);
    let refused = cell.connect(victim.id, &identity).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("client identifier"), "{refused}");
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_ends_its_live_connection_and_lets_nobody_in() {
    let cell = Cell::new().await;
    let ((car, identity), (other, own)) = (cell.enrolled(1).await, cell.enrolled(2).await);
    let mut neighbour = cell.connect(other.id, &own).await.unwrap();
    let config = cell.tls(&identity);
    let mut link = cell.connect_with(car.id, &config, [127, 0, 0, 1].into()).await.unwrap();
    let path = format!("/v1/vehicles/{}/certificates", car.id);
    assert_eq!(cell.ask(axum::http::Method::DELETE, &path, None).await.0, 200);
    sent_away(&mut link, WITHIN).await;
    // By the ticket of the session that there was, and anew.
    for config in [config, cell.tls(&identity)] {
        check_refused(cell.connect_with(car.id, &config, [127, 0, 0, 1].into()).await, "revoked");
    }
    assert_eq!(cell.simplereenroll(Some(&identity), &request().1).await.0, 0);
    assert_eq!(cell.get(&format!("/v1/vehicles/{}", other.id)).await["connected"], true);
    neighbour.publish(wire::topic::Topic::Fetch, &wire::encode_fetch(&wire::Fetch::default())).unwrap();
    neighbour.next().await.unwrap();
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ends_takes_its_live_connection_with_it() {
    let cell = Cell::with(|options| options.car_validity = Micros::from_secs(2)).await;
    let (car, identity) = cell.enrolled(1).await;
    let mut link = cell.connect(car.id, &identity).await.unwrap();
    sent_away(&mut link, std::time::Duration::from_secs(2) + WITHIN).await;
    // In its last second TLS still takes it, and the gateway says that it has expired.
    let refused = cell.connect(car.id, &identity).await.map(drop).unwrap_err();
    if let link::Error::Refused { text, .. } = &refused {
        assert!(text.contains("expired"), "{refused}");
    }
    let (status, text) = cell.simplereenroll(Some(&identity), &request().1).await;
    assert!([0, 403].contains(&status), "{status} {text}");
    cell.platform.stop().await;
}
