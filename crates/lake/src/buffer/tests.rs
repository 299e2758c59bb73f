use campaigns::{ColumnData, TextColumn};
use model::{Brand, DataCategory, Lane, Micros};
use signals::{Catalogue, CatalogueBuilder, DataType, Leaf, ScalarType};

use super::*;
use crate::{
    Batch, TableName,
    tests::{DAY, batch, catalogue, leaf, rows, subject},
};

fn chunk(batch: Batch, seq: u64) -> Chunk {
    let chunks = Chunk::split(subject(1), Brand::Fiat, 1, batch, rows(1, seq), &catalogue());
    chunks.filter(|(table, _)| *table == TableName::Telemetry).map(|(_, chunk)| chunk).next().unwrap()
}

/// The rows of each chunk, with the numbers of the batches that they came with.
fn held(buffer: &Buffer) -> Vec<(usize, Vec<u64>)> {
    let seqs = |chunk: &Chunk| chunk.batches.iter().map(|(_, batch)| batch.seq.0).collect();
    buffer.of(subject(1)).iter().map(|chunk| (chunk.rows.times.len(), seqs(chunk))).collect()
}

#[test]
fn later_rows_go_on_in_the_same_columns() {
    let mut buffer = Buffer::default();
    assert!(buffer.push(chunk(batch(0, DAY), 0)).is_none());
    let copied = buffer.push(chunk(batch(1, DAY), 1));
    assert_eq!(copied.map(|rows| rows.times.len()), Some(10));
    assert_eq!(held(&buffer), [(20, vec![0, 1])]);
    let chunk = &buffer.of(subject(1))[0];
    let spans: Vec<_> = chunk.spans_of(5..15).map(|(rows, batch)| (rows, batch.seq.0)).collect();
    assert_eq!(spans, [(5..10, 0), (10..15, 1)]);
    assert_eq!(
        chunk.spans_of(10..12).map(|(rows, batch)| (rows, batch.seq.0)).collect::<Vec<_>>(),
        [(10..12, 1)]
    );
}

#[test]
fn rows_that_are_not_later_begin_a_chunk_of_their_own() {
    let mut buffer = Buffer::default();
    for seq in [1, 0, 2] {
        buffer.push(chunk(batch(seq, DAY), seq));
    }
    assert_eq!(held(&buffer), [(20, vec![1, 2]), (10, vec![0])]);
}

#[test]
fn a_chunk_ends_with_its_day() {
    let mut buffer = Buffer::default();
    buffer.push(chunk(batch(0, DAY), 0));
    let mut tomorrow = rows(1, 1);
    tomorrow.times.iter_mut().for_each(|time| *time = *time + Micros::DAY);
    let received = DAY + Micros::DAY;
    for (table, chunk) in Chunk::split(subject(1), Brand::Fiat, 1, batch(1, received), tomorrow, &catalogue())
    {
        if table == TableName::Telemetry {
            buffer.push(chunk);
        }
    }
    assert_eq!(held(&buffer), [(10, vec![0]), (10, vec![1])]);
}

#[test]
fn a_reader_keeps_the_rows_that_it_has() {
    let mut buffer = Buffer::default();
    buffer.push(chunk(batch(0, DAY), 0));
    let read = buffer.of(subject(1));
    buffer.push(chunk(Batch { lane: Lane::Bulk, ..batch(1, DAY) }, 1));
    assert_eq!(read[0].rows.times.len(), 10);
    assert_eq!(held(&buffer), [(20, vec![0, 1])]);
    assert_eq!(buffer.samples(), 20 * read[0].rows.columns.len() as u64);
}

/// One row of some columns of [`rows`].
fn row(columns: std::ops::Range<usize>, second: i64, catalogue: &Arc<Catalogue>) -> Chunk {
    let mut group = rows(1, 0);
    group.columns = group.columns[columns].to_vec();
    for column in &mut group.columns {
        column.exceptions.clear();
        column.data = match &column.data {
            ColumnData::Fixed(values) => ColumnData::Fixed(values[..1].to_vec()),
            ColumnData::Bool(values) => ColumnData::Bool(values[..1].to_vec()),
            ColumnData::Text(text) => {
                ColumnData::Text(TextColumn { dictionary: text.dictionary.clone(), index: vec![0] })
            }
            ColumnData::Array(_) => panic!("there is none in these rows"),
        };
    }
    group.times = vec![DAY + Micros::from_secs(second)];
    let batch = batch(second.unsigned_abs(), DAY);
    Chunk::split(subject(1), Brand::Fiat, 1, batch, group, catalogue).next().unwrap().1
}

#[test]
fn a_car_with_many_kinds_of_rows_has_a_chunk_for_each() {
    let mut buffer = Buffer::default();
    let catalogue = catalogue();
    let kinds = [0..1, 0..2, 0..3, 0..4, 1..2, 1..3, 1..4, 2..3, 2..4];
    for second in 0..5 {
        for columns in &kinds {
            buffer.push(row(columns.clone(), second, &catalogue));
        }
    }
    let held = held(&buffer);
    assert_eq!(held.len(), kinds.len());
    assert!(held.iter().all(|(rows, _)| *rows == 5));
}

#[test]
fn rows_of_another_catalogue_begin_a_chunk_of_their_own() {
    let mut buffer = Buffer::default();
    let mut other = CatalogueBuilder::default();
    for leaf in catalogue().leaves() {
        other.add(Leaf::clone(leaf));
    }
    let scalar = DataType::Scalar(ScalarType::Boolean);
    other.add(leaf(99, "Vehicle.IsNew", scalar, 0, DataCategory::Driving));
    let other = Arc::new(other.build().unwrap());
    assert_ne!(catalogue().hash(), other.hash());
    buffer.push(row(0..4, 0, &catalogue()));
    buffer.push(row(0..4, 1, &other));
    buffer.push(row(0..4, 2, &catalogue()));
    assert_eq!(held(&buffer), [(2, vec![0, 2]), (1, vec![1])]);
}

#[test]
fn a_chunk_ends_when_it_is_large() {
    let mut buffer = Buffer::default();
    let catalogue = catalogue();
    (0..20_000).for_each(|second| drop(buffer.push(row(0..4, second, &catalogue))));
    let held: Vec<_> = held(&buffer).into_iter().map(|(rows, _)| rows).collect();
    assert_eq!(held.iter().sum::<usize>(), 20_000);
    assert!(held.len() > 4 && held[0] > 500, "{held:?}");
    let largest = buffer.of(subject(1)).iter().map(|chunk| chunk.bytes()).max().unwrap();
    assert!(largest < 3 * CHUNK_BYTES_MAX, "{largest}");
}

/// Pushes rows of several kinds, with something held in between.
#[track_caller]
fn check_counts(hold: impl Fn(&Buffer) -> Vec<Arc<Chunk>>) {
    let mut buffer = Buffer::default();
    let catalogue = catalogue();
    for second in 0..1_000 {
        for columns in [0..4, 3..4, 0..1] {
            let _held = hold(&buffer);
            buffer.push(row(columns, second, &catalogue));
        }
        let seq = second.unsigned_abs();
        buffer.push(chunk(batch(seq, DAY), 2_000 + seq));
    }
    let chunks = buffer.of(subject(1));
    let taken: usize = chunks.iter().map(|chunk| chunk.bytes()).sum();
    assert_eq!(buffer.bytes(), taken);
    assert!(chunks.len() < 12, "{}", chunks.len());
}

#[test]
fn what_it_counts_is_what_its_chunks_take() {
    check_counts(|_| Vec::new());
}

#[test]
fn what_it_counts_is_what_its_chunks_take_while_they_are_read() {
    check_counts(|buffer| buffer.of(subject(1)));
}

#[test]
fn two_lanes_with_the_same_signals_have_a_chunk_each() {
    let mut buffer = Buffer::default();
    let catalogue = catalogue();
    for second in 0..200 {
        for start in [3_600, 0] {
            buffer.push(row(0..4, start + second, &catalogue));
        }
    }
    let held: Vec<_> = held(&buffer).into_iter().map(|(rows, _)| rows).collect();
    assert_eq!(held, [200, 200]);
}

#[test]
fn of_too_many_chunks_one_that_grows_stays_though_its_times_are_old() {
    let mut buffer = Buffer::default();
    let catalogue = catalogue();
    let others = i64::try_from(GROWING_MAX).unwrap() - 1;
    buffer.push(row(0..1, 0, &catalogue));
    // Each is earlier than all before, and so begins a chunk.
    (0..others).rev().for_each(|second| drop(buffer.push(row(1..2, 1_000 + second, &catalogue))));
    buffer.push(row(0..1, 1, &catalogue));
    buffer.push(row(2..3, 0, &catalogue));
    buffer.push(row(0..1, 2, &catalogue));
    assert_eq!(held(&buffer)[0].0, 3);
}

#[test]
fn memory_that_a_decoder_had_spare_is_given_back() {
    let mut buffer = Buffer::default();
    let mut chunk = row(0..1, 0, &catalogue());
    chunk.rows.columns.reserve(4_096);
    chunk.rows.times.reserve(4_096);
    buffer.push(chunk);
    assert!(buffer.bytes() < 1_000, "{}", buffer.bytes());
}
