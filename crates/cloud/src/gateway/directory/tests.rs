use super::*;
use crate::gateway::clock;

const NOW: Timestamp = Timestamp(1_000_000_000);
const FIRST: Place = Place { worker: 0, key: Key { slot: 1, generation: 0 } };
const SECOND: Place = Place { worker: 1, key: Key { slot: 1, generation: 0 } };
const THIRD: Place = Place { worker: 1, key: Key { slot: 2, generation: 0 } };

fn car() -> VehicleId {
    VehicleId::from_bytes([7; 16])
}

fn network(address: &str) -> Network {
    Network::of(address.parse().unwrap())
}

fn later(secs: i64) -> Timestamp {
    NOW + Micros::from_secs(secs)
}

/// The first is in, and the second waits from now on, for ten seconds.
fn challenged() -> Directory {
    let directory = Directory::new(Micros::from_secs(10));
    assert!(matches!(directory.claim(car(), FIRST, network("192.0.2.1"), NOW), Claim::In(_)));
    assert!(matches!(directory.claim(car(), SECOND, network("198.51.100.1"), NOW), Claim::Wait { .. }));
    directory
}

fn release(directory: &Directory, place: Place) -> Option<Place> {
    let leaving = Leaving { quota: &Quota::UNLIMITED, now: clock::now().instant, time: later(12) };
    directory.release(car(), place, Kept::default(), leaving)
}

/// A revocation, a quarantine and a change of owner go to whom the directory finds.
#[track_caller]
fn check_gives_way(directory: &Directory, to: Place) {
    assert_eq!(directory.overdue(car(), to, later(11)), Waited::Over { first: FIRST });
    assert_eq!(directory.find(car()), Some(FIRST));
    assert_eq!(release(directory, FIRST), Some(to));
    assert!(matches!(directory.claim(car(), to, network("198.51.100.1"), later(11)), Claim::In(_)));
    assert_eq!(directory.find(car()), Some(to));
    assert_eq!(release(directory, to), None);
    assert_eq!(directory.find(car()), None);
}

#[test]
fn a_first_that_answers_too_late_is_found_until_it_has_gone() {
    for late in [later(10), later(10) + Micros(20_000)] {
        let directory = challenged();
        assert_eq!(directory.answer(car(), FIRST, late), None);
        assert_eq!(directory.find(car()), Some(FIRST));
        check_gives_way(&directory, SECOND);
    }
}

#[test]
fn a_third_when_the_time_is_over_does_not_hide_the_first() {
    let directory = challenged();
    let claim = directory.claim(car(), THIRD, network("192.0.2.1"), later(10));
    assert!(matches!(claim, Claim::Taken { elsewhere: Some(_) }));
    assert_eq!(directory.find(car()), Some(FIRST));
    check_gives_way(&directory, SECOND);
}

#[test]
fn a_newcomer_that_leaves_when_its_time_is_over_leaves_the_first_found() {
    let directory = challenged();
    assert_eq!(directory.answer(car(), FIRST, later(10)), None);
    assert_eq!(release(&directory, SECOND), None);
    assert_eq!(directory.find(car()), Some(FIRST));
}

#[test]
fn turns_are_known_when_nobody_is_there() {
    let directory = challenged();
    let car_at = network("203.0.113.1");
    assert!(matches!(directory.claim(car(), THIRD, car_at, later(1)), Claim::Taken { .. }));
    assert_eq!((release(&directory, FIRST), release(&directory, SECOND)), (Some(SECOND), None));
    assert!(matches!(directory.claim(car(), FIRST, network("192.0.2.1"), later(13)), Claim::In(_)));
    let waits = directory.claim(car(), SECOND, network("192.0.2.1"), later(13));
    assert!(matches!(waits, Claim::Wait { instead_of: None, .. }));
    let turn = directory.claim(car(), THIRD, car_at, later(14));
    assert!(matches!(turn, Claim::Wait { instead_of: Some(_), .. }));
}

#[test]
fn turns_of_cars_that_do_not_come_back_are_forgotten() {
    let mut part = Part::default();
    let with_turn = |at| {
        let mut watch = ConnectionWatch::new(Micros::from_secs(10));
        for (place, from) in [(FIRST, "192.0.2.1"), (SECOND, "192.0.2.1"), (THIRD, "198.51.100.1")] {
            watch.handle_opened(place, network(from), at);
        }
        watch
    };
    for number in 0..200 {
        let at = later(i64::from(number) * 20);
        part.keep_turns(VehicleId::from_bytes([number; 16]), with_turn(at), at);
    }
    assert!(part.left.capacity() < 32, "{}", part.left.capacity());
}
