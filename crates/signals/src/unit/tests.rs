use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(from: &str, to: &str, number: f64, expected: f64) {
    let got = Unit::convert(from, to, number).unwrap();
    assert!((got - expected).abs() <= expected.abs() * 1e-9 + 1e-9, "{number} {from} = {got} {to}");
}

#[test]
fn speeds_convert() {
    check("m/s", "km/h", 10.0, 36.0);
    check("mph", "km/h", 100.0, 160.9344);
}

#[test]
fn temperatures_convert_with_their_offsets() {
    check("Fahrenheit", "Celsius", 212.0, 100.0);
    check("Celsius", "K", -273.15, 0.0);
    check("celsius", "Celsius", 21.5, 21.5);
}

#[test]
fn pressures_and_turns_convert() {
    check("bar", "kPa", 2.4, 240.0);
    check("psi", "kPa", 32.0, 220.632_233_381_376);
    check("rpm", "degrees/s", 60.0, 360.0);
}

#[test]
fn units_of_different_dimensions_do_not_convert() {
    let error = Unit::convert("km/h", "Celsius", 1.0).unwrap_err();
    assert_eq!(error.to_string(), "`km/h` cannot be turned into `Celsius`: they measure different things");
}

#[test]
fn an_unknown_unit_is_named_in_the_error() {
    let error = Unit::convert("furlong", "m", 1.0).unwrap_err();
    assert!(error.to_string().contains("`furlong`"), "{error}");
}

#[test]
fn every_alias_names_a_unit_and_no_unit_stands_twice() {
    for (alias, name) in ALIASES {
        assert!(UNITS.iter().any(|unit| unit.name == *name), "{alias}");
        assert!(!UNITS.iter().any(|unit| unit.name == *alias), "{alias}");
    }
    for (index, unit) in UNITS.iter().enumerate() {
        assert!(UNITS[index + 1..].iter().all(|other| other.name != unit.name), "{}", unit.name);
    }
}

proptest! {
    #[test]
    fn a_conversion_and_its_inverse_cancel(a in 0..UNITS.len(), b in 0..UNITS.len(), number in -1e6..1e6_f64) {
        if let Ok(conversion) = Unit::conversion(UNITS[a].name, UNITS[b].name) {
            let back = conversion.inverse().apply(conversion.apply(number));
            prop_assert!((back - number).abs() <= 1e-6 * (1.0 + number.abs()));
        }
    }
}
