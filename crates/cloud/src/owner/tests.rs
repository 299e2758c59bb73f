//! The owner from log to Delta, and its crashes.

mod faults;

use std::path::Path as FsPath;

use campaigns::{Column, ColumnData, Exception, RowGroup};
use lake::{
    LakeOptions, TableName,
    log::{EmbeddedLog, GroupBuilder, LogOptions},
};
use model::{Brand, CampaignId, CampaignVersion, ConsentEpoch, Lane, Purpose, QueueEpoch, Seq, Timestamp};
use object_store::{ObjectStore, local::LocalFileSystem, path::Path};
use signals::{Catalogue, CatalogueBuilder, Leaf, Quality, Value};
use store::Store;
use wire::{BatchMeta, ClockState};

use super::*;
use faults::{Faults, FaultyLedger, FaultyStore};

const SPEED: &str = "Vehicle.Speed";
const LATITUDE: &str = "Vehicle.CurrentLocation.Latitude";
const SHARD: ShardId = ShardId(0);
const CARS: u8 = 3;
/// Rows of a batch, one a second.
const ROWS: i64 = 5;

/// 2026-01-15T00:00:00Z.
const START: Timestamp = Timestamp(20_468 * Micros::DAY.0);

fn subject(car: u8) -> SubjectId {
    SubjectId::from_bytes([car + 1; 16])
}

fn time(second: i64) -> Timestamp {
    START + Micros::from_secs(second)
}

/// A batch whose content follows from car and number.
fn batch(car: u8, seq: u64) -> Vec<u8> {
    let core = Catalogue::core();
    let first = i64::try_from(seq).unwrap() * ROWS;
    let seconds: Vec<i64> = (first..first + ROWS).collect();
    let column = |path: &str, value: &dyn Fn(i64) -> f64| {
        let leaf = core.by_path(path).unwrap();
        let values = seconds.iter().map(|second| leaf.scale.mantissa(value(*second)).unwrap()).collect();
        Column { signal: leaf.id, data: ColumnData::Fixed(values), exceptions: Vec::new() }
    };
    let mut columns = vec![
        column(SPEED, &|second| f64::from(car) + second as f64),
        column(LATITUDE, &|second| 48.0 + second as f64 / 1_000.0),
    ];
    columns[0].exceptions = vec![Exception { row: 1, quality: Quality::NotAvailable, raw: None }];
    columns.sort_by_key(|column| column.signal);
    let group = RowGroup { times: seconds.iter().map(|second| time(*second)).collect(), columns };
    wire::encode_batch(&meta(seq), &[group], &core).unwrap()
}

fn meta(seq: u64) -> BatchMeta {
    BatchMeta {
        epoch: QueueEpoch(1),
        seq: Seq(seq),
        lane: Lane::Bulk,
        campaign: CampaignId(1),
        version: CampaignVersion(1),
        purpose: Purpose::FleetManagement,
        consent_epoch: ConsentEpoch(0),
        clock: ClockState::Synced,
        dropped: Vec::new(),
    }
}

/// A batch of as many rows as there may be: a constant at a fixed rate takes no more bytes for it.
fn dense_batch(seq: u64) -> Vec<u8> {
    let core = Catalogue::core();
    let rows = i64::from(model::limits::BATCH_SAMPLES_MAX);
    let first = i64::try_from(seq).unwrap() * rows;
    let times = (first..first + rows).map(|row| START + Micros(row)).collect();
    let data = ColumnData::Fixed(vec![7; usize::try_from(rows).unwrap()]);
    let columns = vec![Column { signal: core.by_path(SPEED).unwrap().id, data, exceptions: Vec::new() }];
    wire::encode_batch(&meta(seq), &[RowGroup { times, columns }], &core).unwrap()
}

/// Appends one group with a batch of every car, and waits until it is durable.
async fn submit(log: &dyn DurableLog, seq: u64) {
    let batches: Vec<_> = (0..CARS).map(|car| (car, batch(car, seq))).collect();
    submit_all(log, time(i64::try_from(seq + 1).unwrap() * ROWS), &batches).await;
}

async fn submit_all(log: &dyn DurableLog, received: Timestamp, batches: &[(u8, Vec<u8>)]) {
    let mut builder = GroupBuilder::new(SHARD);
    for (car, batch) in batches {
        assert!(builder.push(subject(*car), Brand::Fiat, received, Lane::Bulk, batch));
    }
    let (send, answer) = oneshot::channel();
    let done = Box::new(|result| {
        send.send(result).unwrap();
    });
    log.submit(builder.take().unwrap(), done).unwrap();
    answer.await.unwrap().unwrap();
}

/// What outlives a crash: a folder with log, SQL and tables.
struct Disk {
    directory: tempfile::TempDir,
    options: OwnerOptions,
}

impl Disk {
    fn new() -> Self {
        Self::with(OwnerOptions::default())
    }

    fn with(options: OwnerOptions) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), options }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn log(&self) -> Arc<dyn DurableLog> {
        let options = LogOptions { segment_bytes: 4 << 10, ..LogOptions::default() };
        Arc::new(EmbeddedLog::open(&self.path("log"), options).unwrap())
    }

    fn lake(&self, faults: &Faults) -> Result<Lake, lake::Error> {
        let root = self.path("lake");
        for table in TableName::ALL {
            std::fs::create_dir_all(root.join(table.slug())).unwrap();
        }
        let inner: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
        let store = Arc::new(FaultyStore { inner, faults: faults.clone() });
        let options = LakeOptions { compact_files_min: 2, checkpoint_commits: 5, ..LakeOptions::default() };
        Lake::on(store, &Path::from_absolute_path(root).unwrap(), "file:///", &options)
    }

    async fn sql(&self) -> Store {
        Store::sqlite(&self.path("marque.db")).await.unwrap()
    }

    async fn owner(&self, log: &Arc<dyn DurableLog>, faults: &Faults) -> Result<Owner, OwnerError> {
        self.owner_with(log, faults, self.options.clone()).await
    }

    async fn owner_with(
        &self,
        log: &Arc<dyn DurableLog>,
        faults: &Faults,
        options: OwnerOptions,
    ) -> Result<Owner, OwnerError> {
        let lake = Arc::new(self.lake(faults)?);
        let parts = OwnerParts {
            log: Arc::clone(log),
            lake,
            ledger: Arc::new(FaultyLedger { inner: self.sql().await, faults: faults.clone() }),
            catalogues: Catalogues::shipped_only(),
            collects: Arc::new(WholeCatalogue::new(&Catalogue::core())),
            // Files on the disk are old by it.
            clock: Clock::from_fn(|| START + Micros(3_650 * Micros::DAY.0)),
            notices: mpsc::channel(8).0,
        };
        Owner::start(parts, options).await
    }
}

/// What an independent look at the table finds of it.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    rows: u64,
    speeds: usize,
}

/// Opens the tables anew and reads them to the last row.
async fn read(disk: &Disk) -> Found {
    let lake = disk.lake(&Faults::never()).unwrap();
    let core = Catalogue::core();
    let mut speeds = 0;
    for car in 0..CARS {
        let query = HistoryQuery {
            brand: Brand::Fiat,
            subject: subject(car),
            signals: vec![Arc::clone(core.by_path(SPEED).unwrap())],
            from: START,
            to: START + Micros::DAY,
            reduce: Reduce::Raw,
            rows_max: 1_000_000,
            after: None,
        };
        let page = lake.history(&query).await.unwrap();
        for row in &page.rows {
            let second = row.time.since(START).0 / 1_000_000;
            assert_eq!(row.values[0], Some(Value::Float(f64::from(car) + second as f64)));
        }
        speeds += page.rows.len();
    }
    let rows = lake.tables().flat_map(|table| table.files()).map(|file| file.rows).sum();
    Found { rows, speeds }
}

/// What must be found when so many groups were acknowledged: the rows of both tables, and the
/// speeds but those that were not available.
fn expected(groups: u64) -> Found {
    let batches = groups * u64::from(CARS);
    Found { rows: batches * 2 * 5, speeds: usize::try_from(batches * 4).unwrap() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_in_the_twin_and_then_in_delta() {
    let disk = Disk::new();
    let log = disk.log();
    let owner = disk.owner(&log, &Faults::never()).await.unwrap();
    let mut changes = owner.twins().subscribe();
    submit(&*log, 0).await;
    submit(&*log, 0).await;
    submit(&*log, 1).await;
    owner.caught_up().await.unwrap();
    assert_eq!(changes.recv().await.unwrap().cars.len(), usize::from(CARS));
    let speed = Catalogue::core().by_path(SPEED).unwrap().id;
    let latest = owner.twins().with(subject(2), |twin| twin.get(speed).cloned()).flatten().unwrap();
    assert_eq!(latest.value, Some(Value::Float(11.0)));
    assert_eq!(owner.twins().counts().duplicate_batches, u64::from(CARS));
    assert_eq!(owner.status().buffered_samples, u64::from(CARS) * 2 * 2 * 5);
    owner.flush().await.unwrap();
    assert_eq!(owner.status().committed, Offset(3));
    assert_eq!(owner.status().buffered_samples, 0);
    assert_eq!(read(&disk).await, expected(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_the_last_life_was() {
    let disk = Disk::new();
    let faults = Faults::never();
    for life in 0..4 {
        let log = disk.log();
        let owner = disk.owner(&log, &faults).await.unwrap();
        owner.caught_up().await.unwrap();
        assert_eq!(owner.twins().counts().batches, life * 2 * u64::from(CARS), "life {life}");
        submit(&*log, life * 2).await;
        owner.flush().await.unwrap();
        // In the buffer only when the owner goes.
        submit(&*log, life * 2 + 1).await;
        owner.caught_up().await.unwrap();
        assert_eq!(owner.twins().counts().missing_batches, 0);
        owner.stop().await;
    }
    let log = disk.log();
    let owner = disk.owner(&log, &faults).await.unwrap();
    owner.flush().await.unwrap();
    assert_eq!(read(&disk).await, expected(8));
    assert_eq!(owner.twins().counts().duplicate_batches, 0);
}

/// The heart of it: at every step that touches disk or SQL the owner dies, before or after the step
/// took place; then another one goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_step_loses_nothing_and_doubles_nothing() {
    // Vacuum deletes at each commit all that it may.
    let options = OwnerOptions { vacuum_commits: 1, vacuum_age: Micros::ZERO, ..OwnerOptions::default() };
    check_crashes(&options, 1).await;
}

/// The same where every batch fills the buffer, so that a record's rows are in several files.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_within_a_large_record_loses_nothing_and_doubles_nothing() {
    check_crashes(&OwnerOptions { buffer_bytes_max: 1, ..OwnerOptions::default() }, 5).await;
}

/// Crashes at every `stride`-th step.
async fn check_crashes(options: &OwnerOptions, stride: usize) {
    let mut crashes = 0;
    for step in (0..).step_by(stride) {
        let mut crashed = false;
        for done in [false, true] {
            let disk = Disk::with(options.clone());
            let faults = Faults::at(step, done);
            let log = disk.log();
            crashed |= live_until_crash(&disk, &log, &faults).await;
            faults.kill();
            check_recovery(&disk, log, &format!("step {step}, done {done}")).await;
        }
        crashes += usize::from(crashed);
        if !crashed {
            break;
        }
    }
    assert!(crashes * stride > 30, "only {} steps", crashes * stride);
}

/// Three flushes, the later ones with compaction, as far as they get. Whether the crash came.
async fn live_until_crash(disk: &Disk, log: &Arc<dyn DurableLog>, faults: &Faults) -> bool {
    let Ok(owner) = disk.owner(log, faults).await else { return true };
    let life = async {
        for seq in 0..6 {
            submit(&**log, seq).await;
            if seq % 2 == 1 {
                owner.flush().await?;
            }
        }
        Ok::<_, OwnerError>(())
    };
    let crashed = tokio::select! {
        biased;
        () = faults.crashed() => true,
        ended = life => ended.is_err(),
    };
    owner.stop().await;
    crashed
}

async fn check_recovery(disk: &Disk, log: Arc<dyn DurableLog>, at: &str) {
    drop(log);
    let log = disk.log();
    // What is read below must not be compacted and deleted meanwhile.
    let options = OwnerOptions { vacuum_commits: u32::MAX, ..disk.options.clone() };
    let owner = disk.owner_with(&log, &Faults::never(), options).await.unwrap();
    owner.caught_up().await.unwrap();
    // The car sends again what it has no answer for, and then the next.
    let acknowledged = owner.twins().counts().batches / u64::from(CARS);
    for seq in acknowledged.saturating_sub(1)..8 {
        submit(&*log, seq).await;
    }
    owner.flush().await.unwrap();
    assert_eq!(owner.twins().counts().missing_batches, 0, "{at}");
    assert_eq!(read(disk).await, expected(8), "{at}");
    let sql = disk.sql().await;
    for table in TableName::ALL {
        assert_eq!(sql.pending(table).await.unwrap(), [], "{at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_costs_nothing_but_reading_more() {
    let disk = Disk::new();
    let log = disk.log();
    let owner = disk.owner(&log, &Faults::never()).await.unwrap();
    for seq in 0..4 {
        submit(&*log, seq).await;
        owner.flush().await.unwrap();
    }
    owner.stop().await;
    drop(log);
    let snapshots = disk.path("lake/owners");
    let newest = newest_file(&snapshots);
    let mut bytes = std::fs::read(&newest).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    check_recovery(&disk, disk.log(), "a damaged snapshot").await;
}

fn newest_file(folder: &FsPath) -> std::path::PathBuf {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).max().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_the_tables_is_refused() {
    let disk = Disk::new();
    let log = disk.log();
    let owner = disk.owner(&log, &Faults::never()).await.unwrap();
    submit(&*log, 0).await;
    owner.flush().await.unwrap();
    owner.stop().await;
    drop(log);
    std::fs::remove_dir_all(disk.path("log")).unwrap();
    let refused = disk.owner(&disk.log(), &Faults::never()).await;
    assert!(matches!(refused, Err(OwnerError::OtherLog { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_trimmed_when_its_rows_are_safe() {
    let disk = Disk::new();
    let log = disk.log();
    let owner = disk.owner(&log, &Faults::never()).await.unwrap();
    for seq in 0..40 {
        submit(&*log, seq).await;
        if seq % 10 == 9 {
            owner.flush().await.unwrap();
        }
    }
    // The commit after a trim comes after it.
    submit(&*log, 40).await;
    owner.flush().await.unwrap();
    assert!(log.start(SHARD) > Offset(0));
    assert!(log.start(SHARD) <= Offset(40), "kept from the snapshot before the newest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_bytes_of_the_log_that_are_many_rows_do_not_fill_the_memory() {
    const BATCHES: u64 = 12;
    // Room for two batches, with their times.
    let disk = Disk::with(OwnerOptions { buffer_bytes_max: 7 << 20, ..OwnerOptions::default() });
    let log = disk.log();
    let owner = disk.owner(&log, &Faults::never()).await.unwrap();
    let batches: Vec<_> = (0..BATCHES).map(|seq| (0, dense_batch(seq))).collect();
    assert!(batches.iter().all(|(_, batch)| batch.len() < 150), "{}", batches[0].1.len());
    submit_all(&*log, time(10), &batches).await;
    owner.flush().await.unwrap();
    let lake = disk.lake(&Faults::never()).unwrap();
    let rows: u64 = lake.table(TableName::Telemetry).files().iter().map(|file| file.rows).sum();
    assert_eq!(rows, BATCHES * u64::from(model::limits::BATCH_SAMPLES_MAX));
    let sql = disk.sql().await;
    let files = sql.lake_files(TableName::Telemetry.slug(), store::LakeFileState::Committed).await.unwrap();
    let most = files.iter().map(|file| file.rows).max().unwrap();
    assert!(most <= 3 * u64::from(model::limits::BATCH_SAMPLES_MAX), "{most} rows were in memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_of_a_batch_and_no_time_stops_the_owner() {
    let disk = Disk::new();
    let log = disk.log();
    let owner = disk.owner(&log, &Faults::never()).await.unwrap();
    let endless = wire::SeqRange { first: Seq(0), last: Seq(model::limits::SEQ_MAX) };
    let core = Catalogue::core();
    let far = |time: Timestamp, meta: &BatchMeta| {
        let data = ColumnData::Fixed(vec![7]);
        let columns = vec![Column { signal: core.by_path(SPEED).unwrap().id, data, exceptions: Vec::new() }];
        wire::encode_batch(meta, &[RowGroup { times: vec![time], columns }], &core).unwrap()
    };
    let first = far(model::limits::SOURCE_TIME_MIN, &meta(0));
    let last = BatchMeta { dropped: vec![endless], ..meta(model::limits::SEQ_MAX) };
    let last = far(model::limits::SOURCE_TIME_MAX, &last);
    submit_all(&*log, time(10), &[(0, first), (0, last), (1, batch(1, 0))]).await;
    owner.flush().await.unwrap();
    owner.stop().await;
    let owner = disk.owner(&log, &Faults::never()).await.unwrap();
    owner.caught_up().await.unwrap();
    let counts = owner.twins().counts();
    assert_eq!((counts.batches, counts.missing_batches), (3, 0));
    assert_eq!(counts.dropped_batches, model::limits::SEQ_MAX - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_an_unknown_catalogue_stops_the_owner_and_stays_in_the_log() {
    let disk = Disk::new();
    let log = disk.log();
    let owner = disk.owner(&log, &Faults::never()).await.unwrap();
    submit(&*log, 0).await;
    owner.flush().await.unwrap();
    let mut other = CatalogueBuilder::default();
    let speed = Catalogue::core().by_path(SPEED).cloned().unwrap();
    let id = speed.id;
    other.add(Leaf { path: "Vehicle.Other".into(), ..Leaf::clone(&speed) });
    let columns = vec![Column { signal: id, data: ColumnData::Fixed(vec![7]), exceptions: Vec::new() }];
    let group = RowGroup { times: vec![time(9)], columns };
    let batch = wire::encode_batch(&meta(1), &[group], &other.build().unwrap()).unwrap();
    submit_all(&*log, time(10), &[(0, batch)]).await;
    assert!(matches!(owner.caught_up().await, Err(OwnerError::Stopped)));
    assert_eq!(owner.status().applied, Offset(1));
    drop(owner);
    let again = disk.owner(&log, &Faults::never()).await.unwrap();
    assert!(matches!(again.caught_up().await, Err(OwnerError::Stopped)));
}
