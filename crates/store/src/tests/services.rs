use model::{Brand, Micros, ServiceId, Timestamp};

use super::NOW;
use crate::{ServiceRow, Store};

const OVERLAP: Micros = Micros(10 * Micros::MINUTE.0);

fn service(number: u8, name: &str, brands: &[Brand]) -> ServiceRow {
    ServiceRow {
        id: ServiceId::from_bytes([number; 16]),
        name: name.to_owned(),
        brands: brands.to_vec(),
        region: "eu".parse().unwrap(),
        profiles: vec!["factory".to_owned(), "monitoring".to_owned()],
        enabled: true,
        created_at: NOW,
        created_by: None,
        last_seen_at: None,
    }
}

async fn add(store: &Store, service: &ServiceRow) -> bool {
    let mut tx = store.begin().await.unwrap();
    let added = tx.add_service(service).await.unwrap();
    tx.commit().await.unwrap();
    added
}

async fn rotate(store: &Store, service: &ServiceRow, token: &str, now: Timestamp) -> bool {
    let mut tx = store.begin().await.unwrap();
    let done =
        tx.rotate_service_token(service.id, token, now, now + OVERLAP, now + Micros::DAY).await.unwrap();
    tx.commit().await.unwrap();
    done
}

async fn disable(store: &Store, service: &ServiceRow) -> bool {
    let mut tx = store.begin().await.unwrap();
    let done = tx.disable_service(service.id).await.unwrap();
    tx.commit().await.unwrap();
    done
}

pub(super) async fn a_services_token_counts_until_the_overlap_ends(store: Store) {
    let plant = service(1, "plant", &[Brand::Opel]);
    assert!(add(&store, &plant).await);
    assert!(rotate(&store, &plant, "first", NOW).await);
    let whose = async |token: &str, at: Timestamp| store.service_of_token(token, at).await.unwrap();
    assert_eq!(whose("first", NOW).await.as_ref(), Some(&plant));
    assert_eq!(whose("first", NOW + Micros::DAY).await, None);
    assert!(rotate(&store, &plant, "second", NOW).await);
    let end = NOW + OVERLAP;
    assert!(whose("first", end - Micros(1)).await.is_some());
    assert_eq!(whose("first", end).await, None);
    assert!(whose("second", end).await.is_some());
    // The overlap of the first does not begin again.
    assert!(rotate(&store, &plant, "third", NOW + Micros::MINUTE).await);
    assert_eq!(whose("first", end).await, None);
    assert_eq!(store.forget_service_tokens(end).await.unwrap(), 1);
    assert!(!rotate(&store, &service(2, "other", &[Brand::Opel]), "x", NOW).await);
}

pub(super) async fn a_service_that_is_disabled_stays_so(store: Store) {
    let plant = service(1, "plant", &[Brand::Opel]);
    assert!(add(&store, &plant).await);
    assert!(!add(&store, &service(2, "plant", &[Brand::Fiat])).await);
    assert!(rotate(&store, &plant, "first", NOW).await);
    assert!(disable(&store, &plant).await);
    assert!(!disable(&store, &plant).await);
    assert_eq!(store.service_of_token("first", NOW).await.unwrap(), None);
    assert!(!rotate(&store, &plant, "second", NOW).await);
    assert_eq!(store.service_named("plant").await.unwrap(), None);
    assert!(add(&store, &service(2, "plant", &[Brand::Fiat])).await, "its name is free again");
    assert_eq!(store.service_named("plant").await.unwrap(), Some(service(2, "plant", &[Brand::Fiat])));
    assert!(!store.service(plant.id).await.unwrap().unwrap().enabled);
}

pub(super) async fn services_are_listed_by_brand(store: Store) {
    for (number, brands) in [(1, &[Brand::Opel, Brand::AlfaRomeo][..]), (2, &[Brand::Ram]), (3, &Brand::ALL)]
    {
        assert!(add(&store, &service(number, &number.to_string(), brands)).await);
    }
    let listed = async |brands: Option<&[Brand]>| {
        let page = store.services(brands, None, 9).await.unwrap();
        page.items.into_iter().map(|service| service.name).collect::<Vec<_>>()
    };
    assert_eq!(listed(None).await, ["1", "2", "3"]);
    assert_eq!(listed(Some(&[Brand::AlfaRomeo])).await, ["1", "3"]);
    assert_eq!(listed(Some(&[Brand::Ram, Brand::Fiat])).await, ["2", "3"]);
    let first = store.services(None, None, 2).await.unwrap();
    assert_eq!(store.services(None, first.next.as_ref(), 2).await.unwrap().items.len(), 1);
}

pub(super) async fn a_service_was_seen_to_the_minute(store: Store) {
    let plant = service(1, "plant", &[Brand::Opel]);
    add(&store, &plant).await;
    for (at, seen) in [(NOW, NOW), (NOW + Micros::SECOND, NOW), (NOW + Micros::MINUTE, NOW + Micros::MINUTE)]
    {
        let known = store.service(plant.id).await.unwrap().unwrap();
        store.note_seen(&known, at).await.unwrap();
        assert_eq!(store.service(plant.id).await.unwrap().unwrap().last_seen_at, Some(seen));
    }
}
