use model::{Brand, Micros};

use super::{NOW, new_vehicle, register, vehicle_id};
use crate::{QuarantineRow, Store};

fn row(number: u32, minutes: i64) -> QuarantineRow {
    QuarantineRow {
        vehicle: vehicle_id(number),
        since: NOW + Micros(minutes * Micros::MINUTE.0),
        reason: "two-places".to_owned(),
        networks: Some(("192.0.2.0/24".to_owned(), "198.51.100.0/24".to_owned())),
    }
}

async fn put(store: &Store, row: &QuarantineRow) -> bool {
    let mut tx = store.begin().await.unwrap();
    let added = tx.add_quarantine(row).await.unwrap();
    tx.commit().await.unwrap();
    added
}

pub(super) async fn a_car_is_in_quarantine_once_until_it_is_let_out(store: Store) {
    register(&store, &[new_vehicle(1, Brand::Opel, "Astra"), new_vehicle(2, Brand::Opel, "Astra")]).await;
    assert!(put(&store, &row(1, 0)).await);
    assert!(!put(&store, &row(1, 5)).await);
    assert_eq!(store.all_quarantines().await.unwrap(), [row(1, 0)]);
    let mut tx = store.begin().await.unwrap();
    let found = tx.quarantined(&[vehicle_id(1), vehicle_id(2)]).await.unwrap();
    assert_eq!(found, [vehicle_id(1)]);
    assert!(tx.remove_quarantine(vehicle_id(1)).await.unwrap());
    assert!(!tx.remove_quarantine(vehicle_id(1)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.all_quarantines().await.unwrap(), []);
    let by_hand = QuarantineRow { reason: "by-hand".to_owned(), networks: None, ..row(1, 9) };
    assert!(put(&store, &by_hand).await);
    assert_eq!(store.all_quarantines().await.unwrap(), [by_hand]);
}

pub(super) async fn those_of_brands_come_newest_first(store: Store) {
    let brands = [(1, Brand::Opel), (2, Brand::Fiat), (3, Brand::Opel), (4, Brand::Opel)];
    let cars = brands.map(|(number, brand)| new_vehicle(number, brand, "model"));
    register(&store, &cars).await;
    for (number, minutes) in [(1, 3), (2, 7), (3, 3), (4, 5)] {
        put(&store, &row(number, minutes)).await;
    }
    let numbers = |page: &crate::Page<(QuarantineRow, Brand)>| {
        page.items.iter().map(|(row, brand)| (row.vehicle, *brand)).collect::<Vec<_>>()
    };
    let all = store.quarantines(None, None, 10).await.unwrap();
    assert_eq!((numbers(&all)[0], all.items.len()), ((vehicle_id(2), Brand::Fiat), 4));
    let page = store.quarantines(Some(&[Brand::Opel]), None, 2).await.unwrap();
    let mut same_time = [vehicle_id(1), vehicle_id(3)];
    same_time.sort_unstable();
    assert_eq!(numbers(&page), [(vehicle_id(4), Brand::Opel), (same_time[0], Brand::Opel)]);
    let rest = store.quarantines(Some(&[Brand::Opel]), page.next.as_ref(), 2).await.unwrap();
    assert_eq!((numbers(&rest), rest.next), (vec![(same_time[1], Brand::Opel)], None));
    let stray = crate::Cursor::new("stray");
    assert!(store.quarantines(None, Some(&stray), 2).await.is_err());
}
