use std::time::Duration;

use super::{messages_for, since};

#[test]
fn a_measurement_sends_what_its_span_allows_and_never_nothing() {
    let messages =
        |took_ms, span_s| messages_for(20, Duration::from_millis(took_ms), Duration::from_secs(span_s));
    assert_eq!(messages(500, 10), 400);
    assert_eq!(messages(60_000, 10), 20);
}

#[test]
fn cpu_time_is_counted_from_the_start_of_the_clock() {
    let ms = Duration::from_millis;
    let spent = since(&vec![("a", ms(10)), ("b", ms(5))], vec![("a", ms(25)), ("b", ms(5)), ("c", ms(1))]);
    assert_eq!(spent, [("a", ms(15)), ("b", ms(0)), ("c", ms(1))]);
}
