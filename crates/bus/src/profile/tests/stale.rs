use model::Micros;
use signals::Quality;

use super::*;

fn qualities(samples: &[Sample], signal: SignalId) -> Vec<(Quality, Option<f64>)> {
    let of = samples.iter().filter(|sample| sample.signal == signal);
    of.map(|sample| (sample.reading.quality, sample.reading.value.as_ref().and_then(Value::as_f64))).collect()
}

#[test]
fn a_silent_frame_makes_its_signals_stale_once() {
    for name in ["ram-hd", "zonal"] {
        let profile = Profile::builtin(name).unwrap();
        let speed = id(&profile, "Vehicle.Speed");
        let mut decoder = profile.decoder();
        let messages = profile.encoder().encode(&[(speed, Value::Float(50.0))], Timestamp(0));
        let mut samples = decode(&mut decoder, &messages);
        let deadline = decoder.next_deadline().unwrap();
        decoder.poll(deadline - Micros(1), &mut |sample| samples.push(sample));
        assert_eq!(qualities(&samples, speed), [(Quality::Good, Some(50.0))], "{name}");
        decoder.poll(deadline, &mut |sample| samples.push(sample));
        decoder.poll(deadline + Micros::SECOND, &mut |sample| samples.push(sample));
        let expected = [(Quality::Good, Some(50.0)), (Quality::Stale, Some(50.0))];
        assert_eq!(qualities(&samples, speed), expected, "{name}");
    }
}

#[test]
fn a_frame_that_comes_back_is_good_again() {
    let profile = Profile::builtin("ram-hd").unwrap();
    let speed = id(&profile, "Vehicle.Speed");
    let (mut decoder, mut encoder) = (profile.decoder(), profile.encoder());
    let mut samples = decode(&mut decoder, &encoder.encode(&[(speed, Value::Float(50.0))], Timestamp(0)));
    decoder.poll(Timestamp::from_millis(60_000), &mut |sample| samples.push(sample));
    let later = encoder.encode(&[(speed, Value::Float(51.0))], Timestamp::from_millis(60_001));
    samples.extend(decode(&mut decoder, &later));
    let got: Vec<_> = qualities(&samples, speed).into_iter().map(|(quality, _)| quality).collect();
    assert_eq!(got, [Quality::Good, Quality::Stale, Quality::Good]);
}

#[test]
fn a_service_of_several_datagrams_grows_stale_as_a_whole() {
    let profile = Profile::builtin("zonal").unwrap();
    let service = profile.services().iter().find(|service| service.leaves.len() > 1).unwrap();
    let leaves: Vec<_> =
        service.leaves.iter().filter(|leaf| leaf.limits.allowed.is_empty()).take(2).collect();
    let [first, second] = leaves[..] else { panic!("two leaves were expected") };
    let mut decoder = profile.decoder();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for leaf in [first, second] {
        let value = plausible(leaf, runner.rng());
        let messages = profile.encoder().encode(&[(leaf.id, value)], Timestamp(0));
        decode(&mut decoder, &messages);
    }
    let mut stale = Vec::new();
    decoder.poll(Timestamp::from_millis(600_000), &mut |sample| stale.push(sample.signal));
    assert!(stale.contains(&first.id) && stale.contains(&second.id), "{stale:?}");
}

#[test]
fn an_expression_waits_until_each_input_was_seen_and_grows_stale_with_them() {
    let text = r#"
        [profile]
        name = "test"
        title = "Test"
        description = "A test."
        [[frame]]
        id = 1
        name = "A"
        origin = "marque"
        length = 1
        cycle_ms = 100
        [frame.signals]
        S = { bits = "7|8@0+" }
        [[frame]]
        id = 2
        name = "B"
        origin = "marque"
        length = 1
        cycle_ms = 100
        [frame.signals]
        S = { bits = "7|8@0+" }
        [map]
        "Vehicle.Speed" = "A.S + B.S / 100"
        [encode]
        "A.S" = "floor(Vehicle.Speed)"
        "B.S" = "(Vehicle.Speed - floor(Vehicle.Speed)) * 100"
    "#;
    let profile = Arc::new(Profile::parse(text, &signals::Catalogue::core()).unwrap());
    let speed = id(&profile, "Vehicle.Speed");
    let messages = profile.encoder().encode(&[(speed, Value::Float(88.25))], Timestamp(0));
    let [a, b] = messages.as_slice() else { panic!("two frames were expected") };
    let mut decoder = profile.decoder();
    let order = [a.clone(), b.clone(), a.clone()];
    let samples = decode(&mut decoder, &order);
    // The first input's frame makes it speak.
    assert_eq!(qualities(&samples, speed), [(Quality::Good, Some(88.25))]);

    // A computed value grows stale and stays, as one that is read does.
    let mut stale = Vec::new();
    decoder.poll(Timestamp::from_millis(60_000), &mut |sample| stale.push(sample));
    assert_eq!(qualities(&stale, speed).last(), Some(&(Quality::Stale, Some(88.25))));
    assert!(qualities(&stale, speed).iter().all(|(_, value)| *value == Some(88.25)));
}
