use std::collections::HashMap;

use model::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{
    ByteOrder, CanId, Number, SignalCoding,
    isotp::{self, Received, Receiver},
    testdata, uds,
};

fn values(payload: &[u8]) -> Vec<(&'static str, f64)> {
    current_data(payload).unwrap().iter().map(|quantity| (quantity.item.name, quantity.value)).collect()
}

#[test]
fn the_table_is_sorted_and_its_items_fit_their_parameters() {
    assert!(PIDS.windows(2).all(|pair| pair[0].number < pair[1].number));
    for pid in PIDS {
        let full = vec![0xff; pid.len];
        assert!(pid.items.iter().all(|item| item.decode(&full).is_some()), "{:02X}", pid.number);
        assert_eq!(super::pid(pid.number), Some(pid));
    }
}

#[test]
fn one_response_may_hold_several_parameters() {
    assert_eq!(values(&[0x41, 0x0c, 0x1a, 0xf8, 0x0d, 0x63]), [("RPM", 1726.0), ("VSS", 99.0)]);
    assert_eq!(values(&[0x41, 0x32, 0xff, 0xfc]), [("EVAP_VP", -1.0)]);
    assert_eq!(current_data_request(&[0x0c, 0x0d]), [0x01, 0x0c, 0x0d]);
}

#[test]
fn flags_and_counts_of_the_monitor_status_are_told_apart() {
    let all: HashMap<_, _> = values(&[0x41, 0x01, 0x83, 0x07, 0x00, 0x00]).into_iter().collect();
    assert_eq!((all["MIL"], all["DTC_CNT"], all["MIS_SUP"], all["CCM_RDY"]), (1.0, 3.0, 1.0, 0.0));
}

#[test]
fn an_unknown_or_empty_parameter_is_an_error() {
    assert_eq!(current_data(&[0x41, 0xfe, 0]), Err(Error::UnknownPid { number: 0xfe }));
    assert!(current_data(&[0x41, 0x0d]).is_err());
    assert!(current_data(&[0x7f, 0x01, 0x12]).is_err());
    assert!(current_data(&[]).is_err());
}

#[test]
fn supported_parameters_follow_the_one_that_lists_them() {
    assert_eq!(supported_pids(0x00, [0xbe, 0, 0, 1]).collect::<Vec<_>>(), [1, 3, 4, 5, 6, 7, 0x20]);
    assert_eq!(supported_pids(0xe0, [0, 0, 0, 3]).collect::<Vec<_>>(), [0xff]);
}

#[test]
fn stored_trouble_codes_are_as_many_as_announced() {
    let codes = dtcs(&[0x43, 0x02, 0x01, 0x33, 0xc1, 0x00, 0x00, 0x00], STORED_DTCS).unwrap();
    assert_eq!(codes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["P0133", "U0100"]);
    assert_eq!(dtcs(&[0x47, 0x00], PENDING_DTCS).unwrap(), []);
    assert!(dtcs(&[0x43, 0x02, 0x01, 0x33], STORED_DTCS).is_err());
    assert!(dtcs(&[0x43, 0x00], PERMANENT_DTCS).is_err());
}

/// A response as the test cases of OBDb write it: `7E803410D63` is id 7E8 and the frame behind it.
fn message_of(response: &str) -> (CanId, Vec<u8>) {
    let (id, frame) = response.split_at(3);
    let digits: Vec<_> = frame.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    let frame: Vec<_> = digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect();
    let mut receiver = Receiver::new(isotp::Config::default()).unwrap();
    let received = receiver.handle_frame(Timestamp(0), &frame).unwrap();
    let Received::Message(message) = received else { panic!("{response}: {received:?}") };
    (id.parse().unwrap(), message)
}

/// The value or its name, by the item's name.
fn decode_case(message: &[u8]) -> HashMap<String, (f64, Option<&'static str>)> {
    if message[0] == 0x41 {
        let quantities = current_data(message).unwrap();
        return quantities
            .iter()
            .map(|quantity| (quantity.item.name.to_owned(), (quantity.value, quantity.value_name())))
            .collect();
    }
    // The charge of the traction battery: two bytes in 1/512 percent.
    let charge = SignalCoding::new(7, 16, ByteOrder::BigEndian, Number::Unsigned, 1.0 / 512.0, 0.0).unwrap();
    let records = uds::data_records(message, |_| None).unwrap();
    let [(0xd410, record)] = records.as_slice() else { panic!("{records:02x?}") };
    HashMap::from([("PEUGEOT_HVBAT_SOC".to_owned(), (charge.decode(record).unwrap(), None))])
}

fn check_case(context: &str, response: &str, expected: &[(String, String)]) {
    let (_, message) = message_of(response);
    let decoded = decode_case(&message);
    assert!(!expected.is_empty(), "{context}");
    for (name, text) in expected {
        let (value, value_name) = decoded[name];
        let Ok(number) = text.parse::<f64>() else {
            assert_eq!(value_name, Some(text.as_str()), "{context} {name}");
            continue;
        };
        // OBDb cuts ratios of equivalence off at 1.99, which the standard does not.
        let number = if number == 1.99 && value > 1.99 { value } else { number };
        assert!((value - number).abs() <= 0.000_005_1, "{context} {name}: {value} is not {number}");
    }
}

/// Reads the one shape that these files have: a list of expected values, each with its response.
fn check_file(context: &str, text: &str) -> usize {
    let mut expected = Vec::new();
    let mut cases = 0;
    for line in text.lines() {
        let trimmed = line.trim_start_matches(['-', ' ']);
        let Some((key, value)) = trimmed.split_once(':') else { panic!("{context}: {line}") };
        let value = value.trim().trim_matches('\'');
        match key {
            "command_id" | "test_cases" => {}
            "expected_values" => expected.clear(),
            "response" => {
                check_case(context, value, &expected);
                cases += 1;
            }
            name => expected.push((name.to_owned(), value.to_owned())),
        }
    }
    cases
}

#[test]
fn the_responses_of_real_peugeot_208_give_the_values_beside_them() {
    let mut cases = 0;
    for year in ["2017", "2019", "2021"] {
        for (file, bytes) in testdata::files(&format!("obdb_peugeot208/tests/test_cases/{year}/commands")) {
            cases += check_file(&format!("{year}/{file}"), &String::from_utf8(bytes).unwrap());
        }
    }
    assert!(cases == 0 || cases == 41, "{cases}");
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_an_error(payload in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _any = (current_data(&payload).is_ok(), dtcs(&payload, STORED_DTCS).is_ok());
    }
}
