use model::{Brand, Lane, Micros, Timestamp};

use super::*;
use crate::{
    Batch, TableName,
    tests::{DAY, batch, catalogue, rows, subject},
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
    assert_eq!(held(&buffer), [(10, vec![1]), (20, vec![0, 2])]);
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

#[test]
fn what_is_appended_counts_as_memory() {
    let mut buffer = Buffer::default();
    buffer.push(chunk(batch(0, DAY), 0));
    let before = buffer.bytes();
    buffer.push(chunk(batch(1, DAY), 1));
    let times = 10 * size_of::<Timestamp>();
    assert!(buffer.bytes() >= before + times + 10 * size_of::<i64>());
}
