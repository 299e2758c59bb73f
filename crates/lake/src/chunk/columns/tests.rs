use std::sync::Arc;

use model::Timestamp;
use proptest::prelude::*;
use signals::{Catalogue, Leaf, Quality, Value};

use super::*;

const SPEED: &str = "Vehicle.Speed";
const STATE: &str = "Vehicle.LowVoltageSystemState";
const CODES: &str = "Vehicle.Diagnostics.DTCList";

fn leaf(path: &str) -> Arc<Leaf> {
    Arc::clone(Catalogue::core().by_path(path).unwrap())
}

fn any_reading(path: &'static str) -> BoxedStrategy<(Option<Value>, Quality)> {
    let codes = || prop::sample::select(vec!["P0420", "P0171", "U0100"]);
    let value = match path {
        SPEED => any::<f64>().prop_map(Value::Float).boxed(),
        STATE => codes().prop_map(Value::from).boxed(),
        _ => prop::collection::vec(codes().prop_map(Value::from), 0..3)
            .prop_map(|items| Value::Array(items.into()))
            .boxed(),
    };
    let quality = prop::sample::select(vec![Quality::Good, Quality::Stale]);
    (prop::option::weighted(0.8, value), quality).boxed()
}

fn group(paths: &[&'static str], rows: &[Vec<(Option<Value>, Quality)>], first: usize) -> RowGroup {
    let leaves: Vec<_> = paths.iter().map(|path| leaf(path)).collect();
    let mut columns: Vec<_> = leaves.iter().map(|leaf| Column::new(leaf)).collect();
    for row in rows {
        for ((column, leaf), (value, quality)) in columns.iter_mut().zip(&leaves).zip(row) {
            column.push(leaf, value.as_ref(), *quality);
        }
    }
    let times = (first..first + rows.len()).map(|at| Timestamp(i64::try_from(at).unwrap())).collect();
    RowGroup { times, columns }
}

/// What each row says; not-a-number is itself here.
fn said(paths: &[&str], rows: &RowGroup) -> Vec<String> {
    let row = |row: usize| {
        let columns = rows.columns.iter().zip(paths);
        let values: Vec<_> = columns.map(|(column, path)| column.get(&leaf(path), row)).collect();
        format!("{:?} {values:?}", rows.times[row])
    };
    (0..rows.times.len()).map(row).collect()
}

proptest! {
    #[test]
    fn what_is_parted_and_joined_again_says_the_same(
        rows in prop::collection::vec((any_reading(SPEED), any_reading(STATE), any_reading(CODES)), 2..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let paths = [SPEED, STATE, CODES];
        let rows: Vec<_> = rows.into_iter().map(|(a, b, c)| vec![a, b, c]).collect();
        let whole = group(&paths, &rows, 0);
        let cut = cut.index(rows.len());
        let mut first = whole.clone();
        let last = split_off(&mut first, cut);
        prop_assert_eq!(said(&paths, &first), said(&paths, &group(&paths, &rows[..cut], 0)));
        prop_assert_eq!(said(&paths, &last), said(&paths, &group(&paths, &rows[cut..], cut)));
        prop_assert!(continues(&first, &last));

        let (mut joined, before) = (copy(&first), bytes(&first));
        prop_assert_eq!(bytes(&joined), before);
        let taken = append(&mut joined, &last);
        prop_assert_eq!(said(&paths, &joined), said(&paths, &whole));
        prop_assert_eq!(bytes(&joined), before + taken);
    }
}

#[test]
fn only_later_rows_of_the_same_signals_continue_others() {
    let good = |value: Value| (Some(value), Quality::Good);
    let speed = |first| group(&[SPEED], &[vec![good(Value::Float(1.0))]], first);
    let state = |first| group(&[STATE], &[vec![good("on".into())]], first);
    assert!(continues(&speed(1), &speed(2)));
    assert!(!continues(&speed(1), &speed(1)));
    assert!(!continues(&speed(2), &speed(1)));
    assert!(!continues(&speed(1), &state(2)));
}

#[test]
fn a_copy_has_room_to_grow() {
    let mut rows = group(&[SPEED], &[vec![(Some(Value::Float(1.0)), Quality::Good)]], 0);
    rows.times.reserve(100);
    assert!(copy(&rows).times.capacity() > 100);
}
