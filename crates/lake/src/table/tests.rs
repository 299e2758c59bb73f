use model::Micros;

use super::*;
use crate::tests::{DAY, append, flush, open};

const SHARD: ShardId = ShardId(0);

fn commit(lake: &Lake, flushed: &[(TableName, Vec<DataFile>)], offset: u64) {
    for (table, files) in flushed {
        lake.table(*table).commit(files, &[(SHARD, offset)]).unwrap();
    }
}

fn paths(table: &Table) -> Vec<String> {
    table.files().iter().map(|file| file.path.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committed_file_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    append(&lake, 1, 0..3);
    commit(&lake, &flush(&lake, "a").await, 7);
    let telemetry = lake.table(TableName::Telemetry);
    let before = telemetry.files();
    assert_eq!(paths(telemetry), ["brand=fiat/date=2026-01-15/bucket=0/a.parquet"]);
    assert_eq!(before[0].rows, 30);
    assert_eq!(before[0].source_times, (DAY, DAY + Micros::from_secs(29)));
    drop(lake);
    let lake = open(directory.path());
    let telemetry = lake.table(TableName::Telemetry);
    assert_eq!(telemetry.files(), before);
    assert_eq!(telemetry.committed(SHARD).unwrap(), Some(7));
    assert_eq!(telemetry.committed(ShardId(1)).unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_repeated_adds_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    append(&lake, 1, 0..3);
    let flushed = flush(&lake, "a").await;
    commit(&lake, &flushed, 7);
    commit(&lake, &flushed, 7);
    drop(lake);
    assert_eq!(open(directory.path()).table(TableName::Telemetry).files().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_cut_gives_the_same_bytes() {
    let read = async || {
        let directory = tempfile::tempdir().unwrap();
        let lake = open(directory.path());
        append(&lake, 2, 0..4);
        append(&lake, 1, 0..4);
        let flushed = flush(&lake, "a").await;
        let path = directory.path().join("telemetry").join(&flushed[0].1[0].path);
        std::fs::read(path).unwrap()
    };
    assert!(read().await == read().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_added_as_signals_appear_and_checkpoints_keep_all() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    for round in 0..5_u64 {
        append(&lake, 1, round..round + 1);
        commit(&lake, &flush(&lake, &format!("f{round}")).await, round + 1);
    }
    let telemetry = lake.table(TableName::Telemetry);
    telemetry.checkpoint().unwrap();
    append(&lake, 1, 5..6);
    commit(&lake, &flush(&lake, "f5").await, 6);
    drop(lake);
    let lake = open(directory.path());
    let telemetry = lake.table(TableName::Telemetry);
    assert_eq!(telemetry.files().len(), 6);
    assert_eq!(telemetry.committed(SHARD).unwrap(), Some(6));
    let names: Vec<_> = telemetry.state().columns.iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, ["Vehicle_Gear", "Vehicle_Moving", "Vehicle_Speed", "Vehicle_State"]);
    let log = directory.path().join("telemetry/_delta_log");
    let checkpoints = std::fs::read_dir(log)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("checkpoint.parquet"));
    assert_eq!(checkpoints.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_makes_one_file_of_many_and_vacuum_deletes_the_old() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    for round in 0..8_u64 {
        append(&lake, 1, round..round + 1);
        append(&lake, 2, round * 2..round * 2 + 2);
        commit(&lake, &flush(&lake, &format!("f{round}")).await, round + 1);
    }
    let telemetry = lake.table(TableName::Telemetry);
    let old = paths(telemetry);
    let compactions = telemetry.compactions(DAY).unwrap();
    assert_eq!(compactions.len(), 1);
    let file = telemetry.compact(&compactions[0], DAY).await.unwrap();
    assert_eq!(file.rows, 8 * 10 + 16 * 10);
    assert_eq!(paths(telemetry), std::slice::from_ref(&file.path));
    assert!(telemetry.compactions(DAY).unwrap().is_empty());
    let (far, age) = (Timestamp(Micros::DAY.0 * 100_000), Micros::ZERO);
    let keep = HashSet::from([old[3].clone()]);
    assert_eq!(telemetry.vacuum(&keep, far, age).await.unwrap(), 7);
    assert_eq!(telemetry.vacuum(&HashSet::new(), far, age).await.unwrap(), 1);
    drop(lake);
    assert_eq!(paths(open(directory.path()).table(TableName::Telemetry)), [file.path]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_committed_files_are_compacted() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    for round in 0..9_u64 {
        append(&lake, 1, round..round + 1);
        let flushed = flush(&lake, &format!("f{round}")).await;
        if round < 7 {
            commit(&lake, &flushed, round + 1);
        }
    }
    assert!(lake.table(TableName::Telemetry).compactions(DAY).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_delta_log_goes_when_a_checkpoint_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    for round in 0..4_u64 {
        append(&lake, 1, round..round + 1);
        commit(&lake, &flush(&lake, &format!("f{round}")).await, round + 1);
        if round == 2 {
            lake.table(TableName::Telemetry).checkpoint().unwrap();
        }
    }
    let telemetry = lake.table(TableName::Telemetry);
    let files = telemetry.files();
    // Versions: created, columns added, three commits, of which the last has the checkpoint.
    assert_eq!(telemetry.vacuum(&HashSet::new(), DAY, Micros::ZERO).await.unwrap(), 0);
    let far = Timestamp(Micros::DAY.0 * 100_000);
    assert_eq!(telemetry.vacuum(&HashSet::new(), far, Micros::ZERO).await.unwrap(), 4);
    drop(lake);
    let lake = open(directory.path());
    assert_eq!(lake.table(TableName::Telemetry).files(), files);
    assert_eq!(lake.table(TableName::Telemetry).committed(SHARD).unwrap(), Some(4));
}
