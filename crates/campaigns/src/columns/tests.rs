use proptest::prelude::*;
use signals::Catalogue;

use super::*;

fn leaf(path: &str) -> Arc<Leaf> {
    Arc::clone(Catalogue::core().by_path(path).unwrap())
}

const SPEED: &str = "Vehicle.Speed";
const DISTANCE: &str = "Vehicle.TraveledDistance";
const STATE: &str = "Vehicle.LowVoltageSystemState";
const CODES: &str = "Vehicle.Diagnostics.DTCList";

#[track_caller]
fn check(path: &str, value: Option<Value>, quality: Quality, expected: (Option<Value>, Quality)) {
    let leaf = leaf(path);
    let mut column = Column::new(&leaf);
    column.push(&leaf, value.as_ref(), quality);
    assert_eq!(column.data.len(), 1);
    assert_eq!(column.get(&leaf, 0), Some(expected));
}

#[test]
fn a_number_is_rounded_to_its_scale() {
    let expected = (Some(Value::Float(12.35)), Quality::Good);
    check(SPEED, Some(Value::Float(12.345_1)), Quality::Good, expected);
}

#[test]
fn a_quality_travels_with_its_value() {
    for quality in [Quality::Good, Quality::Stale, Quality::OutOfRange] {
        check(SPEED, Some(Value::Float(5.5)), quality, (Some(Value::Float(5.5)), quality));
    }
    check(SPEED, None, Quality::NotAvailable, (None, Quality::NotAvailable));
}

#[test]
fn what_eighteen_digits_cannot_hold_is_out_of_range_and_kept() {
    for value in [Value::Float(1e300), Value::Float(1e18), Value::Uint(u64::MAX), Value::Int(i64::MIN)] {
        check(SPEED, Some(value.clone()), Quality::Good, (Some(value), Quality::OutOfRange));
    }
}

#[test]
fn an_integer_is_exact_beyond_what_a_double_holds() {
    let value = Some(Value::Uint(9_007_199_254_740_993));
    check(DISTANCE, value.clone(), Quality::Good, (value, Quality::Good));
}

#[test]
fn a_negative_reading_of_an_unsigned_leaf_keeps_its_sign() {
    let value = Some(Value::Int(-3));
    check(DISTANCE, value.clone(), Quality::OutOfRange, (value, Quality::OutOfRange));
}

#[test]
fn a_value_of_another_type_is_kept_as_text() {
    check(SPEED, Some("fast".into()), Quality::Good, (Some("fast".into()), Quality::OutOfRange));
    check(STATE, Some(Value::Bool(true)), Quality::Good, (Some("true".into()), Quality::OutOfRange));
}

#[test]
fn a_text_above_the_limit_is_cut_between_characters() {
    let leaf = leaf(STATE);
    let mut column = Column::new(&leaf);
    let text = "é".repeat(TEXT_BYTES_MAX);
    column.push(&leaf, Some(&Value::Text(text.into())), Quality::Good);
    let raw = column.exceptions[0].raw.clone().unwrap();
    assert_eq!(raw.len(), TEXT_BYTES_MAX);
}

#[test]
fn arrays_keep_their_rows_apart() {
    let leaf = leaf(CODES);
    let row = |codes: &[&str]| Value::Array(codes.iter().copied().map(Value::from).collect());
    let rows = [row(&["P0420", "P0171"]), row(&[]), row(&["P0420"])];
    let mut column = Column::new(&leaf);
    rows.iter().for_each(|value| column.push(&leaf, Some(value), Quality::Good));
    for (index, value) in rows.into_iter().enumerate() {
        assert_eq!(column.get(&leaf, index), Some((Some(value), Quality::Good)));
    }
    assert_eq!(column.get(&leaf, 3), None);
}

#[test]
fn an_array_with_a_strange_item_leaves_no_trace_in_its_column() {
    let leaf = leaf(CODES);
    let mut column = Column::new(&leaf);
    let strange = Value::Array([Value::from("P0420"), Value::Int(1)].into());
    column.push(&leaf, Some(&strange), Quality::Good);
    let good = Value::Array([Value::from("P0171")].into());
    column.push(&leaf, Some(&good), Quality::Good);
    assert_eq!(column.get(&leaf, 0), Some((Some("[P0420,1]".into()), Quality::OutOfRange)));
    assert_eq!(column.get(&leaf, 1), Some((Some(good), Quality::Good)));
}

proptest! {
    #[test]
    fn any_double_can_be_pushed(values in prop::collection::vec(any::<f64>(), 1..20)) {
        let leaf = leaf(SPEED);
        let mut column = Column::new(&leaf);
        for value in &values {
            column.push(&leaf, Some(&Value::Float(*value)), Quality::Good);
        }
        prop_assert_eq!(column.data.len(), values.len());
        for row in 0..values.len() {
            prop_assert!(column.get(&leaf, row).is_some());
        }
    }
}
