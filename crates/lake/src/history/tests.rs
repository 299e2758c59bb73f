use model::ShardId;
use signals::Value;

use super::*;
use crate::tests::{DAY, append, catalogue, flush, open, stored_speed, subject};

fn query(car: u8, paths: &[&str], reduce: Reduce) -> HistoryQuery {
    HistoryQuery {
        brand: Brand::Fiat,
        subject: subject(car),
        signals: paths.iter().map(|path| Arc::clone(catalogue().by_path(path).unwrap())).collect(),
        from: DAY,
        to: DAY + Micros::DAY,
        reduce,
        rows_max: 100_000,
        after: None,
    }
}

fn second(row: &HistoryRow) -> i64 {
    row.time.since(DAY).0 / 1_000_000
}

/// Checks that the speeds of a car are all there, each once.
async fn check_speeds(lake: &Lake, car: u8, seconds: i64) -> ReadCount {
    let page = lake.history(&query(car, &["Vehicle.Speed"], Reduce::Raw)).await.unwrap();
    let found: Vec<_> = page.rows.iter().map(|row| (second(row), row.values[0].clone())).collect();
    let expected: Vec<_> = (0..seconds)
        .filter_map(|second| Some((second, Some(Value::Float(stored_speed(car, second)?)))))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(page.next, None);
    page.read
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_there_once_at_each_step_of_its_life() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    let telemetry = Arc::clone(lake.table(TableName::Telemetry));
    for round in 0..8_u64 {
        let seconds = i64::try_from(round + 1).unwrap() * 10;
        append(&lake, 1, round..round + 1);
        append(&lake, 2, round..round + 1);
        check_speeds(&lake, 1, seconds).await;
        let cut = telemetry.cut();
        check_speeds(&lake, 1, seconds).await;
        let files = telemetry.write(&cut, &format!("f{round}"), DAY).await.unwrap();
        check_speeds(&lake, 1, seconds).await;
        telemetry.replace_cut(&cut, files.clone());
        check_speeds(&lake, 1, seconds).await;
        telemetry.commit(&files, &[(ShardId(0), round + 1)]).unwrap();
        check_speeds(&lake, 1, seconds).await;
    }
    let compactions = telemetry.compactions(DAY).unwrap();
    telemetry.compact(&compactions[0], DAY).await.unwrap();
    let read = check_speeds(&lake, 1, 80).await;
    assert_eq!(read.files, 1);
    check_speeds(&lake, 2, 80).await;
    drop((lake, telemetry));
    check_speeds(&open(directory.path()), 2, 80).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_holds_no_buffered_rows_that_lack_its_signals() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    append(&lake, 1, 0..1);
    assert_eq!(sources(&lake, &query(1, &["Vehicle.Gear"], Reduce::Raw)).len(), 1);
    // No car has sent it.
    assert!(sources(&lake, &query(1, &["Vehicle.Faults"], Reduce::Raw)).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_types_come_back_from_files_as_from_the_buffer() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    append(&lake, 1, 0..3);
    let paths = ["Vehicle.State", "Vehicle.CurrentLocation.Latitude", "Vehicle.Gear", "Vehicle.Moving"];
    let from_buffer = lake.history(&query(1, &paths, Reduce::Raw)).await.unwrap();
    assert_eq!(
        from_buffer.rows[12].values,
        [
            Some(Value::from("driving")),
            Some(Value::Float(48.700_001_2)),
            Some(Value::Int(0)),
            Some(Value::Bool(true)),
        ]
    );
    flush(&lake, "a").await;
    let from_files = lake.history(&query(1, &paths, Reduce::Raw)).await.unwrap();
    assert_eq!(from_files.rows, from_buffer.rows);
    assert_eq!((from_buffer.read.files, from_files.read.files), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_join_without_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    append(&lake, 1, 0..2);
    flush(&lake, "a").await;
    append(&lake, 1, 2..4);
    for reduce in [
        Reduce::Raw,
        Reduce::Every { interval: Micros::from_secs(3), reductions: vec![Reduction::Mean, Reduction::Last] },
    ] {
        let mut query = query(1, &["Vehicle.Gear"], reduce);
        let whole = lake.history(&query).await.unwrap();
        query.rows_max = 7;
        let mut rows = Vec::new();
        loop {
            let page = lake.history(&query).await.unwrap();
            assert!(page.rows.len() <= 7);
            rows.extend(page.rows);
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(rows, whole.rows);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn intervals_reduce_what_is_in_them() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    append(&lake, 1, 0..1);
    flush(&lake, "a").await;
    append(&lake, 1, 1..2);
    let reductions = Reduction::ALL.to_vec();
    let every = Reduce::Every { interval: Micros::from_secs(15), reductions };
    let page = lake.history(&query(1, &["Vehicle.Speed", "Vehicle.State"], every)).await.unwrap();
    assert_eq!(page.columns.len(), 8);
    let speeds: Vec<f64> = (0..15).filter_map(|second| stored_speed(1, second)).collect();
    let mean = speeds.iter().sum::<f64>() / speeds.len() as f64;
    let first = &page.rows[0].values;
    assert_eq!(page.rows[0].time, DAY);
    assert_eq!(first[0], Some(Value::Float(10.0)));
    assert_eq!(first[1], Some(Value::Float(10.14)));
    let Some(Value::Float(got)) = first[2] else { panic!("a mean") };
    assert!((got - mean).abs() < 1e-9, "{got} {mean}");
    assert_eq!(first[3], Some(Value::Float(10.14)));
    assert_eq!(first[4..], [None, None, None, Some(Value::from("driving"))]);
    assert_eq!(page.rows.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_cars_rows_cost_a_small_part_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    for car in 0..100 {
        append(&lake, car, 0..60);
    }
    flush(&lake, "a").await;
    let file = Arc::clone(&lake.table(TableName::Telemetry).files()[0]);
    check_speeds(&lake, 50, 600).await;
    let again = check_speeds(&lake, 50, 600).await;
    // 4,096 rows of a page are seven cars' rows, in two of twelve columns.
    assert!(again.bytes < file.bytes / 8, "{} of {}", again.bytes, file.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_car_or_time_reads_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    append(&lake, 1, 0..2);
    flush(&lake, "a").await;
    let mut later = query(1, &["Vehicle.Gear"], Reduce::Raw);
    later.from = DAY + Micros::HOUR;
    let page = lake.history(&later).await.unwrap();
    assert_eq!((page.rows.len(), page.read.files), (0, 0));
    let other = lake.history(&query(77, &["Vehicle.Gear"], Reduce::Raw)).await.unwrap();
    assert_eq!(other.rows, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_no_more_rows_than_it_shows() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    append(&lake, 1, 0..50);
    flush(&lake, "a").await;
    append(&lake, 1, 50..100);
    let mut some = query(1, &["Vehicle.Gear"], Reduce::Raw);
    some.rows_max = 20;
    let page = lake.history(&some).await.unwrap();
    assert_eq!((page.rows.len(), page.read.samples), (20, 21));
    some.reduce = Reduce::Every { interval: Micros::from_secs(10), reductions: vec![Reduction::Last] };
    let page = lake.history(&some).await.unwrap();
    assert_eq!((page.rows.len(), page.read.samples), (20, 211));
    some.reduce = Reduce::Every { interval: Micros(365 * Micros::DAY.0), reductions: vec![Reduction::Max] };
    let page = lake.history(&some).await.unwrap();
    assert_eq!(page.rows[0].values, [Some(Value::Int(5))]);
    assert_eq!((page.rows.len(), page.read.samples, page.next), (1, 1_000, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_read_enough_ends_and_the_next_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    for part in 0..4 {
        append(&lake, 1, part * 3..part * 3 + 3);
        flush(&lake, &format!("f{part}")).await;
    }
    for reduce in
        [Reduce::Raw, Reduce::Every { interval: Micros::from_secs(7), reductions: vec![Reduction::Mean] }]
    {
        let mut query = query(1, &["Vehicle.Gear"], reduce);
        let whole = lake.history(&query).await.unwrap();
        let (mut rows, mut pages) = (Vec::new(), 0);
        loop {
            let merge = Merge::new(sources(&lake, &query), 1);
            let page = page(merge, &query, 0).await.unwrap();
            assert!(!page.rows.is_empty() || page.next.is_none());
            rows.extend(page.rows);
            pages += 1;
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(rows, whole.rows);
        assert!(pages > 3, "{pages}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn latecomers_stand_where_they_belong() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    for (name, seqs) in [("a", 4..6), ("b", 0..2), ("c", 6..8)] {
        append(&lake, 1, seqs);
        flush(&lake, name).await;
    }
    append(&lake, 1, 2..4);
    check_speeds(&lake, 1, 80).await;
}
