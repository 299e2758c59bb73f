//! Batches through log and owner into compacted tables, in virtual time.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use anyhow::{Context as _, ensure};
use campaigns::ReadyBatch;
use cloud::{
    catalogues::Catalogues,
    clock::Clock,
    owner::{Owner, OwnerOptions, OwnerParts, WholeCatalogue},
};
use lake::{
    Lake, LakeOptions, Table,
    log::{DurableLog, EmbeddedLog, GroupBuilder, LogOptions},
};
use model::{Brand, Lane, Micros, ShardId, SubjectId, Timestamp};
use signals::Catalogue;
use store::Store;
use tokio::sync::mpsc;

/// Flushes of a run, so that there is something to compact.
const FLUSHES: usize = 5;

/// Bytes of a group: what a gateway collects in some milliseconds of a busy shard.
const GROUP_BYTES: usize = 256 * 1024;

/// What one car sends.
#[derive(Debug)]
pub(super) struct Car {
    subject: SubjectId,
    brand: Brand,
    /// In their order: when each is received, its lane and its bytes.
    pub(super) batches: Vec<(Timestamp, Lane, Vec<u8>)>,
    samples: u64,
}

impl Car {
    pub(super) fn new(seed: u64) -> Self {
        let brand = Brand::ALL[usize::try_from(seed % 14).unwrap_or_default()];
        // Subjects are random bits; two odd multipliers spread them well enough.
        let spread = u128::from(seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        Self { subject: SubjectId::from_bytes(spread.to_be_bytes()), brand, batches: Vec::new(), samples: 0 }
    }

    pub(super) fn add(&mut self, batch: &ReadyBatch, payload: Vec<u8>) {
        let last = batch.groups.iter().filter_map(|group| group.times.last()).max();
        // What it takes from the car to the gateway; it differs from car to car.
        let delay = Micros(50_000 + i64::from(self.subject.as_bytes()[15]) * 1_000);
        let received = last.map_or(Timestamp(0), |last| *last + delay);
        self.samples += batch.samples() as u64;
        self.batches.push((received, batch.lane, payload));
    }
}

/// What a set takes.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) samples: u64,
    pub(super) rows: u64,
    pub(super) wire_bytes: u64,
    /// Data files as the flushes wrote them.
    pub(super) flushed_bytes: u64,
    /// Data files after compaction.
    pub(super) bytes: u64,
    pub(super) files: usize,
    /// The tables' folders.
    pub(super) tables: Vec<PathBuf>,
}

/// Stores what cars send, which is at most so many batches each.
pub(super) async fn store(place: &Path, cars: Vec<Car>, batches: usize) -> anyhow::Result<Stored> {
    let log: Arc<dyn DurableLog> =
        Arc::new(EmbeddedLog::open(&place.join("log"), LogOptions::default()).context("open the log")?);
    let lake = Arc::new(Lake::open(&place.join("lake"), &LakeOptions::default()).context("open the lake")?);
    let now = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&now);
    let parts = OwnerParts {
        log: Arc::clone(&log),
        lake: Arc::clone(&lake),
        ledger: Arc::new(Store::sqlite(&place.join("store.sqlite")).await.context("open the database")?),
        catalogues: Catalogues::shipped_only(),
        collects: Arc::new(WholeCatalogue::new(&Catalogue::core())),
        clock: Clock::from_fn(move || Timestamp(clock.load(Ordering::Relaxed))),
        notices: mpsc::channel(1).0,
    };
    let options =
        OwnerOptions { flush_bytes: usize::MAX, buffer_bytes_max: usize::MAX, ..OwnerOptions::default() };
    let owner = Owner::start(parts, options).await.context("start the owner")?;
    let mut wire_bytes = 0;
    for index in 0..batches {
        let mut builder = GroupBuilder::new(ShardId(0));
        for car in &cars {
            let Some((received, lane, payload)) = car.batches.get(index) else { continue };
            now.fetch_max(received.0, Ordering::Relaxed);
            wire_bytes += payload.len() as u64;
            ensure!(builder.push(car.subject, car.brand, *received, *lane, payload), "a group was too full");
            if builder.bytes() > GROUP_BYTES {
                submit(&*log, &mut builder).await?;
            }
        }
        submit(&*log, &mut builder).await?;
        if (index + 1).is_multiple_of(batches.div_ceil(FLUSHES)) {
            owner.flush().await.context("flush")?;
        }
    }
    owner.flush().await.context("flush")?;
    let counts = owner.twins().counts();
    owner.stop().await;
    let sent: u64 = cars.iter().map(|car| car.samples).sum();
    ensure!(counts.samples == sent, "{sent} samples were sent, {} are stored", counts.samples);
    let (_, flushed_bytes, _) = size(&lake);
    // A day later each partition is done with.
    let later = Timestamp(now.load(Ordering::Relaxed)) + Micros(2 * Micros::DAY.0);
    for table in lake.tables() {
        compact(table, later).await?;
    }
    let (rows, bytes, files) = size(&lake);
    let tables = lake.tables().map(|table| place.join("lake").join(table.name().slug())).collect();
    Ok(Stored { samples: sent, rows, wire_bytes, flushed_bytes, bytes, files, tables })
}

async fn submit(log: &dyn DurableLog, builder: &mut GroupBuilder) -> anyhow::Result<()> {
    let Some(group) = builder.take() else { return Ok(()) };
    let (send, mut answer) = mpsc::channel(1);
    let done = Box::new(move |result| {
        // This function waits for it below.
        send.try_send(result).ok();
    });
    log.submit(group, done).map_err(|refused| refused.reason).context("append to the log")?;
    answer.recv().await.context("append to the log")?.context("append to the log")?;
    Ok(())
}

async fn compact(table: &Arc<Table>, now: Timestamp) -> anyhow::Result<()> {
    loop {
        let found = Arc::clone(table);
        let compactions = tokio::task::spawn_blocking(move || found.compactions(now)).await??;
        if compactions.is_empty() {
            return Ok(());
        }
        for compaction in compactions {
            table.compact(&compaction, now).await.context("compact")?;
        }
    }
}

/// Rows, bytes and files of all tables.
fn size(lake: &Lake) -> (u64, u64, usize) {
    let files: Vec<_> = lake.tables().flat_map(|table| table.files()).collect();
    (files.iter().map(|file| file.rows).sum(), files.iter().map(|file| file.bytes).sum(), files.len())
}
