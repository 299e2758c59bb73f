use model::{Brand, VehicleId};

use super::*;

fn position(byte: u8, latitude: f64) -> Position {
    Position {
        vehicle_id: VehicleIdHex(VehicleId::from_bytes([byte; 16])),
        brand: BrandSlug(Brand::Opel),
        model: "Corsa".to_owned(),
        latitude,
        longitude: 8.0,
        heading: None,
        speed: None,
        state: VehicleState::Unknown,
        at: Time(Timestamp(0)),
    }
}

#[test]
fn only_what_moved_is_told() {
    let before = [position(1, 1.0), position(2, 1.0), position(3, 1.0)];
    let now = [position(1, 1.0), position(2, 2.0), position(3, 1.0), position(4, 1.0)];
    assert_eq!(differences(&before, &now), (vec![position(2, 2.0), position(4, 1.0)], false));
    assert_eq!(differences(&[], &now[..1]), (vec![position(1, 1.0)], false));
}

#[test]
fn a_position_that_is_gone_is_noticed() {
    let before = [position(1, 1.0), position(2, 1.0), position(3, 1.0)];
    for now in [&before[1..], &before[..2], &[][..], &[position(1, 1.0), position(3, 1.0)]] {
        assert!(differences(&before, now).1, "{now:?}");
    }
    assert!(!differences(&before, &before).1);
}

#[test]
fn a_car_whose_speed_is_withheld_is_not_called_parked() {
    assert_eq!(state_of(None, None), VehicleState::Unknown);
    assert_eq!(state_of(Some(0.2), None), VehicleState::Parked);
    assert_eq!(state_of(Some(-5.0), Some(0.0)), VehicleState::Moving);
    assert_eq!(state_of(None, Some(1.0)), VehicleState::Charging);
}
