use super::*;

const CAR: VehicleId = VehicleId::from_bytes([1; 16]);

#[test]
fn a_car_is_there_until_its_last_connection_ends() {
    let presence = Presence::default();
    let mut changes = presence.subscribe();
    presence.connected(CAR, Timestamp(1));
    // It reconnects before the broken connection is noticed.
    presence.connected(CAR, Timestamp(2));
    presence.disconnected(CAR, Timestamp(3));
    assert_eq!(
        presence.of(CAR),
        Connection { connected_at: Some(Timestamp(2)), seen_at: Some(Timestamp(3)) }
    );
    presence.disconnected(CAR, Timestamp(4));
    assert_eq!(presence.of(CAR), Connection { connected_at: None, seen_at: Some(Timestamp(4)) });
    let told: Vec<bool> =
        std::iter::from_fn(|| changes.try_recv().ok()).map(|change| change.connected).collect();
    assert_eq!(told, [true, true, false]);
}

#[test]
fn an_end_without_a_beginning_changes_nothing() {
    let presence = Presence::default();
    presence.disconnected(CAR, Timestamp(1));
    assert_eq!(presence.of(CAR), Connection::default());
}
