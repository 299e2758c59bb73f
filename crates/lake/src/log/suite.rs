//! What every backend of the durable log must do.

#![expect(clippy::unwrap_in_result, reason = "an answer that does not come must fail its test")]

use std::sync::{Arc, mpsc};

use model::{Brand, Lane, ShardId, SubjectId, Timestamp};

use super::*;

/// A log that can be closed and opened again, and is small: segments of some kilobytes.
pub(super) trait Backend: Sync {
    fn open(&self) -> Arc<dyn DurableLog>;
}

pub(super) const SHARD: ShardId = ShardId(0);

/// A group whose content follows from its number.
pub(super) fn group(number: u64) -> Group {
    let mut builder = GroupBuilder::new(SHARD);
    for entry in 0..=(number % 3) {
        let subject = SubjectId::from_bytes(u128::from(number * 10 + entry).to_be_bytes());
        let payload = vec![u8::try_from(number % 251).unwrap(); usize::try_from(50 + number % 90).unwrap()];
        let received = Timestamp(i64::try_from(number).unwrap());
        assert!(builder.push(subject, Brand::Fiat, received, Lane::Live, &payload));
    }
    builder.take().unwrap()
}

/// Submits one group and waits for its answer.
pub(super) fn append(log: &dyn DurableLog, group: Group) -> Result<Offset, LogError> {
    let (send, answer) = mpsc::channel();
    log.submit(group, Box::new(move |result| send.send(result).unwrap()))
        .map_err(|refused| refused.reason)?;
    answer.recv().unwrap()
}

/// Reads up to the log's present end.
pub(super) async fn read_all(log: &dyn DurableLog, from: Offset) -> Result<Vec<Arc<Record>>, LogError> {
    let mut reader = log.read(SHARD, from)?;
    let mut records = Vec::new();
    let mut next = from;
    while next < log.end(SHARD) {
        records.extend(reader.next().await?);
        next = records.last().expect("a reader gives at least one").offset.next();
    }
    Ok(records)
}

/// Checks that records hold the groups of [`group`] from an offset on, each its own number's.
pub(super) fn check_records(records: &[Arc<Record>], from: u64, until: u64) {
    let offsets: Vec<_> = records.iter().map(|record| record.offset.0).collect();
    assert_eq!(offsets, (from..until).collect::<Vec<_>>());
    for record in records {
        assert_eq!(record.group, group(record.offset.0), "offset {}", record.offset);
    }
}

pub(super) async fn run(backend: &dyn Backend) {
    gives_dense_offsets_and_keeps_them_over_a_restart(backend).await;
    follows_the_tail(backend).await;
    answers_in_the_order_of_submission(backend);
    refuses_what_is_not_its_shard(backend);
    goes_on_after_a_group_that_is_too_large(backend);
    frees_what_was_trimmed(backend).await;
}

async fn gives_dense_offsets_and_keeps_them_over_a_restart(backend: &dyn Backend) {
    for life in 0..3 {
        let log = backend.open();
        assert_eq!(log.end(SHARD), Offset(life * 20));
        for number in life * 20..(life + 1) * 20 {
            assert_eq!(append(&*log, group(number)).unwrap(), Offset(number));
            assert_eq!(log.end(SHARD), Offset(number + 1), "what was answered is in the log");
        }
        check_records(&read_all(&*log, Offset(0)).await.unwrap(), 0, (life + 1) * 20);
        check_records(&read_all(&*log, Offset(7)).await.unwrap(), 7, (life + 1) * 20);
    }
}

async fn follows_the_tail(backend: &dyn Backend) {
    let log = backend.open();
    let end = log.end(SHARD);
    let mut reader = log.read(SHARD, end).unwrap();
    let waiting = tokio::spawn(async move { (reader.next().await.unwrap(), reader) });
    append(&*log, group(end.0)).unwrap();
    let (records, mut reader) = waiting.await.unwrap();
    check_records(&records, end.0, end.0 + 1);
    append(&*log, group(end.0 + 1)).unwrap();
    check_records(&reader.next().await.unwrap(), end.0 + 1, end.0 + 2);
}

fn answers_in_the_order_of_submission(backend: &dyn Backend) {
    let log = backend.open();
    let end = log.end(SHARD).0;
    let (send, answers) = mpsc::channel();
    for number in end..end + 50 {
        let send = send.clone();
        log.submit(group(number), Box::new(move |result| send.send(result.unwrap()).unwrap())).unwrap();
    }
    let offsets: Vec<_> = answers.iter().take(50).map(|offset| offset.0).collect();
    assert_eq!(offsets, (end..end + 50).collect::<Vec<_>>());
}

fn refuses_what_is_not_its_shard(backend: &dyn Backend) {
    let log = backend.open();
    let mut builder = GroupBuilder::new(ShardId(255));
    assert!(builder.push(SubjectId::from_bytes([0; 16]), Brand::Ram, Timestamp(0), Lane::Bulk, b"x"));
    let refused = append(&*log, builder.take().unwrap());
    assert!(matches!(refused, Err(LogError::NoSuchShard { shard: 255, .. })), "{refused:?}");
}

fn goes_on_after_a_group_that_is_too_large(backend: &dyn Backend) {
    let log = backend.open();
    assert_eq!(log.state(), Ok(()));
    let mut builder = GroupBuilder::new(SHARD);
    for _ in 0..200 {
        assert!(builder.push(
            SubjectId::from_bytes([0; 16]),
            Brand::Ram,
            Timestamp(0),
            Lane::Bulk,
            &[0; 1_000]
        ));
    }
    let refused = append(&*log, builder.take().unwrap());
    assert!(matches!(refused, Err(LogError::TooLarge { .. } | LogError::Full { .. })), "{refused:?}");
    assert_eq!(log.state(), Ok(()), "it takes others");
    let end = log.end(SHARD);
    assert_eq!(append(&*log, group(end.0)), Ok(end));
}

async fn frees_what_was_trimmed(backend: &dyn Backend) {
    let log = backend.open();
    let end = log.end(SHARD);
    log.trim(SHARD, Offset(end.0 - 3)).unwrap();
    let start = log.start(SHARD);
    assert!(start > Offset(0) && start.0 <= end.0 - 3, "{start}");
    check_records(&read_all(&*log, start).await.unwrap(), start.0, end.0);
    let trimmed = log.read(SHARD, Offset(0)).map(drop);
    assert_eq!(trimmed, Err(LogError::Trimmed { offset: Offset(0), start }));
    drop(log);
    assert_eq!(backend.open().start(SHARD), start);
}
