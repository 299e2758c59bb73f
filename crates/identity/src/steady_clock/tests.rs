use super::*;

const NOW: Timestamp = Timestamp(1_000_000_000_000);

fn later(secs: i64) -> Timestamp {
    NOW + Micros::from_secs(secs)
}

#[test]
fn it_goes_on_where_the_clock_was_set_back() {
    let mut clock = SteadyClock::default();
    assert_eq!(clock.read(later(1_000)), later(1_000));
    assert_eq!(clock.read(NOW), later(1_000));
    assert_eq!(clock.read(later(5)), later(1_005));
    assert_eq!(clock.shown_at(later(1_010)), later(10));
    assert_eq!(clock.read(later(-100)), later(1_005));
}

#[test]
fn calls_out_of_order_do_not_put_it_ahead() {
    let mut clock = SteadyClock::default();
    for number in 0..1_000 {
        let at = later(number);
        assert_eq!(clock.read(at), at);
        assert_eq!(clock.read(at - Micros::from_millis(900)), at);
    }
}
