use model::{Brand, CampaignId, CampaignVersion, CatalogueHash, Micros, Purpose};

use super::{NOW, new_vehicle, register, vehicle_id};
use crate::{
    CampaignName, Error, HeldCampaign, NewCampaign, NewDesired, ReportedRow, Selector, StatusCounts, Store,
};

const KIND: &str = "campaigns";

fn document(text: &str) -> NewCampaign {
    let name = format!("named {text}");
    NewCampaign { document: text.to_owned(), name, purpose: Purpose::Maintenance, signals: 3 }
}

async fn create(store: &Store, text: &str) -> CampaignId {
    let mut tx = store.begin().await.unwrap();
    let id = tx.add_campaign(&document(text), &Brand::ALL, NOW).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn fleet(store: &Store) {
    register(
        store,
        &[
            new_vehicle(1, Brand::Peugeot, "208"),
            new_vehicle(2, Brand::Peugeot, "3008"),
            new_vehicle(3, Brand::Opel, "Corsa"),
        ],
    )
    .await;
}

pub(super) async fn a_campaign_keeps_its_versions(store: Store) {
    let id = create(&store, "one").await;
    let mut tx = store.begin().await.unwrap();
    let later = NOW + Micros::SECOND;
    let version = tx.change_campaign(id, CampaignVersion(1), &document("two"), later).await.unwrap();
    tx.commit().await.unwrap();
    let row = store.campaign(id, None).await.unwrap();
    assert_eq!((row.version, row.document.as_str()), (version, "two"));
    assert_eq!((row.created_at, row.updated_at), (NOW, later));
    let mut tx = store.begin().await.unwrap();
    let error = tx.change_campaign(id, CampaignVersion(1), &document("three"), later).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    let documents = tx.campaign_documents(&[id]).await.unwrap();
    assert_eq!(documents, [(id, CampaignVersion(2), "two".to_owned())]);
}

pub(super) async fn campaigns_come_newest_first(store: Store) {
    for name in ["a", "b", "c"] {
        create(&store, name).await;
    }
    let page = store.campaigns(None, None, 2).await.unwrap();
    assert_eq!(page.items.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["named c", "named b"]);
    assert_eq!((page.items[0].purpose, page.items[0].signals), (Purpose::Maintenance, 3));
    let page = store.campaigns(None, page.next.as_ref(), 2).await.unwrap();
    assert_eq!(page.items.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["named a"]);
    assert_eq!(page.next, None);
    let foreign = store.campaigns(None, Some(&crate::Cursor::new("x")), 2).await.unwrap_err();
    assert!(matches!(foreign, Error::Cursor), "{foreign}");
}

pub(super) async fn a_selector_matches_all_its_lists(store: Store) {
    fleet(&store).await;
    let id = create(&store, "x").await;
    let assign = async |selector: Selector| {
        let mut tx = store.begin().await.unwrap();
        // Not committed: each selector meets the same fleet.
        tx.assign(id, &selector, NOW).await.unwrap().added
    };
    let brands = |brands: &[Brand]| Selector { brands: brands.to_vec(), ..Selector::default() };
    assert_eq!(assign(brands(&[Brand::Peugeot])).await, [vehicle_id(1), vehicle_id(2)]);
    assert_eq!(assign(brands(&[Brand::Peugeot, Brand::Opel])).await.len(), 3);
    let narrowed = Selector { models: vec!["208".to_owned()], ..brands(&[Brand::Peugeot]) };
    assert_eq!(assign(narrowed).await, [vehicle_id(1)]);
    let contradiction = Selector { vehicles: vec![vehicle_id(3)], ..brands(&[Brand::Peugeot]) };
    assert!(assign(contradiction).await.is_empty());
    let region = Selector { regions: vec!["eu".parse().unwrap()], ..Selector::default() };
    assert_eq!(assign(region).await.len(), 3);
}

pub(super) async fn an_empty_selector_matches_nothing(store: Store) {
    fleet(&store).await;
    let id = create(&store, "x").await;
    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.assign(id, &Selector::default(), NOW).await.unwrap().matched, 0);
}

pub(super) async fn assigning_twice_adds_nothing(store: Store) {
    fleet(&store).await;
    let (first, second) = (create(&store, "x").await, create(&store, "y").await);
    let selector = Selector { brands: vec![Brand::Peugeot], ..Selector::default() };
    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.assign(first, &selector, NOW).await.unwrap().added.len(), 2);
    let again = tx.assign(first, &selector, NOW).await.unwrap();
    assert_eq!((again.matched, again.added.len()), (2, 0));
    tx.assign(second, &Selector { vehicles: vec![vehicle_id(1)], ..Selector::default() }, NOW).await.unwrap();
    assert_eq!(tx.assigned_vehicles(first).await.unwrap(), [vehicle_id(1), vehicle_id(2)]);
    let sets = tx.campaigns_of(&[vehicle_id(1), vehicle_id(2), vehicle_id(3)]).await.unwrap();
    assert_eq!(sets, [(vehicle_id(1), vec![first, second]), (vehicle_id(2), vec![first])]);
    tx.commit().await.unwrap();
    let of_one: Vec<_> =
        store.campaigns_of_vehicle(vehicle_id(1)).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(of_one, [first, second]);
    assert_eq!(store.campaign(first, None).await.unwrap().assigned, 2);
}

pub(super) async fn desired_state_never_goes_back(store: Store) {
    fleet(&store).await;
    let envelope = |number: u32, version: u64| NewDesired {
        vehicle: vehicle_id(number),
        version,
        envelope: vec![u8::try_from(version).unwrap(); 3],
    };
    let mut tx = store.begin().await.unwrap();
    tx.put_desired(KIND, &[envelope(1, 1), envelope(2, 1)], NOW).await.unwrap();
    tx.put_desired(KIND, &[envelope(1, 2)], NOW).await.unwrap();
    let versions = tx.desired_versions(KIND, &[vehicle_id(1), vehicle_id(2), vehicle_id(3)]).await.unwrap();
    assert_eq!(versions.get(&vehicle_id(1)), Some(&2));
    assert_eq!(versions.len(), 2);
    tx.commit().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    assert!(tx.put_desired(KIND, &[envelope(1, 2)], NOW).await.is_err());
    drop(tx);
    let stored = store.desired_envelope(vehicle_id(1), KIND).await.unwrap();
    assert_eq!(stored, Some((2, vec![2, 2, 2])));
    assert_eq!(store.desired_envelope(vehicle_id(1), "consent").await.unwrap(), None);
    assert_eq!(store.desired(vehicle_id(1)).await.unwrap().len(), 1);
}

pub(super) async fn status_counts_what_cars_report(store: Store) {
    fleet(&store).await;
    let id = create(&store, "x").await;
    let mut tx = store.begin().await.unwrap();
    let all = Selector { regions: vec!["eu".parse().unwrap()], ..Selector::default() };
    tx.assign(id, &all, NOW).await.unwrap();
    let envelopes: Vec<_> = (1..=3)
        .map(|number| NewDesired { vehicle: vehicle_id(number), version: 5, envelope: vec![1] })
        .collect();
    tx.put_desired(KIND, &envelopes, NOW).await.unwrap();
    let report = |version: u64, problem: Option<&str>| ReportedRow {
        kind: KIND.to_owned(),
        version,
        problem: problem.map(str::to_owned),
        reported_at: NOW,
    };
    tx.put_report(vehicle_id(1), &[report(5, None)], b"r", NOW).await.unwrap();
    tx.put_report(vehicle_id(2), &[report(4, None)], b"r", NOW).await.unwrap();
    tx.put_report(vehicle_id(3), &[report(5, Some("unknown signal"))], b"r", NOW).await.unwrap();
    tx.commit().await.unwrap();
    let status = store.campaign_status(id, None, KIND).await.unwrap();
    assert_eq!(status, StatusCounts { assigned: 3, applied: 1, failed: 1 });
    assert_eq!(store.reported(vehicle_id(3)).await.unwrap(), [report(5, Some("unknown signal"))]);
    assert_eq!(store.report(vehicle_id(1)).await.unwrap(), Some((b"r".to_vec(), NOW)));
    assert_eq!(store.report(vehicle_id(9)).await.unwrap(), None);
}

pub(super) async fn a_campaign_of_some_brands_is_seen_and_counted_in_these(store: Store) {
    fleet(&store).await;
    let both = create(&store, "both").await;
    let mut tx = store.begin().await.unwrap();
    let some = tx.add_campaign(&document("some"), &[Brand::Opel, Brand::Vauxhall], NOW).await.unwrap();
    let all = Selector { regions: vec!["eu".parse().unwrap()], ..Selector::default() };
    tx.assign(both, &all, NOW).await.unwrap();
    tx.commit().await.unwrap();
    let listed = async |brands: &[Brand]| {
        let page = store.campaigns(Some(brands), None, 10).await.unwrap();
        page.items.into_iter().map(|row| (row.id, row.assigned)).collect::<Vec<_>>()
    };
    assert_eq!(listed(&[Brand::Opel]).await, [(some, 0), (both, 1)]);
    assert_eq!(listed(&[Brand::Peugeot, Brand::Ds]).await, [(both, 2)]);
    assert_eq!(store.campaign(some, None).await.unwrap().brands, [Brand::Opel, Brand::Vauxhall]);
    assert_eq!(store.campaign(both, Some(&[Brand::Opel])).await.unwrap().assigned, 1);
    let status = store.campaign_status(both, Some(&[Brand::Peugeot]), KIND).await.unwrap();
    assert_eq!(status.assigned, 2);
}

pub(super) async fn catalogues_are_kept_once(store: Store) {
    let hash = CatalogueHash(0x5d0f);
    assert!(store.add_catalogue(hash, 3, b"{}", NOW).await.unwrap());
    assert!(!store.add_catalogue(hash, 3, b"{}", NOW + Micros::DAY).await.unwrap());
    assert_eq!(store.catalogue(hash).await.unwrap().created_at, NOW);
    assert_eq!(store.catalogue_source(hash).await.unwrap(), b"{}");
    let page = store.catalogues(None, 10).await.unwrap();
    assert_eq!((page.items.len(), page.items[0].leaf_count), (1, 3));
    assert!(store.catalogue_source(CatalogueHash(1)).await.is_err());
}

pub(super) async fn a_vehicle_leaves_a_campaign_and_comes_back(store: Store) {
    fleet(&store).await;
    let (first, second) = (create(&store, "x").await, create(&store, "y").await);
    let of_brand = |brand| Selector { brands: vec![brand], ..Selector::default() };
    let mut tx = store.begin().await.unwrap();
    tx.assign(first, &of_brand(Brand::Peugeot), NOW).await.unwrap();
    tx.assign(second, &of_brand(Brand::Peugeot), NOW).await.unwrap();
    let all = Selector { regions: vec!["eu".parse().unwrap()], ..Selector::default() };
    let one = Selector { vehicles: vec![vehicle_id(1)], ..Selector::default() };
    let taken = tx.unassign(first, &one, NOW).await.unwrap();
    assert_eq!((taken.matched, taken.removed), (1, vec![vehicle_id(1)]));
    assert_eq!(tx.unassign(first, &one, NOW).await.unwrap().removed, []);
    let both = [vehicle_id(1), vehicle_id(2)];
    let has = tx.campaigns_of(&both).await.unwrap();
    assert_eq!(has, [(vehicle_id(1), vec![second]), (vehicle_id(2), vec![first, second])]);
    let had = tx.campaigns_ever_of(&both).await.unwrap();
    let held = |id, ended_at| HeldCampaign { id, ended_at };
    assert_eq!(had[0], (vehicle_id(1), vec![held(first, Some(NOW)), held(second, None)]));
    assert_eq!(tx.assign(first, &one, NOW).await.unwrap().added, [vehicle_id(1)]);
    let taken = tx.unassign(first, &all, NOW).await.unwrap();
    assert_eq!((taken.matched, taken.removed), (3, both.to_vec()));
    assert_eq!(tx.unassign(first, &Selector::default(), NOW).await.unwrap().matched, 0);
    tx.commit().await.unwrap();
    assert_eq!(store.campaign(first, None).await.unwrap().assigned, 0);
    assert_eq!(store.campaign_status(first, None, KIND).await.unwrap(), StatusCounts::default());
    let named = CampaignName { id: second, version: CampaignVersion(1), name: "named y".to_owned() };
    assert_eq!(store.campaigns_of_vehicle(vehicle_id(1)).await.unwrap(), [named]);
}

pub(super) async fn a_campaign_ends_for_its_vehicles(store: Store) {
    fleet(&store).await;
    let (id, other) = (create(&store, "x").await, create(&store, "y").await);
    let peugeots = Selector { brands: vec![Brand::Peugeot], ..Selector::default() };
    let mut tx = store.begin().await.unwrap();
    for campaign in [id, other] {
        tx.assign(campaign, &peugeots, NOW).await.unwrap();
    }
    let later = NOW + Micros::SECOND;
    assert_eq!(tx.end_campaign(id, later).await.unwrap(), [vehicle_id(1), vehicle_id(2)]);
    let ended = |error: Error| assert!(matches!(error, Error::Conflict { .. }), "{error}");
    assert_eq!(tx.end_campaign(id, later + Micros::SECOND).await.unwrap(), []);
    ended(tx.assign(id, &peugeots, later).await.unwrap_err());
    ended(tx.unassign(id, &peugeots, later).await.unwrap_err());
    let changed = tx.change_campaign(id, CampaignVersion(1), &document("two"), later).await.unwrap_err();
    assert!(changed.to_string().contains("has ended"), "{changed}");
    let unknown = tx.change_campaign(CampaignId(99), CampaignVersion(1), &document("two"), later).await;
    assert!(matches!(unknown, Err(Error::NotFound { .. })), "{unknown:?}");
    let unknown = tx.end_campaign(CampaignId(99), later).await.unwrap_err();
    assert!(matches!(unknown, Error::NotFound { .. }), "{unknown}");
    tx.commit().await.unwrap();
    let row = store.campaign(id, None).await.unwrap();
    assert_eq!((row.ended_at, row.assigned), (Some(later), 0));
    let page = store.campaigns(None, None, 10).await.unwrap();
    let listed: Vec<_> = page.items.iter().map(|row| (row.id, row.ended_at, row.assigned)).collect();
    assert_eq!(listed, [(other, None, 2), (id, Some(later), 0)]);
}

/// More vehicles than one statement has parameters for.
pub(super) async fn a_large_fleet_gets_a_campaign_and_leaves_it(store: Store) {
    let fleet: Vec<_> = (0..2_001).map(|number| new_vehicle(number, Brand::Peugeot, "208")).collect();
    register(&store, &fleet).await;
    let mut ids: Vec<_> = fleet.iter().map(|new| new.vehicle).collect();
    ids.sort_unstable();
    let vins: Vec<_> = fleet.iter().map(|new| new.vin.clone()).collect();
    let id = create(&store, "x").await;
    let all = Selector { brands: vec![Brand::Peugeot], ..Selector::default() };
    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.vehicles_by_vins(&vins).await.unwrap().len(), ids.len());
    assert_eq!(tx.assign(id, &all, NOW).await.unwrap().added, ids);
    assert_eq!(tx.campaigns_of(&ids).await.unwrap().len(), ids.len());
    assert_eq!(tx.unassign(id, &all, NOW).await.unwrap().removed, ids);
    assert_eq!(tx.campaigns_of(&ids).await.unwrap(), []);
    let had = tx.campaigns_ever_of(&ids).await.unwrap();
    assert_eq!(had.len(), ids.len());
    assert!(had.iter().all(|(_, held)| *held == [HeldCampaign { id, ended_at: Some(NOW) }]));
}
