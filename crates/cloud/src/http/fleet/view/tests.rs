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

fn id(byte: u8) -> VehicleId {
    VehicleId::from_bytes([byte; 16])
}

#[test]
fn a_frame_takes_up_what_one_owner_changed() {
    let at = Timestamp(0);
    let mut frame = Frame {
        number: 3,
        at,
        consent: 1,
        summary: FleetSummary {
            vehicles: 3,
            connected: 0,
            by_brand: Vec::new(),
            by_region: Vec::new(),
            by_architecture: Vec::new(),
            by_state: StateCounts { moving: 2, unknown: 1, ..StateCounts::default() },
            samples_per_s: Some(0.0),
            acks_per_s: Some(0.0),
            at: Time(at),
        },
        states: vec![
            (id(1), VehicleState::Moving),
            (id(2), VehicleState::Unknown),
            (id(3), VehicleState::Moving),
        ],
        positions: vec![position(1, 1.0), position(3, 1.0)],
        moved: vec![position(1, 1.0)],
        vanished: false,
        connectivity: Vec::new(),
    };
    frame.put(id(2), VehicleState::Moving, Some(position(2, 1.0)));
    assert_eq!((frame.positions.len(), frame.vanished), (3, false));
    frame.put(id(1), VehicleState::Unknown, None);
    let counts = frame.summary.by_state;
    assert_eq!((counts.moving, counts.unknown), (2, 1));
    assert_eq!(frame.positions, [position(2, 1.0), position(3, 1.0)]);
    assert!(frame.moved.is_empty() && frame.vanished);
}
