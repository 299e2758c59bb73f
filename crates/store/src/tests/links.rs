use model::{Brand, Micros, PersonId, VehicleId};

use super::{NOW, new_vehicle, people, region, vehicle_id};
use crate::{Error, LinkCodeRow, LinkRow, Store};

const OWNER: PersonId = PersonId::from_bytes([1; 16]);
const BUYER: PersonId = PersonId::from_bytes([2; 16]);

fn link(id: &str, person: PersonId, vehicle: VehicleId) -> LinkRow {
    LinkRow {
        id: id.to_owned(),
        person,
        function: "owner".to_owned(),
        vehicle,
        brand: Brand::Peugeot,
        region: region(),
        starts_at: NOW,
        ends_at: None,
        categories: None,
    }
}

async fn add(store: &Store, link: &LinkRow) -> Result<(), Error> {
    let mut tx = store.begin().await.unwrap();
    tx.add_link(link).await?;
    tx.commit().await
}

async fn end(store: &Store, link: &LinkRow) -> bool {
    let mut tx = store.begin().await.unwrap();
    let ended = tx.end_link(link.vehicle, &link.id, NOW + Micros::SECOND).await.unwrap();
    tx.commit().await.unwrap();
    ended
}

async fn register(store: &Store) -> VehicleId {
    super::register(store, &[new_vehicle(1, Brand::Peugeot, "208")]).await;
    vehicle_id(1)
}

async fn with_people(store: &Store) {
    people::add(store, &people::person(1, "owner")).await;
    people::add(store, &people::person(2, "buyer")).await;
}

pub(super) async fn a_car_has_one_owner(store: Store) {
    with_people(&store).await;
    let vehicle = register(&store).await;
    let first = link("a", OWNER, vehicle);
    add(&store, &first).await.unwrap();
    let second = add(&store, &link("b", BUYER, vehicle)).await;
    assert!(matches!(second, Err(Error::Conflict { .. })), "{second:?}");
    add(&store, &LinkRow { function: "driver".to_owned(), ..link("c", BUYER, vehicle) }).await.unwrap();
    assert_eq!(store.links_of(OWNER, NOW).await.unwrap(), std::slice::from_ref(&first));
    assert_eq!(store.links_to(vehicle, NOW).await.unwrap().len(), 2);
    assert!(end(&store, &first).await);
    add(&store, &link("d", BUYER, vehicle)).await.unwrap();
}

pub(super) async fn a_link_ends(store: Store) {
    with_people(&store).await;
    let vehicle = register(&store).await;
    let link = link("a", OWNER, vehicle);
    add(&store, &link).await.unwrap();
    assert!(end(&store, &link).await);
    assert!(!end(&store, &link).await);
    assert_eq!(store.links_of(OWNER, NOW + Micros::SECOND).await.unwrap(), []);
    assert_eq!(store.links_of(OWNER, NOW).await.unwrap().len(), 1);
}

pub(super) async fn a_code_counts_once_and_while_it_is_shown(store: Store) {
    let vehicle = register(&store).await;
    let shown = |hash: &str| LinkCodeRow {
        vehicle,
        kind: "owner".to_owned(),
        hash: hash.to_owned(),
        shown_at: NOW,
        until: NOW + Micros::MINUTE,
    };
    store.show_link_code(&shown("aa")).await.unwrap();
    store.show_link_code(&shown("bb")).await.unwrap();
    assert_eq!(store.link_code("aa", NOW).await.unwrap(), None, "the car shows another one");
    assert_eq!(store.link_code("bb", NOW).await.unwrap(), Some(shown("bb")));
    assert_eq!(store.link_code("bb", NOW + Micros::MINUTE).await.unwrap(), None);
    for taken in [true, false] {
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.take_link_code(&shown("bb"), NOW).await.unwrap(), taken);
        tx.commit().await.unwrap();
    }
    assert_eq!(store.link_code("bb", NOW).await.unwrap(), None);
}

fn shown(vehicle: VehicleId, hash: &str) -> LinkCodeRow {
    LinkCodeRow {
        vehicle,
        kind: "owner".to_owned(),
        hash: hash.to_owned(),
        shown_at: NOW,
        until: NOW + Micros::MINUTE,
    }
}

pub(super) async fn two_cars_with_one_code_have_none(store: Store) {
    super::register(&store, &[new_vehicle(1, Brand::Peugeot, "208"), new_vehicle(2, Brand::Peugeot, "208")])
        .await;
    assert!(store.show_link_code(&shown(vehicle_id(1), "aa")).await.unwrap());
    assert!(!store.show_link_code(&shown(vehicle_id(2), "aa")).await.unwrap());
    assert_eq!(store.link_code("aa", NOW).await.unwrap(), None);
    assert!(store.show_link_code(&shown(vehicle_id(2), "aa")).await.unwrap());
    let late = LinkCodeRow { shown_at: NOW + Micros::MINUTE, ..shown(vehicle_id(1), "aa") };
    assert!(store.show_link_code(&late).await.unwrap(), "the other one is not shown any more");
}

pub(super) async fn a_code_ends_with_too_many_guesses(store: Store) {
    let vehicle = register(&store).await;
    let code = shown(vehicle, "aa");
    store.show_link_code(&code).await.unwrap();
    store.count_wrong_try(&code, 2).await.unwrap();
    assert!(store.link_code("aa", NOW).await.unwrap().is_some());
    store.count_wrong_try(&code, 2).await.unwrap();
    assert_eq!(store.link_code("aa", NOW).await.unwrap(), None);
}
