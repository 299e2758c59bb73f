use model::{Brand, Micros};

use super::{NOW, subject_id, vehicle_id};
use crate::{AuditEntry, AuditFilter, AuditOpening, Store};

fn opening(index: u64, label: &str, value: &str) -> AuditOpening {
    let subject = (label == "resource").then(|| subject_id(1));
    AuditOpening { index, label: label.to_owned(), salt: vec![7; 16], value: value.to_owned(), subject }
}

/// An operator reads a car's history, a second an entry.
fn entry(index: u64, car: u32) -> AuditEntry {
    let car = vehicle_id(car).to_string();
    AuditEntry {
        index,
        at: NOW + Micros::from_secs(i64::try_from(index).unwrap()),
        action: if index.is_multiple_of(2) { "vehicle.history.read" } else { "vehicle.read" }.to_owned(),
        brand: index.is_multiple_of(3).then_some(Brand::Opel),
        outcome: "allowed",
        openings: vec![opening(index, "actor", "operator"), opening(index, "resource", &car)],
    }
}

async fn add(store: &Store, entries: &[AuditEntry]) {
    let mut tx = store.begin().await.unwrap();
    tx.add_audit_entries(entries).await.unwrap();
    tx.commit().await.unwrap();
}

async fn found(store: &Store, filter: &AuditFilter) -> Vec<u64> {
    store.audit_entries(filter, None, 100).await.unwrap().items
}

pub(super) async fn entries_are_found_newest_first(store: Store) {
    let entries: Vec<AuditEntry> = (0..10).map(|index| entry(index, u32::from(index >= 5))).collect();
    add(&store, &entries).await;
    let all = AuditFilter::default();
    let page = store.audit_entries(&all, None, 4).await.unwrap();
    assert_eq!(page.items, [9, 8, 7, 6]);
    let page = store.audit_entries(&all, page.next.as_ref(), 100).await.unwrap();
    assert_eq!((page.items, page.next), (vec![5, 4, 3, 2, 1, 0], None));

    let action = AuditFilter { action: Some("vehicle.read".to_owned()), ..all.clone() };
    assert_eq!(found(&store, &action).await, [9, 7, 5, 3, 1]);
    let brand = AuditFilter { brands: Some(vec![Brand::Opel]), ..action.clone() };
    assert_eq!(found(&store, &brand).await, [9, 3]);
    let outcome = AuditFilter { outcome: Some("denied".to_owned()), ..all.clone() };
    assert!(found(&store, &outcome).await.is_empty());
    let (from, to) = (Some(entries[2].at), Some(entries[4].at));
    let time = AuditFilter { from, to, ..all.clone() };
    assert_eq!(found(&store, &time).await, [3, 2]);
    let who = vec![("actor", "operator".to_owned()), ("resource", vehicle_id(1).to_string())];
    let of_car = AuditFilter { opened: who, from: Some(entries[8].at), ..all };
    assert_eq!(found(&store, &of_car).await, [9, 8]);
    let openings = store.audit_openings(&[8, 9]).await.unwrap();
    let expected: Vec<AuditOpening> = entries[8..].iter().flat_map(|entry| entry.openings.clone()).collect();
    assert_eq!(openings, expected);
}

pub(super) async fn a_batch_takes_the_place_of_one_that_never_counted(store: Store) {
    add(&store, &[entry(0, 0), entry(1, 0), entry(2, 0)]).await;
    assert_eq!(store.audit_end().await.unwrap(), 3);
    // Its checkpoint was not written; the next batch begins where it did.
    add(&store, &[entry(1, 1)]).await;
    assert_eq!(store.audit_end().await.unwrap(), 2);
    let openings = store.audit_openings(&[0, 1, 2]).await.unwrap();
    let cars: Vec<&str> =
        openings.iter().filter(|o| o.label == "resource").map(|o| o.value.as_str()).collect();
    assert_eq!(cars, [vehicle_id(0).to_string(), vehicle_id(1).to_string()]);
    assert_eq!(store.clear_audit_from(1).await.unwrap(), 1);
    assert_eq!(store.clear_audit_from(0).await.unwrap(), 1);
    assert_eq!(store.audit_end().await.unwrap(), 0);
}

pub(super) async fn what_is_forgotten_stays_an_entry(store: Store) {
    add(&store, &[entry(0, 0), entry(1, 1), entry(2, 1)]).await;
    assert_eq!(store.forget_audit_openings(0).await.unwrap(), 2);
    assert_eq!(store.forget_audit_value("resource", &vehicle_id(1).to_string()).await.unwrap(), 2);
    let left = store.audit_openings(&[0, 1, 2]).await.unwrap();
    let left: Vec<(u64, &str)> = left.iter().map(|opening| (opening.index, opening.label.as_str())).collect();
    assert_eq!(left, [(1, "actor"), (2, "actor")]);
    assert_eq!(found(&store, &AuditFilter::default()).await, [2, 1, 0]);
}
