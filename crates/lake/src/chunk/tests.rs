use campaigns::{ArrayColumn, ColumnData, Exception, TextColumn};
use model::{Micros, SubjectId};
use signals::{Quality, SignalId};

use super::*;
use crate::tests::{batch, catalogue, id};

/// Golden: it decides in which folder a car's rows are.
#[test]
fn buckets_of_known_subjects_never_change() {
    let buckets = |buckets| {
        (0..4).map(|byte| bucket_of(SubjectId::from_bytes([byte * 67 + 1; 16]), buckets)).collect::<Vec<_>>()
    };
    assert_eq!(buckets(1), [0, 0, 0, 0]);
    assert_eq!(buckets(16), [1, 4, 7, 10]);
}

#[test]
fn the_day_of_a_wrong_clock_is_near_the_receipt() {
    let received = Timestamp(20_000 * Micros::DAY.0);
    let day = |source| day_of(source, received);
    assert_eq!(day(received), 20_000);
    assert_eq!(day(received - Micros::DAY), 19_999);
    assert_eq!(day(Timestamp(0)), 19_970);
    assert_eq!(day(Timestamp::MAX), 20_000);
    assert_eq!(day(received + Micros(2 * Micros::DAY.0)), 20_000);
}

#[test]
fn a_batch_is_parted_by_table_and_by_day() {
    let midnight = 20_000 * Micros::DAY.0;
    let column = |name: &str, data| Column {
        signal: id(name),
        data,
        exceptions: vec![Exception { row: 2, quality: Quality::Stale, raw: None }],
    };
    let mut columns = vec![
        column("Vehicle.Speed", ColumnData::Fixed(vec![1, 2, 3])),
        column("Vehicle.CurrentLocation.Latitude", ColumnData::Fixed(vec![4, 5, 6])),
        column(
            "Vehicle.Faults",
            ColumnData::Array(ArrayColumn {
                ends: vec![1, 3, 4],
                items: Box::new(ColumnData::Text(TextColumn {
                    dictionary: vec!["a".into(), "b".into()],
                    index: vec![0, 1, 0, 1],
                })),
            }),
        ),
    ];
    columns.sort_by_key(|column| column.signal);
    let times = vec![Timestamp(midnight - 2), Timestamp(midnight - 1), Timestamp(midnight)];
    let subject = SubjectId::from_bytes([9; 16]);
    let split: Vec<_> = Chunk::split(
        subject,
        Brand::Opel,
        4,
        batch(0, Timestamp(midnight)),
        RowGroup { times, columns },
        &catalogue(),
    )
    .collect();
    let of = |table, day| {
        let found = split.iter().find(|(name, chunk)| *name == table && chunk.place.day == day);
        found.map(|(_, chunk)| chunk).unwrap()
    };
    assert_eq!(split.len(), 4);
    let value = |chunk: &Chunk, name: &str| {
        chunk.rows.columns.iter().find(|column| column.signal == id(name)).unwrap().clone()
    };
    let before = of(TableName::Telemetry, 19_999);
    assert_eq!(before.place.bucket, bucket_of(subject, 4));
    assert_eq!(value(before, "Vehicle.Speed").data, ColumnData::Fixed(vec![1, 2]));
    assert_eq!(value(before, "Vehicle.Speed").exceptions, []);
    let after = of(TableName::Telemetry, 20_000);
    assert_eq!(value(after, "Vehicle.Speed").data, ColumnData::Fixed(vec![3]));
    assert_eq!(value(after, "Vehicle.Speed").exceptions[0].row, 0);
    let ColumnData::Array(faults) = value(after, "Vehicle.Faults").data else { panic!("an array") };
    assert_eq!(faults.ends, [1]);
    let ColumnData::Text(items) = *faults.items else { panic!("texts") };
    assert_eq!(items.get(0).map(AsRef::as_ref), Some("b"));
    let location = of(TableName::Location, 20_000);
    assert_eq!(location.rows.columns.len(), 1);
    assert_eq!(value(location, "Vehicle.CurrentLocation.Latitude").data, ColumnData::Fixed(vec![6]));
    assert_eq!(SignalId(location.rows.columns[0].signal.0), id("Vehicle.CurrentLocation.Latitude"));
}

#[test]
fn texts_of_values_that_do_not_fit_count_as_memory() {
    let chunk = |raw: Option<Arc<str>>| {
        let exceptions = vec![Exception { row: 0, quality: Quality::OutOfRange, raw }];
        let columns =
            vec![Column { signal: id("Vehicle.Speed"), data: ColumnData::Fixed(vec![0]), exceptions }];
        let rows = RowGroup { times: vec![Timestamp(0)], columns };
        let batch = batch(0, Timestamp(0));
        let subject = SubjectId::from_bytes([9; 16]);
        Chunk::split(subject, Brand::Opel, 1, batch, rows, &catalogue()).next().unwrap().1
    };
    assert!(chunk(Some("9".repeat(4_096).into())).bytes() > chunk(None).bytes() + 4_096);
}
