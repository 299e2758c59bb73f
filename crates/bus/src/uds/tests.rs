use proptest::prelude::*;

use super::*;

#[test]
fn a_refusal_says_why_in_words() {
    let error = data_records(&[0x7f, 0x22, 0x31], |_| None).unwrap_err();
    assert_eq!(error, Error::Refused { service: 0x22, code: NegativeCode(0x31) });
    assert_eq!(error.to_string(), "the ECU refused service 22: 31 (request out of range)");
    assert_eq!(
        Response::parse(&[0x7f, 0x19, 0x78]),
        Ok(Response::Negative { service: 0x19, code: NegativeCode::RESPONSE_PENDING })
    );
    assert_eq!(NegativeCode(0xf0).to_string(), "F0 (by the maker)");
}

#[test]
fn records_are_told_apart_by_their_lengths() {
    let payload = [0x62, 0xd4, 0x10, 0x4b, 0xfe, 0xf1, 0x90, b'V', b'F', b'3'];
    let records = data_records(&payload, |identifier| (identifier == 0xd410).then_some(2)).unwrap();
    assert_eq!(records, [(0xd410, &[0x4b, 0xfe][..]), (0xf190, b"VF3")]);
    for len in [1, 2, 3, 4, 6] {
        assert!(data_records(&payload[..len], |_| Some(2)).is_err(), "{len}");
    }
    assert_eq!(read_data_request(&[0xd410, 0xf190]), [0x22, 0xd4, 0x10, 0xf1, 0x90]);
}

#[test]
fn trouble_codes_are_written_as_on_paper() {
    let codes = dtcs(&[0x59, 0x02, 0xff, 0x03, 0x01, 0x1a, 0x89, 0xd1, 0x00, 0x87, 0x04]).unwrap();
    assert_eq!(codes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["P0301-1A", "U1100-87"]);
    assert!(codes[0].is_failing() && codes[0].is_confirmed() && codes[0].wants_lamp());
    assert!(!codes[1].is_failing() && !codes[1].is_confirmed() && !codes[1].wants_lamp());
    assert_eq!(Dtc([0x52, 0x34]).to_string(), "C1234");
    assert_eq!(Dtc([0xbf, 0xff]).to_string(), "B3FFF");
    assert_eq!(read_dtcs_request(0x08), [0x19, 0x02, 0x08]);
}

#[test]
fn reports_that_are_cut_off_or_of_another_kind_are_errors() {
    assert_eq!(dtcs(&[0x59, 0x02, 0xff]).unwrap(), []);
    for bad in
        [&[][..], &[0x59], &[0x59, 0x02], &[0x59, 0x01, 0xff, 0, 0, 1], &[0x59, 0x02, 0xff, 1], &[0x62, 0, 0]]
    {
        assert!(dtcs(bad).is_err(), "{bad:02x?}");
    }
    assert!(Response::parse(&[0x22, 0xf1, 0x90]).is_err());
    assert!(Response::parse(&[0x7f, 0x22]).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_an_error(payload in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _any = (dtcs(&payload).is_ok(), data_records(&payload, |_| None).is_ok());
    }
}
