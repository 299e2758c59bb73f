use proptest::prelude::*;

use crate::{ByteOrder, Error, Number, SignalCoding};

fn coding(start_bit: u16, length: u8, byte_order: ByteOrder, number: Number) -> SignalCoding {
    SignalCoding::new(start_bit, length, byte_order, number, 1.0, 0.0).unwrap()
}

/// Follows the format's rule one bit at a time, from the most significant to the least.
pub(crate) fn bit_by_bit(data: &[u8], start_bit: u16, length: u8, byte_order: ByteOrder) -> Option<u64> {
    let mut positions = Vec::new();
    let mut position = usize::from(start_bit);
    for _ in 0..length {
        positions.push(position);
        position = match byte_order {
            ByteOrder::LittleEndian => position + 1,
            ByteOrder::BigEndian if position % 8 == 0 => position + 15,
            ByteOrder::BigEndian => position - 1,
        };
    }
    if byte_order == ByteOrder::LittleEndian {
        positions.reverse();
    }
    let mut value = 0;
    for position in positions {
        value = value << 1 | u64::from(data.get(position / 8)? >> (position % 8) & 1);
    }
    Some(value)
}

#[test]
fn bits_are_taken_in_both_byte_orders() {
    let data = [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0];
    let bits = |start, length, order| coding(start, length, order, Number::Unsigned).bits(&data).unwrap();
    assert_eq!(bits(0, 16, ByteOrder::LittleEndian), 0x3412);
    assert_eq!(bits(7, 16, ByteOrder::BigEndian), 0x1234);
    assert_eq!(bits(4, 8, ByteOrder::LittleEndian), 0x41);
    assert_eq!(bits(3, 8, ByteOrder::BigEndian), 0x23);
    assert_eq!(bits(0, 64, ByteOrder::LittleEndian), 0xf0de_bc9a_7856_3412);
    assert_eq!(bits(7, 64, ByteOrder::BigEndian), 0x1234_5678_9abc_def0);
    assert_eq!(bits(63, 1, ByteOrder::BigEndian), 1);
}

#[test]
fn signed_and_float_numbers_are_read_as_such() {
    let signed = coding(0, 12, ByteOrder::LittleEndian, Number::Signed);
    assert_eq!(signed.decode(&[0xff, 0x0f]), Some(-1.0));
    assert_eq!(signed.decode(&[0x00, 0x08]), Some(-2048.0));
    assert_eq!(signed.raw(&[0xfe, 0x0f]).map(u64::cast_signed), Some(-2));
    let single = SignalCoding::new(7, 32, ByteOrder::BigEndian, Number::Float32, 2.0, 1.0).unwrap();
    assert_eq!(single.decode(&1.25_f32.to_be_bytes()), Some(3.5));
    let double = coding(0, 64, ByteOrder::LittleEndian, Number::Float64);
    assert_eq!(double.decode(&(-0.1_f64).to_le_bytes()), Some(-0.1));
}

#[test]
fn a_short_payload_has_no_value() {
    let wide = coding(8, 16, ByteOrder::LittleEndian, Number::Unsigned);
    assert_eq!(wide.decode(&[1, 2]), None);
    assert_eq!(wide.set_raw(&mut [1, 2], 0), Err(Error::Short { needed: 3, len: 2 }));
    assert_eq!(wide.decode(&[1, 2, 3]), Some(f64::from(0x0302)));
}

#[test]
fn codings_that_no_frame_holds_are_refused() {
    let check = |start, length, order, number, factor| {
        assert!(SignalCoding::new(start, length, order, number, factor, 0.0).is_err());
    };
    check(0, 0, ByteOrder::LittleEndian, Number::Unsigned, 1.0);
    check(0, 65, ByteOrder::LittleEndian, Number::Unsigned, 1.0);
    check(511, 2, ByteOrder::LittleEndian, Number::Unsigned, 1.0);
    check(504, 2, ByteOrder::BigEndian, Number::Unsigned, 1.0);
    check(512, 1, ByteOrder::BigEndian, Number::Unsigned, 1.0);
    check(0, 16, ByteOrder::LittleEndian, Number::Float32, 1.0);
    check(0, 32, ByteOrder::LittleEndian, Number::Float64, 1.0);
    check(0, 8, ByteOrder::LittleEndian, Number::Unsigned, 0.0);
    check(0, 8, ByteOrder::LittleEndian, Number::Unsigned, f64::NAN);
}

#[test]
fn values_beyond_the_bits_are_refused_or_saturate() {
    let check = |number, low: f64, high: f64| {
        let coding = SignalCoding::new(0, 8, ByteOrder::LittleEndian, number, 0.5, 10.0).unwrap();
        assert_eq!(coding.range(), (low, high));
        let mut data = [0];
        for (value, expected) in [(low, low), (high, high), (low - 1.0, low), (high + 1.0, high)] {
            assert_eq!(coding.encode(&mut data, value).is_ok(), value == expected, "{value}");
            coding.encode_saturating(&mut data, value).unwrap();
            assert_eq!(coding.decode(&data), Some(expected));
        }
        assert!(coding.encode(&mut data, f64::NAN).is_err());
    };
    check(Number::Unsigned, 10.0, 137.5);
    check(Number::Signed, -54.0, 73.5);
}

#[test]
fn a_negative_factor_turns_the_range_around() {
    let coding = SignalCoding::new(0, 4, ByteOrder::LittleEndian, Number::Unsigned, -2.0, 0.0).unwrap();
    assert_eq!(coding.range(), (-30.0, 0.0));
    let mut data = [0xf0];
    coding.encode_saturating(&mut data, -31.0).unwrap();
    assert_eq!(data, [0xff]);
}

prop_compose! {
    fn any_coding()(
        start_bit in 0_u16..512,
        length in 1_u8..=64,
        big in any::<bool>(),
        number in prop_oneof![
            Just(Number::Unsigned), Just(Number::Signed), Just(Number::Float32), Just(Number::Float64),
        ],
        factor in prop_oneof![Just(1.0), Just(-0.25), Just(0.1)],
        offset in prop_oneof![Just(0.0), Just(-40.0)],
    ) -> Option<SignalCoding> {
        let byte_order = if big { ByteOrder::BigEndian } else { ByteOrder::LittleEndian };
        let length = match number {
            Number::Unsigned | Number::Signed => length,
            Number::Float32 => 32,
            Number::Float64 => 64,
        };
        SignalCoding::new(start_bit, length, byte_order, number, factor, offset).ok()
    }
}

proptest! {
    #[test]
    fn bits_agree_with_following_them_one_by_one(
        coding in any_coding().prop_filter_map("placed", |coding| coding),
        data in proptest::collection::vec(any::<u8>(), 0..=64),
    ) {
        let reference = bit_by_bit(&data, coding.start_bit(), coding.length(), coding.byte_order());
        prop_assert_eq!(coding.bits(&data), reference);
    }

    #[test]
    fn what_is_written_is_read_and_all_else_stays(
        coding in any_coding().prop_filter_map("placed", |coding| coding),
        before in any::<[u8; 64]>(),
        raw in any::<u64>(),
    ) {
        let mut data = before;
        coding.set_raw(&mut data, raw).unwrap();
        let kept = raw & (u64::MAX >> (64 - coding.length()));
        prop_assert_eq!(coding.bits(&data), Some(kept));
        let old = coding.bits(&before).unwrap();
        coding.set_raw(&mut data, old).unwrap();
        prop_assert_eq!(data, before);
    }

    #[test]
    fn a_decoded_value_encodes_to_the_same_bits(
        coding in any_coding().prop_filter_map("placed", |coding| coding),
        data in any::<[u8; 64]>(),
    ) {
        // Beyond 2^52 doubles do not tell neighbours apart, and NaNs have many spellings.
        let exact = matches!(coding.number(), Number::Unsigned | Number::Signed) && coding.length() <= 48;
        prop_assume!(exact);
        let mut copy = data;
        coding.encode(&mut copy, coding.decode(&data).unwrap()).unwrap();
        prop_assert_eq!(copy, data);
    }
}
