use campaigns::{Column, ColumnData, RowGroup};
use model::Micros;

use super::*;
use crate::{
    HistoryQuery, Reduce,
    tests::{DAY, append, batch, catalogue, flush, open, rows, subject},
};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_waits_to_be_recorded_outlives_any_vacuum() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    append(&lake, 1, 0..3);
    let telemetry = lake.table(TableName::Telemetry);
    let cut = telemetry.cut();
    let files = telemetry.write(&cut, "a", DAY).await.unwrap();
    // A database that is away for long.
    let far = Timestamp(Micros::DAY.0 * 100_000);
    assert_eq!(telemetry.vacuum(&HashSet::new(), far, Micros::ZERO).await.unwrap(), 0);
    telemetry.replace_cut(&cut, files.clone());
    telemetry.commit(&files, &[(SHARD, 1)]).unwrap();
    assert_eq!(telemetry.vacuum(&HashSet::new(), far, Micros::ZERO).await.unwrap(), 0);
    assert!(directory.path().join("telemetry").join(&files[0].path).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_comes_also_when_no_life_makes_many_commits() {
    let directory = tempfile::tempdir().unwrap();
    let options = LakeOptions { checkpoint_commits: 6, ..LakeOptions::default() };
    for life in 0..4_u64 {
        let lake = Lake::open(directory.path(), &options).unwrap();
        append(&lake, 1, life * 2..life * 2 + 2);
        commit(&lake, &flush(&lake, &format!("f{life}")).await, life * 2 + 1);
        append(&lake, 1, life * 2..life * 2 + 2);
        commit(&lake, &flush(&lake, &format!("g{life}")).await, life * 2 + 2);
    }
    let log = std::fs::read_dir(directory.path().join("telemetry/_delta_log")).unwrap();
    let checkpoints = log
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("checkpoint.parquet"));
    assert_eq!(checkpoints.count(), 1);
}

fn file(brand: Brand, day: i32, name: &str, bytes: u64) -> DataFile {
    let place = Place { brand, day, bucket: 0 };
    let path = format!("{}/{name}.parquet", file::folder(place));
    let times = (DAY, DAY);
    DataFile { path, place, bytes, rows: 1, source_times: times, receive_times: times, modified: DAY }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gains_most_is_compacted_first_and_what_gains_little_waits() {
    const MIB: u64 = 1 << 20;
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    let telemetry = lake.table(TableName::Telemetry);
    let mut files = vec![
        file(Brand::Abarth, 20_000, "a", MIB),
        file(Brand::Abarth, 20_000, "b", MIB),
        // A latecomer is not worth writing a large file again.
        file(Brand::Citroen, 20_000, "a", 20 * MIB),
        file(Brand::Citroen, 20_000, "late", 1_000),
    ];
    files.extend((0..5).map(|n| file(Brand::Vauxhall, 20_000, &format!("{n}"), MIB)));
    telemetry.commit(&files, &[(SHARD, 1)]).unwrap();
    let found: Vec<_> = telemetry.compactions(DAY).unwrap();
    let found: Vec<_> = found.iter().map(|found| (found.brand(), found.files())).collect();
    assert_eq!(found, [(Brand::Vauxhall, 5), (Brand::Abarth, 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_a_batch_with_one_time_are_one_row() {
    let directory = tempfile::tempdir().unwrap();
    let lake = open(directory.path());
    let whole = rows(1, 0);
    let parts = |columns: std::ops::Range<usize>, at: std::ops::Range<usize>| {
        let columns = whole.columns[columns].iter().map(|column| {
            let data = match &column.data {
                ColumnData::Fixed(values) => ColumnData::Fixed(values[at.clone()].to_vec()),
                ColumnData::Bool(values) => ColumnData::Bool(values[at.clone()].to_vec()),
                ColumnData::Text(_) | ColumnData::Array(_) => panic!("not among the first columns"),
            };
            Column { signal: column.signal, data, exceptions: Vec::new() }
        });
        RowGroup { times: whole.times[at.clone()].to_vec(), columns: columns.collect() }
    };
    // Speed of ten seconds, gear of the last six, whether it moves of the first four, and speed again.
    let groups = [parts(0..1, 0..10), parts(1..2, 4..10), parts(2..3, 0..4), parts(0..1, 9..10)];
    let telemetry = lake.table(TableName::Telemetry);
    for (seq, groups) in [(0, &groups[..]), (1, &groups[..1])] {
        for group in groups {
            let batch = batch(seq, DAY);
            let chunks = Chunk::split(subject(1), Brand::Fiat, 1, batch, group.clone(), &catalogue());
            chunks.for_each(|(_, chunk)| drop(telemetry.append(chunk)));
        }
    }
    let paths = ["Vehicle.Speed", "Vehicle.Gear", "Vehicle.Moving"];
    let query = HistoryQuery {
        brand: Brand::Fiat,
        subject: subject(1),
        signals: paths.iter().map(|path| Arc::clone(catalogue().by_path(path).unwrap())).collect(),
        from: DAY,
        to: DAY + Micros::DAY,
        reduce: Reduce::Raw,
        rows_max: 100,
        after: None,
    };
    let before = lake.history(&query).await.unwrap();
    let files = flush(&lake, "a").await;
    // One signal twice at one time needs two rows, and so does the same time of another batch.
    assert_eq!(files[0].1[0].rows, 10 + 1 + 10);
    assert_eq!(lake.history(&query).await.unwrap().rows, before.rows);
    assert_eq!(before.rows.len(), 10);
}
