//! What the simulator's encoders write, the car's decoders read: for each mapped signal of each architecture.

use std::collections::BTreeMap;

use model::Micros;
use proptest::test_runner::{RngAlgorithm, TestRunner};
use signals::{Quality, Reading};

use super::*;
use crate::{
    CanFrame,
    profile::{encode_rule::Recipe, route::Convert},
};

/// The last reading of each signal.
fn readings(samples: Vec<Sample>) -> BTreeMap<SignalId, Reading> {
    samples.into_iter().map(|sample| (sample.signal, sample.reading)).collect()
}

fn everything(profile: &Arc<Profile>, values: &BTreeMap<SignalId, Value>) -> Vec<BusMessage> {
    let mut encoder = profile.encoder();
    for (signal, value) in values {
        encoder.set(*signal, Some(value.clone()));
    }
    let mut messages = Vec::new();
    encoder.poll(Timestamp(1_000), Micros::ZERO, &mut |message| messages.push(message));
    messages
}

/// How far two decoded values of a leaf may differ: a step of the source, and one of the leaf.
fn tolerance(profile: &Profile, leaf: &Leaf) -> f64 {
    let whole = match leaf.data_type {
        DataType::Scalar(ScalarType::Float | ScalarType::Double) => 0.0,
        DataType::Scalar(_) | DataType::Array(_) => 1.0,
    };
    profile.resolution(leaf.id).unwrap_or(0.0).max(0.051) + whole
}

fn assert_near(profile: &Profile, signal: SignalId, expected: &Value, got: &Value) {
    let leaf = profile.catalogue().by_id(signal).unwrap();
    let near = match (expected.as_f64(), got.as_f64()) {
        (Some(expected), Some(got)) => {
            (expected - got).abs() <= tolerance(profile, leaf).max(expected.abs() * 1e-6)
        }
        (Some(_), None) | (None, Some(_)) => false,
        (None, None) => expected == got,
    };
    assert!(near, "{}: {} was {expected}, came back as {got}", profile.name(), leaf.path);
}

fn random_frames(profile: &Profile, rng: &mut TestRng) -> Vec<BusMessage> {
    let frame = |(index, message): (usize, &crate::Message)| {
        let mut data = vec![0; message.payload_len()];
        rng.fill_bytes(&mut data);
        let frame = CanFrame::new(message.id(), &data).unwrap();
        BusMessage::Can(frame.on(profile.frames()[index].channel.unwrap_or(0)))
    };
    profile.database().messages().iter().enumerate().map(frame).collect()
}

#[test]
fn any_frames_decode_to_values_that_encode_to_frames_with_the_same_values() {
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for profile in all() {
        for _ in 0..300 {
            let first = readings(decode(&mut profile.decoder(), &random_frames(&profile, &mut rng)));
            let values =
                first.iter().filter_map(|(id, reading)| Some((*id, reading.value.clone()?))).collect();
            let second = readings(decode(&mut profile.decoder(), &everything(&profile, &values)));
            for (signal, value) in &values {
                let Some(got) = second.get(signal).and_then(|reading| reading.value.as_ref()) else {
                    let path = &profile.catalogue().by_id(*signal).unwrap().path;
                    panic!("{}: {path} = {value} was lost", profile.name());
                };
                assert_near(&profile, *signal, value, got);
            }
        }
    }
}

proptest! {
    #[test]
    fn each_signal_that_one_source_says_comes_back_within_half_a_step(share in 0.0..1.0_f64) {
        for profile in all() {
            for rule in &profile.resolved.rules {
                let Recipe::Inverse { route, .. } = &rule.recipe else { continue };
                let route = &profile.resolved.routes[*route];
                let Convert::Linear(conversion) = &route.convert else { continue };
                let coding = &profile.database().messages()[rule.source.frame].signals()[rule.source.signal].coding;
                let (a, b) = coding.range();
                let (a, b) = (conversion.apply(a), conversion.apply(b));
                let low = a.min(b).max(route.leaf.limits.min.unwrap_or(f64::MIN));
                let high = a.max(b).min(route.leaf.limits.max.unwrap_or(f64::MAX));
                let reading = route.leaf.read_number(low + (high - low) * share, Timestamp(0));
                let value = reading.value.unwrap();
                let messages = profile.encoder().encode(&[(route.leaf.id, value.clone())], Timestamp(0));
                let decoded = readings(decode(&mut profile.decoder(), &messages));
                let got = decoded[&route.leaf.id].value.clone();
                prop_assert!(got.is_some(), "{}: {} = {value} was lost", profile.name(), route.leaf.path);
                let error = (value.as_f64().unwrap() - got.unwrap().as_f64().unwrap()).abs();
                let step = route.resolution(coding);
                let whole = if matches!(value, Value::Float(_)) { 0.0 } else { 0.5 };
                // Next to the reserved number the nearest that is left may be a step and a half away.
                let reserved = if (0.01..0.99).contains(&share) && coding.length() > 3 { 0.5 } else { 1.5 };
                prop_assert!(
                    error <= step * reserved + whole + 1e-6,
                    "{}: {} = {value} is off by {error}, a step is {step}", profile.name(), route.leaf.path
                );
            }
        }
    }

    #[test]
    fn a_zonal_car_sends_each_value_exactly(seed in any::<[u8; 32]>()) {
        let profile = Profile::builtin("zonal").unwrap();
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let values: BTreeMap<_, _> = profile
            .signals()
            .map(|(signal, _)| (signal, plausible(profile.catalogue().by_id(signal).unwrap(), &mut rng)))
            .collect();
        let decoded = readings(decode(&mut profile.decoder(), &everything(&profile, &values)));
        prop_assert_eq!(decoded.len(), values.len());
        for (signal, value) in &values {
            prop_assert_eq!(decoded[signal].value.as_ref(), Some(value));
        }
    }

    #[test]
    fn no_frame_makes_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..=8)) {
        for profile in all() {
            let mut decoder = profile.decoder();
            for message in profile.database().messages() {
                let frame = CanFrame::new(message.id(), &bytes).unwrap();
                decoder.handle_frame(&frame, &mut |_| ());
            }
        }
    }

    #[test]
    fn no_datagram_makes_a_decoder_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let profile = Profile::builtin("zonal").unwrap();
        let mut decoder = profile.decoder();
        let _refused = decoder.handle_datagram(&bytes, Timestamp(0), &mut |_| ());
        // A real one, with a byte changed, or cut, or with odd bytes behind its head.
        let speed = id(&profile, "Vehicle.Speed");
        let real = profile.encoder().encode(&[(speed, Value::Float(50.0))], Timestamp(0));
        let [BusMessage::Datagram(real)] = real.as_slice() else { panic!("a datagram was expected") };
        let at = at.index(real.len());
        let mut changed = real.clone();
        changed[at] = value;
        let mut odd = real[..at].to_vec();
        odd.extend(&bytes);
        for bytes in [&changed[..], &real[..at], &odd] {
            let _refused = decoder.handle_datagram(bytes, Timestamp(0), &mut |_| ());
        }
    }
}

#[test]
fn every_actuator_takes_a_target_and_the_control_unit_reads_it() {
    let mut runner = TestRunner::deterministic();
    let mut seen = 0;
    for profile in all() {
        for leaf in profile.actuators() {
            let value = match &*leaf.path {
                path if path.ends_with(".Temperature") => Value::Float(21.5),
                _ => plausible(leaf, runner.rng()),
            };
            let message = profile.target(leaf.id, &value, Timestamp(7)).unwrap();
            let mut targets = Vec::new();
            profile.read_targets(&message, &mut |sample| targets.push(sample)).unwrap();
            assert_eq!(targets.len(), 1, "{}: {} speaks of others", profile.name(), leaf.path);
            assert_eq!(targets[0].signal, leaf.id);
            assert_near(&profile, leaf.id, &value, targets[0].reading.value.as_ref().unwrap());
            seen += 1;
        }
    }
    assert!(seen > 30);
}

#[test]
fn a_target_that_no_command_takes_is_refused_by_path() {
    let profile = Profile::builtin("opel-gm-legacy").unwrap();
    let limit = id(&profile, "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit");
    let error = profile.target(limit, &Value::Uint(80), Timestamp(0)).unwrap_err().to_string();
    assert!(error.contains("ChargeLimit` cannot be set"), "{error}");
}

#[test]
fn the_code_for_no_value_reads_as_not_available() {
    let profile = Profile::builtin("psa-aee2010").unwrap();
    let engine = profile.database().message_named("Dyn_CMM").unwrap();
    let frame = CanFrame::new(engine.id(), &[0xff; 8]).unwrap().at(Timestamp(3));
    let samples = decode(&mut profile.decoder(), &[BusMessage::Can(frame)]);
    let rpm = id(&profile, "Vehicle.Powertrain.CombustionEngine.Speed");
    let sample = samples.iter().find(|sample| sample.signal == rpm).unwrap();
    assert_eq!(sample.reading, Reading::not_available(Timestamp(3)));
}

#[test]
fn a_value_beyond_the_leaf_s_limits_is_kept_as_out_of_range() {
    let profile = Profile::builtin("fca-giorgio").unwrap();
    let engine = profile.database().message_named("ENGINE_1").unwrap();
    let pedal = id(&profile, "Vehicle.Chassis.Accelerator.PedalPositionFine");
    let mut frame = CanFrame::new(engine.id(), &[0; 8]).unwrap();
    // 254 steps of 0.4 are 101.6 percent.
    let (_, signal) = engine.signal("ACCEL_PEDAL").unwrap();
    signal.coding.set_raw(frame.data_mut(), 254).unwrap();
    let samples = decode(&mut profile.decoder(), &[BusMessage::Can(frame)]);
    let sample = samples.iter().find(|sample| sample.signal == pedal).unwrap();
    assert_eq!(sample.reading.quality, Quality::OutOfRange);
    assert_near(&profile, pedal, &Value::Float(101.6), sample.reading.value.as_ref().unwrap());
}

#[test]
fn a_frame_of_the_same_id_on_another_bus_is_passed_over() {
    let profile = Profile::builtin("fca-pacifica").unwrap();
    let radar = profile.database().message_named("c_1").unwrap();
    let frame = CanFrame::new(radar.id(), &[1; 8]).unwrap();
    assert!(decode(&mut profile.decoder(), &[BusMessage::Can(frame.on(0))]).is_empty());
    assert_eq!(decode(&mut profile.decoder(), &[BusMessage::Can(frame.on(1))]).len(), 1);
}

#[test]
fn counters_count_the_frames_of_their_id() {
    let profile = Profile::builtin("ram-dt").unwrap();
    let mut encoder = profile.encoder();
    let speed = id(&profile, "Vehicle.Speed");
    let esp = profile.database().message_named("ESP_8").unwrap();
    let (counter, _) = esp.signal("COUNTER").unwrap();
    let mut counts = Vec::new();
    for _ in 0..18 {
        for message in encoder.encode(&[(speed, Value::Float(50.0))], Timestamp(0)) {
            let BusMessage::Can(frame) = message else { panic!("a CAN frame was expected") };
            counts.push(esp.decode_signal(counter, frame.data()).unwrap().raw);
        }
    }
    assert_eq!(counts, (0..18).map(|count| count % 16).collect::<Vec<_>>());
}

#[test]
fn frames_come_at_their_cycle_but_not_more_often_than_allowed() {
    let profile = Profile::builtin("ram-dt").unwrap();
    let mut encoder = profile.encoder();
    encoder.set(id(&profile, "Vehicle.Speed"), Some(Value::Float(50.0)));
    let mut times = Vec::new();
    for tick in 0..100 {
        let now = Timestamp::from_millis(tick * 10);
        encoder.poll(now, Micros::from_millis(100), &mut |message| {
            let BusMessage::Can(frame) = message else { panic!("a CAN frame was expected") };
            times.push(frame.time.as_millis());
        });
    }
    assert_eq!(times, (0..10).map(|tick| tick * 100).collect::<Vec<_>>());
}
