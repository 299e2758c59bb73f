use proptest::prelude::*;

use crate::{ByteOrder, CanId, Error, Message, NoSeal, Number, Seal, Selector, Signal, SignalCoding};

fn signal(name: &str, start_bit: u16, length: u8) -> Signal {
    let order = ByteOrder::LittleEndian;
    Signal::new(name, SignalCoding::new(start_bit, length, order, Number::Unsigned, 1.0, 0.0).unwrap())
}

fn when(signal: Signal, multiplexor: usize, values: &[std::ops::RangeInclusive<u64>]) -> Signal {
    Signal { selector: Some(Selector { signal: multiplexor, values: values.to_vec() }), ..signal }
}

fn message(len: usize, signals: Vec<Signal>) -> Result<Message, Error> {
    Message::new(CanId::standard(0x123).unwrap(), "M", len, signals)
}

/// `mode` selects `low` (0) or `high` (1..=3); `page`, within mode 2..=5, selects `deep` (7).
fn multiplexed() -> Message {
    message(
        8,
        vec![
            signal("mode", 0, 4),
            when(signal("low", 8, 8), 0, &[0..=0]),
            when(signal("high", 8, 8), 0, &[1..=3]),
            when(signal("page", 4, 4), 0, &[2..=5]),
            when(signal("deep", 16, 8), 3, &[7..=7]),
            signal("always", 56, 8),
        ],
    )
    .unwrap()
}

fn decoded(message: &Message, data: &[u8]) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    message.decode(data, |decoded| {
        found.push((message.signals()[decoded.signal].name.to_string(), decoded.value));
    });
    found
}

#[track_caller]
fn check(data: &[u8], expected: &[(&str, f64)]) {
    let message = multiplexed();
    let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    assert_eq!(decoded(&message, data), expected);
    for index in 0..message.signals().len() {
        let name = message.signals()[index].name.to_string();
        let one = message.decode_signal(index, data).map(|decoded| (name.clone(), decoded.value));
        assert_eq!(one, expected.iter().find(|(other, _)| *other == name).cloned());
    }
}

#[test]
fn only_selected_signals_are_decoded() {
    check(&[0x00, 9, 5, 0, 0, 0, 0, 1], &[("mode", 0.0), ("low", 9.0), ("always", 1.0)]);
    check(&[0x71, 9, 5, 0, 0, 0, 0, 1], &[("mode", 1.0), ("high", 9.0), ("always", 1.0)]);
    check(
        &[0x72, 9, 5, 0, 0, 0, 0, 1],
        &[("mode", 2.0), ("high", 9.0), ("page", 7.0), ("deep", 5.0), ("always", 1.0)],
    );
    check(&[0x64, 9, 5, 0, 0, 0, 0, 1], &[("mode", 4.0), ("page", 6.0), ("always", 1.0)]);
    check(&[0x0f, 9, 5, 0, 0, 0, 0, 1], &[("mode", 15.0), ("always", 1.0)]);
}

#[test]
fn a_short_payload_gives_the_signals_that_it_holds() {
    check(&[0x00, 9], &[("mode", 0.0), ("low", 9.0)]);
    check(&[], &[]);
}

#[test]
fn signals_of_fd_frames_are_decoded_too() {
    let message =
        message(64, vec![signal("near", 0, 8), signal("far", 500, 12), signal("across", 60, 8)]).unwrap();
    let mut data = [0; 64];
    (data[0], data[62], data[63], data[7], data[8]) = (3, 0x10, 0x80, 0x10, 0x02);
    assert_eq!(
        decoded(&message, &data),
        [("near".into(), 3.0), ("far".into(), f64::from(0x801)), ("across".into(), f64::from(0x21))]
    );
}

#[test]
fn encoding_sets_the_multiplexors_that_the_signals_need() {
    let message = multiplexed();
    let frame = message.encode_named(&[("deep", 5.0), ("high", 9.0), ("always", 1.0)], &mut NoSeal).unwrap();
    assert_eq!(frame.data(), [0x72, 9, 5, 0, 0, 0, 0, 1]);
    let frame = message.encode_named(&[("page", 1.0), ("mode", 5.0)], &mut NoSeal).unwrap();
    assert_eq!(frame.data()[0], 0x15);
}

#[test]
fn signals_that_exclude_each_other_cannot_be_in_one_frame() {
    let message = multiplexed();
    for values in [[("low", 1.0), ("high", 1.0)], [("mode", 4.0), ("high", 1.0)]] {
        let error = message.encode_named(&values, &mut NoSeal).unwrap_err();
        assert!(matches!(error, Error::Multiplex { .. }), "{error}");
    }
}

#[test]
fn encoding_names_the_signal_that_it_refuses() {
    let message = multiplexed();
    let error = message.encode_named(&[("always", 256.0)], &mut NoSeal).unwrap_err();
    assert_eq!(
        error.to_string(),
        "message `M`, signal `always`: 256 does not fit the signal, which takes 0 to 255"
    );
    let error = message.encode_named(&[("none", 0.0)], &mut NoSeal).unwrap_err();
    assert_eq!(error.to_string(), "message `M` has no signal `none`");
}

#[test]
fn a_seal_sees_the_values_and_ends_the_frame() {
    struct Sum(u8);
    impl Seal for Sum {
        fn seal(&mut self, _message: &Message, data: &mut [u8]) {
            self.0 += 1;
            data[0] = self.0;
            data[2] = data.iter().fold(0, |sum, byte| sum ^ byte);
        }
    }
    let message = message(3, vec![signal("value", 8, 8)]).unwrap();
    let mut seal = Sum(0);
    assert_eq!(message.encode(&[(0, 5.0)], &mut seal).unwrap().data(), [1, 5, 4]);
    assert_eq!(message.encode(&[(0, 5.0)], &mut seal).unwrap().data(), [2, 5, 7]);
}

#[test]
fn a_long_message_gets_a_length_that_can_fd_has() {
    for (len, expected) in [(8, 8), (9, 12), (21, 24), (25, 32), (33, 48), (49, 64)] {
        let message = message(len, vec![signal("value", 0, 8)]).unwrap();
        assert_eq!(message.encode(&[(0, 1.0)], &mut NoSeal).unwrap().data().len(), expected);
    }
}

#[test]
fn layouts_that_make_no_sense_are_refused() {
    let float = SignalCoding::new(0, 32, ByteOrder::LittleEndian, Number::Float32, 1.0, 0.0).unwrap();
    for signals in [
        vec![signal("a", 0, 8), signal("a", 8, 8)],
        vec![when(signal("a", 0, 8), 0, &[0..=0])],
        vec![when(signal("a", 0, 8), 1, &[0..=0]), when(signal("b", 8, 8), 0, &[0..=0])],
        vec![when(signal("a", 0, 8), 7, &[0..=0])],
        vec![Signal::new("f", float), when(signal("a", 32, 8), 0, &[0..=0])],
    ] {
        assert!(matches!(message(8, signals), Err(Error::Message { .. })));
    }
    assert!(message(65, vec![]).is_err());
}

proptest! {
    #[test]
    fn any_payload_decodes_without_harm(data in proptest::collection::vec(any::<u8>(), 0..80)) {
        let message = multiplexed();
        let mut count = 0;
        message.decode(&data, |_| count += 1);
        prop_assert!(count <= message.signals().len());
    }

    #[test]
    fn what_a_frame_says_encodes_to_a_frame_that_says_it(data in any::<[u8; 8]>()) {
        let message = multiplexed();
        let mut values = Vec::new();
        message.decode(&data, |decoded| values.push((decoded.signal, decoded.value)));
        let frame = message.encode(&values, &mut NoSeal).unwrap();
        let mut again = Vec::new();
        message.decode(frame.data(), |decoded| again.push((decoded.signal, decoded.value)));
        // Signals that share bits may be more in the encoded frame, never other ones.
        prop_assert_eq!(values, again);
    }
}
