use super::*;

fn broker() -> Broker {
    Broker::new(Catalogue::core(), crate::testcloud::still_clock)
}

fn id(path: &str) -> SignalId {
    Catalogue::core().by_path(path).unwrap().id
}

fn speed(value: f64, time: i64) -> Sample {
    Sample { signal: id("Vehicle.Speed"), reading: Reading::good(Value::Float(value), Timestamp(time)) }
}

fn values(subscription: &mut Subscription) -> Vec<f64> {
    std::iter::from_fn(|| subscription.try_next())
        .map(|sample| sample.reading.value.unwrap().as_f64().unwrap())
        .collect()
}

#[test]
fn the_latest_value_is_kept() {
    let broker = broker();
    broker.publish_all([speed(1.0, 1), speed(2.0, 2)]);
    assert_eq!(broker.current(id("Vehicle.Speed")), Some(speed(2.0, 2).reading));
}

#[test]
fn a_signal_without_a_source_is_not_available_and_no_error() {
    let reading = broker().current_by_path("Vehicle.Body.Hood.IsOpen").unwrap();
    assert_eq!((reading.quality, reading.value), (Quality::NotAvailable, None));
}

#[test]
fn a_signal_that_the_catalogue_lacks_is_counted_and_dropped() {
    let broker = broker();
    broker.publish(SignalId(1_999), Reading::not_available(Timestamp(1)));
    assert_eq!(broker.counters(), Counters { unknown: 1, ..Counters::default() });
    assert_eq!(broker.current(SignalId(1_999)), None);
}

#[test]
fn a_late_sample_reaches_subscribers_but_not_the_latest_value() {
    let broker = broker();
    let mut subscription = broker.subscribe(&[id("Vehicle.Speed")], Follow::Current, 8);
    broker.publish_all([speed(2.0, 2), speed(1.0, 1)]);
    assert_eq!(broker.current(id("Vehicle.Speed")), Some(speed(2.0, 2).reading));
    assert_eq!(values(&mut subscription), [2.0, 1.0]);
    assert_eq!(broker.counters().out_of_order, 1);
}

#[test]
fn a_subscriber_sees_what_is_known_and_what_comes_of_its_signals_only() {
    let broker = broker();
    broker.publish_all([speed(1.0, 1)]);
    let mut subscription = broker.subscribe(&[id("Vehicle.Speed")], Follow::Current, 8);
    broker.publish(id("Vehicle.AverageSpeed"), Reading::good(Value::Float(9.0), Timestamp(2)));
    broker.publish_all([speed(2.0, 2)]);
    assert_eq!(values(&mut subscription), [1.0, 2.0]);
}

#[test]
fn a_slow_subscriber_loses_its_oldest_samples_and_nobody_elses() {
    let broker = broker();
    let mut slow = broker.subscribe(&[id("Vehicle.Speed")], Follow::Current, 2);
    let mut quick = broker.subscribe(&[id("Vehicle.Speed")], Follow::Current, 8);
    broker.publish_all((1_i32..=5).map(|n| speed(f64::from(n), i64::from(n))));
    assert_eq!((values(&mut slow), slow.dropped()), (vec![4.0, 5.0], 3));
    assert_eq!((values(&mut quick).len(), quick.dropped()), (5, 0));
}

#[test]
fn a_dropped_subscription_is_forgotten() {
    let broker = broker();
    drop(broker.subscribe(&[id("Vehicle.Speed")], Follow::Current, 2));
    broker.publish_all([speed(1.0, 1)]);
    let state = broker.lock();
    assert!(
        state.slots.iter().all(|slot| slot.extra.as_ref().is_none_or(|extra| extra.followers.is_empty()))
    );
}

#[test]
fn only_actuators_take_targets_and_only_values_that_fit() {
    let broker = broker();
    let window = id("Vehicle.Cabin.Door.Row1.DriverSide.Window.Position");
    let mut subscription = broker.subscribe(&[window], Follow::Target, 2);
    broker.set_target(window, Value::Uint(50), Timestamp(1)).unwrap();
    assert_eq!(broker.target(window), Some(Reading::good(Value::Uint(50), Timestamp(1))));
    assert_eq!(broker.current(window).unwrap().quality, Quality::NotAvailable);
    assert_eq!(values(&mut subscription), [50.0]);
    let over = broker.set_target(window, Value::Uint(101), Timestamp(2));
    assert!(matches!(over, Err(TargetError::OutOfRange(_))), "{over:?}");
    let sensor = broker.set_target(id("Vehicle.Speed"), Value::Float(1.0), Timestamp(2));
    assert!(matches!(sensor, Err(TargetError::NotAnActuator(_))), "{sensor:?}");
}

#[test]
fn values_of_a_source_that_ended_become_stale_and_keep_their_value() {
    let broker = broker();
    broker.publish_all([speed(1.0, 1)]);
    broker.mark_stale([id("Vehicle.Speed"), id("Vehicle.AverageSpeed")], Timestamp(9));
    let reading = broker.current(id("Vehicle.Speed")).unwrap();
    assert_eq!((reading.quality, reading.value), (Quality::Stale, Some(Value::Float(1.0))));
    assert_eq!(broker.current(id("Vehicle.AverageSpeed")).unwrap().quality, Quality::NotAvailable);
}

#[tokio::test]
async fn a_waiting_subscriber_is_woken() {
    let broker = broker();
    let mut subscription = broker.subscribe(&[id("Vehicle.Speed")], Follow::Current, 8);
    let (sample, ()) = tokio::join!(subscription.next(), async { broker.publish_all([speed(7.0, 7)]) });
    assert_eq!(sample, speed(7.0, 7));
}

#[test]
fn an_idle_car_holds_little_memory() {
    assert!(size_of::<Slot>() <= 56, "{}", size_of::<Slot>());
}
