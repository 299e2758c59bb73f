use proptest::prelude::*;

use super::*;
use crate::{Catalogue, Limits, Scale, SignalId};

fn leaf(data_type: &str, limits: Limits, scale: u8) -> Leaf {
    Leaf {
        id: SignalId(1),
        path: "Vehicle.Test".into(),
        kind: crate::LeafKind::Sensor,
        data_type: data_type.parse().unwrap(),
        unit: None,
        limits,
        category: model::DataCategory::Driving,
        scale: Scale::new(scale).unwrap(),
        description: "".into(),
    }
}

fn percent() -> Leaf {
    leaf("uint8", Limits { min: Some(0.0), max: Some(100.0), allowed: vec![] }, 0)
}

#[test]
fn a_number_is_rounded_into_an_integer_leaf() {
    assert_eq!(percent().read_number(41.6, Timestamp(7)), Reading::good(Value::Uint(42), Timestamp(7)));
}

#[test]
fn a_number_beyond_the_limit_is_out_of_range_and_kept() {
    let reading = percent().read_number(101.0, Timestamp(7));
    assert_eq!((reading.quality, reading.value), (Quality::OutOfRange, Some(Value::Uint(101))));
}

#[test]
fn a_negative_number_of_an_unsigned_leaf_is_out_of_range_and_kept() {
    let reading = percent().read_number(-3.0, Timestamp(7));
    assert_eq!((reading.quality, reading.value), (Quality::OutOfRange, Some(Value::Int(-3))));
}

#[test]
fn a_number_that_is_not_finite_is_not_available() {
    assert_eq!(percent().read_number(f64::NAN, Timestamp(7)), Reading::not_available(Timestamp(7)));
}

#[test]
fn a_float_beyond_the_decimal_scale_is_out_of_range() {
    assert_eq!(
        leaf("double", Limits::default(), 7).read_number(1e12, Timestamp(0)).quality,
        Quality::OutOfRange
    );
}

#[test]
fn a_boolean_reads_zero_and_one_and_nothing_else() {
    let leaf = leaf("boolean", Limits::default(), 0);
    assert_eq!(leaf.read_number(1.0, Timestamp(0)), Reading::good(Value::Bool(true), Timestamp(0)));
    assert_eq!(leaf.read_number(3.0, Timestamp(0)).quality, Quality::OutOfRange);
}

#[test]
fn a_text_outside_of_the_allowed_values_is_out_of_range_and_kept() {
    let leaf = leaf("string", Limits { allowed: vec!["ON".into(), "OFF".into()], ..Limits::default() }, 0);
    assert_eq!(leaf.read_text("ON", Timestamp(0)), Reading::good("ON".into(), Timestamp(0)));
    let odd = leaf.read_text("BROKEN", Timestamp(0));
    assert_eq!((odd.quality, odd.value), (Quality::OutOfRange, Some("BROKEN".into())));
}

#[test]
fn text_is_parsed_as_the_type_of_the_leaf_says() {
    let float = leaf("float", Limits::default(), 2);
    assert_eq!(float.parse("3").unwrap(), Value::Float(3.0));
    assert_eq!(percent().parse("42.0").unwrap(), Value::Uint(42));
    assert!(percent().parse("42.5").is_err());
    assert!(percent().parse("true").is_err());
    let list = leaf("string[]", Limits::default(), 0);
    assert_eq!(list.parse(r#"["P0301"]"#).unwrap(), Value::Array([Value::from("P0301")].into()));
    assert_eq!(leaf("string", Limits::default(), 0).parse("\"a\"").unwrap(), Value::from("a"));
}

#[test]
fn the_error_of_a_wrong_value_names_path_and_type() {
    let error = percent().parse("fast").unwrap_err();
    assert_eq!(error.to_string(), "`Vehicle.Test`: `fast` is not uint8");
}

#[test]
fn the_vin_stays_in_the_car() {
    let catalogue = Catalogue::core();
    assert!(catalogue.by_path("Vehicle.VehicleIdentification.VIN").unwrap().stays_in_car());
    assert!(!catalogue.by_path("Vehicle.Speed").unwrap().stays_in_car());
}

proptest! {
    #[test]
    fn reading_any_number_or_text_never_panics(number in any::<f64>(), text in ".{0,64}", index in 0..400_usize) {
        let catalogue = Catalogue::core();
        let leaf = catalogue.leaves().nth(index % catalogue.len()).unwrap();
        let reading = leaf.read_number(number, Timestamp(0));
        prop_assert_eq!(reading.value.is_none(), reading.quality == Quality::NotAvailable);
        let reading = leaf.read_text(&text, Timestamp(0));
        prop_assert!(reading.value.is_some());
    }

    #[test]
    fn a_value_survives_its_text(number in -1e9..1e9_f64, text in "[A-Za-z ]{1,20}") {
        for (data_type, value) in [("double", Value::Float(number)), ("int64", Value::Int(-5)), ("string", text.as_str().into())] {
            let leaf = leaf(data_type, Limits::default(), 3);
            prop_assert_eq!(leaf.parse(&value.to_string()).unwrap(), value);
        }
    }
}
