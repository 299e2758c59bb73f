use super::*;

#[test]
fn a_publish_is_visible_with_the_first_event_received_after_it() {
    let probe = Probe::default();
    probe.published("car", Timestamp(1_000));
    probe.published("car", Timestamp(900_000));
    probe.seen("car", Timestamp(2_000), Timestamp(6_000));
    assert_eq!(probe.quantiles([0.5, 0.99]), Some([5.0, 5.0]));
    assert_eq!(probe.measured(), 1);
    probe.seen("other", Timestamp(i64::MAX), Timestamp(i64::MAX));
    assert_eq!(probe.measured(), 1);
}

#[test]
fn an_event_tells_when_its_newest_reading_was_received() {
    let event = "event: signals\ndata: {\"items\":[{\"receive_time\":\"1970-01-01T00:00:01Z\"},{\"receive_time\":\"1970-01-01T00:00:02.5Z\"}]}";
    assert_eq!(newest_receive_time(event), Some(Timestamp(2_500_000)));
    assert_eq!(newest_receive_time(": keep-alive"), None);
}

#[test]
fn nothing_measured_gives_no_figure() {
    assert_eq!(Probe::default().quantiles([0.5, 0.99]), None);
}
