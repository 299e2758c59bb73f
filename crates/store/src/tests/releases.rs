use model::{Brand, Micros, PersonId, Timestamp};

use super::{NOW, new_vehicle, people, subject_id, vehicle_id};
use crate::{Address, Cursor, Error, ListedRelease, Recipient, ReleaseFilter, ReleaseRow, Store};

const OWNER: PersonId = PersonId::from_bytes([1; 16]);
const BUYER: PersonId = PersonId::from_bytes([2; 16]);
const OTHER: PersonId = PersonId::from_bytes([3; 16]);

async fn cars(store: &Store) {
    let cars = [new_vehicle(1, Brand::Opel, "Astra"), new_vehicle(2, Brand::Fiat, "500")];
    super::register(store, &cars).await;
    for (number, name) in [(1, "owner"), (2, "buyer"), (3, "other")] {
        people::add(store, &people::person(number, name)).await;
    }
}

fn row(id: &str, car: u32, requested_by: PersonId, hours: i64) -> ReleaseRow {
    let requested_at = NOW + Micros(hours * Micros::HOUR.0);
    ReleaseRow {
        id: id.to_owned(),
        vehicle: vehicle_id(car),
        subject: subject_id(car),
        owner: OWNER,
        requested_by,
        state: "requested".to_owned(),
        requested_at,
        approved_at: None,
        due_at: requested_at + Micros::DAY,
        ended_at: None,
    }
}

async fn add(store: &Store, row: &ReleaseRow) -> Result<(), Error> {
    let mut tx = store.begin().await.unwrap();
    tx.add_release(row).await?;
    tx.commit().await
}

async fn found(store: &Store, id: &str) -> ReleaseRow {
    store.release(id).await.unwrap().unwrap().release
}

pub(super) async fn a_request_is_open_once_until_it_ends(store: Store) {
    cars(&store).await;
    let asked = row("a", 1, BUYER, 0);
    add(&store, &asked).await.unwrap();
    let again = add(&store, &row("b", 1, BUYER, 1)).await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
    add(&store, &row("c", 1, OTHER, 1)).await.unwrap();
    let listed = ListedRelease { release: asked, brand: Brand::Opel, requester: "buyer".to_owned() };
    assert_eq!(store.release("a").await.unwrap(), Some(listed));
    assert_eq!(store.release("b").await.unwrap(), None);
    let open = store.open_releases(vehicle_id(1)).await.unwrap();
    assert_eq!(open.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    let mut tx = store.begin().await.unwrap();
    assert!(tx.object_to_release("a", NOW).await.unwrap());
    assert!(!tx.object_to_release("a", NOW).await.unwrap());
    assert!(!tx.approve_release("a", NOW + Micros::DAY, NOW).await.unwrap());
    tx.commit().await.unwrap();
    let ended = found(&store, "a").await;
    assert_eq!((ended.state.as_str(), ended.ended_at), ("objected", Some(NOW)));
    add(&store, &row("b", 1, BUYER, 1)).await.unwrap();
    assert_eq!(store.forget_releases(NOW + Micros(1)).await.unwrap(), 1);
    assert_eq!(store.release("a").await.unwrap(), None);
}

pub(super) async fn a_request_ends_when_its_time_is_over(store: Store) {
    cars(&store).await;
    add(&store, &row("a", 1, BUYER, 0)).await.unwrap();
    add(&store, &row("b", 2, BUYER, 1)).await.unwrap();
    let (over, later) = (NOW + Micros::DAY, NOW + Micros(3 * Micros::DAY.0));
    let due = async |at: Timestamp| -> Vec<String> {
        store.due_releases(at, 10).await.unwrap().into_iter().map(|row| row.id).collect()
    };
    assert_eq!(due(NOW).await, [""; 0]);
    assert_eq!(due(over).await, ["a"]);
    let mut tx = store.begin().await.unwrap();
    assert!(!tx.approve_release("a", later, over).await.unwrap(), "its time is over");
    assert!(tx.approve_release("b", later, over).await.unwrap());
    assert!(!tx.approve_release("b", later, over).await.unwrap(), "it is approved");
    assert!(!tx.end_due_release("b", "released", over).await.unwrap(), "it has more time");
    assert!(tx.end_due_release("a", "lapsed", over).await.unwrap());
    assert!(!tx.end_due_release("a", "lapsed", over).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(due(later).await, ["b"]);
    let approved = found(&store, "b").await;
    assert_eq!((approved.state.as_str(), approved.approved_at), ("approved", Some(over)));
    assert_eq!((approved.due_at, approved.ended_at), (later, None));
}

pub(super) async fn requests_about_a_car_lapse_together(store: Store) {
    cars(&store).await;
    for row in [row("a", 1, BUYER, 0), row("b", 1, OTHER, 0), row("c", 2, BUYER, 0)] {
        add(&store, &row).await.unwrap();
    }
    let mut tx = store.begin().await.unwrap();
    assert!(tx.object_to_release("b", NOW).await.unwrap());
    assert_eq!(tx.lapse_releases(vehicle_id(1), NOW).await.unwrap(), [BUYER]);
    tx.commit().await.unwrap();
    assert_eq!(found(&store, "a").await.state, "lapsed");
    assert_eq!(found(&store, "b").await.state, "objected");
    assert_eq!(found(&store, "c").await.ended_at, None);
}

pub(super) async fn requests_of_brands_and_states_come_newest_first(store: Store) {
    cars(&store).await;
    for row in [row("a", 1, BUYER, 0), row("b", 2, BUYER, 1), row("c", 1, OTHER, 1)] {
        add(&store, &row).await.unwrap();
    }
    let ids =
        async |filter: ReleaseFilter<'_>, after: Option<&Cursor>, limit| -> (Vec<String>, Option<Cursor>) {
            let page = store.releases(filter, after, limit).await.unwrap();
            (page.items.into_iter().map(|item| item.release.id).collect(), page.next)
        };
    let all = ReleaseFilter { brands: &Brand::ALL, state: None };
    let (first, next) = ids(all, None, 2).await;
    assert_eq!(first, ["b", "c"]);
    assert_eq!(ids(all, next.as_ref(), 2).await, (vec!["a".to_owned()], None));
    let opel = ReleaseFilter { brands: &[Brand::Opel], state: Some("requested") };
    assert_eq!(ids(opel, None, 10).await.0, ["c", "a"]);
    assert_eq!(ids(ReleaseFilter { state: Some("lapsed"), ..all }, None, 10).await.0, [""; 0]);
    let bad = store.releases(all, Some(&Cursor::new("x")), 2).await;
    assert!(matches!(bad, Err(Error::Cursor)));
}

pub(super) async fn a_letter_goes_where_its_person_says(store: Store) {
    cars(&store).await;
    let mut tx = store.begin().await.unwrap();
    let address = Address { text: "owner@example.com".to_owned(), changed_at: None };
    tx.set_address(OWNER, &address).await.unwrap();
    let recipient = |person, username: &str, address: Option<&str>| Recipient {
        person,
        username: username.to_owned(),
        address: address.map(str::to_owned),
    };
    let owner = recipient(OWNER, "owner", Some("owner@example.com"));
    assert_eq!(tx.recipient(OWNER).await.unwrap(), owner);
    assert_eq!(tx.recipient(BUYER).await.unwrap(), recipient(BUYER, "buyer", None));
    let nobody = tx.recipient(PersonId::from_bytes([9; 16])).await;
    assert!(matches!(nobody, Err(Error::NotFound { .. })));
}
