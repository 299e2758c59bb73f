use identity::clone_watch::Reason;
use model::{Timestamp, VehicleId};

use super::*;

fn seen(car: u8) -> Sighting {
    let vehicle = VehicleId::from_bytes([car; 16]);
    Sighting { vehicle, at: Timestamp(0), reason: Reason::TwoPlaces, networks: None, count: 1 }
}

#[test]
fn who_fails_waits_longer_each_time_and_behind_the_others() {
    let now = Instant::now();
    let mut line = Line::default();
    line.push(seen(1), now);
    let mut due = now;
    for wait_s in [1, 2, 4, 8, 16, 32, 64, 64] {
        let failed = line.pop(due).unwrap();
        line.again(failed, due);
        assert!(line.pop(due).is_none());
        line.push(seen(2), due);
        assert_eq!(line.pop(due).map(|next| next.sighting), Some(seen(2)));
        due += Duration::from_secs(wait_s);
        assert_eq!(line.due(), Some(due));
        line.push(seen(3), due);
        assert_eq!(line.0.len(), 2);
        line.0.retain(|waiting| waiting.sighting == seen(1));
    }
}

#[test]
fn a_car_waits_once() {
    let now = Instant::now();
    let mut line = Line::default();
    line.push(seen(1), now);
    line.push(seen(1), now);
    assert!(line.pop(now).is_some());
    assert!(line.pop(now).is_none());
    assert_eq!(line.due(), None);
}
