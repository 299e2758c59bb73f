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
use signals::{Catalogue, Quality, Value};
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
    let meta = BatchMeta {
        epoch: QueueEpoch(1),
        seq: Seq(seq),
        lane: Lane::Bulk,
        campaign: CampaignId(1),
        version: CampaignVersion(1),
        purpose: Purpose::FleetManagement,
        consent_epoch: ConsentEpoch(0),
        clock: ClockState::Synced,
        dropped: Vec::new(),
    };
    let group = RowGroup { times: seconds.iter().map(|second| time(*second)).collect(), columns };
    wire::encode_batch(&meta, &[group], &core).unwrap()
}

/// Appends one group with a batch of every car, and waits until it is durable.
async fn submit(log: &dyn DurableLog, seq: u64) {
    let mut builder = GroupBuilder::new(SHARD);
    for car in 0..CARS {
        let received = time(i64::try_from(seq + 1).unwrap() * ROWS);
        assert!(builder.push(subject(car), Brand::Fiat, received, Lane::Bulk, &batch(car, seq)));
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
}

impl Disk {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
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
        let lake = Arc::new(self.lake(faults)?);
        let parts = OwnerParts {
            log: Arc::clone(log),
            lake,
            ledger: Arc::new(FaultyLedger { inner: self.sql().await, faults: faults.clone() }),
            catalogues: Catalogues::shipped_only(),
            clock: Clock::from_fn(|| time(1_000_000)),
            notices: mpsc::channel(8).0,
        };
        Owner::start(parts, OwnerOptions::default()).await
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
    let mut crashes = 0;
    for step in 0.. {
        let mut crashed = false;
        for done in [false, true] {
            let disk = Disk::new();
            let faults = Faults::at(step, done);
            let log = disk.log();
            crashed |= live_until_crash(&disk, &log, &faults).await;
            faults.kill();
            check_recovery(&disk, log, &format!("step {step}, done {done}")).await;
        }
        crashes += u32::from(crashed);
        if !crashed {
            break;
        }
    }
    assert!(crashes > 30, "only {crashes} steps");
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
    let owner = disk.owner(&log, &Faults::never()).await.unwrap();
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
