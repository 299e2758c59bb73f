use model::{Brand, Micros, Timestamp};

use super::{NOW, new_vehicle, register, registry::kept, vehicle_id};
use crate::{Certificate, Credential, CredentialUse, Store};

fn credential(salt: &str) -> Credential {
    Credential {
        vehicle: vehicle_id(1),
        salt: salt.to_owned(),
        secret_hash: "ab".to_owned(),
        created_at: NOW,
        expires_at: NOW + Micros::DAY,
        revoked_at: None,
        used: None,
    }
}

fn used(key: &str, at: Timestamp) -> CredentialUse {
    CredentialUse { at, key_hash: key.to_owned(), fingerprint: format!("certificate of {key}") }
}

async fn draw(store: &Store, salt: &str) {
    let mut tx = store.begin().await.unwrap();
    tx.put_credential(&credential(salt)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn take(store: &Store, salt: &str, used: &CredentialUse) -> bool {
    let mut tx = store.begin().await.unwrap();
    let won = tx.use_credential(vehicle_id(1), salt, used).await.unwrap();
    tx.commit().await.unwrap();
    won
}

pub(super) async fn a_credential_is_used_once(store: Store) {
    register(&store, &[new_vehicle(1, Brand::Opel, "Astra")]).await;
    assert_eq!(store.credential(vehicle_id(1)).await.unwrap(), None);
    draw(&store, "01").await;
    assert_eq!(store.credential(vehicle_id(1)).await.unwrap(), Some(credential("01")));
    assert!(take(&store, "01", &used("k", NOW)).await);
    assert!(!take(&store, "01", &used("other", NOW)).await);
    let known = store.credential(vehicle_id(1)).await.unwrap().unwrap();
    assert_eq!(known, Credential { used: Some(used("k", NOW)), ..credential("01") });
}

pub(super) async fn one_of_two_who_race_has_it(store: Store) {
    register(&store, &[new_vehicle(1, Brand::Opel, "Astra")]).await;
    draw(&store, "01").await;
    let racers: Vec<_> = (0..8)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { take(&store, "01", &used(&number.to_string(), NOW)).await })
        })
        .collect();
    let mut won = 0;
    for racer in racers {
        won += u32::from(racer.await.unwrap());
    }
    assert_eq!(won, 1);
}

pub(super) async fn a_credential_that_ended_is_not_used(store: Store) {
    register(&store, &[new_vehicle(1, Brand::Opel, "Astra")]).await;
    draw(&store, "01").await;
    assert!(!take(&store, "01", &used("k", NOW + Micros::DAY)).await);
    let mut tx = store.begin().await.unwrap();
    assert!(tx.revoke_credential(vehicle_id(1), NOW).await.unwrap());
    assert!(!tx.revoke_credential(vehicle_id(1), NOW).await.unwrap());
    tx.commit().await.unwrap();
    assert!(!take(&store, "01", &used("k", NOW)).await);
}

pub(super) async fn a_new_credential_replaces_the_one_before(store: Store) {
    register(&store, &[new_vehicle(1, Brand::Opel, "Astra")]).await;
    draw(&store, "01").await;
    assert!(take(&store, "01", &used("k", NOW)).await);
    draw(&store, "02").await;
    assert!(!take(&store, "01", &used("k", NOW)).await);
    assert!(take(&store, "02", &used("k", NOW)).await);
}

pub(super) async fn keys_know_what_they_were_certified_for(store: Store) {
    register(&store, &[new_vehicle(1, Brand::Opel, "Astra"), new_vehicle(2, Brand::Opel, "Astra")]).await;
    let certificate = Certificate {
        fingerprint: "aa".to_owned(),
        vehicle: vehicle_id(1),
        serial: "0a".to_owned(),
        not_before: NOW,
        not_after: NOW + Micros::DAY,
        revoked_at: None,
    };
    let mut tx = store.begin().await.unwrap();
    tx.lock_vehicles(&[vehicle_id(2), vehicle_id(1)]).await.unwrap();
    assert!(tx.ever_certified(&[vehicle_id(1)]).await.unwrap().is_empty());
    tx.add_certificates(&[kept(certificate)]).await.unwrap();
    assert_eq!(tx.ever_certified(&[vehicle_id(1), vehicle_id(2)]).await.unwrap(), [vehicle_id(1)]);
    let uses = tx.uses_of_keys(&["key of aa", "key of bb"]).await.unwrap();
    assert_eq!((uses.len(), uses[0].vehicle, uses[0].der.as_deref()), (1, vehicle_id(1), Some(&[0x30][..])));
    assert!(tx.certificate_stands("aa", NOW).await.unwrap());
    assert!(!tx.certificate_stands("aa", NOW + Micros::DAY).await.unwrap());
    tx.revoke_certificates(vehicle_id(1), NOW).await.unwrap();
    assert!(!tx.certificate_stands("aa", NOW).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.certificate_der("aa").await.unwrap(), None);
}
