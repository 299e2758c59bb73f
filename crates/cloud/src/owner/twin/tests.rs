use campaigns::{ColumnData, Exception};
use signals::Catalogue;

use super::*;

fn rows(catalogue: &Catalogue, times: &[i64], values: &[(&str, Vec<i64>)]) -> RowGroup {
    let mut columns: Vec<_> = values
        .iter()
        .map(|(path, mantissas)| Column {
            signal: catalogue.by_path(path).unwrap().id,
            data: ColumnData::Fixed(mantissas.clone()),
            exceptions: Vec::new(),
        })
        .collect();
    columns.sort_by_key(|column| column.signal);
    RowGroup { times: times.iter().copied().map(Timestamp).collect(), columns }
}

fn apply(twin: &mut Twin, catalogue: &Catalogue, rows: &RowGroup, received: i64) -> usize {
    let mut changed = Vec::new();
    twin.apply(rows, Timestamp(received), catalogue, |signal| changed.push(signal));
    changed.len()
}

#[test]
fn the_newest_row_of_a_batch_is_the_state() {
    let catalogue = Catalogue::core();
    let mut twin = Twin::default();
    let batch = rows(&catalogue, &[1, 2], &[("Vehicle.Speed", vec![1_000, 5_050])]);
    assert_eq!(apply(&mut twin, &catalogue, &batch, 9), 1);
    let latest = twin.get(catalogue.by_path("Vehicle.Speed").unwrap().id).unwrap();
    assert_eq!(latest.value.as_ref().and_then(Value::as_f64), Some(50.5));
    assert_eq!((latest.source_time, latest.receive_time), (Timestamp(2), Timestamp(9)));
    assert_eq!(twin.seen(), Some(Timestamp(9)));
}

#[test]
fn an_older_reading_of_another_lane_changes_nothing() {
    let catalogue = Catalogue::core();
    let mut twin = Twin::default();
    apply(&mut twin, &catalogue, &rows(&catalogue, &[10], &[("Vehicle.Speed", vec![100])]), 11);
    let before = twin.clone();
    assert_eq!(apply(&mut twin, &catalogue, &rows(&catalogue, &[5], &[("Vehicle.Speed", vec![900])]), 11), 0);
    assert_eq!(twin, before);
}

#[test]
fn a_clock_in_the_future_holds_nothing_up() {
    let catalogue = Catalogue::core();
    let mut twin = Twin::default();
    let second = model::Micros::SECOND.0;
    let reading = |time: i64, value| rows(&catalogue, &[time], &[("Vehicle.Speed", vec![value])]);
    let year = 365 * model::Micros::DAY.0;
    assert_eq!(apply(&mut twin, &catalogue, &reading(14 * year, 100), 100 * second), 1);
    assert_eq!(apply(&mut twin, &catalogue, &reading(14 * year + second, 200), 101 * second), 1);
    // The car has the time now.
    assert_eq!(apply(&mut twin, &catalogue, &reading(170 * second, 300), 171 * second), 1);
    assert_eq!(twin.readings()[0].source_time, Timestamp(170 * second));
    assert_eq!(apply(&mut twin, &catalogue, &reading(169 * second, 400), 172 * second), 0);
}

#[test]
fn a_signal_that_went_away_has_no_value() {
    let catalogue = Catalogue::core();
    let mut twin = Twin::default();
    let mut batch = rows(&catalogue, &[1, 2], &[("Vehicle.Speed", vec![100, 100])]);
    batch.columns[0].exceptions.push(Exception { row: 1, quality: Quality::NotAvailable, raw: None });
    apply(&mut twin, &catalogue, &batch, 3);
    assert_eq!((&twin.readings()[0].value, twin.readings()[0].quality), (&None, Quality::NotAvailable));
}

#[test]
fn a_twin_of_twenty_signals_is_under_four_kilobytes() {
    let readings = 20 * size_of::<Latest>();
    assert!(size_of::<Twin>() + readings < 4_096, "{readings}");
    assert_eq!(size_of::<Latest>(), 48);
}
