use super::*;

#[test]
fn times_have_six_digits_and_round_trip() {
    let time = Timestamp(1_763_885_730_250_000);
    assert_eq!(rfc3339(time), "2025-11-23T08:15:30.250000Z");
    assert_eq!(parse_rfc3339(&rfc3339(time)), Ok(time));
    assert_eq!(parse_rfc3339("2025-11-23T09:15:30.25+01:00"), Ok(time));
    assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00.000000Z");
}

#[test]
fn a_time_that_no_calendar_has_is_still_text() {
    for time in [Timestamp::MIN, Timestamp::MAX] {
        assert!(parse_rfc3339(&rfc3339(time)).is_ok(), "{}", rfc3339(time));
    }
}

#[test]
fn an_unknown_word_is_refused_with_the_choice() {
    let error = serde_json::from_str::<BrandSlug>("\"Peugeot\"").unwrap_err().to_string();
    assert!(error.contains("peugeot"), "{error}");
    let good: BrandSlug = serde_json::from_str("\"peugeot\"").unwrap();
    assert_eq!(good, BrandSlug(Brand::Peugeot));
    assert_eq!(serde_json::to_string(&good).unwrap(), "\"peugeot\"");
}
