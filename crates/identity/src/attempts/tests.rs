use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_000_000_000_000);

const HOME: &str = "192.0.2.0/24";

fn ann() -> Key {
    Key::identity("ann@example.org", HOME)
}

fn home() -> Key {
    Key::address("192.0.2.7".parse().unwrap())
}

fn later(secs: i64) -> Timestamp {
    NOW + Micros::from_secs(secs)
}

fn attempts() -> Attempts {
    Attempts::new(Limits::SIGN_IN)
}

fn goes(attempts: &mut Attempts, keys: &[Key], now: Timestamp) -> bool {
    matches!(attempts.ask(keys, now), Verdict::Go { .. })
}

fn fail(attempts: &mut Attempts, keys: &[Key], times: u32, now: Timestamp) {
    (0..times).for_each(|_| attempts.failed(keys, now));
}

#[test]
fn tries_are_counted_in_a_window() {
    let mut attempts = attempts();
    for left in (0..10).rev() {
        let quota = Quota { limit: 10, window_s: 60, remaining: left, reset_s: 60 };
        assert_eq!(attempts.ask(&[ann(), home()], NOW), Verdict::Go { quota });
    }
    let quota = Quota { limit: 10, window_s: 60, remaining: 0, reset_s: 50 };
    let why = WaitReason::Rate;
    let verdict = Verdict::Wait { quota, retry_after_s: 50, why };
    assert_eq!(attempts.ask(&[ann(), home()], later(10)), verdict);
    assert!(goes(&mut attempts, &[ann(), home()], later(60)));
}

#[test]
fn one_who_waits_costs_the_address_nothing() {
    let mut attempts = attempts();
    for _ in 0..1_000 {
        attempts.ask(&[ann(), home()], NOW);
    }
    assert!(goes(&mut attempts, &[Key::identity("bob", HOME), home()], NOW));
}

#[test]
fn wrong_tries_lock_for_longer_and_longer_up_to_a_bound() {
    let mut attempts = attempts();
    fail(&mut attempts, &[ann()], 5, NOW);
    assert!(goes(&mut attempts, &[ann()], NOW));
    let mut now = NOW;
    for expected in [30, 60, 120, 240, 480, 900, 900] {
        attempts.failed(&[ann()], now);
        let Verdict::Wait { retry_after_s, why, .. } = attempts.ask(&[ann()], now) else { panic!("goes") };
        assert_eq!((retry_after_s, why), (expected, WaitReason::Locked));
        now = now + Micros::from_secs(expected.try_into().unwrap());
        assert!(goes(&mut attempts, &[ann()], now));
    }
    fail(&mut attempts, &[ann()], 200, now);
    let Verdict::Wait { retry_after_s, .. } = attempts.ask(&[ann()], now) else { panic!("goes") };
    assert_eq!(retry_after_s, 900);
}

#[test]
fn an_own_account_does_not_clear_the_address() {
    let mut attempts = attempts();
    fail(&mut attempts, &[ann(), home()], 31, NOW);
    attempts.succeeded(&[ann(), home()], NOW);
    assert!(goes(&mut attempts, &[ann()], NOW));
    assert!(!goes(&mut attempts, &[home()], NOW));
}

#[test]
fn a_right_try_costs_none_and_neither_does_one_that_guessed_nothing() {
    let mut attempts = attempts();
    for _ in 0..100 {
        assert!(goes(&mut attempts, &[ann(), home()], NOW));
        attempts.succeeded(&[ann(), home()], NOW);
        assert!(goes(&mut attempts, &[ann(), home()], NOW));
        attempts.give_back(&[ann(), home()], NOW);
    }
}

#[test]
fn a_name_has_tries_of_its_own_in_each_network() {
    assert_eq!(Key::identity("Ann", HOME), Key::identity("ann", HOME));
    assert_ne!(Key::identity("ann", HOME), Key::identity("ann", "192.0.3.0/24"));
    let keys =
        [Key::session("ann"), Key::second_factor("ann"), Key::identity("ann", ""), Key::elsewhere("ann")];
    for (place, key) in keys.iter().enumerate() {
        assert!(!keys[..place].contains(key), "{place}");
    }
}

#[test]
fn a_name_that_is_tried_everywhere_is_slowed_down_and_never_locked() {
    let mut attempts = attempts();
    let anywhere = [Key::elsewhere("ann")];
    for minute in 0..1_000 {
        let now = later(60 * minute);
        for _ in 0..30 {
            assert!(goes(&mut attempts, &anywhere, now), "{minute}");
            fail(&mut attempts, &anywhere, 1, now);
        }
        assert!(!goes(&mut attempts, &anywhere, now));
    }
    assert_eq!(attempts.locked(later(0)).count(), 0);
}

#[test]
fn wrong_tries_are_forgotten_after_a_day() {
    let mut attempts = attempts();
    fail(&mut attempts, &[ann()], 5, NOW);
    attempts.failed(&[ann()], NOW + Micros::DAY);
    assert!(goes(&mut attempts, &[ann()], NOW + Micros::DAY));
}

#[test]
fn a_lock_can_be_seen_and_lifted() {
    let mut attempts = attempts();
    fail(&mut attempts, &[ann()], 6, NOW);
    assert_eq!(attempts.locked(NOW).collect::<Vec<_>>(), [(ann(), later(30))]);
    attempts.clear(ann());
    assert_eq!(attempts.locked(NOW).count(), 0);
    assert!(attempts.is_empty() && goes(&mut attempts, &[ann()], NOW));
}

#[test]
fn memory_is_bounded_and_a_flood_does_not_lift_a_lock() {
    for wrong in 0..=5 {
        let mut attempts = Attempts::new(Limits { keys_max: 100, ..Limits::SIGN_IN });
        fail(&mut attempts, &[ann()], 6, NOW);
        fail(&mut attempts, &[home()], 31, NOW);
        for number in 0..10_000 {
            let stranger = [Key::identity(&number.to_string(), HOME)];
            attempts.ask(&stranger, later(1));
            fail(&mut attempts, &stranger, wrong, later(1));
        }
        assert_eq!(attempts.len(), 100);
        assert!(!goes(&mut attempts, &[ann()], later(1)), "{wrong} wrong tries each");
        assert!(!goes(&mut attempts, &[home()], later(1)), "{wrong} wrong tries each");
    }
}

#[test]
fn the_room_is_full_of_locks_and_the_shortest_goes() {
    let mut attempts = Attempts::new(Limits { keys_max: 3, ..Limits::SIGN_IN });
    fail(&mut attempts, &[ann()], 9, NOW);
    for name in ["bob", "eve", "joe", "kim"] {
        fail(&mut attempts, &[Key::identity(name, HOME)], 7, NOW);
    }
    assert_eq!(attempts.len(), 3);
    assert!(attempts.locked(NOW).any(|(key, _)| key == ann()));
}

#[test]
fn a_clock_that_is_set_back_keeps_nobody_waiting_for_longer() {
    let (mut attempts, year) = (attempts(), Micros(365 * Micros::DAY.0));
    fail(&mut attempts, &[ann()], 6, NOW + year);
    let bob = Key::identity("bob", HOME);
    (0..10).for_each(|_| assert!(goes(&mut attempts, &[bob], NOW + year)));
    for (key, wait) in [(ann(), 30), (bob, 60)] {
        let Verdict::Wait { retry_after_s, .. } = attempts.ask(&[key], NOW) else { panic!("goes") };
        assert_eq!(retry_after_s, wait);
    }
    assert_eq!(attempts.locked(NOW).collect::<Vec<_>>(), [(ann(), later(30))]);
    assert!(goes(&mut attempts, &[ann()], later(30)));
    assert!(goes(&mut attempts, &[bob], later(60)));
    let forgotten = NOW + Micros::DAY;
    attempts.failed(&[ann()], forgotten);
    assert!(goes(&mut attempts, &[ann()], forgotten));
}

#[test]
fn what_does_not_matter_any_more_is_dropped() {
    let mut attempts = attempts();
    for number in 0..1_000 {
        attempts.ask(&[Key::identity(&number.to_string(), HOME)], NOW);
    }
    attempts.ask(&[ann()], later(61));
    assert_eq!(attempts.len(), 1);
}

#[test]
fn an_identity_is_a_name_and_an_address_a_network() {
    assert_eq!(Key::identity(" Ann@Example.org", HOME), ann());
    let key = |text: &str| Key::address(text.parse().unwrap());
    assert_eq!(key("2001:db8:1:2:3::4"), key("2001:db8:1:2:ffff::1"));
    assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    assert_eq!(key("::ffff:192.0.2.7"), home());
}

proptest! {
    #[test]
    fn whatever_happens_the_keys_are_bounded_and_each_has_one_end(
        events in prop::collection::vec((0_u8..4, 0_u8..40, 0_i64..600), 0..400),
    ) {
        let mut attempts = Attempts::new(Limits { keys_max: 20, ..Limits::SIGN_IN });
        let mut now = NOW;
        for (event, name, secs) in events {
            let keys = [Key::identity(&name.to_string(), HOME), home()];
            now = now + Micros::from_secs(secs / 10);
            match event {
                0 => {
                    attempts.ask(&keys, now);
                }
                1 => attempts.failed(&keys, now),
                2 => attempts.succeeded(&keys, now),
                _ => attempts.clear(keys[0]),
            }
            prop_assert!(attempts.entries.len() <= 20);
            prop_assert_eq!(attempts.entries.len(), attempts.ends.len());
            prop_assert_eq!(attempts.entries.len(), attempts.weights.len());
            for (key, entry) in &attempts.entries {
                let end = entry.end(attempts.limits.of(*key));
                prop_assert!(attempts.ends.contains(&(end, *key)));
                let beyond = entry.failures_beyond(attempts.limits.of(*key));
                prop_assert!(attempts.weights.contains(&(beyond, end, *key)));
            }
        }
    }
}
