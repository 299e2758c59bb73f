use std::{collections::BTreeSet, time::Instant};

use consent::{Grant, Grants};
use model::{Brand, ConsentEpoch, DataCategory, Micros, Purpose};

use super::{NOW, new_vehicle, register, subject_id, vehicle_id};
use crate::{Certificate, Error, NewCertificate, Store, Subject, VehicleFilter};

pub(super) async fn a_vehicle_is_found_by_id_and_by_vin(store: Store) {
    let new = new_vehicle(7, Brand::Peugeot, "208");
    register(&store, std::slice::from_ref(&new)).await;
    let vehicle = store.vehicle(vehicle_id(7)).await.unwrap();
    assert_eq!((vehicle.brand, vehicle.model.as_str(), vehicle.model_year), (Brand::Peugeot, "208", 2024));
    assert_eq!(vehicle.created_at, NOW);
    assert_eq!(store.vehicle_by_vin(&new.vin).await.unwrap(), Some(vehicle));
    let subject = store.current_subject(vehicle_id(7)).await.unwrap();
    assert_eq!((subject.subject, subject.consent_epoch), (subject_id(7), ConsentEpoch(0)));
    let missing = store.vehicle(vehicle_id(8)).await.unwrap_err();
    assert!(matches!(missing, Error::NotFound { what: "vehicle" }), "{missing}");
}

pub(super) async fn a_vin_registers_once(store: Store) {
    register(&store, &[new_vehicle(1, Brand::Fiat, "500e")]).await;
    let mut again = new_vehicle(2, Brand::Fiat, "500e");
    again.vin = new_vehicle(1, Brand::Fiat, "500e").vin;
    let mut tx = store.begin().await.unwrap();
    let error =
        tx.add_vehicles(&[new_vehicle(3, Brand::Fiat, "Panda"), again.clone()], NOW).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    drop(tx);
    assert!(store.vehicle(vehicle_id(3)).await.is_err(), "the other vehicle of the transaction is there");
    let mut tx = store.begin().await.unwrap();
    let vins = [new_vehicle(3, Brand::Fiat, "Panda").vin, again.vin];
    assert_eq!(tx.vehicles_by_vins(&vins).await.unwrap(), [(1, vehicle_id(1))]);
}

pub(super) async fn filters_and_search_narrow_the_list(store: Store) {
    let mut giulia = new_vehicle(2, Brand::AlfaRomeo, "Giulia");
    giulia.architecture = "fca-giorgio".to_owned();
    register(
        &store,
        &[new_vehicle(1, Brand::Peugeot, "208"), giulia, new_vehicle(3, Brand::Peugeot, "3008")],
    )
    .await;
    let list = async |filter: VehicleFilter| {
        let page = store.vehicles(&filter, None, 10).await.unwrap();
        page.items.into_iter().map(|vehicle| vehicle.model).collect::<Vec<_>>()
    };
    let text = |text: &str| VehicleFilter { text: Some(text.to_owned()), ..VehicleFilter::default() };
    assert_eq!(list(VehicleFilter::default()).await, ["208", "Giulia", "3008"]);
    let brand = VehicleFilter { brand: Some(Brand::Peugeot), ..VehicleFilter::default() };
    assert_eq!(list(brand.clone()).await, ["208", "3008"]);
    assert_eq!(list(VehicleFilter { model: Some("208".to_owned()), ..brand }).await, ["208"]);
    assert_eq!(list(text("GIORGIO")).await, ["Giulia"]);
    assert_eq!(list(text("08")).await, ["208", "3008"]);
    assert_eq!(list(text(&vehicle_id(2).to_string())).await, ["Giulia"]);
    let elsewhere = VehicleFilter { region: Some("us".parse().unwrap()), ..VehicleFilter::default() };
    assert!(list(elsewhere).await.is_empty());
}

pub(super) async fn pages_hold_every_vehicle_once(store: Store) {
    let vehicles: Vec<_> = (0..25).map(|number| new_vehicle(number, Brand::Jeep, "Avenger")).collect();
    register(&store, &vehicles).await;
    let mut seen = BTreeSet::new();
    let mut cursor = None;
    let mut pages = 0;
    loop {
        let page = store.vehicles(&VehicleFilter::default(), cursor.as_ref(), 10).await.unwrap();
        pages += 1;
        for vehicle in page.items {
            assert!(seen.insert(vehicle.vehicle), "{} stands on two pages", vehicle.vehicle);
        }
        match page.next {
            Some(next) => cursor = Some(next.to_string().parse().unwrap()),
            None => break,
        }
    }
    assert_eq!((seen.len(), pages), (25, 3));
}

pub(super) async fn search_takes_pattern_letters_literally(store: Store) {
    register(&store, &[new_vehicle(1, Brand::Ds, "DS 4"), new_vehicle(2, Brand::Ds, "100%_!")]).await;
    for (text, found) in [("%", 1), ("_", 1), ("!", 1), ("0%_!", 1), ("ds", 2)] {
        let filter = VehicleFilter { text: Some(text.to_owned()), ..VehicleFilter::default() };
        assert_eq!(store.vehicles(&filter, None, 10).await.unwrap().items.len(), found, "{text}");
    }
}

pub(super) async fn counts_follow_kinds(store: Store) {
    register(
        &store,
        &[
            new_vehicle(1, Brand::Ram, "1500"),
            new_vehicle(2, Brand::Ram, "1500"),
            new_vehicle(3, Brand::Dodge, "Charger"),
        ],
    )
    .await;
    let counts = store.fleet_counts().await.unwrap();
    let counts: Vec<_> = counts.iter().map(|count| (count.brand, count.vehicles)).collect();
    assert_eq!(counts, [(Brand::Dodge, 1), (Brand::Ram, 2)]);
}

/// A demo enrols its fleet while people wait.
pub(super) async fn a_fleet_registers_in_two_seconds(store: Store) {
    let vehicles: Vec<_> = (0..1_400).map(|number| new_vehicle(number, Brand::Lancia, "Ypsilon")).collect();
    #[expect(clippy::disallowed_methods, reason = "the test measures")]
    let began = Instant::now();
    register(&store, &vehicles).await;
    let grants: Vec<_> = (0..1_400).map(|number| (subject_id(number), granted(1, Purpose::ALL))).collect();
    let mut tx = store.begin().await.unwrap();
    tx.put_grants(&grants).await.unwrap();
    tx.commit().await.unwrap();
    assert!(began.elapsed().as_secs_f64() < 2.0, "{:?}", began.elapsed());
    assert_eq!(store.fleet_counts().await.unwrap()[0].vehicles, 1_400);
}

pub(super) async fn a_dropped_transaction_changes_nothing(store: Store) {
    let mut tx = store.begin().await.unwrap();
    tx.add_vehicles(&[new_vehicle(1, Brand::Abarth, "600e")], NOW).await.unwrap();
    drop(tx);
    assert!(store.vehicle(vehicle_id(1)).await.is_err());
    register(&store, &[new_vehicle(1, Brand::Abarth, "600e")]).await;
}

/// A certificate whose key is named as it is.
pub(super) fn kept(record: Certificate) -> NewCertificate {
    NewCertificate { key_hash: format!("key of {}", record.fingerprint), der: vec![0x30], record }
}

pub(super) async fn certificates_are_found_and_taken_back(store: Store) {
    register(&store, &[new_vehicle(1, Brand::Opel, "Astra")]).await;
    let certificate = |fingerprint: &str, days: i64| Certificate {
        fingerprint: fingerprint.to_owned(),
        vehicle: vehicle_id(1),
        serial: "0a".to_owned(),
        not_before: NOW,
        not_after: NOW + Micros(days * Micros::DAY.0),
        revoked_at: None,
    };
    let mut tx = store.begin().await.unwrap();
    tx.add_certificates(&[kept(certificate("aa", 90)), kept(certificate("bb", 30))]).await.unwrap();
    tx.commit().await.unwrap();
    let newest = store.newest_certificate(vehicle_id(1)).await.unwrap();
    assert_eq!(newest, Some(certificate("aa", 90)));
    assert_eq!(store.certificate("bb").await.unwrap(), Some(certificate("bb", 30)));
    assert_eq!(store.certificate("cc").await.unwrap(), None);

    let mut tx = store.begin().await.unwrap();
    let mut revoked = tx.revoke_certificates(vehicle_id(1), NOW).await.unwrap();
    revoked.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
    let taken_back = |certificate| Certificate { revoked_at: Some(NOW), ..certificate };
    assert_eq!(revoked, [taken_back(certificate("aa", 90)), taken_back(certificate("bb", 30))]);
    assert_eq!(tx.revoke_certificates(vehicle_id(1), NOW).await.unwrap(), []);
    tx.commit().await.unwrap();
    assert_eq!(store.newest_certificate(vehicle_id(1)).await.unwrap(), None);
    let known = store.unexpired_certificates(NOW, "", 10).await.unwrap();
    assert_eq!(known.iter().map(|known| known.revoked_at).collect::<Vec<_>>(), [Some(NOW), Some(NOW)]);
    assert_eq!(store.unexpired_certificates(NOW, "aa", 10).await.unwrap().len(), 1);
    let end = certificate("aa", 90).not_after;
    assert!(store.unexpired_certificates(end, "", 10).await.unwrap().is_empty());
}

fn granted(epoch: u32, purposes: impl IntoIterator<Item = Purpose>) -> Grants {
    let grant = |purpose| Grant { purpose, category: DataCategory::Driving, granted: true, at: NOW };
    Grants::new(ConsentEpoch(epoch), purposes.into_iter().map(grant))
}

pub(super) async fn grants_need_the_next_epoch(store: Store) {
    register(&store, &[new_vehicle(1, Brand::Vauxhall, "Mokka")]).await;
    assert_eq!(store.grants(subject_id(1)).await.unwrap(), Grants::default());
    let put = async |grants: &Grants| {
        let mut tx = store.begin().await.unwrap();
        tx.put_grants(&[(subject_id(1), grants.clone())]).await?;
        tx.commit().await
    };
    let first = granted(1, [Purpose::FleetManagement]);
    put(&first).await.unwrap();
    assert_eq!(store.grants(subject_id(1)).await.unwrap(), first);
    let error = put(&first).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    let withdrawn = first.with(Grant {
        purpose: Purpose::FleetManagement,
        category: DataCategory::Driving,
        granted: false,
        at: NOW + Micros::SECOND,
    });
    put(&withdrawn).await.unwrap();
    assert_eq!(store.grants(subject_id(1)).await.unwrap(), withdrawn);
    assert!(store.grants(subject_id(2)).await.is_err());
}

pub(super) async fn grants_of_all_come_in_pages(store: Store) {
    let vehicles: Vec<_> = (1..=5).map(|number| new_vehicle(number, Brand::Maserati, "Folgore")).collect();
    register(&store, &vehicles).await;
    let mut tx = store.begin().await.unwrap();
    tx.put_grants(&[(subject_id(2), granted(1, Purpose::ALL))]).await.unwrap();
    tx.commit().await.unwrap();
    let mut all: Vec<(Subject, Grants)> = Vec::new();
    loop {
        let page = store.all_grants(all.last().map(|(subject, _)| subject.subject), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    assert_eq!(all.len(), 5);
    assert_eq!((all[1].0.subject, &all[1].1), (subject_id(2), &granted(1, Purpose::ALL)));
    assert_eq!((all[0].0.vehicle, &all[0].1), (vehicle_id(1), &Grants::default()));
}
