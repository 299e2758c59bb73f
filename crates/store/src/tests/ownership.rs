use model::{Brand, ConsentEpoch, DataCategory, Micros, OrganisationId, PersonId, VehicleId};

use super::{NOW, new_vehicle, people, region, subject_id, vehicle_id};
use crate::{
    AccessGrantRow, Cursor, Error, GrantsOf, InvitationRow, NoticeRow, OfferRow, OrganisationRow, Store,
};

const OWNER: PersonId = PersonId::from_bytes([1; 16]);
const GARAGE: OrganisationId = OrganisationId::from_bytes([9; 16]);

async fn car(store: &Store) -> VehicleId {
    super::register(store, &[new_vehicle(1, Brand::Peugeot, "208")]).await;
    people::add(store, &people::person(1, "owner")).await;
    vehicle_id(1)
}

async fn garage(store: &Store, kind: &str) {
    let mut tx = store.begin().await.unwrap();
    let garage = OrganisationRow {
        id: GARAGE,
        kind: kind.to_owned(),
        name: "Garage".to_owned(),
        brands: vec![Brand::Peugeot, Brand::Opel],
        region: region(),
        enabled: true,
        created_at: NOW,
        created_by: OWNER,
    };
    tx.add_organisation(&garage).await.unwrap();
    tx.join_organisation(OWNER, GARAGE, NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.organisation_of(OWNER).await.unwrap(), Some(garage));
}

pub(super) async fn an_ownership_interval_ends_once_and_another_begins(store: Store) {
    let vehicle = car(&store).await;
    let mut tx = store.begin().await.unwrap();
    let second = tx.begin_subject(subject_id(2), vehicle, ConsentEpoch(4), NOW).await;
    assert!(matches!(second, Err(Error::Conflict { .. })), "{second:?}");
    drop(tx);
    let mut tx = store.begin().await.unwrap();
    tx.end_subject(subject_id(1), NOW).await.unwrap();
    tx.begin_subject(subject_id(2), vehicle, ConsentEpoch(4), NOW).await.unwrap();
    tx.commit().await.unwrap();
    let current = store.current_subject(vehicle).await.unwrap();
    assert_eq!((current.subject, current.consent_epoch), (subject_id(2), ConsentEpoch(4)));
    assert_eq!(current.first_epoch, ConsentEpoch(4));
    let mut tx = store.begin().await.unwrap();
    let again = tx.end_subject(subject_id(1), NOW).await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
}

pub(super) async fn invitations_and_offers_are_open_for_a_time(store: Store) {
    let vehicle = car(&store).await;
    let invitation = InvitationRow {
        id: "a".to_owned(),
        vehicle,
        invited_by: OWNER,
        created_at: NOW,
        expires_at: NOW + Micros::HOUR,
    };
    let offer = OfferRow { vehicle, offered_by: OWNER, created_at: NOW, expires_at: NOW + Micros::HOUR };
    let mut tx = store.begin().await.unwrap();
    tx.add_invitation(&invitation).await.unwrap();
    tx.add_invitation(&InvitationRow { id: "b".to_owned(), ..invitation.clone() }).await.unwrap();
    tx.put_offer(&OfferRow { expires_at: NOW, ..offer.clone() }).await.unwrap();
    tx.put_offer(&offer).await.unwrap();
    tx.commit().await.unwrap();
    let over = NOW + Micros::HOUR;
    assert_eq!(store.invitation("a", NOW).await.unwrap(), Some(invitation));
    assert_eq!(store.invitation("a", over).await.unwrap(), None);
    assert_eq!(store.invitations_to(vehicle, NOW).await.unwrap().len(), 2);
    assert_eq!(store.offer(vehicle, NOW).await.unwrap(), Some(offer));
    assert_eq!(store.offer(vehicle, over).await.unwrap(), None);
    let mut tx = store.begin().await.unwrap();
    assert!(!tx.end_invitation(vehicle, "a", over).await.unwrap());
    assert!(tx.end_invitation(vehicle, "a", NOW).await.unwrap());
    assert!(!tx.end_invitation(vehicle, "a", NOW).await.unwrap());
    tx.end_invitations(vehicle).await.unwrap();
    assert!(tx.end_offer(vehicle, NOW).await.unwrap());
    assert!(!tx.end_offer(vehicle, NOW).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.invitations_to(vehicle, NOW).await.unwrap(), []);
}

pub(super) async fn a_dealership_has_access_until_it_ends(store: Store) {
    let vehicle = car(&store).await;
    garage(&store, "dealership").await;
    let grant = |id: &str| AccessGrantRow {
        id: id.to_owned(),
        vehicle,
        dealership: GARAGE,
        brand: Brand::Peugeot,
        region: region(),
        categories: vec![DataCategory::Driving, DataCategory::Tyres],
        given_by: OWNER,
        by_code: true,
        starts_at: NOW,
        ends_at: NOW + Micros::DAY,
    };
    let mut tx = store.begin().await.unwrap();
    tx.add_access_grant(&grant("a")).await.unwrap();
    tx.add_access_grant(&grant("b")).await.unwrap();
    tx.commit().await.unwrap();
    let links = store.links_by_organisation(OWNER, NOW).await.unwrap();
    assert_eq!(links.iter().map(|link| link.function.as_str()).collect::<Vec<_>>(), ["dealer", "dealer"]);
    assert_eq!(store.access_grant(vehicle, "a", NOW).await.unwrap(), Some(grant("a")));
    let later = NOW + Micros::HOUR;
    let mut tx = store.begin().await.unwrap();
    assert!(tx.end_access_grant(vehicle, "a", later).await.unwrap());
    assert!(!tx.end_access_grant(vehicle, "a", later).await.unwrap());
    assert_eq!(tx.end_access_grants(vehicle, later).await.unwrap(), [GARAGE]);
    tx.commit().await.unwrap();
    assert_eq!(store.links_by_organisation(OWNER, later).await.unwrap(), []);
    let ever = store.access_grants(GrantsOf::Dealership(GARAGE), 10).await.unwrap();
    assert_eq!(ever.len(), 2);
    let since = GrantsOf::Vehicle { vehicle, since: later };
    assert_eq!(store.access_grants(since, 10).await.unwrap(), []);
}

pub(super) async fn a_disabled_organisation_sees_no_car(store: Store) {
    let vehicle = car(&store).await;
    garage(&store, "fleet").await;
    let mut tx = store.begin().await.unwrap();
    tx.join_fleet("a", vehicle, GARAGE, (Brand::Peugeot, &region()), NOW).await.unwrap();
    assert_eq!(tx.members_of(GARAGE).await.unwrap(), [OWNER]);
    tx.commit().await.unwrap();
    assert_eq!(store.fleet_of(vehicle).await.unwrap(), Some(GARAGE));
    assert_eq!(store.links_by_organisation(OWNER, NOW).await.unwrap()[0].function, "fleet-customer");
    assert_eq!(store.organisations(None, Some("fleet"), None, 10).await.unwrap().items.len(), 1);
    assert_eq!(store.organisations(None, Some("dealership"), None, 10).await.unwrap().items.len(), 0);
    let mut tx = store.begin().await.unwrap();
    assert!(tx.disable_organisation(GARAGE, NOW).await.unwrap());
    assert!(!tx.disable_organisation(GARAGE, NOW).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.links_by_organisation(OWNER, NOW).await.unwrap(), []);
    assert_eq!(store.organisation_of(OWNER).await.unwrap(), None);
    assert_eq!(store.fleet_of(vehicle).await.unwrap(), None);
    assert_eq!(store.organisations(None, Some("fleet"), None, 10).await.unwrap().items.len(), 0);
    assert_eq!(store.organisations(None, None, None, 10).await.unwrap().items.len(), 1);
}

pub(super) async fn notices_come_newest_first_and_are_marked_once(store: Store) {
    let vehicle = car(&store).await;
    let notice = |id: &str, at: i64| NoticeRow {
        about: None,
        id: id.to_owned(),
        person: OWNER,
        kind: "driver-linked".to_owned(),
        vehicle: Some(vehicle),
        organisation: None,
        at: NOW + Micros(at),
        acknowledged_at: None,
    };
    let all = [notice("c", 2), notice("a", 1), notice("b", 1)];
    let mut tx = store.begin().await.unwrap();
    tx.add_notices(&all).await.unwrap();
    tx.commit().await.unwrap();
    let first = store.notices_to(OWNER, None, 2).await.unwrap();
    assert_eq!(first.items, all[..2]);
    let cursor: Cursor = first.next.unwrap().to_string().parse().unwrap();
    let second = store.notices_to(OWNER, Some(&cursor), 2).await.unwrap();
    assert_eq!((second.items.as_slice(), second.next), (&all[2..], None));
    let bad = store.notices_to(OWNER, Some(&Cursor::new("x")), 2).await;
    assert!(matches!(bad, Err(Error::Cursor)));
    let other = PersonId::from_bytes([7; 16]);
    assert!(!store.acknowledge_notice(other, "a", NOW).await.unwrap());
    for later in [0, 5] {
        assert!(store.acknowledge_notice(OWNER, "a", NOW + Micros(later)).await.unwrap());
    }
    let read = store.notices_to(OWNER, None, 2).await.unwrap().items.remove(1);
    assert_eq!(read.acknowledged_at, Some(NOW));
    assert_eq!(store.forget_notices(NOW + Micros(2)).await.unwrap(), 2);
}

pub(super) async fn notices_in_a_car_are_numbered(store: Store) {
    let vehicle = car(&store).await;
    let mut tx = store.begin().await.unwrap();
    for kind in ["owner", "driver", "workshop"] {
        tx.add_access_notice(vehicle, kind, NOW).await.unwrap();
    }
    tx.commit().await.unwrap();
    let numbers = async |above, limit| -> Vec<u64> {
        let notices = store.access_notices(vehicle, above, limit).await.unwrap();
        notices.iter().map(|notice| notice.number).collect()
    };
    assert_eq!(numbers(0, 10).await, [1, 2, 3]);
    assert_eq!(numbers(0, 2).await, [2, 3], "the newest");
    assert_eq!(numbers(2, 10).await, [3]);
    let mut tx = store.begin().await.unwrap();
    tx.forget_access_notices(vehicle).await.unwrap();
    tx.add_access_notice(vehicle, "driver", NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(numbers(0, 10).await, [3, 4]);
}
