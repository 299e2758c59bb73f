//! Two that say they are one car.

use identity::clone_watch::Reason;
use model::{CampaignVersion, Lane};

use super::{
    fakes::{SUSPICIONS_MAX, Stage, batch, batch_with, header, vehicle},
    phone::Phone,
};
use crate::gateway::{Cause, Change, Sighting};

/// A newcomer waits this long for a first that must answer, which a machine under load does late.
fn patient() -> Stage {
    Stage::with(|config| config.answer_wait = model::Micros::from_secs(20))
}

/// A second connection waits, and the first was asked.
fn second(stage: &Stage, mut phone: Phone) -> Phone {
    phone.send_connect(1, 60);
    assert!(stage.gateway.is_connected(vehicle(1)));
    phone
}

#[track_caller]
fn check_works(car: &mut Phone) {
    car.publish(Lane::Live, 9, &batch(900));
    assert_eq!(car.hear(), "puback 9 00");
}

#[test]
fn a_second_connection_from_elsewhere_while_the_first_answers_is_a_clone() {
    let mut stage = patient();
    let mut neighbour = stage.car(2);
    let mut first = stage.listening(1);
    let mut second = second(&stage, stage.phone_elsewhere());
    first.answer();
    assert_eq!((first.hear().as_str(), second.hear().as_str()), ("disconnect 87", "connack 87"));
    assert_eq!((first.hear().as_str(), second.hear().as_str()), ("end", "end"));
    let Sighting { vehicle: cloned, reason, networks, .. } = stage.next_clone();
    assert_eq!((cloned, reason), (vehicle(1), Reason::TwoPlaces));
    let networks = networks.map(|(one, other)| (one.to_string(), other.to_string()));
    assert_eq!(networks, Some(("127.0.0.0/24".to_owned(), "127.0.7.0/24".to_owned())));
    assert_eq!(stage.gateway.metrics().clones, 1);
    check_works(&mut neighbour);
}

#[test]
fn a_second_connection_from_the_same_network_is_sent_away_and_told_of() {
    let mut stage = patient();
    let mut first = stage.listening(1);
    let mut second = second(&stage, stage.phone());
    first.answer();
    assert_eq!((second.hear().as_str(), second.hear().as_str()), ("connack 89", "end"));
    assert_eq!(stage.next_suspicion().reason, Reason::SecondConnection);
    check_works(&mut first);
    let metrics = stage.gateway.metrics();
    assert_eq!((metrics.suspicions, metrics.clones, metrics.takeovers), (1, 0, 0));
}

#[test]
fn a_first_connection_that_ends_lets_the_second_in_at_once() {
    let stage = patient();
    let mut first = stage.listening(1);
    let mut second = second(&stage, stage.phone_elsewhere());
    assert_eq!(first.hear(), "publish ping 8");
    drop(first);
    assert_eq!(second.hear(), "connack 00");
    check_works(&mut second);
}

#[test]
fn a_first_connection_that_does_not_answer_gives_way() {
    let mut stage = Stage::new();
    let mut first = stage.listening(1);
    assert_eq!(stage.next_news(), (vehicle(1), Change::Connected));
    let mut second = second(&stage, stage.phone_elsewhere());
    assert_eq!((first.hear().as_str(), first.hear().as_str()), ("publish ping 8", "disconnect 8e"));
    assert_eq!(second.hear(), "connack 00");
    let change = Change::Disconnected { cause: Cause::TakenOver, with_will: false };
    assert_eq!(stage.next_news(), (vehicle(1), change));
    assert_eq!(stage.gateway.metrics().takeovers, 1);
    check_works(&mut second);
}

#[test]
fn an_answer_that_nobody_asked_for_means_nothing() {
    let stage = Stage::new();
    let mut first = stage.listening(1);
    first.pong(b"12345678");
    let mut second = second(&stage, stage.phone_elsewhere());
    assert_eq!(first.hear(), "publish ping 8");
    first.pong(b"12345678");
    assert_eq!(second.hear(), "connack 00");
    assert_eq!(first.hear(), "disconnect 8e");
}

#[test]
fn a_third_connection_is_sent_away_and_the_second_keeps_its_place() {
    let mut stage = patient();
    let mut first = stage.listening(1);
    let mut second = second(&stage, stage.phone_elsewhere());
    assert_eq!(first.hear(), "publish ping 8");
    let mut third = self::second(&stage, stage.phone_elsewhere());
    assert_eq!((third.hear().as_str(), third.hear().as_str()), ("connack 89", "end"));
    drop(first);
    assert_eq!(second.hear(), "connack 00");
    // The third came from elsewhere than the first.
    let seen = stage.next_suspicion();
    assert_eq!((seen.reason, seen.count), (Reason::TwoPlaces, 1));
    check_works(&mut second);
}

/// The copy answers nothing, and opens connections all the time.
#[test]
fn a_car_that_is_kept_out_is_told_of_once_an_hour() {
    let mut stage = patient();
    let mut first = stage.listening(1);
    let _second = second(&stage, stage.phone());
    assert_eq!(first.hear(), "publish ping 8");
    for _ in 0..3 {
        let mut car = second(&stage, stage.phone_elsewhere());
        assert_eq!(car.hear(), "connack 89");
    }
    let seen = stage.next_suspicion();
    assert_eq!((seen.vehicle, seen.reason), (vehicle(1), Reason::TwoPlaces));
    let networks = seen.networks.map(|(one, other)| (one.to_string(), other.to_string()));
    assert_eq!(networks, Some(("127.0.0.0/24".to_owned(), "127.0.7.0/24".to_owned())));
    assert_eq!(stage.gateway.metrics().suspicions, 3);
    assert!(stage.suspicions_left().is_empty());
}

/// The copy never answers. The car was sent away since the copy waited, and comes back.
#[test]
fn who_was_sent_away_takes_the_place_of_one_whose_turn_it_is_not() {
    let mut stage = patient();
    let first = stage.listening(1);
    let second = second(&stage, stage.phone());
    let mut car = self::second(&stage, stage.phone_elsewhere());
    assert_eq!((car.hear().as_str(), car.hear().as_str()), ("connack 89", "end"));
    // All of the copy's go, and come back.
    drop(second);
    let _neighbour = stage.car(2);
    drop(first);
    while !matches!(stage.next_news(), (left, Change::Disconnected { .. }) if left == vehicle(1)) {}
    let mut first = stage.listening(1);
    let mut second = self::second(&stage, stage.phone());
    assert_eq!(first.hear(), "publish ping 8");
    let mut car = self::second(&stage, stage.phone_elsewhere());
    assert_eq!((second.hear().as_str(), second.hear().as_str()), ("connack 89", "end"));
    drop(first);
    assert_eq!(car.hear(), "connack 00");
    check_works(&mut car);
}

#[test]
fn more_networks_than_a_car_is_in_are_a_clone_that_is_told_of_once() {
    let mut stage = patient();
    let mut first = stage.listening(1);
    let mut second = second(&stage, stage.phone());
    assert_eq!(first.hear(), "publish ping 8");
    for number in 1..=8 {
        let mut other = self::second(&stage, stage.phone_at(number));
        assert_eq!(other.hear(), "connack 89");
    }
    let mut ninth = self::second(&stage, stage.phone_at(9));
    assert_eq!(ninth.hear(), "connack 87");
    assert_eq!((first.hear().as_str(), second.hear().as_str()), ("disconnect 87", "connack 87"));
    assert_eq!((first.hear().as_str(), second.hear().as_str()), ("end", "end"));
    let seen = stage.next_clone();
    let networks = seen.networks.map(|(one, other)| (one.to_string(), other.to_string()));
    assert_eq!(seen.reason, Reason::TwoPlaces);
    assert_eq!(networks, Some(("127.0.0.0/24".to_owned(), "127.0.9.0/24".to_owned())));
    assert_eq!(stage.gateway.metrics().clones, 1);
}

/// What the copy gains by being faster than the car's answer.
#[test]
fn many_newcomers_do_not_make_an_answer_count_for_nothing() {
    let stage = patient();
    let mut first = stage.listening(1);
    let mut waiting = second(&stage, stage.phone_elsewhere());
    for _ in 0..5 {
        let mut next = second(&stage, stage.phone_elsewhere());
        assert_eq!(next.hear(), "connack 89");
    }
    first.answer();
    assert_eq!((first.hear().as_str(), waiting.hear().as_str()), ("disconnect 87", "connack 87"));
    assert_eq!(stage.gateway.metrics().clones, 1);
}

/// Otherwise a copy could look each minute whether the car is there.
#[test]
fn a_second_connection_that_hangs_up_before_the_answer_is_known_by_it() {
    let mut stage = patient();
    let mut first = stage.listening(1);
    let second = second(&stage, stage.phone_elsewhere());
    assert_eq!(first.hear(), "publish ping 8");
    drop(second);
    // Another car's coming and going tells that the gateway has seen the end.
    let _neighbour = stage.car(2);
    first.answer_ping();
    assert_eq!((first.hear().as_str(), first.hear().as_str()), ("disconnect 87", "end"));
    let seen = stage.next_clone();
    assert_eq!((seen.vehicle, seen.reason), (vehicle(1), Reason::TwoPlaces));
}

#[test]
fn a_first_connection_that_subscribes_later_is_asked_then() {
    let mut stage = patient();
    let mut first = stage.car(1);
    let mut second = second(&stage, stage.phone_elsewhere());
    first.subscribe();
    assert_eq!(first.hear(), "suback");
    first.answer();
    assert_eq!((first.hear().as_str(), second.hear().as_str()), ("disconnect 87", "connack 87"));
    assert_eq!(stage.next_clone().reason, Reason::TwoPlaces);
}

#[test]
fn a_queue_that_goes_back_is_told_of_and_two_that_go_on_are_a_clone() {
    let mut stage = Stage::new();
    let mut car = stage.car(1);
    for (id, seq) in [(1, 1_000), (2, 400), (3, 1_001)] {
        car.publish(Lane::Live, id, &batch(seq));
        assert_eq!(car.hear(), format!("puback {id} 00"));
    }
    let seen = stage.next_suspicion();
    assert_eq!((seen.reason, seen.networks), (Reason::WentBack, None));
    // What shows it is not acknowledged: it stays in the car's queue.
    car.publish(Lane::Live, 4, &batch(401));
    assert_eq!((car.hear().as_str(), car.hear().as_str()), ("disconnect 87", "end"));
    assert_eq!(stage.next_clone().reason, Reason::WentBack);
}

#[test]
fn a_queue_is_known_over_connections() {
    let mut stage = Stage::new();
    let mut car = stage.car(1);
    assert_eq!(stage.next_news(), (vehicle(1), Change::Connected));
    for (id, seq) in (1..=20).zip(100..) {
        car.publish(Lane::Live, id, &batch(seq));
        assert_eq!(car.hear(), format!("puback {id} 00"));
    }
    drop(car);
    let change = Change::Disconnected { cause: Cause::Lost, with_will: false };
    assert_eq!(stage.next_news(), (vehicle(1), change));
    let mut car = stage.car(1);
    // What was not answered comes again, and is known.
    for (id, seq) in (1..=15).zip(110..) {
        car.publish(Lane::Live, id, &batch(seq));
        assert_eq!(car.hear(), format!("puback {id} 00"));
    }
    assert_eq!(stage.gateway.metrics().suspicions, 0);
    let forked = batch_with(&wire::BatchMeta { version: CampaignVersion(2), ..header(105) });
    car.publish(Lane::Live, 1, &forked);
    assert_eq!(car.hear(), "puback 1 00");
    assert_eq!(stage.next_suspicion().reason, Reason::Forked);
}

#[test]
fn suspicions_that_nobody_takes_hold_up_no_clone_and_no_car() {
    let mut stage = Stage::new();
    let cars = u8::try_from(SUSPICIONS_MAX).unwrap() + 5;
    for number in 1..=cars {
        let mut car = stage.car(number);
        for (id, seq) in [(1, 1_000), (2, 400), (3, 1_001)] {
            car.publish(Lane::Live, id, &batch(seq));
            assert_eq!(car.hear(), format!("puback {id} 00"));
        }
        if number == cars {
            car.publish(Lane::Live, 4, &batch(401));
            assert_eq!(car.hear(), "disconnect 87");
        }
    }
    assert_eq!(stage.next_clone().vehicle, vehicle(cars));
    assert_eq!(stage.suspicions_left().len(), SUSPICIONS_MAX);
    let metrics = stage.gateway.metrics();
    assert_eq!((metrics.suspicions, metrics.suspicions_lost), (u64::from(cars), 5));
    check_works(&mut stage.car(100));
}
