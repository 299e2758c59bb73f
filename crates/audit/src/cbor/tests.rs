use super::*;

fn written(write: impl FnOnce(&mut Writer)) -> String {
    let mut out = Writer::default();
    write(&mut out);
    hex::encode(out.into_bytes())
}

/// Examples of RFC 8949, appendix A.
#[test]
fn items_are_written_as_in_the_rfc() {
    for (value, text) in [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (255, "18ff"),
        (1_000, "1903e8"),
        (1_000_000, "1a000f4240"),
        (1_000_000_000_000, "1b000000e8d4a51000"),
        (u64::MAX, "1bffffffffffffffff"),
    ] {
        assert_eq!(written(|out| out.unsigned(value)), text);
        assert_eq!(Reader::new(&hex::decode(text).unwrap()).unsigned(), Some(value));
    }
    for (value, text) in [
        (0, "00"),
        (-1, "20"),
        (-10, "29"),
        (-100, "3863"),
        (-1_000, "3903e7"),
        (i64::MIN, "3b7fffffffffffffff"),
        (i64::MAX, "1b7fffffffffffffff"),
    ] {
        assert_eq!(written(|out| out.integer(value)), text);
        assert_eq!(Reader::new(&hex::decode(text).unwrap()).integer(), Some(value));
    }
    assert_eq!(written(|out| out.bytes(&[1, 2, 3, 4])), "4401020304");
    assert_eq!(written(|out| out.text("IETF")), "6449455446");
    assert_eq!(written(|out| out.array(25)), "9819");
    assert_eq!(written(|out| out.map(2)), "a2");
}

#[test]
fn a_longer_spelling_is_refused() {
    for bad in ["1817", "1900ff", "1a0000ffff", "1b00000000ffffffff", "18", "1f", "1c", "3b8000000000000000"]
    {
        assert_eq!(Reader::new(&hex::decode(bad).unwrap()).integer(), None, "{bad}");
    }
    for bad in ["5f4101ff", "4201", "7801", "62c328", "5bffffffffffffffff"] {
        let bytes = hex::decode(bad).unwrap();
        assert_eq!((Reader::new(&bytes).bytes(), Reader::new(&bytes).text()), (None, None), "{bad}");
    }
}
