use std::future::Future;

use model::{DataCategory, Micros};

use super::*;

const NOW: Timestamp = Timestamp(1_763_885_730_000_000);

fn held(id: u64, ended_at: Option<Timestamp>) -> HeldCampaign {
    HeldCampaign { id: CampaignId(id), ended_at }
}

fn car(byte: u8, campaigns: &[u64]) -> Car {
    Car {
        vehicle: VehicleId::from_bytes([byte; 16]),
        subject: SubjectId::from_bytes([byte ^ 0xff; 16]),
        brand: Brand::Fiat,
        model: "500e".into(),
        model_year: 2025,
        architecture: "fca-compact-us-wide".into(),
        campaigns: campaigns.iter().map(|id| held(*id, None)).collect(),
        grants: Arc::default(),
        first_epoch: ConsentEpoch(0),
    }
}

fn registry() -> Registry {
    let shared = Shared {
        region: "eu".parse().unwrap(),
        jurisdiction: Jurisdiction::Eu,
        state: RwLock::default(),
        consent: ConsentChanges::default(),
        commits: Mutex::default(),
    };
    Registry(Arc::new(shared))
}

fn certificate(byte: u8, car: &Car) -> store::Certificate {
    store::Certificate {
        fingerprint: hex::encode([byte; 32]),
        vehicle: car.vehicle,
        serial: "01".to_owned(),
        not_before: NOW,
        not_after: NOW + Micros::DAY,
        revoked_at: None,
    }
}

#[test]
fn only_a_valid_certificate_of_the_car_itself_lets_it_in() {
    let registry = registry();
    let (first, second) = (car(1, &[3, 5]), car(2, &[]));
    let (id, version) = (CampaignId(5), CampaignVersion(2));
    let campaign = KnownCampaign { id, version, purpose: Purpose::Maintenance, brands: Brands::ALL };
    registry.update(|memory| {
        memory.put_cars(vec![first.clone(), second.clone()]);
        memory.put_certificates(&[certificate(0xaa, &first)]);
        memory.put_campaign(campaign);
    });
    let admitted = registry.admit(first.vehicle, &[0xaa; 32], NOW).unwrap();
    let expected = Admitted {
        car: Arc::new(first.clone()),
        campaigns: vec![(campaign, None)],
        until: NOW + Micros::DAY,
    };
    assert_eq!(admitted, expected);
    let refused = |vehicle, byte: u8, now| registry.admit(vehicle, &[byte; 32], now).unwrap_err();
    assert_eq!(refused(second.vehicle, 0xaa, NOW), Refusal::UnknownCertificate);
    assert_eq!(refused(first.vehicle, 0xbb, NOW), Refusal::UnknownCertificate);
    assert_eq!(refused(VehicleId::from_bytes([9; 16]), 0xaa, NOW), Refusal::UnknownVehicle);
    assert_eq!(refused(first.vehicle, 0xaa, NOW + Micros::DAY), Refusal::Expired);
    let revoked = store::Certificate { revoked_at: Some(NOW), ..certificate(0xaa, &first) };
    registry.update(|memory| memory.put_certificates(&[revoked]));
    assert_eq!(refused(first.vehicle, 0xaa, NOW), Refusal::Revoked);
}

#[test]
fn cars_are_counted_once_and_found_by_subject() {
    let registry = registry();
    registry.update(|memory| memory.put_cars(vec![car(1, &[]), car(2, &[]), car(1, &[7])]));
    assert_eq!(registry.counts()[0].vehicles, 2);
    let found = registry.car_of(car(1, &[]).subject).unwrap();
    assert_eq!(found.campaigns[..], [held(7, None)]);
    let after = registry.cars_after(Some(found.vehicle), 10);
    assert_eq!(after.iter().map(|car| car.vehicle).collect::<Vec<_>>(), [car(2, &[]).vehicle]);
}

#[test]
fn a_car_keeps_a_campaign_that_it_had_with_its_end() {
    let registry = registry();
    let car = car(1, &[3]);
    let vehicle = car.vehicle;
    registry.update(|memory| {
        memory.put_cars(vec![car]);
        memory.assign(CampaignId(7), &[vehicle]);
        memory.assign(CampaignId(5), &[vehicle]);
        memory.unassign(CampaignId(5), &[vehicle], NOW);
    });
    let campaigns = || registry.car(vehicle).unwrap().campaigns.to_vec();
    assert_eq!(campaigns(), [held(3, None), held(5, Some(NOW)), held(7, None)]);
    registry.update(|memory| memory.assign(CampaignId(5), &[vehicle]));
    assert_eq!(campaigns()[1], held(5, None));
}

#[test]
fn nothing_is_allowed_that_was_not_granted() {
    let registry = registry();
    let mut driven = car(1, &[]);
    let grant = |category| consent::Grant { purpose: Purpose::Safety, category, granted: true, at: NOW };
    driven.grants = Arc::new(Grants::new(model::ConsentEpoch(1), [grant(DataCategory::Driving)]));
    let allowed = |purpose, category| registry.decide(&driven, purpose, category).is_allowed();
    assert!(allowed(Purpose::Safety, DataCategory::Driving));
    assert!(!allowed(Purpose::Maintenance, DataCategory::Driving));
    assert!(!allowed(Purpose::Safety, DataCategory::Location));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_nobody_waits_for_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&folder.path().join("marque.db")).await.unwrap();
    let registry = registry();
    let transaction = store.begin().await.unwrap();
    let (told, hear) = tokio::sync::oneshot::channel();
    let take_up = move |memory: &mut Update<'_>| {
        memory.put_cars(vec![car(1, &[])]);
        told.send(()).unwrap();
    };
    let mut commit = Box::pin(registry.commit(transaction, take_up));
    drop(commit.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())));
    drop(commit);
    hear.await.unwrap();
    assert_eq!(registry.len(), 1);
}

#[test]
fn changes_of_grants_are_known_one_by_one_until_they_are_too_many() {
    let registry = registry();
    let (first, second) = (car(1, &[]), car(2, &[]));
    let (one, two) = (first.vehicle, second.vehicle);
    let grant = |vehicle| registry.update(move |memory| memory.put_grants(vehicle, Grants::default()));
    registry.update(|memory| memory.put_cars(vec![first, second]));
    grant(one);
    let count = registry.consent_changes();
    assert_eq!(registry.consent_changed_since(count), Some(Vec::new()));
    grant(two);
    assert_eq!(registry.consent_changed_since(count), Some(vec![two]));
    assert_eq!(registry.consent_changed_since(0), Some(vec![one, two]));
    for _ in 0..4_096 {
        grant(one);
    }
    assert_eq!(registry.consent_changed_since(count), None);
}

#[test]
fn a_car_in_quarantine_is_not_let_in_until_it_is_released() {
    let registry = registry();
    let car = car(1, &[]);
    let quarantined = Quarantined { since: NOW, reason: QuarantineReason::ByHand };
    registry.update(|memory| {
        memory.put_cars(vec![car.clone()]);
        memory.put_certificates(&[certificate(0xaa, &car)]);
        memory.quarantine(car.vehicle, quarantined);
    });
    assert_eq!(registry.quarantined(car.vehicle), Some(quarantined));
    assert_eq!(registry.admit(car.vehicle, &[0xaa; 32], NOW), Err(Refusal::Quarantined));
    // What is worse is said first: it does not come back by itself.
    let late = NOW + Micros::DAY;
    assert_eq!(registry.admit(car.vehicle, &[0xaa; 32], late), Err(Refusal::Expired));
    registry.update(|memory| memory.release(car.vehicle));
    assert_eq!(registry.quarantined(car.vehicle), None);
    assert!(registry.admit(car.vehicle, &[0xaa; 32], NOW).is_ok());
}
